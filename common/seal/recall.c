#include "seal/recall.h"

#include "base/bytes.h"
#include "base/str.h"
#include "base/times.h"
#include "cms/cms.h"
#include "text.h"

static void put_recall(const struct tg_recall *r, struct tg_buf *out)
{
    char at[TG_TIME];
    tg_time_print(r->at, at);
    tg_buf_printf(out, TG_TEXT_RECALL "\nrealm: %s\nstatement: %s\nat: %s\nnonce: %s\n", r->realm,
                  r->statement, at, r->nonce);
}

int tg_recall_parse(const void *text, size_t len, struct tg_recall *ret, struct tg_err *err)
{
    struct seal_text t;
    TG_TRY(seal_text_open(&t, "recall", (struct seal_value){text, len}, TG_RECALL_MAX,
                          TG_TEXT_RECALL, err));
    TG_TRY(seal_text_hex(&t, "realm: ", 64, ret->realm, err));
    TG_TRY(seal_text_hex(&t, "statement: ", 64, ret->statement, err));
    TG_TRY(seal_text_time(&t, "at: ", &ret->at, err));
    TG_TRY(seal_text_hex(&t, "nonce: ", 32, ret->nonce, err));
    TG_TRY(seal_text_close(&t, err));
    TG_AUTO(buf) struct tg_buf again = TG_BUF(TG_RECALL_MAX);
    put_recall(ret, &again);
    return seal_same("recall", &again, text, len, err);
}

int tg_recall_print(const struct tg_recall *r, struct tg_buf *out, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_RECALL_MAX);
    put_recall(r, &text);
    TG_TRY(tg_buf_ok(&text, err));
    struct tg_recall again;
    TG_TRY(tg_recall_parse(text.data, text.len, &again, err));
    tg_buf_add(out, text.data, text.len);
    return tg_buf_ok(out, err);
}

int tg_recall_make(const char *realm, const char *statement, int64_t now, struct tg_buf *out,
                   struct tg_err *err)
{
    struct tg_recall r = {.at = now};
    uint8_t nonce[16];
    tg_random(nonce, sizeof nonce);
    tg_hex(nonce, sizeof nonce, r.nonce);
    if (!tg_copy(r.realm, sizeof r.realm, realm) ||
        !tg_copy(r.statement, sizeof r.statement, statement))
        return TG_FAIL(err, TG_E_INPUT, "recall: realm and statement are 64 hex digits");
    return tg_recall_print(&r, out, err);
}

static int check_signer(const struct tg_trust *trust, const char *spki, int64_t now,
                        struct tg_err *err)
{
    const struct tg_trust_approver *approver = tg_trust_approver(trust, spki);
    if (!approver)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V4: recall: signed by %.16s..., who is no approver",
                       spki);
    if (tg_trust_is_revoked(trust, spki))
        return TG_FAIL(err, TG_E_REVOKED, "V5: recall: the approver's key %.16s... is revoked",
                       spki);
    if (now > approver->until)
        return TG_FAIL(err, TG_E_EXPIRED, "V4: recall: the approver's pin has run out");
    return 0;
}

int tg_recall_check(const struct tg_trust_chain *chain, struct tg_blob text, struct tg_blob cms,
                    int64_t now, struct tg_recall *ret, struct tg_err *err)
{
    const struct tg_trust *trust = tg_trust_chain_current(chain);
    struct tg_recall recall;
    TG_TRY(seal_named(tg_recall_parse(text.data, text.len, &recall, err), "V1", err));
    if (!trust) return TG_FAIL(err, TG_E_NO_TRUST, "V2: no trust yet: tamga trust init");
    if (strcmp(recall.realm, tg_trust_chain_realm(chain)) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V2: recall: of another realm");
    struct tg_cms_signer signer = {0};
    TG_TRY(
        seal_named(tg_cms_verify(cms.data, cms.len, text.data, text.len, TG_CMS_PIN, &signer, err),
                   "V3", err));
    int rc = check_signer(trust, signer.spki, now, err);
    tg_cms_signer_done(&signer);
    if (rc == 0) *ret = recall;
    return rc;
}
