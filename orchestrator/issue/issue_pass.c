/* A pass: one claimed batch. Loads what was signed, builds the trees for the proofs on a pool
 * thread, lets the lanes run over what is not issued yet, and ends the job or leaves it for later.
 */
#include "issue_in.h"

#include "base/log.h"
#include "base/str.h"

enum { TRUST_WAIT_S = 30, BROKEN_WAIT_S = 5 };

int64_t issue_lease_until(const struct issue_pass *pass)
{
    return tg_loop_wall(pass->issue->loop) + ISSUE_LEASE_S;
}

/* --- the end --- */

static void batch_done(struct issue_batch *b)
{
    tg_buf_done(&b->text);
    for (size_t i = 0; i < TG_SEAL_CMS_MAX; i++)
        tg_buf_done(&b->cms[i]);
    free(b->leaf_index);
    free(b->leaves);
    free(b->evidence);
    if (!b->trees) return;
    tg_merkle_tree_done(&b->approved_tree);
    tg_merkle_tree_done(&b->evidence_tree);
}

void issue_pass_lane_closed(struct issue_pass *pass)
{
    if (--pass->lanes_open > 0) return;
    struct issue *issue = pass->issue;
    bool again = !pass->broken;
    batch_done(&pass->batch);
    free(pass->recalled);
    free(pass);
    issue->pass = NULL;
    issue_end(issue);
    issue_pass_over(issue, again);
}

static void free_pass(struct issue_pass *pass)
{
    for (size_t i = 0; i < ISSUE_LANES; i++)
        issue_lane_done(&pass->lanes[i]);
}

static void on_ended(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue_pass *pass = data;
    (void)r;
    if (err) pass->broken = true; /* the lease ends by itself */
    free_pass(pass);
}

static int64_t backoff_s(int64_t attempt)
{
    int64_t wait = ISSUE_BACKOFF_S;
    for (int64_t i = 1; i < attempt && wait < ISSUE_BACKOFF_MAX_S; i++)
        wait *= 2;
    return wait < ISSUE_BACKOFF_MAX_S ? wait : ISSUE_BACKOFF_MAX_S;
}

static void choose_next(struct issue_pass *pass)
{
    int64_t now = tg_loop_wall(pass->issue->loop);
    if (pass->run_at) return; /* the pass knows better: release, trust */
    if (pass->broken)
        pass->run_at = now + BROKEN_WAIT_S;
    else if (pass->issue->closing || (pass->again && pass->attempt < ISSUE_ATTEMPTS / 2))
        pass->run_at = now;
    else if (pass->open || pass->again)
        pass->run_at = now + backoff_s(pass->issued ? 1 : pass->attempt);
}

static void finish(struct issue_pass *pass)
{
    if (pass->ending) return;
    pass->ending = true;
    choose_next(pass);
    uint64_t took = tg_loop_mono_ms(pass->issue->loop) - pass->began_ms;
    tg_log(TG_LOG_INFO, "issue", "pass", "batch=%lld issued=%zu open=%zu ms=%llu next=%s",
           (long long)pass->batch.id, pass->issued, pass->open, (unsigned long long)took,
           pass->run_at ? "later" : "none");
    if (pass->err.code < 0) tg_log_err(TG_LOG_WARN, "issue", "pass", &pass->err);
    struct db_unit *u = db_unit_new(pass->issue->db, "issue pass end");
    if (pass->run_at)
        issue_add_later(u, pass);
    else
        issue_add_done(u, pass);
    db_unit_run(u, on_ended, pass);
}

void issue_pass_break(struct issue_pass *pass, const struct tg_err *err)
{
    if (!pass->broken) pass->err = *err;
    pass->broken = true;
}

static void stop_with(struct issue_pass *pass, const struct tg_err *err)
{
    issue_pass_break(pass, err);
    finish(pass);
}

/* --- the work --- */

void issue_pass_advance(struct issue_pass *pass)
{
    bool reads = !pass->read_all && !pass->broken && !pass->issue->closing;
    size_t idle = 0;
    for (size_t i = 0; i < ISSUE_LANES; i++) {
        struct issue_lane *lane = &pass->lanes[i];
        if (!issue_lane_idle(lane)) continue;
        if (reads && !pass->reading)
            issue_lane_start(lane);
        else
            idle++;
    }
    if (idle == ISSUE_LANES) finish(pass);
}

static void do_prepare(void *data)
{
    struct issue_pass *pass = data;
    struct issue_batch *b = &pass->batch;
    struct tg_knowledge k = pass->lanes[0].knowledge;
    k.recalled = (const char(*)[TG_SEAL_HEX])pass->recalled;
    k.recalled_count = pass->recalled_count;
    tg_merkle_tree_init(&b->approved_tree, b->leaves, b->count);
    tg_merkle_tree_init(&b->evidence_tree, b->evidence, b->count);
    b->trees = true;
    (void)!tg_check_statement(&k, &b->statement.signed_, &b->checked, &b->err);
}

static void on_prepared(void *data, int status)
{
    struct issue_pass *pass = data;
    const struct issue_batch *b = &pass->batch;
    int64_t now = tg_loop_wall(pass->issue->loop);
    pass->prepared = true;
    if (status < 0) {
        stop_with(pass, &(struct tg_err){.code = TG_E_CANCELLED, .text = "tamgad is stopping"});
        return;
    }
    /* Trust that has run out or is not here yet comes back; the applications wait for it. */
    if (b->err.code < 0 && tg_starts(b->err.text, "V2") && now <= b->install_by) {
        pass->err = b->err;
        pass->run_at = now + ISSUE_BACKOFF_MAX_S;
        finish(pass);
        return;
    }
    issue_pass_advance(pass);
}

static void prepare(struct issue_pass *pass)
{
    struct tg_err err;
    struct issue *issue = pass->issue;
    pass->lanes[0].knowledge = issue_knowledge(issue, tg_loop_wall(issue->loop));
    pass->recalled_count = issue->recalled_count;
    pass->recalled = tg_memdup(issue->recalled ? (const void *)issue->recalled : "",
                               issue->recalled_count * TG_SEAL_HEX);
    if (tg_work_start(&pass->work, issue->loop, do_prepare, on_prepared, pass, &err) < 0)
        stop_with(pass, &err);
}

static void read_hashes(struct issue_pass *pass);

static void on_hashes(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue_pass *pass = data;
    if (err)
        stop_with(pass, err);
    else if (issue_hashes_at(r, &pass->batch) == ISSUE_PAGE)
        read_hashes(pass);
    else
        prepare(pass);
}

static void read_hashes(struct issue_pass *pass)
{
    struct db_unit *u = db_unit_new(pass->issue->db, "issue hashes");
    issue_add_hashes(u, &pass->batch);
    db_unit_run(u, on_hashes, pass);
}

static void on_batch(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue_pass *pass = data;
    int64_t now = tg_loop_wall(pass->issue->loop);
    if (err) {
        stop_with(pass, err);
        return;
    }
    if (!issue_batch_at(r, &pass->batch)) {
        finish(pass); /* no approval, nothing to issue: the job goes */
        return;
    }
    if (pass->batch.release > now) {
        pass->run_at = pass->batch.release;
        finish(pass);
        return;
    }
    read_hashes(pass);
}

void issue_pass_start(struct issue *issue, int64_t job, int64_t owner, int64_t batch,
                      int64_t attempt)
{
    struct issue_pass *pass = TG_NEW(struct issue_pass);
    *pass = (struct issue_pass){.issue = issue,
                                .job = job,
                                .owner = owner,
                                .attempt = attempt,
                                .batch.id = batch,
                                .cursor = -1,
                                .lanes_open = ISSUE_LANES,
                                .began_ms = tg_loop_mono_ms(issue->loop)};
    issue->pass = pass;
    for (size_t i = 0; i < ISSUE_LANES; i++)
        issue_lane_init(&pass->lanes[i], pass);
    int rc = issue_refresh_trust(issue, &pass->err);
    issue_begin(issue);
    if (rc < 0) {
        pass->run_at = tg_loop_wall(issue->loop) + TRUST_WAIT_S;
        finish(pass);
        return;
    }
    struct db_unit *u = db_unit_new(issue->db, "issue batch");
    issue_add_batch(u, batch);
    db_unit_run(u, on_batch, pass);
}
