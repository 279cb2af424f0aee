#include "server_private.h"

#include "base/limits.h"

void tg_server_limits_default(struct tg_server_limits *ret)
{
    *ret = (struct tg_server_limits){
        .handshake_ms = 10 * 1000,
        .first_request_ms = 10 * 1000,
        .header_ms = 10 * 1000,
        .body_ms = 60 * 1000,
        .response_ms = 10 * 60 * 1000,
        .idle_ms = 5 * 60 * 1000,
        .write_ms = 30 * 1000,
        .linger_ms = 1000,
        .handshakes = 64,
        .connections = 120 * 1000,
        .streams = 128,
        .header_count = TG_MAX_HEADER_COUNT,
        .header_bytes = TG_MAX_HEADERS,
        .body_bytes_total = 4 * (size_t)TG_MAX_BODY,
        .stream_backlog = 1024 * 1024,
        .control_burst = 500,
        .control_per_s = 100,
    };
}

static uint64_t now_of(const struct tg_h2_shared *sh)
{
    const struct tg_server *s = sh->owner;
    return uv_now(s->loop);
}

/* ---- output: links with something to say are flushed once per turn of the loop ---- */

enum { FLUSH_AT_ONCE = 256 };

static void on_flush(uv_idle_t *idle)
{
    struct tg_server *s = idle->data;
    for (unsigned i = 0; i < FLUSH_AT_ONCE; i++) {
        struct link *link = tg_list_first(&s->dirty, struct link, dirty);
        if (!link) {
            (void)uv_idle_stop(idle);
            break;
        }
        link_flush(link);
    }
    server_arm(s);
}

static void wake(struct tg_h2 *h2)
{
    struct link *link = h2->owner;
    struct tg_server *s = link->server;
    if (link == s->current || !tg_list_empty(&link->dirty)) return;
    tg_list_add(&s->dirty, &link->dirty);
    if (!s->closing) (void)uv_idle_start(&s->flush, on_flush);
}

/* ---- deadlines ---- */

static void busy(struct tg_h2 *h2)
{
    struct link *link = h2->owner;
    dl_stop(&link->phase);
}

static void idle(struct tg_h2 *h2)
{
    struct link *link = h2->owner;
    if (link->state == LINK_OPEN) dl_start(&link->server->idle, &link->phase, h2_now(h2->sh));
}

static void expire_links(struct tg_server *s, struct dl_queue *q, bool phase, bool politely)
{
    struct dl_node *n;
    while ((n = dl_due(q, h2_now(s->sh)))) {
        struct link *link =
            phase ? tg_container_of(n, struct link, phase) : tg_container_of(n, struct link, slow);
        if (q != &s->linger) s->sh->stats.timeouts++;
        if (politely)
            link_terminate(link);
        else
            link_close(link);
    }
}

static void expire_requests(struct tg_server *s, struct dl_queue *q)
{
    struct dl_node *n;
    while ((n = dl_due(q, h2_now(s->sh))))
        request_late(tg_container_of(n, struct tg_request, deadline));
}

static void on_timer(uv_timer_t *timer)
{
    struct tg_server *s = timer->data;
    struct dl_node *n;
    s->armed_at_ms = UINT64_MAX;
    expire_links(s, &s->handshake, true, false);
    expire_links(s, &s->linger, true, false);
    expire_links(s, &s->write, false, false);
    expire_links(s, &s->first, true, true);
    expire_links(s, &s->idle, true, true);
    while ((n = dl_due(&s->sh->header, h2_now(s->sh))))
        h2_late(tg_container_of(n, struct tg_h2, block));
    expire_requests(s, &s->sh->body);
    expire_requests(s, &s->sh->response);
    while ((n = dl_due(&s->sh->unread, h2_now(s->sh))))
        request_unread(tg_container_of(n, struct tg_request, deadline));
    server_arm(s);
}

void server_arm(struct tg_server *s)
{
    if (s->closing) return;
    uint64_t next = UINT64_MAX;
    const struct dl_queue *const all[] = {&s->handshake, &s->linger,       &s->write,
                                          &s->first,     &s->idle,         &s->sh->header,
                                          &s->sh->body,  &s->sh->response, &s->sh->unread};
    for (size_t i = 0; i < TG_COUNT(all); i++)
        next = dl_next(all[i], next);
    /* Too early is harmless: the timer finds nothing due and is armed again. */
    if (next >= s->armed_at_ms) return;
    s->armed_at_ms = next;
    uint64_t now = h2_now(s->sh);
    (void)uv_timer_start(&s->timer, on_timer, next > now ? next - now : 0, 0);
}

/* ---- life ---- */

struct tg_server *tg_server_new(uv_loop_t *loop, const struct tg_server_limits *limits,
                                const struct tg_server_handlers *handlers)
{
    struct tg_server *s = TG_NEW(struct tg_server);
    s->loop = loop;
    s->sh = tg_h2_shared_new(limits, handlers);
    s->sh->owner = s;
    s->sh->now = now_of;
    s->sh->wake = wake;
    s->sh->busy = busy;
    s->sh->idle = idle;
    tg_list_init(&s->listeners);
    tg_list_init(&s->links);
    tg_list_init(&s->dirty);
    dl_queue_init(&s->handshake, limits->handshake_ms);
    dl_queue_init(&s->first, limits->first_request_ms);
    dl_queue_init(&s->idle, limits->idle_ms);
    dl_queue_init(&s->linger, limits->linger_ms);
    dl_queue_init(&s->write, limits->write_ms);
    s->out = TG_BUF(OUT_MAX);
    s->armed_at_ms = UINT64_MAX;
    TG_CHECK(uv_timer_init(loop, &s->timer) == 0 && uv_timer_init(loop, &s->drain) == 0 &&
             uv_idle_init(loop, &s->flush) == 0);
    s->timer.data = s->drain.data = s->flush.data = s;
    s->handles = 3;
    return s;
}

void server_handshake_ended(struct tg_server *s)
{
    s->sh->stats.handshaking--;
    if (s->stopping) return;
    struct listener *l;
    tg_list_each(l, &s->listeners, struct listener,
                 node) if (s->sh->stats.handshaking < s->sh->limits.handshakes) listener_resume(l);
}

static void on_own_closed(uv_handle_t *handle)
{
    server_handle_closed(handle->data);
}

/* The last link is gone: now the server's own handles. */
static void close_own(struct tg_server *s)
{
    if (!s->stopping || s->closing || !tg_list_empty(&s->links) || !tg_list_empty(&s->listeners))
        return;
    s->closing = true;
    uv_close((uv_handle_t *)&s->timer, on_own_closed);
    uv_close((uv_handle_t *)&s->drain, on_own_closed);
    uv_close((uv_handle_t *)&s->flush, on_own_closed);
}

void server_handle_closed(struct tg_server *s)
{
    s->handles--;
    close_own(s);
    if (s->handles == 0 && s->stopped) s->stopped(s->stopped_data);
}

void server_link_closed(struct link *link)
{
    struct tg_server *s = link->server;
    tg_list_del(&link->node);
    s->sh->stats.connections--;
    conn_unref(link->conn);
    free(link);
    server_handle_closed(s);
}

static void on_drained(uv_timer_t *timer)
{
    struct tg_server *s = timer->data;
    struct link *link;
    tg_list_each(link, &s->links, struct link, node) link_close(link);
    close_own(s);
}

void tg_server_stop(struct tg_server *s, unsigned drain_ms, void (*done)(void *data), void *data)
{
    TG_CHECK(!s->stopping);
    s->stopping = true;
    s->stopped = done;
    s->stopped_data = data;
    struct listener *l;
    tg_list_each(l, &s->listeners, struct listener, node) listener_close(l);
    struct link *link;
    tg_list_each(link, &s->links, struct link, node)
    {
        if (link->state == LINK_HANDSHAKE)
            link_close(link);
        else
            link_shutdown(link);
    }
    bool empty = tg_list_empty(&s->links) && tg_list_empty(&s->listeners);
    (void)uv_timer_start(&s->drain, on_drained, empty ? 0 : drain_ms, 0);
}

void tg_server_free(struct tg_server *s)
{
    if (!s) return;
    TG_CHECK(s->handles == 0);
    tg_h2_shared_free(s->sh);
    tg_buf_done(&s->out);
    free(s);
}

void tg_server_stats(const struct tg_server *s, struct tg_server_stats *ret)
{
    *ret = s->sh->stats;
}
