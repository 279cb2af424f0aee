/* Operations on a batch: its head, its lines page by page, thinking, finishing. */
#include "approval_in.h"

#include <string.h>

#include "base/limits.h"

enum { PAGE = 10000, BYTES_MAX = TG_MAX_BATCH * (TG_MAX_LEAF + TG_REASON_MAX) };

const char *approval_state_word(int64_t state)
{
    static const char *const words[] = {"building", "open", "approved", "discarded", "recalled"};
    return state >= 0 && state < (int64_t)TG_COUNT(words) ? words[state] : "";
}

int approval_must_be_open(const struct approval_head *head, struct tg_err *err)
{
    if (head->state == BATCH_OPEN) return 0;
    return TG_FAIL(err, TG_E_STATE, "batch %s: it is %s, nothing more is decided in it", head->name,
                   approval_state_word(head->state));
}

const struct tg_err *approval_task_err(const struct approval_task *t)
{
    return t->err.code < 0 ? &t->err : NULL;
}

void approval_task_done(struct approval_task *t)
{
    approval_trust_drop(t->trust);
    free(t->actor);
    free(t->lines);
    tg_buf_done(&t->bytes);
}

static void finish(struct approval_task *t)
{
    struct approval *a = t->a;
    t->finish(t);
    approval_end(a);
}

static void on_thinking(void *data)
{
    struct approval_task *t = data;
    t->think(t);
}

static void on_thought(void *data, int status)
{
    struct approval_task *t = data;
    if (status < 0) TG_FAIL(&t->err, status, "batch %s: the service is stopping", t->batch);
    finish(t);
}

static void think(struct approval_task *t)
{
    if (t->think && t->err.code == 0) {
        if (tg_work_start(&t->work, db_loop(t->a->db), on_thinking, on_thought, t, &t->err) == 0)
            return;
    }
    finish(t);
}

static void on_page(const struct db_results *r, const struct tg_err *err, void *data);

static void next_page(struct approval_task *t)
{
    struct db_unit *u = db_unit_new(t->a->db, "batch lines");
    t->lines_asked += PAGE;
    approval_add_lines(u, t->head.id, t->lines_asked - PAGE, t->lines_asked);
    db_unit_run(u, on_page, t);
}

static void first_page(struct approval_task *t)
{
    t->lines_count = (size_t)t->head.count;
    t->lines = tg_calloc(t->lines_count, sizeof *t->lines);
    t->lines_asked = -1;
    next_page(t);
}

static void on_page(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct approval_task *t = data;
    bool more = !err && t->lines_asked + 1 < t->head.count;
    if (more) next_page(t); /* the database works on it while this one is copied */
    if (err)
        t->err = *err;
    else
        t->lines_found += approval_lines_at(r, 0, t);
    if (more) return;
    if (!err && t->lines_found != t->lines_count)
        TG_FAIL(&t->err, TG_E_MISMATCH, "S3: batch %s: %zu of its %zu lines are there", t->batch,
                t->lines_found, t->lines_count);
    if (t->bytes.failed) TG_FAIL(&t->err, TG_E_LIMIT, "batch %s: it is too large", t->batch);
    think(t);
}

static void on_head(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct approval_task *t = data;
    if (err)
        t->err = *err;
    else if (!approval_head_at(r, 0, 0, &t->head))
        TG_FAIL(&t->err, TG_E_NOT_FOUND, "batch %s: there is none; list them: tamga batch list",
                t->batch);
    if (t->err.code < 0)
        finish(t);
    else if (t->want_lines && t->head.count > 0)
        first_page(t);
    else
        think(t);
}

void approval_task_start(struct approval_task *t, struct approval *a, const char *batch)
{
    unsigned year = 0;
    uint32_t sequence = 0; /* there is no batch 0: a wrong name is found nowhere */
    t->a = a;
    t->trust = approval_trust_take(a);
    t->bytes = TG_BUF(BYTES_MAX);
    (void)snprintf(t->batch, sizeof t->batch, "%s", batch);
    if (!tg_batch_name_parse(batch, &year, &sequence)) sequence = 0;
    approval_begin(a);
    struct db_unit *u = db_unit_new(a->db, "batch read");
    approval_add_head(u, year, sequence);
    db_unit_run(u, on_head, t);
}

/* --- lines --- */

struct tg_blob approval_line_leaf(const struct approval_task *t, size_t i)
{
    return TG_BLOB(t->bytes.data + t->lines[i].leaf, t->lines[i].leaf_len);
}

static void put_hash(bool there, const uint8_t hash[TG_SHA256], char ret[TG_SEAL_HEX])
{
    if (there)
        tg_hex(hash, TG_SHA256, ret);
    else
        memcpy(ret, "-", 2);
}

int approval_decision_print(const struct approval_line *line, struct tg_blob reason,
                            struct tg_buf *out, struct tg_err *err)
{
    struct tg_decision d = {.kind = line->decision};
    if (line->decision == TG_DECISION_APPROVE) {
        put_hash(line->has_csr, line->csr, d.csr);
        put_hash(line->has_cms, line->cms, d.cms);
        put_hash(line->has_status, line->status, d.status);
    }
    if (line->decision == TG_DECISION_RETURN &&
        !tg_copyn(d.reason, sizeof d.reason, reason.data, reason.len))
        return TG_FAIL(err, TG_E_LIMIT, "reason: longer than %d bytes", TG_REASON_MAX);
    return tg_decision_print(&d, out, err);
}

int approval_line_decision(const struct approval_task *t, size_t i, struct tg_buf *out,
                           struct tg_err *err)
{
    const struct approval_line *l = &t->lines[i];
    tg_buf_reset(out);
    return approval_decision_print(l, TG_BLOB(t->bytes.data + l->reason, l->reason_len), out, err);
}

int approval_lines_session(const struct approval_task *t, struct tg_session *s,
                           struct tg_buf *decisions, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_DECISION_MAX);
    for (size_t i = 0; i < t->lines_count; i++) {
        TG_TRY(approval_line_decision(t, i, &line, err));
        TG_TRY(tg_session_add(s, approval_line_leaf(t, i), TG_BLOB(line.data, line.len), err));
        if (!decisions) continue;
        tg_buf_add(decisions, line.data, line.len);
        tg_buf_putc(decisions, '\n');
    }
    return decisions ? tg_buf_ok(decisions, err) : 0;
}

int approval_lines_snapshot(const struct approval_task *t, struct tg_buf *out, struct tg_err *err)
{
    for (size_t i = 0; i < t->lines_count; i++) {
        struct tg_blob leaf = approval_line_leaf(t, i);
        tg_buf_add(out, leaf.data, leaf.len);
        tg_buf_putc(out, '\n');
    }
    return tg_buf_ok(out, err);
}

int approval_lines_decisions(const struct approval_task *t, struct tg_buf *out, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_DECISION_MAX);
    for (size_t i = 0; i < t->lines_count; i++) {
        TG_TRY(approval_line_decision(t, i, &line, err));
        tg_buf_add(out, line.data, line.len);
        tg_buf_putc(out, '\n');
    }
    return tg_buf_ok(out, err);
}

/* --- the two texts for whoever verifies --- */

struct text {
    struct approval_task t;
    struct tg_buf out;
    int (*print)(const struct approval_task *t, struct tg_buf *out, struct tg_err *err);
    approval_bytes_fn fn;
};

static void think_text(struct approval_task *t)
{
    struct text *x = tg_container_of(t, struct text, t);
    (void)!x->print(t, &x->out, &t->err);
}

static void finish_text(struct approval_task *t)
{
    struct text *x = tg_container_of(t, struct text, t);
    x->fn(x->out.data, x->out.len, approval_task_err(t), t->data);
    tg_buf_done(&x->out);
    approval_task_done(t);
    free(x);
}

static void text_start(struct approval *a, const char *batch, approval_bytes_fn fn, void *data,
                       int (*print)(const struct approval_task *, struct tg_buf *, struct tg_err *))
{
    struct text *x = TG_NEW(struct text);
    x->out = TG_BUF(BYTES_MAX);
    x->print = print;
    x->fn = fn;
    x->t.data = data;
    x->t.want_lines = true;
    x->t.think = think_text;
    x->t.finish = finish_text;
    approval_task_start(&x->t, a, batch);
}

void approval_snapshot(struct approval *a, const char *batch, approval_bytes_fn fn, void *data)
{
    text_start(a, batch, fn, data, approval_lines_snapshot);
}

void approval_decisions(struct approval *a, const char *batch, approval_bytes_fn fn, void *data)
{
    text_start(a, batch, fn, data, approval_lines_decisions);
}
