/* A connection of the pool: prepares what a unit needs (each preparation under its own Sync, so
 * that a failed unit does not undo it), sends units, and settles each at its Sync. */
#include "pool.h"

static struct db_conn *conn_of(struct db_link *l)
{
    return tg_container_of(l, struct db_conn, link);
}

static int on_ready(struct db_link *l, struct tg_err *err)
{
    struct db_conn *c = conn_of(l);
    if (!PQenterPipelineMode(l->pg)) return db_link_error(l, "pipeline mode", err);
    c->prepared_count = 0;
    c->db->ready++;
    db_state_changed(c->db, NULL);
    db_kick(c->db);
    return 0;
}

static void forget_query(struct db_conn *c, const struct db_query *q)
{
    for (size_t i = 0; i < c->prepared_count; i++)
        if (c->prepared[i] == q) c->prepared[i--] = c->prepared[--c->prepared_count];
}

/* The Sync of a unit: now, and only now, its statements are known to be committed. */
static void settle_sent(struct db_conn *c, struct db_sent *s)
{
    struct db_unit *u = s->unit;
    tg_list_del(&s->node);
    if (!u) {
        if (s->failed) forget_query(c, s->query);
        free(s);
        return;
    }
    free(s);
    c->in_flight--;
    c->cancelled_at_ms = 0;
    if (u->err.code == 0 && u->answered != u->count)
        TG_FAIL(&u->err, TG_E_BUG, "%s: %zu of %zu statements were answered", u->what, u->answered,
                u->count);
    db_settle(u);
}

static void take_error(struct db_conn *c, struct db_sent *s, const PGresult *r)
{
    s->failed = true;
    struct db_unit *u = s->unit;
    if (!u || u->err.code < 0) return;
    db_translate(r, u->what, &u->retry, &u->err);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (state && strcmp(state, "26000") == 0) /* its preparation failed: say why next time */
        for (size_t i = 0; i < u->count; i++)
            forget_query(c, u->statements[i].query);
}

/* Takes ownership of r. */
static void take_result(struct db_conn *c, struct db_sent *s, PGresult *r)
{
    struct db_unit *u = s->unit;
    switch (PQresultStatus(r)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(r);
        settle_sent(c, s);
        return;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (u && u->answered < u->count) {
            u->results[u->answered++] = r;
            return;
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_OUT:
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
    case PGRES_SINGLE_TUPLE:
        take_error(c, s, r);
    }
    PQclear(r);
}

static int on_readable(struct db_link *l, struct tg_err *err)
{
    struct db_conn *c = conn_of(l);
    struct db_sent *s;
    int nulls = 0;
    while (l->ready && (s = tg_list_first(&c->sent, struct db_sent, node))) {
        /* without this look the loop spins for ever on a dead connection */
        if (PQstatus(l->pg) == CONNECTION_BAD) return db_link_error(l, "connection lost", err);
        if (PQisBusy(l->pg)) break;
        PGresult *r = PQgetResult(l->pg);
        if (!r) {
            if (++nulls > 1) break;
            continue;
        }
        nulls = 0;
        take_result(c, s, r);
    }
    db_kick(c->db);
    return 0;
}

static int on_drained(struct db_link *l, struct tg_err *err)
{
    struct db_conn *c = conn_of(l);
    if (!c->sending) return 0;
    TG_TRY(db_unit_send(c, err));
    if (!c->sending) db_kick(c->db); /* others may follow on it */
    return 1;
}

/* What was sent and not settled may or may not have been committed. Units that only read are asked
 * again. */
static void on_lost(struct db_link *l, const struct tg_err *err)
{
    struct db_conn *c = conn_of(l);
    struct db_sent *s;
    if (c->open) { /* it had been ready */
        c->open = false;
        c->db->ready--;
    }
    c->in_flight = 0;
    c->sending = NULL;
    c->cancelled_at_ms = 0;
    tg_list_each(s, &c->sent, struct db_sent, node)
    {
        struct db_unit *u = s->unit;
        tg_list_del(&s->node);
        free(s);
        if (!u) continue;
        if (u->err.code == 0 ||
            u->err.code == TG_E_DB) { /* the server's last words are no answer */
            TG_FAIL(&u->err, TG_E_DB, "%s: %s%s", u->what, err->text,
                    u->writes ? "; it may or may not have been done" : "");
            u->retry = !u->writes;
        }
        db_settle(u);
    }
    db_state_changed(c->db, err);
}

static void on_closed(struct db_link *l)
{
    db_maybe_closed(conn_of(l)->db);
}

static int on_ready_counted(struct db_link *l, struct tg_err *err)
{
    conn_of(l)->open = true;
    return on_ready(l, err);
}

static const struct db_link_ops ops = {on_ready_counted, on_readable, on_drained, on_lost,
                                       on_closed};

void db_conn_init(struct db_conn *c, struct db *db)
{
    c->db = db;
    tg_list_init(&c->sent);
    db_link_init(&c->link, db->loop, &ops);
    c->link.conninfo = db->conninfo;
    c->link.options = db->options;
    c->link.name = db->name;
    db_link_start(&c->link);
}

static void on_cancel_work(void *data)
{
    struct db_conn *c = data;
    char text[256];
    (void)PQcancel(c->cancel, text, sizeof text); /* dials anew and blocks: hence the pool thread */
}

static void on_cancel_done(void *data, int status)
{
    (void)status;
    struct db_conn *c = data;
    PQfreeCancel(c->cancel);
    c->cancel = NULL;
    db_maybe_closed(c->db);
}

void db_conn_cancel(struct db_conn *c)
{
    struct tg_err err = {0};
    c->cancelled_at_ms = tg_loop_mono_ms(c->db->loop);
    if (c->cancel || !c->link.pg) return;
    c->cancel = PQgetCancel(c->link.pg);
    if (!c->cancel) return;
    if (tg_work_start(&c->cancel_work, c->db->loop, on_cancel_work, on_cancel_done, c, &err) < 0) {
        PQfreeCancel(c->cancel);
        c->cancel = NULL;
    }
}

void db_conn_close(struct db_conn *c)
{
    struct db_sent *s;
    c->sending = NULL;
    db_link_close(&c->link);
    tg_list_each(s, &c->sent, struct db_sent, node)
    {
        struct db_unit *u = s->unit;
        tg_list_del(&s->node);
        free(s);
        if (!u) continue;
        if (u->err.code == 0)
            TG_FAIL(&u->err, TG_E_CANCELLED,
                    "%s: the database room closes; it may or may not have been done", u->what);
        u->retry = false;
        db_settle(u);
    }
}
