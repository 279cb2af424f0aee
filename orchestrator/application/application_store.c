/* The room's statements: arguments in, rows out. No decisions. */
#include "application_in.h"
#include "application_queries.h"

#include <string.h>

static struct db_arg text(const char *t)
{
    return db_text(t ? t : "");
}

static struct db_arg id_or_null(int64_t id)
{
    return id ? db_i64(id) : db_null();
}

size_t application_add_read(struct db_unit *u, const int64_t *ids, size_t count)
{
    return db_unit_add(u, Q_APPLICATION_READ, DB_ARGS(db_i64_array(ids, count)));
}

size_t application_add_list(struct db_unit *u, const struct application_filter *f)
{
    return db_unit_add(u, Q_APPLICATION_LIST,
                       DB_ARGS(db_i64(f->state), db_i64(f->after), db_i64(f->limit)));
}

void application_add_number(struct db_unit *u, struct tg_number no, size_t *ret)
{
    *ret = db_unit_add(u, Q_APPLICATION_NUMBER, DB_ARGS(db_i64(no.year), db_i64(no.sequence)));
}

void application_add_show(struct db_unit *u, struct tg_number no, struct application_reading *ret)
{
    application_add_number(u, no, &ret->row);
    ret->events =
        db_unit_add(u, Q_APPLICATION_EVENTS, DB_ARGS(db_i64(no.year), db_i64(no.sequence)));
    ret->stored =
        db_unit_add(u, Q_APPLICATION_STORED, DB_ARGS(db_i64(no.year), db_i64(no.sequence)));
    ret->changes =
        db_unit_add(u, Q_APPLICATION_CHANGES_OF, DB_ARGS(db_i64(no.year), db_i64(no.sequence)));
}

size_t application_add_changes(struct db_unit *u, const int64_t *ids, size_t count)
{
    return db_unit_add(u, Q_APPLICATION_CHANGES, DB_ARGS(db_i64_array(ids, count)));
}

size_t application_add_keystores(struct db_unit *u, struct tg_number no, const char *path)
{
    return db_unit_add(u, Q_APPLICATION_KEYSTORES,
                       DB_ARGS(db_i64(no.year), db_i64(no.sequence), db_text(path)));
}

/* --- rows --- */

static int64_t number_of(const struct db_results *r, size_t i, size_t row, const char *col)
{
    int64_t v = db_get_i64(r, i, row, col);
    return v == DB_NULL_I64 ? 0 : v;
}

static int64_t time_of(const struct db_results *r, size_t i, size_t row, const char *col)
{
    int64_t v = db_get_time(r, i, row, col);
    return v == DB_NULL_I64 ? 0 : v;
}

static void hash_of(const struct db_results *r, size_t i, size_t row, const char *col,
                    char ret[TG_HEX256])
{
    struct db_slice s = db_get_bytes(r, i, row, col);
    ret[0] = '\0';
    if (s.data && s.len == TG_SHA256) tg_hex(s.data, s.len, ret);
}

static const char *algorithm_of(int64_t value)
{
    static const char *const words[] = {"", "ec-p256", "ec-p384", "rsa-3072", "rsa-4096"};
    return value > 0 && value < (int64_t)TG_COUNT(words) ? words[value] : "";
}

static void read_numbers(const struct db_results *r, size_t i, size_t row,
                         struct application_row *ret)
{
    ret->id = number_of(r, i, row, "id");
    ret->rev = number_of(r, i, row, "rev");
    ret->certificate_id = number_of(r, i, row, "certificate_id");
    ret->holder_id = number_of(r, i, row, "holder_id");
    ret->keystore_id = number_of(r, i, row, "keystore_id");
    ret->agent_id = number_of(r, i, row, "agent_id");
    ret->policy_id = number_of(r, i, row, "policy_id");
    ret->batch_id = number_of(r, i, row, "batch_id");
    ret->state = (enum application_state)number_of(r, i, row, "state");
    ret->failed_in = (enum application_state)number_of(r, i, row, "failed_in");
    ret->kind = (enum application_kind)number_of(r, i, row, "kind");
    ret->waits_for = (enum application_waits)number_of(r, i, row, "waits_for");
    ret->consent = (enum application_consent)number_of(r, i, row, "consent");
    ret->attempt = (int)number_of(r, i, row, "attempt");
    ret->days = (int)number_of(r, i, row, "days");
    ret->drafted = time_of(r, i, row, "drafted_at");
    ret->changed = time_of(r, i, row, "changed_at");
    ret->not_after = time_of(r, i, row, "ends");
    ret->new_not_after = time_of(r, i, row, "new_not_after");
    ret->confirm = db_get_bool(r, i, row, "confirm");
}

void application_row_at(const struct db_results *r, size_t i, size_t row,
                        struct application_row *ret)
{
    *ret = (struct application_row){0};
    read_numbers(r, i, row, ret);
    ret->no = (struct tg_number){(unsigned)number_of(r, i, row, "year"),
                                 (uint32_t)number_of(r, i, row, "sequence")};
    tg_number_print(ret->no, ret->number);
    ret->holder = db_get_text(r, i, row, "holder");
    ret->holder_name = db_get_text(r, i, row, "holder_name");
    ret->department = db_get_text(r, i, row, "department");
    ret->policy = db_get_text(r, i, row, "policy");
    ret->connector = db_get_text(r, i, row, "connector");
    ret->algorithm = algorithm_of(number_of(r, i, row, "algorithm"));
    ret->subject = db_get_text(r, i, row, "subject");
    ret->host = db_get_text(r, i, row, "host");
    ret->path = db_get_text(r, i, row, "path");
    ret->store = db_get_text(r, i, row, "store");
    ret->agent = db_get_text(r, i, row, "agent");
    ret->flags = db_get_text(r, i, row, "flags");
    ret->code = db_get_text(r, i, row, "code");
    ret->error = db_get_text(r, i, row, "error");
    hash_of(r, i, row, "policy_hash", ret->policy_hash);
    hash_of(r, i, row, "certificate", ret->certificate);
    hash_of(r, i, row, "new_certificate", ret->new_certificate);
    hash_of(r, i, row, "key", ret->key);
    if (ret->batch_id)
        (void)snprintf(ret->batch, sizeof ret->batch, "%02d-%d",
                       (int)(number_of(r, i, row, "batch_year") % 100),
                       (int)number_of(r, i, row, "batch_sequence") % 1000000);
}

struct db_slice application_slice(const struct db_results *r, size_t i, size_t row, const char *col)
{
    struct db_slice s = db_get_bytes(r, i, row, col);
    return s.data ? s : (struct db_slice){"", 0};
}

/* --- writing --- */

size_t application_add_move(struct db_unit *u, const struct application_step *s)
{
    TG_CHECK(application_may_move(s->from, s->to));
    return db_unit_add(u, Q_APPLICATION_MOVE,
                       DB_ARGS(db_i64(s->id), db_i64(s->rev), db_i64(s->from), db_i64(s->to),
                               db_i64(s->waits_for), db_time(s->now), id_or_null(s->batch_id),
                               db_text(s->actor), text(s->code), text(s->why)));
}

size_t application_add_waits(struct db_unit *u, int64_t id, int64_t rev,
                             enum application_waits waits_for, int64_t now)
{
    return db_unit_add(u, Q_APPLICATION_WAITS,
                       DB_ARGS(db_i64(id), db_i64(rev), db_i64(waits_for), db_time(now)));
}

size_t application_add_set(struct db_unit *u, const struct application_set *set)
{
    const struct application_step *s = &set->step;
    TG_CHECK(application_may_move(s->from, s->to) && set->count > 0 && (set->root || s->batch_id));
    TG_AUTO(mem) int64_t *none = NULL;
    if (!set->revs) {
        none = tg_calloc(set->count, sizeof *none);
        for (size_t i = 0; i < set->count; i++)
            none[i] = DB_NULL_I64;
    }
    return db_unit_add(u, Q_APPLICATION_MOVE_SET,
                       DB_ARGS(db_i64_array(set->ids, set->count),
                               db_i64_array(set->revs ? set->revs : none, set->count),
                               db_i64(s->from), db_i64(s->to), db_i64(s->waits_for),
                               db_time(s->now), id_or_null(s->batch_id),
                               db_bytes(set->root, TG_SHA256), db_text(s->actor), text(s->code),
                               text(s->why)));
}

/* step: an application's rev minus the leaf's app_rev (its rev while submitted) when it leaves
 * `from`. */
static const struct {
    enum application_state from, to;
    enum application_waits waits;
    int step, decision; /* decision 0 = every leaf */
    bool last;          /* whatever the rev, but no later batch took it */
} acts[] = {
    [APPLICATION_BATCH_SUBMIT] = {APPLICATION_PREPARED, APPLICATION_SUBMITTED,
                                  APPLICATION_WAITS_APPROVER, -1, 0, false},
    [APPLICATION_BATCH_APPROVE] = {APPLICATION_SUBMITTED, APPLICATION_APPROVED,
                                   APPLICATION_WAITS_CA, 0, 1, false},
    [APPLICATION_BATCH_HOLD] = {APPLICATION_SUBMITTED, APPLICATION_PREPARED,
                                APPLICATION_WAITS_APPROVER, 0, 2, false},
    [APPLICATION_BATCH_RETURN] = {APPLICATION_SUBMITTED, APPLICATION_RETURNED,
                                  APPLICATION_WAITS_NOTHING, 0, 3, false},
    [APPLICATION_BATCH_DISCARD] = {APPLICATION_SUBMITTED, APPLICATION_PREPARED,
                                   APPLICATION_WAITS_APPROVER, 0, 0, false},
    [APPLICATION_BATCH_RECALL] = {APPLICATION_APPROVED, APPLICATION_PREPARED,
                                  APPLICATION_WAITS_APPROVER, 0, 1, true},
};

size_t application_add_batch(struct db_unit *u, const struct application_batch_move *m)
{
    TG_CHECK((size_t)m->act < TG_COUNT(acts));
    return db_unit_add(u, Q_APPLICATION_MOVE_BATCH,
                       DB_ARGS(db_i64(m->batch_id), db_i64(acts[m->act].from),
                               db_i64(acts[m->act].to), db_i64(acts[m->act].waits),
                               db_i64(acts[m->act].step),
                               acts[m->act].decision ? db_i64(acts[m->act].decision) : db_null(),
                               db_bool(acts[m->act].last),
                               m->count < 0 ? db_null() : db_i64(m->count), db_time(m->now),
                               db_bytes(m->root, TG_SHA256), db_text(m->actor), text(m->why)));
}

int64_t application_batch_moved(const struct db_results *r, size_t statement)
{
    return db_get_i64(r, statement, 0, "moved");
}

void application_add_prepared(struct db_unit *u, const struct application_prepared *p)
{
    TG_CHECK(p->step.from == APPLICATION_DRAFTED && p->step.to == APPLICATION_PREPARED);
    db_unit_add(u, Q_APPLICATION_CSR,
                DB_ARGS(db_i64(p->step.id), db_i64(p->attempt), db_time(p->step.now),
                        id_or_null(p->agent_id), db_i64(p->consent),
                        db_bytes(p->csr.data, p->csr.len), db_bytes(p->spki_sha256, TG_SHA256),
                        db_bytes(p->app.data, p->app.len), db_bytes(p->cms.data, p->cms.len),
                        text(p->flags)));
    application_add_move(u, &p->step);
}

void application_add_withdraw(struct db_unit *u, const int64_t *ids, size_t count, int64_t now)
{
    db_unit_add(u, Q_APPLICATION_WITHDRAW, DB_ARGS(db_i64_array(ids, count), db_time(now)));
}

void application_add_again(struct db_unit *u, const struct application_row *row, const char *actor,
                           int64_t now, size_t *ret)
{
    struct tg_civil day;
    tg_civil_from(now, &day);
    db_unit_add(u, Q_APPLICATION_FORGET, DB_ARGS(db_i64(row->id)));
    *ret =
        db_unit_add(u, Q_APPLICATION_AGAIN,
                    DB_ARGS(db_i64(row->id), db_time(now), db_i64(day.year % 100), db_text(actor)));
}

void application_add_correction(struct db_unit *u, const struct application_correction *c)
{
    db_unit_add(u, Q_APPLICATION_CORRECT,
                DB_ARGS(db_i64(c->id), db_i64(c->rev), db_text(c->field), db_text(c->value),
                        id_or_null(c->keystore_id), db_time(c->now), db_text(c->actor)));
}

void application_add_prepare_job(struct db_unit *u, int64_t id, int64_t now)
{
    db_unit_add(u, Q_APPLICATION_PREPARE_JOB, DB_ARGS(db_i64(id), db_time(now)));
}

void application_add_job_again(struct db_unit *u, int64_t id, enum application_state state,
                               int64_t now)
{
    if (state == APPLICATION_DRAFTED) application_add_prepare_job(u, id, now);
    if (state == APPLICATION_APPROVED || state == APPLICATION_REQUESTED)
        db_unit_add(u, Q_APPLICATION_ISSUE_JOB, DB_ARGS(db_i64(id), db_time(now)));
}

void application_add_failure(struct db_unit *u, const struct application_step *step, int failures)
{
    TG_CHECK(step->to == APPLICATION_FAILED);
    application_add_move(u, step);
    if (tg_code_next(tg_code_from_word(step->code ? step->code : "")) != TG_NEXT_RETRY) return;
    int64_t at = step->now + application_backoff_s(failures);
    db_unit_add(u, Q_APPLICATION_RETRY_LATER,
                DB_ARGS(db_i64(step->id), db_time(step->now), db_time(at)));
}

size_t application_add_lapsing(struct db_unit *u, enum application_state state, int64_t now,
                               int64_t limit)
{
    return db_unit_add(u, Q_APPLICATION_LAPSE, DB_ARGS(db_i64(state), db_time(now), db_i64(limit)));
}

size_t application_add_due_retries(struct db_unit *u, int64_t now, int64_t limit)
{
    return db_unit_add(u, Q_APPLICATION_FAILURES, DB_ARGS(db_time(now), db_i64(limit)));
}

void application_add_retry_done(struct db_unit *u, int64_t job)
{
    db_unit_add(u, Q_APPLICATION_JOB_DONE, DB_ARGS(db_i64(job)));
}

size_t application_add_counts(struct db_unit *u)
{
    return db_unit_add(u, Q_APPLICATION_COUNTS, DB_NO_ARGS);
}
