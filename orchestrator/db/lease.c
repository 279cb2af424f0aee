/* The leader's lease. Our own count of its time starts before the question is sent, so that it ends
 * before the database's does. */
#include "db/lease.h"
#include "base/bytes.h"
#include "db_queries.h"
#include "pool.h"

static void set_held(struct db_lease *l, int64_t epoch)
{
    bool was = l->epoch != 0, is = epoch != 0;
    bool changed = was != is || (is && l->epoch != epoch);
    l->epoch = epoch;
    if (changed && l->fn) l->fn(is, l->data);
}

static void on_taken(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct db_lease *l = data;
    (void)
        err; /* the database room has said it; not knowing is not holding, once our time is over */
    if (l->closing) {
        tg_repeat_finish(&l->repeat);
        return;
    }
    if (r && db_rows(r, 0) == 1) {
        /* a second less: the instants that we give the database are whole seconds */
        l->until_ms = l->asked_ms + (l->ttl_s - 1) * 1000;
        set_held(l, db_get_i64(r, 0, 0, 0));
    }
    if ((r && db_rows(r, 0) == 0) || tg_loop_mono_ms(l->db->loop) >= l->until_ms) set_held(l, 0);
    tg_repeat_finish(&l->repeat);
}

static struct db_unit *unit(struct db_lease *l, const struct db_query *q, const struct db_arg *args,
                            size_t count)
{
    struct db_unit *u = db_unit_new(l->db, q->name);
    u->uncounted = true; /* a beat, not a step: TAMGA_DIE_AT counts steps */
    db_unit_add(u, q, args, count);
    db_unit_deadline(u, (uint32_t)(l->ttl_s * 1000 / 3));
    return u;
}

static void take(struct tg_repeat *rep, void *data)
{
    (void)rep;
    struct db_lease *l = data;
    uint64_t asked_ms = tg_loop_mono_ms(l->db->loop);
    if (l->epoch && asked_ms >= l->until_ms) set_held(l, 0);
    l->asked_ms = asked_ms;
    int64_t now = tg_loop_wall(l->db->loop);
    db_unit_run(unit(l, Q_DB_LEASE_TAKE,
                     DB_ARGS(db_text(l->name), db_text(l->owner), db_time(now),
                             db_i64((int64_t)l->ttl_s))),
                on_taken, l);
}

void db_lease_start(struct db_lease *l, struct db *db, const char *name, uint64_t ttl_s,
                    db_lease_fn fn, void *data)
{
    uint8_t id[16];
    TG_CHECK(ttl_s >= 3);
    *l = (struct db_lease){.db = db, .name = name, .ttl_s = ttl_s, .fn = fn, .data = data};
    tg_random(id, sizeof id);
    tg_hex(id, sizeof id, l->owner);
    tg_repeat_init(&l->repeat, db->loop, ttl_s * 1000 / 3, take, l);
    tg_repeat_start(&l->repeat, 0);
}

int64_t db_lease_epoch(struct db_lease *l)
{
    return l->epoch && tg_loop_mono_ms(l->db->loop) < l->until_ms ? l->epoch : 0;
}

static void on_given(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    (void)err; /* then it runs out */
    struct db_lease *l = data;
    if (l->closed) l->closed(l->data);
}

/* Only now: a renewal that was under way would take the lease back after it was given up. */
static void on_repeat_closed(struct tg_repeat *rep, void *data)
{
    (void)rep;
    struct db_lease *l = data;
    int64_t now = tg_loop_wall(l->db->loop);
    db_unit_run(unit(l, Q_DB_LEASE_GIVE,
                     DB_ARGS(db_text(l->name), db_text(l->owner), db_time(now))),
                on_given, l);
}

void db_lease_close(struct db_lease *l, db_lease_closed_fn closed)
{
    TG_CHECK(!l->closing);
    l->closing = true;
    l->closed = closed;
    l->epoch = 0;
    tg_repeat_close(&l->repeat, on_repeat_closed);
}
