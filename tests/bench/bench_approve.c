/* bench-approve: 100,000 prepared applications are frozen into a batch (seal), the CEO signs the
 * statement, the server verifies and commits: the whole of it in seconds (seal-100k), the commit's
 * transaction with job and audit beside a bare UPDATE of the same rows (approve-100k; PLATFORM
 * §14), and the Merkle root alone (merkle-100k). Real PostgreSQL under scripts/with-temp-postgres,
 * fsync on. */
#include "approval/approval.h"
#include "bench.h"
#include "fleet/fleet.h"
#include "seal_world/seal_world.h"

enum { ROUNDS = 5, WAIT_MS = 300 * 1000 };

static struct seal_world w;
static struct testdb t;
static struct tg_loop loop;

/* One step of the approval room at a time: it ends when its callback came. */
static struct step {
    bool done;
    char batch[APPROVAL_BATCH];
    char *statement;
    int64_t approved;
} step;
static uint64_t approval_ms;

static void ended(const struct tg_err *err)
{
    if (err) (void)fprintf(stderr, "bench-approve: %s\n", err->text), exit(1);
    step.done = true;
}

static bool is_done(void *data)
{
    return *(bool *)data;
}

static void await(void)
{
    TG_CHECK(tg_loop_until(&loop, is_done, &step.done, WAIT_MS));
    step.done = false;
}

static void on_unit(const char *what, uint64_t took_ms, bool ok, void *data)
{
    (void)data;
    if (getenv("BENCH_UNITS"))
        (void)fprintf(stderr, "  %s %llu ms\n", what, (unsigned long long)took_ms);
    if (ok && strcmp(what, "approval") == 0) approval_ms = took_ms;
}

static void on_published(uint32_t version, const char *realm, const struct tg_err *err, void *data)
{
    (void)version, (void)realm, (void)data;
    ended(err);
}

static void on_opened(const struct approval_opened *opened, const struct tg_err *err, void *data)
{
    (void)data;
    ended(err);
    TG_CHECK(opened->approve == FLEET);
    memcpy(step.batch, opened->batch, sizeof step.batch);
}

static void on_minted(const char *statement, const char *nonce, const struct tg_err *err,
                      void *data)
{
    (void)nonce, (void)data;
    ended(err);
    step.statement = tg_strdup(statement);
}

static void on_accepted(const struct approval_accepted *accepted, const struct tg_err *err,
                        void *data)
{
    (void)data;
    ended(err);
    step.approved = accepted->approved;
}

static void on_closed(void *data)
{
    (void)data;
    step.done = true;
}

/* --- what is there before: applications as prepare leaves them --- */

static const char applications[] =
    "CREATE TABLE bench_prepared AS SELECT c.id AS certificate_id, c.holder_id, c.holder_id AS "
    "keystore_id, c.not_after AS ends, "
    "row_number() OVER (ORDER BY c.not_after, c.id)::int AS sequence, encode(c.sha256, 'hex') AS "
    "old, h.number, h.name, h.iin "
    "FROM certificate c JOIN holder h ON h.id = c.holder_id "
    "WHERE c.not_after < to_timestamp(1795165200) + interval '25 days' ORDER BY sequence";
static const char policy[] = "INSERT INTO policy_version (hash, name, rule, at, confirm) SELECT "
                             "sha256('{}'), 'employees', '{}', to_timestamp(1795165200), false";
static const char fill[] =
    "INSERT INTO application (id, certificate_id, holder_id, keystore_id, event_id, ends, "
    "drafted_at, changed_at, policy_id, sequence, "
    " rev, year, state, kind) OVERRIDING SYSTEM VALUE "
    "SELECT p.sequence, p.certificate_id, p.holder_id, p.keystore_id, 0, p.ends, x.now, x.now, 1, "
    "p.sequence, 2, 26, 2, 1 "
    "FROM bench_prepared p, (SELECT to_timestamp(1795165200) AS now) AS x ORDER BY p.sequence";

static void fill_leaf(const PGresult *r, int row, struct tg_leaf *l)
{
    uint32_t sequence = (uint32_t)strtoul(PQgetvalue(r, row, 0), NULL, 10);
    tg_number_print((struct tg_number){26, sequence}, l->no);
    (void)tg_copy(l->old, sizeof l->old, PQgetvalue(r, row, 1));
    (void)tg_copy(l->holder, sizeof l->holder, PQgetvalue(r, row, 2));
    (void)tg_copy(l->name, sizeof l->name, PQgetvalue(r, row, 3));
    (void)snprintf(l->id, sizeof l->id, "IIN%s", PQgetvalue(r, row, 4));
    (void)tg_copy(l->ends, sizeof l->ends, PQgetvalue(r, row, 5));
    (void)snprintf(l->agent, sizeof l->agent, "%032x", sequence);
    (void)snprintf(l->host, sizeof l->host, "ws-%u", sequence);
    tg_sha256_hex(l->old, strlen(l->old), l->key);
}

/* `app` as the agent signed it; CSR and signature are bytes of the usual size, nobody opens them
 * before the CA is called. */
static void copy_apps(PGresult *rows)
{
    struct tg_leaf l = w.apps[0].leaf;
    struct tg_err err = {0};
    TG_AUTO(buf) struct tg_buf line = TG_BUF(64 * 1024), app = TG_BUF(TG_MAX_LEAF);
    PQclear(PQexec(t.pg, "COPY bench_app FROM STDIN"));
    for (int i = 0; i < PQntuples(rows); i++) {
        fill_leaf(rows, i, &l);
        tg_buf_reset(&app);
        tg_buf_reset(&line);
        if (tg_app_print(&l, TG_APP_FULL, &app, &err) < 0) ended(&err);
        tg_buf_printf(&line, "%s\t\\\\x", PQgetvalue(rows, i, 0));
        tg_buf_hex(&line, app.data, app.len);
        tg_buf_printf(&line, "\t\\\\x%s\n", l.key);
        TG_CHECK(PQputCopyData(t.pg, tg_buf_text(&line), (int)line.len) == 1);
    }
    TG_CHECK(PQputCopyEnd(t.pg, NULL) == 1);
    for (PGresult *r; (r = PQgetResult(t.pg)); PQclear(r))
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            (void)fprintf(stderr, "bench-approve: %s\n", PQresultErrorMessage(r)), exit(1);
}

static void make_prepared(void)
{
    testdb_exec(&t, policy);
    testdb_exec(&t, applications);
    testdb_exec(&t, "CREATE TABLE bench_app (sequence int PRIMARY KEY, app bytea, key bytea)");
    PGresult *rows = PQexec(t.pg, "SELECT sequence, old, number, name, iin, to_char(ends, "
                                  "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
                                  "FROM bench_prepared ORDER BY sequence");
    TG_CHECK(PQntuples(rows) == FLEET);
    copy_apps(rows);
    PQclear(rows);
    testdb_exec(&t, "INSERT INTO application_csr (application_id, attempt, prepared_at, agent_id, "
                    "consent, csr, csr_sha256, spki_sha256, app, cms, "
                    "cms_sha256) SELECT a.sequence, 1, to_timestamp(1795165200), a.sequence, 1, "
                    "x.csr, sha256(x.csr), a.key, a.app, x.cms, sha256(x.cms) "
                    "FROM bench_app a CROSS JOIN LATERAL (SELECT decode(repeat(encode(a.key, "
                    "'hex'), 9), 'hex') AS csr, "
                    "decode(repeat(encode(sha256(a.key), 'hex'), 33), 'hex') AS cms) AS x ORDER BY "
                    "a.sequence");
    testdb_exec(&t, "CREATE TABLE bench_bare (LIKE application) WITH (fillfactor = 50)");
    testdb_exec(&t, "ALTER TABLE bench_bare ADD PRIMARY KEY (id)");
}

/* As the superuser whom no guard stops: what was approved is taken back. */
static void take_back(void)
{
    testdb_exec(&t, "SET session_replication_role = replica");
    testdb_exec(&t, "TRUNCATE application, application_event, application_event_spent, job, "
                    "audit_inbox, batch, batch_leaf, batch_decision, "
                    "signing_session, signing_session_used, approval, bench_bare");
    testdb_exec(&t, fill);
    testdb_exec(&t, "RESET session_replication_role");
    testdb_exec(&t, "INSERT INTO bench_bare SELECT * FROM application ORDER BY id");
    testdb_exec(&t, "VACUUM ANALYZE application");
    testdb_exec(&t, "VACUUM ANALYZE bench_bare");
    testdb_exec(&t, "VACUUM ANALYZE application_csr");
}

/* --- the figures --- */

static double bare_update_ms(void)
{
    fleet_checkpoint(&t);
    double start = bench_seconds();
    testdb_exec(&t, "UPDATE bench_bare SET state = 4, rev = rev + 1, event_id = 7, changed_at = "
                    "to_timestamp(1795165201), waits_for = 7");
    return (bench_seconds() - start) * 1000;
}

/* Seal, sign, verify, commit; seconds of each are told, the sum counts. */
static double approve(struct approval *a)
{
    double start = bench_seconds(), sealed, signed_at, end;
    approval_open(a, "bench", FLEET_NOW, on_opened, NULL);
    await();
    approval_mint(a, step.batch, w.ceo.spki, TG_SIGN_MINUTES, "bench", FLEET_NOW, on_minted, NULL);
    await();
    sealed = bench_seconds();
    struct tg_blob text = TG_BLOB(step.statement, strlen(step.statement));
    seal_world_cms(&w.ceo, text, &w.cms);
    signed_at = bench_seconds();
    approval_accept(a, step.batch, text, seal_blob(&w.cms), "bench", FLEET_NOW + 1, on_accepted,
                    NULL);
    await();
    end = bench_seconds();
    free(TG_TAKE(step.statement));
    TG_CHECK(step.approved == FLEET);
    (void)fprintf(stderr, "seal-100k: seal %.2f s, sign %.4f s, verify %.2f s, commit %.2f s\n",
                  sealed - start, signed_at - sealed, end - signed_at - (double)approval_ms / 1000,
                  (double)approval_ms / 1000);
    return end - start;
}

/* 100,000 leaves of the usual size to their root, beside one SHA-256 over the same bytes. */
static void merkle_round(struct bench *b)
{
    const struct tg_buf *leaf = &w.apps[0].line;
    struct tg_merkle_hash *hashes = tg_calloc(FLEET, sizeof *hashes), root;
    TG_AUTO(buf) struct tg_buf all = TG_BUF((size_t)FLEET * TG_MAX_LEAF);
    uint8_t sum[TG_SHA256];
    for (uint32_t i = 0; i < FLEET; i++) {
        tg_buf_add(&all, leaf->data, leaf->len);
        memcpy(all.data + all.len - leaf->len, &i, sizeof i);
    }
    double start = bench_seconds();
    tg_sha256(all.data, all.len, sum);
    double limit = (bench_seconds() - start) * 1000;
    start = bench_seconds();
    for (size_t i = 0; i < FLEET; i++)
        tg_merkle_leaf(all.data + i * leaf->len, leaf->len, &hashes[i]);
    tg_merkle_root(hashes, FLEET, &root);
    bench_add(b, (bench_seconds() - start) * 1000, limit);
    free(hashes);
}

static void measure(struct approval *a)
{
    struct bench one = {"approve-100k", "ms", BENCH_RATIO_MOST, 8, {0}, {0}, 0};
    struct bench all = {"seal-100k", "s", BENCH_VALUE_MOST, 5, {0}, {0}, 0};
    struct bench merkle = {"merkle-100k", "ms", BENCH_VALUE_MOST, 150, {0}, {0}, 0};
    for (int i = 0; i < ROUNDS; i++) {
        take_back();
        double limit = bare_update_ms();
        fleet_checkpoint(&t);
        double whole = approve(a);
        bench_add(&one, (double)approval_ms, limit);
        bench_add(&all, whole, limit / 1000);
        merkle_round(&merkle);
        TG_CHECK(testdb_number(&t, "SELECT count(*) FROM application WHERE state = 4") == FLEET);
        TG_CHECK(testdb_number(&t, "SELECT count(*) FROM job WHERE kind = 21") == 1);
        TG_CHECK(
            testdb_number(&t, "SELECT count(*) FROM audit_inbox WHERE verb = 'batch.approved'") ==
            1);
    }
    bench_print(&one);
    bench_print(&all);
    bench_print(&merkle);
}

int main(void)
{
    struct tg_err err = {0};
    seal_world_init_at(&w, 1, FLEET_NOW);
    TG_CHECK(tg_loop_init(&loop, NULL, &err) == 0);
    testdb_open(&t);
    fleet_fill(&t);
    make_prepared();
    struct db *db = testdb_pool(&t, &loop, 1); /* one connection: its plans grow old, as in a
                                                  service that runs for months */
    struct approval *a = approval_new(db, NULL);
    struct tg_blob cms[2] = {seal_blob(&w.trust_cms[0]), seal_blob(&w.trust_cms[1])};
    db_watch(db, on_unit, NULL);
    approval_publish(a, seal_blob(&w.trust_text), cms, 2, "bench", FLEET_NOW, on_published, NULL);
    await();
    measure(a);
    approval_close(a, on_closed, NULL);
    await();
    testdb_pool_close(db, &loop);
    tg_loop_done(&loop);
    testdb_close(&t);
    seal_world_done(&w);
    return 0;
}
