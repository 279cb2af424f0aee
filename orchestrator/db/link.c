/* One connection on the loop (PLATFORM: libpq + libuv). uv_close comes before PQfinish, or a
 * recycled descriptor would be watched; the poll handle lives on the heap, for libpq may change its
 * socket while it connects. */
#include "link.h"

static void connect_step(struct db_link *l);
static void on_timer(struct tg_deadline *d, void *data);

static void on_poll_closed(uv_handle_t *h)
{
    struct db_link *l = h->data;
    free(h);
    l->polls_open--;
    if (l->closing && !l->timer_open && l->polls_open == 0) l->ops->closed(l);
}

static void on_timer_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db_link *l = data;
    l->timer_open = false;
    if (l->polls_open == 0) l->ops->closed(l);
}

static void unwatch(struct db_link *l)
{
    if (!l->poll) return;
    uv_close((uv_handle_t *)l->poll, on_poll_closed);
    l->poll = NULL;
    l->fd = -1;
}

static void hang_up(struct db_link *l)
{
    unwatch(l);
    if (l->pg) PQfinish(l->pg);
    l->pg = NULL;
    l->ready = false;
}

int db_link_error(struct db_link *l, const char *what, struct tg_err *err)
{
    char text[160] = "no reason given";
    const char *said = l->pg ? PQerrorMessage(l->pg) : "";
    size_t n = strcspn(said, "\n");
    if (n > 0) tg_copyn(text, sizeof text, said, n < sizeof text ? n : sizeof text - 1);
    return TG_FAIL(err, TG_E_DB, "%s: %s", what, text);
}

static void watch(struct db_link *l, int events, uv_poll_cb cb)
{
    int fd = PQsocket(l->pg);
    if (l->poll && fd != l->fd) unwatch(l);
    if (!l->poll) {
        l->poll = TG_NEW(uv_poll_t);
        l->poll->data = l;
        if (uv_poll_init(&l->loop->uv, l->poll, fd) < 0) {
            free(l->poll);
            l->poll = NULL;
            return;
        }
        l->polls_open++;
        l->fd = fd;
    }
    uv_poll_start(l->poll, events, cb);
}

/* A hangup is reported as EBADF: what libpq still holds (the server's last words) is read first. */
static void on_io(uv_poll_t *h, int status, int events)
{
    struct db_link *l = h->data;
    struct tg_err err = {0};
    (void)events;
    int rc = PQconsumeInput(l->pg) ? 0 : -1;
    int read = l->ops->readable(l, &err);
    if (read < 0) {
        db_link_fail(l, &err);
        return;
    }
    if (!l->ready) return; /* closed from a callback */
    if (rc < 0 || status < 0 || PQstatus(l->pg) == CONNECTION_BAD) {
        db_link_error(l, "connection lost", &err);
        db_link_fail(l, &err);
        return;
    }
    if (db_link_flush(l, &err) < 0) db_link_fail(l, &err);
}

int db_link_flush(struct db_link *l, struct tg_err *err)
{
    int rc, more = 1;
    while ((rc = PQflush(l->pg)) == 0 && more == 1 && l->ops->drained)
        more = l->ops->drained(l, err);
    if (more < 0) return more;
    if (rc < 0) return db_link_error(l, "connection lost", err);
    watch(l, UV_READABLE | (rc == 1 ? UV_WRITABLE : 0), on_io);
    return 0;
}

void db_link_fail(struct db_link *l, const struct tg_err *err)
{
    hang_up(l);
    if (l->closing) return;
    uint64_t pause = l->backoff_ms / 2 + tg_random_below((uint32_t)l->backoff_ms / 2 + 1);
    l->backoff_ms = l->backoff_ms * 2 > DB_BACKOFF_MAX_MS ? DB_BACKOFF_MAX_MS : l->backoff_ms * 2;
    tg_deadline_start(&l->timer, pause, on_timer);
    l->ops->lost(l, err);
}

static void become_ready(struct db_link *l)
{
    struct tg_err err = {0};
    tg_deadline_stop(&l->timer);
    l->ready = true;
    if (PQsetnonblocking(l->pg, 1) != 0) {
        db_link_error(l, "cannot connect", &err);
        db_link_fail(l, &err);
        return;
    }
    if (l->ops->ready(l, &err) < 0 || db_link_flush(l, &err) < 0) {
        db_link_fail(l, &err);
        return;
    }
    l->backoff_ms = DB_BACKOFF_MIN_MS;
}

static void on_connecting(uv_poll_t *h, int status, int events)
{
    (void)status;
    (void)events;
    connect_step(h->data);
}

static void connect_step(struct db_link *l)
{
    struct tg_err err = {0};
    switch (PQconnectPoll(l->pg)) {
    case PGRES_POLLING_READING:
        watch(l, UV_READABLE, on_connecting);
        return;
    case PGRES_POLLING_WRITING:
        watch(l, UV_WRITABLE, on_connecting);
        return;
    case PGRES_POLLING_OK:
        become_ready(l);
        return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        db_link_error(l, "cannot connect", &err);
        db_link_fail(l, &err);
    }
}

static void on_connect_limit(struct tg_deadline *d, void *data)
{
    (void)d;
    struct tg_err err = {0};
    TG_FAIL(&err, TG_E_DB, "cannot connect: no answer within %d s", DB_CONNECT_MS / 1000);
    db_link_fail(data, &err);
}

/* What an error says reaches its unit; what a notice says is for people at a psql. */
static void ignore_notice(void *data, const char *text)
{
    (void)data;
    (void)text;
}

static void on_timer(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db_link *l = data;
    /* our words come after the conninfo's, so a pool parameter cannot be lost by a user's options=
     */
    const char *const keys[] = {"dbname",          "application_name", "options",
                                "client_encoding", "tcp_user_timeout", NULL};
    const char *const values[] = {l->conninfo, l->name, l->options, "UTF8", "15000", NULL};
    l->pg = PQconnectStartParams(keys, values, 1);
    TG_CHECK(l->pg);
    PQsetNoticeProcessor(l->pg, ignore_notice, NULL);
    tg_deadline_start(&l->timer, DB_CONNECT_MS, on_connect_limit);
    if (PQstatus(l->pg) == CONNECTION_BAD) {
        struct tg_err err = {0};
        db_link_error(l, "cannot connect", &err);
        db_link_fail(l, &err);
        return;
    }
    watch(l, UV_WRITABLE, on_connecting); /* libpq: behave as if it had said WRITING */
}

void db_link_init(struct db_link *l, struct tg_loop *loop, const struct db_link_ops *ops)
{
    *l = (struct db_link){.loop = loop,
                          .ops = ops,
                          .fd = -1,
                          .backoff_ms = DB_BACKOFF_MIN_MS,
                          .timer_open = true};
    tg_deadline_init(&l->timer, loop, l);
}

void db_link_start(struct db_link *l)
{
    tg_deadline_start(&l->timer, 0, on_timer);
}

void db_link_close(struct db_link *l)
{
    if (l->closing) return;
    l->closing = true;
    hang_up(l);
    tg_deadline_close(&l->timer, on_timer_closed);
}
