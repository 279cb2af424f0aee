// uses: base json config policy | libs: pq
/* PostgreSQL and policy_decide() agree: the CASE, the VALUES and the due time of the planner's SQL,
 * over thousands of random certificates in a temporary table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <libpq-fe.h>

#include "policy_facts.h"

enum { ROWS = 5000, SQL = 4 * 1024 * 1024 };
static const int64_t now = 1780000000;

static const struct policy_dictionary dictionary = {facts_issuers, TG_COUNT(facts_issuers),
                                                    facts_departments, TG_COUNT(facts_departments)};

static const char rules[] =
    "version: 1\npolicies:\n"
    "  - {name: a, action: observe, match: {issuer: \"*CN=ҰЛТТЫҚ*\", storage: file}}\n"
    "  - {name: b, action: renew, ca: x, renew: {before: 60d, spread: 59d}, match: {issuer: "
    "[\"CN=Alatau*\"], role: [ceo, hr]}}\n"
    "  - {name: c, action: renew, ca: x, match: {issuer: \"CN=Nobody*\"}}\n"
    "  - {name: d, action: watch, match: {department: [\"IT*\", Бухгалтерия]}}\n"
    "  - {name: e, action: renew, ca: x, validity: 3y, renew: {before: 1094d, spread: 1000d}, "
    "match: {storage: token}}\n"
    "  - {name: f, action: renew, ca: x, renew: {before: 1m}, match: {department: \"*\"}}\n";

static PGconn *pg;

static PGresult *run(const char *sql, ExecStatusType expected)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != expected) fail_msg("%s", PQerrorMessage(pg));
    return result;
}

static int open_database(void **state)
{
    (void)state;
    struct tg_buf conninfo = TG_BUF(4096);
    struct tg_err err = {0};
    const char *file = getenv("TAMGA_TEST_PG_FILE");
    assert_non_null(file);
    assert_int_equal(tg_file_read(file, &conninfo, &err), 0);
    pg = PQconnectdb(tg_buf_text(&conninfo));
    tg_buf_done(&conninfo);
    if (PQstatus(pg) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(pg));
    PQclear(run("CREATE TEMPORARY TABLE c (n int PRIMARY KEY, storage smallint NOT NULL, role "
                "smallint NOT NULL, issuer_id int, "
                "department_id int, jitter int NOT NULL, not_before timestamptz NOT NULL, "
                "not_after timestamptz NOT NULL)",
                PGRES_COMMAND_OK));
    return 0;
}

static int close_database(void **state)
{
    (void)state;
    PQfinish(pg);
    return 0;
}

static void fill(struct facts_row *rows)
{
    struct tg_buf sql = TG_BUF(SQL);
    struct tg_err err = {0};
    uint64_t seed = 7;
    tg_buf_puts(&sql, "INSERT INTO c VALUES ");
    for (int i = 0; i < ROWS; i++) {
        facts_random(&seed, now, &rows[i]);
        const struct policy_facts *f = &rows[i].facts;
        tg_buf_printf(&sql,
                      "%s(%d,%d,%d,nullif(%d,0),nullif(%d,0),%d,to_timestamp(%lld),to_timestamp(%"
                      "lld))",
                      i ? "," : "", i, (int)f->storage, (int)f->role, rows[i].issuer_id,
                      rows[i].department_id, rows[i].jitter, (long long)f->not_before,
                      (long long)f->not_after);
    }
    assert_int_equal(tg_buf_ok(&sql, &err), 0);
    PQclear(run(tg_buf_text(&sql), PGRES_COMMAND_OK));
    tg_buf_done(&sql);
}

static PGresult *ask(const struct policy_set *set)
{
    struct tg_buf sql = TG_BUF(SQL);
    struct tg_err err = {0};
    tg_buf_puts(&sql, "SELECT coalesce(g.policy, -1), p.action, " POLICY_DUE_SQL
                      " FROM c CROSS JOIN LATERAL (SELECT ");
    assert_int_equal(policy_case_sql(set, &dictionary, &sql, &err), 0);
    tg_buf_puts(&sql, " AS policy) g LEFT JOIN (VALUES ");
    assert_int_equal(policy_values_sql(set, &sql, &err), 0);
    tg_buf_puts(&sql,
                ") AS p(index, action, before_s, spread_s) ON p.index = g.policy ORDER BY c.n");
    PGresult *result = run(tg_buf_text(&sql), PGRES_TUPLES_OK);
    tg_buf_done(&sql);
    return result;
}

static void postgres_agrees_with_the_decision(void **state)
{
    (void)state;
    struct policy_set *set = NULL;
    struct tg_err err = {0};
    if (policy_parse("p", rules, strlen(rules), NULL, 0, &set, NULL, &err) < 0)
        fail_msg("%s", err.text);
    struct facts_row *rows = tg_calloc(ROWS, sizeof(*rows));
    fill(rows);
    PGresult *result = ask(set);
    assert_int_equal(PQntuples(result), ROWS);
    unsigned compared = 0;
    for (int i = 0; i < ROWS; i++) {
        struct policy_decision d;
        policy_decide(set, &rows[i].facts, now, &d);
        assert_int_equal(strtol(PQgetvalue(result, i, 0), NULL, 10), d.policy);
        if (d.policy < 0) continue;
        assert_int_equal(strtol(PQgetvalue(result, i, 1), NULL, 10), d.action);
        if (d.action != POLICY_ACTION_RENEW) continue;
        assert_int_equal(strtoll(PQgetvalue(result, i, 2), NULL, 10), d.due);
        compared++;
    }
    assert_true(compared > ROWS / 2);
    PQclear(result);
    free(rows);
    policy_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(postgres_agrees_with_the_decision)};
    return cmocka_run_group_tests(tests, open_database, close_database);
}
