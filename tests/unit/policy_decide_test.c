// uses: base json config policy
/* Decisions: why, due times, windows over midnight and over clock changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/times.h"
#include "policy_facts.h"

static int64_t at(const char *text)
{
    int64_t ret = 0;
    assert_true(tg_time_parse(text, strlen(text), &ret));
    return ret;
}

static struct policy_set *parse(const char *text)
{
    struct policy_set *set = NULL;
    struct tg_err err = {0};
    if (policy_parse("p", text, strlen(text), NULL, 0, &set, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return set;
}

static struct policy_facts facts(void)
{
    return (struct policy_facts){.issuer = "CN=A",
                                 .department = "Sales",
                                 .storage = POLICY_STORAGE_FILE,
                                 .role = POLICY_ROLE_EMPLOYEE,
                                 .not_before = at("2026-01-01T00:00:00Z"),
                                 .not_after = at("2027-01-01T00:00:00Z"),
                                 .verifiable = true,
                                 .key_known = true,
                                 .holder = POLICY_HOLDER_ACTIVE,
                                 .open_application = "",
                                 .ended_application = "",
                                 .ended_hash = ""};
}

static const char renew_all[] =
    "version: 1\npolicies:\n  - {name: a, action: renew, ca: x, renew: {before: 30d}}\n";

static void expect(const struct policy_set *set, const struct policy_facts *f, const char *now,
                   enum policy_why why)
{
    struct policy_decision d;
    policy_decide(set, f, at(now), &d);
    assert_string_equal(policy_why_word(d.why), policy_why_word(why));
    assert_int_equal(d.draft, why == POLICY_WHY_DUE);
}

static void every_obstacle_in_its_order(void **state)
{
    (void)state;
    struct policy_set *set = parse(renew_all);
    struct policy_facts f = facts();
    const char *due = "2026-12-02T00:00:00Z";
    expect(set, &f, "2026-12-01T23:59:59Z", POLICY_WHY_EARLY);
    expect(set, &f, due, POLICY_WHY_DUE);
    expect(set, &f, "2026-12-31T23:59:59Z", POLICY_WHY_DUE);
    f.ended_application = "26-004217-4";
    f.ended_hash = "another rule";
    expect(set, &f, due, POLICY_WHY_DUE);
    f.ended_hash = policy_at(set, 0)->hash;
    expect(set, &f, due, POLICY_WHY_ENDED);
    f.open_application = "26-004218-9";
    expect(set, &f, due, POLICY_WHY_OPEN);
    f.key_known = false;
    expect(set, &f, due, POLICY_WHY_NO_KEY);
    f.verifiable = false;
    expect(set, &f, due, POLICY_WHY_UNVERIFIABLE);
    f.holder = POLICY_HOLDER_NONE;
    expect(set, &f, due, POLICY_WHY_NO_HOLDER);
    f.holder = POLICY_HOLDER_LEFT;
    expect(set, &f, due, POLICY_WHY_LEFT);
    expect(set, &f, "2027-01-01T00:00:00Z", POLICY_WHY_EXPIRED);
    f.revoked = true;
    expect(set, &f, "2027-01-01T00:00:00Z", POLICY_WHY_REVOKED);
    f.superseded = true;
    expect(set, &f, due, POLICY_WHY_SUPERSEDED);
    f.ca = true;
    expect(set, &f, due, POLICY_WHY_CA);
    policy_free(set);
}

static void leave_and_a_locked_keystore_do_not_stop_it(void **state)
{
    (void)state;
    struct policy_set *set = parse(renew_all);
    struct policy_facts f = facts();
    f.holder = POLICY_HOLDER_LEAVE;
    f.locked = true;
    expect(set, &f, "2026-12-02T00:00:00Z", POLICY_WHY_DUE);
    policy_free(set);
}

static void first_match_wins_and_none_watches(void **state)
{
    (void)state;
    struct policy_set *set =
        parse("version: 1\npolicies:\n  - {name: a, action: observe, match: {role: [hr, ceo], "
              "storage: token}}\n"
              "  - {name: b, action: watch, match: {department: [Sales*], issuer: \"*=?\"}}\n"
              "  - {name: c, action: renew, ca: x, match: {role: hr}}\n");
    struct policy_facts f = facts();
    assert_int_equal(policy_match(set, &f), 1);
    f.role = POLICY_ROLE_HR;
    assert_int_equal(policy_match(set, &f), 1);
    f.storage = POLICY_STORAGE_TOKEN;
    assert_int_equal(policy_match(set, &f), 0);
    f.storage = POLICY_STORAGE_FILE;
    f.department = "";
    assert_int_equal(policy_match(set, &f), 2);
    f.role = POLICY_ROLE_UNKNOWN;
    assert_int_equal(policy_match(set, &f), -1);
    expect(set, &f, "2026-12-02T00:00:00Z", POLICY_WHY_NO_POLICY);
    policy_free(set);
}

static void spread_is_within_its_bounds_and_even(void **state)
{
    (void)state;
    struct policy_set *set = parse("version: 1\npolicies:\n  - {name: a, action: renew, ca: x, "
                                   "renew: {before: 30d, spread: 5d}}\n");
    struct policy_facts f = facts();
    struct policy_decision d;
    memset(f.sha256, 0, 32);
    policy_decide(set, &f, 0, &d);
    assert_int_equal(d.due, f.not_after - 30 * 86400);
    memset(f.sha256, 0xff, 32);
    policy_decide(set, &f, 0, &d);
    assert_int_equal(d.due, f.not_after - 25 * 86400 - 1);
    assert_int_equal(policy_jitter(f.sha256), INT32_MAX);
    unsigned per_day[5] = {0};
    uint64_t seed = 1;
    for (int i = 0; i < 10000; i++) {
        struct facts_row row;
        facts_random(&seed, 0, &row);
        memcpy(f.sha256, row.facts.sha256, 32);
        policy_decide(set, &f, 0, &d);
        per_day[(d.due - (f.not_after - 30 * 86400)) / 86400]++;
    }
    for (int i = 0; i < 5; i++)
        assert_in_range(per_day[i], 1800, 2200);
    policy_free(set);
}

static void a_certificate_with_a_short_life_is_due_when_it_is_seen(void **state)
{
    (void)state;
    struct policy_set *set = parse(renew_all);
    struct policy_facts f = facts();
    f.not_after = f.not_before + 9 * 86400;
    expect(set, &f, "2026-01-03T23:59:59Z", POLICY_WHY_DUE);
    policy_free(set);
}

static void national_keys_always_wait_for_their_holder(void **state)
{
    (void)state;
    struct policy_set *set =
        parse("version: 1\npolicies:\n  - {name: a, action: renew, ca: x, confirm: none}\n");
    struct policy_facts f = facts();
    struct policy_decision d;
    policy_decide(set, &f, 0, &d);
    assert_int_equal(d.confirm, POLICY_CONFIRM_NONE);
    f.issuer = "C=KZ,CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST) 2022";
    policy_decide(set, &f, 0, &d);
    assert_int_equal(d.confirm, POLICY_CONFIRM_HOLDER);
    policy_free(set);
}

static void next(const char *window, const char *now, const char *expected)
{
    char text[300];
    snprintf(text, sizeof(text),
             "version: 1\npolicies:\n  - {name: a, action: renew, ca: x, renew: {window: {%s}}}\n",
             window);
    struct policy_set *set = parse(text);
    const struct policy_window *w = &policy_at(set, 0)->window;
    char found[TG_TIME];
    int64_t opens = policy_window_next(w, at(now));
    tg_time_print(opens, found);
    assert_string_equal(found, expected);
    assert_int_equal(policy_window_open(w, at(now)), strcmp(now, expected) == 0);
    policy_free(set);
}

static void windows_in_almaty(void **state)
{
    (void)state;
    const char *office = "days: mon-fri, hours: '09:00-18:00', zone: Asia/Almaty";
    next(office, "2026-06-05T03:59:59Z", "2026-06-05T04:00:00Z"); /* a Friday, 09:00 +05 */
    next(office, "2026-06-05T12:59:59Z", "2026-06-05T12:59:59Z");
    next(office, "2026-06-05T13:00:00Z", "2026-06-08T04:00:00Z"); /* 18:00: closed until Monday */
    const char *night = "days: fri, hours: '22:00-06:00', zone: Asia/Almaty";
    next(night, "2026-06-05T16:00:00Z", "2026-06-05T17:00:00Z");
    next(night, "2026-06-05T20:30:00Z", "2026-06-05T20:30:00Z"); /* Saturday 01:30 there */
    next(night, "2026-06-06T00:59:59Z", "2026-06-06T00:59:59Z");
    next(night, "2026-06-06T01:00:00Z", "2026-06-12T17:00:00Z");
    /* The night in which Almaty went from +06 to +05 (2024-03-01 00:00 -> 2024-02-29 23:00, a
     * Thursday): an hour longer. */
    const char *thursday = "days: thu, hours: '22:00-06:00', zone: Asia/Almaty";
    next(thursday, "2024-02-29T15:59:59Z", "2024-02-29T16:00:00Z");
    next(thursday, "2024-03-01T00:59:59Z", "2024-03-01T00:59:59Z");
    next(thursday, "2024-03-01T01:00:00Z", "2024-03-07T17:00:00Z");
}

static void windows_over_clock_changes(void **state)
{
    (void)state;
    const char *day = "hours: '09:00-18:00', zone: America/New_York";
    next(day, "2026-03-07T13:00:00Z", "2026-03-07T14:00:00Z"); /* winter: UTC-5 */
    next(day, "2026-03-08T12:30:00Z", "2026-03-08T13:00:00Z"); /* summer: UTC-4 */
    /* 02:00-03:00 does not exist on that Sunday. */
    const char *gap = "hours: '02:00-03:00', zone: America/New_York";
    next(gap, "2026-03-08T06:59:59Z", "2026-03-09T06:00:00Z");
    /* 01:00-02:00 comes twice on 1 November: open from the first 01:00 to the first 02:00, two
     * hours later. */
    const char *twice = "hours: '01:00-02:00', zone: America/New_York";
    next(twice, "2026-11-01T04:59:59Z", "2026-11-01T05:00:00Z");
    next(twice, "2026-11-01T06:30:00Z", "2026-11-01T06:30:00Z");
    next(twice, "2026-11-01T07:00:00Z", "2026-11-02T06:00:00Z");
    next("hours: '00:00-24:00', days: sun, zone: UTC", "2028-02-27T23:59:59Z",
         "2028-02-27T23:59:59Z");
    next("hours: '00:00-24:00', days: tue, zone: UTC", "2028-02-28T00:00:00Z",
         "2028-02-29T00:00:00Z"); /* leap day */
    next("zone: UTC", "2026-06-05T13:00:00Z", "2026-06-05T13:00:00Z");
    next("days: fri-mon, zone: UTC", "2026-06-02T00:00:00Z", "2026-06-05T00:00:00Z");
}

static void window_delays_the_jobs_not_the_draft(void **state)
{
    (void)state;
    struct policy_set *set = parse("version: 1\npolicies:\n  - {name: a, action: renew, ca: x, "
                                   "renew: {before: 30d, window: {days: mon, zone: UTC}}}\n");
    struct policy_facts f = facts();
    struct policy_decision d;
    policy_decide(set, &f, at("2026-12-02T10:00:00Z"), &d); /* a Wednesday */
    assert_true(d.draft);
    assert_int_equal(d.opens, at("2026-12-07T00:00:00Z"));
    policy_decide(set, &f, at("2026-06-01T00:00:00Z"), &d);
    assert_int_equal(d.opens, at("2026-12-07T00:00:00Z"));
    policy_free(set);
}

static void explanations(void **state)
{
    (void)state;
    struct policy_set *set = parse("version: 1\npolicies:\n  - {name: a, action: renew, ca: x, "
                                   "renew: {before: 30d, spread: 5d, window: {days: mon, "
                                   "hours: '09:00-18:00', zone: Asia/Almaty}}}\n");
    struct policy_facts f = facts();
    f.locked = true;
    struct tg_buf out = TG_BUF(10000);
    policy_explain(set, &f, at("2026-12-01T00:00:00Z"), &out);
    char expected[600];
    snprintf(expected, sizeof(expected),
             "policy: a (p:3), rule %.12s\naction: renew\nexpires: 2027-01-01T00:00:00Z\n"
             "due: 2026-12-02T00:00:00Z (30d before it expires, and its place in a spread of 5d)\n"
             "window: its jobs may run from 2026-12-07T04:00:00Z (09:00-18:00 Asia/Almaty)\n"
             "why: not-yet-due: it is not due yet\n"
             "note: its keystore is locked: the application will wait for the password\n",
             policy_at(set, 0)->hash);
    assert_string_equal(tg_buf_text(&out), expected);
    tg_buf_reset(&out);
    f.open_application = "26-004217-4";
    policy_explain(set, &f, at("2026-12-05T00:00:00Z"), &out);
    assert_non_null(
        strstr(tg_buf_text(&out), "why: open-application: an application is open (26-004217-4)\n"));
    tg_buf_done(&out);
    policy_free(set);
}

static void new_keys_are_strong(void **state)
{
    (void)state;
    struct policy keep = {.key = POLICY_KEY_KEEP}, fixed = {.key = POLICY_KEY_EC_P384};
    static const struct {
        const char *old;
        enum policy_key key;
    } cases[] = {{"rsa-1024", POLICY_KEY_RSA_3072}, {"rsa-2048", POLICY_KEY_RSA_3072},
                 {"rsa-3072", POLICY_KEY_RSA_3072}, {"rsa-4096", POLICY_KEY_RSA_4096},
                 {"rsa-8192", POLICY_KEY_RSA_4096}, {"ec-p256", POLICY_KEY_EC_P256},
                 {"ec-p384", POLICY_KEY_EC_P384},   {"ec-p521", POLICY_KEY_EC_P384},
                 {"ec-p192", POLICY_KEY_EC_P256},   {"ed25519", POLICY_KEY_EC_P256},
                 {"", POLICY_KEY_EC_P256}};
    for (size_t i = 0; i < TG_COUNT(cases); i++) {
        assert_int_equal(policy_new_key(&keep, cases[i].old), cases[i].key);
        assert_int_equal(policy_new_key(&fixed, cases[i].old), POLICY_KEY_EC_P384);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_obstacle_in_its_order),
        cmocka_unit_test(leave_and_a_locked_keystore_do_not_stop_it),
        cmocka_unit_test(first_match_wins_and_none_watches),
        cmocka_unit_test(spread_is_within_its_bounds_and_even),
        cmocka_unit_test(a_certificate_with_a_short_life_is_due_when_it_is_seen),
        cmocka_unit_test(national_keys_always_wait_for_their_holder),
        cmocka_unit_test(windows_in_almaty),
        cmocka_unit_test(windows_over_clock_changes),
        cmocka_unit_test(window_delays_the_jobs_not_the_draft),
        cmocka_unit_test(explanations),
        cmocka_unit_test(new_keys_are_strong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
