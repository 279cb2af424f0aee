#include "seal/recall.h"

#include "base/bytes.h"
#include "base/str.h"
#include "base/times.h"
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
