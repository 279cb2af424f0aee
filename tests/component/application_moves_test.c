// Applications against a real database: C and SQL say the same moves, stale writers lose, batches
// move by their leaves, acts of people.
// uses: base loop json x509 db application testdb | libs: pq uv crypto

#include "application_world.h"

/* --- the tables agree --- */

static void test_states_and_moves_are_the_rows(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(count(f, "SELECT count(*) FROM application_state"), APPLICATION_STATE_END - 1);
    assert_int_equal(count(f, "SELECT count(*) FROM application_move"), application_moves_count);
    for (int s = 1; s < APPLICATION_STATE_END; s++) {
        enum application_state from = (enum application_state)s;
        TG_AUTO(mem)
        char *sql = tg_printf("SELECT count(*) FROM application_state WHERE id = %d AND name = "
                              "'%s' AND open = %s",
                              s, application_state_word(from),
                              application_is_open(from) ? "true" : "false");
        assert_int_equal(count(f, sql), 1);
        assert_int_equal(application_state_from_word(application_state_word(from)), from);
        for (int t = 1; t < APPLICATION_STATE_END; t++) {
            TG_AUTO(mem)
            char *move = tg_printf("SELECT count(*) FROM application_move WHERE from_state = %d "
                                   "AND to_state = %d",
                                   s, t);
            assert_int_equal(count(f, move), application_may_move(from, (enum application_state)t));
        }
    }
}

static void test_numbers_are_the_same_in_c_and_sql(void **state)
{
    struct fixture *f = *state;
    static const uint32_t sequences[] = {1, 9, 4217, 99999, 999999, 1000000, 12345678, 99999999};
    for (size_t i = 0; i < TG_COUNT(sequences); i++) {
        char text[TG_NUMBER];
        tg_number_print((struct tg_number){7, sequences[i]}, text);
        TG_AUTO(mem)
        char *sql = tg_printf("SELECT application_number(7::smallint, %u)", sequences[i]);
        TG_AUTO(mem) char *theirs = testdb_text(&f->t, sql);
        assert_string_equal(text, theirs);
    }
}

static void test_waits_words(void **state)
{
    (void)state;
    for (int i = 1; i <= 9; i++)
        assert_int_equal(application_waits_from_word(
                             application_waits_word((enum application_waits)i)),
                         i);
    assert_int_equal(application_waits_from_word("nobody"), APPLICATION_WAITS_NOTHING);
    assert_int_equal(application_backoff_s(1), 60);
    assert_int_equal(application_backoff_s(2), 120);
    assert_int_equal(application_backoff_s(100), 4 * 3600);
}

/* --- moves --- */

static void test_a_stale_move_ends_the_whole_unit(void **state)
{
    struct fixture *f = *state;
    const struct application_step good = {.id = 1,
                                          .rev = 1,
                                          .from = APPLICATION_DRAFTED,
                                          .to = APPLICATION_CANCELLED,
                                          .now = NOW,
                                          .actor = "test"};
    struct application_step stale = good;
    stale.id = 2;
    stale.rev = 7;
    struct db_unit *u = db_unit_new(f->db, "two");
    application_add_move(u, &good);
    application_add_move(u, &stale);
    assert_int_equal(run(f, u), TG_E_STALE);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state <> 1"), 0);
    /* without what proves it, the database refuses the move itself */
    const struct application_step unproved = {.id = 1,
                                              .rev = 1,
                                              .from = APPLICATION_DRAFTED,
                                              .to = APPLICATION_PREPARED,
                                              .now = NOW,
                                              .actor = "test"};
    u = db_unit_new(f->db, "unproved");
    application_add_move(u, &unproved);
    assert_int_equal(run(f, u), TG_E_MISMATCH);
}

static void test_every_move_has_its_event_and_audit_entry(void **state)
{
    struct fixture *f = *state;
    prepare(f, 1);
    const char *text = shown(f, 1);
    assert_non_null(strstr(text, "\"state\":\"prepared\",\"waits_for\":\"approver\""));
    assert_non_null(strstr(text, "\"flags\":[\"subject-changed\",\"weak-old-key\"]"));
    assert_non_null(strstr(text, "\"from\":null,\"to\":\"drafted\",\"actor\":\"planner\""));
    assert_non_null(strstr(text, "\"from\":\"drafted\",\"to\":\"prepared\",\"actor\":\"agent:x\""));
    assert_non_null(strstr(text, "\"consent\":\"key\""));
    assert_non_null(strstr(text, "\"host\":\"ws-1\",\"path\":\"/k1\""));
    TG_AUTO(mem)
    char *sql = tg_printf("SELECT count(*) FROM audit_inbox WHERE verb = 'application.prepared' "
                          "AND subject = '%s' AND body::json->>'from' = 'drafted'",
                          number(1));
    assert_int_equal(count(f, sql), 1);
    /* a key that was seen before is not new */
    int one = 1;
    uint8_t spki[TG_SHA256];
    tg_sha256(&one, sizeof one, spki);
    const struct application_prepared again = {.step = {.id = 2,
                                                        .rev = 1,
                                                        .from = APPLICATION_DRAFTED,
                                                        .to = APPLICATION_PREPARED,
                                                        .now = NOW,
                                                        .actor = "agent:x"},
                                               .attempt = 1,
                                               .agent_id = 1,
                                               .consent = APPLICATION_CONSENT_KEY,
                                               .app = {"{}", 2},
                                               .csr = {"csr", 3},
                                               .cms = {"cms", 3},
                                               .spki_sha256 = spki};
    struct db_unit *u = db_unit_new(f->db, "again");
    application_add_prepared(u, &again);
    assert_int_equal(run(f, u), TG_E_EXISTS);
}

static void submit(struct fixture *f)
{
    for (int i = 1; i <= COUNT; i++)
        prepare(f, i);
    testdb_run(&f->t, "INSERT INTO batch (year, sequence, taken, opened_by) VALUES (26, 47, "
                      "'2026-11-20', 'test')");
    testdb_run(&f->t, "INSERT INTO batch_leaf (batch_id, application_id, leaf_index, app_rev, "
                      "leaf, leaf_hash)"
                      " SELECT 1, id, sequence - 1, rev + 1, ('leaf' || id)::bytea, "
                      "sha256('\\x00'::bytea || ('leaf' || id)::bytea) FROM application");
    struct db_unit *u = db_unit_new(f->db, "submit");
    application_add_batch(u, &(struct application_batch_move){.act = APPLICATION_BATCH_SUBMIT,
                                                              .batch_id = 1,
                                                              .count = COUNT,
                                                              .now = NOW,
                                                              .actor = "administrator:x"});
    must(f, u);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 3 AND waits_for = 5"),
                     COUNT);
}

static void test_a_batch_moves_by_its_leaves_and_decisions(void **state)
{
    struct fixture *f = *state;
    submit(f);
    assert_non_null(strstr(shown(f, 1), "\"batch\":\"26-47\""));
    testdb_run(&f->t, "UPDATE batch SET state = 1, rev = rev + 1, leaf_count = 6, snapshot_root = "
                      "sha256('r') WHERE id = 1");
    testdb_run(&f->t, "INSERT INTO batch_decision VALUES (1, 4, 2, '', 'x', '2026-11-20'), (1, 5, "
                      "3, 'no', 'x', '2026-11-20')");
    struct application_batch_move m = {.act = APPLICATION_BATCH_HOLD,
                                       .batch_id = 1,
                                       .count = 1,
                                       .now = NOW,
                                       .actor = "approver:x"};
    struct db_unit *u = db_unit_new(f->db, "decide");
    application_add_batch(u, &m);
    m.act = APPLICATION_BATCH_RETURN;
    m.why = "the CEO said no";
    application_add_batch(u, &m);
    must(f, u);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 2 AND sequence = 5"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 9 AND sequence = 6"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM application_memory WHERE application_id = 6"),
                     1);
    /* approving before there is an approval: nothing proves it */
    m.act = APPLICATION_BATCH_APPROVE;
    m.count = 4;
    u = db_unit_new(f->db, "approve");
    application_add_batch(u, &m);
    assert_int_equal(run(f, u), TG_E_MISMATCH);
    /* more than there are: somebody was first */
    m.act = APPLICATION_BATCH_HOLD;
    m.count = 2;
    u = db_unit_new(f->db, "hold");
    application_add_batch(u, &m);
    assert_int_equal(run(f, u), TG_E_STALE);
    const char *text = shown(f, 6);
    assert_non_null(strstr(text, "\"from\":\"submitted\",\"to\":\"returned\",\"actor\":\"approver:"
                                 "x\",\"why\":\"the CEO said no\""));
    assert_null(strstr(text, "\"from\":\"submitted\",\"to\":\"prepared\""));
}

static void test_a_discarded_batch_gives_all_back(void **state)
{
    struct fixture *f = *state;
    submit(f);
    struct db_unit *u = db_unit_new(f->db, "discard");
    application_add_batch(u, &(struct application_batch_move){.act = APPLICATION_BATCH_DISCARD,
                                                              .batch_id = 1,
                                                              .count = -1,
                                                              .now = NOW,
                                                              .actor = "administrator:x"});
    must(f, u);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 2"), COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event WHERE batch_id = 1"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_states_and_moves_are_the_rows),
        T(test_numbers_are_the_same_in_c_and_sql),
        T(test_waits_words),
        T(test_a_stale_move_ends_the_whole_unit),
        T(test_every_move_has_its_event_and_audit_entry),
        T(test_a_batch_moves_by_its_leaves_and_decisions),
        T(test_a_discarded_batch_gives_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
