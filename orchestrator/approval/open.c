/* Opening a batch: read what is prepared page by page, make the leaves on a pool thread, freeze all
 * of it in one transaction. A batch that could not be frozen leaves a number unused. */
#include "approval_in.h"

#include <string.h>

#include "application/application.h"
#include "base/limits.h"

enum { PAGE = 5000, CHUNK = 5000, BYTES_MAX = TG_MAX_BATCH * TG_MAX_LEAF };

struct row {
    int64_t id, rev;
    struct tg_number number;
    size_t app, app_len, department, policy; /* places in texts */
    uint8_t csr[TG_SHA256], cms[TG_SHA256];
    struct tg_merkle_hash hash;
    tg_flags flags;
    size_t leaf, leaf_len; /* places in leaves */
};

struct open {
    struct approval *a;
    struct approval_opened result;
    struct approval_flag_count counts[TG_FLAG_COUNT];
    struct approval_place *places;
    size_t places_count;
    struct row *rows;
    size_t count;
    struct tg_buf texts, leaves;
    struct version {
        char name[41];
        int64_t id;
    } versions[TG_STATEMENT_POLICIES];
    size_t versions_count;
    struct tg_number last;
    struct tg_merkle_hash root;
    int64_t batch, now;
    char *actor;
    struct tg_err err;
    struct tg_work work;
    approval_opened_fn fn;
    void *data;
};

static void finish(struct open *o)
{
    struct approval *a = o->a;
    bool failed = o->err.code < 0;
    if (!failed) db_notify(a->db, APPROVAL_JOBS);
    o->fn(failed ? NULL : &o->result, failed ? &o->err : NULL, o->data);
    tg_buf_done(&o->texts);
    tg_buf_done(&o->leaves);
    free(o->places);
    free(o->rows);
    free(o->actor);
    free(o);
    approval_end(a);
}

/* --- reading --- */

static size_t keep(struct open *o, const void *bytes, size_t len)
{
    size_t at = o->texts.len;
    tg_buf_add(&o->texts, bytes, len);
    tg_buf_putc(&o->texts, '\0');
    return at;
}

/* One version of a policy a batch: that of the lowest number; the others wait for the next. */
static bool fits(struct open *o, const struct approval_prepared *p)
{
    for (size_t i = 0; i < o->versions_count; i++)
        if (strcmp(o->versions[i].name, p->policy) == 0) return o->versions[i].id == p->policy_id;
    if (o->versions_count == TG_STATEMENT_POLICIES) return false;
    struct version *v = &o->versions[o->versions_count++];
    v->id = p->policy_id;
    return tg_copy(v->name, sizeof v->name, p->policy);
}

/* What follows from the old certificate was found when it was prepared. */
static tg_flags flags_of_old(const char *words)
{
    tg_flags flags = 0;
    if (strstr(words, tg_flag_code(TG_FLAG_KEY_REUSED))) flags |= TG_FLAG_BIT(TG_FLAG_KEY_REUSED);
    if (strstr(words, tg_flag_code(TG_FLAG_WEAK_OLD_KEY)))
        flags |= TG_FLAG_BIT(TG_FLAG_WEAK_OLD_KEY);
    return flags;
}

static tg_flags asserted(const struct approval_prepared *p)
{
    bool unconfirmed = p->confirm && p->consent != APPLICATION_CONSENT_KEY;
    return flags_of_old(p->flags) | (p->holder_left ? TG_FLAG_BIT(TG_FLAG_HOLDER_LEFT) : 0) |
           (unconfirmed ? TG_FLAG_BIT(TG_FLAG_UNCONFIRMED) : 0);
}

static int by_id(const void *a, const void *b)
{
    int64_t one = ((const struct approval_place *)a)->id;
    int64_t other = ((const struct approval_place *)b)->id;
    return (one > other) - (one < other);
}

static tg_flags flags_of_place(const struct open *o, int64_t id)
{
    struct approval_place key = {.id = id};
    const struct approval_place *found =
        o->places_count ? bsearch(&key, o->places, o->places_count, sizeof key, by_id) : NULL;
    return found ? found->flags : 0;
}

static void take_row(struct open *o, const struct approval_prepared *p)
{
    if (o->count == TG_MAX_BATCH || !fits(o, p)) return;
    if (o->count % PAGE == 0) o->rows = tg_realloc(o->rows, (o->count + PAGE) * sizeof *o->rows);
    struct row *row = &o->rows[o->count++];
    *row = (struct row){.id = p->id, .rev = p->rev, .number = p->number};
    row->flags = asserted(p) | flags_of_place(o, p->id);
    row->app = keep(o, p->app.data, p->app.len);
    row->app_len = p->app.len;
    row->department = keep(o, p->department, strlen(p->department));
    row->policy = keep(o, p->policy, strlen(p->policy));
    memcpy(row->csr, p->csr.data, TG_SHA256);
    memcpy(row->cms, p->cms.data, TG_SHA256);
}

static void on_page(const struct db_results *r, const struct tg_err *err, void *data);

static void next_page(struct open *o)
{
    struct db_unit *u = db_unit_new(o->a->db, "batch open");
    approval_add_prepared(u, o->last, PAGE);
    db_unit_run(u, on_page, o);
}

/* --- leaves, on a pool thread --- */

static int make_leaf(struct open *o, struct row *row, struct tg_leaf *leaf, struct tg_err *err)
{
    const char *texts = (const char *)o->texts.data;
    struct tg_blob app = TG_BLOB(texts + row->app, row->app_len);
    char number[TG_NUMBER];
    tg_number_print(row->number, number);
    TG_TRY(tg_app_parse(app.data, app.len, TG_APP_FULL, leaf, err));
    if (strcmp(leaf->no, number) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "application %s: it was signed as %s", number, leaf->no);
    row->flags |= tg_flags_of_leaf(leaf);
    leaf->flags = row->flags;
    if (!tg_copy(leaf->department, sizeof leaf->department, texts + row->department) ||
        !tg_copy(leaf->policy, sizeof leaf->policy, texts + row->policy))
        return TG_FAIL(err, TG_E_LIMIT, "application %s: department or policy is too long", number);
    row->leaf = o->leaves.len;
    TG_TRY(tg_leaf_join_parsed(app, leaf, &o->leaves, err));
    row->leaf_len = o->leaves.len - row->leaf;
    return tg_buf_ok(&o->leaves, err);
}

static void make_leaves(void *data)
{
    struct open *o = data;
    TG_AUTO(mem) struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    struct tg_merkle_frontier frontier;
    tg_merkle_frontier_init(&frontier);
    for (size_t i = 0; i < o->count; i++) {
        struct row *row = &o->rows[i];
        if (make_leaf(o, row, leaf, &o->err) < 0) {
            char number[TG_NUMBER];
            tg_number_print(row->number, number);
            (void)tg_err_wrap(&o->err, "application %s", number);
            return;
        }
        tg_merkle_leaf(o->leaves.data + row->leaf, row->leaf_len, &row->hash);
        tg_merkle_frontier_append(&frontier, &row->hash);
    }
    tg_merkle_frontier_root(&frontier, &o->root);
}

/* --- writing --- */

static bool is_held(const struct row *row)
{
    return tg_flags_of_class(row->flags, TG_FLAG_WARN) ||
           tg_flags_of_class(row->flags, TG_FLAG_STOP);
}

static char *flag_words(tg_flags flags)
{
    TG_AUTO(buf) struct tg_buf b = TG_BUF(512);
    for (int f = 0; f < TG_FLAG_COUNT; f++) {
        if (!(flags & TG_FLAG_BIT(f))) continue;
        if (b.len) tg_buf_putc(&b, ' ');
        tg_buf_puts(&b, tg_flag_code((enum tg_flag)f));
    }
    return tg_strdup(tg_buf_text(&b));
}

static void add_chunk(struct open *o, struct db_unit *u, size_t first, size_t n)
{
    TG_AUTO(mem) int64_t *ids = tg_calloc(n, sizeof *ids);
    TG_AUTO(mem) int64_t *revs = tg_calloc(n, sizeof *revs);
    TG_AUTO(mem) struct db_slice *slices = tg_calloc(4 * n, sizeof *slices);
    TG_AUTO(mem) char **flags = tg_calloc(n, sizeof *flags);
    for (size_t i = 0; i < n; i++) {
        const struct row *row = &o->rows[first + i];
        ids[i] = row->id;
        revs[i] = row->rev;
        slices[i] = (struct db_slice){o->leaves.data + row->leaf, row->leaf_len};
        slices[n + i] = (struct db_slice){row->hash.b, TG_SHA256};
        slices[2 * n + i] = (struct db_slice){row->csr, TG_SHA256};
        slices[3 * n + i] = (struct db_slice){row->cms, TG_SHA256};
        flags[i] = flag_words(row->flags);
    }
    struct approval_leaves leaves = {
        .batch = o->batch,
        .first = (int64_t)first,
        .ids = ids,
        .revs = revs,
        .leaves = slices,
        .hashes = slices + n,
        .csrs = slices + 2 * n,
        .cmss = slices + 3 * n,
        .flags = (const char *const *)flags,
        .count = n,
    };
    approval_add_leaves(u, &leaves);
    for (size_t i = 0; i < n; i++)
        free(flags[i]);
}

static void add_holds(struct open *o, struct db_unit *u)
{
    TG_AUTO(mem) int64_t *held = tg_calloc(o->count, sizeof *held);
    struct approval_change c = {.batch = o->batch,
                                .rev = 1,
                                .decision = DECISION_HOLD,
                                .now = o->now,
                                .indexes = held,
                                .reason = "",
                                .actor = "rules"};
    for (size_t i = 0; i < o->count; i++)
        if (is_held(&o->rows[i])) held[c.count++] = (int64_t)i;
    if (c.count) approval_add_change(u, &c);
    o->result.hold = (int64_t)c.count;
}

static void count_flags(struct open *o)
{
    static const enum tg_flag_class order[] = {TG_FLAG_STOP, TG_FLAG_WARN, TG_FLAG_NOTE};
    size_t n = 0;
    for (size_t c = 0; c < TG_COUNT(order); c++)
        for (int f = 0; f < TG_FLAG_COUNT; f++) {
            int64_t count = 0;
            if (tg_flag_class((enum tg_flag)f) != order[c]) continue;
            for (size_t i = 0; i < o->count; i++)
                count += (o->rows[i].flags & TG_FLAG_BIT(f)) != 0;
            if (count)
                o->counts[n++] = (struct approval_flag_count){tg_flag_code((enum tg_flag)f),
                                                              tg_flag_class_word(order[c]), count};
        }
    o->result.exceptions = o->counts;
    o->result.exception_count = n;
    o->result.count = (int64_t)o->count;
    o->result.approve = o->result.count - o->result.hold;
}

static void on_unborn(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    (void)err; /* a batch in building is shown nowhere */
    finish(data);
}

static void on_frozen(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct open *o = data;
    if (!err) {
        finish(o);
        return;
    }
    o->err = *err;
    struct db_unit *u = db_unit_new(o->a->db, "batch open");
    approval_add_unborn(u, o->batch, o->now);
    db_unit_run(u, on_unborn, o);
}

static void freeze(struct open *o)
{
    TG_AUTO(buf) struct tg_buf body = TG_BUF(1024);
    struct application_batch_move move = {.act = APPLICATION_BATCH_SUBMIT,
                                          .batch_id = o->batch,
                                          .count = (int64_t)o->count,
                                          .now = o->now,
                                          .root = o->root.b,
                                          .actor = o->actor};
    struct db_unit *u = db_unit_new(o->a->db, "batch open");
    db_unit_deadline(u, 300 * 1000);
    approval_add_tune(u, (int64_t)o->count);
    for (size_t at = 0; at < o->count; at += CHUNK)
        add_chunk(o, u, at, o->count - at < CHUNK ? o->count - at : CHUNK);
    add_holds(o, u);
    count_flags(o);
    approval_add_freeze(u, o->batch, (int64_t)o->count, o->root.b);
    application_add_batch(u, &move);
    tg_buf_printf(&body, "{\"count\":%zu,\"hold\":%lld,\"root\":\"", o->count,
                  (long long)o->result.hold);
    tg_buf_hex(&body, o->root.b, TG_SHA256);
    tg_buf_puts(&body, "\"}");
    approval_add_entry(u, o->now, o->actor, "batch.opened", o->result.batch, &body);
    db_unit_run(u, on_frozen, o);
}

static void on_born(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct open *o = data;
    uint32_t sequence = 0;
    struct tg_civil day;
    if (err) {
        o->err = *err;
        if (err->code == TG_E_EXISTS)
            TG_FAIL(&o->err, TG_E_STALE, "batch: another one was opened at this moment; try again");
        finish(o);
        return;
    }
    tg_civil_from(o->now, &day);
    approval_born_at(r, &o->batch, &sequence);
    tg_batch_name_print((unsigned)(day.year % 100), sequence, o->result.batch);
    freeze(o);
}

static void on_made(void *data, int status)
{
    struct open *o = data;
    struct tg_civil day;
    if (status < 0) TG_FAIL(&o->err, status, "batch: the service is stopping");
    if (o->err.code < 0) {
        finish(o);
        return;
    }
    tg_civil_from(o->now, &day);
    struct db_unit *u = db_unit_new(o->a->db, "batch open");
    approval_add_born(u, (unsigned)(day.year % 100), o->now, o->actor);
    db_unit_run(u, on_born, o);
}

static void on_page(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct open *o = data;
    size_t rows = err ? 0 : db_rows(r, 0);
    bool more = rows == PAGE && o->count + rows < TG_MAX_BATCH;
    struct approval_prepared p;
    if (err) o->err = *err;
    if (more) { /* the database works on the next page while this one is copied */
        approval_prepared_at(r, 0, rows - 1, &p);
        o->last = p.number;
        next_page(o);
    }
    for (size_t i = 0; i < rows; i++) {
        approval_prepared_at(r, 0, i, &p);
        take_row(o, &p);
    }
    if (more) return;
    if (o->texts.failed) TG_FAIL(&o->err, TG_E_LIMIT, "batch: it is too large");
    if (!err && o->count == 0)
        TG_FAIL(&o->err, TG_E_NOT_FOUND,
                "batch: nothing is prepared; see tamga applications list --state drafted");
    if (o->err.code < 0 ||
        tg_work_start(&o->work, db_loop(o->a->db), make_leaves, on_made, o, &o->err) < 0)
        finish(o);
}

static void on_places(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct open *o = data;
    if (err) {
        o->err = *err;
        finish(o);
        return;
    }
    o->places_count = db_rows(r, 1);
    o->places = tg_calloc(o->places_count + 1, sizeof *o->places);
    for (size_t i = 0; i < o->places_count; i++)
        approval_place_at(r, 1, i, &o->places[i]);
    next_page(o);
}

static void on_no_trust(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct open *o = data;
    TG_FAIL(&o->err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    if (err) o->err = *err;
    finish(o);
}

void approval_open(struct approval *a, const char *actor, int64_t now, approval_opened_fn fn,
                   void *data)
{
    struct open *o = TG_NEW(struct open);
    o->a = a;
    o->now = now;
    o->actor = tg_strdup(actor);
    o->texts = TG_BUF(BYTES_MAX);
    o->leaves = TG_BUF(BYTES_MAX);
    o->fn = fn;
    o->data = data;
    approval_begin(a);
    struct db_unit *u = db_unit_new(a->db, "batch open");
    if (a->trust) {
        approval_add_tune(u, 0);
        approval_add_places(u);
        db_unit_run(u, on_places, o);
        return;
    }
    approval_add_trust(u);
    db_unit_run(u, on_no_trust, o);
}
