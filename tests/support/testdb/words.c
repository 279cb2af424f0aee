/* Words of the schema tests, in SQL. */
#include "testdb/words.h"
#include "base/mem.h"

/* count drafts of certificates first.. under one set event. */
static char *draft_sql(int first, int count)
{
    return tg_printf("WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"
                     " ins AS (INSERT INTO application (certificate_id, holder_id, event_id, ends, "
                     "drafted_at, changed_at, policy_id, sequence, year, kind)"
                     "   SELECT n, n, e.id, '2026-12-01', '2026-01-01', '2026-01-01', 1, n, 26, 1 "
                     "FROM e, generate_series(%d, %d) n"
                     "   ON CONFLICT (certificate_id) WHERE open DO NOTHING RETURNING sequence)"
                     " INSERT INTO application_event (id, at, count, year, first_sequence, "
                     "last_sequence, from_state, to_state, actor)"
                     " SELECT e.id, '2026-01-01', i.n, 26, i.lo, i.hi, 0, 1, 'planner'"
                     " FROM e, (SELECT count(*) n, min(sequence) lo, max(sequence) hi FROM ins) i "
                     "WHERE i.n > 0",
                     first, first + count - 1);
}

/* One application moves with its own event; set is a further SET clause, or "". */
static char *move_sql(int application, int to, const char *set, const char *batch)
{
    return tg_printf("WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"
                     " a AS MATERIALIZED (SELECT id, state, rev FROM application WHERE id = %d),"
                     " m AS (UPDATE application SET state = %d, rev = application.rev + 1, "
                     "event_id = e.id %s FROM e"
                     "   WHERE application.id = %d RETURNING application.id)"
                     " INSERT INTO application_event (id, at, application_id, rev, count, "
                     "batch_id, from_state, to_state, actor)"
                     " SELECT e.id, '2026-01-01', a.id, a.rev + 1, 1, %s, a.state, %d, 'test' FROM "
                     "e, a",
                     application, to, set, application, batch, to);
}

void words_draft(struct testdb *t, int first, int count)
{
    TG_AUTO(mem) char *sql = draft_sql(first, count);
    testdb_run(t, sql);
}

void words_move(struct testdb *t, int application, int to, const char *set)
{
    TG_AUTO(mem) char *sql = move_sql(application, to, set, "1");
    testdb_run(t, sql);
}

void words_refuse_move(struct testdb *t, const char *sqlstate, int application, int to,
                       const char *set)
{
    TG_AUTO(mem) char *sql = move_sql(application, to, set, "1");
    testdb_refused(t, sqlstate, sql);
}

void words_give_csr(struct testdb *t, int application)
{
    TG_AUTO(mem)
    char *sql = tg_printf("INSERT INTO application_csr (application_id, attempt, prepared_at, "
                          "consent, csr, csr_sha256, spki_sha256, app)"
                          " VALUES (%d, 1, '2026-01-01', 2, '\\x01', sha256('\\x01'), sha256('key "
                          "%d'), '{}')",
                          application, application);
    testdb_run(t, sql);
}

void words_prepare(struct testdb *t, int application)
{
    words_give_csr(t, application);
    words_move(t, application, 2, "");
}

/* Batch 1 with every prepared application as a leaf, open. */
void words_open_batch(struct testdb *t)
{
    testdb_run(
        t,
        "BEGIN;"
        "INSERT INTO batch (year, sequence, taken, opened_by) VALUES (26, 1, '2026-01-01', 'test');"
        "WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"
        " m AS (UPDATE application SET state = 3, rev = rev + 1, event_id = e.id, waits_for = 5 "
        "FROM e WHERE state = 2 RETURNING 1)"
        " INSERT INTO application_event (id, at, count, from_state, to_state, actor, batch_id)"
        " SELECT e.id, '2026-01-01', (SELECT count(*) FROM m), 2, 3, 'test', 1 FROM e;"
        "INSERT INTO batch_leaf (batch_id, application_id, leaf_index, app_rev, leaf, leaf_hash)"
        " SELECT 1, id, row_number() OVER (ORDER BY sequence) - 1, rev, l, sha256('\\x00'::bytea "
        "|| l)"
        " FROM (SELECT *, convert_to('{leaf ' || id || '}', 'UTF8') AS l FROM application WHERE "
        "state = 3) a;"
        "UPDATE batch SET state = 1, rev = rev + 1, snapshot_root = sha256('x'),"
        " leaf_count = (SELECT count(*) FROM batch_leaf WHERE batch_id = 1) WHERE id = 1;"
        "COMMIT");
}

void words_mint(struct testdb *t)
{
    testdb_run(t, "INSERT INTO signing_session (batch_id, batch_rev, minted_at, sign_by, nonce, "
                  "role, signer_spki, opened_by, statement)"
                  " SELECT 1, rev, '2026-01-02', '2026-01-02 00:05', md5(rev::text || count), "
                  "'ceo', '', 'test', convert_to('statement ' || count, 'UTF8')"
                  " FROM batch, (SELECT count(*) AS count FROM signing_session) s WHERE id = 1");
}
