/* tamga: reads the command line against the table and runs one command. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "table.h"

static void print_command(const struct cli_command *c)
{
    printf("  tamga %s%s%s%s%s\n      %s\n", c->group, c->verb[0] ? " " : "", c->verb,
           c->words[0] ? " " : "", c->words, c->help);
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
    const char *word = known ? (verb ? verb : "") : group;
    const char *near = tg_nearest(word, words, n);
    fprintf(stderr, "tamga: no command \"%s%s%s\"%s%s%s; see tamga %s--help\n", group,
            verb ? " " : "", verb ? verb : "", near ? "; did you mean \"" : "", near ? near : "",
            near ? "\"?" : "", known ? group : "");
    return CLI_USAGE;
}

/* --name=value or --name value; -1 when it is not an option of this command. */
static int take_option(struct cli *cli, char **argv, int *i)
{
    char *arg = argv[*i];
    char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    for (size_t k = 0; cli->command->options[k].name; k++) {
        const struct cli_option *o = &cli->command->options[k];
        if (strlen(o->name) != len || strncmp(o->name, arg, len) != 0) continue;
        if (!o->value) {
            cli->values[k] = "";
            return equals ? -1 : 0;
        }
        cli->values[k] = equals ? equals + 1 : argv[++*i];
        return cli->values[k] ? 0 : -1;
    }
    return -1;
}

/* Options that every command has; true when it was one. */
static bool take_common(struct cli *cli, char **argv, int *i)
{
    if (strcmp(argv[*i], "--json") == 0) {
        cli->json = true;
    } else if (strcmp(argv[*i], "--state") == 0 && argv[*i + 1]) {
        cli->state = argv[++*i];
    } else if (strcmp(argv[*i], "--client") == 0 && argv[*i + 1]) {
        cli->server = argv[++*i];
    } else {
        return false;
    }
    return true;
}

static enum cli_exit run_command(struct cli *cli, char **argv, int i)
{
    for (; argv[i]; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_command_help(cli->command);
            return CLI_DONE;
        }
        const char *arg = argv[i];
        bool option = arg[0] == '-' && arg[1];
        /* A command's own option comes first: `applications list --state S` is no folder. */
        if (option && take_option(cli, argv, &i) == 0) continue;
        if (take_common(cli, argv, &i)) continue;
        if (option) {
            fprintf(stderr, "tamga: %s: unknown option, or its value is missing\n", arg);
            return cli_usage(cli, NULL);
        }
        if (cli->words_count == (size_t)cli->command->max_words)
            return cli_usage(cli, "too many arguments");
        cli->words[cli->words_count++] = arg;
    }
    if (cli->words_count < (size_t)cli->command->min_words)
        return cli_usage(cli, "an argument is missing");
    return cli->command->run(cli);
}

int main(int argc, char **argv)
{
    static struct cli cli; /* static: large, and zeroed */
    tg_secret_no_core();
    tg_log_setup(TG_LOG_ERROR, TG_LOG_LOGFMT, cli_now);
    signal(SIGPIPE, SIG_IGN);
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            printf("tamga %s\n", TAMGA_VERSION);
            return CLI_DONE;
        }
        if (strcmp(argv[i], "--help") == 0) {
            print_help(NULL);
            return CLI_DONE;
        }
        if (!take_common(&cli, argv, &i)) {
            fprintf(stderr, "tamga: %s: unknown option; see tamga --help\n", argv[i]);
            return CLI_USAGE;
        }
    }
    if (i >= argc) {
        print_help(NULL);
        return CLI_USAGE;
    }
    const char *verb = i + 1 < argc && argv[i + 1][0] != '-' ? argv[i + 1] : NULL;
    cli.command = find_command(argv[i], verb);
    if (!cli.command) {
        if (i + 1 < argc && strcmp(argv[i + 1], "--help") == 0) {
            print_help(argv[i]);
            return CLI_DONE;
        }
        return no_such_command(argv[i], verb);
    }
    return run_command(&cli, argv, i + (cli.command->verb[0] ? 2 : 1));
}
