// uses: base json config policy
/* The CASE for the planner, evaluated here by a small interpreter, agrees with policy_match() on
 * random certificates; nothing but integers gets into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "policy_facts.h"

static const struct policy_dictionary dictionary = {facts_issuers, TG_COUNT(facts_issuers),
                                                    facts_departments, TG_COUNT(facts_departments)};

static const char rules[] =
    "version: 1\npolicies:\n"
    "  - {name: a, action: observe, match: {issuer: \"*CN=ҰЛТТЫҚ*\", storage: file}}\n"
    "  - {name: b, action: renew, ca: x, match: {issuer: [\"CN=Alatau*\", \"CN=O'Brien*\"], role: "
    "[ceo, hr], department: [\"Finance*\", Sales]}}\n"
    "  - {name: c, action: renew, ca: x, match: {issuer: \"CN=Nobody*\"}}\n"
    "  - {name: d, action: watch, match: {department: [\"IT*\", Бухгалтерия]}, confirm: holder}\n"
    "  - {name: e, action: renew, ca: x, renew: {before: 20d, spread: 3d}, match: {storage: token, "
    "issuer: \"CN=* CA*\"}}\n"
    "  - {name: f, action: watch, match: {role: [employee, finance, individual]}}\n";

static struct policy_set *parse(const char *text)
{
    struct policy_set *set = NULL;
    struct tg_err err = {0};
    if (policy_parse("p", text, strlen(text), NULL, 0, &set, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return set;
}

/* ---- the interpreter: CASE (WHEN term (AND term)* THEN n)+ END ---- */

static bool word(const char **p, const char *expected)
{
    if (!tg_starts(*p, expected)) return false;
    *p += strlen(expected);
    return true;
}

static bool column(const char **p, const struct facts_row *row, long *ret)
{
    if (word(p, "c.storage"))
        *ret = (long)row->facts.storage;
    else if (word(p, "c.role"))
        *ret = (long)row->facts.role;
    else if (word(p, "c.issuer_id"))
        *ret = row->issuer_id;
    else if (word(p, "c.department_id"))
        *ret = row->department_id;
    else
        return false;
    return true;
}

static bool term(const char **p, const struct facts_row *row)
{
    long value = 0;
    bool found = false;
    if (word(p, "true")) return true;
    if (word(p, "false")) return false;
    assert_true(column(p, row, &value));
    assert_true(word(p, " = ANY('{"));
    while (**p != '}') {
        char *end;
        found |=
            strtol(*p, &end, 10) == value && value != 0; /* 0 is NULL, and role 0 is never listed */
        assert_ptr_not_equal(end, *p);
        *p = end + (*end == ',');
    }
    assert_true(word(p, "}'::int[])") || word(p, "}'::smallint[])"));
    return found;
}

static int evaluate(const char *sql, const struct facts_row *row)
{
    const char *p = sql;
    int answer = -1;
    assert_true(word(&p, "CASE"));
    while (word(&p, " WHEN ")) {
        bool holds = term(&p, row);
        while (word(&p, " AND "))
            holds &= term(&p, row);
        assert_true(word(&p, " THEN "));
        char *end;
        long index = strtol(p, &end, 10);
        p = end;
        if (holds && answer < 0) answer = (int)index;
    }
    assert_string_equal(p, " END");
    return answer;
}

static void case_agrees_with_match(void **state)
{
    (void)state;
    struct policy_set *set = parse(rules);
    struct tg_buf sql = TG_BUF(100000);
    struct tg_err err = {0};
    assert_int_equal(policy_case_sql(set, &dictionary, &sql, &err), 0);
    unsigned taken[8] = {0};
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        struct facts_row row;
        facts_random(&seed, 0, &row);
        int expected = policy_match(set, &row.facts);
        assert_int_equal(evaluate(tg_buf_text(&sql), &row), expected);
        taken[expected + 1]++;
    }
    /* The comparison was about something: every policy but "Nobody" took some. */
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(taken[i] > 0, i != 3);
    tg_buf_done(&sql);
    policy_free(set);
}

static void only_integers_get_in(void **state)
{
    (void)state;
    struct policy_set *set = parse(rules);
    struct tg_buf sql = TG_BUF(100000);
    struct tg_err err = {0};
    assert_int_equal(policy_case_sql(set, &dictionary, &sql, &err), 0);
    assert_string_equal(
        tg_buf_text(&sql),
        "CASE WHEN c.storage = ANY('{1}'::smallint[]) AND c.issuer_id = ANY('{9}'::int[]) THEN 0"
        " WHEN c.role = ANY('{2,5}'::smallint[]) AND c.issuer_id = ANY('{3,4,11}'::int[])"
        " AND c.department_id = ANY('{1,2,5}'::int[]) THEN 1"
        " WHEN c.issuer_id = ANY('{}'::int[]) THEN 2"
        " WHEN c.department_id = ANY('{6,8}'::int[]) THEN 3"
        " WHEN c.storage = ANY('{2}'::smallint[]) AND c.issuer_id = ANY('{3,4,7,11}'::int[]) THEN 4"
        " WHEN c.role = ANY('{1,4,6}'::smallint[]) THEN 5 END");
    tg_buf_reset(&sql);
    assert_int_equal(policy_values_sql(set, &sql, &err), 0);
    assert_string_equal(tg_buf_text(&sql), "(0,1,2592000,0),(1,2,2592000,0),(2,2,2592000,0),(3,0,"
                                           "2592000,0),(4,2,1728000,259200),(5,0,2592000,0)");
    assert_int_equal(policy_longest_before(set), 30 * 86400);
    struct tg_buf small = TG_BUF(20);
    assert_int_equal(policy_case_sql(set, &dictionary, &small, &err), TG_E_LIMIT);
    tg_buf_done(&small);
    tg_buf_done(&sql);
    policy_free(set);
}

static void match_all_is_true(void **state)
{
    (void)state;
    struct policy_set *set = parse("version: 1\npolicies:\n  - {name: a, action: watch}\n");
    struct policy_dictionary none = {0};
    struct tg_buf sql = TG_BUF(1000);
    struct tg_err err = {0};
    assert_int_equal(policy_case_sql(set, &none, &sql, &err), 0);
    assert_string_equal(tg_buf_text(&sql), "CASE WHEN true THEN 0 END");
    assert_int_equal(policy_longest_before(set), 0);
    tg_buf_done(&sql);
    policy_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_agrees_with_match),
        cmocka_unit_test(only_integers_get_in),
        cmocka_unit_test(match_all_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
