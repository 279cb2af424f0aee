#include <string.h>

#include "base/limits.h"
#include "json/json.h"

/* jansson's own depth limit is 2,048, and it counts nothing: refuse what is too deep or too many
 * before it allocates. Brackets inside of strings do not count; what is no JSON at all is left to
 * the parser. */
static int check_shape(const char *p, size_t len, struct tg_err *err)
{
    size_t depth = 0, values = 1;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"') in_string = true;
        if (c == ',' || c == ':' || c == '[' || c == '{') values++;
        if ((c == '[' || c == '{') && ++depth > TG_MAX_DEPTH)
            return TG_FAIL(err, TG_E_LIMIT, "json: nested deeper than %d at byte %zu", TG_MAX_DEPTH,
                           i);
        if ((c == ']' || c == '}') && depth > 0) depth--;
    }
    if (values > TG_MAX_JSON_VALUES)
        return TG_FAIL(err, TG_E_LIMIT, "json: more than %d values", TG_MAX_JSON_VALUES);
    return 0;
}

int tg_json_parse(const void *bytes, size_t len, size_t max_len, json_t **ret_, struct tg_err *err)
{
    if (len > max_len)
        return TG_FAIL(err, TG_E_LIMIT, "json: %zu bytes are more than the %zu allowed", len,
                       max_len);
    TG_TRY(check_shape(bytes, len, err));
    json_error_t why;
    json_t *value =
        json_loadb(len ? bytes : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!value)
        return TG_FAIL(err, TG_E_INPUT, "json: line %d, column %d: %s", why.line, why.column,
                       why.text);
    *ret_ = value;
    return 0;
}

int tg_json_parse_object(const void *bytes, size_t len, size_t max_len, json_t **ret_,
                         struct tg_err *err)
{
    TG_AUTO(json) json_t *value = NULL;
    TG_TRY(tg_json_parse(bytes, len, max_len, &value, err));
    if (!json_is_object(value)) return TG_FAIL(err, TG_E_INPUT, "json: not an object");
    *ret_ = TG_TAKE(value);
    return 0;
}
