#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "base/times.h"
#include "json/json.h"

/* Length of the run at p that may be copied as it is. */
static size_t plain_run(const unsigned char *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] >= 0x20 && p[n] < 0x80 && p[n] != '"' && p[n] != '\\')
        n++;
    return n;
}

static void put_special(struct tg_buf *out, uint32_t cp)
{
    static const char digits[] = "0123456789abcdef";
    if (cp == '"' || cp == '\\') {
        const char escape[2] = {'\\', (char)cp};
        tg_buf_add(out, escape, sizeof escape);
    } else if (cp < 0x20) {
        const char escape[6] = {'\\', 'u', '0', '0', digits[cp >> 4], digits[cp & 15]};
        tg_buf_add(out, escape, sizeof escape);
    } else {
        char utf8[4];
        tg_buf_add(out, utf8, (size_t)tg_utf8_put(cp, utf8));
    }
}

void tg_json_quote(struct tg_buf *out, const void *bytes, size_t len)
{
    const char *p = bytes, *end = len ? p + len : p;
    tg_buf_putc(out, '"');
    while (p < end) {
        size_t run = plain_run((const unsigned char *)p, (size_t)(end - p));
        tg_buf_add(out, p, run);
        p += run;
        if (p < end) put_special(out, tg_utf8_next(&p, end));
    }
    tg_buf_putc(out, '"');
}

void tg_jw_init(struct tg_jw *w, struct tg_buf *out)
{
    *w = (struct tg_jw){.out = out};
}

static void before_value(struct tg_jw *w)
{
    if (w->object[w->depth]) {
        TG_CHECK(w->after_key);
        w->after_key = false;
        return;
    }
    TG_CHECK(w->depth > 0 || !w->any[0]); /* one value at the top */
    if (w->any[w->depth]) tg_buf_putc(w->out, ',');
    w->any[w->depth] = true;
}

static void begin(struct tg_jw *w, bool object)
{
    before_value(w);
    TG_CHECK(w->depth < TG_JW_DEPTH);
    w->depth++;
    w->any[w->depth] = false;
    w->object[w->depth] = object;
    tg_buf_putc(w->out, object ? '{' : '[');
}

void tg_jw_begin_object(struct tg_jw *w)
{
    begin(w, true);
}

void tg_jw_begin_array(struct tg_jw *w)
{
    begin(w, false);
}

void tg_jw_end(struct tg_jw *w)
{
    TG_CHECK(w->depth > 0 && !w->after_key);
    tg_buf_putc(w->out, w->object[w->depth] ? '}' : ']');
    w->depth--;
}

void tg_jw_key(struct tg_jw *w, const char *key)
{
    TG_CHECK(w->object[w->depth] && !w->after_key);
    if (w->any[w->depth]) tg_buf_putc(w->out, ',');
    w->any[w->depth] = true;
    w->after_key = true;
    tg_json_quote(w->out, key, strlen(key));
    tg_buf_putc(w->out, ':');
}

void tg_jw_str(struct tg_jw *w, const char *text)
{
    if (text)
        tg_jw_strn(w, text, strlen(text));
    else
        tg_jw_null(w);
}

void tg_jw_strn(struct tg_jw *w, const void *bytes, size_t len)
{
    before_value(w);
    tg_json_quote(w->out, bytes, len);
}

void tg_jw_int(struct tg_jw *w, int64_t value)
{
    before_value(w);
    tg_buf_printf(w->out, "%" PRId64, value);
}

void tg_jw_bool(struct tg_jw *w, bool value)
{
    before_value(w);
    tg_buf_puts(w->out, value ? "true" : "false");
}

void tg_jw_null(struct tg_jw *w)
{
    before_value(w);
    tg_buf_puts(w->out, "null");
}

void tg_jw_time(struct tg_jw *w, int64_t at)
{
    char text[TG_TIME];
    tg_time_print(at, text);
    tg_jw_strn(w, text, TG_TIME - 1);
}

void tg_jw_hex(struct tg_jw *w, const void *bytes, size_t len)
{
    before_value(w);
    tg_buf_putc(w->out, '"');
    tg_buf_hex(w->out, bytes, len);
    tg_buf_putc(w->out, '"');
}

void tg_jw_base64(struct tg_jw *w, const void *bytes, size_t len)
{
    before_value(w);
    tg_buf_putc(w->out, '"');
    tg_base64(w->out, bytes, len);
    tg_buf_putc(w->out, '"');
}

void tg_jw_raw(struct tg_jw *w, const void *json, size_t len)
{
    before_value(w);
    tg_buf_add(w->out, json, len);
}

void tg_jw_value(struct tg_jw *w, const json_t *value)
{
    before_value(w);
    tg_json_dump(value, w->out);
}

void tg_jw_kstr(struct tg_jw *w, const char *key, const char *text)
{
    tg_jw_key(w, key);
    tg_jw_str(w, text);
}

void tg_jw_kint(struct tg_jw *w, const char *key, int64_t value)
{
    tg_jw_key(w, key);
    tg_jw_int(w, value);
}

void tg_jw_kbool(struct tg_jw *w, const char *key, bool value)
{
    tg_jw_key(w, key);
    tg_jw_bool(w, value);
}

void tg_jw_ktime(struct tg_jw *w, const char *key, int64_t at)
{
    tg_jw_key(w, key);
    tg_jw_time(w, at);
}
