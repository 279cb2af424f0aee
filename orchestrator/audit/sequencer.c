/* The sequencer: inbox -> dense numbers, hashes, checkpoint; one unit a step. Two may try: the
 * lease's epoch and the size that the head must have let only one of them write. */
#include "audit_private.h"
#include "base/log.h"
#include "base/mem.h"

struct step {
    struct audit *a;
    int64_t epoch;
    struct audit_chunk chunk;
};

static void finish(struct step *s, const struct tg_err *err)
{
    struct audit *a = s->a;
    bool more = !err && s->chunk.count == AUDIT_CHUNK;
    /* stale: another one was first, or the lease changed hands; the next step sees it */
    if (err && err->code != TG_E_STATE && err->code != TG_E_EXISTS && err->code != TG_E_CANCELLED &&
        !a->said) {
        a->said = true;
        tg_log_err(TG_LOG_WARN, "audit", "sequencer-waits", err);
    }
    if (!err) a->said = false;
    audit_chunk_done(&s->chunk);
    free(s);
    if (more && !a->closing) tg_repeat_now(&a->repeat);
    tg_repeat_finish(&a->repeat);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    finish(data, err);
}

static void on_work(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct step *s = data;
    struct tg_err own = {0};
    if (err || audit_read_work(s->a, r, &s->chunk, &own) < 0) {
        finish(s, err ? err : &own);
        return;
    }
    if (s->chunk.count == 0) {
        finish(s, NULL);
        return;
    }
    struct db_unit *u = audit_write_work(s->a, s->epoch, &s->chunk, &own);
    if (u)
        db_unit_run(u, on_written, s);
    else
        finish(s, &own);
}

void audit_step(struct tg_repeat *r, void *data)
{
    struct audit *a = data;
    int64_t epoch = db_lease_epoch(&a->lease);
    if (epoch == 0 || a->closing) {
        tg_repeat_finish(r);
        return;
    }
    struct step *s = TG_NEW(struct step);
    s->a = a;
    s->epoch = epoch;
    db_unit_run(audit_ask_work(a), on_work, s);
}
