/* tamga agents: tokens, arrivals, bans. */
#include <stdio.h>
#include <string.h>

#include "cli/table.h"

static const struct cli_column list_columns[] = {
    {"host", "workstation"},    {"id:whole", "id"},    {"status", "status"},
    {"connected", "connected"}, {"seen", "last seen"}, {"version", "version"},
    {"keystores", "keystores"}, {NULL, NULL},
};

enum cli_exit cmd_agents_token(struct cli *cli)
{
    const char *workstation = cli_value(cli, "--workstation");
    bool group = cli_has(cli, "--group");
    uint64_t uses = 0, hours = 0;
    TG_AUTO(json) json_t *body = NULL;
    TG_AUTO(json) json_t *o = NULL;
    if (group == (workstation != NULL)) return cli_usage(cli, "give --workstation NAME or --group");
    if (cli_number(cli, "--uses", 100000, 100, &uses) < 0 ||
        cli_number(cli, "--hours", 8760, group ? 24 : 1, &hours) < 0)
        return cli_fail(cli);
    const char *hosts = cli_value(cli, "--hosts");
    body = group ? json_pack("{s:b,s:I,s:s,s:I}", "group", 1, "uses", (json_int_t)uses, "hosts",
                             hosts ? hosts : "*", "hours", (json_int_t)hours)
                 : json_pack("{s:s}", "workstation", workstation);
    if (cli_post(cli, "/api/v1/agents/tokens", body, &o) < 0) return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        printf("%s\n", json_string_value(json_object_get(o, "token")));
    return CLI_DONE;
}

static enum cli_exit list(struct cli *cli, const char *path)
{
    TG_AUTO(json) json_t *o = NULL;
    if (cli_get_all(cli, path, &o) < 0) return cli_fail(cli);
    return cli_show_list(cli, o, list_columns, "agents");
}

enum cli_exit cmd_agents_list(struct cli *cli)
{
    return list(cli, "/api/v1/agents");
}

enum cli_exit cmd_agents_pending(struct cli *cli)
{
    return list(cli, "/api/v1/agents?pending=1");
}

static enum cli_exit change(struct cli *cli, const char *verb, const char *done)
{
    TG_AUTO(json) json_t *o = NULL;
    if (cli_post(cli, cli_path("/api/v1/agents/%s/%s", cli_escape(cli->words[0]), verb), NULL, &o) <
        0)
        return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        printf("%s: %s\n", json_string_value(json_object_get(o, "host")), done);
    return CLI_DONE;
}

enum cli_exit cmd_agents_accept(struct cli *cli)
{
    return change(cli, "accept", "accepted");
}

enum cli_exit cmd_agents_ban(struct cli *cli)
{
    return change(cli, "ban", "banned; its connection is closed and its key stays out");
}
