// uses: cli base json | libs: jansson
/* The command line of tamga: options in every place and shape, what is near to a wrong word, what
 * is missing. Nothing here is run, only read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "captured.h"
#include "cli/table.h"

static struct cli cli;

/* What cli_parse answers to these words; what it printed is in `text`. */
static enum cli_exit parse(struct captured *said, const char *const *words)
{
    char **argv = (char **)(uintptr_t)words; /* only read */
    bool help = false;
    memset(&cli, 0, sizeof cli);
    captured_begin(said);
    enum cli_exit rc = cli_parse(&cli, argv, &help);
    captured_end(said);
    return rc;
}
#define PARSE(said, ...) parse(said, (const char *const[]){"tamga", __VA_ARGS__, NULL})

static void options_in_every_shape(void **state)
{
    (void)state;
    struct captured said;
    assert_int_equal(PARSE(&said, "--json", "--state=/a", "batch", "approve", "26-1", "--keystore",
                           "k"),
                     CLI_DONE);
    assert_true(cli.json);
    assert_string_equal(cli.state, "/a");
    assert_string_equal(cli_value(&cli, "--keystore"), "k");
    assert_false(cli_has(&cli, "--yes"));
    assert_string_equal(cli.words[0], "26-1");
    assert_int_equal(PARSE(&said, "batch", "approve", "--keystore=k=1", "--yes", "26-1", "--state",
                           "/b"),
                     CLI_DONE);
    assert_string_equal(cli_value(&cli, "--keystore"), "k=1");
    assert_true(cli_has(&cli, "--yes"));
    assert_string_equal(cli.state, "/b");
    assert_int_equal(PARSE(&said, "certificates", "import", "--", "--json"), CLI_DONE);
    assert_string_equal(cli.words[0], "--json");
    assert_false(cli.json);
}

/* A command's own option wins over the one that all have. */
static void own_option_first(void **state)
{
    (void)state;
    struct captured said;
    assert_int_equal(PARSE(&said, "applications", "list", "--state", "drafted"), CLI_DONE);
    assert_null(cli.state);
    assert_string_equal(cli_value(&cli, "--state"), "drafted");
}

static void refused(enum cli_exit rc, const struct captured *said, const char *words)
{
    assert_int_equal(rc, CLI_USAGE);
    if (!strstr(said->text, words)) fail_msg("\"%s\" is not in \"%s\"", words, said->text);
}

static void every_slip_is_named(void **state)
{
    (void)state;
    struct captured said;
    refused(PARSE(&said, "batc"), &said, "did you mean \"batch\"?; see tamga --help");
    refused(PARSE(&said, "batch", "aprove"), &said,
            "did you mean \"batch approve\"?; see tamga batch --help");
    refused(PARSE(&said, "batch"), &said, "batch: one of its commands is missing");
    refused(PARSE(&said, "batch", "approve", "26-1", "--keystor", "x"), &said,
            "did you mean \"--keystore\"?");
    refused(PARSE(&said, "--jsn", "status"), &said, "did you mean \"--json\"?");
    refused(PARSE(&said, "batch", "approve", "26-1", "--keystore"), &said,
            "--keystore: its value is missing");
    refused(PARSE(&said, "status", "--state"), &said, "--state: its value is missing");
    refused(PARSE(&said, "--client"), &said, "--client: its value is missing");
    refused(PARSE(&said, "plan", "--dry-run=yes"), &said, "takes no value");
    refused(PARSE(&said, "status", "more"), &said,
            "too many arguments; usage: tamga status; see tamga status --help");
    refused(PARSE(&said, "batch", "show"), &said,
            "an argument is missing; usage: tamga batch show BATCH");
    refused(PARSE(&said, "applications", "correct", "26-000001-9"), &said,
            "an argument is missing");
}

static void help_in_every_place(void **state)
{
    (void)state;
    struct captured said;
    const char *const lines[][4] = {{"--help"},
                                    {"-h"},
                                    {"help"},
                                    {"help", "batch"},
                                    {"batch", "-h"},
                                    {"batch", "--help"},
                                    {"help", "batch", "approve"},
                                    {"batch", "approve", "--help"}};
    for (size_t i = 0; i < TG_COUNT(lines); i++) {
        const char *words[6] = {"tamga"};
        for (size_t k = 0; k < 4; k++)
            words[k + 1] = lines[i][k];
        bool help = false;
        memset(&cli, 0, sizeof cli);
        captured_begin(&said);
        assert_int_equal(cli_parse(&cli, (char **)(uintptr_t)words, &help), CLI_DONE);
        captured_end(&said);
        assert_true(help);
        assert_non_null(strstr(said.text, "tamga batch approve BATCH [OPTION...]"));
        assert_true(i < 6 || strstr(said.text, "--password-file FILE"));
        assert_true(i < 3 || !strstr(said.text, "tamga status"));
    }
}

/* Every command: help of one sentence, options that begin with two dashes, none that stands twice.
 */
static void table_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_commands_count; i++) {
        const struct cli_command *c = &cli_commands[i];
        struct captured said;
        assert_non_null(c->run);
        assert_true(c->min_words <= c->max_words && c->max_words <= CLI_WORDS);
        assert_int_equal(c->help[strlen(c->help) - 1], '.');
        for (size_t k = 0; c->options[k].name; k++) {
            assert_true(strncmp(c->options[k].name, "--", 2) == 0 && c->options[k].help[0]);
            for (size_t m = 0; m < k; m++)
                assert_string_not_equal(c->options[k].name, c->options[m].name);
        }
        for (size_t k = 0; k < i; k++)
            assert_true(strcmp(cli_commands[k].group, c->group) != 0 ||
                        strcmp(cli_commands[k].verb, c->verb) != 0);
        if (c->verb[0])
            assert_int_equal(PARSE(&said, c->group, c->verb, "--help"), CLI_DONE);
        else
            assert_int_equal(PARSE(&said, c->group, "--help"), CLI_DONE);
        assert_non_null(strstr(said.text, c->help));
    }
}

/* The whole help, as it was when somebody last looked at it: tests/snapshots/cli_help.txt. */
static void help_is_as_seen(void **state)
{
    (void)state;
    static char seen[1 << 16];
    struct captured said;
    FILE *f = fopen(TESTS_DIR "/snapshots/cli_help.txt", "re");
    assert_non_null(f);
    size_t n = fread(seen, 1, sizeof seen - 1, f);
    (void)fclose(f);
    seen[n] = '\0';
    assert_int_equal(PARSE(&said, "--help"), CLI_DONE);
    assert_string_equal(said.text, seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_every_shape), cmocka_unit_test(own_option_first),
        cmocka_unit_test(every_slip_is_named),    cmocka_unit_test(help_in_every_place),
        cmocka_unit_test(table_is_whole),         cmocka_unit_test(help_is_as_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
