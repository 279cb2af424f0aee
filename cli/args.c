/* Arguments and errors: what every command asks of its command line, and how it says no. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

const char *cli_value(const struct cli *cli, const char *option)
{
    for (size_t i = 0; cli->command->options[i].name; i++)
        if (strcmp(cli->command->options[i].name, option) == 0) return cli->values[i];
    TG_CHECK(!"an option that the table does not have");
    return NULL;
}

bool cli_has(const struct cli *cli, const char *option)
{
    return cli_value(cli, option) != NULL;
}

int cli_number(struct cli *cli, const char *option, uint64_t max, uint64_t fallback, uint64_t *ret)
{
    const char *text = cli_value(cli, option);
    if (!text) {
        *ret = fallback;
        return 0;
    }
    if (!tg_parse_u64(text, strlen(text), max, ret))
        return TG_FAIL(&cli->err, TG_E_USAGE, "%s %s: a number up to %llu is expected", option,
                       text, (unsigned long long)max);
    return 0;
}

static enum cli_exit exit_of(int code)
{
    if (code == TG_E_USAGE) return CLI_USAGE;
    if (code == TG_E_NETWORK || code == TG_E_TIMEOUT) return CLI_UNREACHABLE;
    return CLI_REFUSED;
}

enum cli_exit cli_fail(struct cli *cli)
{
    static const char *const advice[] = {
        [TG_NEXT_RETRY] = "try again later",
        [TG_NEXT_ASK] = "a person must act first",
        [TG_NEXT_REFUSE] = NULL,
        [TG_NEXT_BUG] = "this is a bug: please report it",
    };
    fflush(stdout);
    const char *next = advice[tg_code_next(cli->err.code)];
    if (cli->json) {
        json_t *o =
            json_pack("{s:{s:s,s:s,s:s}}", "error", "code", tg_code_word(cli->err.code), "next",
                      tg_next_word(tg_code_next(cli->err.code)), "text", cli->err.text);
        cli_print_json(o);
        json_decref(o);
    }
    fprintf(stderr, "tamga: %s%s%s\n", cli->err.text, next ? "; " : "", next ? next : "");
    return exit_of(cli->err.code);
}

enum cli_exit cli_usage(struct cli *cli, const char *what)
{
    const struct cli_command *c = cli->command;
    fflush(stdout);
    fprintf(stderr, "tamga: %s%susage: tamga %s%s%s%s%s; see tamga %s%s%s --help\n",
            what ? what : "", what ? "; " : "", c->group, c->verb[0] ? " " : "", c->verb,
            c->words[0] ? " " : "", c->words, c->group, c->verb[0] ? " " : "", c->verb);
    return CLI_USAGE;
}
