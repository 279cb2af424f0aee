#include "base/log.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/times.h"

enum { LINE_MAX_BYTES = 4096, Q_INPUT = 200, Q_SIZE = Q_INPUT * 6 + 8, Q_COUNT = 8 };

static struct {
    enum tg_log_level level;
    enum tg_log_format format;
    int64_t (*now)(void);
} setup = {.level = TG_LOG_INFO};

void tg_log_setup(enum tg_log_level level, enum tg_log_format format, int64_t (*now)(void))
{
    setup.level = level;
    setup.format = format;
    setup.now = now;
}

static const char *level_word(enum tg_log_level level)
{
    switch (level) {
    case TG_LOG_DEBUG:
        return "debug";
    case TG_LOG_INFO:
        return "info";
    case TG_LOG_WARN:
        return "warn";
    case TG_LOG_ERROR:
        break;
    }
    return "error";
}

/* One character inside of quotes; the same escapes serve logfmt and JSON. */
static size_t quote_char(char *out, uint32_t cp)
{
    static const char digits[] = "0123456789abcdef";
    if (cp == '"' || cp == '\\') {
        out[0] = '\\';
        out[1] = (char)cp;
        return 2;
    }
    if (cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0)) return (size_t)tg_utf8_put(cp, out);
    char escape[6] = {'\\', 'u', '0', '0', digits[cp >> 4 & 15], digits[cp & 15]};
    memcpy(out, escape, sizeof escape);
    return sizeof escape;
}

const char *tg_q(const char *text)
{
    static _Thread_local char room[Q_COUNT][Q_SIZE];
    static _Thread_local unsigned turn;
    char *out = room[turn++ % Q_COUNT];
    size_t n = 0, len = text ? strnlen(text, Q_INPUT + 1) : 0;
    bool cut = len > Q_INPUT;
    if (cut) {
        len = Q_INPUT;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    out[n++] = '"';
    const char *p = text, *end = text ? text + len : text;
    while (p < end)
        n += quote_char(out + n, tg_utf8_next(&p, end));
    if (cut) {
        memcpy(out + n, "...", 3);
        n += 3;
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

/* A careless value must not start a second line or move a terminal's cursor. */
static void defuse(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
}

/* End of the value at p: a quoted one may hold blanks. */
static const char *value_end(const char *p)
{
    if (*p != '"') return p + strcspn(p, " ");
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1]) p++;
    return *p ? p + 1 : p;
}

static void put_json_value(struct tg_buf *line, const char *value, size_t len)
{
    uint64_t number;
    bool quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';
    bool digits = tg_parse_u64(value, len, INT64_MAX, &number);
    if (quoted || digits) {
        tg_buf_add(line, value, len);
        return;
    }
    const char *p = value, *end = value + len;
    tg_buf_putc(line, '"');
    while (p < end) {
        char escaped[8];
        tg_buf_add(line, escaped, quote_char(escaped, tg_utf8_next(&p, end)));
    }
    tg_buf_putc(line, '"');
}

/* `key=value key2="two words"` -> `,"key":"value","key2":"two words"` */
static void put_json_pairs(struct tg_buf *line, const char *p)
{
    while (*(p += strspn(p, " "))) {
        size_t key = strcspn(p, "= ");
        tg_buf_putc(line, ',');
        put_json_value(line, p, key);
        tg_buf_putc(line, ':');
        p += key;
        if (*p == '=') p++;
        const char *end = value_end(p);
        put_json_value(line, p, (size_t)(end - p));
        p = end;
    }
}

static void put_line(struct tg_buf *line, enum tg_log_level level, const char *room,
                     const char *event, const char *pairs)
{
    char at[TG_TIME] = "-";
    if (setup.now) tg_time_print(setup.now(), at);
    if (setup.format == TG_LOG_JSON) {
        tg_buf_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"room\":\"%s\",\"event\":\"%s\"", at,
                      level_word(level), room, event);
        put_json_pairs(line, pairs);
        tg_buf_puts(line, "}\n");
        return;
    }
    tg_buf_printf(line, "%s %s %s %s%s%s\n", at, level_word(level), room, event, *pairs ? " " : "",
                  pairs);
}

void tg_log(enum tg_log_level level, const char *room, const char *event, const char *pairs, ...)
{
    if (level < setup.level) return;
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, pairs);
    int len = vsnprintf(text, sizeof text, pairs, args);
    va_end(args);
    if (len < 0) text[0] = '\0';
    defuse(text);
    struct tg_buf line = TG_BUF(8 * LINE_MAX_BYTES);
    put_line(&line, level, room, event, text);
    /* One write: lines of several threads and processes never mix. There is nobody to tell if it
     * fails. */
    ssize_t ignored = write(STDERR_FILENO, line.data, line.len);
    (void)ignored;
    tg_buf_done(&line);
}

void tg_log_err(enum tg_log_level level, const char *room, const char *event,
                const struct tg_err *err)
{
    tg_log(level, room, event, "code=%s next=%s text=%s at=%s:%d", tg_code_word(err->code),
           tg_next_word(tg_code_next(err->code)), tg_q(err->text), err->file ? err->file : "-",
           err->line);
}
