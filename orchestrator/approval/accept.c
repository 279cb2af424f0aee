/* Accepting an approval: S1 session, S2 signature, S3 everything recomputed from the stored lines,
 * S4 one transaction. Each refusal leaves an audit entry that names the check. */
#include "approval_in.h"

#include <string.h>

#include "application/application.h"
#include "base/limits.h"

struct accept {
    struct approval_task t;
    struct tg_buf text, cms;
    struct tg_blob cms_blob;
    struct approval_signing session;
    struct tg_buf session_text;
    char (*recalled)[TG_SEAL_HEX];
    size_t recalled_count;
    struct tg_statement said;
    struct tg_checked checked;
    uint8_t decisions[TG_SHA256];
    struct approval_accepted result;
    approval_accepted_fn fn;
};

static void finish(struct accept *c)
{
    struct approval *a = c->t.a;
    const struct tg_err *err = approval_task_err(&c->t);
    c->fn(err ? NULL : &c->result, err, c->t.data);
    tg_buf_done(&c->text);
    tg_buf_done(&c->cms);
    tg_buf_done(&c->session_text);
    free(c->recalled);
    approval_task_done(&c->t);
    free(c);
    approval_end(a);
}

/* --- refusal --- */

static void on_noted(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    (void)err; /* the refusal itself is what is told */
    finish(data);
}

static void refuse(struct accept *c)
{
    TG_AUTO(buf) struct tg_buf body = TG_BUF(4096);
    const struct tg_err *err = &c->t.err;
    char sha[TG_HEX256];
    struct tg_jw w;
    if (tg_code_next(err->code) == TG_NEXT_RETRY && err->code != TG_E_STALE) {
        finish(c); /* trouble of ours, no refusal */
        return;
    }
    tg_sha256_hex(c->text.data, c->text.len, sha);
    tg_jw_init(&w, &body);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "code", tg_code_word(err->code));
    tg_jw_kstr(&w, "check", err->text);
    tg_jw_kstr(&w, "statement", sha);
    tg_jw_end(&w);
    struct db_unit *u = db_unit_new(c->t.a->db, "approval refused");
    approval_add_entry(u, c->t.now, c->t.actor, "batch.refused", c->t.batch, &body);
    db_unit_run(u, on_noted, c);
}

/* --- S4 --- */

static void name_race(struct accept *c)
{
    struct tg_err *err = &c->t.err;
    if (err->code == TG_E_EXISTS && strstr(err->text, "approval_previous"))
        TG_FAIL(err, TG_E_STALE, "another statement was accepted first: fetch a new one");
    else if (err->code == TG_E_EXISTS)
        TG_FAIL(err, TG_E_STALE, "it was approved at this moment");
    (void)tg_err_wrap(err, "S4: batch %s", c->t.batch);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct accept *c = data;
    if (err) {
        c->t.err = *err;
        if (err->code != TG_E_DB) name_race(c);
        refuse(c);
        return;
    }
    db_notify(c->t.a->db, APPROVAL_JOBS);
    finish(c);
}

static void add_moves(const struct accept *c, struct db_unit *u, const char *actor)
{
    const struct tg_statement *st = &c->checked.statement;
    const struct {
        enum application_batch_act act;
        uint32_t count;
        const char *root;
    } moves[] = {{APPLICATION_BATCH_APPROVE, st->approve.count, st->approve.root},
                 {APPLICATION_BATCH_HOLD, st->hold, st->snapshot.root},
                 {APPLICATION_BATCH_RETURN, st->return_.count, st->return_.root}};
    for (size_t i = 0; i < TG_COUNT(moves); i++) {
        uint8_t root[TG_SHA256];
        if (!moves[i].count) continue;
        TG_CHECK(tg_unhex(moves[i].root, 2 * (size_t)TG_SHA256, root));
        struct application_batch_move move = {.act = moves[i].act,
                                              .batch_id = c->t.head.id,
                                              .count = moves[i].count,
                                              .now = c->t.now,
                                              .root = root,
                                              .actor = actor};
        application_add_batch(u, &move);
    }
}

static void add_entry(const struct accept *c, struct db_unit *u, const char *actor)
{
    TG_AUTO(buf) struct tg_buf body = TG_BUF(2048);
    const struct tg_statement *st = &c->checked.statement;
    tg_buf_printf(&body,
                  "{\"statement\":\"%s\",\"approve\":%u,\"approve-root\":\"%s\",\"hold\":%u,"
                  "\"return\":%u,\"evidence-root\":\"%s\",\"trust\":%u,\"previous\":\"%s\"}",
                  c->checked.sha256, st->approve.count, st->approve.root, st->hold,
                  st->return_.count, st->evidence.root, st->trust, st->previous);
    approval_add_entry(u, c->t.now, actor, "batch.approved", c->t.head.name, &body);
}

static void write_approval(struct accept *c)
{
    char actor[80];
    struct approval_acceptance row = {
        .head = &c->t.head,
        .checked = &c->checked,
        .text = TG_BLOB(c->text.data, c->text.len),
        .cms = c->cms_blob,
        .session = c->session.id,
        .now = c->t.now,
        .decisions = c->decisions,
        .trust_version = tg_trust_chain_version(c->t.trust->chain),
    };
    (void)snprintf(actor, sizeof actor, "approver:%s", c->checked.signers[0].spki);
    struct db_unit *u = db_unit_new(c->t.a->db, "approval");
    db_unit_deadline(u, 300 * 1000);
    approval_add_tune(u, c->t.head.count);
    approval_add_acceptance(u, &row);
    approval_add_approve(u, &row);
    add_moves(c, u, actor);
    add_entry(c, u, actor);
    db_unit_run(u, on_written, c);
}

static void fill_result(struct accept *c, const struct tg_statement *st)
{
    c->result = (struct approval_accepted){.approved = st->approve.count,
                                           .held = st->hold,
                                           .returned = st->return_.count,
                                           .release = st->release};
    memcpy(c->result.batch, c->t.head.name, sizeof c->result.batch);
    tg_sha256_hex(c->text.data, c->text.len, c->result.statement);
}

/* --- S1 to S3 --- */

static int check_session(const struct accept *c, struct tg_err *err)
{
    const struct approval_signing *s = &c->session;
    if (!s->found || s->batch_id != c->t.head.id)
        return TG_FAIL(err, TG_E_DENIED, "S1: nonce: no signing session of batch %s has it",
                       c->t.batch);
    if (s->used) return TG_FAIL(err, TG_E_STATE, "S1: nonce: the signing session was used already");
    if (s->rev != c->t.head.rev)
        return TG_FAIL(err, TG_E_STALE,
                       "S1: the decisions changed after the statement was made: fetch a new one");
    if (c->session_text.len != c->text.len ||
        !tg_equal(c->session_text.data, c->text.data, c->text.len))
        return TG_FAIL(err, TG_E_MISMATCH, "S3: not the statement that was minted");
    return 0;
}

/* V5's sentences about single leaves, for every approved one. */
static int on_approved(const struct tg_leaf *leaf, const struct tg_decision *decision, void *data,
                       struct tg_err *err)
{
    (void)decision;
    return tg_check_approver(data, leaf, err);
}

static int check_lines(struct accept *c, struct tg_err *err)
{
    TG_AUTO(session) struct tg_session *s = tg_session_new();
    TG_AUTO(buf)
    struct tg_buf decisions = TG_BUF(c->t.lines_count * (TG_DECISION_MAX + 1) + 1);
    TG_AUTO(mem) struct tg_totals *totals = TG_NEW(struct tg_totals);
    tg_session_on_approved(s, on_approved, &c->checked);
    if (approval_lines_session(&c->t, s, &decisions, err) < 0) {
        bool named = tg_starts(err->text, "V5") || strstr(err->text, ": V5");
        return named ? err->code : tg_err_wrap(err, "S3");
    }
    tg_session_totals(s, totals);
    TG_TRY(tg_check_session(&c->checked.statement, totals, err));
    tg_sha256(decisions.data, decisions.len, c->decisions);
    return 0;
}

static int check(struct accept *c, struct tg_err *err)
{
    struct tg_signed signed_ = {TG_BLOB(c->text.data, c->text.len), &c->cms_blob, 1};
    if (!c->t.trust) return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    struct tg_knowledge k = {.chain = c->t.trust->chain,
                             .recalled = (const char(*)[TG_SEAL_HEX])c->recalled,
                             .recalled_count = c->recalled_count,
                             .now = c->t.now};
    TG_TRY(approval_must_be_open(&c->t.head, err));
    TG_TRY(check_session(c, err));
    TG_TRY(tg_check_statement(&k, &signed_, &c->checked, err));
    TG_TRY(tg_check_sign_by(&c->checked, c->t.now, err));
    if (strcmp(c->checked.signers[0].spki, c->session.spki) != 0)
        return TG_FAIL(err, TG_E_DENIED, "S1: the session belongs to approver %.16s...",
                       c->session.spki);
    if (strcmp(c->checked.statement.batch, c->t.head.name) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "S3: batch: the statement is of %s",
                       c->checked.statement.batch);
    return check_lines(c, err);
}

/* Pool thread. */
static void think(void *data)
{
    struct accept *c = data;
    (void)!check(c, &c->t.err);
}

static void on_thought(void *data, int status)
{
    struct accept *c = data;
    if (status < 0) TG_FAIL(&c->t.err, status, "batch %s: the service is stopping", c->t.batch);
    if (c->t.err.code < 0) {
        refuse(c);
        return;
    }
    fill_result(c, &c->checked.statement);
    write_approval(c);
}

static void on_session(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct accept *c = data;
    if (err) {
        c->t.err = *err;
        finish(c);
        return;
    }
    approval_signing_at(r, 0, &c->session);
    tg_buf_add(&c->session_text, c->session.statement.data, c->session.statement.len);
    if (tg_work_start(&c->t.work, db_loop(c->t.a->db), think, on_thought, c, &c->t.err) < 0)
        finish(c);
}

static bool is_repeat(struct accept *c)
{
    char sha[TG_HEX256];
    tg_sha256_hex(c->text.data, c->text.len, sha);
    return strcmp(c->t.head.statement, sha) == 0;
}

static void on_lines(struct approval_task *t)
{
    struct accept *c = tg_container_of(t, struct accept, t);
    approval_begin(t->a);
    if (t->err.code < 0) {
        refuse(c);
    } else if (tg_statement_parse(c->text.data, c->text.len, &c->said, &t->err) < 0) {
        (void)tg_err_wrap(&t->err, "V1");
        refuse(c);
    } else if (is_repeat(c)) { /* the answer got lost: it is approved, by exactly this text */
        fill_result(c, &c->said);
        finish(c);
    } else {
        struct db_unit *u = db_unit_new(t->a->db, "signing session");
        approval_add_session(u, c->said.nonce);
        db_unit_run(u, on_session, c);
    }
}

void approval_accept(struct approval *a, const char *batch, struct tg_blob statement,
                     struct tg_blob cms, const char *actor, int64_t now, approval_accepted_fn fn,
                     void *data)
{
    struct accept *c = TG_NEW(struct accept);
    c->text = TG_BUF(TG_MAX_STATEMENT);
    c->session_text = TG_BUF(TG_MAX_STATEMENT);
    c->cms = TG_BUF(TG_MAX_CMS);
    tg_buf_add(&c->text, statement.data,
               statement.len); /* too long: it is nothing, and V1 says so */
    tg_buf_add(&c->cms, cms.data, cms.len);
    c->cms_blob = TG_BLOB(c->cms.data, c->cms.len);
    c->recalled = approval_recalls(a, &c->recalled_count);
    c->fn = fn;
    c->t.actor = tg_strdup(actor);
    c->t.now = now;
    c->t.data = data;
    c->t.want_lines = true;
    c->t.finish = on_lines;
    approval_task_start(&c->t, a, batch);
}
