/* der: reads and writes DER (X.690) by hand: definite, minimal lengths, low tag numbers; nothing is
 * copied, nothing is allocated by reading. For what OpenSSL hides or makes slow. Thread: any; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    TG_DER_BOOLEAN = 0x01,
    TG_DER_INTEGER = 0x02,
    TG_DER_BITS = 0x03,
    TG_DER_OCTETS = 0x04,
    TG_DER_NULL = 0x05,
    TG_DER_OID = 0x06,
    TG_DER_UTF8 = 0x0c,
    TG_DER_PRINTABLE = 0x13,
    TG_DER_T61 = 0x14,
    TG_DER_IA5 = 0x16,
    TG_DER_UTCTIME = 0x17,
    TG_DER_GENTIME = 0x18,
    TG_DER_UNIVERSAL = 0x1c,
    TG_DER_BMP = 0x1e,
    TG_DER_SEQUENCE = 0x30,
    TG_DER_SET = 0x31,
    TG_DER_CONTEXT = 0x80,     /* | number: primitive */
    TG_DER_CONSTRUCTED = 0xa0, /* | number: constructed */
};

/* A run of DER still to be read. */
struct tg_der {
    const uint8_t *at, *end;
};

/* One element: tag octet, the whole encoding, and its content. */
struct tg_der_item {
    uint8_t tag;
    const uint8_t *whole, *content;
    size_t whole_len, len;
};

static inline struct tg_der tg_der(const uint8_t *bytes, size_t len)
{
    return (struct tg_der){bytes, bytes + len};
}

static inline struct tg_der tg_der_inside(const struct tg_der_item *item)
{
    return (struct tg_der){item->content, item->content + item->len};
}

static inline bool tg_der_empty(const struct tg_der *d)
{
    return d->at == d->end;
}

/* Next element, any tag; false at the end or when it is not DER (then nothing is consumed). */
bool tg_der_next(struct tg_der *d, struct tg_der_item *ret);
/* Next element of this tag, else false and nothing is consumed. */
bool tg_der_take(struct tg_der *d, unsigned tag, struct tg_der_item *ret);
/* The whole input is one element of this tag. */
bool tg_der_whole(const uint8_t *bytes, size_t len, unsigned tag, struct tg_der_item *ret);
/* The item and everything constructed inside it is DER (lengths only), to the depth limit. */
bool tg_der_deep(const struct tg_der_item *item, int depth);

/* Dotted text of an OID's content; false if malformed or too long. */
bool tg_der_oid_text(const uint8_t *content, size_t len, char *ret, size_t size);
/* Content octets of a dotted OID; 0 if malformed or too long. */
size_t tg_der_oid_bytes(const char *dotted, uint8_t *ret, size_t size);
bool tg_der_is(const struct tg_der_item *item, const void *content, size_t len);
/* UTCTime or GeneralizedTime, leniently: seconds may be missing, +hhmm offsets are understood (old
 * certificates). */
bool tg_der_time(const struct tg_der_item *item, int64_t *ret);
/* A string type's content as UTF-8 appended to ret; false for other types or broken code points. */
bool tg_der_text(const struct tg_der_item *item, struct tg_buf *ret);

/* Writing: put content, then wrap all that was written since `start`. */
void tg_der_wrap(struct tg_buf *b, size_t start, unsigned tag);
void tg_der_put(struct tg_buf *b, unsigned tag, const void *content, size_t len);
void tg_der_put_oid(struct tg_buf *b, const char *dotted);
void tg_der_insert_oid(struct tg_buf *b, size_t start,
                       const char *dotted); /* before what was written since start */
void tg_der_put_integer(struct tg_buf *b, const uint8_t *big_endian,
                        size_t len); /* unsigned; made minimal */
void tg_der_put_u64(struct tg_buf *b, uint64_t value);
void tg_der_put_time(struct tg_buf *b, int64_t at); /* UTCTime through 2049, then GeneralizedTime */
