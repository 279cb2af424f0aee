/* The sequencer: inbox -> dense numbers, hashes, checkpoint; one unit a step. Two may try: the
 * lease's epoch and the size that the head must have let only one of them write. */
#include "audit_private.h"
#include "base/log.h"
#include "base/mem.h"

struct step {
    struct audit *a;
    int64_t epoch;
    struct audit_chunk chunk;
    struct tg_work work;
    struct tg_err err;
};

static void finish(struct step *s, const struct tg_err *err)
{
    struct audit *a = s->a;
    bool more = !err && s->chunk.count == AUDIT_CHUNK;
    /* stale: another one was first, or the lease changed hands; the next step sees it */
    if (err && err->code != TG_E_STATE && err->code != TG_E_EXISTS && err->code != TG_E_CANCELLED &&
        !a->said) {
        a->said = true;
        tg_log_err(err->code == TG_E_MISMATCH ? TG_LOG_ERROR : TG_LOG_WARN, "audit",
                   "sequencer-waits", err);
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

static void hash(void *data)
{
    struct step *s = data;
    (void)!audit_hash(&s->chunk, &s->err);
}

static void on_hashed(void *data, int status)
{
    struct step *s = data;
    if (status < 0 && s->err.code == 0) (void)TG_FAIL(&s->err, status, "audit log: stopped");
    struct db_unit *u =
        s->err.code < 0 ? NULL : audit_write_work(s->a, s->epoch, &s->chunk, &s->err);
    if (u)
        db_unit_run(u, on_written, s);
    else
        finish(s, &s->err);
}

static void on_inbox(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct step *s = data;
    if (!err && audit_read_work(s->a, r, &s->chunk, &s->err) == 0 && s->chunk.count > 0 &&
        tg_work_start(&s->work, s->a->loop, hash, on_hashed, s, &s->err) == 0)
        return;
    if (!err && s->err.code < 0) err = &s->err;
    finish(s, err);
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
    db_unit_run(audit_ask_work(a), on_inbox, s);
}
