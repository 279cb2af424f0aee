/* libcurl's multi interface on libuv. Everything that could happen inside a curl callback
 * (starting, stopping, closing) is only queued there and done from an idle handle, where curl may
 * be called. */
#include "client_private.h"

struct tg_client {
    struct client_config cfg;
    CURLM *multi;
    CURLSH *share;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_idle_t later;
    struct tg_list calls, queue;
    unsigned handles; /* open ones */
    bool closing, cleaned;
    void (*done)(void *data);
    void *done_data;
};

struct watch { /* one socket of curl */
    uv_poll_t poll;
    struct tg_client *client;
    curl_socket_t fd;
};

static void finish(struct tg_client *c, struct tg_client_state *st, CURLcode code)
{
    struct tg_client_call *call = st->call;
    if (st->added) (void)curl_multi_remove_handle(c->multi, st->easy);
    tg_list_del(&st->node);
    tg_list_del(&st->queue);
    client_state_end(st, code);
    if (call->on_done) call->on_done(call);
}

/* After every entry into curl: a transfer may end on any of them, on a timer too. */
static void harvest(struct tg_client *c)
{
    int left = 0;
    const CURLMsg *msg;
    while (!c->cleaned && (msg = curl_multi_info_read(c->multi, &left))) {
        if (msg->msg != CURLMSG_DONE) continue;
        struct tg_client_state *st = NULL;
        CURLcode code = msg->data.result; /* msg dies with the handle's removal */
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&st);
        finish(c, st, code);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct tg_client *c = timer->data;
    int running = 0;
    (void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    harvest(c);
}

static int set_timer(CURLM *multi, long wait_ms, void *data)
{
    (void)multi;
    struct tg_client *c = data;
    if (c->cleaned || uv_is_closing((uv_handle_t *)&c->timer)) return 0;
    /* Never from in here, not even for 0: curl forbids re-entry. */
    if (wait_ms < 0)
        (void)uv_timer_stop(&c->timer);
    else
        (void)uv_timer_start(&c->timer, on_timer, (uint64_t)wait_ms, 0);
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct tg_client *c = w->client;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
    int running = 0;
    (void)curl_multi_socket_action(c->multi, w->fd, flags, &running); /* w may be closing now */
    harvest(c);
}

static void handle_closed(struct tg_client *c)
{
    if (--c->handles > 0) return;
    void (*done)(void *) = c->done;
    void *data = c->done_data;
    client_config_done(&c->cfg);
    free(c);
    if (done) done(data);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    struct tg_client *c = w->client;
    free(w);
    handle_closed(c);
}

static void on_own_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static struct watch *watch_new(struct tg_client *c, curl_socket_t fd)
{
    struct watch *w = TG_NEW(struct watch);
    w->client = c;
    w->fd = fd;
    if (uv_poll_init_socket(c->loop, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    c->handles++;
    (void)curl_multi_assign(c->multi, fd, w);
    return w;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *slot)
{
    (void)easy;
    struct tg_client *c = data;
    struct watch *w = slot;
    if (what == CURL_POLL_REMOVE) {
        if (!w) return 0;
        (void)curl_multi_assign(c->multi, fd, NULL);
        uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        return 0;
    }
    if (!w) w = watch_new(c, fd);
    if (!w) return -1;
    int events = 0;
    if (what & CURL_POLL_IN) events |= UV_READABLE; /* CURL_POLL_INOUT is both bits */
    if (what & CURL_POLL_OUT) events |= UV_WRITABLE;
    return uv_poll_start(&w->poll, events, on_ready) < 0 ? -1 : 0;
}

static void clean(struct tg_client *c)
{
    (void)curl_multi_cleanup(c->multi);
    c->cleaned = true;
    (void)curl_share_cleanup(c->share);
    uv_close((uv_handle_t *)&c->timer, on_own_closed);
    uv_close((uv_handle_t *)&c->later, on_own_closed);
}

static void do_queued(struct tg_client *c, struct tg_client_state *st)
{
    tg_list_del(&st->queue);
    if (st->cancelled) {
        finish(c, st, CURLE_ABORTED_BY_CALLBACK);
        return;
    }
    if (curl_multi_add_handle(c->multi, st->easy) != CURLM_OK) {
        finish(c, st, CURLE_FAILED_INIT);
        return;
    }
    st->added = true;
}

static void on_later(uv_idle_t *idle)
{
    struct tg_client *c = idle->data;
    struct tg_client_state *st;
    while ((st = tg_list_first(&c->queue, struct tg_client_state, queue)))
        do_queued(c, st);
    (void)uv_idle_stop(idle);
    harvest(c);
    if (!tg_list_empty(&c->queue)) (void)uv_idle_start(idle, on_later);
    if (c->closing && !c->cleaned && tg_list_empty(&c->calls)) clean(c);
}

static void later(struct tg_client *c, struct tg_client_state *st)
{
    if (st && tg_list_empty(&st->queue)) tg_list_add(&c->queue, &st->queue);
    (void)uv_idle_start(&c->later, on_later);
}

static void make_curl(struct tg_client *c)
{
    client_global_init();
    c->multi = curl_multi_init();
    c->share = curl_share_init();
    TG_CHECK(c->multi && c->share);
    /* Connections are shared by the multi handle itself; sessions and names are not. */
    TG_CHECK(curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
             CURLSHE_OK);
    TG_CHECK(curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, 2L);
}

int tg_client_new(uv_loop_t *loop, const struct tg_client_opts *opts, struct tg_client **ret,
                  struct tg_err *err)
{
    struct tg_client *c = TG_NEW(struct tg_client);
    int rc = client_config_init(&c->cfg, opts, err);
    if (rc < 0) {
        client_config_done(&c->cfg);
        free(c);
        return rc;
    }
    c->loop = loop;
    make_curl(c);
    tg_list_init(&c->calls);
    tg_list_init(&c->queue);
    TG_CHECK(uv_timer_init(loop, &c->timer) == 0 && uv_idle_init(loop, &c->later) == 0);
    c->timer.data = c->later.data = c;
    c->handles = 2;
    *ret = c;
    return 0;
}

int tg_client_set_pins(struct tg_client *c, const uint8_t (*pins)[TG_SHA256], size_t count,
                       struct tg_err *err)
{
    return client_config_pins(&c->cfg, pins, count, err);
}

int tg_client_start(struct tg_client *c, struct tg_client_call *call, struct tg_err *err)
{
    struct tg_client_state *st = NULL;
    if (c->closing)
        return TG_FAIL(err, TG_E_CANCELLED, "%s %s: the client is closing", call->method,
                       call->path);
    TG_TRY(client_state_new(&c->cfg, c->share, call, &st, err));
    st->client = c;
    tg_list_add(&c->calls, &st->node);
    later(c, st);
    return 0;
}

void tg_client_cancel(struct tg_client_call *call)
{
    struct tg_client_state *st = call->state;
    if (!st || st->cancelled) return;
    st->cancelled = true;
    later(st->client, st);
}

void tg_client_close(struct tg_client *c, void (*done)(void *data), void *data)
{
    TG_CHECK(!c->closing);
    c->closing = true;
    c->done = done;
    c->done_data = data;
    struct tg_client_state *st;
    tg_list_each(st, &c->calls, struct tg_client_state, node) tg_client_cancel(st->call);
    later(c, NULL);
}
