/* Minting a statement for one signing session (TRUST F3): everything that follows from snapshot and
 * decisions is recomputed on a pool thread, the rest is of this moment. */
#include "approval_in.h"

#include <string.h>

#include "base/limits.h"

struct mint {
    struct approval_task t;
    char spki[TG_SEAL_HEX];
    int minutes;
    struct tg_totals totals;
    struct tg_statement st;
    struct approval_policy policies[TG_STATEMENT_POLICIES];
    size_t policies_count;
    struct tg_buf text;
    approval_minted_fn fn;
};

enum { TUNE, POLICIES, LAST }; /* statements */

static void finish(struct mint *m)
{
    struct approval *a = m->t.a;
    const struct tg_err *err = approval_task_err(&m->t);
    m->fn(err ? NULL : tg_buf_text(&m->text), err ? NULL : m->st.nonce, err, m->t.data);
    tg_buf_done(&m->text);
    approval_task_done(&m->t);
    free(m);
    approval_end(a);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct mint *m = data;
    if (err) {
        m->t.err = *err;
        (void)tg_err_wrap(&m->t.err, "batch %s", m->t.batch);
    }
    finish(m);
}

static const char *hash_of(const char *name, void *data)
{
    const struct mint *m = data;
    for (size_t i = 0; i < m->policies_count; i++)
        if (strcmp(m->policies[i].name, name) == 0) return m->policies[i].hash;
    return NULL;
}

static int64_t longest_recall(const struct mint *m)
{
    int64_t longest = 0;
    for (size_t i = 0; i < m->policies_count; i++)
        if (m->policies[i].recall_s > longest) longest = m->policies[i].recall_s;
    return longest;
}

static int compose(struct mint *m, const struct db_results *r, struct tg_err *err)
{
    struct tg_statement *st = &m->st;
    const struct tg_trust_chain *chain = m->t.trust->chain;
    size_t rows = db_rows(r, POLICIES);
    if (rows > TG_STATEMENT_POLICIES)
        return TG_FAIL(err, TG_E_LIMIT, "more than %d policies", TG_STATEMENT_POLICIES);
    for (size_t i = 0; i < rows; i++) {
        approval_policy_at(r, POLICIES, i, &m->policies[i]);
        if (hash_of(m->policies[i].name, m))
            return TG_FAIL(err, TG_E_STATE, "policy %s stands in it in two versions; discard it",
                           m->policies[i].name);
        m->policies_count++;
    }
    approval_last_at(r, LAST, st);
    st->trust = tg_trust_chain_version(chain);
    memcpy(st->realm, tg_trust_chain_realm(chain), TG_SEAL_HEX);
    (void)!tg_copy(st->batch, sizeof st->batch, m->t.head.name);
    st->taken = m->t.head.taken;
    TG_TRY(tg_totals_fill(&m->totals, hash_of, m, st, err));
    tg_statement_mint(st, m->t.now, m->minutes, longest_recall(m));
    return tg_statement_print(st, &m->text, err);
}

static void on_last(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct mint *m = data;
    if (err) m->t.err = *err;
    if (err || compose(m, r, &m->t.err) < 0) {
        if (!err) (void)tg_err_wrap(&m->t.err, "batch %s", m->t.batch);
        finish(m);
        return;
    }
    struct db_unit *u = db_unit_new(m->t.a->db, "signing session");
    approval_add_mint(u, &m->t.head, &m->st, TG_BLOB(m->text.data, m->text.len), m->spki,
                      m->t.actor, m->t.now);
    db_unit_run(u, on_written, m);
}

static int may_sign(const struct mint *m, struct tg_err *err)
{
    if (!m->t.trust) return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    const struct tg_trust *trust = tg_trust_chain_current(m->t.trust->chain);
    const struct tg_trust_approver *approver = tg_trust_approver(trust, m->spki);
    TG_TRY(tg_trust_chain_valid(m->t.trust->chain, m->t.now, err));
    if (!approver || tg_trust_is_revoked(trust, m->spki))
        return TG_FAIL(err, TG_E_DENIED, "%.16s... is no approver of trust version %u", m->spki,
                       trust->version);
    if (m->t.now > approver->until)
        return TG_FAIL(err, TG_E_EXPIRED, "approver %.16s...: the pin ran out", m->spki);
    return 0;
}

/* Pool thread. */
static void think(struct approval_task *t)
{
    struct mint *m = tg_container_of(t, struct mint, t);
    TG_AUTO(session) struct tg_session *s = NULL;
    if (may_sign(m, &t->err) < 0 || approval_must_be_open(&t->head, &t->err) < 0) return;
    s = tg_session_new();
    if (approval_lines_session(t, s, NULL, &t->err) < 0)
        (void)tg_err_wrap(&t->err, "S3: batch %s", t->batch);
    else
        tg_session_totals(s, &m->totals);
}

static void on_thought(struct approval_task *t)
{
    struct mint *m = tg_container_of(t, struct mint, t);
    approval_begin(t->a);
    if (t->err.code < 0) {
        finish(m);
        return;
    }
    struct db_unit *u = db_unit_new(t->a->db, "signing session");
    approval_add_tune(u, t->head.count);
    approval_add_policies(u, t->head.id);
    approval_add_last(u);
    db_unit_run(u, on_last, m);
}

void approval_mint(struct approval *a, const char *batch, const char *spki_hex, int minutes,
                   const char *actor, int64_t now, approval_minted_fn fn, void *data)
{
    struct mint *m = TG_NEW(struct mint);
    (void)!tg_copy(m->spki, sizeof m->spki, spki_hex);
    m->minutes = minutes < TG_SIGN_MINUTES           ? TG_SIGN_MINUTES
                 : minutes > TG_SIGN_MINUTES_FETCHED ? TG_SIGN_MINUTES_FETCHED
                                                     : minutes;
    m->text = TG_BUF(TG_MAX_STATEMENT);
    m->fn = fn;
    m->t.actor = tg_strdup(actor);
    m->t.now = now;
    m->t.data = data;
    m->t.want_lines = true;
    m->t.think = think;
    m->t.finish = on_thought;
    approval_task_start(&m->t, a, batch);
}
