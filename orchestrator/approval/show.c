/* What an approver sees: pages of batches, totals, exceptions first. */
#include "approval_in.h"

#include <string.h>

enum { EXCEPTIONS = 10000 };

/* --- list --- */

struct list {
    struct approval *a;
    int64_t limit;
    approval_list_fn fn;
    void *data;
};

static void batch_of(const struct approval_head *h, struct approval_batch *ret)
{
    *ret = (struct approval_batch){.state = approval_state_word(h->state),
                                   .id = h->id,
                                   .rev = h->rev,
                                   .count = h->count,
                                   .approve = h->count - h->hold - h->back,
                                   .hold = h->hold,
                                   .return_ = h->back,
                                   .taken = h->taken};
    memcpy(ret->batch, h->name, sizeof ret->batch);
    memcpy(ret->statement, h->statement, sizeof ret->statement);
}

static void on_list(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct list *l = data;
    size_t count = err ? 0 : db_rows(r, 0);
    TG_AUTO(mem) struct approval_batch *rows = tg_calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        struct approval_head head;
        (void)approval_head_at(r, 0, i, &head);
        batch_of(&head, &rows[i]);
    }
    int64_t next = count && (int64_t)count == l->limit ? rows[count - 1].id : 0;
    l->fn(err ? NULL : rows, count, next, err, l->data);
    approval_end(l->a);
}

void approval_list(struct approval *a, int64_t after, int64_t limit, approval_list_fn fn,
                   void *data)
{
    struct list *l = TG_NEW(struct list);
    *l = (struct list){a, limit > 0 && limit <= 10000 ? limit : 1000, fn, data};
    approval_begin(a);
    struct db_unit *u = db_unit_new(a->db, "batch list");
    approval_add_batches(u, after, l->limit);
    db_unit_run(u, on_list, l);
}

void approval_print_batch(struct tg_jw *w, const struct approval_batch *b)
{
    tg_jw_kstr(w, "batch", b->batch);
    tg_jw_kstr(w, "state", b->state);
    tg_jw_kint(w, "count", b->count);
    tg_jw_kint(w, "approve", b->approve);
    tg_jw_kint(w, "hold", b->hold);
    tg_jw_kint(w, "return", b->return_);
    tg_jw_ktime(w, "taken", b->taken);
    tg_jw_kstr(w, "statement", *b->statement ? b->statement : NULL);
}

/* --- show --- */

struct department {
    char name[65];
    int64_t approve, hold, return_;
};

struct approval_detail {
    struct approval_batch batch;
    struct department *departments;
    size_t departments_count;
    struct approval_policy policies[TG_STATEMENT_POLICIES];
    size_t policies_count;
    char first_expiry[TG_TIME];
    const struct db_results *r; /* exceptions are printed from the rows */
};

struct show {
    struct approval_task t;
    struct approval_detail detail;
    approval_show_fn fn;
};

enum { TOTALS, POLICIES, ROWS }; /* statements */

static struct department *department_of(struct approval_detail *d, const char *name)
{
    size_t n = d->departments_count;
    if (n && strcmp(d->departments[n - 1].name, name) == 0) return &d->departments[n - 1];
    d->departments = tg_realloc(d->departments, (n + 1) * sizeof *d->departments);
    d->departments[n] = (struct department){0};
    (void)snprintf(d->departments[n].name, sizeof d->departments[n].name, "%s", name);
    d->departments_count++;
    return &d->departments[n];
}

static void add_total(struct approval_detail *d, const struct approval_total *t)
{
    struct department *of = department_of(d, t->department ? t->department : "");
    if (t->decision == DECISION_HOLD) of->hold += t->count;
    if (t->decision == DECISION_RETURN) of->return_ += t->count;
    if (t->decision != DECISION_APPROVE) return;
    of->approve += t->count;
    if (t->ends && (!*d->first_expiry || strcmp(t->ends, d->first_expiry) < 0))
        (void)snprintf(d->first_expiry, sizeof d->first_expiry, "%s", t->ends);
}

static void on_detail(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct show *s = data;
    struct approval_detail *d = &s->detail;
    struct approval *a = s->t.a;
    d->r = r;
    batch_of(&s->t.head, &d->batch);
    for (size_t i = 0; !err && i < db_rows(r, TOTALS); i++) {
        struct approval_total total;
        approval_total_at(r, TOTALS, i, &total);
        add_total(d, &total);
    }
    for (size_t i = 0; !err && i < db_rows(r, POLICIES) && i < TG_STATEMENT_POLICIES; i++)
        approval_policy_at(r, POLICIES, i, &d->policies[d->policies_count++]);
    s->fn(err ? NULL : d, err, s->t.data);
    free(d->departments);
    approval_task_done(&s->t);
    free(s);
    approval_end(a);
}

static void on_head(struct approval_task *t)
{
    struct show *s = tg_container_of(t, struct show, t);
    approval_begin(t->a);
    if (t->err.code < 0) {
        on_detail(NULL, &t->err, s);
        return;
    }
    struct db_unit *u = db_unit_new(t->a->db, "batch show");
    approval_add_totals(u, t->head.id);
    approval_add_policies(u, t->head.id);
    approval_add_exceptions(u, t->head.id, EXCEPTIONS);
    db_unit_run(u, on_detail, s);
}

void approval_show(struct approval *a, const char *batch, approval_show_fn fn, void *data)
{
    struct show *s = TG_NEW(struct show);
    s->fn = fn;
    s->t.data = data;
    s->t.finish = on_head;
    approval_task_start(&s->t, a, batch);
}

/* --- print --- */

static void print_departments(struct tg_jw *w, const struct approval_detail *d)
{
    tg_jw_key(w, "departments");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < d->departments_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "name", d->departments[i].name);
        tg_jw_kint(w, "approve", d->departments[i].approve);
        tg_jw_kint(w, "hold", d->departments[i].hold);
        tg_jw_kint(w, "return", d->departments[i].return_);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    tg_jw_key(w, "policies");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < d->policies_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "policy", d->policies[i].name);
        tg_jw_kstr(w, "hash", d->policies[i].hash);
        tg_jw_kint(w, "approve", d->policies[i].count);
        tg_jw_end(w);
    }
    tg_jw_end(w);
}

static const char *why_of(const struct approval_exception *e)
{
    static const enum tg_flag_class order[] = {TG_FLAG_STOP, TG_FLAG_WARN, TG_FLAG_NOTE};
    if (*e->reason) return e->reason;
    for (size_t i = 0; i < TG_COUNT(order); i++) {
        tg_flags of = tg_flags_of_class(e->flags, order[i]);
        if (of) return tg_flag_words((enum tg_flag)__builtin_ctz(of));
    }
    return e->actor;
}

static void print_exception(struct tg_jw *w, const struct approval_exception *e)
{
    static const char *const words[] = {"", "approve", "hold", "return"};
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "number", e->number);
    tg_jw_kstr(w, "holder", e->holder);
    tg_jw_kstr(w, "name", e->name);
    tg_jw_kstr(w, "department", e->department);
    tg_jw_kstr(w, "policy", e->policy);
    tg_jw_key(w, "flags");
    tg_jw_begin_array(w);
    for (int f = 0; f < TG_FLAG_COUNT; f++)
        if (e->flags & TG_FLAG_BIT(f)) tg_jw_str(w, tg_flag_code((enum tg_flag)f));
    tg_jw_end(w);
    tg_jw_kstr(w, "decision", words[e->decision & 3]);
    tg_jw_kstr(w, "why", why_of(e));
    tg_jw_end(w);
}

void approval_print_detail(struct tg_jw *w, const struct approval_detail *d)
{
    approval_print_batch(w, &d->batch);
    tg_jw_kint(w, "rev", d->batch.rev);
    tg_jw_kstr(w, "first_expiry", *d->first_expiry ? d->first_expiry : NULL);
    print_departments(w, d);
    tg_jw_key(w, "exceptions");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < db_rows(d->r, ROWS); i++) {
        struct approval_exception e;
        approval_exception_at(d->r, ROWS, i, &e);
        print_exception(w, &e);
    }
    tg_jw_end(w);
}
