/* tamga employees: the staff register. */
#include <stdio.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "cli/table.h"

enum cli_exit cmd_employees_import(struct cli *cli)
{
    TG_AUTO(buf) struct tg_buf csv = TG_BUF(TG_MAX_CSV);
    TG_AUTO(buf) struct tg_buf answer = {0};
    TG_AUTO(json) json_t *o = NULL;
    if (tg_file_read(cli->words[0], &csv, &cli->err) < 0) return cli_fail(cli);
    struct cli_request request = {.method = "POST",
                                  .path = "/api/v1/employees",
                                  .content_type = "text/csv",
                                  .body = csv.data,
                                  .body_len = csv.len};
    if (cli_call(cli, &request, &answer) < 0) {
        tg_err_wrap(&cli->err, "%s", cli->words[0]);
        return cli_fail(cli);
    }
    if (tg_json_parse_object(answer.data, answer.len, TG_MAX_BODY, &o, &cli->err) < 0)
        return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        printf("%lld lines: %lld new, %lld changed; %lld certificates linked\n",
               (long long)json_integer_value(json_object_get(o, "imported")),
               (long long)json_integer_value(json_object_get(o, "added")),
               (long long)json_integer_value(json_object_get(o, "changed")),
               (long long)json_integer_value(json_object_get(o, "linked")));
    return CLI_DONE;
}

enum cli_exit cmd_employees_list(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"number", "number"},
        {"name", "name"},
        {"department", "department"},
        {"position", "position"},
        {"email", "e-mail"},
        {"status", "status"},
        {"certificates", "certificates"},
        {NULL, NULL},
    };
    TG_AUTO(json) json_t *o = NULL;
    if (cli_get_all(cli, "/api/v1/employees", &o) < 0) return cli_fail(cli);
    return cli_show_list(cli, o, columns, "employees");
}
