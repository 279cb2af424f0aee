/* The room: its life, the trust that it holds in memory, and who is told of it. */
#include "approval_in.h"

#include <string.h>

#include "base/log.h"

enum { AGAIN_MS = 1000 };

struct approval_trust *approval_trust_take(struct approval *a)
{
    if (a->trust) a->trust->refs++;
    return a->trust;
}

void approval_trust_drop(struct approval_trust *trust)
{
    if (!trust || --trust->refs > 0) return;
    tg_trust_chain_free(trust->chain);
    free(trust);
}

char (*approval_recalls(const struct approval *a, size_t *ret_count))[TG_SEAL_HEX]
{
    *ret_count = a->recalled_count;
    if (!a->recalled_count) return NULL;
    return tg_memdup(a->recalled, a->recalled_count * sizeof a->recalled[0]);
}

/* --- telling --- */

static void tell_trust(struct approval *a)
{
    for (size_t i = 0; a->trust && i < a->hearers_count; i++) {
        struct approval_hearer *h = &a->hearers[i];
        if (!h->trust || h->told) continue;
        h->told = true;
        h->trust(a->trust->chain, h->data);
    }
}

void approval_trust_set(struct approval *a, struct tg_trust_chain *chain)
{
    struct approval_trust *old = a->trust;
    a->trust = TG_NEW(struct approval_trust);
    *a->trust = (struct approval_trust){1, chain};
    approval_trust_drop(old);
    for (size_t i = 0; i < a->hearers_count; i++)
        a->hearers[i].told = false;
    tell_trust(a);
}

static struct approval_hearer *new_hearer(struct approval *a)
{
    a->hearers = tg_realloc(a->hearers, (a->hearers_count + 1) * sizeof *a->hearers);
    a->hearers[a->hearers_count] = (struct approval_hearer){0};
    return &a->hearers[a->hearers_count++];
}

void approval_on_trust(struct approval *a, approval_trust_fn fn, void *data)
{
    struct approval_hearer *h = new_hearer(a);
    h->trust = fn;
    h->data = data;
    approval_reload(a);
}

void approval_on_recall(struct approval *a, approval_recall_fn fn, void *data)
{
    struct approval_hearer *h = new_hearer(a);
    h->recall = fn;
    h->data = data;
    approval_reload(a);
}

/* --- loading --- */

/* What was accepted once is the beginning of everything later (V2): another realm is refused, and
 * fewer versions (a replica that lags, a backup) change nothing. */
static int read_chain(const struct approval *a, const struct db_results *r,
                      struct tg_trust_chain **ret, struct tg_err *err)
{
    const char *realm = a->trust ? tg_trust_chain_realm(a->trust->chain) : NULL;
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = tg_trust_chain_new(realm);
    for (size_t row = 0; row < db_rows(r, 0); row++) {
        struct approval_version v;
        approval_version_at(r, 0, row, &v);
        TG_TRY(tg_trust_chain_add(chain, v.text, v.cms, v.cms_count, err));
    }
    *ret = TG_TAKE(chain);
    return 0;
}

static void take_chain(struct approval *a, const struct db_results *r)
{
    struct tg_trust_chain *chain = NULL;
    struct tg_err err = {0};
    size_t count = db_rows(r, 0);
    uint32_t known = a->trust ? tg_trust_chain_version(a->trust->chain) : 0;
    if (count == known) return;
    int rc = count < known
                 ? TG_FAIL(&err, TG_E_STALE,
                           "V2: trust %u: the database has only %zu versions; it may be a "
                           "copy of earlier",
                           known, count)
                 : read_chain(a, r, &chain, &err);
    if (rc < 0) {
        tg_log_err(TG_LOG_ERROR, "approval", "trust-of-the-database-refused", &err);
        return;
    }
    approval_trust_set(a, chain);
}

static void take_recalls(struct approval *a, const struct db_results *r)
{
    size_t count = db_rows(r, 2);
    free(a->recalled);
    a->recalled = tg_calloc(count + 1, sizeof a->recalled[0]);
    a->recalled_count = count;
    for (size_t row = 0; row < count; row++) {
        struct approval_recall_row recall;
        approval_recall_at(r, 2, row, &recall);
        memcpy(a->recalled[row], recall.statement, TG_SEAL_HEX);
        for (size_t i = 0; i < a->hearers_count; i++)
            if (a->hearers[i].recall)
                a->hearers[i].recall(recall.statement, recall.text, recall.cms, a->hearers[i].data);
    }
}

static void on_again(struct tg_deadline *d, void *data)
{
    (void)d;
    approval_reload(data);
}

static void on_loaded(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct approval *a = data;
    a->loading = false;
    if (!a->closing && !err) {
        take_chain(a, r);
        a->ready = true;
        tell_trust(a);
        take_recalls(a, r);
        if (a->again) approval_reload(a);
    } else if (!a->closing && db_is_up(a->db)) {
        tg_deadline_start(&a->later, AGAIN_MS, on_again); /* not up: the news of the connection */
    }
    approval_end(a);
}

void approval_reload(struct approval *a)
{
    if (a->closing) return;
    a->again = a->loading;
    if (a->loading) return;
    a->loading = true;
    approval_begin(a);
    struct db_unit *u = db_unit_new(a->db, "approval trust");
    approval_add_trust(u);
    approval_add_recalls(u);
    db_unit_run(u, on_loaded, a);
}

static void on_news(const char *channel, const char *payload, void *data)
{
    (void)channel;
    (void)payload;
    approval_reload(data);
}

/* --- life --- */

struct approval *approval_new(struct db *db, struct audit *audit)
{
    struct approval *a = TG_NEW(struct approval);
    a->db = db;
    a->audit = audit;
    tg_deadline_init(&a->later, db_loop(db), a);
    db_listen(db, APPROVAL_TRUST, on_news, a);
    db_listen(db, APPROVAL_RECALL, on_news, a);
    approval_reload(a);
    return a;
}

static void on_gone(struct tg_deadline *d, void *data)
{
    (void)d;
    struct approval *a = data;
    void (*closed)(void *) = a->closed;
    void *closed_data = a->closed_data;
    approval_trust_drop(a->trust);
    approval_cache_free(a->cache);
    free(a->hearers);
    free(a->recalled);
    free(a);
    if (closed) closed(closed_data);
}

void approval_begin(struct approval *a)
{
    a->busy++;
}

void approval_end(struct approval *a)
{
    if (--a->busy == 0 && a->closing) tg_deadline_close(&a->later, on_gone);
}

void approval_close(struct approval *a, void (*closed)(void *data), void *data)
{
    a->closed = closed;
    a->closed_data = data;
    db_unlisten(a->db, a);
    approval_begin(a);
    a->closing = true;
    approval_end(a);
}

/* --- questions --- */

bool approval_ready(const struct approval *a)
{
    return a->ready;
}

const struct tg_trust_chain *approval_chain(const struct approval *a)
{
    return a->trust ? a->trust->chain : NULL;
}

const char *approval_realm(const struct approval *a)
{
    return a->trust ? tg_trust_chain_realm(a->trust->chain) : "";
}

bool approval_is_approver(const struct approval *a, const char *spki_hex, int64_t now)
{
    const struct tg_trust *t = a->trust ? tg_trust_chain_current(a->trust->chain) : NULL;
    const struct tg_trust_approver *approver = t ? tg_trust_approver(t, spki_hex) : NULL;
    return approver && now <= approver->until && !tg_trust_is_revoked(t, spki_hex);
}
