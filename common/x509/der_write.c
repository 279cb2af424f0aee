/* der_write: DER out, inside first: content is written, then wrapped where it began. */
#include "base/times.h"
#include "x509/der.h"

void tg_der_wrap(struct tg_buf *b, size_t start, unsigned tag)
{
    uint8_t head[6];
    size_t len = b->len - start, n = 0;
    head[n++] = (uint8_t)tag;
    if (len < 0x80) {
        head[n++] = (uint8_t)len;
    } else {
        size_t octets = len > 0xffffff ? 4 : len > 0xffff ? 3 : len > 0xff ? 2 : 1;
        head[n++] = (uint8_t)(0x80 | octets);
        for (size_t i = octets; i-- > 0;)
            head[n++] = (uint8_t)(len >> (8 * i));
    }
    if (!tg_buf_grow(b, n)) return;
    memmove(b->data + start + n, b->data + start, len);
    memcpy(b->data + start, head, n);
}

void tg_der_put(struct tg_buf *b, unsigned tag, const void *content, size_t len)
{
    size_t start = b->len;
    if (len) tg_buf_add(b, content, len);
    tg_der_wrap(b, start, tag);
}

void tg_der_put_oid(struct tg_buf *b, const char *dotted)
{
    uint8_t content[64];
    size_t len = tg_der_oid_bytes(dotted, content, sizeof content);
    TG_CHECK(len > 0); /* callers pass constants, or what they have checked */
    tg_der_put(b, TG_DER_OID, content, len);
}

void tg_der_insert_oid(struct tg_buf *b, size_t start, const char *dotted)
{
    uint8_t content[64];
    size_t len = tg_der_oid_bytes(dotted, content, sizeof content), behind = b->len - start;
    TG_CHECK(len > 0 && len < 0x80);
    if (!tg_buf_grow(b, len + 2)) return;
    memmove(b->data + start + len + 2, b->data + start, behind);
    b->data[start] = TG_DER_OID;
    b->data[start + 1] = (uint8_t)len;
    memcpy(b->data + start + 2, content, len);
}

void tg_der_put_integer(struct tg_buf *b, const uint8_t *big_endian, size_t len)
{
    size_t start = b->len;
    while (len > 1 && big_endian[0] == 0)
        big_endian++, len--;
    if (len == 0 || (big_endian[0] & 0x80)) tg_buf_putc(b, '\0');
    if (len) tg_buf_add(b, big_endian, len);
    tg_der_wrap(b, start, TG_DER_INTEGER);
}

void tg_der_put_u64(struct tg_buf *b, uint64_t value)
{
    uint8_t octets[8];
    for (size_t i = 0; i < 8; i++)
        octets[i] = (uint8_t)(value >> (8 * (7 - i)));
    tg_der_put_integer(b, octets, sizeof octets);
}

/* RFC 5280 §4.1.2.5: UTCTime through the year 2049. */
void tg_der_put_time(struct tg_buf *b, int64_t at)
{
    struct tg_civil c;
    tg_civil_from(at, &c);
    bool utc = c.year >= 1950 && c.year <= 2049;
    size_t start = b->len;
    if (!utc) tg_buf_printf(b, "%02d", c.year / 100);
    tg_buf_printf(b, "%02d%02d%02d%02d%02d%02dZ", c.year % 100, c.month, c.day, c.hour, c.minute,
                  c.second);
    tg_der_wrap(b, start, utc ? TG_DER_UTCTIME : TG_DER_GENTIME);
}
