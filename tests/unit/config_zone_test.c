// uses: base config
/* The zone reader, held against the C library's own (a test may set TZ) over a century and many
 * zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/times.h"
#include "config/zone.h"

static int64_t at(const char *text)
{
    int64_t ret = 0;
    assert_true(tg_time_parse(text, strlen(text), &ret));
    return ret;
}

static struct tg_zone *load(const char *name)
{
    struct tg_zone *zone = NULL;
    struct tg_err err = {0};
    if (tg_zone_load(name, &zone, &err) < 0) fail_msg("%s", err.text);
    return zone;
}

static void agrees_with_the_c_library(void **state)
{
    (void)state;
    static const char *const names[] = {"Asia/Almaty",
                                        "America/New_York",
                                        "Europe/Berlin",
                                        "Australia/Lord_Howe",
                                        "Asia/Kathmandu",
                                        "Pacific/Apia",
                                        "America/Sao_Paulo",
                                        "Africa/Casablanca",
                                        "America/Nuuk",
                                        "Europe/Dublin",
                                        "Pacific/Auckland",
                                        "Asia/Gaza",
                                        "UTC"};
    for (size_t i = 0; i < TG_COUNT(names); i++) {
        struct tg_zone *zone = load(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t t = at("1950-01-01T00:30:07Z"); t < at("2110-01-01T00:00:00Z");
             t += 13 * 3600 + 17) {
            time_t c = (time_t)t;
            struct tm tm;
            localtime_r(&c, &tm);
            if (tm.tm_gmtoff != tg_zone_offset(zone, t)) {
                char text[TG_TIME];
                tg_time_print(t, text);
                fail_msg("%s at %s: %ld, C library %ld", names[i], text,
                         (long)tg_zone_offset(zone, t), tm.tm_gmtoff);
            }
        }
        tg_zone_free(zone);
    }
    unsetenv("TZ");
    tzset();
}

static void wall_time_to_utc(void **state)
{
    (void)state;
    struct tg_zone *ny = load("America/New_York"), *almaty = load("Asia/Almaty");
    assert_int_equal(tg_zone_utc(ny, at("2026-07-01T09:00:00Z")), at("2026-07-01T13:00:00Z"));
    /* 02:30 does not exist on 8 March 2026: the instant after the jump. */
    assert_int_equal(tg_zone_utc(ny, at("2026-03-08T02:30:00Z")), at("2026-03-08T07:00:00Z"));
    assert_int_equal(tg_zone_utc(ny, at("2026-03-08T03:00:00Z")), at("2026-03-08T07:00:00Z"));
    /* 01:30 comes twice on 1 November 2026: the first. */
    assert_int_equal(tg_zone_utc(ny, at("2026-11-01T01:30:00Z")), at("2026-11-01T05:30:00Z"));
    assert_int_equal(tg_zone_utc(ny, at("2060-07-01T09:00:00Z")), at("2060-07-01T13:00:00Z"));
    /* Almaty went from +06 to +05 on 1 March 2024. */
    assert_int_equal(tg_zone_offset(almaty, at("2024-02-29T17:59:59Z")), 6 * 3600);
    assert_int_equal(tg_zone_offset(almaty, at("2024-02-29T18:00:00Z")), 5 * 3600);
    assert_int_equal(tg_zone_utc(almaty, at("2026-06-01T00:00:00Z")), at("2026-05-31T19:00:00Z"));
    tg_zone_free(ny);
    tg_zone_free(almaty);
}

static void names_and_missing_files(void **state)
{
    (void)state;
    struct tg_zone *zone = NULL;
    struct tg_err err = {0};
    static const char *const bad[] = {"",     "/etc/passwd", "../../etc/passwd", "Asia/../x",
                                      "a//b", "Asia/",       "Asia Almaty",      "a.b"};
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        assert_int_equal(tg_zone_load(bad[i], &zone, &err), TG_E_INPUT);
    assert_int_equal(tg_zone_load("Asia/Almata", &zone, &err), TG_E_NOT_FOUND);
    assert_int_equal(tg_zone_load("Asia", &zone, &err), TG_E_NOT_FOUND);
    assert_int_equal(tg_zone_load_from("/nonexistent", "Asia/Almaty", &zone, &err), TG_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "package tzdata"));
    assert_int_equal(tg_zone_load_from("/nonexistent", "UTC", &zone, &err), 0);
    assert_int_equal(tg_zone_offset(zone, 0), 0);
    assert_string_equal(tg_zone_name(zone), "UTC");
    tg_zone_free(zone);
}

/* A version 1 file with one type; then everything that may be wrong with it. */
static void hostile_files(void **state)
{
    (void)state;
    uint8_t file[44 + 6 + 4] = "TZif";
    file[39] = 1;                     /* typecnt */
    file[43] = 4;                     /* charcnt */
    file[46] = 0x46, file[47] = 0x50; /* 18000 s */
    struct tg_zone *zone = NULL;
    struct tg_err err = {0};
    assert_int_equal(tg_zone_parse("x", file, sizeof(file), &zone, &err), 0);
    assert_int_equal(tg_zone_offset(zone, 0), 18000);
    assert_int_equal(tg_zone_offset(zone, INT64_MAX), 18000);
    assert_int_equal(tg_zone_offset(zone, INT64_MIN), 18000);
    tg_zone_free(zone);
    for (size_t len = 0; len < sizeof(file); len++)
        assert_int_equal(tg_zone_parse("x", file, len, &zone, &err), TG_E_INPUT);
    for (size_t field = 20; field < 44; field += 4) {
        uint8_t huge[sizeof(file)];
        memcpy(huge, file, sizeof(file));
        memset(huge + field, 0xff, 4);
        assert_int_equal(tg_zone_parse("x", huge, sizeof(huge), &zone, &err), TG_E_INPUT);
    }
    file[44] = 0x7f; /* an offset of years */
    assert_int_equal(tg_zone_parse("x", file, sizeof(file), &zone, &err), TG_E_INPUT);
}

static void footer(const char *rule, int expected)
{
    uint8_t file[200] = "TZif2";
    file[39] = 1;
    memcpy(file + 50, "TZif2", 5);
    file[50 + 39] = 1;
    int len = snprintf((char *)file + 100, 90, "\n%s\n", rule);
    struct tg_zone *zone = NULL;
    struct tg_err err = {0};
    assert_int_equal(tg_zone_parse(rule, file, 100 + (size_t)len, &zone, &err), expected);
    if (expected == 0) tg_zone_offset(zone, at("2030-01-01T00:00:00Z"));
    tg_zone_free(zone);
}

static void footers(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "<+05>-5",
                                       "EST5EDT,M3.2.0,M11.1.0",
                                       "IST-1GMT0,M10.5.0,M3.5.0/1",
                                       "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                       "AAA0BBB,J60/167,300/-167:59:59"};
    static const char *const bad[] = {"5",
                                      "<+05",
                                      "AB1",
                                      "EST",
                                      "EST5EDT",
                                      "EST5EDT,M3.2.0",
                                      "EST5EDT,M13.2.0,M11.1.0",
                                      "EST5EDT,M3.6.0,M11.1.0",
                                      "EST5EDT,M3.2.7,M11.1.0",
                                      "EST5EDT,J0,J1",
                                      "EST5EDT,1/168,2",
                                      "EST5EDT,M3.2.0,M11.1.0,",
                                      "EST99",
                                      "\xff\xff\xff"
                                      "5"};
    for (size_t i = 0; i < TG_COUNT(good); i++)
        footer(good[i], 0);
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        footer(bad[i], TG_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(wall_time_to_utc),
        cmocka_unit_test(names_and_missing_files),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(footers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
