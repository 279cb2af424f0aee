// The database guards the truth: each illegal or stale move is refused as the runtime role, each
// guard shown.
// uses: base loop db testdb | libs: pq uv
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/mem.h"
#include "testdb/testdb.h"
#include "testdb/words.h"

static int setup(void **state)
{
    struct testdb *t = TG_NEW(struct testdb);
    testdb_open(t);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    testdb_close(*state);
    free(*state);
    return 0;
}

/* --- birth --- */

static void drafts_once_per_open_certificate(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 1000);
    words_draft(t, 1, 1000); /* ON CONFLICT: nothing, no event */
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application"), 1000);
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application_event"), 1);
    testdb_refused(t, "23505",
                   "INSERT INTO application (certificate_id, holder_id, event_id, ends, "
                   "drafted_at, changed_at, policy_id, sequence, year, kind)"
                   " VALUES (1, 1, 1, '2026-12-01', '2026-01-01', '2026-01-01', 1, 5000, 26, 1)");
}

static void refuses_birth_without_event_or_in_another_state(void **state)
{
    struct testdb *t = *state;
#define INSERT_ONE(event, st, rev)                                                                 \
    "INSERT INTO application (certificate_id, holder_id, event_id, ends, drafted_at, changed_at, " \
    "policy_id, sequence, year, kind, state, rev)"                                                 \
    " VALUES (1, 1, " event ", '2026-12-01', '2026-01-01', '2026-01-01', 1, 1, 26, 1, " st         \
    ", " rev ")"
    testdb_refused(t, "TG001", INSERT_ONE("1", "1", "1"));
    testdb_refused(t, "TG001", INSERT_ONE("1", "4", "1"));
    testdb_refused(t, "TG001", INSERT_ONE("1", "1", "7"));
    words_draft(t, 10, 2); /* an event of another transaction does not count */
    testdb_refused(t, "TG001", INSERT_ONE("1", "1", "1"));
    /* an event that says another number than was drafted */
    testdb_refused(t, "TG001",
                   "BEGIN; INSERT INTO application_event (id, at, count, year, first_sequence, "
                   "last_sequence, from_state, to_state, actor)"
                   " VALUES (77, '2026-01-01', 2, 26, 1, 1, 0, 1, 'x'); " INSERT_ONE("77", "1",
                                                                                     "1"));
    testdb_refused(t, "TG001",
                   "BEGIN; INSERT INTO application_event (id, at, count, year, first_sequence, "
                   "last_sequence, from_state, to_state, actor)"
                   " VALUES (77, '2026-01-01', 1, 26, 2, 2, 0, 1, 'x'); " INSERT_ONE("77", "1",
                                                                                     "1"));
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application"), 2);
}

/* --- moves --- */

static void every_move_is_legal_exactly_where_the_table_says(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 1);
    for (int from = 1; from <= 12; from++)
        for (int to = 1; to <= 12; to++) {
            if (from == to) continue;
            TG_AUTO(mem)
            char *ask = tg_printf("SELECT count(*) FROM application_move WHERE from_state = %d AND "
                                  "to_state = %d",
                                  from, to);
            TG_AUTO(mem)
            char *fn =
                tg_printf("SELECT application_next(%d::smallint, %d::smallint)::int", from, to);
            assert_int_equal(testdb_number(t, ask), testdb_number(t, fn));
            if (testdb_number(t, ask)) continue;
            /* put it there behind the guards, then try as the runtime role */
            TG_AUTO(mem)
            char *put = tg_printf("SET session_replication_role = replica; UPDATE application SET "
                                  "state = %d, kind = %d, failed_in = %s;"
                                  "SET session_replication_role = origin",
                                  from, from == 8 ? 3 : 1, from == 11 ? "1" : "NULL");
            testdb_exec(t, put);
            words_refuse_move(t, "TG001", 1, to,
                              to == 11     ? ", failed_in = application.state"
                              : from == 11 ? ", failed_in = NULL"
                                           : "");
        }
}

static void refuses_stale_and_silent_moves(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 3);
    testdb_refused(t, "TG001",
                   "UPDATE application SET state = 10, rev = rev + 1 WHERE id = 1"); /* no event */
    testdb_refused(t, "TG001",
                   "UPDATE application SET state = 10, rev = rev + 1, event_id = event_id + 1 "
                   "WHERE id = 1");                                                  /* invented */
    testdb_refused(t, "TG001", "UPDATE application SET waits_for = 4 WHERE id = 1"); /* rev */
    testdb_refused(t, "TG001", "UPDATE application SET waits_for = 4, rev = 5 WHERE id = 1");
    /* the event names another application, or another count */
    testdb_refused(t, "TG001",
                   "BEGIN; INSERT INTO application_event (id, at, application_id, rev, count, "
                   "from_state, to_state, actor)"
                   " VALUES (500, '2026-01-01', 2, 2, 1, 1, 10, 'x'); UPDATE application SET state "
                   "= 10, rev = rev + 1, event_id = 500 WHERE id = 1");
    testdb_refused(t, "TG001",
                   "BEGIN; INSERT INTO application_event (id, at, root, count, from_state, "
                   "to_state, actor)"
                   " VALUES (500, '2026-01-01', sha256('x'), 2, 1, 10, 'x'); UPDATE application "
                   "SET state = 10, rev = rev + 1, event_id = 500 WHERE id = 1");
    /* a set event moves one set once */
    testdb_refused(t, "TG001",
                   "BEGIN; INSERT INTO application_event (id, at, root, count, from_state, "
                   "to_state, actor)"
                   " VALUES (500, '2026-01-01', sha256('x'), 1, 1, 10, 'x'); UPDATE application "
                   "SET state = 10, rev = rev + 1, event_id = 500 WHERE id = 1;"
                   "UPDATE application SET state = 10, rev = rev + 1, event_id = 500 WHERE id = 2");
    /* a wait word alone needs no event */
    testdb_run(t, "UPDATE application SET waits_for = 4, rev = rev + 1 WHERE id = 1");
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application WHERE state <> 1"), 0);
}

static void identity_of_an_application_never_changes(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 1);
    testdb_refused(t, "42501", "UPDATE application SET certificate_id = 9, rev = rev + 1");
    testdb_refused(t, "42501", "UPDATE application SET policy_id = 9, rev = rev + 1");
    testdb_refused(t, "42501", "DELETE FROM application");
    testdb_refused(t, "42501", "TRUNCATE application");
    /* not even by the owner role without switching the guard off */
    testdb_refused_on(t->pg, "TG001", "UPDATE application SET certificate_id = 9, rev = rev + 1");
    testdb_refused_on(t->pg, "TG001", "UPDATE application SET holder_id = 9, rev = rev + 1");
    testdb_refused_on(t->pg, "TG002", "DELETE FROM application");
    testdb_refused_on(t->pg, "TG002", "TRUNCATE application");
}

static void failed_leads_back_only_to_where_it_failed(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 1);
    words_prepare(t, 1);
    words_refuse_move(t, "TG001", 1, 11, ", failed_in = 5");
    words_refuse_move(t, "23514", 1, 11, "");
    words_move(t, 1, 11, ", failed_in = application.state");
    assert_int_equal(testdb_number(t,
                                   "SELECT count(*) FROM application WHERE open AND failed_in = 2"),
                     1);
    words_refuse_move(t, "TG001", 1, 1, ", failed_in = NULL");
    words_refuse_move(t, "TG001", 1, 10, ", failed_in = NULL");
    words_move(t, 1, 2, ", failed_in = NULL");
    /* still one open application for its certificate */
    words_draft(t, 1, 1);
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application"), 1);
}

static void each_state_wants_its_proof(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 1);
    words_refuse_move(t, "TG004", 1, 2, ""); /* no CSR */
    words_prepare(t, 1);
    testdb_run(t, "INSERT INTO batch (year, sequence, taken, opened_by) VALUES (26, 9, "
                  "'2026-01-01', 'x')");
    words_move(t, 1, 3, "");
    words_refuse_move(t, "TG004", 1, 4, ""); /* no approved leaf */
    testdb_exec(t, "SET session_replication_role = replica; UPDATE application SET state = 4; SET "
                   "session_replication_role = origin");
    words_refuse_move(t, "TG004", 1, 5, ""); /* the CA was to be called without an intent */
    testdb_run(t, "INSERT INTO ca_request (application_id, attempt, connector, reference, at) "
                  "VALUES (1, 1, 'corporate', 'r1', '2026-01-01')");
    words_move(t, 1, 5, "");
    words_refuse_move(t, "23514", 1, 8, ""); /* observed is for kind observe */
    words_refuse_move(t, "TG004", 1, 6, ""); /* no certificate */
    testdb_run(t, "INSERT INTO application_issue VALUES (1, 77, 1, NULL, '2026-01-01')");
    words_move(t, 1, 6, "");
    words_refuse_move(t, "TG004", 1, 7, ""); /* no report */
    testdb_run(t, "INSERT INTO application_install VALUES (1, 5, '[]', '2026-01-01')");
    words_move(t, 1, 7, "");
    words_refuse_move(t, "TG001", 1, 10, ""); /* it is over */
    testdb_refused(
        t, "TG001",
        "UPDATE application SET waits_for = 4, rev = rev + 1 WHERE id = 1"); /* altogether
                                                                              */
    testdb_refused(t, "23505",
                   "INSERT INTO application_issue VALUES (1, 78, 1, NULL, '2026-01-01')");
    testdb_refused(t, "23505",
                   "INSERT INTO ca_request (application_id, attempt, connector, reference, at) "
                   "VALUES (1, 1, 'corporate', 'r2', '2026-01-01')");
}

static void ended_applications_are_remembered_until_retry(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 600);
    testdb_run(t, SET_MOVE("1", "10", "true"));
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application_memory"), 600);
    words_draft(t, 1001, 1);
    words_move(t, 601, 12, "");
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application_memory"), 601);
    testdb_refused(t, "42501", "INSERT INTO application_memory VALUES (1, 1, 1, 1)");
    testdb_run(t, "DELETE FROM application_memory WHERE certificate_id = 1");
}

static void a_new_key_is_new(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 2);
    words_give_csr(t, 1);
    testdb_refused(t, "23505",
                   "INSERT INTO application_csr (application_id, attempt, prepared_at, consent, "
                   "csr, csr_sha256, spki_sha256, app)"
                   " VALUES (2, 1, '2026-01-01', 2, '\\x01', sha256('\\x01'), sha256('key 1'), "
                   "'{}')");
    testdb_refused(t, "23514",
                   "INSERT INTO application_csr (application_id, attempt, prepared_at, consent, "
                   "csr, csr_sha256, spki_sha256, app)"
                   " VALUES (2, 1, '2026-01-01', 2, '\\x01', sha256('\\x02'), sha256('key 2'), "
                   "'{}')");
}

/* --- facts --- */

static const char *const facts[] = {
    "agent_identity",
    "certificate_der",
    "certificate_chain",
    "policy_version",
    "application_event",
    "application_event_spent",
    "application_csr",
    "application_correction",
    "ca_request",
    "application_issue",
    "application_install",
    "batch_leaf",
    "signing_session",
    "signing_session_used",
    "approval",
    "recall",
    "trust_document",
    "trust_signature",
    "report",
    "audit_log",
    "audit_log_p0",
    "audit_log_p1",
    "audit_head",
    "application_state",
    "application_move",
    "job_kind",
};

static void facts_are_insert_only_partitions_included(void **state)
{
    struct testdb *t = *state;
    testdb_exec(t, "SELECT audit_partition(2)");
    for (size_t i = 0; i <= TG_COUNT(facts); i++) {
        const char *table = i < TG_COUNT(facts) ? facts[i] : "audit_log_p2";
        TG_AUTO(mem)
        char *ask =
            tg_printf("SELECT attname FROM pg_attribute WHERE attrelid = 'tamga.%s'::regclass AND "
                      "attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1",
                      table);
        TG_AUTO(mem) char *column = testdb_text(t, ask);
        TG_AUTO(mem) char *update = tg_printf("UPDATE %s SET %s = %s", table, column, column);
        TG_AUTO(mem) char *delete = tg_printf("DELETE FROM %s", table);
        TG_AUTO(mem) char *truncate = tg_printf("TRUNCATE %s CASCADE", table);
        testdb_refused(t, "42501", update);
        testdb_refused(t, "42501", delete);
        testdb_refused(t, "42501", truncate);
        /* and the owner role meets the trigger */
        testdb_refused_on(t->pg, "TG002", update);
        testdb_refused_on(t->pg, "TG002", delete);
        testdb_refused_on(t->pg, "TG002", truncate);
    }
}

static void no_table_is_forgotten(void **state)
{
    struct testdb *t = *state;
    /* a table where the runtime role may UPDATE or DELETE all columns is one of these, and no other
     */
    TG_AUTO(mem)
    char *loose =
        testdb_text(t,
                    "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class "
                    "WHERE relnamespace = 'tamga'::regnamespace AND relkind IN ('r', 'p')"
                    " AND (has_table_privilege('tamga_run', oid, 'UPDATE') OR "
                    "has_table_privilege('tamga_run', oid, 'DELETE') OR "
                    "has_table_privilege('tamga_run', oid, 'TRUNCATE'))");
    assert_string_equal(loose, "agent_beat application_counter application_memory holder job "
                               "keystore lease placement setting workstation");
    assert_int_equal(testdb_number(t,
                                   "SELECT count(*) FROM pg_class WHERE relnamespace = "
                                   "'tamga'::regnamespace AND relowner <> 'tamga_owner'::regrole"),
                     0);
    assert_int_equal(
        testdb_number(t, "SELECT has_schema_privilege('tamga_run', 'tamga', 'CREATE')::int"), 0);
}

static void certificates_and_counters_are_guarded(void **state)
{
    struct testdb *t = *state;
    testdb_run(t, "INSERT INTO certificate (not_before, not_after, first_seen, issuer_id, jitter, "
                  "key_bits, decodable, weak, sha256, spki_sha256, ski, serial,"
                  " key_algorithm, signature_algorithm, subject) VALUES ('2025-01-01', "
                  "'2026-01-01', '2025-02-01', 1, 1, 256, true, false, sha256('a'), sha256('b'),"
                  " '\\x01', '1', 'ec-p256', 'x', 'CN=a')");
    testdb_run(t, "UPDATE certificate SET holder_id = 5, link = 1");
    testdb_refused(t, "42501", "UPDATE certificate SET not_after = '2030-01-01'");
    testdb_refused_on(t->pg, "TG002", "UPDATE certificate SET not_after = '2030-01-01'");
    testdb_refused_on(t->pg, "TG002", "DELETE FROM certificate");
    testdb_run(t, "INSERT INTO application_counter VALUES (26, 100)");
    testdb_refused(t, "TG001", "UPDATE application_counter SET last = 99");
    testdb_run(t, "INSERT INTO lease VALUES ('x', 1, 'a', '2026-01-01')");
    testdb_refused(t, "TG001", "UPDATE lease SET owner = 'b'");
    testdb_refused(t, "TG001", "UPDATE lease SET epoch = 5");
    testdb_run(t, "UPDATE lease SET owner = 'b', epoch = 2");
}

static void agents_and_tokens_are_guarded(void **state)
{
    struct testdb *t = *state;
    testdb_run(t, "INSERT INTO workstation (name, first_seen) VALUES ('pc1', '2026-01-01');"
                  "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, "
                  "changed_at)"
                  " VALUES (repeat('0', 32), 1, sha256('a'), 2, '2026-01-01', '2026-01-01')");
    testdb_refused(t, "23505",
                   "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, "
                   "changed_at)"
                   " VALUES (repeat('1', 32), 1, sha256('b'), 2, '2026-01-01', '2026-01-01')");
    testdb_run(t, "UPDATE agent SET state = 3");
    testdb_refused(t, "TG001", "UPDATE agent SET state = 2");
    testdb_run(t, "INSERT INTO agent_token VALUES ('t1', sha256('s'), 1, 'pc1', 1, '2026-01-02', "
                  "'2026-01-01', 'x')");
    testdb_refused(t, "TG001", "UPDATE agent_token SET uses_left = 9");
    testdb_run(t, "UPDATE agent_token SET uses_left = uses_left - 1");
    testdb_refused(t, "23514", "UPDATE agent_token SET uses_left = uses_left - 1");
}

static void trust_follows_trust(void **state)
{
    struct testdb *t = *state;
#define TRUST(version, text, previous)                                                             \
    "INSERT INTO trust_document VALUES (" version ", " text ", sha256(" text "), " previous        \
    ", '2027-01-01', '2026-01-01')"
    testdb_refused(t, "TG004", TRUST("2", "'two'", ZEROS));
    testdb_run(t, TRUST("1", "'one'", ZEROS));
    testdb_refused(t, "TG004", TRUST("2", "'two'", ZEROS));
    testdb_refused(t, "23505", TRUST("1", "'uno'", ZEROS));
    testdb_run(t, TRUST("2", "'two'", "sha256('one')"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(drafts_once_per_open_certificate),
        TEST(refuses_birth_without_event_or_in_another_state),
        TEST(every_move_is_legal_exactly_where_the_table_says),
        TEST(refuses_stale_and_silent_moves),
        TEST(identity_of_an_application_never_changes),
        TEST(failed_leads_back_only_to_where_it_failed),
        TEST(each_state_wants_its_proof),
        TEST(ended_applications_are_remembered_until_retry),
        TEST(a_new_key_is_new),
        TEST(facts_are_insert_only_partitions_included),
        TEST(no_table_is_forgotten),
        TEST(certificates_and_counters_are_guarded),
        TEST(agents_and_tokens_are_guarded),
        TEST(trust_follows_trust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
