// Applications against a real database: C and SQL say the same moves, stale writers lose, batches
// move by their leaves, acts of people.
// uses: base loop json x509 db application testdb | libs: pq uv crypto

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "application/application.h"
#include "base/mem.h"
#include "base/times.h"
#include "cert_maker.h"
#include "testdb/testdb.h"

#define NOW INT64_C(1795165200) /* 2026-11-20T09:00:00Z */

enum { COUNT = 6 };

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db;
    struct tg_err err;
    bool told;
    int code;
    char text[TG_ERR_TEXT], number[TG_NUMBER];
    enum application_state state;
    struct application_row row;
    int64_t number_of;
    struct tg_buf printed;
};

static const char scenery[] =
    "INSERT INTO department (name) VALUES ('Finance');"
    "INSERT INTO holder (number, name, email, department_id, changed_at) SELECT 'E' || i, 'Person "
    "' || i, 'p' || i || '@x.example', 1, '2026-11-20' FROM generate_series(1, 6) i;"
    "INSERT INTO workstation (name, first_seen) VALUES ('ws-1', '2026-11-20'), ('ws-2', "
    "'2026-11-20');"
    "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, changed_at) SELECT "
    "md5(name), id, sha256(name::bytea), 2, first_seen, first_seen FROM workstation;"
    "INSERT INTO issuer (name, subject_der) VALUES ('CN=CA', 'a');"
    "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, first_seen, "
    "last_seen) SELECT 1, 1, 1, 1, '/k' || i, '', '2026-11-20', '2026-11-20' FROM "
    "generate_series(1, 6) i;"
    "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, first_seen, "
    "last_seen) VALUES (2, 1, 1, 1, '/k1', '', '2026-11-20', '2026-11-20');"
    "INSERT INTO policy_version (hash, name, rule, at, ca) VALUES (sha256('p'), 'files', '{}', "
    "'2026-11-20', 'corporate');";

static void insert_certificates(struct fixture *f)
{
    struct maker m;
    maker_init(&m, NOW);
    for (int i = 1; i <= COUNT; i++) {
        size_t len;
        TG_AUTO(mem) char *cn = tg_printf("Person %d", i);
        TG_AUTO(mem) char *email = tg_printf("p%d@x.example", i);
        TG_AUTO(mem)
        uint8_t *der = maker_make(&m,
                                  &(struct maker_cert){.cn = cn,
                                                       .email = email,
                                                       .not_before = NOW - 300 * TG_DAY,
                                                       .not_after = NOW + 20 * TG_DAY},
                                  &len);
        TG_AUTO(mem) char *hex = tg_alloc(len * 2 + 1);
        tg_hex(der, len, hex);
        TG_AUTO(mem)
        char *sql = tg_printf(
            "INSERT INTO certificate (not_before, not_after, first_seen, holder_id, department_id, "
            "issuer_id, jitter, key_bits, decodable, weak, sha256, spki_sha256, ski,"
            " serial, key_algorithm, signature_algorithm, subject, cn, email) SELECT '2026-01-24', "
            "'2026-12-10 09:00Z', '2026-11-20', %d, 1, 1, 0, 256, true, false, sha256(d),"
            " sha256(d), '\\x01', '1', 'ec-p256', 'x', 'CN=%s', '%s', '%s' FROM (SELECT "
            "'\\x%s'::bytea AS d) x;"
            "INSERT INTO certificate_der SELECT %d, '\\x%s'; INSERT INTO placement (keystore_id, "
            "certificate_id, has_key, first_seen, last_seen) VALUES (%d, %d, true, '2026-11-20', "
            "'2026-11-20');",
            i, cn, cn, email, hex, i, hex, i, i);
        testdb_exec(&f->t, sql);
    }
    testdb_exec(&f->t, "INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, "
                       "last_seen) VALUES (7, 1, true, '2026-11-20', '2026-11-20')");
    maker_done(&m);
}

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    testdb_exec(&f->t, scenery);
    insert_certificates(f);
    testdb_run(&f->t,
               "WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"
               " n AS (INSERT INTO application_counter VALUES (26, 6) RETURNING last),"
               " b AS (INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, "
               "ends, drafted_at, changed_at, policy_id, sequence, year, kind)"
               " SELECT i, i, i, e.id, '2026-12-10 09:00Z', '2026-11-20 09:00Z', '2026-11-20 "
               "09:00Z', 1, i, 26, 1 FROM e, n, generate_series(1, 6) i ORDER BY i RETURNING 1)"
               " INSERT INTO application_event (id, at, count, first_sequence, last_sequence, "
               "year, from_state, to_state, actor)"
               " SELECT e.id, '2026-11-20 09:00Z', (SELECT count(*) FROM b), 1, 6, 26, 0, 1, "
               "'planner' FROM e");
    testdb_exec(&f->t, "INSERT INTO job (run_at, made_at, subject, agent_id, kind) SELECT "
                       "drafted_at, drafted_at, id, 1, 2 FROM application");
    f->db = testdb_pool(&f->t, &f->loop, 2);
    f->printed = TG_BUF(1024 * 1024);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    tg_buf_done(&f->printed);
    free(f);
    return 0;
}

static int64_t count(struct fixture *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

static bool is_told(void *data)
{
    return ((struct fixture *)data)->told;
}

static void wait_told(struct fixture *f)
{
    assert_false(f->told); /* never from inside the call */
    assert_true(tg_loop_until(&f->loop, is_told, f, 60000));
    f->told = false;
}

static void keep_error(struct fixture *f, const struct tg_err *err)
{
    f->told = true;
    f->code = err ? err->code : 0;
    (void)snprintf(f->text, sizeof f->text, "%s", err ? err->text : "");
}

static void on_done(const char *number, enum application_state s, const struct tg_err *err,
                    void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->state = s;
    (void)snprintf(f->number, sizeof f->number, "%s", number);
}

static void on_count(int64_t n, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->number_of = n;
}

static void on_show(const struct application_detail *d, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    tg_buf_reset(&f->printed);
    if (!d) return;
    struct tg_jw w;
    tg_jw_init(&w, &f->printed);
    tg_jw_begin_object(&w);
    application_print_detail(&w, d);
    tg_jw_end(&w);
}

static const char *number(int i)
{
    static char text[TG_NUMBER];
    tg_number_print((struct tg_number){26, (uint32_t)i}, text);
    return text;
}

static const char *shown(struct fixture *f, int i)
{
    application_show(f->db, number(i), on_show, f);
    wait_told(f);
    if (f->code) fail_msg("%s", f->text);
    return tg_buf_text(&f->printed);
}

static int run(struct fixture *f, struct db_unit *u)
{
    tg_err_clear(&f->err);
    return testdb_wait(&f->loop, u, NULL, NULL, &f->err);
}

static void must(struct fixture *f, struct db_unit *u)
{
    if (run(f, u) < 0) fail_msg("%s", f->err.text);
}

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

static void prepare(struct fixture *f, int i)
{
    uint8_t spki[TG_SHA256];
    tg_sha256(&i, sizeof i, spki);
    const struct application_prepared p = {.step = {.id = i,
                                                    .rev = 1,
                                                    .from = APPLICATION_DRAFTED,
                                                    .to = APPLICATION_PREPARED,
                                                    .now = NOW,
                                                    .actor = "agent:x",
                                                    .waits_for = APPLICATION_WAITS_APPROVER},
                                           .attempt = 1,
                                           .agent_id = 1,
                                           .consent = APPLICATION_CONSENT_KEY,
                                           .app = {"{}", 2},
                                           .csr = {"csr", 3},
                                           .cms = {"cms", 3},
                                           .spki_sha256 = spki,
                                           .flags = "subject-changed weak-old-key"};
    struct db_unit *u = db_unit_new(f->db, "prepare");
    application_add_prepared(u, &p);
    must(f, u);
}

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
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
        T(test_cancel_and_retry),
        T(test_unknown_and_mistyped_numbers),
        T(test_corrections_only_before_the_signature),
        T(test_lapse),
        T(test_failure_comes_back_by_itself),
        T(test_lists_by_state_and_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
