#include "x509/chain.h"

#include <string.h>

#include "algorithm.h"
#include "x509/openssl.h"

enum { MAX_CHAIN = 4 };

static int under_key(const struct tg_cert *cert, EVP_PKEY *pkey, struct tg_err *err)
{
    const struct tg_cert_parts *p = tg_cert_parts(cert);
    /* RFC 5280 §4.1.1.2: the signed and the unsigned statement of the algorithm are the same. */
    if (!tg_der_is(&p->inner_algorithm, p->algorithm.content, p->algorithm.len))
        return TG_FAIL(err, TG_E_SIGNATURE, "certificate: it names two signature algorithms");
    return tg_algorithm_verify(pkey, &p->algorithm, &p->tbs, &p->signature, err);
}

int tg_cert_signed_by_spki(const struct tg_cert *cert, const uint8_t *spki, size_t len,
                           struct tg_err *err)
{
    TG_AUTO(evp_pkey) EVP_PKEY *pkey = tg_spki_evp(spki, len, err);
    if (!pkey) return TG_E_UNSUPPORTED;
    return under_key(cert, pkey, err);
}

int tg_cert_signed_by(const struct tg_cert *cert, const struct tg_cert *issuer, struct tg_err *err)
{
    const struct tg_cert_facts *c = tg_cert_facts(cert), *i = tg_cert_facts(issuer);
    if (c->issuer_len != i->subject_len ||
        memcmp(c->issuer_der, i->subject_der, i->subject_len) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED, "certificate: its issuer is '%.80s', not '%.80s'",
                       c->issuer, i->subject);
    if (!i->is_ca)
        return TG_FAIL(err, TG_E_UNTRUSTED, "issuer '%.80s' is no CA certificate", i->subject);
    if (i->key_usage && !(i->key_usage & TG_KU_KEY_CERT_SIGN))
        return TG_FAIL(err, TG_E_UNTRUSTED, "issuer '%.80s' may not sign certificates", i->subject);
    EVP_PKEY *pkey = tg_cert_pkey(issuer, err);
    if (!pkey) return TG_E_UNSUPPORTED;
    return under_key(cert, pkey, err);
}

static int valid_at(const struct tg_cert *cert, int64_t at, struct tg_err *err)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    if (!facts->times_ok)
        return TG_FAIL(err, TG_E_UNTRUSTED, "certificate '%.80s': its validity is unreadable",
                       facts->subject);
    if (at < facts->not_before)
        return TG_FAIL(err, TG_E_EARLY, "certificate '%.80s' is not valid yet", facts->subject);
    if (at > facts->not_after)
        return TG_FAIL(err, TG_E_EXPIRED, "certificate '%.80s' has expired", facts->subject);
    return 0;
}

/* The member that issued cert; the error is the best reason why none did. */
static int find_issuer(const struct tg_cert *cert, const struct tg_cert *const *chain, size_t n,
                       const struct tg_cert **ret, struct tg_err *err)
{
    struct tg_err why = {0};
    int rc = TG_FAIL(err, TG_E_UNTRUSTED, "certificate: its issuer '%.80s' is not in the chain",
                     tg_cert_facts(cert)->issuer);
    for (size_t i = 0; i < n; i++) {
        int one = tg_cert_signed_by(cert, chain[i], &why);
        if (one == 0) {
            *ret = chain[i];
            return 0;
        }
        if (one == TG_E_UNTRUSTED) continue; /* another name: no reason at all */
        rc = one;
        if (err) *err = why;
    }
    return rc;
}

int tg_cert_chain_check(const struct tg_cert *cert, const struct tg_cert *const *chain, size_t n,
                        const uint8_t anchor_spki_sha256[32], int64_t at, struct tg_err *err)
{
    if (n > MAX_CHAIN)
        return TG_FAIL(err, TG_E_LIMIT, "chain: more than %d certificates", MAX_CHAIN);
    TG_TRY(valid_at(cert, at, err));
    for (int below = 0; below < MAX_CHAIN; below++) {
        const struct tg_cert *issuer = NULL;
        TG_TRY(find_issuer(cert, chain, n, &issuer, err));
        const struct tg_cert_facts *facts = tg_cert_facts(issuer);
        TG_TRY(valid_at(issuer, at, err));
        if (facts->path_len >= 0 && facts->path_len < below)
            return TG_FAIL(err, TG_E_UNTRUSTED, "issuer '%.80s': its path length is exceeded",
                           facts->subject);
        if (memcmp(facts->spki_sha256, anchor_spki_sha256, 32) == 0) return 0;
        if (issuer == cert) break; /* self-signed, and not the anchor */
        cert = issuer;
    }
    return TG_FAIL(err, TG_E_UNTRUSTED, "chain: no certificate of it has the pinned public key");
}
