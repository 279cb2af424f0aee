/* V1-V6: a statement and its signatures. */
#include "base/bytes.h"
#include "base/times.h"
#include "cms/cms.h"
#include "seal/check.h"
#include "text.h"

static int check_v2(const struct tg_knowledge *k, const struct tg_statement *st, struct tg_err *err)
{
    TG_TRY(tg_trust_chain_valid(k->chain, k->now, err));
    uint32_t current = tg_trust_chain_version(k->chain);
    if (strcmp(st->realm, tg_trust_chain_realm(k->chain)) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V2: realm: the statement is of another realm");
    if (st->trust > current)
        return TG_FAIL(err, TG_E_UNTRUSTED,
                       "V2: trust: the statement names version %u, known is %u", st->trust,
                       current);
    return 0;
}

static void fill_signer(const struct tg_cms_signer *from, struct tg_signer *ret)
{
    const struct tg_cert_facts *facts = tg_cert_facts(from->cert);
    (void)tg_copy(ret->spki, sizeof ret->spki, from->spki);
    tg_hex(facts->sha256, TG_SHA256, ret->sha256);
    (void)tg_copy(ret->iin, sizeof ret->iin, facts->iin);
    (void)snprintf(ret->cn, sizeof ret->cn, "%s", facts->cn);
}

static int check_v3(const struct tg_signed *s, struct tg_checked *ret, struct tg_err *err)
{
    for (size_t i = 0; i < s->cms_count; i++) {
        struct tg_cms_signer signer = {0};
        int rc = tg_cms_verify(s->cms[i].data, s->cms[i].len, s->text.data, s->text.len, TG_CMS_PIN,
                               &signer, err);
        TG_TRY(seal_named(rc, "V3", err));
        fill_signer(&signer, &ret->signers[i]);
        tg_cms_signer_done(&signer);
    }
    ret->signers_count = s->cms_count;
    return 0;
}

static int check_v4(const struct tg_knowledge *k, const struct tg_checked *c, struct tg_err *err)
{
    const struct tg_trust *trust = tg_trust_chain_current(k->chain);
    for (size_t i = 0; i < c->signers_count; i++) {
        const char *spki = c->signers[i].spki;
        const struct tg_trust_approver *approver = tg_trust_approver(trust, spki);
        if (!approver)
            return TG_FAIL(err, TG_E_UNTRUSTED, "V4: %.16s... is no approver of trust version %u",
                           spki, trust->version);
        if (approver->role != c->statement.role)
            return TG_FAIL(err, TG_E_UNTRUSTED, "V4: %.16s... is %s, the statement says %s", spki,
                           tg_approver_role_word(approver->role),
                           tg_approver_role_word(c->statement.role));
        if (k->now > approver->until) {
            char until[TG_TIME];
            tg_time_print(approver->until, until);
            return TG_FAIL(err, TG_E_EXPIRED, "V4: approver %.16s...: the pin ran out at %s", spki,
                           until);
        }
    }
    return 0;
}

static int check_revoked(const struct tg_knowledge *k, const struct tg_checked *c,
                         struct tg_err *err)
{
    const struct tg_trust *trust = tg_trust_chain_current(k->chain);
    if (tg_trust_is_revoked(trust, c->sha256))
        return TG_FAIL(err, TG_E_REVOKED, "V5: the statement is revoked by trust version %u",
                       trust->version);
    for (size_t i = 0; i < k->recalled_count; i++) {
        if (strcmp(k->recalled[i], c->sha256) == 0)
            return TG_FAIL(err, TG_E_REVOKED, "V5: the statement was recalled");
    }
    for (size_t i = 0; i < c->signers_count; i++) {
        if (tg_trust_is_revoked(trust, c->signers[i].spki))
            return TG_FAIL(err, TG_E_REVOKED, "V5: the approver's key %.16s... is revoked",
                           c->signers[i].spki);
    }
    return 0;
}

static int check_distinct(const struct tg_knowledge *k, const struct tg_checked *c,
                          struct tg_err *err)
{
    const struct tg_trust *trust = tg_trust_chain_current(k->chain);
    for (size_t i = 0; i < c->signers_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(c->signers[i].spki, c->signers[j].spki) == 0)
                return TG_FAIL(err, TG_E_UNTRUSTED, "V5: one approver signed twice");
        }
    }
    if (c->signers_count < trust->approval_threshold)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V5: %zu approvers signed, %u are needed",
                       c->signers_count, trust->approval_threshold);
    return 0;
}

int tg_check_statement(const struct tg_knowledge *k, const struct tg_signed *s,
                       struct tg_checked *ret, struct tg_err *err)
{
    struct tg_checked c = {.at = k->now};
    if (s->cms_count < 1 || s->cms_count > TG_SEAL_CMS_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "V1: %zu signatures, expected are 1 to %d", s->cms_count,
                       TG_SEAL_CMS_MAX);
    TG_TRY(seal_named(tg_statement_parse(s->text.data, s->text.len, &c.statement, err), "V1", err));
    tg_sha256_hex(s->text.data, s->text.len, c.sha256);
    TG_TRY(check_v2(k, &c.statement, err));
    TG_TRY(check_v3(s, &c, err));
    TG_TRY(check_distinct(k, &c, err));
    TG_TRY(check_revoked(k, &c, err));
    TG_TRY(check_v4(k, &c, err));
    *ret = c;
    return 0;
}

int tg_check_still(const struct tg_knowledge *k, const struct tg_checked *c, struct tg_err *err)
{
    TG_TRY(check_v2(k, &c->statement, err));
    TG_TRY(check_distinct(k, c, err));
    TG_TRY(check_revoked(k, c, err));
    return check_v4(k, c, err);
}

int tg_check_sign_by(const struct tg_checked *c, int64_t now, struct tg_err *err)
{
    if (now <= c->statement.sign_by) return 0;
    char by[TG_TIME];
    tg_time_print(c->statement.sign_by, by);
    return TG_FAIL(err, TG_E_EXPIRED, "S2: sign-by was %s: fetch the statement again", by);
}

int tg_check_window(const struct tg_checked *c, int64_t now, struct tg_err *err)
{
    char when[TG_TIME];
    if (now < c->statement.release) {
        tg_time_print(c->statement.release, when);
        return TG_FAIL(err, TG_E_EARLY, "V6: nothing happens before the release at %s", when);
    }
    if (now > c->statement.install_by) {
        tg_time_print(c->statement.install_by, when);
        return TG_FAIL(err, TG_E_EXPIRED, "V6: install-by was %s", when);
    }
    return 0;
}
