/* Entries and export lines. */
#include "auditlog/auditlog.h"
#include "json/json.h"

#include <string.h>

/* The stored bytes themselves, so that every change of them changes the leaf. */
static void put_body(struct tg_jw *w, const char *body)
{
    size_t len = strlen(body);
    TG_AUTO(json) json_t *object = NULL;
    struct tg_err ignored = {0};
    bool one_line = true;
    for (size_t i = 0; i < len; i++)
        one_line = one_line && (unsigned char)body[i] >= ' ';
    if (one_line && body[0] == '{' &&
        tg_json_parse_object(body, len, TG_AUDIT_ENTRY_MAX, &object, &ignored) == 0)
        tg_jw_raw(w, body, len);
    else
        tg_jw_strn(w, body, len);
}

int tg_audit_entry_print(const struct tg_audit_entry *e, struct tg_buf *out,
                         struct tg_merkle_hash *ret_hash, struct tg_err *err)
{
    struct tg_jw w;
    size_t start = out->len;
    const char *body = e->body ? e->body : "{}";
    tg_jw_init(&w, out);
    tg_jw_begin_object(&w);
    tg_jw_kint(&w, "seq", (int64_t)e->seq);
    tg_jw_ktime(&w, "at", e->at);
    tg_jw_kstr(&w, "actor", e->actor);
    tg_jw_kstr(&w, "verb", e->verb);
    tg_jw_kstr(&w, "subject", e->subject);
    tg_jw_key(&w, "body");
    put_body(&w, body);
    tg_jw_end(&w);
    TG_TRY(tg_buf_ok(out, err));
    tg_merkle_leaf(out->data + start, out->len - start, ret_hash);
    return 0;
}

int tg_audit_export_entry(const struct tg_audit_entry *e, const struct tg_merkle_hash *hash,
                          struct tg_buf *out, struct tg_err *err)
{
    struct tg_merkle_hash now;
    tg_buf_puts(out, "{\"hash\":\"");
    tg_buf_hex(out, hash->b, sizeof hash->b);
    tg_buf_puts(out, "\",\"entry\":");
    TG_TRY(tg_audit_entry_print(e, out, &now, err));
    tg_buf_puts(out, "}\n");
    return tg_buf_ok(out, err);
}

void tg_audit_export_checkpoint(const char *note, struct tg_buf *out)
{
    tg_buf_puts(out, "{\"checkpoint\":");
    tg_json_quote(out, note, strlen(note));
    tg_buf_puts(out, "}\n");
}
