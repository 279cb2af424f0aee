/* News: one connection that listens and tells. Not in pipeline mode, where NOTIFY would ride in a
 * transaction. */
#include "pool.h"

enum { COALESCE_MS = 20 };

static struct db_news *news_of(struct db_link *l)
{
    return tg_container_of(l, struct db_news, link);
}

static void send_words(struct db_news *n, const char *verb, const char *const *channels,
                       size_t count)
{
    struct tg_buf text = TG_BUF(DB_CHANNELS * 64);
    struct tg_err err = {0};
    for (size_t i = 0; i < count; i++)
        tg_buf_printf(&text, "%s %s;", verb, channels[i]);
    TG_CHECK(!text.failed);
    if (!PQsendQuery(n->link.pg, tg_buf_text(&text)) || db_link_flush(&n->link, &err) < 0) {
        db_link_error(&n->link, "listen", &err);
        db_link_fail(&n->link, &err);
    } else {
        n->busy = true;
    }
    tg_buf_done(&text);
}

static void listen_all(struct db_news *n)
{
    const char *names[DB_CHANNELS];
    for (size_t i = 0; i < n->count; i++)
        names[i] = n->channel[i].name;
    n->listening = true;
    if (n->count > 0) send_words(n, "LISTEN", names, n->count);
}

/* Listening begun: whatever was told before was missed. */
static void tell_fresh(struct db_news *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct db_channel *c = &n->channel[i];
        if (!c->fresh) continue;
        c->fresh = false;
        c->fn(c->name, "", c->data);
    }
}

static void tell(struct db_news *n, const PGnotify *notify)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->channel[i].name, notify->relname) == 0)
            n->channel[i].fn(n->channel[i].name, notify->extra, n->channel[i].data);
}

static void on_coalesced(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db_news *n = data;
    if (!n->link.ready || n->busy || n->dirty_count == 0) return;
    size_t count = n->dirty_count;
    n->dirty_count = 0;
    send_words(n, "NOTIFY", n->dirty, count);
}

static void go_on(struct db_news *n)
{
    bool all_heard = true;
    for (size_t i = 0; i < n->count; i++)
        all_heard = all_heard && !n->channel[i].unheard;
    if (!all_heard) {
        for (size_t i = 0; i < n->count; i++)
            n->channel[i].unheard = false;
        listen_all(n);
    } else if (n->dirty_count > 0 && !tg_deadline_active(&n->coalesce)) {
        tg_deadline_start(&n->coalesce, COALESCE_MS, on_coalesced);
    }
}

static int on_ready(struct db_link *l, struct tg_err *err)
{
    struct db_news *n = news_of(l);
    n->busy = false;
    if (n->dirty_count > 0) tg_deadline_start(&n->coalesce, COALESCE_MS, on_coalesced);
    if (n->count == 0) return 0;
    for (size_t i = 0; i < n->count; i++) {
        n->channel[i].fresh = true;
        n->channel[i].unheard = false;
    }
    struct tg_buf text = TG_BUF(DB_CHANNELS * 64);
    for (size_t i = 0; i < n->count; i++)
        tg_buf_printf(&text, "LISTEN %s;", n->channel[i].name);
    int ok = PQsendQuery(l->pg, tg_buf_text(&text));
    tg_buf_done(&text);
    n->busy = true;
    n->listening = true;
    return ok ? 0 : db_link_error(l, "listen", err);
}

static int on_readable(struct db_link *l, struct tg_err *err)
{
    struct db_news *n = news_of(l);
    while (n->busy && !PQisBusy(l->pg)) {
        if (PQstatus(l->pg) == CONNECTION_BAD) return db_link_error(l, "connection lost", err);
        PGresult *r = PQgetResult(l->pg);
        if (!r) {
            n->busy = false;
            break;
        }
        bool failed = PQresultStatus(r) == PGRES_FATAL_ERROR;
        if (failed) db_link_error(l, "listen", err);
        PQclear(r);
        if (failed) return TG_E_DB;
    }
    if (!n->busy && n->listening) {
        n->listening = false;
        tell_fresh(n);
    }
    for (PGnotify *note; l->ready && (note = PQnotifies(l->pg));) {
        tell(n, note);
        PQfreemem(note);
    }
    if (l->ready && !n->busy) go_on(n);
    return 0;
}

static void on_lost(struct db_link *l, const struct tg_err *err)
{
    (void)err;
    struct db_news *n = news_of(l);
    n->busy = n->listening = false;
}

static void on_closed(struct db_link *l)
{
    struct db_news *n = news_of(l);
    n->link_open = false;
    db_maybe_closed(n->db);
}

static const struct db_link_ops ops = {on_ready, on_readable, NULL, on_lost, on_closed};

void db_news_init(struct db *db)
{
    struct db_news *n = &db->news;
    n->db = db;
    db_link_init(&n->link, db->loop, &ops);
    n->link.conninfo = db->conninfo;
    n->link.options = db->options;
    n->link.name = db->name;
    n->link_open = n->timer_open = true;
    tg_deadline_init(&n->coalesce, db->loop, n);
    db_link_start(&n->link);
}

static void on_timer_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db_news *n = data;
    n->timer_open = false;
    db_maybe_closed(n->db);
}

void db_news_close(struct db *db)
{
    db_link_close(&db->news.link);
    tg_deadline_close(&db->news.coalesce, on_timer_closed);
}

void db_listen(struct db *db, const char *channel, db_news_fn fn, void *data)
{
    struct db_news *n = &db->news;
    TG_CHECK(n->count < DB_CHANNELS && strlen(channel) <= 40 &&
             strspn(channel, "abcdefghijklmnopqrstuvwxyz_") == strlen(channel));
    n->channel[n->count++] = (struct db_channel){.name = channel,
                                                 .fn = fn,
                                                 .data = data,
                                                 .fresh = true,
                                                 .unheard = true};
    if (n->link.ready && !n->busy) {
        n->channel[n->count - 1].unheard = false;
        listen_all(n);
    }
}

static void nobody(const char *channel, const char *payload, void *data)
{
    (void)channel, (void)payload, (void)data;
}

void db_unlisten(struct db *db, const void *data)
{
    struct db_news *n = &db->news;
    for (size_t i = 0; i < n->count; i++)
        if (n->channel[i].data == data) n->channel[i].fn = nobody;
}

void db_notify(struct db *db, const char *channel)
{
    struct db_news *n = &db->news;
    for (size_t i = 0; i < n->dirty_count; i++)
        if (strcmp(n->dirty[i], channel) == 0) return;
    TG_CHECK(n->dirty_count < DB_CHANNELS);
    n->dirty[n->dirty_count++] = channel;
    if (!n->busy && !tg_deadline_active(&n->coalesce))
        tg_deadline_start(&n->coalesce, COALESCE_MS, on_coalesced);
}
