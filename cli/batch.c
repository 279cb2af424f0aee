/* tamga batch: open, look, decide. The signature is in batch_sign.c. */
#include <stdio.h>

#include "batch.h"
#include "cli/table.h"

enum cli_exit cmd_batch_open(struct cli *cli)
{
    static const struct cli_column columns[] = {{"code", "exception"},
                                                {"class", "class"},
                                                {"count", "applications"},
                                                {NULL, NULL}};
    TG_AUTO(json) json_t *o = NULL;
    if (cli_post(cli, "/api/v1/batches", NULL, &o) < 0) return cli_fail(cli);
    if (cli->json) {
        cli_print_json(o);
        return CLI_DONE;
    }
    if (json_array_size(json_object_get(o, "exceptions")))
        cli_print_table(json_object_get(o, "exceptions"), columns);
    printf("batch %s: %lld applications, %lld to approve, %lld held\n",
           json_string_value(json_object_get(o, "batch")),
           (long long)json_integer_value(json_object_get(o, "count")),
           (long long)json_integer_value(json_object_get(o, "approve")),
           (long long)json_integer_value(json_object_get(o, "hold")));
    return CLI_DONE;
}

enum cli_exit cmd_batch_list(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"batch", "batch"},        {"state", "state"},     {"taken:whole", "taken"},
        {"count", "applications"}, {"approve", "approve"}, {"hold", "hold"},
        {"return", "return"},      {NULL, NULL},
    };
    TG_AUTO(json) json_t *o = NULL;
    if (cli_get_all(cli, "/api/v1/batches", &o) < 0) return cli_fail(cli);
    return cli_show_list(cli, o, columns, "batches");
}

enum cli_exit cmd_batch_show(struct cli *cli)
{
    static const struct cli_column departments[] = {{"name", "department"},
                                                    {"approve", "approve"},
                                                    {"hold", "hold"},
                                                    {"return", "return"},
                                                    {NULL, NULL}};
    struct batch_review review;
    TG_AUTO(json) json_t *o = NULL;
    if (cli_get(cli, cli_path("/api/v1/batches/%s", cli_escape(cli->words[0])), &o) < 0)
        return cli_fail(cli);
    if (cli->json) {
        cli_print_json(o);
        return CLI_DONE;
    }
    int rc = batch_review_load(cli, cli->words[0], &review);
    if (rc == 0) {
        printf("batch %s, %s, taken %s\n", cli->words[0],
               json_string_value(json_object_get(o, "state")),
               json_string_value(json_object_get(o, "taken")));
        batch_review_print(&review);
        cli_print_table(json_object_get(o, "departments"), departments);
    }
    batch_review_done(&review);
    return rc < 0 ? cli_fail(cli) : CLI_DONE;
}

static enum cli_exit decide(struct cli *cli, const char *verb, const char *why)
{
    TG_AUTO(json) json_t *o = NULL;
    TG_AUTO(json) json_t *body = json_object();
    if (cli->words_count > 1) json_object_set_new(body, "what", json_string(cli->words[1]));
    if (why) json_object_set_new(body, "why", json_string(why));
    if (cli_post(cli, cli_path("/api/v1/batches/%s/%s", cli_escape(cli->words[0]), verb), body,
                 &o) < 0)
        return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        printf("batch %s: %lld changed; approve %lld, hold %lld, return %lld\n", cli->words[0],
               (long long)json_integer_value(json_object_get(o, "changed")),
               (long long)json_integer_value(json_object_get(o, "approve")),
               (long long)json_integer_value(json_object_get(o, "hold")),
               (long long)json_integer_value(json_object_get(o, "return")));
    return CLI_DONE;
}

enum cli_exit cmd_batch_hold(struct cli *cli)
{
    return decide(cli, "hold", cli_value(cli, "--why"));
}

enum cli_exit cmd_batch_include(struct cli *cli)
{
    return decide(cli, "include", NULL);
}

enum cli_exit cmd_batch_return(struct cli *cli)
{
    const char *why = cli_value(cli, "--why");
    if (!why) return cli_usage(cli, "--why TEXT is missing: the approver signs the reason");
    return decide(cli, "return", why);
}

enum cli_exit cmd_batch_discard(struct cli *cli)
{
    return decide(cli, "discard", NULL);
}

static enum cli_exit fetch(struct cli *cli, const char *part)
{
    TG_AUTO(buf) struct tg_buf bytes = {0};
    if (cli_get_text(cli, cli_path("/api/v1/batches/%s/%s", cli_escape(cli->words[0]), part),
                     &bytes) < 0)
        return cli_fail(cli);
    return cli_write(bytes.data, bytes.len) < 0 ? CLI_REFUSED : CLI_DONE;
}

enum cli_exit cmd_batch_snapshot(struct cli *cli)
{
    return fetch(cli, "snapshot");
}

enum cli_exit cmd_batch_decisions(struct cli *cli)
{
    return fetch(cli, "decisions");
}
