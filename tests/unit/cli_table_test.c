// uses: cli base json | libs: jansson
/* Tables for people: widths in characters of any alphabet, cut where the screen ends and only
 * there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "captured.h"
#include "cli/cli.h"

static const struct cli_column columns[] = {{"number:whole", "number"}, {"name", "name"},
                                            {"subject:cn", "subject"},  {"ends:date", "ends"},
                                            {"flags", "exceptions"},    {NULL, NULL}};

static json_t *rows(void)
{
    return json_pack("[{s:s,s:s,s:s,s:s,s:[s,s]},{s:s,s:n,s:s}]", "number", "26-000001-9", "name",
                     "Қайрат Әлімжанұлы Нұрғалиев", "subject",
                     "serialNumber=IIN1,CN=Әлия\\, А.,O=Alatau", "ends", "2026-12-01T10:00:00Z",
                     "flags", "copied-key", "weak-old-key", "number", "26-000002-4", "name",
                     "subject", "O=only an organization\x1b[2J");
}

static void table(const char *width, struct captured *said)
{
    TG_AUTO(json) json_t *items = rows();
    assert_int_equal(setenv("COLUMNS", width, 1), 0);
    captured_begin(said);
    cli_print_table(items, columns);
    captured_end(said);
}

static void whole_where_there_is_room(void **state)
{
    (void)state;
    struct captured said;
    table("120", &said);
    assert_string_equal(said.text, "number       name                         subject              "
                                   "       ends        exceptions\n"
                                   "26-000001-9  Қайрат Әлімжанұлы Нұрғалиев  Әлия, А.             "
                                   "       2026-12-01  copied-key,weak-old-key\n"
                                   "26-000002-4  -                            O=only an "
                                   "organization?[2J  -           -\n");
}

/* Long texts give way, numbers and dates do not; the last column is whole. */
static void cut_where_there_is_none(void **state)
{
    (void)state;
    struct captured said;
    table("80", &said);
    assert_string_equal(said.text,
                        "number       name            subject         ends        exceptions\n"
                        "26-000001-9  Қайрат Әлімжа…  Әлия, А.        2026-12-01  "
                        "copied-key,weak-old-key\n"
                        "26-000002-4  -               O=only an org…  -           -\n");
}

/* A silly width ends in the shortest table, not in a loop. */
static void never_shorter_than_it_can(void **state)
{
    (void)state;
    struct captured said, other;
    table("1", &said);
    table("40", &other);
    assert_string_equal(said.text, other.text);
    assert_non_null(strstr(said.text, "26-000001-9  Қайрат Әлім…  "));
    table("not a number", &other);
    assert_non_null(strstr(other.text, "Қайрат Әлімжанұлы Нұрғалиев"));
}

static void lists_count_in_words(void **state)
{
    (void)state;
    struct cli cli = {0};
    struct captured said;
    TG_AUTO(json) json_t *one = json_pack("{s:[{}]}", "items");
    TG_AUTO(json) json_t *none = json_pack("{s:[]}", "items");
    captured_begin(&said);
    assert_int_equal(cli_show_list(&cli, none, columns, "batches"), CLI_DONE);
    assert_int_equal(cli_show_list(&cli, one, columns, "batches"), CLI_DONE);
    assert_int_equal(cli_show_list(&cli, one, columns, "certificates"), CLI_DONE);
    captured_end(&said);
    assert_non_null(strstr(said.text, "0 batches\n"));
    assert_non_null(strstr(said.text, "\n1 batch\n"));
    assert_non_null(strstr(said.text, "\n1 certificate\n"));
    cli.json = true;
    captured_begin(&said);
    (void)cli_show_list(&cli, one, columns, "batches");
    captured_end(&said);
    assert_string_equal(said.text, "{\"items\":[{}]}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_where_there_is_room),
        cmocka_unit_test(cut_where_there_is_none),
        cmocka_unit_test(never_shorter_than_it_can),
        cmocka_unit_test(lists_count_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
