#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "yaml_in.h"

static const struct {
    char letter;
    int64_t seconds;
} units[] = {{'y', 365 * 86400}, {'d', 86400}, {'h', 3600}, {'m', 60}};

enum { MAX_DURATION_YEARS = 100 };
static const int64_t max_duration_s = (int64_t)MAX_DURATION_YEARS * 365 * 86400;

bool tg_duration_parse(const char *text, int64_t *ret_s)
{
    size_t len = strlen(text);
    if (strcmp(text, "0") == 0) {
        *ret_s = 0;
        return true;
    }
    if (len < 2) return false;
    for (size_t i = 0; i < TG_COUNT(units); i++) {
        uint64_t number;
        if (text[len - 1] != units[i].letter) continue;
        if (!tg_parse_u64(text, len - 1, (uint64_t)(max_duration_s / units[i].seconds), &number))
            return false;
        *ret_s = (int64_t)number * units[i].seconds;
        return true;
    }
    return false;
}

void tg_duration_print(int64_t seconds, char ret[TG_DURATION])
{
    if (seconds <= 0) {
        snprintf(ret, TG_DURATION, "0");
        return;
    }
    int64_t whole = (seconds + 59) / 60 * 60;
    size_t i = 0;
    while (whole % units[i].seconds)
        i++;
    snprintf(ret, TG_DURATION, "%lld%c", (long long)(whole / units[i].seconds), units[i].letter);
}

const char *yaml_shown(const char *text, size_t len)
{
    static _Thread_local char buffers[4][YAML_MAX_SHOWN + 8];
    static _Thread_local unsigned turn;
    char *out = buffers[turn++ % 4];
    const char *p = text, *end = text + len;
    size_t used = 0;
    while (p < end && used + 4 <= YAML_MAX_SHOWN) {
        uint32_t cp = tg_utf8_next(&p, end);
        char bytes[4];
        int n = tg_utf8_put(cp, bytes);
        if (n <= 0 || !tg_utf8_clean(bytes, (size_t)n)) {
            out[used++] = '?';
            continue;
        }
        memcpy(out + used, bytes, (size_t)n);
        used += (size_t)n;
    }
    memcpy(out + used, p < end ? "..." : "", p < end ? 4 : 1);
    return out;
}

/* What is wrong with a value: a sentence for the complaint, and perhaps the likely word. */
struct wrong {
    char text[200];
    const char *suggestion;
};

static bool bad(struct wrong *w, const char *suggestion, const char *fmt, ...) TG_PRINTF(3, 4);
static bool bad(struct wrong *w, const char *suggestion, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->text, sizeof(w->text), fmt, args);
    va_end(args);
    w->suggestion = suggestion;
    return false;
}

static bool to_text(struct tg_yaml *y, const struct tg_yaml_key *key, const char *text, size_t len,
                    void *slot, struct wrong *w)
{
    size_t max = key->max ? (size_t)key->max : YAML_MAX_TEXT;
    if (strlen(text) != len || !tg_utf8_clean(text, len))
        return bad(w, NULL, "'%s' holds control or invisible characters", yaml_shown(text, len));
    if (len < (size_t)key->min)
        return bad(w, NULL, "'%s' is shorter than %lld bytes", yaml_shown(text, len),
                   (long long)key->min);
    if (len > max) return bad(w, NULL, "'%s' is longer than %zu bytes", yaml_shown(text, len), max);
    const char *why = key->wrong ? key->wrong(text) : NULL;
    if (why) return bad(w, NULL, "'%s' %s", yaml_shown(text, len), why);
    *(const char **)slot = tg_yaml_text(y, text);
    return true;
}

static bool to_bool(const char *text, size_t len, void *slot, struct wrong *w)
{
    static const char *const words[] = {"yes", "no", "true", "false"};
    for (size_t i = 0; i < TG_COUNT(words); i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *(bool *)slot = i % 2 == 0;
        return true;
    }
    return bad(w, tg_nearest(text, words, TG_COUNT(words)), "'%s' is neither yes nor no",
               yaml_shown(text, len));
}

static bool to_word(const struct tg_yaml_key *key, const char *text, size_t len, int *slot,
                    struct wrong *w)
{
    const char *words[YAML_MAX_KEYS];
    size_t count = 0;
    struct tg_buf list = TG_BUF(120);
    for (const struct tg_yaml_word *it = key->words; it->word && count < TG_COUNT(words); it++) {
        if (strcmp(text, it->word) == 0) {
            *slot = it->value;
            tg_buf_done(&list);
            return true;
        }
        tg_buf_printf(&list, "%s%s", count ? ", " : "", it->word);
        words[count++] = it->word;
    }
    bad(w, tg_nearest(text, words, count), "'%s' is none of %s", yaml_shown(text, len),
        tg_buf_text(&list));
    tg_buf_done(&list);
    return false;
}

static bool within(const struct tg_yaml_key *key, const char *text, int64_t number, const char *low,
                   const char *high, struct wrong *w)
{
    if (!key->min && !key->max) return true;
    if (number < key->min) return bad(w, NULL, "'%s' is less than %s", text, low);
    if (number > key->max) return bad(w, NULL, "'%s' is more than %s", text, high);
    return true;
}

static bool to_int(const struct tg_yaml_key *key, const char *text, size_t len, int64_t *slot,
                   struct wrong *w)
{
    bool minus = text[0] == '-';
    uint64_t number;
    if (!tg_parse_u64(text + minus, len - minus, INT64_MAX, &number))
        return bad(w, NULL, "'%s' is not a whole number", yaml_shown(text, len));
    int64_t value = minus ? -(int64_t)number : (int64_t)number;
    char low[24], high[24];
    snprintf(low, sizeof(low), "%lld", (long long)key->min);
    snprintf(high, sizeof(high), "%lld", (long long)key->max);
    if (!within(key, text, value, low, high, w)) return false;
    *slot = value;
    return true;
}

/* "30 d", "30D", "30days" -> "30d". */
static const char *likely_duration(const char *text)
{
    static _Thread_local char likely[16];
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 9) return NULL;
    const char *unit = text + digits + strspn(text + digits, " ");
    char letter = (char)(*unit | 0x20);
    if (!*unit || !strchr("ydhm", letter)) return NULL;
    if (strncmp(unit, "mo", 2) == 0) return NULL; /* a month is no unit, and not a minute */
    snprintf(likely, sizeof(likely), "%.*s%c", (int)digits, text, letter);
    return strcmp(likely, text) == 0 ? NULL : likely;
}

static bool to_duration(const struct tg_yaml_key *key, const char *text, size_t len, int64_t *slot,
                        struct wrong *w)
{
    int64_t seconds;
    char low[TG_DURATION], high[TG_DURATION];
    if (!tg_duration_parse(text, &seconds))
        return bad(w, likely_duration(text),
                   "'%s' is no duration: a number and y, d, h or m (minutes), up to 100y",
                   yaml_shown(text, len));
    tg_duration_print(key->min, low);
    tg_duration_print(key->max, high);
    if (!within(key, text, seconds, low, high, w)) return false;
    *slot = seconds;
    return true;
}

static bool to_percent(const char *text, size_t len, int64_t *slot, struct wrong *w)
{
    uint64_t number;
    if (len < 2 || text[len - 1] != '%' || !tg_parse_u64(text, len - 1, 100, &number))
        return bad(w, NULL, "'%s' is no percentage from 0%% to 100%%", yaml_shown(text, len));
    *slot = (int64_t)number;
    return true;
}

static bool convert(struct tg_yaml *y, const struct tg_yaml_key *key, const char *text, size_t len,
                    void *slot, struct wrong *w)
{
    switch (key->kind) {
    case TG_YAML_TEXT:
    case TG_YAML_TEXTS:
        return to_text(y, key, text, len, slot, w);
    case TG_YAML_INT:
        return to_int(key, text, len, slot, w);
    case TG_YAML_BOOL:
        return to_bool(text, len, slot, w);
    case TG_YAML_ENUM:
    case TG_YAML_ENUMS:
        return to_word(key, text, len, slot, w);
    case TG_YAML_DURATION:
    case TG_YAML_DURATIONS:
        return to_duration(key, text, len, slot, w);
    case TG_YAML_PERCENT:
    case TG_YAML_PERCENTS:
        return to_percent(text, len, slot, w);
    case TG_YAML_MAP:
    case TG_YAML_MAPS:
        break;
    }
    tg_check_failed("a map is no scalar", __FILE__, __LINE__);
}

static bool is_empty(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    return node->data.scalar.length == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

bool yaml_read_scalar(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_key *key,
                      void *slot)
{
    if (node->type != YAML_SCALAR_NODE) {
        yaml_complain_at(r, &node->start_mark, key->name, NULL, "one value belongs here, not a %s",
                         node->type == YAML_MAPPING_NODE ? "map" : "list");
        return false;
    }
    if (is_empty(node)) {
        yaml_complain_at(r, &node->start_mark, key->name, NULL, "it has no value");
        return false;
    }
    struct wrong w = {.suggestion = NULL};
    if (convert(r->y, key, (const char *)node->data.scalar.value, node->data.scalar.length, slot,
                &w))
        return true;
    yaml_complain_at(r, &node->start_mark, key->name, w.suggestion, "%s", w.text);
    return false;
}

void yaml_default_scalar(struct tg_yaml *y, const struct tg_yaml_key *key, void *slot)
{
    struct wrong w = {.suggestion = NULL};
    TG_CHECK(convert(y, key, key->otherwise, strlen(key->otherwise), slot, &w));
}
