/* The life of a request on its way in. States only move forward; the stream's end frees or orphans
 * it. */
#include "base/limits.h"
#include "base/str.h"
#include "conn.h"
#include "h2_private.h"

/* RFC 9113 §6.5.2: a header's size is name + value + 32; pairs carry two NULs instead. */
enum { HEADER_COST = 32 };

struct tg_request *request_new(struct tg_h2 *h2, int32_t stream_id)
{
    struct tg_request *req = TG_NEW(struct tg_request);
    req->h2 = h2;
    req->conn = conn_ref(h2->conn);
    req->stream_id = stream_id;
    req->head = TG_BUF(h2->sh->limits.header_bytes + (size_t)h2->sh->limits.header_count * 2 + 16);
    req->extra = TG_BUF(TG_MAX_HEADERS);
    tg_buf_putc(&req->head, 0);
    tg_list_init(&req->deadline.node);
    tg_list_add(&h2->requests, &req->node);
    return req;
}

static void release_body(struct tg_request *req)
{
    if (req->h2) req->h2->sh->body_bytes -= req->body_counted;
    req->body_counted = 0;
}

void request_free(struct tg_request *req)
{
    release_body(req);
    tg_list_del(&req->node);
    dl_stop(&req->deadline);
    if (req->out_free) req->out_free(req->out_free_data);
    if (req->stream) tg_buf_done(&req->stream->out);
    free(req->stream);
    tg_buf_done(&req->head);
    tg_buf_done(&req->body);
    tg_buf_done(&req->extra);
    conn_unref(req->conn);
    free(req);
}

void request_gone(struct tg_request *req)
{
    if (req->state == REQUEST_HELD) {
        release_body(req);
        tg_list_del(&req->node);
        dl_stop(&req->deadline);
        req->h2 = NULL;
        if (req->on_close) req->on_close(req, req->on_close_data);
        return; /* the handler still answers it, into the void */
    }
    struct tg_stream *stream = req->stream;
    if (stream) {
        tg_list_del(&req->node);
        void (*on_close)(struct tg_stream *, void *) = stream->on_close;
        stream->on_close = NULL;
        if (on_close) on_close(stream, stream->data);
    }
    request_free(req);
}

static size_t add_pair(struct tg_request *req, const void *name, size_t name_len, const void *value,
                       size_t value_len)
{
    tg_buf_add(&req->head, name, name_len);
    tg_buf_putc(&req->head, 0);
    size_t value_at = req->head.len;
    tg_buf_add(&req->head, value, value_len);
    tg_buf_putc(&req->head, 0);
    return value_at;
}

static bool is(const uint8_t *name, size_t name_len, const char *word)
{
    return name_len == strlen(word) && memcmp(name, word, name_len) == 0;
}

static void add_path(struct tg_request *req, const uint8_t *value, size_t len)
{
    const uint8_t *mark = memchr(value, '?', len);
    size_t path_len = mark ? (size_t)(mark - value) : len;
    req->path_at = add_pair(req, ":path", 5, value, path_len);
    if (mark) req->query_at = add_pair(req, ":query", 6, mark + 1, len - path_len - 1);
}

void request_header(struct tg_request *req, const uint8_t *name, size_t name_len,
                    const uint8_t *value, size_t value_len)
{
    if (req->state != REQUEST_HEADERS || req->refuse) return; /* trailers say nothing to us */
    const struct tg_server_limits *l = &req->h2->sh->limits;
    req->header_bytes += name_len + value_len + HEADER_COST;
    if (++req->header_count > l->header_count || req->header_bytes > l->header_bytes) {
        req->refuse = 431;
        return;
    }
    if (is(name, name_len, ":method"))
        req->method_at = add_pair(req, name, name_len, value, value_len);
    else if (is(name, name_len, ":path"))
        add_path(req, value, value_len);
    else if (is(name, name_len, ":authority"))
        (void)add_pair(req, "host", 4, value, value_len);
    else
        (void)add_pair(req, name, name_len, value, value_len);
}

/* How much may follow; sets refuse when the client already said that it is more. */
static void bound_body(struct tg_request *req)
{
    const struct tg_server_handlers *h = &req->h2->sh->handlers;
    size_t limit = h->limit_for ? h->limit_for(req, h->data) : 0;
    req->body = TG_BUF(limit);
    const char *said = tg_request_header(req, "content-length");
    uint64_t len = 0;
    if (said && (!tg_parse_u64(said, strlen(said), UINT64_MAX, &len) || len > limit))
        req->refuse = 413;
}

void request_headers_done(struct tg_request *req, bool end_stream)
{
    struct tg_h2 *h2 = req->h2;
    req->opened = true;
    h2->open++;
    h2->sh->stats.requests++;
    req->state = REQUEST_BODY;
    if (h2->sh->busy) h2->sh->busy(h2);
    if (!req->refuse && !end_stream) bound_body(req);
    if (req->refuse) {
        req->whole = end_stream;
        request_refuse(req, req->refuse);
        return;
    }
    dl_start(&h2->sh->body, &req->deadline, h2_now(h2->sh));
    if (end_stream) request_whole(req);
}

void request_data(struct tg_request *req, const uint8_t *bytes, size_t len)
{
    if (req->state != REQUEST_BODY) return;
    struct tg_h2_shared *sh = req->h2->sh;
    if (len > req->body.max - req->body.len) {
        request_refuse(req, 413);
        return;
    }
    if (len > sh->limits.body_bytes_total - sh->body_bytes) {
        request_refuse(req, 503);
        return;
    }
    tg_buf_add(&req->body, bytes, len);
    req->body_counted += len;
    sh->body_bytes += len;
}

void request_whole(struct tg_request *req)
{
    req->whole = true;
    if (req->state != REQUEST_BODY) return;
    dl_stop(&req->deadline);
    req->state = REQUEST_HELD;
    const struct tg_server_handlers *h = &req->h2->sh->handlers;
    h->on_request(req, h->data);
}

void request_late(struct tg_request *req)
{
    req->h2->sh->stats.timeouts++;
    if (req->state == REQUEST_BODY) {
        request_refuse(req, 408);
        return;
    }
    (void)nghttp2_submit_rst_stream(req->h2->session, NGHTTP2_FLAG_NONE, req->stream_id,
                                    NGHTTP2_CANCEL);
    h2_wake(req->h2);
}

void request_unread(struct tg_request *req)
{
    (void)nghttp2_submit_rst_stream(req->h2->session, NGHTTP2_FLAG_NONE, req->stream_id,
                                    NGHTTP2_NO_ERROR);
    h2_wake(req->h2);
}
