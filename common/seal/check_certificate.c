/* A2, S6: what a CA answered is what was approved. */
#include "base/bytes.h"
#include "seal/check.h"
#include "text.h"
#include "x509/chain.h"

static int find_issuer(const struct tg_issued *issued, const char *spki, const struct tg_cert **ret,
                       struct tg_err *err)
{
    for (size_t i = 0; i < issued->issuers_count; i++) {
        char found[TG_HEX256];
        tg_hex(tg_cert_facts(issued->issuers[i])->spki_sha256, TG_SHA256, found);
        if (strcmp(found, spki) != 0) continue;
        *ret = issued->issuers[i];
        return 0;
    }
    return TG_FAIL(err, TG_E_UNTRUSTED,
                   "A2: issuer: no certificate of the approved issuer came along");
}

static int check_issuer(const struct tg_knowledge *k, const struct tg_leaf *leaf,
                        const struct tg_issued *issued, struct tg_err *err)
{
    const struct tg_trust *trust = tg_trust_chain_current(k->chain);
    const struct tg_cert *issuer = NULL;
    if (!trust) return TG_FAIL(err, TG_E_NO_TRUST, "A2: no trust yet: tamga trust init");
    if (!tg_trust_has_issuer(trust, leaf->issuer))
        return TG_FAIL(err, TG_E_UNTRUSTED, "A2: issuer: not in trust version %u", trust->version);
    if (tg_trust_is_revoked(trust, leaf->issuer))
        return TG_FAIL(err, TG_E_REVOKED, "A2: issuer: revoked by trust version %u",
                       trust->version);
    TG_TRY(find_issuer(issued, leaf->issuer, &issuer, err));
    return seal_named(tg_cert_signed_by(issued->cert, issuer, err), "A2: issuer", err);
}

int tg_check_certificate(const struct tg_knowledge *k, const struct tg_leaf *leaf,
                         const struct tg_issued *issued, struct tg_err *err)
{
    const struct tg_cert_facts *facts = tg_cert_facts(issued->cert);
    char spki[TG_HEX256];
    TG_TRY(check_issuer(k, leaf, issued, err));
    if (facts->is_ca) return TG_FAIL(err, TG_E_MISMATCH, "A2: CA: the certificate is a CA's");
    tg_hex(facts->spki_sha256, TG_SHA256, spki);
    if (strcmp(spki, leaf->key) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "A2: key: not the approved one");
    if (!issued->old)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "A2: content: there is no old certificate to compare");
    return seal_named(tg_cert_content_is(issued->old, leaf->changes, leaf->changes_count,
                                         issued->cert, (int)leaf->days, k->now, err),
                      "A2: content", err);
}

static bool is_parent(const struct tg_cert_facts *child, const struct tg_cert_facts *parent)
{
    return child->issuer_len == parent->subject_len &&
           memcmp(child->issuer_der, parent->subject_der, child->issuer_len) == 0;
}

int tg_check_chain(const struct tg_issued *issued, struct tg_err *err)
{
    for (size_t i = 0; i < issued->issuers_count; i++) {
        const struct tg_cert *child = issued->issuers[i];
        for (size_t j = 0; j < issued->issuers_count; j++) {
            const struct tg_cert *parent = issued->issuers[j];
            if (!is_parent(tg_cert_facts(child), tg_cert_facts(parent))) continue;
            TG_TRY(seal_named(tg_cert_signed_by(child, parent, err), "A2: chain", err));
        }
    }
    return 0;
}
