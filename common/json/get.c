#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/times.h"
#include "json/json.h"

bool tg_json_has(const json_t *obj, const char *key)
{
    const json_t *value = json_object_get(obj, key);
    return value && !json_is_null(value);
}

static int need(const json_t *obj, const char *key, const json_t **ret, struct tg_err *err)
{
    if (!tg_json_has(obj, key)) return TG_FAIL(err, TG_E_INPUT, "field \"%s\": missing", key);
    *ret = json_object_get(obj, key);
    return 0;
}

static int refuse(const char *key, const char *wanted, struct tg_err *err)
{
    return TG_FAIL(err, TG_E_INPUT, "field \"%s\": must be %s", key, wanted);
}

int tg_json_str(const json_t *obj, const char *key, size_t max_len, const char **ret,
                struct tg_err *err)
{
    const json_t *value = NULL;
    TG_TRY(need(obj, key, &value, err));
    if (!json_is_string(value)) return refuse(key, "a string", err);
    if (json_string_length(value) > max_len)
        return TG_FAIL(err, TG_E_LIMIT, "field \"%s\": longer than %zu bytes", key, max_len);
    *ret = json_string_value(value);
    return 0;
}

int tg_json_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
                struct tg_err *err)
{
    const json_t *value = NULL;
    TG_TRY(need(obj, key, &value, err));
    if (!json_is_integer(value)) return refuse(key, "an integer", err);
    int64_t number = json_integer_value(value);
    if (number < min || number > max)
        return TG_FAIL(err, TG_E_INPUT, "field \"%s\": %lld is not within %lld..%lld", key,
                       (long long)number, (long long)min, (long long)max);
    *ret = number;
    return 0;
}

int tg_json_bool(const json_t *obj, const char *key, bool *ret, struct tg_err *err)
{
    const json_t *value = NULL;
    TG_TRY(need(obj, key, &value, err));
    if (!json_is_boolean(value)) return refuse(key, "true or false", err);
    *ret = json_is_true(value);
    return 0;
}

int tg_json_array(const json_t *obj, const char *key, size_t max_count, const json_t **ret,
                  struct tg_err *err)
{
    const json_t *value = NULL;
    TG_TRY(need(obj, key, &value, err));
    if (!json_is_array(value)) return refuse(key, "an array", err);
    if (json_array_size(value) > max_count)
        return TG_FAIL(err, TG_E_LIMIT, "field \"%s\": more than %zu elements", key, max_count);
    *ret = value;
    return 0;
}

int tg_json_object(const json_t *obj, const char *key, const json_t **ret, struct tg_err *err)
{
    const json_t *value = NULL;
    TG_TRY(need(obj, key, &value, err));
    if (!json_is_object(value)) return refuse(key, "an object", err);
    *ret = value;
    return 0;
}

int tg_json_hex256(const json_t *obj, const char *key, const char **ret, struct tg_err *err)
{
    const char *text = NULL;
    TG_TRY(tg_json_str(obj, key, TG_HEX256 - 1, &text, err));
    if (!tg_is_hex(text, TG_HEX256 - 1)) return refuse(key, "64 lower-case hex digits", err);
    *ret = text;
    return 0;
}

int tg_json_hash(const json_t *obj, const char *key, uint8_t ret[TG_SHA256], struct tg_err *err)
{
    const char *text = NULL;
    TG_TRY(tg_json_hex256(obj, key, &text, err));
    TG_CHECK(tg_unhex(text, TG_HEX256 - 1, ret));
    return 0;
}

int tg_json_time(const json_t *obj, const char *key, int64_t *ret, struct tg_err *err)
{
    const char *text = NULL;
    TG_TRY(tg_json_str(obj, key, TG_TIME - 1, &text, err));
    if (!tg_time_parse(text, strlen(text), ret))
        return refuse(key, "a time like 2026-01-31T23:59:59Z", err);
    return 0;
}

int tg_json_base64(const json_t *obj, const char *key, struct tg_buf *ret, struct tg_err *err)
{
    const char *text = NULL;
    TG_TRY(tg_json_str(obj, key, SIZE_MAX, &text, err));
    int rc = tg_unbase64(text, strlen(text), ret, err);
    return rc < 0 && err ? tg_err_wrap(err, "field \"%s\"", key) : rc;
}

int tg_json_opt_str(const json_t *obj, const char *key, size_t max_len, const char **ret,
                    struct tg_err *err)
{
    return tg_json_has(obj, key) ? tg_json_str(obj, key, max_len, ret, err) : 0;
}

int tg_json_opt_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
                    struct tg_err *err)
{
    return tg_json_has(obj, key) ? tg_json_int(obj, key, min, max, ret, err) : 0;
}

int tg_json_opt_bool(const json_t *obj, const char *key, bool *ret, struct tg_err *err)
{
    return tg_json_has(obj, key) ? tg_json_bool(obj, key, ret, err) : 0;
}

int tg_json_opt_array(const json_t *obj, const char *key, size_t max_count, const json_t **ret,
                      struct tg_err *err)
{
    return tg_json_has(obj, key) ? tg_json_array(obj, key, max_count, ret, err) : 0;
}

int tg_json_opt_object(const json_t *obj, const char *key, const json_t **ret, struct tg_err *err)
{
    return tg_json_has(obj, key) ? tg_json_object(obj, key, ret, err) : 0;
}

int tg_json_opt_time(const json_t *obj, const char *key, int64_t *ret, struct tg_err *err)
{
    return tg_json_has(obj, key) ? tg_json_time(obj, key, ret, err) : 0;
}

int tg_json_item_str(const json_t *array, const char *key, size_t index, size_t max_len,
                     const char **ret, struct tg_err *err)
{
    const json_t *value = json_array_get(array, index);
    if (!json_is_string(value))
        return TG_FAIL(err, TG_E_INPUT, "field \"%s\"[%zu]: must be a string", key, index);
    if (json_string_length(value) > max_len)
        return TG_FAIL(err, TG_E_LIMIT, "field \"%s\"[%zu]: longer than %zu bytes", key, index,
                       max_len);
    *ret = json_string_value(value);
    return 0;
}

static bool is_known(const char *key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

int tg_json_only_keys(const json_t *obj, const char *const *keys, size_t count, struct tg_err *err)
{
    json_t *mutable = (json_t *)obj; /* jansson's iterators take no const; nothing is changed */
    for (void *it = json_object_iter(mutable); it; it = json_object_iter_next(mutable, it)) {
        const char *key = json_object_iter_key(it);
        if (is_known(key, keys, count)) continue;
        const char *near = tg_nearest(key, keys, count);
        if (near)
            return TG_FAIL(err, TG_E_INPUT, "unknown field %s, did you mean \"%s\"?", tg_q(key),
                           near);
        return TG_FAIL(err, TG_E_INPUT, "unknown field %s", tg_q(key));
    }
    return 0;
}
