/* Units: statements collected, sent up to one Sync, and told once. */
#include "pool.h"

struct db_unit *db_unit_new(struct db *db, const char *what)
{
    struct db_unit *u = TG_NEW(struct db_unit);
    u->db = db;
    u->what = what;
    u->wait_ms = db->deadline_ms;
    tg_list_init(&u->node);
    tg_buf_init(&u->bytes, DB_UNIT_MAX);
    return u;
}

size_t db_unit_add(struct db_unit *u, const struct db_query *query, const struct db_arg *args,
                   size_t count)
{
    TG_CHECK(count == query->params);
    if (u->count == u->statements_cap) {
        u->statements_cap = u->statements_cap ? u->statements_cap * 2 : 4;
        u->statements = tg_realloc(u->statements, u->statements_cap * sizeof *u->statements);
    }
    if (u->values_count + count > u->values_cap) {
        u->values_cap = u->values_cap * 2 + count + 8;
        u->values = tg_realloc(u->values, u->values_cap * sizeof *u->values);
    }
    u->statements[u->count] = (struct db_statement){query, u->values_count};
    u->writes = u->writes || query->writes;
    for (size_t i = 0; i < count; i++) {
        struct db_value *v = &u->values[u->values_count++];
        *v = (struct db_value){u->bytes.len, -1};
        if (u->err.code < 0) continue;
        if (db_arg_encode(&args[i], query->types[i], &u->bytes, &v->len, &u->err) < 0)
            (void)tg_err_wrap(&u->err, "%s: %s $%zu", u->what, query->name, i + 1);
    }
    return u->count++;
}

void db_unit_deadline(struct db_unit *u, uint32_t wait_ms)
{
    u->wait_ms = wait_ms;
}

void db_unit_run(struct db_unit *u, db_done_fn done, void *data)
{
    struct db *db = u->db;
    TG_CHECK(u->count > 0 && done);
    u->done = done;
    u->data = data;
    u->run_at_ms = tg_loop_mono_ms(db->loop);
    u->deadline_ms = u->run_at_ms + u->wait_ms;
    u->results = tg_calloc(u->count, sizeof(PGresult *));
    tg_list_add(&db->waiting, &u->node);
    db->outstanding++;
    db_kick(db);
}

static int send_statement(struct db_conn *c, const struct db_unit *u, const struct db_statement *s,
                          size_t *bytes, struct tg_err *err)
{
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];
    int n = s->query->params;
    for (int i = 0; i < n; i++) {
        const struct db_value *v = &u->values[s->first + (size_t)i];
        /* an empty string must not be NULL, and an empty buffer has no bytes */
        values[i] = v->len < 0 ? NULL : v->len == 0 ? "" : (const char *)u->bytes.data + v->at;
        lengths[i] = v->len < 0 ? 0 : v->len;
        formats[i] = 1;
        *bytes += (size_t)lengths[i];
    }
    if (!PQsendQueryPrepared(c->link.pg, s->query->name, n, values, lengths, formats, 1))
        return db_link_error(&c->link, u->what, err);
    return 0;
}

/* A unit of 100 MB is not queued at once: libpq moves all that is queued at every partial write. */
int db_unit_send(struct db_conn *c, struct tg_err *err)
{
    struct db_unit *u = c->sending;
    for (size_t bytes = 0; c->sent_count < u->count && bytes < DB_SEND_AHEAD; c->sent_count++)
        TG_TRY(send_statement(c, u, &u->statements[c->sent_count], &bytes, err));
    if (c->sent_count < u->count) return 0;
    c->sending = NULL;
    if (!PQpipelineSync(c->link.pg)) return db_link_error(&c->link, u->what, err);
    return 0;
}

void db_unit_again(struct db_unit *u)
{
    for (size_t i = 0; i < u->answered; i++)
        PQclear(u->results[i]);
    u->answered = 0;
    tg_err_clear(&u->err);
    u->retry = false;
}

void db_unit_tell(struct db_unit *u)
{
    if (u->told) return;
    u->told = true;
    struct db *db = u->db;
    db->outstanding--;
    if (db->watch)
        db->watch(u->what, tg_loop_mono_ms(db->loop) - u->run_at_ms, u->err.code == 0,
                  db->watch_data);
    if (u->err.code < 0) {
        u->done(NULL, &u->err, u->data);
        return;
    }
    struct db_results r = {u->results, u->count};
    u->done(&r, NULL, u->data);
}

void db_unit_forget(struct db_unit *u)
{
    if (!u) return;
    tg_list_del(&u->node);
    if (u->results)
        for (size_t i = 0; i < u->answered; i++)
            PQclear(u->results[i]);
    free(u->results);
    free(u->statements);
    free(u->values);
    tg_buf_done(&u->bytes);
    free(u);
}

void db_unit_drop(struct db_unit *u)
{
    if (!u) return;
    TG_CHECK(!u->done);
    db_unit_forget(u);
}
