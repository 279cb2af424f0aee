/* A report from message to commit: columns on a pool thread, one transaction, one answer. */
#include "inventory_in.h"

#include <string.h>

struct taking {
    struct db *db;
    struct tg_wire_message *m;
    struct inventory_source source;
    char *host, *actor;
    struct inventory_report report;
    struct inventory_taking at;
    struct tg_work work;
    struct tg_deadline later; /* when not even the work could start */
    struct tg_err err;
    inventory_taken_fn fn;
    void *data;
};

static void end(struct taking *t, const struct inventory_taken *taken, const struct tg_err *err)
{
    t->fn(taken, err, t->data);
    inventory_report_done(&t->report);
    tg_wire_free(t->m);
    free(t->host);
    free(t->actor);
    free(t);
}

static void on_committed(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct taking *t = data;
    struct inventory_taken taken = {.keystores = (int64_t)t->report.keystore_count,
                                    .refused = t->report.refused};
    if (err) {
        end(t, NULL, err);
        return;
    }
    inventory_read_taken(r, &t->at, &taken);
    end(t, &taken, NULL);
}

static void on_parse(void *data)
{
    struct taking *t = data;
    inventory_report_make(tg_wire_body(t->m, TG_WIRE_INVENTORY), &t->report);
}

static void on_parsed(void *data, int status)
{
    struct taking *t = data;
    if (status < 0) {
        TG_FAIL(&t->err, TG_E_CANCELLED, "inventory of %s: the service stops", t->host);
        end(t, NULL, &t->err);
        return;
    }
    struct db_unit *u = db_unit_new(t->db, "inventory report");
    db_unit_deadline(u, 300 * 1000); /* a first import has tens of thousands of certificates */
    inventory_add_report(u, &t->source, &t->report, &t->at);
    db_unit_run(u, on_committed, t);
}

static void on_later(struct tg_deadline *d, void *data)
{
    (void)d;
    struct taking *t = data;
    end(t, NULL, &t->err);
}

void inventory_take(struct db *db, const struct inventory_source *source, struct tg_wire_message *m,
                    inventory_taken_fn fn, void *data)
{
    struct taking *t = TG_NEW(struct taking);
    *t = (struct taking){.db = db,
                         .m = m,
                         .source = *source,
                         .host = tg_strdup(source->host),
                         .actor = tg_strdup(source->actor),
                         .fn = fn,
                         .data = data};
    t->source.host = t->host;
    t->source.actor = t->actor;
    if (tg_work_start(&t->work, db_loop(db), on_parse, on_parsed, t, &t->err) == 0) return;
    tg_deadline_init(&t->later, db_loop(db), t);
    tg_deadline_close(&t->later, on_later);
}
