/* der_text: strings and times of certificates as UTF-8 and seconds. Lenient where old CAs were. */
#include "base/str.h"
#include "base/times.h"
#include "x509/der.h"

static bool digits(const char **at, const char *end, int n, int *ret)
{
    int value = 0;
    if (end - *at < n) return false;
    for (int i = 0; i < n; i++) {
        char c = *(*at)++;
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    *ret = value;
    return true;
}

/* "Z", "+hhmm", "-hhmm"; RFC 5280 §4.1.2.5 allows only Z. */
static bool zone(const char **at, const char *end, int *ret_seconds)
{
    int hours, minutes;
    if (*at == end) return false;
    char sign = *(*at)++;
    *ret_seconds = 0;
    if (sign == 'Z') return true;
    if (sign != '+' && sign != '-') return false;
    if (!digits(at, end, 2, &hours) || !digits(at, end, 2, &minutes)) return false;
    if (hours > 14 || minutes > 59) return false;
    *ret_seconds = (hours * 60 + minutes) * (sign == '+' ? 60 : -60);
    return true;
}

static bool skip_fraction(const char **at, const char *end)
{
    if (*at == end || **at != '.') return true;
    const char *first = ++*at;
    while (*at < end && **at >= '0' && **at <= '9')
        ++*at;
    return *at > first;
}

static bool year_of(const struct tg_der_item *item, const char **at, const char *end, int *ret)
{
    if (item->tag == TG_DER_GENTIME) return digits(at, end, 4, ret) && *ret >= 1;
    if (item->tag != TG_DER_UTCTIME || !digits(at, end, 2, ret)) return false;
    *ret += *ret < 50 ? 2000 : 1900;
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool tg_der_time(const struct tg_der_item *item, int64_t *ret)
{
    const char *at = (const char *)item->content, *end = at + item->len;
    struct tg_civil c = {0};
    int offset;
    if (!year_of(item, &at, end, &c.year)) return false;
    if (!digits(&at, end, 2, &c.month) || !digits(&at, end, 2, &c.day)) return false;
    if (!digits(&at, end, 2, &c.hour) || !digits(&at, end, 2, &c.minute)) return false;
    if (at < end && *at >= '0' && *at <= '9' && !digits(&at, end, 2, &c.second)) return false;
    if (item->tag == TG_DER_GENTIME && !skip_fraction(&at, end)) return false;
    if (!zone(&at, end, &offset) || at != end) return false;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_of(c.year, c.month)) return false;
    if (c.hour > 23 || c.minute > 59 || c.second > 59) return false;
    *ret = tg_civil_to(&c) - offset;
    return true;
}

static bool put_wide(const struct tg_der_item *item, size_t width, struct tg_buf *ret)
{
    if (item->len % width) return false;
    for (size_t i = 0; i < item->len; i += width) {
        uint32_t cp = 0;
        char utf8[4];
        for (size_t k = 0; k < width; k++)
            cp = cp << 8 | item->content[i + k];
        int n = tg_utf8_put(cp, utf8);
        if (n == 0) return false;
        tg_buf_add(ret, utf8, (size_t)n);
    }
    return true;
}

/* T61 and the like are taken as Latin-1, as OpenSSL does. */
static bool put_latin1(const struct tg_der_item *item, struct tg_buf *ret)
{
    bool ascii = true;
    for (size_t i = 0; i < item->len; i++)
        ascii = ascii && item->content[i] < 0x80;
    if (!ascii) return put_wide(item, 1, ret);
    tg_buf_add(ret, item->content, item->len);
    return true;
}

enum { NUMERIC = 0x12, VISIBLE = 0x1a };

bool tg_der_text(const struct tg_der_item *item, struct tg_buf *ret)
{
    size_t start = ret->len;
    bool ok = false;
    switch (item->tag) {
    case TG_DER_UTF8:
        ok = tg_utf8_valid(item->content, item->len);
        if (ok) tg_buf_add(ret, item->content, item->len);
        break;
    case TG_DER_PRINTABLE:
    case TG_DER_T61:
    case TG_DER_IA5:
    case NUMERIC:
    case VISIBLE:
    case TG_DER_UTCTIME:
    case TG_DER_GENTIME:
        ok = put_latin1(item, ret);
        break;
    case TG_DER_BMP:
        ok = put_wide(item, 2, ret);
        break;
    case TG_DER_UNIVERSAL:
        ok = put_wide(item, 4, ret);
        break;
    default:
        break;
    }
    if (!ok && ret->len > start) {
        ret->len = start;
        ret->data[start] = 0;
    }
    return ok;
}
