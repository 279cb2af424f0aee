// What base says about text, numbers and times.
// uses: base
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/times.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void damm_digit_of_the_example(void **state)
{
    (void)state;
    struct tg_number n = {0};
    char text[TG_NUMBER];
    assert_int_equal(tg_damm("26004217", 8), 4);
    assert_true(tg_number_parse("26-004217-4", &n));
    assert_int_equal(n.year, 26);
    assert_int_equal(n.sequence, 4217);
    tg_number_print(n, text);
    assert_string_equal(text, "26-004217-4");
    assert_int_equal(tg_damm("572", 3), 4); /* the example of the literature */
}

static void damm_finds_every_wrong_digit_and_every_swap(void **state)
{
    (void)state;
    for (uint32_t sequence = 1; sequence < 99999999; sequence = sequence * 3 + 7) {
        struct tg_number n = {sequence % 100, sequence}, other;
        char text[TG_NUMBER], changed[TG_NUMBER];
        tg_number_print(n, text);
        assert_true(tg_number_parse(text, &other));
        assert_int_equal(other.sequence, sequence);
        for (size_t i = 0; text[i]; i++) {
            if (text[i] == '-') continue;
            for (char c = '0'; c <= '9'; c++) {
                memcpy(changed, text, sizeof text);
                changed[i] = c;
                if (c != text[i]) assert_false(tg_number_parse(changed, &other));
            }
            char next = text[i + 1];
            if (next < '0' || next == text[i]) continue;
            memcpy(changed, text, sizeof text);
            changed[i] = next;
            changed[i + 1] = text[i];
            assert_false(tg_number_parse(changed, &other));
        }
    }
}

static void numbers_that_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "26-004217-5",
                                      "26-004217",
                                      "26004217-4",
                                      "26-4217-4",
                                      "26-004217-44",
                                      " 26-004217-4",
                                      "26-004217-4 ",
                                      "26-00421a-4",
                                      "26-004217-x",
                                      "26-0004217-4",
                                      "26-000000-0",
                                      "26-123456789012345678901234567890-1"};
    struct tg_number n;
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        if (tg_number_parse(bad[i], &n)) fail_msg("taken: %s", bad[i]);
    /* seven digits with a leading zero, and a number without a sequence, with right check digits */
    char text[TG_NUMBER];
    (void)snprintf(text, sizeof text, "26-0004217-%u", tg_damm("260004217", 9));
    assert_false(tg_number_parse(text, &n));
    (void)snprintf(text, sizeof text, "26-000000-%u", tg_damm("26000000", 8));
    assert_false(tg_number_parse(text, &n));
}

static void utf8_valid_and_broken(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xd1\x82\xd0\xb0\xd0\xbc\xd2\x93\xd0\xb0",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xd1",
                                      "\xe2\x82",
                                      "\xff",
                                      "a\xfe"};
    for (size_t i = 0; i < TG_COUNT(good); i++)
        assert_true(tg_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < TG_COUNT(bad); i++) {
        if (tg_utf8_valid(bad[i], strlen(bad[i]))) fail_msg("taken: row %zu", i);
        assert_false(tg_utf8_clean(bad[i], strlen(bad[i])));
    }
    const char *p = "\xff"
                    "a",
               *end = p + 2;
    assert_int_equal(tg_utf8_next(&p, end), 0xfffd);
    assert_int_equal(tg_utf8_next(&p, end), 'a');
}

static void every_code_point_comes_back(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        char text[4];
        int len = tg_utf8_put(cp, text);
        bool encodable = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
        assert_int_equal(len != 0, encodable);
        if (!encodable) continue;
        const char *p = text;
        if (tg_utf8_next(&p, text + len) != cp) fail_msg("U+%04X does not come back", cp);
        assert_ptr_equal(p, text + len);
    }
}

static void unclean_text(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0x00,   0x0a,    0x1f,     0x7f,   0x85,   0xad,
                                   0x61c,  0x200b,  0x200d,   0x200e, 0x2028, 0x202e,
                                   0x2060, 0x2066,  0x2069,   0xfdd0, 0xfeff, 0xfffe,
                                   0xffff, 0x1fffe, 0x10ffff, 0xe0041};
    static const uint32_t good[] = {0x20, 0x7e, 0xa0, 0x493, 0x4e2d, 0xfffd, 0x1f600};
    char text[4];
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        if (tg_utf8_clean(text, (size_t)tg_utf8_put(bad[i], text)))
            fail_msg("U+%04X is clean", bad[i]);
    for (size_t i = 0; i < TG_COUNT(good); i++)
        if (!tg_utf8_clean(text, (size_t)tg_utf8_put(good[i], text)))
            fail_msg("U+%04X is not", good[i]);
}

static void plain_integers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "01", "-1",  "+1",
                                      " 1", "1 ", "0x1", "18446744073709551616",
                                      "1e3"};
    uint64_t n = 7;
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        assert_false(tg_parse_u64(bad[i], strlen(bad[i]), UINT64_MAX, &n));
    assert_int_equal(n, 7);
    assert_true(tg_parse_u64("0", 1, 0, &n) && n == 0);
    assert_true(tg_parse_u64("18446744073709551615", 20, UINT64_MAX, &n) && n == UINT64_MAX);
    assert_false(tg_parse_u64("101", 3, 100, &n));
}

static void globs(void **state)
{
    (void)state;
    assert_true(tg_glob("CN=Alatau Issuing CA*", "CN=Alatau Issuing CA 3"));
    assert_true(tg_glob("*", "") && tg_glob("a*b*c", "axxbyybzc") && tg_glob("?", "x"));
    assert_false(tg_glob("a*b", "axxbc") || tg_glob("?", "") || tg_glob("", "a"));
    assert_false(tg_glob("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void likely_words(void **state)
{
    (void)state;
    static const char *const words[] = {"approve", "install", "notify", "validity"};
    assert_string_equal(tg_nearest("aprove", words, 4), "approve");
    assert_string_equal(tg_nearest("validty", words, 4), "validity");
    assert_null(tg_nearest("zebra", words, 4));
}

static void copies_fit_or_say_so(void **state)
{
    (void)state;
    char small[4];
    assert_true(tg_copy(small, sizeof small, "abc"));
    assert_false(tg_copy(small, sizeof small, "abcd"));
    assert_string_equal(small, "");
    assert_false(tg_copyn(small, sizeof small, "a\0b", 3)); /* text that would end early */
    assert_true(tg_starts("tamga1.x", "tamga1.") && tg_ends("a.p12", ".p12"));
    assert_false(tg_starts("t", "tamga") || tg_ends("2", ".p12"));
}

static void times_print_and_parse(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00Z"},
                {-1, "1969-12-31T23:59:59Z"},
                {951782400, "2000-02-29T00:00:00Z"},
                {1767225599, "2025-12-31T23:59:59Z"},
                {4107542400, "2100-03-01T00:00:00Z"},
                {INT64_C(-62135596800), "0001-01-01T00:00:00Z"},
                {INT64_C(253402300799), "9999-12-31T23:59:59Z"}};
    for (size_t i = 0; i < TG_COUNT(rows); i++) {
        char text[TG_TIME];
        int64_t at = 0;
        tg_time_print(rows[i].at, text);
        assert_string_equal(text, rows[i].text);
        assert_true(tg_time_parse(text, 20, &at));
        assert_int_equal(at, rows[i].at);
    }
    char text[TG_TIME];
    tg_time_print(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    tg_time_print(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00Z");
}

static void times_that_do_not_exist(void **state)
{
    (void)state;
    static const char *const bad[] = {"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
                                      "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z", "2026-06-30T23:59:60Z",
                                      "2026-01-01 00:00:00Z", "2026-01-01T00:00:00z",
                                      "2026-01-01T00:00:00",  "2026-1-01T00:00:000Z",
                                      "0000-01-01T00:00:00Z", "2026-01-01T00:00:00+",
                                      "+026-01-01T00:00:00Z", "2026-01-01T00:00:00ZZ"};
    int64_t at;
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        if (tg_time_parse(bad[i], strlen(bad[i]), &at)) fail_msg("taken: %s", bad[i]);
    assert_false(tg_date_parse("2026-02-30", 10, &at));
    assert_true(tg_date_parse("2024-02-29", 10, &at));
    assert_int_equal(at, 1709164800);
}

/* Day by day through 800 years, against plain counting. */
static void calendar_by_counting(void **state)
{
    (void)state;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1600, month = 1, day = 1, weekday = 5; /* a Saturday */
    int64_t at = INT64_C(-11676096000);
    for (; year < 2400; at += TG_DAY) {
        struct tg_civil c;
        tg_civil_from(at + 86399, &c);
        if (c.year != year || c.month != month || c.day != day || c.weekday != weekday)
            fail_msg("%d-%d-%d", year, month, day);
        assert_int_equal(tg_civil_to(&c), at + 86399);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        weekday = (weekday + 1) % 7;
        if (++day <= month_days[month - 1] + (month == 2 && leap)) continue;
        day = 1;
        if (++month <= 12) continue;
        month = 1;
        year++;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damm_digit_of_the_example),
        cmocka_unit_test(damm_finds_every_wrong_digit_and_every_swap),
        cmocka_unit_test(numbers_that_are_refused),
        cmocka_unit_test(utf8_valid_and_broken),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(unclean_text),
        cmocka_unit_test(plain_integers),
        cmocka_unit_test(globs),
        cmocka_unit_test(likely_words),
        cmocka_unit_test(copies_fit_or_say_so),
        cmocka_unit_test(times_print_and_parse),
        cmocka_unit_test(times_that_do_not_exist),
        cmocka_unit_test(calendar_by_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
