/* exchange: what is carried out to a CA by files, and the certificates that come back. A
 * certificate finds its application by its public key; A2 decides whether it is what was approved.
 */
#include "issue_in.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "x509/csr.h"

/* --- list --- */

struct listing {
    struct issue *issue;
    int64_t limit;
    issue_requests_fn fn;
    void *data;
};

struct listed {
    struct issue_waiting waiting;
    struct tg_csr *csr;
    struct tg_leaf *leaf;
};

static int read_listed(const struct db_results *r, size_t row, struct listed *l,
                       struct issue_request *ret, struct tg_err *err)
{
    const struct issue_waiting *w = &l->waiting;
    issue_waiting_at(r, row, &l->waiting);
    TG_TRY(tg_leaf_parse(w->leaf.data, w->leaf.len, l->leaf, err));
    TG_TRY(tg_csr_parse(w->csr.data, w->csr.len, &l->csr, err));
    *ret = (struct issue_request){.number = w->number,
                                  .batch = w->batch,
                                  .subject = tg_csr_subject(l->csr),
                                  .days = (int64_t)l->leaf->days,
                                  .csr = w->csr};
    return 0;
}

static void tell_listed(const struct listing *l, const struct db_results *r)
{
    size_t rows = db_rows(r, 0), n = 0;
    struct tg_err err = {0};
    TG_AUTO(mem) struct listed *listed = tg_calloc(rows + 1, sizeof *listed);
    TG_AUTO(mem) struct issue_request *requests = tg_calloc(rows + 1, sizeof *requests);
    TG_AUTO(mem) struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    for (; n < rows && err.code == 0; n++) {
        listed[n].leaf = leaf;
        (void)!read_listed(r, n, &listed[n], &requests[n], &err);
    }
    int64_t next = rows > 0 && (int64_t)rows == l->limit ? listed[rows - 1].waiting.request : 0;
    l->fn(requests, err.code < 0 ? 0 : rows, next, err.code < 0 ? &err : NULL, l->data);
    for (size_t i = 0; i < n; i++)
        tg_csr_free(listed[i].csr);
}

static void on_listed(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct listing *l = data;
    if (err)
        l->fn(NULL, 0, 0, err, l->data);
    else
        tell_listed(l, r);
    issue_end(l->issue);
}

void issue_exchange_list(struct issue *issue, int64_t after, int64_t limit, issue_requests_fn fn,
                         void *data)
{
    struct listing *l = TG_NEW(struct listing);
    *l = (struct listing){issue, limit, fn, data};
    issue_begin(issue);
    struct db_unit *u = db_unit_new(issue->db, "issue waiting");
    issue_add_waiting(u, issue, after, limit);
    db_unit_run(u, on_listed, l);
}

/* --- import --- */

struct import {
    struct issue *issue;
    char *actor;
    int64_t now;
    uint8_t *memory;
    struct tg_blob *ders;
    struct tg_cert **certs;
    struct tg_err *errs;
    size_t count, begin, end; /* end: after the chunk at hand */
    struct issue_item *items; /* of the chunk: those that were asked for, not issued yet */
    int64_t *batches;
    size_t items_count;
    char **matched, **refused; /* of all */
    size_t matched_count, refused_count;
    struct tg_leaf *leaf;
    struct tg_work work;
    struct tg_err err;
    struct tg_deadline later;
    issue_imported_fn fn;
    void *data;
};

static void add_matched(struct import *m, const char *number)
{
    m->matched[m->matched_count++] = tg_strdup(number);
}

static void add_refused(struct import *m, const struct tg_err *err)
{
    m->refused[m->refused_count++] = tg_strdup(err->text);
}

static void import_free(struct import *m)
{
    for (size_t i = 0; i < m->count; i++)
        tg_cert_unref(m->certs[i]);
    for (size_t i = 0; i < m->matched_count; i++)
        free(m->matched[i]);
    for (size_t i = 0; i < m->refused_count; i++)
        free(m->refused[i]);
    free(m->matched);
    free(m->refused);
    free(m->certs);
    free(m->errs);
    free(m->ders);
    free(m->memory);
    free(m->items);
    free(m->batches);
    free(m->leaf);
    free(m->actor);
    free(m);
}

static void import_finish(struct tg_deadline *d, void *data)
{
    struct import *m = data;
    struct issue *issue = m->issue;
    (void)d;
    struct issue_imported imported = {(const char *const *)m->matched, m->matched_count,
                                      (const char *const *)m->refused, m->refused_count};
    m->fn(&imported, m->err.code < 0 ? &m->err : NULL, m->data);
    import_free(m);
    issue_end(issue);
}

static void import_end(struct import *m, const struct tg_err *err)
{
    if (err) m->err = *err;
    tg_deadline_close(&m->later, import_finish);
}

static void items_done(struct import *m)
{
    for (size_t i = 0; i < m->items_count; i++)
        issue_item_done(&m->items[i]);
    m->items_count = 0;
}

static void next_chunk(struct import *m);

/* --- import: record --- */

static void on_recorded(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct import *m = data;
    (void)r;
    for (size_t i = 0; i < m->items_count; i++) {
        struct issue_item *item = &m->items[i];
        if (item->fate == ISSUE_GOT && !err) add_matched(m, item->number);
        if (item->fate == ISSUE_GOT && err) {
            (void)TG_FAIL(&item->err, err->code, "%s: %s; import it again", item->number,
                          err->text);
            add_refused(m, &item->err);
        }
    }
    if (!err) db_notify(m->issue->db, ISSUE_JOBS);
    items_done(m);
    next_chunk(m);
}

/* One event names one batch: each batch's applications move by their own. */
static void add_batch(struct db_unit *u, struct import *m, size_t first, bool *taken)
{
    struct issue_item *picked[ISSUE_CHUNK];
    struct issue_picked p = {.items = picked,
                             .batch = m->batches[first],
                             .now = m->now,
                             .actor = m->actor};
    for (size_t i = first; i < m->items_count; i++) {
        if (taken[i] || m->batches[i] != p.batch || m->items[i].fate != ISSUE_GOT) continue;
        taken[i] = true;
        picked[p.count++] = &m->items[i];
    }
    issue_add_issued(u, &p);
}

static void record(struct import *m)
{
    bool taken[ISSUE_CHUNK] = {false};
    struct db_unit *u = NULL;
    for (size_t i = 0; i < m->items_count; i++) {
        if (m->items[i].fate == ISSUE_REFUSED) add_refused(m, &m->items[i].err);
        if (taken[i] || m->items[i].fate != ISSUE_GOT) continue;
        if (!u) u = db_unit_new(m->issue->db, "issue import");
        add_batch(u, m, i, taken);
    }
    if (u) {
        db_unit_run(u, on_recorded, m);
        return;
    }
    items_done(m);
    next_chunk(m);
}

static void do_verify(void *data)
{
    struct import *m = data;
    struct tg_knowledge k = {.chain = m->issue->chain, .now = m->now};
    struct issue_check check = {.knowledge = &k, .leaf = m->leaf};
    for (size_t i = 0; i < m->items_count; i++)
        issue_check_answer(&check, &m->items[i]);
}

static void on_verified(void *data, int status)
{
    struct import *m = data;
    if (status == 0) {
        record(m);
        return;
    }
    items_done(m);
    import_end(m, &(struct tg_err){.code = status, .text = "tamgad is stopping"});
}

/* --- import: whose key is it --- */

static struct tg_cert *cert_of(const struct import *m, const uint8_t spki[TG_SHA256], size_t *ret_i)
{
    for (size_t i = m->begin; i < m->end; i++) {
        if (!m->certs[i]) continue;
        *ret_i = i;
        if (memcmp(tg_cert_facts(m->certs[i])->spki_sha256, spki, TG_SHA256) == 0)
            return m->certs[i];
    }
    return NULL;
}

/* true: the item goes on to A2. */
static bool take_owner(struct import *m, struct issue_item *item, const struct issue_owner *owner,
                       const struct tg_cert *cert)
{
    if (owner->has && memcmp(owner->issued, tg_cert_facts(cert)->sha256, TG_SHA256) == 0) {
        add_matched(m, item->number); /* brought twice */
        return false;
    }
    if (item->state == APPLICATION_REQUESTED && item->connector) {
        item->cert = tg_cert_ref(cert);
        return true;
    }
    (void)TG_FAIL(&item->err, TG_E_STATE, "%s: %s", item->number,
                  owner->has ? "it has another certificate already"
                             : application_state_word(item->state));
    add_refused(m, &item->err);
    return false;
}

static void take_owners(struct import *m, const struct db_results *r)
{
    bool known[ISSUE_CHUNK] = {false};
    for (size_t row = 0; row < db_rows(r, 0) && m->items_count < ISSUE_CHUNK; row++) {
        struct issue_item *item = &m->items[m->items_count];
        struct issue_owner owner;
        size_t i = 0;
        *item = (struct issue_item){0};
        issue_owner_at(r, row, m->issue, item, &owner);
        const struct tg_cert *cert = cert_of(m, owner.spki, &i);
        if (cert) known[i - m->begin] = true;
        if (cert && take_owner(m, item, &owner, cert))
            m->batches[m->items_count++] = owner.batch;
        else
            issue_item_done(item);
    }
    for (size_t i = m->begin; i < m->end; i++) {
        struct tg_err err;
        if (!m->certs[i] || known[i - m->begin]) continue;
        (void)TG_FAIL(&err, TG_E_NOT_FOUND, "certificate %zu: no application asked for its key",
                      i + 1);
        add_refused(m, &err);
    }
}

static void on_owners(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct import *m = data;
    struct tg_err own;
    if (err) {
        import_end(m, err);
        return;
    }
    take_owners(m, r);
    if (tg_work_start(&m->work, m->issue->loop, do_verify, on_verified, m, &own) == 0) return;
    items_done(m);
    import_end(m, &own);
}

static void next_chunk(struct import *m)
{
    struct db_slice spkis[ISSUE_CHUNK];
    size_t n = 0;
    m->begin = m->end;
    for (; m->end < m->count && m->end - m->begin < ISSUE_CHUNK; m->end++)
        if (m->certs[m->end])
            spkis[n++] = (struct db_slice){tg_cert_facts(m->certs[m->end])->spki_sha256, TG_SHA256};
    if (m->begin == m->end) {
        import_end(m, NULL);
        return;
    }
    struct db_unit *u = db_unit_new(m->issue->db, "issue import keys");
    issue_add_by_key(u, m->issue, spkis, n);
    db_unit_run(u, on_owners, m);
}

/* --- import: parse --- */

/* The CA's own certificates come along in bundles and are passed over. */
static void do_parse(void *data)
{
    struct import *m = data;
    for (size_t i = 0; i < m->count; i++) {
        struct tg_err *err = &m->errs[i];
        if (tg_cert_parse(m->ders[i].data, m->ders[i].len, &m->certs[i], err) < 0)
            (void)tg_err_wrap(err, "certificate %zu", i + 1);
        else if (tg_cert_facts(m->certs[i])->is_ca)
            tg_cert_unref(TG_TAKE(m->certs[i]));
    }
}

static void on_parsed(void *data, int status)
{
    struct import *m = data;
    for (size_t i = 0; i < m->count; i++)
        if (m->errs[i].code < 0) add_refused(m, &m->errs[i]);
    if (status < 0)
        import_end(m, &(struct tg_err){.code = status, .text = "tamgad is stopping"});
    else
        next_chunk(m);
}

static void copy_ders(struct import *m, const struct tg_blob *ders)
{
    size_t total = 0;
    for (size_t i = 0; i < m->count; i++)
        total += ders[i].len;
    uint8_t *at = m->memory = tg_alloc(total + 1);
    for (size_t i = 0; i < m->count; i++) {
        if (ders[i].len) memcpy(at, ders[i].data, ders[i].len);
        m->ders[i] = TG_BLOB(at, ders[i].len);
        at += ders[i].len;
    }
}

static struct import *import_new(struct issue *issue, const struct tg_blob *ders, size_t n,
                                 const char *actor, int64_t now)
{
    struct import *m = TG_NEW(struct import);
    m->issue = issue;
    m->actor = tg_strdup(actor);
    m->now = now;
    m->count = n;
    m->ders = tg_calloc(n + 1, sizeof *m->ders);
    m->certs = tg_calloc(n + 1, sizeof(struct tg_cert *));
    m->errs = tg_calloc(n + 1, sizeof *m->errs);
    m->matched = tg_calloc(2 * n + 1, sizeof(char *));
    m->refused = tg_calloc(2 * n + 1, sizeof(char *));
    m->items = tg_calloc(ISSUE_CHUNK, sizeof *m->items);
    m->batches = tg_calloc(ISSUE_CHUNK, sizeof *m->batches);
    m->leaf = TG_NEW(struct tg_leaf);
    copy_ders(m, ders);
    tg_deadline_init(&m->later, issue->loop, m);
    return m;
}

void issue_exchange_import(struct issue *issue, const struct tg_blob *ders, size_t n,
                           const char *actor, int64_t now, issue_imported_fn fn, void *data)
{
    struct import *m = import_new(issue, ders, n, actor, now);
    struct tg_err err = {0};
    m->fn = fn;
    m->data = data;
    int rc = issue_refresh_trust(issue, &err);
    issue_begin(issue);
    if (rc == 0) rc = tg_work_start(&m->work, issue->loop, do_parse, on_parsed, m, &err);
    if (rc < 0) import_end(m, &err);
}
