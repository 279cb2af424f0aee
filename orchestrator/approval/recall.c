/* What was signed, and taking it back (TRUST F6). */
#include "approval_in.h"

#include <string.h>

#include "application/application.h"
#include "base/limits.h"
#include "seal/recall.h"

struct signed_ {
    struct approval *a;
    char batch[APPROVAL_BATCH];
    approval_signed_fn fn;
    void *data;
};

static struct db_unit *read_signature(struct approval *a, const char *batch)
{
    unsigned year = 0;
    uint32_t sequence = 0;
    struct db_unit *u = db_unit_new(a->db, "approval read");
    if (!tg_batch_name_parse(batch, &year, &sequence)) sequence = 0;
    approval_add_signed(u, year, sequence);
    return u;
}

static int signature_of(const struct db_results *r, const char *batch,
                        struct approval_signature *ret, struct tg_err *err)
{
    if (approval_signature_at(r, 0, ret)) return 0;
    return TG_FAIL(err, TG_E_NOT_FOUND, "batch %s: there is no approval of it", batch);
}

static void on_signed(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct signed_ *s = data;
    struct approval_signature sig = {0};
    struct tg_err none = {0};
    if (!err && signature_of(r, s->batch, &sig, &none) < 0) err = &none;
    s->fn(sig.statement, sig.cms, sig.cms_count, (uint32_t)sig.trust_version, err, s->data);
    approval_end(s->a);
}

void approval_signed(struct approval *a, const char *batch, approval_signed_fn fn, void *data)
{
    struct signed_ *s = TG_NEW(struct signed_);
    *s = (struct signed_){.a = a, .fn = fn, .data = data};
    (void)snprintf(s->batch, sizeof s->batch, "%s", batch);
    approval_begin(a);
    db_unit_run(read_signature(a, batch), on_signed, s);
}

/* --- recall --- */

struct recall {
    struct approval *a;
    char batch[APPROVAL_BATCH], statement[TG_SEAL_HEX];
    struct tg_buf text, cms;
    char *actor;
    int64_t now;
    size_t moved, told; /* statements */
    struct tg_err err;
    approval_recalled_fn fn;
    void *data;
};

static void finish(struct recall *c, int64_t recalled, int64_t cancelled)
{
    struct approval *a = c->a;
    c->fn(recalled, cancelled, c->err.code < 0 ? &c->err : NULL, c->data);
    tg_buf_done(&c->text);
    tg_buf_done(&c->cms);
    free(c->actor);
    free(c);
    approval_end(a);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct recall *c = data;
    if (err) {
        c->err = *err;
        (void)tg_err_wrap(&c->err, "batch %s", c->batch);
        finish(c, 0, 0);
        return;
    }
    db_notify(c->a->db, APPROVAL_RECALL);
    db_notify(c->a->db, APPROVAL_JOBS);
    for (size_t i = 0; i < c->a->hearers_count; i++)
        if (c->a->hearers[i].recall)
            c->a->hearers[i].recall(c->statement, TG_BLOB(c->text.data, c->text.len),
                                    TG_BLOB(c->cms.data, c->cms.len), c->a->hearers[i].data);
    approval_reload(c->a);
    finish(c, application_batch_moved(r, c->moved), db_affected(r, c->told));
}

/* Its only signer is one of the approvers: whose key it was stands in the CMS that is kept. */
static int check(struct recall *c, const struct approval_signature *sig, struct tg_err *err)
{
    struct tg_recall said;
    const struct tg_trust_chain *chain = approval_chain(c->a);
    if (!chain) return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    TG_TRY(tg_recall_check(chain, TG_BLOB(c->text.data, c->text.len),
                           TG_BLOB(c->cms.data, c->cms.len), c->now, &said, err));
    if (strcmp(said.statement, sig->sha256) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "the recall is of another statement: %.16s...",
                       said.statement);
    return 0;
}

static void write_recall(struct recall *c, const struct approval_signature *sig)
{
    TG_AUTO(buf) struct tg_buf body = TG_BUF(512);
    struct application_batch_move move = {.act = APPLICATION_BATCH_RECALL,
                                          .batch_id = sig->batch_id,
                                          .count = -1,
                                          .now = c->now,
                                          .actor = c->actor,
                                          .why = "recalled"};
    char sha[TG_HEX256];
    tg_sha256_hex(c->text.data, c->text.len, sha);
    tg_buf_printf(&body, "{\"statement\":\"%s\",\"recall\":\"%s\"}", sig->sha256, sha);
    struct db_unit *u = db_unit_new(c->a->db, "recall");
    db_unit_deadline(u, 300 * 1000);
    approval_add_recall(u, sig, TG_BLOB(c->text.data, c->text.len),
                        TG_BLOB(c->cms.data, c->cms.len), "", c->now);
    approval_add_recalling(u, sig->batch_id);
    c->moved = application_add_batch(u, &move);
    approval_add_recalled(u, sig->batch_id, c->now);
    c->told = c->moved + 1;
    approval_add_entry(u, c->now, c->actor, "batch.recalled", c->batch, &body);
    db_unit_run(u, on_written, c);
}

static void on_read(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct recall *c = data;
    struct approval_signature sig = {0};
    if (err) c->err = *err;
    if (err || signature_of(r, c->batch, &sig, &c->err) < 0 || check(c, &sig, &c->err) < 0) {
        finish(c, 0, 0);
        return;
    }
    memcpy(c->statement, sig.sha256, TG_SEAL_HEX);
    write_recall(c, &sig);
}

void approval_recall(struct approval *a, const char *batch, struct tg_blob text, struct tg_blob cms,
                     const char *actor, int64_t now, approval_recalled_fn fn, void *data)
{
    struct recall *c = TG_NEW(struct recall);
    *c = (struct recall){.a = a, .now = now, .fn = fn, .data = data};
    c->actor = tg_strdup(actor);
    c->text = TG_BUF(TG_MAX_STATEMENT);
    c->cms = TG_BUF(TG_MAX_CMS);
    tg_buf_add(&c->text, text.data, text.len);
    tg_buf_add(&c->cms, cms.data, cms.len);
    (void)snprintf(c->batch, sizeof c->batch, "%s", batch);
    approval_begin(a);
    db_unit_run(read_signature(a, batch), on_read, c);
}
