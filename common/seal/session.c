#include "seal/session.h"

#include "base/bytes.h"
#include "session_set.h"
#include "text.h"

struct hashes {
    struct tg_merkle_hash *items;
    size_t count, cap;
};

struct tg_session {
    uint32_t line;
    struct tg_number last_number;
    int64_t last_index;
    struct tg_merkle_frontier snapshot, return_;
    struct hashes approved, evidence;
    struct seal_set olds, keys;
    struct tg_totals totals; /* counts; the roots are made by tg_session_totals */
    tg_session_approved_fn *on_approved;
    void *on_approved_data;
    struct tg_leaf leaf;
    struct tg_decision decision;
};

struct tg_session *tg_session_new(void)
{
    struct tg_session *s = TG_NEW(struct tg_session);
    tg_merkle_frontier_init(&s->snapshot);
    tg_merkle_frontier_init(&s->return_);
    seal_set_init(&s->olds);
    seal_set_init(&s->keys);
    s->totals.first_expiry = TG_NO_DATE;
    s->last_index = -1;
    return s;
}

void tg_session_free(struct tg_session *s)
{
    if (!s) return;
    free(s->approved.items);
    free(s->evidence.items);
    seal_set_done(&s->olds);
    seal_set_done(&s->keys);
    free(s);
}

void tg_session_on_approved(struct tg_session *s, tg_session_approved_fn *fn, void *data)
{
    s->on_approved = fn;
    s->on_approved_data = data;
}

static void add_hash(struct hashes *h, const struct tg_merkle_hash *hash)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 64;
        h->items = tg_realloc(h->items, h->cap * sizeof *h->items);
    }
    h->items[h->count++] = *hash;
}

static int check_unique(struct tg_session *s, struct tg_err *err)
{
    const struct tg_leaf *l = &s->leaf;
    if (s->line > 1 &&
        (l->number.year < s->last_number.year ||
         (l->number.year == s->last_number.year && l->number.sequence <= s->last_number.sequence)))
        return TG_FAIL(err, TG_E_MISMATCH, "no: %s does not ascend", l->no);
    s->last_number = l->number;
    if (*l->old && !seal_set_add(&s->olds, l->old))
        return TG_FAIL(err, TG_E_MISMATCH, "old: %s renews a certificate a second time", l->no);
    if (*l->key && !seal_set_add(&s->keys, l->key))
        return TG_FAIL(err, TG_E_MISMATCH, "key: %s uses a key a second time", l->no);
    tg_flags derived = l->flags & TG_FLAGS_DERIVED;
    if (derived != tg_flags_of_leaf(l))
        return TG_FAIL(err, TG_E_MISMATCH, "flags: %s: not the flags that follow from it", l->no);
    return 0;
}

/* What stands behind an approval: a renewal has a CSR and the old key's signature; observe has no
 * key of ours. */
static int check_hashes(const struct tg_leaf *l, const struct tg_decision *d, struct tg_err *err)
{
    bool has_csr = d->csr[0] != '-', has_cms = d->cms[0] != '-';
    if (has_csr != (l->kind != TG_KIND_OBSERVE))
        return TG_FAIL(err, TG_E_MISMATCH, "decision: %s: a CSR is %s", l->no,
                       has_csr ? "not expected" : "missing");
    if (l->kind == TG_KIND_RENEW && !has_cms)
        return TG_FAIL(err, TG_E_MISMATCH, "decision: %s: the holder's signature is missing",
                       l->no);
    return 0;
}

static int count_policy(struct tg_totals *t, const char *name, struct tg_err *err)
{
    size_t at = 0;
    while (at < t->policies_count && strcmp(t->policies[at].name, name) < 0)
        at++;
    if (at < t->policies_count && strcmp(t->policies[at].name, name) == 0) {
        t->policies[at].count++;
        return 0;
    }
    if (t->policies_count == TG_STATEMENT_POLICIES)
        return TG_FAIL(err, TG_E_LIMIT, "policy: more than %d in one batch", TG_STATEMENT_POLICIES);
    memmove(&t->policies[at + 1], &t->policies[at],
            (t->policies_count - at) * sizeof t->policies[0]);
    t->policies_count++;
    t->policies[at] = (struct tg_policy_total){.count = 1};
    (void)tg_copy(t->policies[at].name, sizeof t->policies[at].name, name);
    return 0;
}

static int64_t day_of(int64_t at)
{
    int64_t rest = at % TG_DAY;
    return at - (rest < 0 ? rest + TG_DAY : rest);
}

static int add_approved(struct tg_session *s, const struct tg_merkle_hash *hash,
                        struct tg_blob decision, struct tg_err *err)
{
    const struct tg_leaf *l = &s->leaf;
    struct tg_totals *t = &s->totals;
    if (tg_flags_of_class(l->flags, TG_FLAG_STOP))
        return TG_FAIL(err, TG_E_DENIED, "flags: %s has a stop flag and is never approvable here",
                       l->no);
    TG_TRY(check_hashes(l, &s->decision, err));
    if (s->on_approved) TG_TRY(s->on_approved(l, &s->decision, s->on_approved_data, err));
    TG_TRY(count_policy(t, l->policy, err));
    for (unsigned i = 0; i < TG_FLAG_COUNT; i++)
        t->flags[i] += (l->flags >> i) & 1u;
    if (*l->ends && (t->first_expiry == TG_NO_DATE || day_of(l->ends_at) < t->first_expiry))
        t->first_expiry = day_of(l->ends_at);
    struct tg_merkle_hash evidence;
    tg_merkle_leaf(decision.data, decision.len, &evidence);
    s->last_index = (int64_t)s->approved.count;
    add_hash(&s->approved, hash);
    add_hash(&s->evidence, &evidence);
    return 0;
}

static void add_returned(struct tg_session *s, struct tg_blob leaf, struct tg_blob decision)
{
    uint8_t both[TG_MAX_LEAF + 1 + TG_DECISION_MAX];
    struct tg_merkle_hash hash;
    memcpy(both, leaf.data, leaf.len);
    both[leaf.len] = '\n';
    memcpy(both + leaf.len + 1, decision.data, decision.len);
    tg_merkle_leaf(both, leaf.len + 1 + decision.len, &hash);
    tg_merkle_frontier_append(&s->return_, &hash);
}

static int add_line(struct tg_session *s, struct tg_blob leaf, struct tg_blob decision,
                    struct tg_err *err)
{
    struct tg_merkle_hash hash;
    if (s->line > TG_MAX_BATCH)
        return TG_FAIL(err, TG_E_LIMIT, "a batch has at most %d lines", TG_MAX_BATCH);
    TG_TRY(tg_leaf_parse(leaf.data, leaf.len, &s->leaf, err));
    TG_TRY(tg_decision_parse(decision.data, decision.len, &s->decision, err));
    TG_TRY(check_unique(s, err));
    tg_merkle_leaf(leaf.data, leaf.len, &hash);
    tg_merkle_frontier_append(&s->snapshot, &hash);
    switch (s->decision.kind) {
    case TG_DECISION_APPROVE:
        return add_approved(s, &hash, decision, err);
    case TG_DECISION_HOLD:
        s->totals.hold++;
        break;
    case TG_DECISION_RETURN:
        add_returned(s, leaf, decision);
        break;
    }
    return 0;
}

int tg_session_add(struct tg_session *s, struct tg_blob leaf, struct tg_blob decision,
                   struct tg_err *err)
{
    s->line++;
    s->last_index = -1;
    int rc = add_line(s, leaf, decision, err);
    if (rc < 0 && err) tg_err_wrap(err, "line %u", s->line);
    return rc;
}

const struct tg_leaf *tg_session_last(const struct tg_session *s)
{
    return &s->leaf;
}

int64_t tg_session_last_index(const struct tg_session *s)
{
    return s->last_index;
}

const struct tg_merkle_hash *tg_session_approved(const struct tg_session *s, size_t *ret_count)
{
    *ret_count = s->approved.count;
    return s->approved.items;
}

const struct tg_merkle_hash *tg_session_evidence(const struct tg_session *s, size_t *ret_count)
{
    *ret_count = s->evidence.count;
    return s->evidence.items;
}

static void root_of_hashes(const struct hashes *h, struct tg_tree_line *ret)
{
    struct tg_merkle_hash root;
    tg_merkle_root(h->items, h->count, &root);
    ret->count = (uint32_t)h->count;
    tg_hex(root.b, sizeof root.b, ret->root);
}

static void root_of_frontier(const struct tg_merkle_frontier *f, struct tg_tree_line *ret)
{
    struct tg_merkle_hash root;
    tg_merkle_frontier_root(f, &root);
    ret->count = (uint32_t)f->size;
    tg_hex(root.b, sizeof root.b, ret->root);
}

void tg_session_totals(const struct tg_session *s, struct tg_totals *ret)
{
    *ret = s->totals;
    root_of_frontier(&s->snapshot, &ret->snapshot);
    root_of_frontier(&s->return_, &ret->return_);
    root_of_hashes(&s->approved, &ret->approve);
    root_of_hashes(&s->evidence, &ret->evidence);
}

/* The next line without LF; false at the end. A last line without LF is refused by the caller's
 * count. */
static bool next_line(struct tg_blob *rest, struct tg_blob *ret)
{
    if (!rest->len) return false;
    const uint8_t *lf = memchr(rest->data, '\n', rest->len);
    if (!lf) return false;
    *ret = TG_BLOB(rest->data, (size_t)(lf - rest->data));
    rest->len -= ret->len + 1;
    rest->data = lf + 1;
    return true;
}

int tg_session_read(struct tg_session *s, struct tg_blob snapshot, struct tg_blob decisions,
                    struct tg_err *err)
{
    struct tg_blob leaf, decision;
    while (next_line(&snapshot, &leaf)) {
        if (!next_line(&decisions, &decision))
            return TG_FAIL(err, TG_E_MISMATCH, "line %u: no decision", s->line + 1);
        TG_TRY(tg_session_add(s, leaf, decision, err));
    }
    if (snapshot.len)
        return TG_FAIL(err, TG_E_INPUT, "line %u: the snapshot's last line does not end",
                       s->line + 1);
    if (decisions.len)
        return TG_FAIL(err, TG_E_MISMATCH, "line %u: a decision about no line", s->line + 1);
    return 0;
}

int tg_totals_fill(const struct tg_totals *totals, tg_policy_hash_fn *hash_of, void *data,
                   struct tg_statement *st, struct tg_err *err)
{
    st->snapshot = totals->snapshot;
    st->approve = totals->approve;
    st->return_ = totals->return_;
    st->evidence = totals->evidence;
    st->hold = totals->hold;
    st->first_expiry = totals->first_expiry;
    memcpy(st->flags, totals->flags, sizeof st->flags);
    st->policies_count = totals->policies_count;
    for (size_t i = 0; i < totals->policies_count; i++) {
        struct tg_policy_line *p = &st->policies[i];
        const char *hash = hash_of(totals->policies[i].name, data);
        if (!hash || !tg_copy(p->hash, sizeof p->hash, hash))
            return TG_FAIL(err, TG_E_NOT_FOUND, "policy %s: its rule is not known",
                           totals->policies[i].name);
        (void)tg_copy(p->name, sizeof p->name, totals->policies[i].name);
        p->count = totals->policies[i].count;
    }
    return 0;
}
