/* The room: its life, and the look for work (by news, and slowly by itself). */
#include "dispatch_in.h"

#include <string.h>

#include "base/log.h"

enum {
    POLL_MS = 2 * 1000, /* drafts and retries of others come without news */
    SWEEP_EVERY = 30,   /* polls */
    AGENTS = 10000,     /* told by one poll */
    INSTALLS = 1000,    /* jobs made by one poll */
};

enum { INSTALLED_JOBS, WAITING }; /* statements */

void dispatch_tell(struct dispatch *d, int64_t agent_id)
{
    if (d->news && !d->closing) d->news(agent_id, d->news_data);
}

static void on_polled(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct dispatch *d = data;
    size_t agents = err ? 0 : db_rows(r, WAITING);
    for (size_t i = 0; i < agents; i++)
        dispatch_tell(d, db_get_i64(r, WAITING, i, "agent_id"));
    if (err && err->code != TG_E_DB) tg_log_err(TG_LOG_WARN, "dispatch", "poll", err);
    if (!err && db_affected(r, INSTALLED_JOBS) >= INSTALLS) tg_repeat_now(&d->poll);
    tg_repeat_finish(&d->poll);
    dispatch_end(d);
}

static void poll(struct tg_repeat *repeat, void *data)
{
    struct dispatch *d = data;
    int64_t now = tg_loop_wall(db_loop(d->db));
    if (!db_is_up(d->db) || d->closing) {
        tg_repeat_finish(repeat);
        return;
    }
    dispatch_begin(d);
    struct db_unit *u = db_unit_new(d->db, "dispatch poll");
    dispatch_add_installs(u, now, INSTALLS);
    dispatch_add_waiting(u, now, dispatch_chain(d) != NULL, AGENTS);
    if (d->polls++ % SWEEP_EVERY == 0) dispatch_add_sweep(u, now);
    db_unit_run(u, on_polled, d);
}

static void on_news(const char *channel, const char *payload, void *data)
{
    (void)channel;
    (void)payload;
    struct dispatch *d = data;
    if (!d->closing) tg_repeat_now(&d->poll);
}

struct dispatch *dispatch_new(struct db *db, const struct dispatch_ports *ports)
{
    struct dispatch *d = TG_NEW(struct dispatch);
    d->db = db;
    d->ports = *ports;
    tg_deadline_init(&d->later, db_loop(db), d);
    tg_repeat_init(&d->poll, db_loop(db), POLL_MS, poll, d);
    tg_repeat_start(&d->poll, 1);
    db_listen(db, "tamga_jobs", on_news, d);
    return d;
}

void dispatch_on_news(struct dispatch *d, dispatch_news_fn fn, void *data)
{
    d->news = fn;
    d->news_data = data;
}

/* --- the end --- */

static void on_gone(struct tg_deadline *later, void *data)
{
    (void)later;
    struct dispatch *d = data;
    void (*closed)(void *) = d->closed;
    void *closed_data = d->closed_data;
    free(d);
    if (closed) closed(closed_data);
}

void dispatch_begin(struct dispatch *d)
{
    d->busy++;
}

void dispatch_end(struct dispatch *d)
{
    if (--d->busy == 0 && d->poll_closed) tg_deadline_close(&d->later, on_gone);
}

static void on_poll_closed(struct tg_repeat *repeat, void *data)
{
    (void)repeat;
    struct dispatch *d = data;
    d->poll_closed = true;
    dispatch_end(d);
}

void dispatch_close(struct dispatch *d, void (*closed)(void *data), void *data)
{
    d->closed = closed;
    d->closed_data = data;
    d->closing = true;
    db_unlisten(d->db, d);
    dispatch_begin(d);
    tg_repeat_close(&d->poll, on_poll_closed);
}
