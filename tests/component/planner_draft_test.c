// The planner against a real database: SQL agrees with policy_decide(), everything is drafted once,
// two planners collide in vain.
// uses: base loop json config db policy planner testdb | libs: pq uv

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/times.h"
#include "planner/planner.h"
#include "testdb/testdb.h"

#define NOW INT64_C(1795165200) /* 2026-11-20T09:00:00Z */

static const char rules[] =
    "version: 1\n"
    "policies:\n"
    "  - name: leave-alone\n"
    "    action: watch\n"
    "    match: { department: [Secret] }\n"
    "  - name: finance\n"
    "    action: renew\n"
    "    match: { storage: file, issuer: [\"CN=Alatau*\"], department: [Finance], role: [employee, "
    "right-to-sign] }\n"
    "    renew: { before: 60d, spread: 10d }\n"
    "    key: { algorithm: keep }\n"
    "    validity: 1y\n"
    "    confirm: holder\n"
    "    approve: { by: ceo, batch: weekly, recall: 10m }\n"
    "    ca: corporate\n"
    "    install: { wave: [100%], stop-at-failures: 2%, retire: archive-after-7d }\n"
    "  - name: files\n"
    "    action: renew\n"
    "    match: { storage: file, issuer: [\"CN=Alatau*\"] }\n"
    "    renew: { before: 30d, spread: 5d }\n"
    "    key: { algorithm: ec-p256 }\n"
    "    validity: 400d\n"
    "    confirm: none\n"
    "    approve: { by: ceo, batch: on-demand, recall: 0m }\n"
    "    ca: corporate\n"
    "    install: { wave: [100%], stop-at-failures: 2%, retire: archive-after-7d }\n";

/* $N certificates over 60 holders, in every condition that a decision looks at. */
static const char scenery[] =
    "INSERT INTO department (name) VALUES ('Finance'), ('Sales'), ('Secret');"
    "INSERT INTO issuer (name, subject_der) VALUES ('CN=Alatau Issuing CA 1', 'a'), ('CN=Alatau "
    "Issuing CA 2', 'b'), ('CN=Other', 'c');"
    "INSERT INTO holder (number, name, email, department_id, status, changed_at)"
    " SELECT 'E' || i, 'Person ' || i, 'p' || i || '@x.example', 1 + i %% 3, CASE i %% 10 WHEN 3 "
    "THEN 3 WHEN 4 THEN 2 ELSE 1 END, to_timestamp(%lld)"
    " FROM generate_series(1, 60) i;"
    "INSERT INTO workstation (name, first_seen) SELECT 'ws-' || i, to_timestamp(%lld) FROM "
    "generate_series(1, 20) i;"
    "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, changed_at)"
    " SELECT md5(id::text), id, sha256(name::bytea), 2, first_seen, first_seen FROM workstation "
    "WHERE id %% 4 <> 0;"
    "INSERT INTO certificate (not_before, not_after, first_seen, holder_id, department_id, "
    "issuer_id, jitter, key_bits, role, storage, status,"
    "  decodable, weak, is_ca, sha256, spki_sha256, ski, serial, key_algorithm, "
    "signature_algorithm, subject, cn)"
    " SELECT to_timestamp(e - 365 * 86400 * (1 + i %% 3)), to_timestamp(e), to_timestamp(%lld), "
    "h.id, h.department_id, 1 + abs(hashint4(i * 3)) %% 3,"
    "   ('x' || substr(encode(s, 'hex'), 1, 8))::bit(32)::bigint >> 1, 256, abs(hashint4(i * 5)) "
    "%% 8, abs(hashint4(i * 7)) %% 8 %% 3,"
    "   CASE WHEN i %% 11 = 0 THEN 2 WHEN i %% 13 = 0 THEN 3 ELSE 1 END, i %% 9 <> 0, false, i %% "
    "17 = 0, s, sha256(s), substr(s, 1, 20), i::text,"
    "   (ARRAY['rsa-2048', 'rsa-4096', 'ec-p256', 'ec-p384', 'ed25519'])[1 + i %% 5], "
    "'rsa-sha256', 'CN=Person ' || i, 'Person ' || i"
    " FROM generate_series(1, %lld) i CROSS JOIN LATERAL (SELECT sha256(i::text::bytea) AS s, %lld "
    "+ (abs(hashint4(i)) %% 120 - 20) * 86400::bigint AS e) x"
    " LEFT JOIN holder h ON i %% 7 <> 0 AND h.id = 1 + i %% 60 ORDER BY i;"
    "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, first_seen, "
    "last_seen)"
    " SELECT nullif(1 + i %% 21, 21), 1, 1, 1 + (i %% 5 = 0)::int + (i %% 23 = 0)::int, '/k' || i, "
    "'p' || i %% 60 + 1, to_timestamp(%lld), to_timestamp(%lld)"
    " FROM generate_series(1, %lld) i;"
    "INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, last_seen, gone_at)"
    " SELECT i, i, CASE i %% 6 WHEN 0 THEN false WHEN 1 THEN NULL ELSE true END, "
    "to_timestamp(%lld), to_timestamp(%lld),"
    "   CASE WHEN i %% 19 = 0 THEN to_timestamp(%lld) END FROM generate_series(1, %lld) i;"
    "ANALYZE certificate; ANALYZE placement; ANALYZE keystore; ANALYZE holder;";

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db, *other;
    struct planner *planner, *second;
    struct tg_err err;
    int told, closed, wanted;
    int code;
    char text[TG_ERR_TEXT];
    int64_t drafted[2], skipped_open;
    struct tg_buf printed;
    struct policy_decision decision;
    char why[32], application[24];
};

static struct policy_set *parse(const char *text)
{
    struct policy_set *set = NULL;
    struct tg_err err = {0};
    static const char *const connectors[] = {"corporate"};
    if (policy_parse("rules.yaml", text, strlen(text), connectors, 1, &set, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return set;
}

static void populate(struct fixture *f, int64_t n)
{
    long long now = (long long)NOW, count = (long long)n;
    TG_AUTO(mem)
    char *sql =
        tg_printf(scenery, now, now, now, count, now, now, now, count, now, now, now, count);
    testdb_exec(&f->t, sql);
}

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    f->db = testdb_pool(&f->t, &f->loop, 2);
    f->other = testdb_pool(&f->t, &f->loop, 2);
    f->planner = planner_new(f->db);
    f->second = planner_new(f->other);
    planner_set_policies(f->planner, parse(rules));
    planner_set_policies(f->second, parse(rules));
    f->printed = TG_BUF(1024 * 1024);
    *state = f;
    return 0;
}

static bool is_told(void *data)
{
    struct fixture *f = data;
    return f->told >= f->wanted;
}

static void wait_told(struct fixture *f, int wanted)
{
    f->wanted = wanted;
    assert_true(tg_loop_until(&f->loop, is_told, f, 110000));
    f->told = 0;
}

static void on_closed(void *data)
{
    ((struct fixture *)data)->told++;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    planner_close(f->planner, on_closed, f);
    planner_close(f->second, on_closed, f);
    assert_int_equal(f->told, 0);
    wait_told(f, 2);
    testdb_pool_close(f->db, &f->loop);
    testdb_pool_close(f->other, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    tg_buf_done(&f->printed);
    free(f);
    return 0;
}

static void on_planned(const struct planner_result *r, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    f->code = err ? err->code : 0;
    (void)snprintf(f->text, sizeof f->text, "%s", err ? err->text : "");
    tg_buf_reset(&f->printed);
    if (r) {
        struct tg_jw w;
        tg_jw_init(&w, &f->printed);
        tg_jw_begin_object(&w);
        planner_print_json(&w, r);
        tg_jw_end(&w);
        f->drafted[f->told] = r->drafted;
        f->skipped_open = 0;
        for (size_t i = 0; i < r->skip_count; i++)
            if (strcmp(r->skipped[i].why, "open-application") == 0)
                f->skipped_open = r->skipped[i].count;
    }
    f->told++;
}

static int64_t plan(struct fixture *f, int64_t as_of, bool dry_run)
{
    planner_run(f->planner,
                &(struct planner_request){.as_of = as_of,
                                          .now = NOW,
                                          .dry_run = dry_run,
                                          .actor = "planner"},
                on_planned, f);
    assert_int_equal(f->told, 0);
    wait_told(f, 1);
    if (f->code) fail_msg("%s", f->text);
    return f->drafted[0];
}

static void on_explained(const struct planner_explanation *e, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    f->code = err ? err->code : 0;
    if (e) {
        f->decision = e->decision;
        (void)snprintf(f->why, sizeof f->why, "%s", e->why);
        (void)snprintf(f->application, sizeof f->application, "%s", e->application);
    }
    f->told++;
}

static bool explain(struct fixture *f, int64_t id)
{
    char which[24];
    (void)snprintf(which, sizeof which, "%lld", (long long)id);
    planner_explain(f->planner, which, NOW, on_explained, f);
    wait_told(f, 1);
    assert_int_equal(f->code, 0);
    return f->decision.draft;
}

static int64_t count(struct fixture *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

/* --- tests --- */

static void test_sql_and_decide_agree(void **state)
{
    struct fixture *f = *state;
    enum { N = 3000 };
    populate(f, N);
    static bool due[N + 1];
    int64_t expected = 0;
    for (int64_t i = 1; i <= N; i++) {
        due[i] = explain(f, i);
        expected += due[i];
    }
    print_message("%lld of %d are due\n", (long long)expected, N);
    assert_true(expected > 40);
    assert_int_equal(plan(f, NOW, true), expected); /* dry run */
    assert_int_equal(count(f, "SELECT count(*) FROM application"), 0);
    assert_int_equal(plan(f, NOW, false), expected);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE state = 1"), expected);
    for (int64_t i = 1; i <= N; i++) {
        TG_AUTO(mem)
        char *sql =
            tg_printf("SELECT count(*) FROM application WHERE certificate_id = %lld", (long long)i);
        if (count(f, sql) != due[i])
            fail_msg("certificate %lld: policy_decide says %d", (long long)i, due[i]);
    }
    /* once is enough, and the reason is said */
    assert_int_equal(plan(f, NOW, false), 0);
    assert_int_equal(f->skipped_open, expected);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event"), 1);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM audit_inbox WHERE verb = 'application.drafted'"),
                     1);
}

static void test_skipped_counts_are_those_of_decide(void **state)
{
    struct fixture *f = *state;
    enum { N = 700 };
    populate(f, N);
    int64_t superseded = 0, left = 0, no_holder = 0;
    for (int64_t i = 1; i <= N; i++) {
        explain(f, i);
        if (f->decision.action != POLICY_ACTION_RENEW || f->decision.due > NOW) continue;
        TG_AUTO(mem)
        char *sql = tg_printf("SELECT count(*) FROM certificate WHERE id = %lld AND not_after > "
                              "to_timestamp(%lld)",
                              (long long)i, (long long)NOW);
        if (!count(f, sql)) continue;
        superseded += strcmp(f->why, "superseded") == 0;
        left += strcmp(f->why, "holder-left") == 0;
        no_holder += strcmp(f->why, "no-holder") == 0;
    }
    assert_true(superseded > 0 && left > 0 && no_holder > 0);
    (void)plan(f, NOW, true);
    TG_AUTO(mem)
    char *a = tg_printf("{\"why\":\"superseded\",\"count\":%lld}", (long long)superseded);
    TG_AUTO(mem) char *b = tg_printf("{\"why\":\"holder-left\",\"count\":%lld}", (long long)left);
    TG_AUTO(mem)
    char *c = tg_printf("{\"why\":\"no-holder\",\"count\":%lld}", (long long)no_holder);
    assert_non_null(strstr(tg_buf_text(&f->printed), a));
    assert_non_null(strstr(tg_buf_text(&f->printed), b));
    assert_non_null(strstr(tg_buf_text(&f->printed), c));
}

static void test_two_planners_draft_nothing_twice(void **state)
{
    struct fixture *f = *state;
    populate(f, 3000);
    int64_t expected = plan(f, NOW, true);
    const struct planner_request q = {.as_of = NOW, .now = NOW, .quiet = true, .actor = "planner"};
    planner_run(f->planner, &q, on_planned, f);
    planner_run(f->second, &q, on_planned, f);
    wait_told(f, 2);
    assert_int_equal(f->code, 0);
    assert_int_equal(f->drafted[0] + f->drafted[1], expected);
    assert_int_equal(count(f, "SELECT count(*) FROM application"), expected);
    assert_int_equal(count(f, "SELECT count(*) - count(DISTINCT certificate_id) FROM application"),
                     0);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 20"), 0);
}

static void test_jobs_go_where_the_key_is(void **state)
{
    struct fixture *f = *state;
    populate(f, 3000);
    int64_t drafted = plan(f, NOW, false);
    int64_t jobs = count(f, "SELECT count(*) FROM job WHERE kind = 2");
    assert_true(jobs > 0 && jobs < drafted);
    assert_int_equal(jobs,
                     count(f, "SELECT count(*) FROM application a JOIN keystore k ON k.id = "
                              "a.keystore_id JOIN agent g ON g.workstation_id = k.workstation_id"));
    assert_int_equal(count(f, "SELECT count(*) FROM job j JOIN application a ON a.id = j.subject "
                              "JOIN keystore k ON k.id = a.keystore_id"
                              " JOIN agent g ON g.id = j.agent_id WHERE g.workstation_id <> "
                              "k.workstation_id"),
                     0);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM application a JOIN keystore k ON k.id = "
                           "a.keystore_id WHERE (k.status = 2) <> (coalesce(a.waits_for, 0) = 1)"),
                     0);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE waits_for = 3"),
                     count(f, "SELECT count(*) FROM application a JOIN keystore k ON k.id = "
                              "a.keystore_id WHERE k.status = 1 AND k.workstation_id % 4 = 0"));
    /* an agent comes late: the next run finds what waits for it */
    testdb_exec(&f->t, "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, "
                       "changed_at)"
                       " SELECT md5('late' || id), id, sha256(('late' || name)::bytea), 2, "
                       "first_seen, first_seen FROM workstation WHERE id % 4 = 0");
    assert_int_equal(plan(f, NOW, false), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 2"), drafted);
}

static void test_the_holders_own_machine_is_chosen(void **state)
{
    struct fixture *f = *state;
    populate(f, 300);
    /* every certificate lies a second time, openable and seen earlier, with somebody else */
    testdb_exec(&f->t, "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, "
                       "first_seen, last_seen)"
                       " SELECT 1, 1, 1, 1, '/copy' || i, 'stranger', '2020-01-01', '2020-01-01' "
                       "FROM generate_series(1, 300) i;"
                       "INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, "
                       "last_seen)"
                       " SELECT k.id, substr(k.path, 6)::int, true, '2020-01-01', '2020-01-01' "
                       "FROM keystore k WHERE k.path LIKE '/copy%'");
    assert_true(plan(f, NOW, false) > 10);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM application a JOIN keystore k ON k.id = "
                           "a.keystore_id JOIN holder h ON h.id = a.holder_id"
                           " JOIN placement p ON p.certificate_id = a.certificate_id AND p.gone_at "
                           "IS NULL AND p.has_key IS NOT FALSE"
                           " JOIN keystore o ON o.id = p.keystore_id AND o.status < 3 AND "
                           "o.workstation_id IS NOT NULL"
                           " AND o.owner = split_part(h.email, '@', 1) WHERE k.owner = 'stranger'"),
                     0);
    assert_true(count(f, "SELECT count(*) FROM application a JOIN keystore k ON k.id = "
                         "a.keystore_id WHERE k.owner = 'stranger'") > 0);
}

static void test_a_changed_name_is_a_change(void **state)
{
    struct fixture *f = *state;
    populate(f, 3000);
    testdb_exec(&f->t, "UPDATE holder SET name = 'ЖАҢА Есім' WHERE id = 7");
    (void)plan(f, NOW, false);
    assert_int_equal(count(f, "SELECT count(*) FROM application_change WHERE field = "
                              "'subject.2.5.4.3' AND new = 'ЖАҢА Есім'"),
                     count(f, "SELECT count(*) FROM application WHERE holder_id = 7"));
    /* letter case alone is none, and a certificate with two names keeps both */
    assert_true(count(f, "SELECT count(*) FROM application WHERE holder_id = 7") > 0);
    assert_int_equal(
        count(f, "SELECT count(*) FROM application_change x JOIN application a ON a.id = "
                 "x.application_id JOIN certificate c ON c.id = a.certificate_id"
                 " JOIN holder h ON h.id = a.holder_id WHERE lower(h.name) = lower(c.cn)"),
        0);
}

static void test_numbers_keys_and_days(void **state)
{
    struct fixture *f = *state;
    populate(f, 3000);
    int64_t drafted = plan(f, NOW, false);
    assert_int_equal(count(f, "SELECT count(*) FROM application WHERE year = 26"), drafted);
    assert_int_equal(count(f, "SELECT max(sequence) FROM application"), drafted);
    assert_int_equal(count(f, "SELECT count(*) FROM application a JOIN policy_version v ON v.id = "
                              "a.policy_id WHERE a.days <> CASE v.name WHEN 'files' THEN 400 ELSE "
                              "365 END"),
                     0);
    assert_int_equal(count(f, "SELECT count(*) FROM application a JOIN policy_version v ON v.id = "
                              "a.policy_id JOIN certificate c ON c.id = a.certificate_id"
                              " WHERE a.algorithm <> CASE WHEN v.name = 'files' THEN 1 ELSE CASE "
                              "c.key_algorithm WHEN 'rsa-2048' THEN 3 WHEN 'rsa-4096' THEN 4 WHEN "
                              "'ec-p384' THEN 2 ELSE 1 END END"),
                     0);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM application a JOIN certificate c ON c.id = "
                           "a.certificate_id WHERE (c.key_algorithm = 'ed25519') <> (a.kind = 2)"),
                     0);
    assert_int_equal(count(f, "SELECT count(*) FROM policy_version"), 3);
    assert_int_equal(count(f, "SELECT count(*) FROM policy_version WHERE name = 'finance' AND ca = "
                              "'corporate' AND confirm AND recall_s = 600"),
                     1);
}

static void test_what_was_refused_stays_refused(void **state)
{
    struct fixture *f = *state;
    populate(f, 1000);
    int64_t drafted = plan(f, NOW, false);
    testdb_run(&f->t, "WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id), "
                      "m AS (UPDATE application a SET state = 10, rev = rev + 1,"
                      " event_id = e.id FROM e RETURNING a.id) INSERT INTO application_event (id, "
                      "at, root, count, from_state, to_state, actor)"
                      " SELECT e.id, '2026-11-20', sha256('x'), (SELECT count(*) FROM m), 1, 10, "
                      "'test' FROM e");
    assert_int_equal(plan(f, NOW, false), 0);
    int64_t id = count(f, "SELECT min(certificate_id) FROM application");
    assert_false(explain(f, id));
    assert_string_equal(f->why, "refused-before");
    assert_true(strncmp(f->application, "26-0", 4) == 0);
    /* another rule is another question */
    TG_AUTO(mem) char *changed = tg_strdup(rules);
    memcpy(strstr(changed, "400d"), "399d", 4);
    planner_set_policies(f->planner, parse(changed));
    int64_t again = plan(f, NOW, false);
    assert_true(again > 0 && again < drafted);
    assert_int_equal(again, count(f, "SELECT count(*) FROM application a JOIN policy_version v ON "
                                     "v.id = a.policy_id WHERE a.open AND v.name = 'files'"));
}

static void test_without_policies_it_says_so(void **state)
{
    struct fixture *f = *state;
    struct planner *bare = planner_new(f->db);
    planner_run(bare, &(struct planner_request){.as_of = NOW, .now = NOW}, on_planned, f);
    assert_int_equal(f->told, 0);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_STATE);
    planner_close(bare, on_closed, f);
    wait_told(f, 1);
}

static void test_as_of_another_day(void **state)
{
    struct fixture *f = *state;
    populate(f, 1000);
    assert_int_equal(plan(f, NOW - 100 * TG_DAY, true), 0);
    assert_true(plan(f, NOW + 30 * TG_DAY, true) > 0);
    assert_non_null(
        strstr(tg_buf_text(&f->printed), "\"as_of\":\"2026-12-20T09:00:00Z\",\"dry_run\":true"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_sql_and_decide_agree),
        T(test_skipped_counts_are_those_of_decide),
        T(test_two_planners_draft_nothing_twice),
        T(test_jobs_go_where_the_key_is),
        T(test_the_holders_own_machine_is_chosen),
        T(test_a_changed_name_is_a_change),
        T(test_numbers_keys_and_days),
        T(test_what_was_refused_stays_refused),
        T(test_without_policies_it_says_so),
        T(test_as_of_another_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
