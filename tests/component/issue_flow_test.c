// From approved to issued in a real database, with a CA that may lose answers, be away, or be
// uses: base loop config json merkle x509 cms seal wire policy db ca application approval dispatch issue seal_world testdb flow_world | libs: pq uv jansson
#include "issue_flow.h"

#include "application/application.h"

static void one_certificate_each(struct fixture *f)
{
    all_are(f, 6);
    assert_int_equal(f->fake.issued, COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM application_issue i JOIN ca_request q ON q.id "
                              "= i.request_id"),
                     COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM application_issue i JOIN certificate c ON c.id "
                              "= i.certificate_id"
                              " JOIN application_csr r ON r.application_id = i.application_id AND "
                              "r.spki_sha256 = c.spki_sha256"),
                     COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 3 OR kind = 23"), COUNT);
}

/* --- the road --- */

static void every_approved_application_gets_its_certificate(void **state)
{
    struct fixture *f = *state;
    run(f);
    one_certificate_each(f);
    assert_int_equal(f->fake.submits, COUNT);
    assert_int_equal(f->fake.finds, 0);
    assert_true(f->fake.trusts > 0);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event WHERE from_state = 4 AND "
                              "to_state = 5"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event WHERE from_state = 5 AND "
                              "to_state = 6 AND count = 5 AND root IS NOT NULL"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM audit_inbox WHERE verb = 'application.issued' "
                              "AND actor = 'issue'"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate_chain"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate n JOIN application_issue i ON "
                              "i.certificate_id = n.id"
                              " JOIN application a ON a.id = i.application_id WHERE n.holder_id = "
                              "a.holder_id"),
                     COUNT);
    for (size_t i = 0; i < COUNT; i++)
        must(f, flow_pack(&f->f, i, false)); /* V1-V7 and A2 of what was stored */
}

static void nothing_happens_before_release(void **state)
{
    struct fixture *f = *state;
    testdb_exec(&f->f.t, "SET session_replication_role = replica; UPDATE batch SET release_at = "
                         "release_at + interval '1 hour';"
                         " SET session_replication_role = origin");
    run_in_vain(f);
    all_are(f, 4);
    assert_int_equal(f->fake.submits, 0);
    assert_int_equal(count(f, "SELECT count(*) FROM job j JOIN batch b ON b.id = j.subject WHERE "
                              "kind = 21 AND j.run_at = b.release_at"),
                     1);
    time_passes(f, 3601 + 300);
    run(f);
    one_certificate_each(f);
}

/* --- trouble with the CA --- */

static void a_lost_answer_is_found_by_its_key(void **state)
{
    struct fixture *f = *state;
    f->fake.loses = true;
    run_in_vain(f);
    all_are(f, 5);
    assert_int_equal(f->fake.issued, COUNT);
    f->fake.loses = false;
    time_passes(f, 60);
    run(f);
    one_certificate_each(f);
    assert_int_equal(f->fake.submits, COUNT); /* never asked twice */
    assert_int_equal(f->fake.finds, COUNT);
}

static void an_absent_ca_is_asked_later(void **state)
{
    struct fixture *f = *state;
    f->fake.away = true;
    run_in_vain(f);
    time_passes(f, 60);
    run_in_vain(f);
    all_are(f, 5);
    assert_int_equal(count(f, "SELECT count(*) FROM ca_request"), COUNT);
    f->fake.away = false;
    time_passes(f, 60);
    run(f);
    one_certificate_each(f);
    assert_int_equal(count(f, "SELECT count(*) FROM ca_request"), COUNT);
}

static void on_count(int64_t n, const struct tg_err *err, void *data)
{
    assert_null(err);
    assert_int_equal(n, COUNT);
    *(bool *)data = true;
}

static void vain_attempts_end_in_failed_and_a_retry_goes_on(void **state)
{
    struct fixture *f = *state;
    f->fake.away = true;
    for (int i = 0; i < 7; i++) {
        time_passes(f, 3600);
        run_in_vain(f);
    }
    time_passes(f, 3600);
    run(f);
    all_are(f, 11);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE failed_in = 5"), COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 25"), COUNT);
    f->fake.away = false;
    time_passes(f, 5 * 3600);
    bool retried = false;
    application_retry_due(f->f.db, f->f.clock.wall_s, on_count, &retried);
    assert_true(tg_loop_until(&f->f.loop, ca_world_is, &retried, WAIT_MS));
    all_are(f, 5);
    run(f);
    one_certificate_each(f);
}

static void a_refusal_is_final_and_named(void **state)
{
    struct fixture *f = *state;
    f->fake.refuses = TG_E_DENIED;
    run(f);
    all_are(f, 11);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event WHERE code = 'denied' AND "
                              "note LIKE '%the CA is away%'"),
                     COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 25"), 0);
}

static void a_certificate_that_was_not_approved_is_refused(void **state)
{
    struct fixture *f = *state;
    f->fake.wrong = true;
    run(f);
    all_are(f, 11);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event WHERE code = 'mismatch' AND "
                              "note LIKE '%A2:%'"),
                     COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM application_issue"), 0);
}

/* --- what the database says is not believed --- */

#define AS_OWNER(sql)                                                                              \
    "SET session_replication_role = replica;" sql "SET session_replication_role = origin"
#define FLIPPED(col, at) "set_byte(" col ", " at ", get_byte(" col ", " at ") # 1)"

static void failed_with(struct fixture *f, int application, const char *check)
{
    TG_AUTO(mem)
    char *sql = tg_printf("SELECT count(*) FROM application_event WHERE to_state = 11 AND "
                          "application_id = %d AND note LIKE '%%%s%%'",
                          application, check);
    assert_int_equal(count(f, sql), 1);
}

static void a_flipped_row_is_refused_by_its_check(void **state)
{
    struct fixture *f = *state;
    testdb_exec(
        &f->f.t,
        AS_OWNER("UPDATE application_csr SET csr = " FLIPPED(
            "csr",
            "60") ", csr_sha256 = sha256(" FLIPPED("csr",
                                                   "60") ") "
                                                         "WHERE application_id = 1;"
                                                         "UPDATE application_csr SET cms "
                                                         "= " FLIPPED("cms",
                                                                      "200") ", cms_sha256 = "
                                                                             "sha256(" FLIPPED(
                                                                                 "cms",
                                                                                 "200") ") "
                                                                                        "WHERE"
                                                                                        " appl"
                                                                                        "icati"
                                                                                        "on_"
                                                                                        "id = "
                                                                                        "2;"
                                                                                        "UPDAT"
                                                                                        "E "
                                                                                        "certi"
                                                                                        "ficat"
                                                                                        "e_"
                                                                                        "der "
                                                                                        "SET "
                                                                                        "der "
                                                                                        "= "
                                                                                        "(SELE"
                                                                                        "CT "
                                                                                        "der "
                                                                                        "FROM "
                                                                                        "certi"
                                                                                        "ficat"
                                                                                        "e_"
                                                                                        "der "
                                                                                        "WHERE"
                                                                                        " cert"
                                                                                        "ifica"
                                                                                        "te_"
                                                                                        "id = "
                                                                                        "5) "
                                                                                        "WHERE"
                                                                                        " cert"
                                                                                        "ifica"
                                                                                        "te_"
                                                                                        "id = "
                                                                                        "3;"));
    run(f);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(flow_state(&f->f, i), i < 3 ? 11 : 6);
    assert_int_equal(f->fake.issued, COUNT - 3);
    failed_with(f, 1, "S5: ");
    failed_with(f, 2, "S5: ");
    failed_with(f, 3, "V7: old");
}

/* Whoever changes one leaf changes the tree: nothing of it is proven any more. */
static void a_flipped_leaf_stops_its_batch(void **state)
{
    struct fixture *f = *state;
    testdb_exec(
        &f->f.t,
        AS_OWNER("UPDATE batch_leaf SET leaf = l, leaf_hash = sha256('\\x00'::bytea || l) FROM "
                 "(SELECT overlay(leaf placing '\\x39'::bytea from octet_length(leaf) - 30 for 1) "
                 "AS l FROM batch_leaf WHERE leaf_index = 0) x WHERE leaf_index = 0;"));
    run(f);
    all_are(f, 11);
    for (int i = 1; i <= COUNT; i++)
        failed_with(f, i, "V7: ");
    assert_int_equal(f->fake.submits, 0);
}

static void a_changed_statement_issues_nothing(void **state)
{
    struct fixture *f = *state;
    testdb_exec(&f->f.t,
                "SET session_replication_role = replica;"
                "UPDATE approval SET statement = convert_to(replace(convert_from(statement, "
                "'UTF8'), 'hold: 0', 'hold: 1'), 'UTF8'),"
                " statement_sha256 = sha256(convert_to(replace(convert_from(statement, 'UTF8'), "
                "'hold: 0', 'hold: 1'), 'UTF8'));"
                "SET session_replication_role = origin");
    run(f);
    all_are(f, 11);
    assert_int_equal(f->fake.submits, 0);
}

/* --- recalled --- */

static void a_recalled_statement_is_not_issued(void **state)
{
    struct fixture *f = *state;
    f->fake.away = true;
    run_in_vain(f); /* they are with the CA: only the issuer can stop them now */
    f->fake.away = false;
    issue_recalled(f->issue, f->f.accepted.statement, TG_BLOB("x", 1), TG_BLOB("y", 1));
    assert_int_equal(f->fake.recalls, 1);
    time_passes(f, 60);
    run(f);
    all_are(f, 10);
    assert_int_equal(f->fake.issued, 0);
}

static void what_was_recalled_in_time_is_left_alone(void **state)
{
    struct fixture *f = *state;
    must(f, flow_recall(&f->f, &f->f.w.ceo));
    assert_int_equal(f->f.recalled, COUNT);
    run(f);
    all_are(f, 2);
    assert_int_equal(f->fake.submits, 0);
}

/* --- two of us --- */

static void two_services_issue_each_once(void **state)
{
    struct fixture *f = *state;
    f->issue = issue_start(f);
    struct issue *other = issue_start(f);
    run(f);
    issue_wake(other);
    stop_issue(f, other);
    one_certificate_each(f);
}

static void a_job_whose_owner_died_is_taken_over(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem)
    char *sql = tg_printf("UPDATE job SET owner = 7, attempt = 1, run_at = to_timestamp(%lld) "
                          "WHERE kind = 21",
                          (long long)f->f.clock.wall_s + 120);
    testdb_exec(&f->f.t, sql);
    f->issue = issue_start(f);
    for (int i = 0; i < 50; i++)
        (void)uv_run(&f->f.loop.uv, UV_RUN_NOWAIT);
    all_are(f, 4);
    time_passes(f, 121);
    run(f);
    one_certificate_each(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_approved_application_gets_its_certificate),
        T(nothing_happens_before_release),
        T(a_lost_answer_is_found_by_its_key),
        T(an_absent_ca_is_asked_later),
        T(vain_attempts_end_in_failed_and_a_retry_goes_on),
        T(a_refusal_is_final_and_named),
        T(a_certificate_that_was_not_approved_is_refused),
        T(a_flipped_row_is_refused_by_its_check),
        T(a_flipped_leaf_stops_its_batch),
        T(a_changed_statement_issues_nothing),
        T(a_recalled_statement_is_not_issued),
        T(what_was_recalled_in_time_is_left_alone),
        T(two_services_issue_each_once),
        T(a_job_whose_owner_died_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
