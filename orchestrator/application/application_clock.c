/* What time does to applications: lapse, and retry after the back-off. Chunks of one state, one
 * event each. */
#include "application_in.h"

enum { CHUNK = 5000, RETRIES = 256 };

struct sweep {
    struct db *db;
    int64_t now, count;
    enum application_state state;
    bool more;
    application_count_fn fn;
    void *data;
};

static void sweep_finish(struct sweep *s, const struct tg_err *err)
{
    s->fn(err ? 0 : s->count, err, s->data);
    free(s);
}

static void lapse_next(struct sweep *s);

static void on_lapsed(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct sweep *s = data;
    /* stale: somebody moved one of them meanwhile; the next run takes the rest */
    if (err && err->code != TG_E_STALE) {
        sweep_finish(s, err);
        return;
    }
    if (!s->more || err) s->state++;
    lapse_next(s);
}

/* The set is named by a hash over its ids: there is no batch that names it. */
static void name_set(const int64_t *ids, size_t count, uint8_t ret[TG_SHA256])
{
    tg_sha256(ids, count * sizeof *ids, ret);
}

static void on_lapsing(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct sweep *s = data;
    size_t count = err ? 0 : db_rows(r, 0);
    if (err) {
        sweep_finish(s, err);
        return;
    }
    s->more = count == CHUNK;
    if (count == 0) {
        s->state++;
        lapse_next(s);
        return;
    }
    TG_AUTO(mem) int64_t *ids = tg_calloc(count, sizeof *ids);
    TG_AUTO(mem) int64_t *revs = tg_calloc(count, sizeof *revs);
    uint8_t root[TG_SHA256];
    for (size_t i = 0; i < count; i++) {
        ids[i] = db_get_i64(r, 0, i, "id");
        revs[i] = db_get_i64(r, 0, i, "rev");
    }
    name_set(ids, count, root);
    struct db_unit *u = db_unit_new(s->db, "application lapse");
    application_add_set(u, &(struct application_set){ids,
                                                     revs,
                                                     count,
                                                     root,
                                                     {.from = s->state,
                                                      .to = APPLICATION_LAPSED,
                                                      .now = s->now,
                                                      .actor = "clock",
                                                      .why = "the old certificate expired first"}});
    application_add_withdraw(u, ids, count, s->now);
    s->count += (int64_t)count;
    db_unit_run(u, on_lapsed, s);
}

static void lapse_next(struct sweep *s)
{
    if (s->state > APPLICATION_APPROVED) {
        sweep_finish(s, NULL);
        return;
    }
    struct db_unit *u = db_unit_new(s->db, "application lapsing");
    application_add_lapsing(u, s->state, s->now, CHUNK);
    db_unit_run(u, on_lapsing, s);
}

void application_lapse(struct db *db, int64_t now, application_count_fn fn, void *data)
{
    struct sweep *s = TG_NEW(struct sweep);
    *s = (struct sweep){.db = db, .now = now, .state = APPLICATION_DRAFTED, .fn = fn, .data = data};
    lapse_next(s);
}

/* --- retry after the back-off --- */

static void on_retried(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    sweep_finish(data, err);
}

static void add_retry(struct db_unit *u, const struct db_results *r, size_t i, struct sweep *s)
{
    enum application_state state = (enum application_state)db_get_i64(r, 0, i, "state");
    application_add_retry_done(u, db_get_i64(r, 0, i, "job"));
    if (state != APPLICATION_FAILED) return; /* a person was faster */
    struct application_step step = {.id = db_get_i64(r, 0, i, "id"),
                                    .rev = db_get_i64(r, 0, i, "rev"),
                                    .from = APPLICATION_FAILED,
                                    .to = (enum application_state)db_get_i64(r, 0, i, "failed_in"),
                                    .now = s->now,
                                    .actor = "clock",
                                    .why = "tried again after a pause"};
    application_add_move(u, &step);
    application_add_job_again(u, step.id, step.to, s->now);
    s->count++;
}

static void on_due(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct sweep *s = data;
    if (err || db_rows(r, 0) == 0) {
        sweep_finish(s, err);
        return;
    }
    struct db_unit *u = db_unit_new(s->db, "application retry");
    for (size_t i = 0; i < db_rows(r, 0); i++)
        add_retry(u, r, i, s);
    db_unit_run(u, on_retried, s);
}

void application_retry_due(struct db *db, int64_t now, application_count_fn fn, void *data)
{
    struct sweep *s = TG_NEW(struct sweep);
    *s = (struct sweep){.db = db, .now = now, .fn = fn, .data = data};
    struct db_unit *u = db_unit_new(db, "application retries");
    application_add_due_retries(u, now, RETRIES);
    db_unit_run(u, on_due, s);
}
