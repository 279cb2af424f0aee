#include "text.h"

#include "base/bytes.h"
#include "base/str.h"
#include "base/times.h"

static bool is_ascii_text(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c != '\n' && (c < 0x20 || c > 0x7e)) return false;
    }
    return true;
}

int seal_text_open(struct seal_text *t, const char *name, struct seal_value whole, size_t max,
                   const char *first, struct tg_err *err)
{
    *t = (struct seal_text){.name = name, .p = whole.p, .end = whole.p + whole.len};
    if (whole.len > max)
        return TG_FAIL(err, TG_E_LIMIT, "%s: %zu bytes, at most %zu", name, whole.len, max);
    if (whole.len == 0 || whole.p[whole.len - 1] != '\n')
        return TG_FAIL(err, TG_E_INPUT, "%s: the last line does not end", name);
    if (!is_ascii_text(whole.p, whole.len))
        return TG_FAIL(err, TG_E_INPUT, "%s: not plain ASCII lines", name);
    struct seal_value rest;
    if (!seal_text_has(t, first, &rest) || rest.len != 0)
        return TG_FAIL(err, TG_E_VERSION, "%s: the first line is not \"%s\"", name, first);
    return 0;
}

bool seal_text_next(const struct seal_text *t, const char *prefix)
{
    size_t n = strlen(prefix);
    return (size_t)(t->end - t->p) >= n && memcmp(t->p, prefix, n) == 0;
}

bool seal_text_has(struct seal_text *t, const char *prefix, struct seal_value *ret)
{
    if (t->p >= t->end || !seal_text_next(t, prefix)) return false;
    const char *from = t->p + strlen(prefix);
    const char *lf = memchr(from, '\n', (size_t)(t->end - from));
    if (!lf) return false;
    *ret = (struct seal_value){from, (size_t)(lf - from)};
    t->p = lf + 1;
    t->line++;
    return true;
}

int seal_text_bad(const struct seal_text *t, struct tg_err *err, const char *what)
{
    return TG_FAIL(err, TG_E_INPUT, "%s: line %u: %s", t->name, t->line, what);
}

int seal_text_need(struct seal_text *t, const char *prefix, struct seal_value *ret,
                   struct tg_err *err)
{
    if (seal_text_has(t, prefix, ret)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: line %u: \"%s\" is expected here", t->name, t->line + 1,
                   prefix);
}

int seal_text_hex(struct seal_text *t, const char *prefix, size_t digits, char *ret,
                  struct tg_err *err)
{
    struct seal_value v;
    TG_TRY(seal_text_need(t, prefix, &v, err));
    if (seal_value_hex(v, digits, ret)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: line %u: %s is not %zu lower-case hex digits", t->name,
                   t->line, prefix, digits);
}

int seal_text_time(struct seal_text *t, const char *prefix, int64_t *ret, struct tg_err *err)
{
    struct seal_value v;
    TG_TRY(seal_text_need(t, prefix, &v, err));
    if (tg_time_parse(v.p, v.len, ret)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: line %u: %s is not a time YYYY-MM-DDThh:mm:ssZ", t->name,
                   t->line, prefix);
}

int seal_text_number(struct seal_text *t, const char *prefix, uint64_t max, uint64_t *ret,
                     struct tg_err *err)
{
    struct seal_value v;
    TG_TRY(seal_text_need(t, prefix, &v, err));
    if (tg_parse_u64(v.p, v.len, max, ret)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: line %u: %s is not a number up to %llu", t->name, t->line,
                   prefix, (unsigned long long)max);
}

int seal_text_close(const struct seal_text *t, struct tg_err *err)
{
    if (t->p == t->end) return 0;
    const char *lf = memchr(t->p, '\n', (size_t)(t->end - t->p));
    int n = (int)(lf && lf - t->p < 60 ? lf - t->p : 60);
    if (n > t->end - t->p) n = (int)(t->end - t->p);
    return TG_FAIL(err, TG_E_INPUT, "%s: line %u: unknown or out of order: \"%.*s\"", t->name,
                   t->line + 1, n, t->p);
}

bool seal_value_hex(struct seal_value v, size_t digits, char *ret)
{
    if (v.len != digits) return false;
    memcpy(ret, v.p, digits);
    ret[digits] = '\0';
    return tg_is_hex(ret, digits);
}

bool seal_value_word(struct seal_value *v, struct seal_value *ret_word)
{
    const char *blank = memchr(v->p, ' ', v->len);
    if (!blank) return false;
    *ret_word = (struct seal_value){v->p, (size_t)(blank - v->p)};
    v->len -= ret_word->len + 1;
    v->p = blank + 1;
    return true;
}

bool seal_value_is(struct seal_value v, const char *text)
{
    return v.len == strlen(text) && memcmp(v.p, text, v.len) == 0;
}

bool seal_value_copy(struct seal_value v, char *ret, size_t size)
{
    return tg_copyn(ret, size, v.p, v.len);
}

int seal_same(const char *name, const struct tg_buf *again, const void *text, size_t len,
              struct tg_err *err)
{
    TG_TRY(tg_buf_ok(again, err));
    if (again->len == len && (len == 0 || memcmp(again->data, text, len) == 0)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: not the one spelling of its content", name);
}

int seal_named(int rc, const char *check, struct tg_err *err)
{
    if (rc < 0 && err) tg_err_wrap(err, "%s", check);
    return rc;
}
