/* The pool: which unit runs where and when, deadlines, retries, opening and closing. All dispatch
 * happens in one timer callback of 0 ms, so that no callback of a caller ever runs inside a call of
 * his. */
#include <signal.h>

#include "base/log.h"
#include "pool.h"

void db_kick(struct db *db);

static void settle_timeout(struct db_unit *u, const char *why)
{
    TG_FAIL(&u->err, TG_E_TIMEOUT, "%s: %s", u->what, why);
    db_unit_tell(u);
}

/* --- dispatch --- */

static bool is_prepared(const struct db_conn *c, const struct db_query *q)
{
    for (size_t i = 0; i < c->prepared_count; i++)
        if (c->prepared[i] == q) return true;
    return false;
}

static void push_sent(struct db_conn *c, struct db_unit *u, const struct db_query *q)
{
    struct db_sent *s = TG_NEW(struct db_sent);
    s->unit = u;
    s->query = q;
    tg_list_add(&c->sent, &s->node);
}

static int prepare(struct db_conn *c, const struct db_query *q, struct tg_err *err)
{
    if (is_prepared(c, q)) return 0;
    if (c->prepared_count == c->prepared_cap) {
        c->prepared_cap = c->prepared_cap ? c->prepared_cap * 2 : 32;
        c->prepared = tg_realloc(c->prepared, c->prepared_cap * sizeof(const struct db_query *));
    }
    c->prepared[c->prepared_count++] = q;
    push_sent(c, NULL, q);
    if (!PQsendPrepare(c->link.pg, q->name, q->sql, q->params, q->types) ||
        !PQpipelineSync(c->link.pg))
        return db_link_error(&c->link, q->name, err);
    return 0;
}

static void run_on(struct db_conn *c, struct db_unit *u)
{
    struct tg_err err = {0};
    int rc = 0;
    tg_list_del(&u->node);
    for (size_t i = 0; i < u->count && rc == 0; i++)
        rc = prepare(c, u->statements[i].query, &err);
    push_sent(c, u, NULL);
    c->in_flight++;
    c->sending = u;
    c->sent_count = 0;
    if (rc == 0) rc = db_unit_send(c, &err);
    if (rc < 0) db_link_fail(&c->link, &err);
}

static struct db_conn *least_busy(struct db *db)
{
    struct db_conn *best = NULL;
    for (unsigned i = 0; i < db->conn_count; i++) {
        struct db_conn *c = &db->conns[i];
        if (c->link.ready && !c->sending && c->cancelled_at_ms == 0 &&
            (!best || c->in_flight < best->in_flight))
            best = c;
    }
    return best && best->in_flight < DB_DEPTH ? best : NULL;
}

static struct db_unit *next_due(struct db *db, uint64_t now_ms)
{
    struct db_unit *u;
    tg_list_each(u, &db->waiting, struct db_unit, node) if (u->not_before_ms <= now_ms) return u;
    return NULL;
}

static void dispatch(struct db *db)
{
    uint64_t now_ms = tg_loop_mono_ms(db->loop);
    for (struct db_unit *u; (u = next_due(db, now_ms));) {
        if (u->err.code < 0) { /* an argument that did not fit */
            tg_list_del(&u->node);
            db_unit_tell(u);
            db_unit_forget(u);
            continue;
        }
        struct db_conn *c = least_busy(db);
        if (!c) break;
        run_on(c, u);
    }
    for (unsigned i = 0; i < db->conn_count; i++) {
        struct tg_err err = {0};
        struct db_conn *c = &db->conns[i];
        if (c->link.ready && !tg_list_empty(&c->sent) && db_link_flush(&c->link, &err) < 0)
            db_link_fail(&c->link, &err);
    }
}

/* --- the end of a unit --- */

static void seam_after_commit(struct db_unit *u)
{
    struct db *db = u->db;
    if (!u->writes || u->uncounted) return;
    db->writes++;
    if (db->writes == db->die_at || db->writes == db->lose_at)
        tg_log(TG_LOG_WARN, "db", "seam", "unit=%ld what=%s", db->writes, tg_q(u->what));
    if (db->writes == db->die_at) kill(getpid(), SIGKILL);
    if (db->writes == db->lose_at)
        TG_FAIL(&u->err, TG_E_DB, "%s: connection lost (test); it may or may not have been done",
                u->what);
}

void db_settle(struct db_unit *u)
{
    struct db *db = u->db;
    uint64_t now_ms = tg_loop_mono_ms(db->loop);
    if (!u->told && u->err.code < 0 && u->retry && u->tries < DB_RETRIES && !db->closing &&
        now_ms < u->deadline_ms) {
        u->tries++;
        db_unit_again(u);
        u->not_before_ms = now_ms + 5 + tg_random_below(20U << u->tries);
        tg_list_add(&db->waiting, &u->node);
        return; /* the sweep finds it */
    }
    if (u->err.code == 0 && (db->die_at || db->lose_at)) seam_after_commit(u);
    db_unit_tell(u);
    db_unit_forget(u);
}

/* --- deadlines --- */

static void sweep_waiting(struct db *db, uint64_t now_ms)
{
    struct db_unit *u;
    tg_list_each(u, &db->waiting, struct db_unit, node)
    {
        if (now_ms < u->deadline_ms) continue;
        tg_list_del(&u->node);
        if (db_is_up(db))
            settle_timeout(u, "no connection was free in time");
        else {
            TG_FAIL(&u->err, TG_E_DB, "%s: the database is not connected", u->what);
            db_unit_tell(u);
        }
        db_unit_forget(u);
    }
}

/* Who is at the head is running and can be cancelled; who waits behind it is told now, and its
 * answer is dropped. */
static void sweep_conn(struct db_conn *c, uint64_t now_ms)
{
    struct db_sent *s;
    bool head = true;
    if (c->cancelled_at_ms && now_ms > c->cancelled_at_ms + DB_CANCEL_GRACE_MS) {
        struct tg_err err = {0};
        TG_FAIL(&err, TG_E_DB, "no answer to a cancel request");
        db_link_fail(&c->link, &err);
        return;
    }
    tg_list_each(s, &c->sent, struct db_sent, node)
    {
        struct db_unit *u = s->unit;
        bool first = head;
        head = false;
        if (!u || u->told || now_ms < u->deadline_ms) continue;
        if (!first)
            settle_timeout(u, "took too long; it may or may not have been done");
        else if (c->cancelled_at_ms == 0)
            db_conn_cancel(c);
    }
}

static void on_sweep(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db *db = data;
    uint64_t now_ms = tg_loop_mono_ms(db->loop);
    sweep_waiting(db, now_ms);
    for (unsigned i = 0; i < db->conn_count; i++)
        sweep_conn(&db->conns[i], now_ms);
    db_kick(db);
}

/* --- closing --- */

static void on_timer_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db *db = data;
    db->timers_open--;
    db_maybe_closed(db);
}

static bool conn_is_closed(const struct db_conn *c)
{
    return !c->link.timer_open && c->link.polls_open == 0 && !c->cancel;
}

void db_maybe_closed(struct db *db)
{
    if (!db->closing || db->timers_open > 0 || db->news.link_open || db->news.timer_open) return;
    for (unsigned i = 0; i < db->conn_count; i++)
        if (!conn_is_closed(&db->conns[i])) return;
    db_closed_fn closed = db->closed;
    void *data = db->closed_data;
    for (unsigned i = 0; i < db->conn_count; i++)
        free(db->conns[i].prepared);
    free(db->conns);
    free(db->conninfo);
    free(db->options);
    free(db->name);
    free(db);
    if (closed) closed(data);
}

static void tear_down(struct db *db)
{
    struct db_unit *u;
    tg_list_each(u, &db->waiting, struct db_unit, node)
    {
        tg_list_del(&u->node);
        TG_FAIL(&u->err, TG_E_CANCELLED, "%s: the database room closes", u->what);
        db_unit_tell(u);
        db_unit_forget(u);
    }
    for (unsigned i = 0; i < db->conn_count; i++)
        db_conn_close(&db->conns[i]);
    db_news_close(db);
    tg_deadline_close(&db->kick, on_timer_closed);
    tg_deadline_close(&db->sweep, on_timer_closed);
}

static void on_kick(struct tg_deadline *d, void *data)
{
    (void)d;
    struct db *db = data;
    if (db->closing) {
        tear_down(db);
        return;
    }
    dispatch(db);
    if (db->outstanding > 0 && !tg_deadline_active(&db->sweep))
        tg_deadline_start(&db->sweep, DB_SWEEP_MS, on_sweep);
}

void db_kick(struct db *db)
{
    if (db->timers_open == 2 && !tg_deadline_active(&db->kick))
        tg_deadline_start(&db->kick, 0, on_kick);
}

void db_close(struct db *db, db_closed_fn closed, void *data)
{
    TG_CHECK(!db->closing);
    db->closing = true;
    db->closed = closed;
    db->closed_data = data;
    tg_deadline_start(&db->kick, 0, on_kick);
}

/* --- opening --- */

void db_state_changed(struct db *db, const struct tg_err *why)
{
    int now = db->ready > 0;
    if (db->closing || now == db->state) return;
    db->state = now;
    if (db->on_state) db->on_state(now, now ? NULL : why, db->state_data);
}

void db_on_state(struct db *db, db_state_fn fn, void *data)
{
    db->on_state = fn;
    db->state_data = data;
}

void db_watch(struct db *db, db_watch_fn fn, void *data)
{
    db->watch = fn;
    db->watch_data = data;
}

bool db_is_up(const struct db *db)
{
    return db->ready > 0;
}

struct tg_loop *db_loop(struct db *db)
{
    return db->loop;
}

static void read_seams(struct db *db)
{
#ifdef TAMGA_TEST
    const char *die_at = getenv("TAMGA_DIE_AT"), *lose_at = getenv("TAMGA_LOSE_AT");
    db->die_at = die_at ? strtol(die_at, NULL, 10) : 0;
    db->lose_at = lose_at ? strtol(lose_at, NULL, 10) : 0;
#else
    (void)db;
#endif
}

int db_open(struct tg_loop *loop, const struct db_config *config, struct db **ret,
            struct tg_err *err)
{
    char *why = NULL;
    PQconninfoOption *parsed = PQconninfoParse(config->conninfo, &why);
    if (!parsed) {
        int rc = TG_FAIL(err, TG_E_INPUT, "database: %.*s", (int)strcspn(why ? why : "", "\n"),
                         why ? why : "");
        PQfreemem(why);
        return rc;
    }
    PQconninfoFree(parsed);
    struct db *db = TG_NEW(struct db);
    db->loop = loop;
    db->state = -1;
    db->conninfo = tg_strdup(config->conninfo);
    db->name = tg_strdup(config->name ? config->name : "tamgad");
    db->deadline_ms = config->deadline_ms ? config->deadline_ms : 30 * 1000;
    db->options =
        tg_printf("-c search_path=tamga,pg_catalog -c TimeZone=UTC -c jit=off -c lock_timeout=20s "
                  "-c idle_in_transaction_session_timeout=60s -c statement_timeout=%us%s%s",
                  db->deadline_ms / 1000 + 60, config->role ? " -c role=" : "",
                  config->role ? config->role : "");
    tg_list_init(&db->waiting);
    tg_deadline_init(&db->kick, loop, db);
    tg_deadline_init(&db->sweep, loop, db);
    db->timers_open = 2;
    read_seams(db);
    db->conn_count = config->pool ? config->pool : 4;
    db->conns = tg_calloc(db->conn_count, sizeof *db->conns);
    for (unsigned i = 0; i < db->conn_count; i++)
        db_conn_init(&db->conns[i], db);
    db_news_init(db);
    *ret = db;
    return 0;
}
