/* Acts of people on one application: read it, decide here, write under guard. */
#include "application_in.h"

#include <string.h>

#include "base/buf.h"

struct act;
typedef int (*act_decide_fn)(struct act *a, const struct db_results *r, struct db_unit *w,
                             struct tg_err *err);
struct act {
    struct db *db;
    struct tg_number no;
    char number[TG_NUMBER];
    char *actor, *why, *field, *value;
    int64_t now;
    act_decide_fn decide;
    struct application_reading at;
    size_t keystores, born;     /* statements */
    struct application_row row; /* numbers only after the reading */
    enum application_state state;
    struct tg_deadline later;
    struct tg_err err;
    application_done_fn fn;
    void *data;
};

static void act_finish(struct act *a, const struct tg_err *err)
{
    a->fn(a->number, a->state, err, a->data);
    free(a->actor);
    free(a->why);
    free(a->field);
    free(a->value);
    free(a);
}

static void on_later(struct tg_deadline *d, void *data)
{
    (void)d;
    struct act *a = data;
    act_finish(a, &a->err);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct act *a = data;
    struct tg_err named;
    if (err) {
        named = *err;
        if (err->code == TG_E_EXISTS)
            (void)TG_FAIL(&named, TG_E_EXISTS,
                          "another application for this certificate is open already");
        (void)tg_err_wrap(&named, "application %s", a->number);
        act_finish(a, &named);
        return;
    }
    if (a->born) { /* retry: the new number is the answer */
        a->no.sequence = (uint32_t)db_get_i64(r, a->born, 0, "sequence");
        tg_number_print(a->no, a->number);
    }
    act_finish(a, NULL);
}

static void on_read(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct act *a = data;
    struct tg_err why = {0};
    if (err) {
        act_finish(a, err);
        return;
    }
    if (db_rows(r, a->at.row) == 0) {
        TG_FAIL(&why, TG_E_NOT_FOUND,
                "application %s: there is none; list them: tamga applications list", a->number);
        act_finish(a, &why);
        return;
    }
    application_row_at(r, a->at.row, 0, &a->row);
    struct db_unit *w = db_unit_new(a->db, "application change");
    if (a->decide(a, r, w, &why) < 0) {
        db_unit_drop(w);
        (void)tg_err_wrap(&why, "application %s", a->number);
        act_finish(a, &why);
        return;
    }
    db_unit_run(w, on_written, a);
}

/* --- cancel --- */

static int decide_cancel(struct act *a, const struct db_results *r, struct db_unit *w,
                         struct tg_err *err)
{
    (void)r;
    struct application_step s = {.id = a->row.id,
                                 .rev = a->row.rev,
                                 .from = a->row.state,
                                 .to = APPLICATION_CANCELLED,
                                 .now = a->now,
                                 .actor = a->actor,
                                 .why = a->why};
    if (!application_is_open(a->row.state))
        return TG_FAIL(err, TG_E_STATE, "it is %s and needs no cancelling",
                       application_state_word(a->row.state));
    if (a->row.state == APPLICATION_FAILED) { /* the only way out of failed leads back */
        s.to = a->row.failed_in;
        application_add_move(w, &s);
        s.rev++;
        s.from = a->row.failed_in;
        s.to = APPLICATION_CANCELLED;
    }
    if (s.from == APPLICATION_REQUESTED || s.from == APPLICATION_ISSUED)
        return TG_FAIL(err, TG_E_STATE,
                       "it is %s: the CA was asked already, let it be installed or fail",
                       application_state_word(s.from));
    application_add_move(w, &s);
    application_add_withdraw(w, &a->row.id, 1, a->now);
    a->state = APPLICATION_CANCELLED;
    return 0;
}

/* --- retry --- */

static int decide_retry(struct act *a, const struct db_results *r, struct db_unit *w,
                        struct tg_err *err)
{
    (void)r;
    if (a->row.state == APPLICATION_FAILED) {
        const struct application_step s = {.id = a->row.id,
                                           .rev = a->row.rev,
                                           .from = APPLICATION_FAILED,
                                           .to = a->row.failed_in,
                                           .now = a->now,
                                           .actor = a->actor,
                                           .why = "tried again by hand"};
        application_add_move(w, &s);
        application_add_job_again(w, a->row.id, s.to, a->now);
        a->state = s.to;
        return 0;
    }
    if (application_is_open(a->row.state) || a->row.state == APPLICATION_INSTALLED ||
        a->row.state == APPLICATION_OBSERVED)
        return TG_FAIL(err, TG_E_STATE,
                       "it is %s: only what failed, was returned, cancelled or lapsed is tried "
                       "again",
                       application_state_word(a->row.state));
    if (a->row.not_after <= a->now)
        return TG_FAIL(err, TG_E_EXPIRED,
                       "the old certificate has expired: it can prove no renewal any more");
    struct tg_civil day;
    tg_civil_from(a->now, &day);
    a->no.year = (unsigned)(day.year % 100);
    application_add_again(w, &a->row, a->actor, a->now, &a->born);
    a->state = APPLICATION_DRAFTED;
    return 0;
}

/* --- correct --- */

static int check_correction(struct act *a, const struct db_results *r, struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *old = NULL;
    struct db_slice der = application_slice(r, a->at.stored, 0, "old_der");
    TG_AUTO(mem) struct tg_change *rows = tg_calloc(TG_MAX_CHANGES, sizeof *rows);
    size_t n = 0;
    TG_TRY(tg_cert_parse(der.data, der.len, &old, err));
    TG_TRY(application_changes_at(r, a->at.changes, a->row.id, old, rows, &n, err));
    TG_TRY(tg_change_subject(old, a->field, a->value, rows, &n, err));
    TG_TRY(tg_changes_valid(rows, n, err));
    return tg_changes_fit(old, rows, n, err);
}

static int decide_correct(struct act *a, const struct db_results *r, struct db_unit *w,
                          struct tg_err *err)
{
    struct application_correction c = {a->row.id, a->row.rev, 0,     a->field,
                                       a->value,  a->actor,   a->now};
    if (a->row.state != APPLICATION_DRAFTED)
        return TG_FAIL(err, TG_E_STATE,
                       "it is %s: what the old key has signed is not corrected; cancel it, then "
                       "retry",
                       application_state_word(a->row.state));
    if (strcmp(a->field, "keystore") == 0) {
        if (db_rows(r, a->keystores) == 0)
            return TG_FAIL(err, TG_E_NOT_FOUND,
                           "keystore %.120s: no workstation reported the certificate with its key "
                           "there",
                           a->value);
        if (db_rows(r, a->keystores) > 1)
            return TG_FAIL(err, TG_E_INPUT,
                           "keystore %.120s: several workstations have one, say HOST:PATH",
                           a->value);
        c.keystore_id = db_get_i64(r, a->keystores, 0, "id");
    } else if (strcmp(a->field, "email") == 0 || strcmp(a->field, "locality") == 0) {
        TG_TRY(check_correction(a, r, err));
    } else {
        return TG_FAIL(err, TG_E_INPUT, "%.40s: only email, locality and keystore can be corrected",
                       a->field);
    }
    application_add_correction(w, &c);
    application_add_prepare_job(w, a->row.id, a->now);
    a->state = APPLICATION_DRAFTED;
    return 0;
}

static char *copy(const char *text)
{
    return tg_strdup(text ? text : "");
}

struct act_call {
    struct db *db;
    const char *number, *actor, *why, *field, *value;
    int64_t now;
    act_decide_fn decide;
    application_done_fn fn;
    void *data;
};

static void act_start(const struct act_call *call)
{
    struct act *a = TG_NEW(struct act);
    *a = (struct act){.db = call->db,
                      .now = call->now,
                      .decide = call->decide,
                      .fn = call->fn,
                      .data = call->data,
                      .actor = copy(call->actor),
                      .why = copy(call->why),
                      .field = copy(call->field),
                      .value = copy(call->value)};
    if (application_parse_number(call->number, &a->no, &a->err) < 0) {
        tg_deadline_init(&a->later, db_loop(a->db), a);
        tg_deadline_close(&a->later, on_later);
        return;
    }
    tg_number_print(a->no, a->number);
    struct db_unit *u = db_unit_new(a->db, "application read");
    application_add_show(u, a->no, &a->at);
    a->keystores = application_add_keystores(u, a->no, a->value);
    db_unit_run(u, on_read, a);
}

void application_cancel(struct db *db, const char *number, const char *actor, const char *why,
                        int64_t now, application_done_fn fn, void *data)
{
    act_start(&(struct act_call){db, number, actor, why, NULL, NULL, now, decide_cancel, fn, data});
}

void application_retry(struct db *db, const char *number, const char *actor, int64_t now,
                       application_done_fn fn, void *data)
{
    act_start(&(struct act_call){db, number, actor, NULL, NULL, NULL, now, decide_retry, fn, data});
}

void application_correct(struct db *db, const char *number, const char *field, const char *value,
                         const char *actor, int64_t now, application_done_fn fn, void *data)
{
    act_start(
        &(struct act_call){db, number, actor, NULL, field, value, now, decide_correct, fn, data});
}
