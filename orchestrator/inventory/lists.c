/* Reading for doors: pages, one certificate with everything, totals; and how they print. */
#include "inventory_in.h"

#include <string.h>

#include "base/str.h"
#include "base/times.h"

enum { LIMIT_DEFAULT = 1000, LIMIT_MOST = 100000 };

struct reading {
    int64_t limit;
    char *which;
    union {
        inventory_list_fn list;
        inventory_show_fn show;
        inventory_holders_fn holders;
        inventory_totals_fn totals;
    } fn;
    void *data;
};

static struct reading *reading_new(int64_t limit, void *data)
{
    struct reading *q = TG_NEW(struct reading);
    q->limit = limit < 1 || limit > LIMIT_MOST ? LIMIT_DEFAULT : limit;
    q->data = data;
    return q;
}

static void on_list(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct reading *q = data;
    size_t count = err ? 0 : db_rows(r, 0);
    TG_AUTO(mem) struct inventory_certificate *rows = tg_calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        inventory_certificate_at(r, 0, i, &rows[i]);
    q->fn.list(err ? NULL : rows, count,
               count && (int64_t)count == q->limit ? rows[count - 1].id : 0, err, q->data);
}

void inventory_list(struct db *db, const struct inventory_filter *filter, inventory_list_fn fn,
                    void *data)
{
    struct reading *q = reading_new(filter->limit, data);
    struct inventory_filter f = *filter;
    q->fn.list = fn;
    f.limit = q->limit;
    struct db_unit *u = db_unit_new(db, "inventory list");
    inventory_add_list(u, &f);
    db_unit_run(u, on_list, q);
}

static int only_one(const struct db_results *r, const char *which, struct tg_err *err)
{
    if (db_rows(r, 0) == 0)
        return TG_FAIL(err, TG_E_NOT_FOUND,
                       "certificate %.64s: there is none; list them: tamga certificates list",
                       which);
    if (db_rows(r, 0) > 1)
        return TG_FAIL(err, TG_E_INPUT,
                       "certificate %.64s: several begin like this, say more digits", which);
    return 0;
}

static void show(const struct db_results *r, struct reading *q)
{
    struct inventory_detail d = {.placement_count = db_rows(r, 1)};
    size_t rows = db_rows(r, 2);
    TG_AUTO(mem)
    struct inventory_placement *placements = tg_calloc(d.placement_count + 1, sizeof *placements);
    TG_AUTO(mem) char(*numbers)[TG_NUMBER] = tg_calloc(rows + 1, sizeof *numbers);
    TG_AUTO(mem) const char **applications = tg_calloc(rows + 1, sizeof *applications);
    inventory_certificate_at(r, 0, 0, &d.certificate);
    for (size_t i = 0; i < d.placement_count; i++)
        inventory_placement_at(r, i, &placements[i]);
    for (size_t i = 0; i < rows; i++) {
        struct tg_number no = {0};
        no.sequence = (uint32_t)inventory_application_at(r, i, &no.year);
        if (!no.sequence) continue;
        tg_number_print(no, numbers[d.application_count]);
        applications[d.application_count] = numbers[d.application_count];
        d.application_count++;
    }
    d.placements = placements;
    d.applications = applications;
    d.der = rows ? db_get_bytes(r, 2, 0, "der") : (struct db_slice){0};
    q->fn.show(&d, NULL, q->data);
}

static void on_show(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct reading *q = data;
    struct tg_err why = {0};
    if (!err && only_one(r, q->which, &why) < 0) err = &why;
    if (err)
        q->fn.show(NULL, err, q->data);
    else
        show(r, q);
    free(q->which);
    free(q);
}

void inventory_show(struct db *db, const char *which, inventory_show_fn fn, void *data)
{
    struct reading *q = reading_new(0, data);
    q->fn.show = fn;
    q->which = tg_strdup(which);
    struct db_unit *u = db_unit_new(db, "inventory show");
    inventory_add_show(u, which);
    db_unit_run(u, on_show, q);
}

static void on_holders(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct reading *q = data;
    size_t count = err ? 0 : db_rows(r, 0);
    TG_AUTO(mem) struct inventory_holder *rows = tg_calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        inventory_holder_at(r, i, &rows[i]);
    q->fn.holders(err ? NULL : rows, count,
                  count && (int64_t)count == q->limit ? rows[count - 1].id : 0, err, q->data);
}

void inventory_holders(struct db *db, int64_t after, int64_t limit, inventory_holders_fn fn,
                       void *data)
{
    struct reading *q = reading_new(limit, data);
    q->fn.holders = fn;
    struct db_unit *u = db_unit_new(db, "inventory holders");
    inventory_add_register(u, after, q->limit);
    db_unit_run(u, on_holders, q);
}

static void on_totals(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct reading *q = data;
    struct inventory_totals totals = {0};
    if (!err) inventory_read_totals(r, &totals);
    q->fn.totals(err ? NULL : &totals, err, q->data);
}

void inventory_totals(struct db *db, inventory_totals_fn fn, void *data)
{
    struct reading *q = reading_new(0, data);
    q->fn.totals = fn;
    struct db_unit *u = db_unit_new(db, "inventory totals");
    inventory_add_totals(u);
    db_unit_run(u, on_totals, q);
}

/* --- printing --- */

static void print_or_null(struct tg_jw *w, const char *key, const char *text)
{
    tg_jw_kstr(w, key, text && *text ? text : NULL);
}

static void print_facts(struct tg_jw *w, const struct inventory_certificate *c)
{
    tg_jw_kint(w, "id", c->id);
    tg_jw_key(w, "sha256");
    tg_jw_hex(w, c->sha256, TG_SHA256);
    tg_jw_kstr(w, "serial", c->serial);
    tg_jw_kstr(w, "subject", c->subject);
    tg_jw_kstr(w, "issuer", c->issuer);
    tg_jw_ktime(w, "not_before", c->not_before);
    tg_jw_ktime(w, "not_after", c->not_after);
    tg_jw_kstr(w, "key_algorithm", c->key_algorithm);
    print_or_null(w, "role", c->role);
    print_or_null(w, "holder", c->holder);
    print_or_null(w, "holder_name", c->holder_name);
    print_or_null(w, "department", c->department);
    tg_jw_kbool(w, "verifiable", c->verifiable);
    tg_jw_kbool(w, "superseded", c->superseded);
    print_or_null(w, "likely_holder", c->likely_holder);
    print_or_null(w, "likely_why", c->likely_why);
}

void inventory_print_json(struct tg_jw *w, const struct inventory_certificate *c)
{
    print_facts(w, c);
    tg_jw_kint(w, "placements", c->placements);
}

static void print_placement(struct tg_jw *w, const struct inventory_placement *p)
{
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "host", p->host);
    tg_jw_kstr(w, "path", p->path);
    print_or_null(w, "kind", p->kind);
    tg_jw_kstr(w, "status", p->gone ? "gone" : p->status);
    print_or_null(w, "friendly_name", p->friendly_name);
    tg_jw_key(w, "has_key");
    if (p->key_unknown)
        tg_jw_null(w);
    else
        tg_jw_bool(w, p->has_key);
    tg_jw_ktime(w, "last_seen", p->last_seen);
    tg_jw_end(w);
}

void inventory_print_detail(struct tg_jw *w, const struct inventory_detail *d)
{
    const struct inventory_certificate *c = &d->certificate;
    TG_AUTO(buf) struct tg_buf ski = TG_BUF(256);
    tg_buf_hex(&ski, c->ski.data, c->ski.len);
    print_facts(w, c);
    tg_jw_kstr(w, "ski", tg_buf_text(&ski));
    print_or_null(w, "iin", c->iin);
    print_or_null(w, "bin", c->bin);
    print_or_null(w, "email", c->email);
    tg_jw_key(w, "placements");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < d->placement_count; i++)
        print_placement(w, &d->placements[i]);
    tg_jw_end(w);
    tg_jw_key(w, "applications");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < d->application_count; i++)
        tg_jw_str(w, d->applications[i]);
    tg_jw_end(w);
}

void inventory_print_holder(struct tg_jw *w, const struct inventory_holder *h)
{
    char leave[TG_DATE] = "";
    if (h->leave_until) tg_date_print(h->leave_until, leave);
    tg_jw_kstr(w, "number", h->number);
    tg_jw_kstr(w, "name", h->name);
    print_or_null(w, "iin", h->iin);
    print_or_null(w, "email", h->email);
    print_or_null(w, "department", h->department);
    print_or_null(w, "position", h->position);
    tg_jw_kstr(w, "status", h->status);
    print_or_null(w, "leave_until", leave);
    tg_jw_kint(w, "certificates", h->certificates);
}
