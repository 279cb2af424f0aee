// The database guards the approval: snapshot, decisions, sessions, and what an approved batch may
// move.
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

/* --- batches and approvals --- */

static void approves_only_what_an_approved_batch_holds(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 4);
    for (int i = 1; i <= 4; i++)
        words_prepare(t, i);
    words_open_batch(t);
    testdb_refused(t, "TG004", APPROVE_ALL);
    testdb_run(t, "INSERT INTO batch_decision VALUES (1, 2, 2, '', 'rules', '2026-01-01'), (1, 3, "
                  "3, 'why', 'ceo', '2026-01-01')");
    testdb_refused(t, "TG004", BATCH_APPROVED("2", "1", "1")); /* nobody approved */
    words_mint(t);
    testdb_refused(t, "TG004", "BEGIN;" APPROVAL_1 ";" BATCH_APPROVED("4", "0", "0")); /* counts */
    testdb_refused(t, "TG004",
                   "BEGIN;" APPROVAL_1
                   ";" BATCH_APPROVED("2", "1", "1") ";" SET_MOVE("3", "4",
                                                                  "true")); /* held ones too */
    testdb_run(t, "BEGIN;" APPROVAL_1 ";" BATCH_APPROVED("2", "1", "1") ";" APPROVE_ALL ";COMMIT");
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application WHERE state = 4"), 2);
    words_refuse_move(t, "TG004", 3, 4, ""); /* the held one, afterwards */
    words_refuse_move(t, "TG004", 4, 4, "");
    testdb_refused(t, "TG003",
                   "INSERT INTO batch_decision VALUES (1, 0, 2, '', 'late', '2026-01-01')");
    testdb_refused(t, "TG003", "UPDATE batch_decision SET decision = 1");
    testdb_refused(t, "TG003",
                   "UPDATE batch SET rev = rev + 1, approve_count = 4, hold_count = 0, "
                   "return_count = 0");
    testdb_refused(t, "TG004",
                   "UPDATE batch SET state = 4, rev = rev + 1 WHERE id = 1"); /* no recall */
    testdb_run(t, "INSERT INTO recall (statement_sha256, text, cms, signer_spki, at) SELECT "
                  "statement_sha256, 'r', 'x', 'y', '2026-01-01' FROM approval");
    testdb_run(t, "UPDATE batch SET state = 4, rev = rev + 1 WHERE id = 1");
}

static void an_application_changed_after_the_snapshot_is_not_approved(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 2);
    words_prepare(t, 1);
    words_prepare(t, 2);
    words_open_batch(t);
    words_mint(t);
    testdb_run(t, "UPDATE application SET waits_for = NULL, rev = rev + 1 WHERE id = 2");
    testdb_refused(t, "TG004",
                   "BEGIN;" APPROVAL_1 ";" BATCH_APPROVED("2", "0", "0") ";" APPROVE_ALL);
}

static void a_session_dies_with_any_change_of_decisions(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 1);
    words_prepare(t, 1);
    words_open_batch(t);
    words_mint(t);
    testdb_run(t, "INSERT INTO batch_decision VALUES (1, 0, 2, '', 'admin', '2026-01-01')");
    testdb_refused(t, "TG001", APPROVAL_1);
    words_mint(t);
#define APPROVAL_2(at, statement, previous) APPROVAL("2", at, statement, previous)
    testdb_refused(t, "TG004",
                   APPROVAL_2("'2026-01-02 00:01'", "'statement 0'",
                              ZEROS)); /* another statement */
    testdb_refused(t, "TG001",
                   APPROVAL_2("'2026-01-02 00:06'", "'statement 1'", ZEROS)); /* too late */
    testdb_refused(t, "TG004",
                   APPROVAL_2("'2026-01-02 00:01'", "'statement 1'", "sha256('unknown')"));
    testdb_run(t, APPROVAL_2("'2026-01-02 00:01'", "'statement 1'", ZEROS));
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM signing_session_used"), 1);
    testdb_refused(t, "TG001", APPROVAL_2("'2026-01-02 00:01'", "'statement 1'", ZEROS)); /* once */
}

static void the_snapshot_is_frozen(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 2);
    words_prepare(t, 1);
    words_open_batch(t);
    testdb_refused(t, "TG003",
                   "INSERT INTO batch_leaf (batch_id, application_id, leaf_index, app_rev, leaf, "
                   "leaf_hash)"
                   " VALUES (1, 2, 1, 2, '{}', sha256('\\x00'::bytea || '{}'::bytea))");
    testdb_refused(
        t, "TG003",
        "INSERT INTO batch_leaf (batch_id, application_id, leaf_index, app_rev, leaf, leaf_hash)"
        " VALUES (99, 2, 1, 2, '{}', sha256('\\x00'::bytea || '{}'::bytea))"); /* no such batch */
    testdb_refused(t, "23514",
                   "INSERT INTO batch_leaf (batch_id, application_id, leaf_index, app_rev, leaf, "
                   "leaf_hash)"
                   " VALUES (1, 2, 1, 2, '{}', sha256('{}'))"); /* not the hash of this leaf */
    testdb_refused(t, "TG003", "UPDATE batch SET rev = rev + 1, leaf_count = 2");
    testdb_refused(t, "TG001", "UPDATE batch SET state = 0, rev = rev + 1");
    testdb_refused(t, "TG001", "UPDATE batch SET state = 3");
    testdb_refused(t, "TG001",
                   "INSERT INTO batch (year, sequence, taken, opened_by, state) VALUES (26, 2, "
                   "'2026-01-01', 'x', 3)");
    testdb_refused(t, "42501", "DELETE FROM batch");
    testdb_refused(t, "42501", "DELETE FROM batch_decision");
    testdb_run(t, "INSERT INTO batch (year, sequence, taken, opened_by) VALUES (26, 3, "
                  "'2026-01-01', 'x')");
    testdb_refused(t, "TG003",
                   "UPDATE batch SET state = 1, rev = rev + 1, leaf_count = 5, snapshot_root = "
                   "sha256('x') WHERE sequence = 3");
}

/* --- sets of 100,000 --- */

static void whole_sets_move_with_one_event(void **state)
{
    struct testdb *t = *state;
    words_draft(t, 1, 3000);
    /* more than the small path takes, two events in one statement */
    testdb_refused(t, "TG001",
                   "BEGIN; INSERT INTO application_event (id, at, root, count, from_state, "
                   "to_state, actor) VALUES"
                   " (900, '2026-01-01', sha256('x'), 1500, 1, 10, 'x'), (901, '2026-01-01', "
                   "sha256('x'), 1500, 1, 10, 'x');"
                   "UPDATE application SET state = 10, rev = rev + 1, event_id = 900 + (id % 2)");
    testdb_refused(t, "TG004", SET_MOVE("1", "2", "true"));
    testdb_run(t, "INSERT INTO application_csr (application_id, attempt, prepared_at, consent, "
                  "csr, csr_sha256, spki_sha256, app)"
                  " SELECT id, 1, '2026-01-01', 2, '\\x01', sha256('\\x01'), "
                  "sha256(id::text::bytea), '{}' FROM application");
    testdb_run(t, SET_MOVE("1", "2", "true"));
    words_open_batch(t);
    words_mint(t);
    testdb_refused(t, "TG004", APPROVE_ALL);
    testdb_run(t,
               "BEGIN;" APPROVAL_1 ";" BATCH_APPROVED("3000", "0", "0") ";" APPROVE_ALL "; COMMIT");
    assert_int_equal(testdb_number(t,
                                   "SELECT count(*) FROM application WHERE state = 4 AND rev = 4"),
                     3000);
    testdb_refused(t, "TG004", SET_MOVE("4", "5", "true"));
    testdb_run(t, "UPDATE application SET waits_for = 8, rev = rev + 1"); /* no move, no event */
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM application_event"), 4);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(approves_only_what_an_approved_batch_holds),
        TEST(an_application_changed_after_the_snapshot_is_not_approved),
        TEST(a_session_dies_with_any_change_of_decisions),
        TEST(the_snapshot_is_frozen),
        TEST(whole_sets_move_with_one_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
