#include "h2_private.h"

/* RFC 9113 §3.4 */
static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_LEN = sizeof PREFACE - 1 };
static const char NOT_HTTP2[] =
    "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain\r\n"
    "Content-Length: 33\r\nConnection: close\r\n\r\n"
    "this port speaks only HTTP/2 here";
enum {
    TOKEN = 1000
}; /* the bucket counts in thousandths: one a millisecond is one frame a second */

static struct tg_request *request_of(nghttp2_session *session, int32_t stream_id)
{
    return stream_id ? nghttp2_session_get_stream_user_data(session, stream_id) : NULL;
}

void h2_wake(struct tg_h2 *h2)
{
    if (h2->sh->wake && !h2->dead) h2->sh->wake(h2);
}

void h2_terminate(struct tg_h2 *h2, uint32_t code)
{
    if (h2->terminated || h2->dead) return;
    h2->terminated = true;
    (void)nghttp2_session_terminate_session(h2->session, code);
    h2_wake(h2);
}

void h2_late(struct tg_h2 *h2)
{
    h2->sh->stats.timeouts++;
    /* Nothing else can be read before this block ends (RFC 9113 §4.3). */
    h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
}

static bool is_control(const struct tg_h2 *h2)
{
    if (h2->frame_type == NGHTTP2_HEADERS) return false;
    return h2->frame_type != NGHTTP2_DATA ||
           (h2->frame_left == 0 && !(h2->frame_flags & NGHTTP2_FLAG_END_STREAM));
}

/* Frames that cost us work and the client nothing are paid from a bucket that refills slowly. */
static void charge(struct tg_h2 *h2)
{
    const struct tg_server_limits *l = &h2->sh->limits;
    uint64_t now = h2_now(h2->sh), full = (uint64_t)l->control_burst * TOKEN;
    h2->tokens += (now - h2->tokens_at_ms) * l->control_per_s;
    h2->tokens_at_ms = now;
    if (h2->tokens > full) h2->tokens = full;
    if (h2->tokens >= TOKEN) {
        h2->tokens -= TOKEN;
        return;
    }
    if (!h2->terminated) h2->sh->stats.floods++;
    h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void frame_begins(struct tg_h2 *h2)
{
    const uint8_t *p = h2->frame_head;
    h2->frame_left = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    h2->frame_type = p[3];
    h2->frame_flags = p[4];
    if (is_control(h2)) charge(h2);
    if (h2->frame_type == NGHTTP2_HEADERS) dl_start(&h2->sh->header, &h2->block, h2_now(h2->sh));
}

static void frame_ends(struct tg_h2 *h2)
{
    h2->frame_seen = 0;
    bool headers = h2->frame_type == NGHTTP2_HEADERS || h2->frame_type == NGHTTP2_CONTINUATION;
    if (headers && (h2->frame_flags & NGHTTP2_FLAG_END_HEADERS)) dl_stop(&h2->block);
}

/* Our own count of frames, ahead of nghttp2: it says nothing of a header block whose stream it has
 * refused, and such a block must meet its deadline as well. */
static void scan(struct tg_h2 *h2, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        if (h2->frame_seen < sizeof h2->frame_head) {
            h2->frame_head[h2->frame_seen++] = *bytes++;
            len--;
            if (h2->frame_seen == sizeof h2->frame_head) frame_begins(h2);
        } else {
            size_t part = h2->frame_left < len ? h2->frame_left : len;
            h2->frame_left -= (uint32_t)part;
            bytes += part;
            len -= part;
        }
        if (h2->frame_seen == sizeof h2->frame_head && h2->frame_left == 0) frame_ends(h2);
    }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct tg_h2 *h2 = data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct tg_request *req = request_new(h2, frame->hd.stream_id);
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, req);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *data)
{
    (void)flags, (void)data;
    struct tg_request *req = request_of(session, frame->hd.stream_id);
    if (req) request_header(req, name, name_len, value, value_len);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct tg_h2 *h2 = data;
    if (frame->hd.type == NGHTTP2_RST_STREAM) h2->sh->stats.resets++;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    struct tg_request *req = request_of(session, frame->hd.stream_id);
    if (!req) return 0;
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_headers_done(req, end);
    else if (end)
        request_whole(req);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t len, void *data)
{
    (void)flags, (void)data;
    struct tg_request *req = request_of(session, stream_id);
    if (req) request_data(req, bytes, len);
    return 0;
}

/* An answer that ended before the request did: the client shall stop sending (RFC 9113 §8.1). Not
 * at once: curl takes a reset on the heels of the answer for a broken answer. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct tg_h2 *h2 = data;
    if (frame->hd.type == NGHTTP2_DATA)
        h2->tokens += 2 * (uint64_t)TOKEN; /* window updates will come back */
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    struct tg_request *req = request_of(session, frame->hd.stream_id);
    if (req && !req->whole) dl_start(&h2->sh->unread, &req->deadline, h2_now(h2->sh));
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *data)
{
    (void)code;
    struct tg_h2 *h2 = data;
    struct tg_request *req = request_of(session, stream_id);
    if (!req) return 0;
    (void)nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    bool opened = req->opened;
    request_gone(req);
    if (opened && --h2->open == 0 && h2->sh->idle) h2->sh->idle(h2);
    return 0;
}

static void make_callbacks(struct tg_h2_shared *sh)
{
    TG_CHECK(nghttp2_session_callbacks_new(&sh->callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(sh->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(sh->callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(sh->callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(sh->callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(sh->callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(sh->callbacks, on_stream_close);
}

struct tg_h2_shared *tg_h2_shared_new(const struct tg_server_limits *limits,
                                      const struct tg_server_handlers *handlers)
{
    struct tg_h2_shared *sh = TG_NEW(struct tg_h2_shared);
    sh->limits = *limits;
    sh->handlers = *handlers;
    TG_CHECK(handlers->on_request);
    slab_init(&sh->slab, limits->connections);
    make_callbacks(sh);
    TG_CHECK(nghttp2_option_new(&sh->option) == 0);
    nghttp2_option_set_no_closed_streams(sh->option, 1);
    nghttp2_option_set_max_outbound_ack(sh->option, limits->control_burst + 16);
    dl_queue_init(&sh->header, limits->header_ms);
    dl_queue_init(&sh->body, limits->body_ms);
    dl_queue_init(&sh->response, limits->response_ms);
    dl_queue_init(&sh->unread, limits->linger_ms);
    return sh;
}

void tg_h2_shared_free(struct tg_h2_shared *sh)
{
    if (!sh) return;
    nghttp2_option_del(sh->option);
    nghttp2_session_callbacks_del(sh->callbacks);
    slab_done(&sh->slab);
    free(sh);
}

struct tg_h2 *tg_h2_new(struct tg_h2_shared *sh, struct tg_conn *conn)
{
    struct tg_h2 *h2 = TG_NEW(struct tg_h2);
    h2->sh = sh;
    h2->conn = conn;
    tg_list_init(&h2->requests);
    tg_list_init(&h2->block.node);
    h2->tokens = (uint64_t)sh->limits.control_burst * TOKEN;
    h2->tokens_at_ms = h2_now(sh);
    TG_CHECK(nghttp2_session_server_new3(&h2->session, sh->callbacks, h2, sh->option,
                                         &sh->slab.mem) == 0);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, sh->limits.streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)sh->limits.header_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    TG_CHECK(
        nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, TG_COUNT(settings)) == 0);
    return h2;
}

/* Our own look at the preface, so that a client of another protocol gets words before we send any
 * frame. Returns how many of the bytes belong to it. */
static int check_preface(struct tg_h2 *h2, const uint8_t *bytes, size_t len, struct tg_err *err)
{
    int n = 0;
    for (size_t i = 0; i < len && h2->preface_seen < PREFACE_LEN; i++, n++, h2->preface_seen++) {
        if (bytes[i] == (uint8_t)PREFACE[h2->preface_seen]) continue;
        h2->broken = true;
        h2->chunk = (const uint8_t *)NOT_HTTP2;
        h2->chunk_len = sizeof NOT_HTTP2 - 1;
        return TG_FAIL(err, TG_E_VERSION,
                       "the client does not speak HTTP/2: use a client with HTTP/2");
    }
    return n;
}

int tg_h2_input(struct tg_h2 *h2, const void *bytes, size_t len, struct tg_err *err)
{
    if (h2->broken) return TG_FAIL(err, TG_E_STATE, "http/2: the session is broken");
    int preface = check_preface(h2, bytes, len, err);
    TG_TRY(preface);
    scan(h2, (const uint8_t *)bytes + preface, len - (size_t)preface);
    if (h2->terminated) return 0;
    ssize_t n = nghttp2_session_mem_recv(h2->session, bytes, len);
    if (n >= 0) return 0;
    h2->broken = true;
    if (n == NGHTTP2_ERR_FLOODED) h2->sh->stats.floods++;
    return TG_FAIL(err, TG_E_INPUT, "http/2: %s", nghttp2_strerror((int)n));
}

size_t tg_h2_output(struct tg_h2 *h2, uint8_t *ret, size_t room)
{
    size_t n = 0;
    if (h2->preface_seen < PREFACE_LEN && !h2->broken && !h2->terminated) return 0;
    while (n < room) {
        if (h2->chunk_len == 0) {
            if (h2->broken) break;
            ssize_t got = nghttp2_session_mem_send(h2->session, &h2->chunk);
            if (got < 0) h2->broken = true;
            if (got <= 0) break;
            h2->chunk_len = (size_t)got;
        }
        size_t part = h2->chunk_len < room - n ? h2->chunk_len : room - n;
        memcpy(ret + n, h2->chunk, part);
        h2->chunk += part;
        h2->chunk_len -= part;
        n += part;
    }
    return n;
}

void tg_h2_shutdown(struct tg_h2 *h2)
{
    if (h2->terminated || h2->dead || h2->broken) return;
    if (h2->preface_seen < PREFACE_LEN) {
        h2_terminate(h2, NGHTTP2_NO_ERROR);
        return;
    }
    int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);
    (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    struct tg_request *req;
    tg_list_each(req, &h2->requests, struct tg_request, node)
    {
        /* A stream has no end of its own. A half-received request may safely be sent elsewhere. */
        if (req->state == REQUEST_STREAM) stream_finish(req->stream);
        if (req->state < REQUEST_HELD)
            (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, req->stream_id,
                                            NGHTTP2_REFUSED_STREAM);
    }
    h2_wake(h2);
}

bool tg_h2_finished(const struct tg_h2 *h2)
{
    if (h2->chunk_len > 0) return false;
    if (h2->broken) return true;
    return !nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session);
}

void tg_h2_free(struct tg_h2 *h2)
{
    if (!h2) return;
    h2->dead = true;
    dl_stop(&h2->block);
    struct tg_request *req;
    /* One at a time from the front: the handler that hears of one death may end others. */
    while ((req = tg_list_first(&h2->requests, struct tg_request, node))) {
        (void)nghttp2_session_set_stream_user_data(h2->session, req->stream_id, NULL);
        request_gone(req);
    }
    nghttp2_session_del(h2->session);
    free(h2);
}
