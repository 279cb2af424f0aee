/* tamga status: the service at a glance. */
#include <stdio.h>

#include "cli/table.h"

static void print_applications(const json_t *applications)
{
    const char *state;
    json_t *count;
    printf("applications ");
    bool any = false;
    json_object_foreach((json_t *)(uintptr_t)applications, state, count)
    {
        if (json_integer_value(count) == 0) continue;
        printf(" %s %lld", state, (long long)json_integer_value(count));
        any = true;
    }
    printf("%s\n", any ? "" : " none");
}

enum cli_exit cmd_status(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"version", "version"},   {"database", "database"},   {"disk", "disk"},
        {"realm", "realm"},       {"holders", "holders"},     {"certificates", "certificates"},
        {"unlinked", "unlinked"}, {"keystores", "keystores"}, {NULL, NULL},
    };
    TG_AUTO(json) json_t *o = NULL;
    if (cli_get(cli, "/api/v1/status", &o) < 0) return cli_fail(cli);
    if (cli->json) {
        cli_print_json(o);
        return CLI_DONE;
    }
    const json_t *trust = json_object_get(o, "trust"), *agents = json_object_get(o, "agents");
    cli_print_fields(o, columns);
    if (json_is_object(trust))
        printf("trust         version %lld, until %s\n",
               (long long)json_integer_value(json_object_get(trust, "version")),
               json_string_value(json_object_get(trust, "expires")));
    else
        printf("trust         none yet: tamga trust init\n");
    const char *alarm = json_string_value(json_object_get(trust, "alarm"));
    if (alarm) printf("alarm         %s\n", alarm);
    printf("agents        %lld active, %lld waiting, %lld connected\n",
           (long long)json_integer_value(json_object_get(agents, "active")),
           (long long)json_integer_value(json_object_get(agents, "pending")),
           (long long)json_integer_value(json_object_get(agents, "connected")));
    print_applications(json_object_get(o, "applications"));
    return CLI_DONE;
}
