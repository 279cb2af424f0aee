// agent.yaml: defaults, every rule, every complaint at its line; and which paths it covers.
// uses: base json config agent_platform agent_config | libs: jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config.h"
#include "base/bytes.h"
#include "temp_dir.h"

static char dir[64];
static struct tg_err err;

static int setup(void **state)
{
    (void)state;
    temp_dir(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void write_yaml(const char *text)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/agent.yaml", dir);
    assert_int_equal(tg_file_replace(path, text, strlen(text), 0600, &err), 0);
}

static struct agent_config *loaded(const char *text)
{
    struct agent_config *c = NULL;
    if (text) write_yaml(text);
    if (agent_config_load(dir, &c, NULL, &err) < 0) fail_msg("%s", err.text);
    return c;
}

static void without_a_file_there_are_defaults(void **state)
{
    (void)state;
    struct agent_config *c = loaded(NULL);
    assert_null(c->server);
    assert_int_equal(c->jobs, 4);
    assert_int_equal(c->scan_hours, 24);
    assert_int_equal(c->scan_count, 1);
    assert_int_equal(c->scan[0][0], '/');
    assert_int_equal(json_array_size(c->passwords), 0);
    assert_int_equal(c->after_count, 0);
    agent_config_free(c);
}

static void every_rule_is_read(void **state)
{
    (void)state;
    struct agent_config *c =
        loaded("server: https://tamga.example:7444\n"
               "scan: [/srv/keys, \"/home/*/keys\"]\n"
               "passwords:\n"
               "  - { match: \"/srv/*\", file: /etc/tamga/p12 }\n"
               "  - { match: \"/home/*\", prompt: yes }\n"
               "  - { match: \"/opt/*\", command: [/usr/bin/pass, show, p12] }\n"
               "after-install:\n"
               "  - { match: \"/srv/*\", run: [/bin/systemctl, reload, nginx], as: root }\n"
               "  - { run: /bin/true, wait-seconds: 5 }\n"
               "limits: { jobs: 2, scan-hours: 12 }\n");
    assert_string_equal(c->server, "https://tamga.example:7444");
    assert_int_equal(c->scan_count, 2);
    assert_int_equal(json_array_size(c->passwords), 2); /* a person is asked for the third */
    const json_t *command = json_object_get(json_array_get(c->passwords, 1), "command");
    assert_string_equal(json_string_value(json_array_get(command, 2)), "p12");
    assert_int_equal(c->after_count, 2);
    assert_true(c->after[0].as_root);
    assert_int_equal(c->after[0].words_count, 3);
    assert_int_equal(c->after[0].wait_s, 60);
    assert_false(c->after[1].as_root);
    assert_int_equal(c->after[1].wait_s, 5);
    assert_string_equal(c->after[1].match, "/*");
    assert_int_equal(c->jobs, 2);
    assert_int_equal(c->scan_hours, 12);
    agent_config_free(c);
}

static void complains(const char *text, const char *what)
{
    struct agent_config *c = NULL;
    struct tg_buf all = TG_BUF(65536);
    write_yaml(text);
    assert_int_equal(agent_config_load(dir, &c, &all, &err), TG_E_INPUT);
    if (!strstr(tg_buf_text(&all), what)) fail_msg("%s\nlacks: %s", tg_buf_text(&all), what);
    tg_buf_done(&all);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    complains("scann: [/a]\n", "did you mean 'scan'");
    complains("server: http://x\n", "is not https://HOST:PORT");
    complains("scan: [keys]\n", "is not an absolute path");
    complains("passwords:\n  - { match: /a, file: /b, prompt: yes }\n",
              "agent.yaml:2:14: key 'match': one of file, command, prompt is expected");
    complains("passwords:\n  - { match: /a }\n", "one of file, command, prompt");
    complains("passwords:\n  - { match: /a, command: [pass] }\n", "not an absolute path");
    complains("after-install:\n  - { run: [reload] }\n", "not an absolute path");
    complains("after-install:\n  - { run: [/a], wait-seconds: 1000 }\n", "agent.yaml:2:");
    complains("limits: { jobs: 0 }\n", "jobs");
    /* All of them at once. */
    complains("limits: { jobs: 0 }\nscann: 1\n", "agent.yaml:2:1:");
}

static void only_what_lies_below_a_root_is_covered(void **state)
{
    (void)state;
    char yaml[256], path[128];
    (void)snprintf(yaml, sizeof yaml, "scan: [\"%s/home/*\", \"%s/one.p12\"]\n", dir, dir);
    (void)snprintf(path, sizeof path, "%s/home", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/home/aigul", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/one.p12", dir);
    assert_int_equal(tg_file_replace(path, "x", 1, 0600, &err), 0);
    struct agent_config *c = loaded(yaml);
    assert_true(agent_config_covers(c, path));
    static const struct {
        const char *below;
        bool covered;
    } cases[] = {
        {"home/aigul/key.p12", true},
        {"home/aigul", true},
        {"home/aigul/a/b/c.p12", true},
        {"home/aigul2/key.p12", false},
        {"home/key.p12", false},
        {"home", false},
        {"one.p12x", false},
        {"two.p12", false},
        {"home/aigul/../b.p12", false},
        {"home/aigul/..", false},
    };
    for (size_t i = 0; i < TG_COUNT(cases); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, cases[i].below);
        if (agent_config_covers(c, path) != cases[i].covered) fail_msg("%s", path);
    }
    assert_false(agent_config_covers(c, "home/aigul/key.p12"));
    assert_false(agent_config_covers(c, ""));
    agent_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_file_there_are_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(every_rule_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_lies_below_a_root_is_covered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
