/* der_read: elements, OIDs. Every length is checked against what is left before it is believed. */
#include "base/limits.h"
#include "x509/der.h"

/* X.690 §8.1.3, §10.1: definite and minimal; four length octets carry more than any limit here. */
static bool der_length(const uint8_t **at, const uint8_t *end, size_t *ret)
{
    if (*at == end) return false;
    uint8_t first = *(*at)++;
    if (first < 0x80) {
        *ret = first;
        return true;
    }
    size_t octets = first & 0x7f;
    if (octets == 0 || octets > 4 || (size_t)(end - *at) < octets || **at == 0) return false;
    size_t len = 0;
    for (size_t i = 0; i < octets; i++)
        len = len << 8 | *(*at)++;
    if (len < 0x80) return false;
    *ret = len;
    return true;
}

bool tg_der_next(struct tg_der *d, struct tg_der_item *ret)
{
    if (d->at >= d->end) return false;
    const uint8_t *at = d->at;
    uint8_t tag = *at++;
    size_t len;
    if ((tag & 0x1f) == 0x1f) return false;
    if (!der_length(&at, d->end, &len) || (size_t)(d->end - at) < len) return false;
    *ret = (struct tg_der_item){tag, d->at, at, (size_t)(at - d->at) + len, len};
    d->at = at + len;
    return true;
}

bool tg_der_take(struct tg_der *d, unsigned tag, struct tg_der_item *ret)
{
    if (d->at >= d->end || *d->at != tag) return false;
    return tg_der_next(d, ret);
}

bool tg_der_whole(const uint8_t *bytes, size_t len, unsigned tag, struct tg_der_item *ret)
{
    struct tg_der d = tg_der(bytes, len);
    struct tg_der_item item;
    if (len == 0 || !tg_der_take(&d, tag, &item) || !tg_der_empty(&d)) return false;
    *ret = item;
    return true;
}

bool tg_der_deep(const struct tg_der_item *item, int depth)
{
    if (!(item->tag & 0x20)) return true;
    if (depth <= 0) return false;
    struct tg_der inside = tg_der_inside(item);
    struct tg_der_item child;
    while (!tg_der_empty(&inside))
        if (!tg_der_next(&inside, &child) || !tg_der_deep(&child, depth - 1)) return false;
    return true;
}

/* One base-128 arc of at most 64 bits, minimal (X.690 §8.19.2). */
static bool oid_arc(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    uint64_t value = 0;
    if (*at < end && **at == 0x80) return false;
    while (*at < end) {
        uint8_t octet = *(*at)++;
        if (value >> 57) return false;
        value = value << 7 | (octet & 0x7f);
        if (!(octet & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* snprintf is too slow for this path: every extension and attribute of every certificate passes
 * here. */
static bool put_decimal(char **at, const char *end, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    if ((size_t)(end - *at) <= n + 1) return false;
    while (n)
        *(*at)++ = digits[--n];
    return true;
}

bool tg_der_oid_text(const uint8_t *content, size_t len, char *ret, size_t size)
{
    const uint8_t *at = content, *end = content + len;
    char *out = ret;
    const char *out_end = ret + size;
    uint64_t arc;
    if (len == 0 || size < 8 || !oid_arc(&at, end, &arc)) return false;
    uint64_t top = arc < 80 ? arc / 40 : 2;
    if (!put_decimal(&out, out_end, top)) return false;
    *out++ = '.';
    if (!put_decimal(&out, out_end, arc - top * 40)) return false;
    while (at < end) {
        if (!oid_arc(&at, end, &arc)) return false;
        *out++ = '.';
        if (!put_decimal(&out, out_end, arc)) return false;
    }
    *out = '\0';
    return true;
}

static size_t put_arc(uint64_t arc, uint8_t *ret, size_t size)
{
    size_t n = 1;
    for (uint64_t rest = arc >> 7; rest; rest >>= 7)
        n++;
    if (n > size) return 0;
    for (size_t i = 0; i < n; i++)
        ret[n - 1 - i] = (uint8_t)(((arc >> (7 * i)) & 0x7f) | (i ? 0x80 : 0));
    return n;
}

static bool next_arc(const char **at, uint64_t *ret)
{
    const char *digit = *at;
    uint64_t value = 0;
    if (*digit == '0' && digit[1] >= '0' && digit[1] <= '9') return false;
    while (*digit >= '0' && *digit <= '9') {
        if (value > (UINT64_MAX >> 8) / 10) return false;
        value = value * 10 + (uint64_t)(*digit++ - '0');
    }
    if (digit == *at || (*digit != '.' && *digit != '\0')) return false;
    *at = *digit == '.' ? digit + 1 : digit;
    if (*digit == '.' && *at[0] == '\0') return false;
    *ret = value;
    return true;
}

size_t tg_der_oid_bytes(const char *dotted, uint8_t *ret, size_t size)
{
    const char *at = dotted;
    uint64_t top, arc;
    if (!next_arc(&at, &top) || top > 2 || *at == '\0') return 0;
    if (!next_arc(&at, &arc) || (top < 2 && arc >= 40)) return 0;
    size_t len = put_arc(top * 40 + arc, ret, size);
    if (len == 0) return 0;
    while (*at) {
        if (!next_arc(&at, &arc)) return 0;
        size_t n = put_arc(arc, ret + len, size - len);
        if (n == 0) return 0;
        len += n;
    }
    return len;
}

bool tg_der_is(const struct tg_der_item *item, const void *content, size_t len)
{
    return item->len == len && (len == 0 || memcmp(item->content, content, len) == 0);
}
