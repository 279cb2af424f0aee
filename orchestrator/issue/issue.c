#include "issue_in.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/str.h"

const struct ca_connector *issue_connector(const struct issue *issue, const char *name)
{
    for (size_t i = 0; i < issue->connectors_count; i++)
        if (strcmp(issue->connectors[i]->name, name) == 0) return issue->connectors[i];
    return NULL;
}

struct tg_knowledge issue_knowledge(const struct issue *issue, int64_t now)
{
    return (struct tg_knowledge){.chain = issue->chain,
                                 .recalled = (const char(*)[TG_SEAL_HEX])issue->recalled,
                                 .recalled_count = issue->recalled_count,
                                 .now = now};
}

/* --- trust and recalls --- */

static int copy_chain(const struct tg_trust_chain *from, struct tg_trust_chain *to,
                      struct tg_err *err)
{
    for (uint32_t v = tg_trust_chain_version(to) + 1; v <= tg_trust_chain_version(from); v++) {
        const struct tg_blob *cms = NULL;
        size_t n = tg_trust_chain_cms(from, v, &cms);
        TG_TRY(tg_trust_chain_add(to, tg_trust_chain_text(from, v), cms, n, err));
    }
    return 0;
}

/* Pool threads read our copy: it grows only while none works. */
int issue_refresh_trust(struct issue *issue, struct tg_err *err)
{
    const struct tg_trust_chain *now = issue->ports.chain(issue->ports.ctx);
    if (!now || tg_trust_chain_version(now) == 0)
        return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    for (size_t i = 0; i < issue->connectors_count; i++)
        ca_trust(issue->connectors[i], now);
    if (!issue->chain) issue->chain = tg_trust_chain_new(NULL);
    return issue->busy == 0 ? copy_chain(now, issue->chain, err) : 0;
}

static void remember_recall(struct issue *issue, const char *statement)
{
    for (size_t i = 0; i < issue->recalled_count; i++)
        if (strcmp(issue->recalled[i], statement) == 0) return;
    issue->recalled = tg_realloc(issue->recalled, (issue->recalled_count + 1) * TG_SEAL_HEX);
    (void)tg_copy(issue->recalled[issue->recalled_count++], TG_SEAL_HEX, statement);
}

void issue_recalled(struct issue *issue, const char *statement_sha256, struct tg_blob text,
                    struct tg_blob cms)
{
    const struct tg_trust_chain *chain = issue->ports.chain(issue->ports.ctx);
    struct issue_pass *pass = issue->pass;
    remember_recall(issue, statement_sha256);
    for (size_t i = 0; i < issue->connectors_count; i++) {
        if (chain) ca_trust(issue->connectors[i], chain);
        ca_recall(issue->connectors[i], text, cms);
    }
    if (pass && pass->prepared && strcmp(pass->batch.statement.sha256, statement_sha256) == 0)
        (void)TG_FAIL(&pass->batch.err, TG_E_REVOKED, "V5: the statement was recalled");
}

/* --- looking for work --- */

static void gone(struct issue *issue)
{
    void (*closed)(void *) = issue->closed;
    void *data = issue->closed_data;
    tg_trust_chain_free(issue->chain);
    free(issue->recalled);
    free(issue);
    if (closed) closed(data);
}

static void on_claimed(const struct db_results *r, const struct tg_err *err, void *data);

static void claim(struct issue *issue)
{
    if (issue->closing || !db_is_up(issue->db)) {
        tg_repeat_finish(&issue->poll);
        return;
    }
    int64_t now = tg_loop_wall(issue->loop);
    struct db_unit *u = db_unit_new(issue->db, "issue claim");
    issue_add_claim(u, now, now + ISSUE_LEASE_S, issue->owner);
    db_unit_run(u, on_claimed, issue);
}

static void on_claimed(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue *issue = data;
    int64_t job, batch, attempt;
    if (err && err->code != TG_E_DB && err->code != TG_E_CANCELLED)
        tg_log_err(TG_LOG_WARN, "issue", "claim", err);
    if (err || !issue_claim_at(r, &job, &batch, &attempt))
        tg_repeat_finish(&issue->poll);
    else
        issue_pass_start(issue, job, issue->owner, batch, attempt);
}

void issue_pass_over(struct issue *issue, bool again)
{
    if (again)
        claim(issue);
    else
        tg_repeat_finish(&issue->poll);
}

static void poll_jobs(struct tg_repeat *r, void *data)
{
    (void)r;
    claim(data);
}

void issue_wake(struct issue *issue)
{
    if (!issue->closing) tg_repeat_now(&issue->poll);
}

/* --- life --- */

static void on_poll_closed(struct tg_repeat *r, void *data)
{
    struct issue *issue = data;
    (void)r;
    issue_end(issue);
}

void issue_begin(struct issue *issue)
{
    issue->busy++;
}

void issue_end(struct issue *issue)
{
    if (--issue->busy < 0) gone(issue);
}

struct issue *issue_new(struct db *db, const struct issue_ports *ports,
                        const struct ca_connector *const *connectors, size_t n)
{
    TG_CHECK(n <= ISSUE_CONNECTORS);
    struct issue *issue = TG_NEW(struct issue);
    *issue = (struct issue){.db = db, .loop = db_loop(db), .ports = *ports, .connectors_count = n};
    issue->owner = (int64_t)tg_random_below(INT32_MAX - 1) + 1;
    for (size_t i = 0; i < n; i++)
        issue->connectors[i] = connectors[i];
    tg_repeat_init(&issue->poll, issue->loop, ISSUE_POLL_MS, poll_jobs, issue);
    tg_repeat_start(&issue->poll, 0);
    return issue;
}

void issue_close(struct issue *issue, void (*closed)(void *data), void *data)
{
    issue->closing = true;
    issue->closed = closed;
    issue->closed_data = data;
    tg_repeat_close(&issue->poll, on_poll_closed);
}
