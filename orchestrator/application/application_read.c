/* Reading for doors: pages, one with everything, counts; and how a row prints. */
#include "application_in.h"

#include <string.h>

struct reading {
    struct application_filter filter;
    struct application_reading at;
    char number[24];
    union {
        application_list_fn list;
        application_show_fn show;
        application_counts_fn counts;
    } fn;
    void *data;
};

static void on_list(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct reading *q = data;
    if (err) {
        q->fn.list(NULL, 0, 0, err, q->data);
        return;
    }
    size_t count = db_rows(r, 0);
    TG_AUTO(mem) struct application_row *rows = tg_calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        application_row_at(r, 0, i, &rows[i]);
    int64_t next = (int64_t)count == q->filter.limit ? rows[count - 1].id : 0;
    q->fn.list(rows, count, next, NULL, q->data);
}

void application_list(struct db *db, const struct application_filter *filter,
                      application_list_fn fn, void *data)
{
    struct reading *q = TG_NEW(struct reading);
    q->filter = *filter;
    if (q->filter.limit < 1 || q->filter.limit > 100000) q->filter.limit = 1000;
    q->fn.list = fn;
    q->data = data;
    struct db_unit *u = db_unit_new(db, "application list");
    application_add_list(u, &q->filter);
    db_unit_run(u, on_list, q);
}

/* --- what it changes --- */

static int apply(const struct tg_cert *old, const char *field, const char *was, const char *value,
                 struct tg_change *rows, size_t *n, struct tg_err *err)
{
    if (strcmp(field, "email") == 0 || strcmp(field, "locality") == 0)
        return tg_change_subject(old, field, value, rows, n, err);
    if (*n == TG_MAX_CHANGES)
        return TG_FAIL(err, TG_E_LIMIT, "more than %d changes", TG_MAX_CHANGES);
    struct tg_change *c = &rows[*n];
    if (!tg_copy(c->field, sizeof c->field, field) || !tg_copy(c->old, sizeof c->old, was) ||
        !tg_copy(c->new_, sizeof c->new_, value))
        return TG_FAIL(err, TG_E_LIMIT, "change of %.60s: longer than 256 bytes", field);
    ++*n;
    return 0;
}

int application_changes_at(const struct db_results *r, size_t statement, int64_t application_id,
                           const struct tg_cert *old, struct tg_change *ret, size_t *ret_n,
                           struct tg_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < db_rows(r, statement); i++) {
        if (db_get_i64(r, statement, i, "application_id") != application_id) continue;
        TG_TRY(apply(old, db_get_text(r, statement, i, "field"),
                     db_get_text(r, statement, i, "old"), db_get_text(r, statement, i, "new"), ret,
                     &n, err));
    }
    tg_changes_sort(ret, n);
    TG_TRY(tg_changes_valid(ret, n, err));
    TG_TRY(tg_changes_fit(old, ret, n, err));
    *ret_n = n;
    return 0;
}

/* --- one with everything --- */

static void read_events(const struct db_results *r, size_t at, struct application_event *ret)
{
    for (size_t i = 0; i < db_rows(r, at); i++)
        ret[i] = (struct application_event){
            .at = db_get_time(r, at, i, "at"),
            .from = (enum application_state)db_get_i64(r, at, i, "from_state"),
            .to = (enum application_state)db_get_i64(r, at, i, "to_state"),
            .actor = db_get_text(r, at, i, "actor"),
            .code = db_get_text(r, at, i, "code"),
            .why = db_get_text(r, at, i, "note"),
        };
}

static int read_changes(const struct db_results *r, size_t at, const struct application_detail *d,
                        struct tg_change *ret, size_t *ret_n, struct tg_err *err)
{
    if (db_rows(r, at) == 0) return 0;
    TG_AUTO(cert) struct tg_cert *old = NULL;
    TG_TRY(tg_cert_parse(d->old_der.data, d->old_der.len, &old, err));
    return application_changes_at(r, at, d->row.id, old, ret, ret_n, err);
}

static void on_show(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct reading *q = data;
    struct tg_err none = {0};
    if (!err && db_rows(r, q->at.row) == 0) {
        TG_FAIL(&none, TG_E_NOT_FOUND,
                "application %s: there is none; list them: tamga applications list", q->number);
        err = &none;
    }
    if (err) {
        q->fn.show(NULL, err, q->data);
        return;
    }
    struct application_detail d = {.event_count = db_rows(r, q->at.events)};
    TG_AUTO(mem) struct application_event *events = tg_calloc(d.event_count + 1, sizeof *events);
    TG_AUTO(mem) struct tg_change *changes = tg_calloc(TG_MAX_CHANGES, sizeof *changes);
    application_row_at(r, q->at.row, 0, &d.row);
    read_events(r, q->at.events, events);
    d.events = events;
    d.changes = changes;
    d.app = application_slice(r, q->at.stored, 0, "app");
    d.csr = application_slice(r, q->at.stored, 0, "csr");
    d.cms = application_slice(r, q->at.stored, 0, "cms");
    d.old_der = application_slice(r, q->at.stored, 0, "old_der");
    d.new_der = application_slice(r, q->at.stored, 0, "new_der");
    if (read_changes(r, q->at.changes, &d, changes, &d.change_count, &none) < 0) {
        d.change_count = 0; /* what cannot be shown must not hide the rest */
        if (!*d.row.error) d.row.error = none.text;
    }
    q->fn.show(&d, NULL, q->data);
}

struct refusal {
    struct tg_deadline later;
    struct tg_err err;
    application_show_fn fn;
    void *data;
};

static void on_refusal_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    TG_AUTO(mem) struct refusal *f = data;
    f->fn(NULL, &f->err, f->data);
}

/* A refusal without the database still comes later, never from inside the call. */
static void refuse_later(struct db *db, const struct tg_err *err, application_show_fn fn,
                         void *data)
{
    struct refusal *f = TG_NEW(struct refusal);
    f->err = *err;
    f->fn = fn;
    f->data = data;
    tg_deadline_init(&f->later, db_loop(db), f);
    tg_deadline_close(&f->later, on_refusal_closed);
}

void application_show(struct db *db, const char *number, application_show_fn fn, void *data)
{
    struct tg_number no;
    struct tg_err err = {0};
    if (application_parse_number(number, &no, &err) < 0) {
        refuse_later(db, &err, fn, data);
        return;
    }
    struct reading *q = TG_NEW(struct reading);
    tg_number_print(no, q->number);
    q->fn.show = fn;
    q->data = data;
    struct db_unit *u = db_unit_new(db, "application show");
    application_add_show(u, no, &q->at);
    db_unit_run(u, on_show, q);
}

static void on_counts(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct reading *q = data;
    int64_t counts[APPLICATION_STATE_END] = {0};
    for (size_t i = 0; !err && i < db_rows(r, 0); i++)
        counts[db_get_i64(r, 0, i, "state")] = db_get_i64(r, 0, i, "count");
    q->fn.counts(err ? NULL : counts, err, q->data);
}

void application_counts(struct db *db, application_counts_fn fn, void *data)
{
    struct reading *q = TG_NEW(struct reading);
    q->fn.counts = fn;
    q->data = data;
    struct db_unit *u = db_unit_new(db, "application counts");
    application_add_counts(u);
    db_unit_run(u, on_counts, q);
}

/* --- printing --- */

static void print_or_null(struct tg_jw *w, const char *key, const char *text)
{
    tg_jw_kstr(w, key, text && *text ? text : NULL);
}

static void print_time(struct tg_jw *w, const char *key, int64_t at)
{
    tg_jw_key(w, key);
    if (at)
        tg_jw_time(w, at);
    else
        tg_jw_null(w);
}

static void print_flags(struct tg_jw *w, const char *flags)
{
    tg_jw_key(w, "flags");
    tg_jw_begin_array(w);
    for (const char *p = flags; *p;) {
        size_t len = strcspn(p, " ");
        tg_jw_strn(w, p, len);
        p += len + (p[len] == ' ');
    }
    tg_jw_end(w);
}

void application_print_json(struct tg_jw *w, const struct application_row *row)
{
    tg_jw_kstr(w, "number", row->number);
    tg_jw_kstr(w, "state", application_state_word(row->state));
    print_or_null(w, "waits_for", application_waits_word(row->waits_for));
    tg_jw_kstr(w, "holder", row->holder);
    tg_jw_kstr(w, "holder_name", row->holder_name);
    print_or_null(w, "department", row->department);
    tg_jw_kstr(w, "policy", row->policy);
    tg_jw_kstr(w, "certificate", row->certificate);
    tg_jw_kstr(w, "subject", row->subject);
    tg_jw_ktime(w, "not_after", row->not_after);
    print_or_null(w, "host", row->host);
    print_or_null(w, "path", row->path);
    print_flags(w, row->flags);
    print_or_null(w, "batch", row->batch);
    print_time(w, "changed", row->changed);
    print_or_null(w, "new_certificate", row->new_certificate);
    print_time(w, "new_not_after", row->new_not_after);
}

static const char *consent_word(enum application_consent consent)
{
    switch (consent) {
    case APPLICATION_CONSENT_KEY:
        return "key";
    case APPLICATION_CONSENT_UNATTENDED:
        return "key-unattended";
    case APPLICATION_CONSENT_NOBODY:
        return "none";
    }
    return NULL;
}

static void print_event(struct tg_jw *w, const struct application_event *e)
{
    tg_jw_begin_object(w);
    tg_jw_ktime(w, "at", e->at);
    print_or_null(w, "from", application_state_word(e->from));
    tg_jw_kstr(w, "to", application_state_word(e->to));
    tg_jw_kstr(w, "actor", e->actor);
    print_or_null(w, "why", *e->why ? e->why : e->code);
    tg_jw_end(w);
}

void application_print_detail(struct tg_jw *w, const struct application_detail *d)
{
    application_print_json(w, &d->row);
    tg_jw_key(w, "events");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < d->event_count; i++)
        print_event(w, &d->events[i]);
    tg_jw_end(w);
    tg_jw_key(w, "changes");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < d->change_count; i++) {
        tg_jw_begin_array(w);
        tg_jw_str(w, d->changes[i].field);
        tg_jw_str(w, d->changes[i].old);
        tg_jw_str(w, d->changes[i].new_);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    print_or_null(w, "failed_in", application_state_word(d->row.failed_in));
    print_or_null(w, "error", *d->row.error ? d->row.error : d->row.code);
    print_or_null(w, "consent", consent_word(d->row.consent));
    print_or_null(w, "key", d->row.key);
}
