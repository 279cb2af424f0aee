/* The room's statements: arguments in, rows out. */
#include "dispatch_in.h"
#include "dispatch_queries.h"

#include <string.h>

enum { PREPARE_S = 24 * 3600, INSTALL_S = 2 * 3600 };

static int64_t number_of(const struct db_results *r, size_t i, size_t row, const char *col)
{
    int64_t v = db_get_i64(r, i, row, col);
    return v == DB_NULL_I64 ? 0 : v;
}

void dispatch_add_waiting(struct db_unit *u, int64_t now, bool trust, int64_t limit)
{
    db_unit_add(u, Q_DISPATCH_WAITING, DB_ARGS(db_time(now), db_bool(trust), db_i64(limit)));
}

void dispatch_add_installs(struct db_unit *u, int64_t now, int64_t limit)
{
    db_unit_add(u, Q_DISPATCH_INSTALLS, DB_ARGS(db_time(now), db_i64(limit)));
}

void dispatch_add_sweep(struct db_unit *u, int64_t now)
{
    db_unit_add(u, Q_DISPATCH_SWEEP, DB_ARGS(db_time(now)));
}

void dispatch_add_claim(struct db_unit *u, const struct dispatch_claim *c)
{
    db_unit_add(u, Q_DISPATCH_CLAIM,
                DB_ARGS(db_i64(c->agent_id), db_i64(c->after), db_time(c->now), db_bool(c->trust),
                        db_time(c->until), db_i64(DISPATCH_IN_FLIGHT)));
}

void dispatch_job_at(const struct db_results *r, size_t i, size_t row, struct dispatch_job *ret)
{
    *ret = (struct dispatch_job){number_of(r, i, row, "id"), number_of(r, i, row, "kind"),
                                 number_of(r, i, row, "subject")};
}

void dispatch_add_details(struct db_unit *u, const int64_t *ids, size_t n)
{
    db_unit_add(u, Q_DISPATCH_DETAILS, DB_ARGS(db_i64_array(ids, n)));
}

bool dispatch_details_of(const struct db_results *r, size_t i, int64_t id,
                         struct dispatch_details *ret)
{
    for (size_t row = 0; row < db_rows(r, i); row++) {
        if (number_of(r, i, row, "id") != id) continue;
        int64_t release = db_get_time(r, i, row, "release_at");
        *ret = (struct dispatch_details){
            .release = release == DB_NULL_I64 ? 0 : release,
            .failures = number_of(r, i, row, "failures"),
            .old_der = db_get_bytes(r, i, row, "old_der"),
            .recall = db_get_bytes(r, i, row, "recall"),
            .recall_cms = db_get_bytes(r, i, row, "recall_cms"),
        };
        return true;
    }
    return false;
}

void dispatch_add_later(struct db_unit *u, int64_t job, int64_t at)
{
    db_unit_add(u, Q_DISPATCH_LATER, DB_ARGS(db_i64(job), db_time(at)));
}

void dispatch_add_drop(struct db_unit *u, int64_t job)
{
    db_unit_add(u, Q_DISPATCH_DROP, DB_ARGS(db_i64(job)));
}

void dispatch_add_done(struct db_unit *u, int kind, int64_t subject)
{
    db_unit_add(u, Q_DISPATCH_DONE, DB_ARGS(db_i64(kind), db_i64(subject)));
}

void dispatch_add_recalled(struct db_unit *u, int64_t agent_id, const int64_t *ids, size_t n)
{
    db_unit_add(u, Q_DISPATCH_RECALLED, DB_ARGS(db_i64(agent_id), db_i64_array(ids, n)));
}

void dispatch_recalled_at(const struct db_results *r, size_t row, int64_t *ret_id, int64_t *ret_rev)
{
    *ret_id = number_of(r, 0, row, "id");
    *ret_rev = number_of(r, 0, row, "rev");
}

void dispatch_add_ack(struct db_unit *u, int64_t agent_id, const int64_t *ids, size_t n,
                      int64_t now)
{
    db_unit_add(u, Q_DISPATCH_ACK,
                DB_ARGS(db_i64(agent_id), db_i64_array(ids, n), db_time(now + PREPARE_S),
                        db_time(now + INSTALL_S)));
}

/* --- reports --- */

void dispatch_add_question(struct db_unit *u, const struct dispatch_question *q)
{
    db_unit_add(u, Q_DISPATCH_ANSWERED,
                DB_ARGS(db_i64(q->job), db_text(q->kind), db_i64(q->agent_id)));
    db_unit_add(u, Q_DISPATCH_APPLICATION,
                DB_ARGS(db_i64(q->number.year), db_i64(q->number.sequence)));
    db_unit_add(u, Q_DISPATCH_CHANGES, DB_ARGS(db_i64(q->number.year), db_i64(q->number.sequence)));
    db_unit_add(u, Q_DISPATCH_SEEN, DB_ARGS(db_bytes(q->spki, TG_SHA256)));
}

const char *dispatch_answer_at(const struct db_results *r)
{
    return db_rows(r, REPORT_ANSWER) ? db_get_text(r, REPORT_ANSWER, 0, "answer") : NULL;
}

bool dispatch_subject_at(const struct db_results *r, struct dispatch_subject *ret)
{
    if (db_rows(r, REPORT_APPLICATION) == 0) return false;
    *ret = (struct dispatch_subject){
        .old_der = db_get_bytes(r, REPORT_APPLICATION, 0, "old_der"),
        .new_id = number_of(r, REPORT_APPLICATION, 0, "new_id"),
        .archive_after_s = number_of(r, REPORT_APPLICATION, 0, "archive_after_s"),
        .failures = number_of(r, REPORT_APPLICATION, 0, "failures"),
        .job = number_of(r, REPORT_APPLICATION, 0, "job"),
    };
    application_row_at(r, REPORT_APPLICATION, 0, &ret->row);
    return true;
}

const char *dispatch_seen_at(const struct db_results *r)
{
    return db_rows(r, REPORT_SEEN) ? db_get_text(r, REPORT_SEEN, 0, "what") : NULL;
}

void dispatch_add_answer(struct db_unit *u, const struct dispatch_answer *a)
{
    TG_AUTO(mem) char *answer = tg_printf("%s %s", a->result, a->text);
    db_unit_add(u, Q_DISPATCH_ANSWER,
                DB_ARGS(db_i64(a->job), db_i64(a->agent_id), db_text(a->kind), db_text(answer),
                        db_time(a->now)));
}

void dispatch_add_installed(struct db_unit *u, int64_t id, int64_t agent_id, const char *after,
                            int64_t now, int64_t retire_at)
{
    db_unit_add(u, Q_DISPATCH_INSTALLED,
                DB_ARGS(db_i64(id), db_i64(agent_id), db_text(after), db_time(now),
                        db_time(retire_at)));
}
