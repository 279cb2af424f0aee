/* Answers on their way out: whole ones and streams. */
#include <stdio.h>

#include "base/times.h"
#include "conn.h"
#include "h2_private.h"

enum { MAX_EXTRA = 8, MAX_NV = 4 + MAX_EXTRA };

const char *h2_date(struct tg_h2_shared *sh)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (!sh->handlers.wall_s) return NULL;
    int64_t now = sh->handlers.wall_s(sh->handlers.data);
    if (now == sh->date_at && sh->date[0]) return sh->date;
    struct tg_civil c;
    tg_civil_from(now, &c);
    /* IMF-fixdate, RFC 9110 §5.6.7 */
    (void)snprintf(sh->date, sizeof sh->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                   days[(unsigned)c.weekday % 7], c.day % 100, months[(unsigned)(c.month - 1) % 12],
                   c.year % 10000, c.hour % 100, c.minute % 100, c.second % 100);
    sh->date_at = now;
    return sh->date;
}

static ssize_t give_body(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *data)
{
    (void)session, (void)stream_id, (void)data;
    struct tg_request *req = source->ptr;
    size_t left = req->out_len - req->out_at, n = left < room ? left : room;
    if (n > 0) memcpy(buf, req->out + req->out_at, n);
    req->out_at += n;
    if (n == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static ssize_t give_stream(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *data)
{
    (void)session, (void)stream_id, (void)data;
    struct tg_stream *s = source->ptr;
    size_t left = s->out.len - s->at, n = left < room ? left : room;
    if (n == 0 && !s->ended) return NGHTTP2_ERR_DEFERRED;
    if (n > 0) memcpy(buf, s->out.data + s->at, n);
    s->at += n;
    if (n < left) return (ssize_t)n;
    tg_buf_done(&s->out); /* an idle stream keeps no buffer */
    s->at = 0;
    if (s->ended) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    /* nghttp2 copies both; its struct is not const for historical reasons. */
    union {
        const char *in;
        uint8_t *out;
    } n = {name}, v = {value};
    return (nghttp2_nv){n.out, v.out, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static size_t fill_headers(const struct tg_request *req, nghttp2_nv nv[static MAX_NV],
                           const char *status, const char *content_type, const char *length)
{
    size_t n = 0;
    nv[n++] = pair(":status", status);
    if (content_type) nv[n++] = pair("content-type", content_type);
    if (length) nv[n++] = pair("content-length", length);
    const char *date = h2_date(req->h2->sh);
    if (date) nv[n++] = pair("date", date);
    const char *p = tg_buf_text(&req->extra), *end = p + req->extra.len;
    while (p < end && n < MAX_NV) {
        const char *value = p + strlen(p) + 1;
        nv[n++] = pair(p, value);
        p = value + strlen(value) + 1;
    }
    return n;
}

static bool has_no_body(const struct tg_request *req, int status)
{
    return status == 204 || status == 304 || strcmp(tg_request_method(req), "HEAD") == 0;
}

void respond_now(struct tg_request *req, int status, const char *content_type)
{
    char code[8], length[24];
    (void)snprintf(code, sizeof code, "%03d", status % 1000);
    (void)snprintf(length, sizeof length, "%zu", req->out_len);
    bool stream = req->state == REQUEST_STREAM;
    bool no_length = stream || status == 204 || status == 304;
    nghttp2_nv nv[MAX_NV];
    size_t n = fill_headers(req, nv, code, content_type, no_length ? NULL : length);
    nghttp2_data_provider body = {.source.ptr = req, .read_callback = give_body};
    if (stream)
        body = (nghttp2_data_provider){.source.ptr = req->stream, .read_callback = give_stream};
    bool bare = !stream && (req->out_len == 0 || has_no_body(req, status));
    struct tg_h2 *h2 = req->h2;
    int rc = nghttp2_submit_response(h2->session, req->stream_id, nv, n, bare ? NULL : &body);
    /* Only a header that HTTP forbids gets here; the client shall not wait for ever. */
    if (rc != 0)
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, req->stream_id,
                                        NGHTTP2_INTERNAL_ERROR);
    if (!stream) dl_start(&h2->sh->response, &req->deadline, h2_now(h2->sh));
    h2_wake(h2);
}

static const char *problem_title(int status)
{
    switch (status) {
    case 408:
        return "the body did not come in time";
    case 413:
        return "the body is larger than this route takes";
    case 431:
        return "the headers are too large or too many";
    default:
        return "the service is busy";
    }
}

void request_refuse(struct tg_request *req, int status)
{
    const char *code = status == 503 ? "busy" : status == 408 ? "timeout" : "too-large";
    const char *next = status == 503 || status == 408 ? "retry" : "refuse";
    char *text = tg_printf("{\"type\":\"about:blank\",\"status\":%d,\"title\":\"%s\",\"code\":\"%"
                           "s\",\"next\":\"%s\"}",
                           status, problem_title(status), code, next);
    req->state = REQUEST_ANSWERED;
    req->h2->sh->body_bytes -= req->body_counted;
    req->body_counted = 0;
    tg_buf_done(&req->body);
    req->out = (const uint8_t *)text;
    req->out_len = strlen(text);
    req->out_free = free;
    req->out_free_data = text;
    respond_now(req, status, "application/problem+json");
}

void tg_respond_header(struct tg_request *req, const char *name, const char *value)
{
    TG_CHECK(req->extra_count < MAX_EXTRA);
    req->extra_count++;
    tg_buf_add(&req->extra, name, strlen(name) + 1);
    tg_buf_add(&req->extra, value, strlen(value) + 1);
    TG_CHECK(!req->extra.failed);
}

void tg_respond_static(struct tg_request *req, int status, const char *content_type,
                       const void *body, size_t len, void (*free_fn)(void *data), void *free_data)
{
    TG_CHECK(req->state == REQUEST_HELD);
    req->out = body;
    req->out_len = len;
    req->out_free = free_fn;
    req->out_free_data = free_data;
    if (!tg_request_alive(req)) {
        request_free(req);
        return;
    }
    req->state = REQUEST_ANSWERED;
    respond_now(req, status, content_type);
}

void tg_respond(struct tg_request *req, int status, const char *content_type, const void *body,
                size_t len)
{
    void *copy = len > 0 ? tg_memdup(body, len) : NULL;
    tg_respond_static(req, status, content_type, copy, len, free, copy);
}

struct tg_stream *tg_stream_start(struct tg_request *req, int status, const char *content_type,
                                  void (*on_close)(struct tg_stream *stream, void *data),
                                  void *data)
{
    TG_CHECK(req->state == REQUEST_HELD);
    if (!tg_request_alive(req)) {
        request_free(req);
        return NULL;
    }
    struct tg_stream *s = TG_NEW(struct tg_stream);
    *s = (struct tg_stream){.req = req, .on_close = on_close, .data = data};
    s->out = TG_BUF(req->h2->sh->limits.stream_backlog);
    req->stream = s;
    req->state = REQUEST_STREAM;
    respond_now(req, status, content_type);
    /* A stream lives for hours: it keeps only its path. */
    tg_buf_done(&req->body);
    tg_buf_done(&req->extra);
    return s;
}

static void resume(struct tg_stream *s)
{
    struct tg_h2 *h2 = s->req->h2;
    if (h2->dead) return;
    (void)nghttp2_session_resume_data(h2->session, s->req->stream_id);
    h2_wake(h2);
}

int tg_stream_write(struct tg_stream *s, const void *bytes, size_t len, struct tg_err *err)
{
    struct tg_h2 *h2 = s->req->h2;
    if (s->doomed || s->ended || h2->dead)
        return TG_FAIL(err, TG_E_CANCELLED, "stream: it is closing");
    if (s->at > 4096 || s->at > s->out.max - s->out.len) {
        tg_buf_shift(&s->out, s->at);
        s->at = 0;
    }
    if (len > s->out.max - s->out.len) {
        s->doomed = true;
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, s->req->stream_id,
                                        NGHTTP2_ENHANCE_YOUR_CALM);
        h2_wake(h2);
        return TG_FAIL(err, TG_E_LIMIT, "stream: its reader is too slow, %zu bytes wait",
                       s->out.len);
    }
    tg_buf_add(&s->out, bytes, len);
    resume(s);
    return 0;
}

void stream_finish(struct tg_stream *s)
{
    if (s->ended || s->doomed) return;
    s->ended = true;
    resume(s);
}

void tg_stream_end(struct tg_stream *s)
{
    s->on_close = NULL;
    stream_finish(s);
}

struct tg_conn *tg_stream_conn(const struct tg_stream *s)
{
    return s->req->conn;
}

size_t tg_stream_pending(const struct tg_stream *s)
{
    return s->out.len - s->at;
}
