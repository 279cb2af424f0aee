#include "base/str.h"

#include "base/mem.h"

enum { BROKEN = 0xfffd };

/* Length of the sequence at p and its code point; 0 if it is broken (RFC 3629 §4: no overlong
 * forms, no surrogates, nothing above 10FFFF). */
static size_t decode(const unsigned char *p, size_t n, uint32_t *ret)
{
    if (n == 0) return 0;
    if (p[0] < 0x80) {
        *ret = p[0];
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len) return 0;
    uint32_t cp = p[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) return 0;
    *ret = cp;
    return len;
}

uint32_t tg_utf8_next(const char **p, const char *end)
{
    uint32_t cp = BROKEN;
    size_t len = decode((const unsigned char *)*p, (size_t)(end - *p), &cp);
    *p += len ? len : 1;
    return len ? cp : BROKEN;
}

bool tg_utf8_valid(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint32_t cp;
    while (len > 0) {
        size_t n = decode(p, len, &cp);
        if (n == 0) return false;
        p += n;
        len -= n;
    }
    return true;
}

static const struct {
    uint32_t from, to;
} unclean[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x034f, 0x034f}, {0x061c, 0x061c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

static bool is_clean(uint32_t cp)
{
    if ((cp & 0xfffe) == 0xfffe) return false;
    for (size_t i = 0; i < TG_COUNT(unclean); i++)
        if (cp >= unclean[i].from && cp <= unclean[i].to) return false;
    return true;
}

bool tg_utf8_clean(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint32_t cp;
    while (len > 0) {
        if (*p >= 0x20 && *p < 0x7f) { /* nearly all text */
            p++;
            len--;
            continue;
        }
        size_t n = decode(p, len, &cp);
        if (n == 0 || !is_clean(cp)) return false;
        p += n;
        len -= n;
    }
    return true;
}

int tg_utf8_put(uint32_t cp, char ret[4])
{
    if (cp < 0x80) {
        ret[0] = (char)cp;
        return 1;
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) return 0;
    int len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = len - 1; i > 0; i--) {
        ret[i] = (char)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    ret[0] = (char)(lead[len] | cp);
    return len;
}
