#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "json_private.h"

void seal_put_base64(struct tg_buf *out, struct tg_blob bytes)
{
    tg_buf_putc(out, '"');
    tg_base64(out, bytes.data, bytes.len);
    tg_buf_putc(out, '"');
}

void seal_put_base64_list(struct tg_buf *out, const struct tg_blob *items, size_t n)
{
    tg_buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) tg_buf_putc(out, ',');
        seal_put_base64(out, items[i]);
    }
    tg_buf_putc(out, ']');
}

void seal_put_hashes(struct tg_buf *out, const struct tg_merkle_hash *hashes, size_t n)
{
    tg_buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        tg_buf_puts(out, i ? ",\"" : "\"");
        tg_buf_hex(out, hashes[i].b, sizeof hashes[i].b);
        tg_buf_putc(out, '"');
    }
    tg_buf_putc(out, ']');
}

bool seal_json_has(struct seal_json *j, const char *literal)
{
    size_t n = strlen(literal);
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, literal, n) != 0) return false;
    j->p += n;
    return true;
}

int seal_json_need(struct seal_json *j, const char *literal, struct tg_err *err)
{
    if (seal_json_has(j, literal)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: %s is expected here", j->what, literal);
}

static int next_string(struct seal_json *j, const char **ret, size_t *ret_len, struct tg_err *err)
{
    TG_TRY(seal_json_need(j, "\"", err));
    const char *quote = memchr(j->p, '"', (size_t)(j->end - j->p));
    if (!quote) return TG_FAIL(err, TG_E_INPUT, "%s: a string does not end", j->what);
    *ret = j->p;
    *ret_len = (size_t)(quote - j->p);
    j->p = quote + 1;
    return 0;
}

int seal_json_base64(struct seal_json *j, size_t max, struct tg_blob *ret, struct tg_err *err)
{
    const char *text;
    size_t len;
    TG_TRY(next_string(j, &text, &len, err));
    if (len / 4 * 3 > max + 2)
        return TG_FAIL(err, TG_E_LIMIT, "%s: a field is longer than %zu bytes", j->what, max);
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(len + 4);
    int rc = tg_unbase64(text, len, &bytes, err);
    if (rc < 0 || bytes.len > max || bytes.len > j->room_left)
        return TG_FAIL(err, TG_E_INPUT, "%s: not padded base64 of at most %zu bytes", j->what, max);
    if (bytes.len) memcpy(j->room, bytes.data, bytes.len);
    *ret = TG_BLOB(j->room, bytes.len);
    j->room += bytes.len;
    j->room_left -= bytes.len;
    return 0;
}

int seal_json_list(struct seal_json *j, size_t max_each, struct tg_blob *ret, size_t max_count,
                   size_t *ret_count, struct tg_err *err)
{
    size_t n = 0;
    TG_TRY(seal_json_need(j, "[", err));
    while (!seal_json_has(j, "]")) {
        if (n == max_count)
            return TG_FAIL(err, TG_E_LIMIT, "%s: a list has more than %zu items", j->what,
                           max_count);
        if (n) TG_TRY(seal_json_need(j, ",", err));
        TG_TRY(seal_json_base64(j, max_each, &ret[n], err));
        n++;
    }
    *ret_count = n;
    return 0;
}

int seal_json_hashes(struct seal_json *j, struct tg_merkle_hash *ret, size_t max_count,
                     size_t *ret_count, struct tg_err *err)
{
    size_t n = 0;
    TG_TRY(seal_json_need(j, "[", err));
    while (!seal_json_has(j, "]")) {
        const char *text;
        size_t len;
        if (n == max_count)
            return TG_FAIL(err, TG_E_LIMIT, "%s: the proof has more than %zu hashes", j->what,
                           max_count);
        if (n) TG_TRY(seal_json_need(j, ",", err));
        TG_TRY(next_string(j, &text, &len, err));
        if (len != 2 * TG_SHA256 || !tg_unhex(text, len, ret[n].b))
            return TG_FAIL(err, TG_E_INPUT, "%s: proof: not a SHA-256 in hex", j->what);
        n++;
    }
    *ret_count = n;
    return 0;
}

int seal_json_number(struct seal_json *j, uint32_t max, uint32_t *ret, struct tg_err *err)
{
    const char *from = j->p;
    uint64_t value;
    while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
        j->p++;
    if (!tg_parse_u64(from, (size_t)(j->p - from), max, &value))
        return TG_FAIL(err, TG_E_INPUT, "%s: not a number up to %u", j->what, max);
    *ret = (uint32_t)value;
    return 0;
}
