#include "password.h"

#include <string.h>

#include "base/str.h"

/* Code points of bytes 0x80..0xff; 0 = none that a person can type. */
static const uint16_t cp1251[128] =
    {0x0402, 0x0403, 0x201A, 0x0453, 0x201E, 0x2026, 0x2020, 0x2021, 0x20AC, 0x2030, 0x0409, 0x2039,
     0x040A, 0x040C, 0x040B, 0x040F, 0x0452, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
     0,      0x2122, 0x0459, 0x203A, 0x045A, 0x045C, 0x045B, 0x045F, 0x00A0, 0x040E, 0x045E, 0x0408,
     0x00A4, 0x0490, 0x00A6, 0x00A7, 0x0401, 0x00A9, 0x0404, 0x00AB, 0x00AC, 0x00AD, 0x00AE, 0x0407,
     0x00B0, 0x00B1, 0x0406, 0x0456, 0x0491, 0x00B5, 0x00B6, 0x00B7, 0x0451, 0x2116, 0x0454, 0x00BB,
     0x0458, 0x0405, 0x0455, 0x0457, 0x0410, 0x0411, 0x0412, 0x0413, 0x0414, 0x0415, 0x0416, 0x0417,
     0x0418, 0x0419, 0x041A, 0x041B, 0x041C, 0x041D, 0x041E, 0x041F, 0x0420, 0x0421, 0x0422, 0x0423,
     0x0424, 0x0425, 0x0426, 0x0427, 0x0428, 0x0429, 0x042A, 0x042B, 0x042C, 0x042D, 0x042E, 0x042F,
     0x0430, 0x0431, 0x0432, 0x0433, 0x0434, 0x0435, 0x0436, 0x0437, 0x0438, 0x0439, 0x043A, 0x043B,
     0x043C, 0x043D, 0x043E, 0x043F, 0x0440, 0x0441, 0x0442, 0x0443, 0x0444, 0x0445, 0x0446, 0x0447,
     0x0448, 0x0449, 0x044A, 0x044B, 0x044C, 0x044D, 0x044E, 0x044F};

static const uint16_t cp866[128] =
    {0x0410, 0x0411, 0x0412, 0x0413, 0x0414, 0x0415, 0x0416, 0x0417, 0x0418, 0x0419, 0x041A, 0x041B,
     0x041C, 0x041D, 0x041E, 0x041F, 0x0420, 0x0421, 0x0422, 0x0423, 0x0424, 0x0425, 0x0426, 0x0427,
     0x0428, 0x0429, 0x042A, 0x042B, 0x042C, 0x042D, 0x042E, 0x042F, 0x0430, 0x0431, 0x0432, 0x0433,
     0x0434, 0x0435, 0x0436, 0x0437, 0x0438, 0x0439, 0x043A, 0x043B, 0x043C, 0x043D, 0x043E, 0x043F,
     0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
     0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
     0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
     0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
     0x0440, 0x0441, 0x0442, 0x0443, 0x0444, 0x0445, 0x0446, 0x0447, 0x0448, 0x0449, 0x044A, 0x044B,
     0x044C, 0x044D, 0x044E, 0x044F, 0x0401, 0x0451, 0x0404, 0x0454, 0x0407, 0x0457, 0x040E, 0x045E,
     0x00B0, 0,      0x00B7, 0,      0x2116, 0x00A4, 0,      0x00A0};

/* One byte a letter; false when the code page lacks one. */
static bool to_code_page(const struct tg_secret *text, const uint16_t *page, struct tg_secret *ret)
{
    const char *p = text->data, *end = p + text->len;
    char *out = tg_secret_room(ret, text->len);
    size_t n = 0;
    while (p < end) {
        uint32_t cp = tg_utf8_next(&p, end);
        unsigned byte = cp;
        if (cp >= 0x80) {
            for (byte = 0; byte < 128 && page[byte] != cp; byte++) {
            }
            if (byte == 128) return false;
            byte += 0x80;
        }
        out[n++] = (char)byte;
    }
    ret->len = n;
    return true;
}

/* Each byte becomes a 16-bit unit: what programs do that know nothing of letters. */
static void widen(const char *bytes, size_t len, struct tg_secret *ret)
{
    char *out = tg_secret_room(ret, 2 * len + 2);
    for (size_t i = 0; i < len; i++)
        out[2 * i + 1] = bytes[i];
}

/* UTF-16BE with surrogates, as OpenSSL writes it. */
static void to_bmp(const struct tg_secret *text, struct tg_secret *ret)
{
    const char *p = text->data, *end = p + text->len;
    char *out = tg_secret_room(ret, 2 * text->len + 2); /* never more units than UTF-8 bytes */
    size_t n = 0;
    while (p < end) {
        uint32_t cp = tg_utf8_next(&p, end);
        uint32_t units[2] = {cp, 0};
        int count = 1;
        if (cp >= 0x10000) {
            units[0] = 0xd800 + ((cp - 0x10000) >> 10);
            units[1] = 0xdc00 + ((cp - 0x10000) & 0x3ff);
            count = 2;
        }
        for (int i = 0; i < count; i++) {
            out[n++] = (char)(units[i] >> 8);
            out[n++] = (char)(units[i] & 0xff);
        }
    }
    ret->len = n + 2;
}

static bool is_ascii(const struct tg_secret *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->data[i] >= 0x80) return false;
    return true;
}

/* A given password that is not UTF-8 is taken as bytes of an unknown code page. */
static bool make_given(struct password *p, const struct tg_secret *text)
{
    bool utf8 = tg_utf8_valid(text->data, text->len);
    bool plain = is_ascii(text);
    if (p->form != PASSWORD_UTF8 && plain) return false;
    if (p->form == PASSWORD_UTF8 && utf8) {
        to_bmp(text, &p->bmp);
        tg_secret_set(&p->raw, text->data, text->len);
        return true;
    }
    if (p->form == PASSWORD_UTF8_WIDENED) {
        tg_secret_set(&p->raw, text->data, text->len);
    } else if (p->form == PASSWORD_UTF8 || !utf8 ||
               !to_code_page(text, p->form == PASSWORD_CP1251 ? cp1251 : cp866, &p->raw)) {
        return false;
    }
    widen(p->raw.data, p->raw.len, &p->bmp);
    return true;
}

bool tg_password_make(struct password *p, const struct tg_secret *text, enum password_form form)
{
    *p = (struct password){.form = form};
    if (form == PASSWORD_NONE) return true;
    if (form == PASSWORD_EMPTY) {
        (void)tg_secret_room(&p->bmp, 2);
        return true;
    }
    if (!text || text->len == 0 || text->len > 1024) return false;
    if (make_given(p, text)) return true;
    tg_password_done(p);
    return false;
}

void tg_password_done(struct password *p)
{
    tg_secret_done(&p->bmp);
    tg_secret_done(&p->raw);
}
