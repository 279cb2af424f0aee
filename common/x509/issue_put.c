/* issue_put: the pieces. */
#include "issue_private.h"

#include "content_private.h"
#include "key_private.h"

enum { MAX_SIGNATURE = 4096 };

void tg_put_algorithm(struct tg_buf *b, const struct tg_key *key)
{
    size_t start = b->len;
    tg_der_put_oid(b, tg_key_signature_oid(key));
    if (tg_key_is_rsa(key))
        tg_der_put(b, TG_DER_NULL, NULL, 0); /* RFC 4055 §5: NULL for RSA only */
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

int tg_put_signature(struct tg_buf *b, size_t start, const struct tg_key *key, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf signature = TG_BUF(MAX_SIGNATURE);
    TG_TRY(tg_buf_ok(b, err));
    TG_TRY(tg_key_sign(key, b->data + start, b->len - start, &signature, err));
    tg_put_algorithm(b, key);
    size_t bits = b->len;
    tg_buf_putc(b, '\0');
    tg_buf_add(b, signature.data, signature.len);
    tg_der_wrap(b, bits, TG_DER_BITS);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    return tg_buf_ok(b, err);
}

void tg_put_rdn(struct tg_buf *b, const char *oid, unsigned tag, const char *text)
{
    size_t start = b->len;
    tg_der_put_oid(b, oid);
    tg_der_put(b, tag, text, strlen(text));
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    tg_der_wrap(b, start, TG_DER_SET);
}

void tg_put_name(struct tg_buf *b, const char *organization, const char *cn)
{
    size_t start = b->len;
    if (organization && organization[0]) tg_put_rdn(b, "2.5.4.10", TG_DER_UTF8, organization);
    if (cn && cn[0]) tg_put_rdn(b, "2.5.4.3", TG_DER_UTF8, cn);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

void tg_put_validity(struct tg_buf *b, int64_t not_before, int64_t not_after)
{
    size_t start = b->len;
    tg_der_put_time(b, not_before);
    tg_der_put_time(b, not_after);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

void tg_put_ski(struct tg_buf *b, const uint8_t *ski, size_t len)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(128);
    tg_der_put(&value, TG_DER_OCTETS, ski, len);
    tg_ext_put(b, TG_EXT_SKI, false, value.data, value.len);
}

void tg_put_aki(struct tg_buf *b, const uint8_t *ski, size_t len)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(128);
    tg_der_put(&value, TG_DER_CONTEXT | 0, ski, len);
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_ext_put(b, TG_EXT_AKI, false, value.data, value.len);
}
