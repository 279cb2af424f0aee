// What people and time do to applications: cancel, retry, correct, lapse, back-off, lists.
// uses: base loop json x509 db application testdb | libs: pq uv crypto

#include "application_world.h"

/* --- acts of people --- */

static void test_cancel_and_retry(void **state)
{
    struct fixture *f = *state;
    application_cancel(f->db, number(1), "administrator:root", "left the project", NOW, on_done, f);
    wait_told(f);
    assert_string_equal(f->text, "");
    assert_int_equal(f->state, APPLICATION_CANCELLED);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 2 AND subject = 1"), 0);
    assert_int_equal(
        count(f, "SELECT count(*) FROM job WHERE kind = 5 AND subject = 1 AND agent_id = 1"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM application_memory"), 1);
    application_cancel(f->db, number(1), "administrator:root", "", NOW, on_done, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_STATE);
    application_retry(f->db, number(1), "administrator:root", NOW, on_done, f);
    wait_told(f);
    assert_string_equal(f->text, "");
    assert_string_equal(f->number, number(7));
    assert_int_equal(f->state, APPLICATION_DRAFTED);
    assert_int_equal(count(f, "SELECT count(*) FROM application_memory"), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM application a JOIN job j ON j.subject = a.id "
                              "AND j.kind = 2 WHERE a.sequence = 7 AND a.certificate_id = 1 AND "
                              "a.state = 1"),
                     1);
    assert_non_null(strstr(shown(f, 7), "retry of "));
    /* the new one is open: the old one cannot be tried again */
    application_retry(f->db, number(1), "administrator:root", NOW, on_done, f);
    wait_told(f);
    assert_true(f->code == TG_E_EXISTS || f->code == TG_E_STALE);
    application_retry(f->db, number(2), "administrator:root", NOW, on_done, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_STATE);
}

static void test_unknown_and_mistyped_numbers(void **state)
{
    struct fixture *f = *state;
    application_show(f->db, "26-000001-0", on_show, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_INPUT);
    application_cancel(f->db, "nonsense", "x", "", NOW, on_done, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_INPUT);
    application_cancel(f->db, number(4000), "x", "", NOW, on_done, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_NOT_FOUND);
}

static void correct(struct fixture *f, int i, const char *field, const char *value)
{
    application_correct(f->db, number(i), field, value, "administrator:root", NOW, on_done, f);
    wait_told(f);
}

static void test_corrections_only_before_the_signature(void **state)
{
    struct fixture *f = *state;
    correct(f, 1, "email", "new@x.example");
    assert_string_equal(f->text, "");
    assert_non_null(strstr(shown(f, 1), "\"changes\":[[\"san\",\"\",\"email:new@x.example\"],["
                                        "\"san\",\"email:p1@x.example\",\"\"]]"));
    correct(f, 1, "email", "newer@x.example");
    assert_non_null(strstr(shown(f, 1), "email:newer@x.example"));
    assert_null(strstr(shown(f, 1), "email:new@x.example"));
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 2 AND subject = 1"), 1);
    correct(f, 1, "iin", "123456789012");
    assert_int_equal(f->code, TG_E_INPUT);
    correct(f, 1, "keystore", "/nowhere.p12");
    assert_int_equal(f->code, TG_E_NOT_FOUND);
    correct(f, 1, "keystore", "/k1");
    assert_int_equal(f->code, TG_E_INPUT); /* two workstations have one */
    correct(f, 1, "keystore", "ws-2:/k1");
    assert_string_equal(f->text, "");
    assert_int_equal(
        count(f, "SELECT count(*) FROM job WHERE kind = 2 AND subject = 1 AND agent_id = 2"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE id = 1 AND keystore_id = 7 "
                              "AND state = 1"),
                     1);
    prepare(f, 2);
    correct(f, 2, "email", "new@x.example");
    assert_int_equal(f->code, TG_E_STATE);
    assert_non_null(strstr(f->text, "what the old key has signed is not corrected"));
    assert_int_equal(count(f,
                           "SELECT count(*) FROM application_correction WHERE application_id = 2"),
                     0);
}

/* --- time --- */

static void test_lapse(void **state)
{
    struct fixture *f = *state;
    prepare(f, 1);
    application_lapse(f->db, NOW, on_count, f);
    wait_told(f);
    assert_int_equal(f->number_of, 0);
    application_lapse(f->db, NOW + 30 * TG_DAY, on_count, f);
    wait_told(f);
    assert_string_equal(f->text, "");
    assert_int_equal(f->number_of, COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 12"), COUNT);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 2"), 0);
    application_retry(f->db, number(1), "x", NOW + 30 * TG_DAY, on_done, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_EXPIRED);
}

static void test_failure_comes_back_by_itself(void **state)
{
    struct fixture *f = *state;
    struct application_step s = {.id = 1,
                                 .rev = 1,
                                 .from = APPLICATION_DRAFTED,
                                 .to = APPLICATION_FAILED,
                                 .now = NOW,
                                 .actor = "agent:x",
                                 .code = "network",
                                 .why = "gone"};
    struct db_unit *u = db_unit_new(f->db, "fail");
    application_add_failure(u, &s, 1);
    s.id = 2;
    s.code = "bad-signature"; /* waits for a person */
    application_add_failure(u, &s, 1);
    must(f, u);
    assert_non_null(strstr(shown(f, 1), "\"failed_in\":\"drafted\",\"error\":\"gone\""));
    application_retry_due(f->db, NOW + 59, on_count, f);
    wait_told(f);
    assert_int_equal(f->number_of, 0);
    application_retry_due(f->db, NOW + 60, on_count, f);
    wait_told(f);
    assert_int_equal(f->number_of, 1);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 11"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 25"), 0);
    application_retry(f->db, number(2), "administrator:root", NOW, on_done, f);
    wait_told(f);
    assert_int_equal(f->state, APPLICATION_DRAFTED);
    u = db_unit_new(f->db, "fail");
    s.rev = 3;
    application_add_failure(u, &s, 2);
    must(f, u);
    application_cancel(f->db, number(2), "administrator:root", "enough", NOW, on_done, f);
    wait_told(f);
    assert_string_equal(f->text, "");
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE id = 2 AND state = 10"), 1);
}

/* --- lists --- */

static void on_list(const struct application_row *rows, size_t n, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->number_of = (int64_t)n * 1000 + next;
    if (n) f->row = rows[0];
}

static void on_counts(const int64_t counts[APPLICATION_STATE_END], const struct tg_err *err,
                      void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->number_of = counts ? counts[APPLICATION_DRAFTED] * 10 + counts[APPLICATION_PREPARED] : -1;
}

static void test_lists_by_state_and_page(void **state)
{
    struct fixture *f = *state;
    prepare(f, 3);
    application_list(f->db, &(struct application_filter){.limit = 4}, on_list, f);
    wait_told(f);
    assert_int_equal(f->number_of, 4004);
    application_list(f->db, &(struct application_filter){.limit = 4, .after = 4}, on_list, f);
    wait_told(f);
    assert_int_equal(f->number_of, 2000);
    application_list(f->db, &(struct application_filter){.state = APPLICATION_PREPARED}, on_list,
                     f);
    wait_told(f);
    assert_int_equal(f->number_of, 1000);
    assert_string_equal(f->row.number, number(3));
    application_counts(f->db, on_counts, f);
    wait_told(f);
    assert_int_equal(f->number_of, 51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_cancel_and_retry),
        T(test_unknown_and_mistyped_numbers),
        T(test_corrections_only_before_the_signature),
        T(test_lapse),
        T(test_failure_comes_back_by_itself),
        T(test_lists_by_state_and_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
