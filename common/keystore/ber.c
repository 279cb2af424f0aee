#include "ber.h"

#include <string.h>

/* One header: identifier and length. *ret_len is SIZE_MAX for the indefinite form. */
static bool header(struct ber *r, uint8_t *ret_tag, size_t *ret_len)
{
    if (r->end - r->at < 2) return false;
    uint8_t tag = *r->at++;
    if ((tag & 0x1f) == 0x1f) return false; /* multi-byte tags stand in no keystore */
    uint8_t first = *r->at++;
    size_t len = first;
    if (first == 0x80) {
        if (!(tag & 0x20)) return false;
        *ret_tag = tag;
        *ret_len = SIZE_MAX;
        return true;
    }
    if (first & 0x80) {
        unsigned count = first & 0x7f;
        if (count > 4 || (size_t)(r->end - r->at) < count) return false;
        len = 0;
        while (count--)
            len = (len << 8) | *r->at++;
    }
    if (len > (size_t)(r->end - r->at)) return false;
    *ret_tag = tag;
    *ret_len = len;
    return true;
}

/* Skips to behind the end-of-contents that closes an indefinite value whose header was read. */
static bool skip_indefinite(struct ber *r, const uint8_t **ret_body_end)
{
    unsigned depth = 1;
    while (depth) {
        const uint8_t *start = r->at;
        uint8_t tag = 0;
        size_t len = 0;
        if (!header(r, &tag, &len)) return false;
        if (len == SIZE_MAX) {
            if (++depth > BER_MAX_DEPTH) return false;
        } else if (tag == 0) {
            if (len) return false;
            if (--depth == 0) *ret_body_end = start;
        } else {
            r->at += len;
        }
    }
    return true;
}

bool tg_ber_next(struct ber *r, struct tg_ber_item *ret)
{
    struct ber at = *r;
    struct tg_ber_item item = {.raw = r->at};
    size_t len = 0;
    if (!header(&at, &item.tag, &len) || item.tag == 0) return false;
    item.body = at.at;
    if (len == SIZE_MAX) {
        const uint8_t *body_end = NULL;
        if (!skip_indefinite(&at, &body_end)) return false;
        item.body_len = (size_t)(body_end - item.body);
    } else {
        item.body_len = len;
        at.at += len;
    }
    item.raw_len = (size_t)(at.at - item.raw);
    *r = at;
    *ret = item;
    return true;
}

bool tg_ber_take(struct ber *r, uint8_t tag, struct tg_ber_item *ret)
{
    return tg_ber_peek(r, tag) && tg_ber_next(r, ret);
}

bool tg_ber_enter(struct ber *r, uint8_t tag, struct ber *ret_body)
{
    struct tg_ber_item item;
    if (!tg_ber_take(r, tag, &item)) return false;
    *ret_body = tg_ber_body(&item);
    return true;
}

bool tg_ber_peek(const struct ber *r, uint8_t tag)
{
    return r->at < r->end && *r->at == tag;
}

bool tg_ber_done(const struct ber *r)
{
    return r->at == r->end;
}

bool tg_ber_octets(const struct tg_ber_item *item, uint8_t base_tag, struct tg_buf *out)
{
    if (item->tag == base_tag) {
        tg_buf_add(out, item->body, item->body_len);
        return !out->failed;
    }
    if (item->tag != (base_tag | 0x20)) return false;
    struct ber stack[BER_MAX_DEPTH];
    unsigned depth = 0;
    stack[0] = tg_ber_body(item);
    for (;;) {
        struct tg_ber_item piece;
        if (tg_ber_done(&stack[depth])) {
            if (depth-- == 0) return !out->failed;
            continue;
        }
        if (!tg_ber_next(&stack[depth], &piece)) return false;
        if (piece.tag == BER_OCTETS) {
            tg_buf_add(out, piece.body, piece.body_len);
        } else if (piece.tag == (BER_OCTETS | 0x20) && depth + 1 < BER_MAX_DEPTH) {
            stack[++depth] = tg_ber_body(&piece);
        } else {
            return false;
        }
    }
}

bool tg_ber_uint(const struct tg_ber_item *item, uint64_t max, uint64_t *ret)
{
    if (item->tag != BER_INTEGER || item->body_len == 0 || (item->body[0] & 0x80)) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < item->body_len; i++) {
        if (value >> 56) return false;
        value = (value << 8) | item->body[i];
    }
    if (value > max) return false;
    *ret = value;
    return true;
}

bool tg_ber_oid_text(const struct tg_ber_item *item, char *ret, size_t size)
{
    if (item->tag != BER_OID || item->body_len == 0 || size == 0) return false;
    size_t used = 0;
    uint64_t arc = 0;
    bool first = true;
    for (size_t i = 0; i < item->body_len; i++) {
        if (arc >> 56) return false;
        arc = (arc << 7) | (item->body[i] & 0x7f);
        if (item->body[i] & 0x80) {
            if (i + 1 == item->body_len) return false;
            continue;
        }
        uint64_t top = arc < 80 ? arc / 40 : 2;
        int n = first ? snprintf(ret + used, size - used, "%llu.%llu", (unsigned long long)top,
                                 (unsigned long long)(arc - top * 40))
                      : snprintf(ret + used, size - used, ".%llu", (unsigned long long)arc);
        if (n < 0 || (size_t)n >= size - used) return false;
        used += (size_t)n;
        first = false;
        arc = 0;
    }
    return true;
}

bool tg_ber_oid_is(const struct tg_ber_item *item, const char *dotted)
{
    char text[128];
    return tg_ber_oid_text(item, text, sizeof text) && strcmp(text, dotted) == 0;
}
