/* The command line against the table: finds the command, reads its options, says what is near to
 * what was not found, runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/table.h"

static void print_command(const struct cli_command *c)
{
    printf("  tamga %s%s%s%s%s%s\n      %s\n", c->group, c->verb[0] ? " " : "", c->verb,
           c->words[0] ? " " : "", c->words, c->options[0].name ? " [OPTION...]" : "", c->help);
}

static void print_help(const char *group)
{
    printf("tamga: renews the certificates of a whole organization.\n"
           "usage: tamga [--json] [--state DIR | --client FILE] COMMAND ...\n\n");
    for (size_t i = 0; i < cli_commands_count; i++)
        if (!group || strcmp(group, cli_commands[i].group) == 0) print_command(&cli_commands[i]);
    printf("\nEvery command has --help and --json. Exit codes: 0 done, 1 refused or failed, 2 "
           "usage, 3 not reachable.\n");
}

static void print_command_help(const struct cli_command *c)
{
    printf("usage:\n");
    print_command(c);
    printf("options:\n");
    for (const struct cli_option *o = c->options; o->name; o++)
        printf("  %s%s%s\n      %s\n", o->name, o->value ? " " : "", o->value ? o->value : "",
               o->help);
    printf("  --json\n      one JSON object instead of text\n"
           "  --state DIR\n      folder of a service on this machine (default $TAMGA_STATE, else "
           "/var/lib/tamga)\n"
           "  --client FILE\n      a remote service (default ~/.config/tamga/client.yaml where it "
           "exists)\n");
}

static const struct cli_command *find_command(const char *group, const char *verb)
{
    for (size_t i = 0; i < cli_commands_count; i++) {
        const struct cli_command *c = &cli_commands[i];
        if (strcmp(c->group, group) == 0 && (!c->verb[0] || (verb && strcmp(c->verb, verb) == 0)))
            return c;
    }
    return NULL;
}

static bool is_group(const char *group)
{
    for (size_t i = 0; i < cli_commands_count; i++)
        if (strcmp(cli_commands[i].group, group) == 0) return true;
    return false;
}

static enum cli_exit no_such_command(const char *group, const char *verb)
{
    const char *words[128];
    size_t n = 0;
    bool known = false;
    for (size_t i = 0; i < cli_commands_count && n < TG_COUNT(words); i++) {
        const struct cli_command *c = &cli_commands[i];
        if (strcmp(c->group, group) == 0) {
            if (!known) n = 0;
            known = true;
            words[n++] = c->verb;
        } else if (!known) {
            words[n++] = c->group;
        }
    }
    if (known && !verb) {
        print_help(group);
        fprintf(stderr, "tamga: %s: one of its commands is missing\n", group);
        return CLI_USAGE;
    }
    const char *near = tg_nearest(known ? verb : group, words, n);
    fprintf(stderr, "tamga: no command \"%s%s%s\"", group, known ? " " : "", known ? verb : "");
    if (near)
        fprintf(stderr, "; did you mean \"%s%s%s\"?", known ? group : "", known ? " " : "", near);
    fprintf(stderr, "; see tamga %s%s--help\n", known ? group : "", known ? " " : "");
    return CLI_USAGE;
}

/* The value of `--name=value` or of `--name value`; NULL when there is none. */
static const char *value_of(char **argv, int *i)
{
    const char *equals = strchr(argv[*i], '=');
    if (equals) return equals + 1;
    return argv[*i + 1] ? argv[++*i] : NULL;
}

static bool is_option(const char *arg, const char *name)
{
    size_t len = strcspn(arg, "=");
    return strlen(name) == len && strncmp(name, arg, len) == 0;
}

/* 1: it was an option of this command; 0: it was not; -1: it was, and its value is wrong. */
static int take_option(struct cli *cli, char **argv, int *i)
{
    const char *arg = argv[*i];
    for (size_t k = 0; cli->command && k < CLI_OPTIONS && cli->command->options[k].name; k++) {
        const struct cli_option *o = &cli->command->options[k];
        if (!is_option(arg, o->name)) continue;
        if (o->value)
            cli->values[k] = value_of(argv, i);
        else
            cli->values[k] = strchr(arg, '=') ? NULL : "";
        return cli->values[k] ? 1 : -1;
    }
    return 0;
}

/* The same of the options that every command has. */
static int take_common(struct cli *cli, char **argv, int *i)
{
    const char *arg = argv[*i];
    if (strcmp(arg, "--json") == 0) {
        cli->json = true;
        return 1;
    }
    const char **to = is_option(arg, "--state")    ? &cli->state
                      : is_option(arg, "--client") ? &cli->server
                                                   : NULL;
    if (!to) return 0;
    *to = value_of(argv, i);
    return *to ? 1 : -1;
}

static enum cli_exit unknown_option(const struct cli *cli, const char *arg)
{
    const char *words[CLI_OPTIONS + 4] = {"--json", "--state", "--client", "--help"};
    size_t n = 4;
    char name[64];
    for (size_t k = 0; cli->command && k < CLI_OPTIONS && cli->command->options[k].name; k++)
        words[n++] = cli->command->options[k].name;
    (void)tg_copyn(name, sizeof name, arg, strcspn(arg, "="));
    const char *near = name[0] ? tg_nearest(name, words, n) : NULL;
    const struct cli_command *c = cli->command;
    fprintf(stderr, "tamga: %s: unknown option", arg);
    if (near) fprintf(stderr, "; did you mean \"%s\"?", near);
    fprintf(stderr, "; see tamga %s%s%s%s--help\n", c ? c->group : "", c ? " " : "",
            c && c->verb[0] ? c->verb : "", c && c->verb[0] ? " " : "");
    return CLI_USAGE;
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static enum cli_exit parse_command(struct cli *cli, char **argv, int i, bool *ret_help)
{
    bool only_words = false;
    for (; argv[i]; i++) {
        char *arg = argv[i];
        if (!only_words && is_help(arg)) {
            print_command_help(cli->command);
            *ret_help = true;
            return CLI_DONE;
        }
        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = true;
            continue;
        }
        if (!only_words && arg[0] == '-' && arg[1]) {
            /* A command's own option comes first: `applications list --state S` is no folder. */
            int rc = take_option(cli, argv, &i);
            if (rc == 0) rc = take_common(cli, argv, &i);
            if (rc == 0) return unknown_option(cli, arg);
            if (rc < 0) {
                fprintf(stderr, "tamga: %s: %s; see --help\n", arg,
                        strchr(arg, '=') ? "this option takes no value" : "its value is missing");
                return CLI_USAGE;
            }
            continue;
        }
        if (cli->words_count == (size_t)cli->command->max_words)
            return cli_usage(cli, "too many arguments");
        cli->words[cli->words_count++] = arg;
    }
    if (cli->words_count < (size_t)cli->command->min_words)
        return cli_usage(cli, "an argument is missing");
    return CLI_DONE;
}

/* Options before the command: those that every command has. -1: go on with argv[*i]. */
static int parse_front(struct cli *cli, char **argv, int *i, bool *ret_help)
{
    for (; argv[*i] && argv[*i][0] == '-'; ++*i) {
        const char *arg = argv[*i];
        if (strcmp(arg, "--version") == 0 || is_help(arg)) {
            *ret_help = true;
            if (is_help(arg))
                print_help(NULL);
            else
                printf("tamga %s\n", TAMGA_VERSION);
            return CLI_DONE;
        }
        int rc = take_common(cli, argv, i);
        if (rc == 0) return unknown_option(cli, arg);
        if (rc < 0) {
            fprintf(stderr, "tamga: %s: its value is missing; see tamga --help\n", arg);
            return CLI_USAGE;
        }
    }
    return -1;
}

enum cli_exit cli_parse(struct cli *cli, char **argv, bool *ret_help)
{
    int i = argv[0] ? 1 : 0;
    *ret_help = false;
    int rc = parse_front(cli, argv, &i, ret_help);
    if (rc >= 0) return (enum cli_exit)rc;
    bool help = argv[i] && strcmp(argv[i], "help") == 0;
    if (help) i++;
    if (!argv[i]) {
        print_help(NULL);
        *ret_help = help;
        return help ? CLI_DONE : CLI_USAGE;
    }
    const char *group = argv[i], *verb = argv[i + 1] && argv[i + 1][0] != '-' ? argv[i + 1] : NULL;
    cli->command = find_command(group, verb);
    if (!cli->command) {
        help = help || (argv[i + 1] && is_help(argv[i + 1]));
        if (!help || verb || !is_group(group)) return no_such_command(group, verb);
        print_help(group);
        *ret_help = true;
        return CLI_DONE;
    }
    if (help) {
        print_command_help(cli->command);
        *ret_help = true;
        return CLI_DONE;
    }
    return parse_command(cli, argv, i + (cli->command->verb[0] ? 2 : 1), ret_help);
}

enum cli_exit cli_main(int argc, char **argv)
{
    static struct cli cli; /* static: large, and zeroed */
    bool help = false;
    tg_secret_no_core();
    tg_log_setup(TG_LOG_ERROR, TG_LOG_LOGFMT, cli_now);
    signal(SIGPIPE, SIG_IGN);
    (void)argc;
    enum cli_exit rc = cli_parse(&cli, argv, &help);
    return rc == CLI_DONE && !help ? cli.command->run(&cli) : rc;
}
