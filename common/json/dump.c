#include <string.h>

#include "json/json.h"

static void dump(struct tg_jw *w, const json_t *value, bool sorted);

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **keys_of(json_t *obj, size_t count)
{
    const char **keys = tg_calloc(count, sizeof *keys);
    size_t n = 0;
    for (void *it = json_object_iter(obj); it; it = json_object_iter_next(obj, it))
        keys[n++] = json_object_iter_key(it);
    return keys;
}

static void dump_object(struct tg_jw *w, const json_t *value, bool sorted)
{
    json_t *obj = (json_t *)value; /* jansson's iterators take no const; nothing is changed */
    size_t count = json_object_size(obj);
    TG_AUTO(mem) const char **keys = keys_of(obj, count);
    if (sorted) qsort(keys, count, sizeof *keys, by_key);
    tg_jw_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        tg_jw_key(w, keys[i]);
        dump(w, json_object_get(obj, keys[i]), sorted);
    }
    tg_jw_end(w);
}

static void dump_array(struct tg_jw *w, const json_t *value, bool sorted)
{
    tg_jw_begin_array(w);
    for (size_t i = 0; i < json_array_size(value); i++)
        dump(w, json_array_get(value, i), sorted);
    tg_jw_end(w);
}

/* 17 digits come back as the same double; a whole one keeps its point, so that it stays a real. */
static void dump_real(struct tg_jw *w, double value)
{
    char text[40];
    int len = snprintf(text, sizeof text - 2, "%.17g", value);
    TG_CHECK(len > 0);
    if (!strpbrk(text, ".e")) memcpy(text + len, ".0", 3);
    tg_jw_raw(w, text, strlen(text));
}

static void dump(struct tg_jw *w, const json_t *value, bool sorted)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        dump_object(w, value, sorted);
        break;
    case JSON_ARRAY:
        dump_array(w, value, sorted);
        break;
    case JSON_STRING:
        tg_jw_strn(w, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        tg_jw_int(w, json_integer_value(value));
        break;
    case JSON_REAL:
        dump_real(w, json_real_value(value));
        break;
    case JSON_TRUE:
        tg_jw_bool(w, true);
        break;
    case JSON_FALSE:
        tg_jw_bool(w, false);
        break;
    case JSON_NULL:
        tg_jw_null(w);
        break;
    }
}

void tg_json_dump(const json_t *value, struct tg_buf *out)
{
    struct tg_jw w;
    tg_jw_init(&w, out);
    dump(&w, value, false);
}

void tg_json_dump_sorted(const json_t *value, struct tg_buf *out)
{
    struct tg_jw w;
    tg_jw_init(&w, out);
    dump(&w, value, true);
}
