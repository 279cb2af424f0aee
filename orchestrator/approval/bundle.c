/* Bundles for agents and packs for auditors. The trees of the batches used last are kept, so that a
 * proof costs a few hashes; each bundle is checked (V1-V5, V7, A2) before it leaves. */
#include "approval_in.h"

#include <string.h>

#include "base/limits.h"
#include "seal/bundle.h"
#include "seal/evidence.h"

enum { TREES = 4 };

struct tree {
    unsigned refs;
    int64_t batch;
    struct approval_hashes hashes;
    struct tg_merkle_tree approved;
    /* of the last statement that was checked for it */
    bool is_checked;
    struct tg_checked checked;
};

struct approval_cache {
    struct tree *trees[TREES];
    size_t next;
};

static void tree_drop(struct tree *t)
{
    if (!t || --t->refs > 0) return;
    tg_merkle_tree_done(&t->approved);
    free(t->hashes.indexes);
    free(t->hashes.leaves);
    free(t->hashes.evidence);
    free(t);
}

void approval_cache_free(struct approval_cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < TREES; i++)
        tree_drop(cache->trees[i]);
    free(cache);
}

static struct tree *tree_find(struct approval *a, int64_t batch)
{
    for (size_t i = 0; a->cache && i < TREES; i++)
        if (a->cache->trees[i] && a->cache->trees[i]->batch == batch) return a->cache->trees[i];
    return NULL;
}

static void tree_keep(struct approval *a, struct tree *t)
{
    if (!a->cache) a->cache = TG_NEW(struct approval_cache);
    if (tree_find(a, t->batch)) return;
    struct tree **slot = &a->cache->trees[a->cache->next++ % TREES];
    tree_drop(*slot);
    *slot = t;
    t->refs++;
}

/* --- the operation --- */

struct pack {
    struct approval *a;
    struct approval_trust *trust;
    struct tg_number number;
    char name[TG_NUMBER];
    bool evidence;
    struct tg_buf bytes; /* what `stored` points into, copied */
    struct approval_stored stored;
    struct tree *tree;
    char (*recalled)[TG_SEAL_HEX];
    size_t recalled_count;
    struct tg_checked checked; /* a fresh one, for the tree */
    bool fresh;
    int64_t now;
    struct tg_buf out;
    struct tg_err err;
    struct tg_work work;
    approval_bytes_fn fn;
    void *data;
};

static void finish(struct pack *p)
{
    struct approval *a = p->a;
    if (p->err.code < 0) (void)tg_err_wrap(&p->err, "application %s", p->name);
    p->fn(p->out.data, p->out.len, p->err.code < 0 ? &p->err : NULL, p->data);
    tree_drop(p->tree);
    approval_trust_drop(p->trust);
    tg_buf_done(&p->bytes);
    tg_buf_done(&p->out);
    free(p->recalled);
    free(p);
    approval_end(a);
}

static void keep(struct tg_buf *to, struct tg_blob *blob)
{
    size_t at = to->len;
    TG_CHECK(to->data && to->cap - to->len >= blob->len); /* reserved: nothing moves */
    memcpy(to->data + at, blob->data, blob->len);
    to->len += blob->len;
    blob->data = to->data + at;
}

/* The results end with their callback; the work goes on. */
static void keep_stored(struct pack *p)
{
    struct approval_stored *s = &p->stored;
    struct tg_blob *blobs[6 + TG_SEAL_CMS_MAX + TG_SEAL_CHAIN_MAX] =
        {&s->leaf, &s->statement, &s->certificate, &s->old, &s->csr, &s->holder};
    size_t n = 6, total = 1;
    for (size_t i = 0; i < s->cms_count; i++)
        blobs[n++] = &s->cms[i];
    for (size_t i = 0; i < s->chain_count; i++)
        blobs[n++] = &s->chain[i];
    for (size_t i = 0; i < n; i++)
        total += blobs[i]->len;
    p->bytes = TG_BUF(total);
    TG_CHECK(tg_buf_grow(&p->bytes, total));
    p->bytes.len = 0;
    for (size_t i = 0; i < n; i++)
        keep(&p->bytes, blobs[i]);
}

/* --- checking and printing, on a pool thread --- */

static int place_of(const struct pack *p, struct tg_merkle_proof *room, struct tg_leaf_place *ret,
                    struct tg_err *err)
{
    const struct approval_hashes *h = &p->tree->hashes;
    size_t low = 0, high = h->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (h->indexes[mid] < p->stored.index)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == h->count || h->indexes[low] != p->stored.index)
        return TG_FAIL(err, TG_E_MISMATCH, "V7: it is not among the approved");
    TG_TRY(tg_merkle_tree_include(&p->tree->approved, low, room, err));
    if (room->count > TG_SEAL_PROOF_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "V7: the proof is too long");
    *ret = (struct tg_leaf_place){p->stored.leaf, (uint32_t)low, room->path, room->count};
    return 0;
}

static int check_certificates(struct pack *p, const struct tg_knowledge *k,
                              const struct tg_leaf_place *place, struct tg_err *err)
{
    const struct approval_stored *s = &p->stored;
    TG_AUTO(mem) struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    TG_AUTO(cert) struct tg_cert *old = NULL;
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    struct tg_cert *chain[TG_SEAL_CHAIN_MAX] = {NULL};
    int rc = tg_cert_parse(s->certificate.data, s->certificate.len, &cert, err);
    if (rc == 0 && s->old.len) rc = tg_cert_parse(s->old.data, s->old.len, &old, err);
    for (size_t i = 0; rc == 0 && i < s->chain_count; i++)
        rc = tg_cert_parse(s->chain[i].data, s->chain[i].len, &chain[i], err);
    if (rc == 0) rc = tg_check_leaf(&p->checked, place, old, leaf, err);
    if (rc == 0) {
        struct tg_issued issued = {old, cert, (const struct tg_cert *const *)chain, s->chain_count};
        rc = tg_check_certificate(k, leaf, &issued, err);
    }
    for (size_t i = 0; i < s->chain_count; i++)
        tg_cert_unref(chain[i]);
    return rc;
}

static int check(struct pack *p, const struct tg_leaf_place *place, struct tg_err *err)
{
    struct tg_signed signed_ = {p->stored.statement, p->stored.cms, p->stored.cms_count};
    struct tg_knowledge k = {.chain = p->trust->chain,
                             .recalled = (const char(*)[TG_SEAL_HEX])p->recalled,
                             .recalled_count = p->recalled_count,
                             .now = p->now};
    char sha[TG_SEAL_HEX];
    tg_sha256_hex(signed_.text.data, signed_.text.len, sha);
    if (!p->fresh && strcmp(p->checked.sha256, sha) == 0) {
        TG_TRY(tg_check_still(&k, &p->checked, err));
    } else {
        TG_TRY(tg_check_statement(&k, &signed_, &p->checked, err));
        p->fresh = true;
    }
    return check_certificates(p, &k, place, err);
}

static void fill_bundle(const struct pack *p, const struct tg_leaf_place *place,
                        struct tg_bundle *b)
{
    const struct approval_stored *s = &p->stored;
    tg_bundle_set_trust(b, p->trust->chain);
    b->statement = s->statement;
    b->cms_count = s->cms_count;
    memcpy(b->cms, s->cms, sizeof b->cms);
    b->leaf = s->leaf;
    b->index = place->index;
    b->proof_count = place->proof_count;
    memcpy(b->proof, place->proof, place->proof_count * sizeof place->proof[0]);
    b->certificate = s->certificate;
    b->old = s->old;
    b->chain_count = s->chain_count;
    memcpy(b->chain, s->chain, sizeof b->chain);
}

static int print_evidence(const struct pack *p, struct tg_bundle *b,
                          const struct tg_leaf_place *place, struct tg_buf *out, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf decision = TG_BUF(TG_DECISION_MAX);
    TG_AUTO(mem) struct tg_evidence *e = TG_NEW(struct tg_evidence);
    struct tg_merkle_tree tree;
    struct tg_merkle_proof proof;
    TG_TRY(approval_decision_print(&p->stored.line, TG_BLOB("", 0), &decision, err));
    tg_merkle_tree_init(&tree, p->tree->hashes.evidence, p->tree->hashes.count);
    int rc = tg_merkle_tree_include(&tree, place->index, &proof, err);
    tg_merkle_tree_done(&tree);
    TG_TRY(rc);
    *e = (struct tg_evidence){.bundle = b,
                              .decision = TG_BLOB(decision.data, decision.len),
                              .proof_count = proof.count,
                              .csr = p->stored.csr,
                              .holder = p->stored.holder};
    memcpy(e->proof, proof.path, proof.count * sizeof proof.path[0]);
    return tg_evidence_print(e, out, err);
}

static int make(struct pack *p, struct tg_err *err)
{
    struct tg_merkle_proof room;
    struct tg_leaf_place place;
    TG_AUTO(mem) struct tg_bundle *b = TG_NEW(struct tg_bundle);
    if (!p->trust) return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    TG_TRY(place_of(p, &room, &place, err));
    fill_bundle(p, &place, b);
    /* An auditor checks a pack himself, also years later; an agent is never given what it would
     * refuse. */
    if (p->evidence) return print_evidence(p, b, &place, &p->out, err);
    TG_TRY(check(p, &place, err));
    return tg_bundle_print(b, &p->out, err);
}

static void think(void *data)
{
    struct pack *p = data;
    (void)!make(p, &p->err);
}

static void on_thought(void *data, int status)
{
    struct pack *p = data;
    if (status < 0) TG_FAIL(&p->err, status, "the service is stopping");
    if (p->fresh && p->err.code == 0) {
        p->tree->checked = p->checked;
        p->tree->is_checked = true;
    }
    finish(p);
}

static void start_thinking(struct pack *p)
{
    if (p->tree->is_checked) p->checked = p->tree->checked;
    if (tg_work_start(&p->work, db_loop(p->a->db), think, on_thought, p, &p->err) < 0) finish(p);
}

static void on_hashes(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct pack *p = data;
    if (err) {
        p->err = *err;
        finish(p);
        return;
    }
    struct tree *t = TG_NEW(struct tree);
    t->refs = 1;
    t->batch = p->stored.batch_id;
    approval_approved_at(r, 0, &t->hashes);
    tg_merkle_tree_init(&t->approved, t->hashes.leaves, t->hashes.count);
    p->tree = t;
    tree_keep(p->a, t);
    start_thinking(p);
}

static void on_stored(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct pack *p = data;
    if (err)
        p->err = *err;
    else if (!approval_stored_at(r, 0, &p->stored))
        TG_FAIL(&p->err, TG_E_NOT_FOUND, "no certificate was issued for it");
    else if (p->stored.recalled && !p->evidence) /* by another process, at this moment */
        TG_FAIL(&p->err, TG_E_REVOKED, "V5: the statement was recalled");
    if (p->err.code < 0) {
        finish(p);
        return;
    }
    keep_stored(p);
    p->tree = tree_find(p->a, p->stored.batch_id);
    if (p->tree) {
        p->tree->refs++;
        start_thinking(p);
        return;
    }
    struct db_unit *u = db_unit_new(p->a->db, "bundle");
    approval_add_approved(u, p->stored.batch_id);
    db_unit_run(u, on_hashes, p);
}

static void pack_start(struct approval *a, const char *number, bool evidence, approval_bytes_fn fn,
                       void *data)
{
    struct pack *p = TG_NEW(struct pack);
    *p = (struct pack){.a = a, .evidence = evidence, .fn = fn, .data = data};
    p->out = TG_BUF(evidence ? (size_t)TG_EVIDENCE_MAX : (size_t)TG_MAX_BUNDLE);
    p->now = tg_loop_wall(db_loop(a->db));
    p->trust = approval_trust_take(a);
    p->recalled = approval_recalls(a, &p->recalled_count);
    (void)snprintf(p->name, sizeof p->name, "%s", number);
    if (!tg_number_parse(number, &p->number)) p->number = (struct tg_number){0}; /* found nowhere */
    approval_begin(a);
    struct db_unit *u = db_unit_new(a->db, "bundle");
    approval_add_bundle(u, p->number);
    db_unit_run(u, on_stored, p);
}

void approval_bundle(struct approval *a, const char *number, approval_bytes_fn fn, void *data)
{
    pack_start(a, number, false, fn, data);
}

void approval_evidence(struct approval *a, const char *number, approval_bytes_fn fn, void *data)
{
    pack_start(a, number, true, fn, data);
}
