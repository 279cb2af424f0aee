/* ber: reads BER (ITU-T X.690) as slices of the input, indefinite lengths and constructed strings
 * included. Never recurses, never copies but where a string comes in pieces; x509/der.h writes.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    BER_INTEGER = 0x02,
    BER_BIT_STRING = 0x03,
    BER_OCTETS = 0x04,
    BER_NULL = 0x05,
    BER_OID = 0x06,
    BER_ENUM = 0x0a,
    BER_BMP = 0x1e,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31,
    BER_CONTEXT0 = 0xa0,
    /* Depth of indefinite lengths and of strings in pieces. */
    BER_MAX_DEPTH = 16,
};

struct ber {
    const uint8_t *at, *end;
};

struct tg_ber_item {
    uint8_t tag; /* identifier octet, class and constructed bit included */
    const uint8_t *raw;
    size_t raw_len; /* with header and end-of-contents */
    const uint8_t *body;
    size_t body_len;
};

static inline struct ber tg_ber_over(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    return (struct ber){at, at ? at + len : at};
}
static inline struct ber tg_ber_body(const struct tg_ber_item *item)
{
    return tg_ber_over(item->body, item->body_len);
}

bool tg_ber_next(struct ber *r, struct tg_ber_item *ret); /* false: end or malformed */
bool tg_ber_take(struct ber *r, uint8_t tag,
                 struct tg_ber_item *ret);                           /* next, of exactly this tag */
bool tg_ber_enter(struct ber *r, uint8_t tag, struct ber *ret_body); /* take and look inside */
bool tg_ber_peek(const struct ber *r, uint8_t tag);
bool tg_ber_done(const struct ber *r); /* all of it was read */
/* The bytes of an OCTET STRING, primitive or in pieces; base_tag may be an implicit one (0x80). */
bool tg_ber_octets(const struct tg_ber_item *item, uint8_t base_tag, struct tg_buf *out);
bool tg_ber_uint(const struct tg_ber_item *item, uint64_t max, uint64_t *ret);
bool tg_ber_oid_is(const struct tg_ber_item *item, const char *dotted);
bool tg_ber_oid_text(const struct tg_ber_item *item, char *ret, size_t size);
