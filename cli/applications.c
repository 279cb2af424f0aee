/* tamga applications: renewals one by one. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/table.h"

/* A number as a person may type it, checked before anybody is asked. */
static int check_number(struct cli *cli, const char *text)
{
    struct tg_number n;
    if (tg_number_parse(text, &n)) return 0;
    return TG_FAIL(&cli->err, TG_E_USAGE,
                   "%s: not an application number (its last digit checks the others)", text);
}

enum cli_exit cmd_applications_list(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"number:whole", "number"},
        {"state", "state"},
        {"waits_for", "waits for"},
        {"holder_name", "holder"},
        {"department", "department"},
        {"policy", "policy"},
        {"not_after:date", "old ends"},
        {"host", "workstation"},
        {"batch", "batch"},
        {"flags", "exceptions"},
        {NULL, NULL},
    };
    const char *state = cli_value(cli, "--state");
    TG_AUTO(json) json_t *o = NULL;
    const char *path = state ? cli_path("/api/v1/applications?state=%s", cli_escape(state))
                             : "/api/v1/applications";
    if (cli_get_all(cli, path, &o) < 0) return cli_fail(cli);
    return cli_show_list(cli, o, columns, "applications");
}

enum cli_exit cmd_applications_show(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"number", "number"},
        {"state", "state"},
        {"waits_for", "waits for"},
        {"failed_in", "failed in"},
        {"error", "error"},
        {"holder_name", "holder"},
        {"department", "department"},
        {"policy", "policy"},
        {"subject", "subject"},
        {"not_after", "old ends"},
        {"host", "workstation"},
        {"path", "keystore"},
        {"consent", "consent"},
        {"flags", "exceptions"},
        {"batch", "batch"},
        {"new_certificate", "new certificate"},
        {"new_not_after", "new ends"},
        {NULL, NULL},
    };
    static const struct cli_column events[] = {{"at:whole", "at"}, {"from", "from"}, {"to", "to"},
                                               {"actor", "who"},   {"why", "why"},   {NULL, NULL}};
    TG_AUTO(json) json_t *o = NULL;
    if (check_number(cli, cli->words[0]) < 0 ||
        cli_get(cli, cli_path("/api/v1/applications/%s", cli->words[0]), &o) < 0)
        return cli_fail(cli);
    if (cli->json) {
        cli_print_json(o);
        return CLI_DONE;
    }
    cli_print_fields(o, columns);
    cli_print_table(json_object_get(o, "events"), events);
    return CLI_DONE;
}

static enum cli_exit act(struct cli *cli, const char *verb, const json_t *body)
{
    TG_AUTO(json) json_t *o = NULL;
    if (check_number(cli, cli->words[0]) < 0 ||
        cli_post(cli, cli_path("/api/v1/applications/%s/%s", cli->words[0], verb), body, &o) < 0)
        return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        printf("%s: %s\n", json_string_value(json_object_get(o, "number")),
               json_string_value(json_object_get(o, "state")));
    return CLI_DONE;
}

enum cli_exit cmd_applications_correct(struct cli *cli)
{
    const char *equals = strchr(cli->words[1], '=');
    if (!equals) return cli_usage(cli, "FIELD=VALUE is expected, for example email=a@b.kz");
    TG_AUTO(json)
    json_t *body = json_pack("{s:s%,s:s}", "field", cli->words[1], (size_t)(equals - cli->words[1]),
                             "value", equals + 1);
    return act(cli, "correct", body);
}

enum cli_exit cmd_applications_cancel(struct cli *cli)
{
    const char *why = cli_value(cli, "--why");
    if (!why) return cli_usage(cli, "--why TEXT is missing");
    TG_AUTO(json) json_t *body = json_pack("{s:s}", "why", why);
    return act(cli, "cancel", body);
}

enum cli_exit cmd_applications_retry(struct cli *cli)
{
    return act(cli, "retry", NULL);
}

static enum cli_exit fetch(struct cli *cli, const char *part)
{
    TG_AUTO(buf) struct tg_buf bytes = {0};
    if (check_number(cli, cli->words[0]) < 0 ||
        cli_get_text(cli, cli_path("/api/v1/applications/%s/%s", cli->words[0], part), &bytes) < 0)
        return cli_fail(cli);
    return cli_write(bytes.data, bytes.len) < 0 ? CLI_REFUSED : CLI_DONE;
}

enum cli_exit cmd_applications_bundle(struct cli *cli)
{
    return fetch(cli, "bundle");
}

/* tamga evidence NUMBER > PACK */
enum cli_exit cli_evidence_fetch(struct cli *cli);
enum cli_exit cli_evidence_fetch(struct cli *cli)
{
    return fetch(cli, "evidence");
}
