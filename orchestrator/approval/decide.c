/* Decisions before the signature: hold, include, return, discard. */
#include "approval_in.h"

#include <string.h>

#include "application/application.h"

struct decide {
    struct approval_task t;
    enum approval_verb verb;
    char what[72];
    char *why;
    struct tg_number number;
    const char *code; /* the exception's, or "" */
    struct approval_decided result;
    approval_decided_fn fn;
};

static void finish(struct decide *d)
{
    struct approval *a = d->t.a;
    const struct tg_err *err = approval_task_err(&d->t);
    d->fn(err ? NULL : &d->result, err, d->t.data);
    approval_task_done(&d->t);
    free(d->why);
    free(d);
    approval_end(a);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct decide *d = data;
    struct approval_head head = {0};
    if (err) {
        d->t.err = *err;
        (void)tg_err_wrap(&d->t.err, "batch %s", d->t.batch);
    } else if (approval_head_at(r, 0, 0, &head)) {
        bool gone = head.state == BATCH_DISCARDED;
        d->result.rev = head.rev;
        d->result.hold = gone ? 0 : head.hold;
        d->result.return_ = gone ? 0 : head.back;
        d->result.approve = gone ? 0 : head.count - head.hold - head.back;
    }
    finish(d);
}

/* The counts after the commit, for the answer. */
static void on_changed(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct decide *d = data;
    unsigned year = 0;
    uint32_t sequence = 0;
    if (err) {
        on_written(NULL, err, d);
        return;
    }
    (void)tg_batch_name_parse(d->t.head.name, &year, &sequence);
    struct db_unit *u = db_unit_new(d->t.a->db, "batch read");
    approval_add_head(u, year, sequence);
    db_unit_run(u, on_written, d);
}

static void add_entry(const struct decide *d, struct db_unit *u, const char *verb)
{
    TG_AUTO(buf) struct tg_buf body = TG_BUF(4096);
    struct tg_jw w;
    tg_jw_init(&w, &body);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "what", d->what);
    tg_jw_kint(&w, "count", d->result.changed);
    tg_jw_kstr(&w, "why", d->why);
    tg_jw_end(&w);
    approval_add_entry(u, d->t.now, d->t.actor, verb, d->t.head.name, &body);
}

/* --- which lines --- */

static int include_one(const struct decide *d, const struct approval_target *t, struct tg_err *err)
{
    tg_flags stop = tg_flags_of_class(t->flags, TG_FLAG_STOP);
    if (stop)
        return TG_FAIL(err, TG_E_DENIED, "%s: %s stops it, it is never approved here", d->what,
                       tg_flag_code((enum tg_flag)__builtin_ctz(stop)));
    if (t->flags & TG_FLAG_BIT(TG_FLAG_UNPROVEN))
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "%s: unproven needs two approvers, which is not supported yet", d->what);
    return 0;
}

/* By its code an exception takes in only what has no other warning: the others need their number.
 */
static bool included_by_code(const struct decide *d, const struct approval_target *t)
{
    enum tg_flag flag;
    TG_CHECK(tg_flag_from_code(d->code, strlen(d->code), &flag));
    return t->decision == DECISION_HOLD && !tg_flags_of_class(t->flags, TG_FLAG_STOP) &&
           !(tg_flags_of_class(t->flags, TG_FLAG_WARN) & ~TG_FLAG_BIT(flag));
}

static bool wanted(const struct decide *d, const struct approval_target *t)
{
    if (d->verb == APPROVAL_INCLUDE)
        return *d->code ? included_by_code(d, t) : t->decision != DECISION_APPROVE;
    if (d->verb == APPROVAL_HOLD) return t->decision != DECISION_HOLD;
    return true; /* return: the reason may be a new one */
}

static int choose(struct decide *d, const struct db_results *r, int64_t *ret, size_t *ret_n,
                  struct tg_err *err)
{
    size_t rows = db_rows(r, 0), n = 0;
    if (rows == 0)
        return TG_FAIL(err, TG_E_NOT_FOUND, "%s: it is not in the batch; see tamga batch show %s",
                       d->what, d->t.head.name);
    for (size_t i = 0; i < rows; i++) {
        struct approval_target t;
        approval_target_at(r, 0, i, &t);
        if (d->verb == APPROVAL_INCLUDE && (!*d->code || strcmp(d->code, "unproven") == 0))
            TG_TRY(include_one(d, &t, err));
        if (wanted(d, &t)) ret[n++] = t.index;
    }
    if (d->verb == APPROVAL_INCLUDE && *d->code && n == 0) {
        struct approval_target t;
        approval_target_at(r, 0, 0, &t);
        TG_TRY(include_one(d, &t, err));
    }
    *ret_n = n;
    return 0;
}

static void on_targets(const struct db_results *r, const struct tg_err *err, void *data)
{
    static const int64_t decisions[] = {[APPROVAL_HOLD] = DECISION_HOLD,
                                        [APPROVAL_INCLUDE] = DECISION_APPROVE,
                                        [APPROVAL_RETURN] = DECISION_RETURN,
                                        [APPROVAL_DISCARD] = 0};
    static const char *const verbs[] = {[APPROVAL_HOLD] = "batch.held",
                                        [APPROVAL_INCLUDE] = "batch.included",
                                        [APPROVAL_RETURN] = "batch.returned",
                                        [APPROVAL_DISCARD] = ""};
    struct decide *d = data;
    size_t n = 0, rows = err ? 0 : db_rows(r, 0);
    TG_AUTO(mem) int64_t *indexes = tg_calloc(rows + 1, sizeof *indexes);
    if (err) d->t.err = *err;
    if (err || choose(d, r, indexes, &n, &d->t.err) < 0) {
        finish(d);
        return;
    }
    d->result.changed = (int64_t)n;
    if (n == 0) { /* it was so already */
        on_changed(NULL, NULL, d);
        return;
    }
    struct approval_change c = {.batch = d->t.head.id,
                                .rev = d->t.head.rev,
                                .decision = decisions[d->verb],
                                .now = d->t.now,
                                .indexes = indexes,
                                .count = n,
                                .reason = d->verb == APPROVAL_RETURN ? d->why : "",
                                .actor = d->t.actor};
    struct db_unit *u = db_unit_new(d->t.a->db, "batch decision");
    approval_add_change(u, &c);
    add_entry(d, u, verbs[d->verb]);
    db_unit_run(u, on_changed, d);
}

static void discard(struct decide *d)
{
    struct application_batch_move move = {.act = APPLICATION_BATCH_DISCARD,
                                          .batch_id = d->t.head.id,
                                          .count = d->t.head.count,
                                          .now = d->t.now,
                                          .actor = d->t.actor,
                                          .why = d->why};
    d->result.changed = d->t.head.count;
    struct db_unit *u = db_unit_new(d->t.a->db, "batch discard");
    db_unit_deadline(u, 300 * 1000);
    approval_add_discard(u, d->t.head.id, d->t.head.rev, d->t.now, d->why);
    application_add_batch(u, &move);
    add_entry(d, u, "batch.discarded");
    db_unit_run(u, on_changed, d);
}

static int not_known(const char *what, struct tg_err *err)
{
    const char *codes[TG_FLAG_COUNT];
    for (int f = 0; f < TG_FLAG_COUNT; f++)
        codes[f] = tg_flag_code((enum tg_flag)f);
    const char *near = tg_nearest(what, codes, TG_FLAG_COUNT);
    return TG_FAIL(err, TG_E_INPUT, "%s: neither an application number nor an exception%s%s%s",
                   what, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A number, or an exception's code. */
static int read_what(struct decide *d, struct tg_err *err)
{
    enum tg_flag flag;
    d->code = "";
    if (d->verb == APPROVAL_DISCARD || tg_number_parse(d->what, &d->number)) return 0;
    if (!tg_flag_from_code(d->what, strlen(d->what), &flag)) return not_known(d->what, err);
    d->code = tg_flag_code(flag);
    return 0;
}

static int read_why(const struct decide *d, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_DECISION_MAX);
    struct approval_line returned = {.decision = TG_DECISION_RETURN};
    if (d->verb != APPROVAL_RETURN) return 0;
    return approval_decision_print(&returned, TG_BLOB(d->why, strlen(d->why)), &line, err);
}

static void on_head(struct approval_task *t)
{
    struct decide *d = tg_container_of(t, struct decide, t);
    struct approval *a = t->a;
    approval_begin(a); /* goes on beyond the task */
    memcpy(d->result.batch, t->head.name, sizeof d->result.batch);
    if (t->err.code < 0 || approval_must_be_open(&t->head, &t->err) < 0 ||
        read_what(d, &t->err) < 0 || read_why(d, &t->err) < 0) {
        finish(d);
    } else if (d->verb == APPROVAL_DISCARD) {
        discard(d);
    } else {
        struct db_unit *u = db_unit_new(a->db, "batch read");
        approval_add_targets(u, t->head.id, d->number, d->code);
        db_unit_run(u, on_targets, d);
    }
}

void approval_decide(struct approval *a, const char *batch, enum approval_verb verb,
                     const char *what, const char *why, const char *actor, int64_t now,
                     approval_decided_fn fn, void *data)
{
    struct decide *d = TG_NEW(struct decide);
    d->verb = verb;
    d->why = tg_strdup(why ? why : "");
    d->fn = fn;
    (void)snprintf(d->what, sizeof d->what, "%s", what ? what : "");
    d->t.actor = tg_strdup(actor);
    d->t.now = now;
    d->t.data = data;
    d->t.finish = on_head;
    approval_task_start(&d->t, a, batch);
}
