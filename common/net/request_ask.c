/* Questions to a request. */
#include "base/str.h"
#include "h2_private.h"

static const char *at(const struct tg_request *req, size_t offset)
{
    return tg_buf_text(&req->head) + offset;
}

const char *tg_request_method(const struct tg_request *req)
{
    return at(req, req->method_at);
}

const char *tg_request_path(const struct tg_request *req)
{
    return at(req, req->path_at);
}

const char *tg_request_query(const struct tg_request *req)
{
    return at(req, req->query_at);
}

const char *tg_request_header(const struct tg_request *req, const char *name)
{
    if (req->head.len < 2) return NULL;
    const char *end = at(req, req->head.len);
    for (const char *p = at(req, 1); p < end;) {
        const char *value = p + strlen(p) + 1;
        if (*p != ':' && strcmp(p, name) == 0) return value;
        p = value + strlen(value) + 1;
    }
    return NULL;
}

const uint8_t *tg_request_body(const struct tg_request *req, size_t *ret_len)
{
    *ret_len = req->body.len;
    return req->body.data ? req->body.data : (const uint8_t *)"";
}

struct tg_conn *tg_request_conn(const struct tg_request *req)
{
    return req->conn;
}

bool tg_request_alive(const struct tg_request *req)
{
    return req->h2 && !req->h2->dead;
}

void tg_request_on_close(struct tg_request *req, void (*fn)(struct tg_request *req, void *data),
                         void *data)
{
    req->on_close = fn;
    req->on_close_data = data;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a query component; advances *p. -1: broken escape. */
static int decode_one(const char **p)
{
    char c = *(*p)++;
    if (c == '+') return ' ';
    if (c != '%') return (uint8_t)c;
    int high = nibble((*p)[0]);
    int low = high < 0 ? -1 : nibble((*p)[1]);
    if (low < 0) return -1;
    *p += 2;
    return high * 16 + low;
}

static int decode(const char *p, const char *end, char *ret, size_t size, struct tg_err *err)
{
    size_t n = 0;
    while (p < end) {
        int c = decode_one(&p);
        if (c <= 0 || p > end) return TG_FAIL(err, TG_E_INPUT, "query: a broken percent escape");
        if (n + 1 >= size)
            return TG_FAIL(err, TG_E_LIMIT, "query: a value of more than %zu bytes", size - 1);
        ret[n++] = (char)c;
    }
    if (!tg_utf8_valid(ret, n)) return TG_FAIL(err, TG_E_INPUT, "query: not UTF-8");
    ret[n] = 0;
    return 0;
}

int tg_request_param(const struct tg_request *req, const char *name, char *ret, size_t size,
                     struct tg_err *err)
{
    size_t name_len = strlen(name);
    ret[0] = 0;
    for (const char *p = tg_request_query(req); *p;) {
        const char *end = p + strcspn(p, "&");
        const char *eq = memchr(p, '=', (size_t)(end - p));
        const char *name_end = eq ? eq : end;
        if ((size_t)(name_end - p) == name_len && memcmp(p, name, name_len) == 0) {
            int rc = decode(eq ? eq + 1 : end, end, ret, size, err);
            if (rc < 0) ret[0] = 0;
            return rc;
        }
        p = *end ? end + 1 : end;
    }
    return TG_FAIL(err, TG_E_NOT_FOUND, "query: no parameter %s", name);
}
