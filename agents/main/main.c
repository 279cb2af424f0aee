/* tamga-agent: reads the command line against the table and runs one command. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/clock.h"
#include "main_in.h"

#define DEFAULT_STATE "/var/lib/tamga-agent"

static const struct main_command commands[] = {
    {"enroll",
     "",
     0,
     "makes this workstation known to a server, once",
     command_enroll,
     {{"--server", "URL", "https://HOST:PORT of the service (default: of agent.yaml)"},
      {"--token", "T", "from `tamga agents token`"},
      {"--token-file", "FILE", "the token in a file"},
      {"--host", "NAME", "what this workstation is called (default: its host name)"},
      {"--no-wait", NULL, "do not wait for an administrator to accept"}}},
    {"run",
     "",
     0,
     "the agent itself: keeps the connection, does what is asked",
     command_run,
     {{0}}},
    {"scan",
     "[PATH...]",
     MAIN_WORDS,
     "reads keystores and prints what they hold; needs no server",
     command_scan,
     {{"--password-file", "FILE", "passwords to try, one UTF-8 password a line"}}},
    {"confirm",
     "[NUMBER]",
     1,
     "shows an application that waits for you, and confirms it",
     command_confirm,
     {{"--password-file", "FILE", "the keystore's password: the file's first line"},
      {"--yes", NULL, "the details are right: do not ask"},
      {"--list", NULL, "only show what waits"}}},
    {"status", "", 0, "what the running agent is doing", command_status, {{0}}},
    {"install",
     "",
     0,
     "installs a bundle that came by hand; the agent checks all of it",
     command_install,
     {{"--bundle", "FILE", "from `tamga applications bundle NUMBER`"}}},
    {"job", "", 0, NULL, command_job, {{0}}},
};

enum main_exit command_job(struct main_args *a)
{
    (void)a;
    return agent_job_main() == 0 ? MAIN_DONE : MAIN_REFUSED;
}

const char *main_value(const struct main_args *a, const char *option)
{
    for (size_t i = 0; i < MAIN_OPTIONS && a->command->options[i].name; i++)
        if (strcmp(a->command->options[i].name, option) == 0) return a->values[i];
    TG_CHECK(!"an option that the table does not have");
    return NULL;
}

static enum main_exit exit_of(int code)
{
    if (code == TG_E_USAGE) return MAIN_USAGE;
    return code == TG_E_NETWORK || code == TG_E_TIMEOUT ? MAIN_UNREACHABLE : MAIN_REFUSED;
}

void main_print_json(json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT);
    if (text) puts(text);
    free(text);
    json_decref(o);
}

enum main_exit main_fail(struct main_args *a)
{
    static const char *const advice[] = {
        [TG_NEXT_RETRY] = "try again later",
        [TG_NEXT_ASK] = "a person must act first",
        [TG_NEXT_REFUSE] = NULL,
        [TG_NEXT_BUG] = "this is a bug: please report it",
    };
    enum tg_next next = tg_code_next(a->err.code);
    if (a->json)
        main_print_json(json_pack("{s:{s:s,s:s,s:s}}", "error", "code", tg_code_word(a->err.code),
                                  "next", tg_next_word(next), "text", a->err.text));
    fprintf(stderr, "tamga-agent: %s%s%s\n", a->err.text, advice[next] ? "; " : "",
            advice[next] ? advice[next] : "");
    return exit_of(a->err.code);
}

enum main_exit main_usage(struct main_args *a, const char *what)
{
    fprintf(stderr, "tamga-agent: %s; usage: tamga-agent %s%s%s; see --help\n", what,
            a->command->name, a->command->words[0] ? " " : "", a->command->words);
    return MAIN_USAGE;
}

static void print_value(const char *key, const json_t *value)
{
    if (json_is_string(value) && json_string_value(value)[0])
        printf("%s: %s\n", key, json_string_value(value));
    else if (json_is_integer(value))
        printf("%s: %lld\n", key, (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        printf("%s: %s\n", key, json_is_true(value) ? "yes" : "no");
}

enum main_exit main_show(struct main_args *a, json_t *o)
{
    const char *key;
    json_t *value;
    if (a->json) {
        main_print_json(o);
        return MAIN_DONE;
    }
    json_object_foreach(o, key, value) print_value(key, value);
    json_decref(o);
    return MAIN_DONE;
}

static void print_help(const struct main_command *only)
{
    if (!only) printf("tamga-agent: renews this workstation's certificates.\n\n");
    for (size_t i = 0; i < TG_COUNT(commands); i++) {
        const struct main_command *c = &commands[i];
        if (!c->help || (only && only != c)) continue;
        printf("  tamga-agent %s%s%s\n      %s\n", c->name, c->words[0] ? " " : "", c->words,
               c->help);
        for (size_t k = 0; k < MAIN_OPTIONS && c->options[k].name; k++)
            printf("      %s%s%s  %s\n", c->options[k].name, c->options[k].value ? " " : "",
                   c->options[k].value ? c->options[k].value : "", c->options[k].help);
    }
    printf("\nEvery command has --json, --help and --state DIR (default $TAMGA_AGENT_STATE, "
           "else " DEFAULT_STATE
           ").\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 not reachable.\n");
}

static const struct main_command *find_command(const char *name)
{
    const char *words[TG_COUNT(commands)];
    size_t n = 0;
    for (size_t i = 0; i < TG_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
        if (commands[i].help) words[n++] = commands[i].name;
    }
    const char *near = tg_nearest(name, words, n);
    fprintf(stderr, "tamga-agent: no command \"%s\"%s%s%s; see tamga-agent --help\n", name,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

/* --name=value or --name value; false when it is not an option of this command. */
static bool take_option(struct main_args *a, char **argv, int *i)
{
    const char *arg = argv[*i];
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    if (len == 7 && strncmp(arg, "--state", 7) == 0) {
        a->dir = equals ? equals + 1 : argv[++*i];
        return a->dir != NULL;
    }
    for (size_t k = 0; k < MAIN_OPTIONS && a->command->options[k].name; k++) {
        const struct main_option *o = &a->command->options[k];
        if (strlen(o->name) != len || strncmp(o->name, arg, len) != 0) continue;
        if (o->value)
            a->values[k] = equals ? equals + 1 : argv[++*i];
        else
            a->values[k] = equals ? NULL : "";
        return a->values[k] != NULL;
    }
    return false;
}

static enum main_exit wrong_option(struct main_args *a, const char *arg)
{
    const char *words[MAIN_OPTIONS + 3] = {"--state", "--json", "--help"};
    char name[64], what[200];
    size_t n = 3;
    for (size_t k = 0; k < MAIN_OPTIONS && a->command->options[k].name; k++)
        words[n++] = a->command->options[k].name;
    (void)tg_copyn(name, sizeof name, arg, strcspn(arg, "="));
    for (size_t k = 0; k < n; k++)
        if (strcmp(name, words[k]) == 0) {
            snprintf(what, sizeof what, "%.60s: its value is missing or not wanted", name);
            return main_usage(a, what);
        }
    const char *near = name[0] ? tg_nearest(name, words, n) : NULL;
    snprintf(what, sizeof what, "%.60s: unknown option%s%s%s", arg, near ? "; did you mean \"" : "",
             near ? near : "", near ? "\"?" : "");
    return main_usage(a, what);
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static enum main_exit run_command(struct main_args *a, char **argv, int i)
{
    bool only_words = false;
    for (; argv[i]; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && is_help(argv[i])) {
            print_help(a->command);
            return MAIN_DONE;
        } else if (!only_words && strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            const char *arg = argv[i];
            if (take_option(a, argv, &i)) continue;
            return wrong_option(a, arg);
        } else if (a->words_count < a->command->max_words && a->words_count < MAIN_WORDS) {
            a->words[a->words_count++] = argv[i];
        } else {
            return main_usage(a, "too many arguments");
        }
    }
    return a->command->run(a);
}

int main(int argc, char **argv)
{
    static struct main_args a; /* static: large, and zeroed */
    tg_secret_no_core();
    tg_log_setup(TG_LOG_INFO, TG_LOG_LOGFMT, tg_clock_log);
    signal(SIGPIPE, SIG_IGN);
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            printf("tamga-agent %s\n", TAMGA_VERSION);
            return MAIN_DONE;
        }
        if (is_help(argv[i])) {
            print_help(NULL);
            return MAIN_DONE;
        }
        if (strcmp(argv[i], "--json") == 0) {
            a.json = true;
            continue;
        }
        fprintf(stderr, "tamga-agent: %s: unknown option; see tamga-agent --help\n", argv[i]);
        return MAIN_USAGE;
    }
    if (i >= argc) {
        print_help(NULL);
        return MAIN_USAGE;
    }
    const char *state = getenv("TAMGA_AGENT_STATE");
    a.dir = state && state[0] ? state : DEFAULT_STATE;
    a.command = find_command(argv[i]);
    return (int)(a.command ? run_command(&a, argv, i + 1) : MAIN_USAGE);
}
