/* tamga policy: check files here, explain a certificate there. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/times.h"
#include "cli/table.h"
#include "policy/policy.h"

enum { CONNECTORS = 8, CONNECTOR = 64 };

/* --connector NAME,NAME: the names that tamga.yaml will have. 0 without it: any name is one. */
static size_t read_connectors(struct cli *cli, char names[CONNECTORS][CONNECTOR],
                              const char *ret[CONNECTORS])
{
    const char *p = cli_value(cli, "--connector");
    size_t n = 0;
    while (p && *p && n < CONNECTORS) {
        size_t len = strcspn(p, ",");
        if (tg_copyn(names[n], CONNECTOR, p, len)) {
            ret[n] = names[n];
            n++;
        }
        p += len;
        if (*p == ',') p++;
    }
    return n;
}

enum cli_exit cmd_policy_check(struct cli *cli)
{
    char names[CONNECTORS][CONNECTOR];
    const char *connectors[CONNECTORS];
    size_t count = read_connectors(cli, names, connectors);
    TG_AUTO(buf) struct tg_buf out = TG_BUF(1 << 20);
    int rc = policy_check_paths(cli->words, cli->words_count, count ? connectors : NULL, count,
                                &out, &cli->err);
    if (cli->json) {
        json_t *o = json_pack("{s:b,s:s}", "ok", rc == 0, "text", tg_buf_text(&out));
        cli_print_json(o);
        json_decref(o);
    } else if (cli_write(out.data, out.len) < 0) {
        return CLI_REFUSED;
    }
    if (rc < 0 && out.len == 0) return cli_fail(cli);
    return rc < 0 ? CLI_REFUSED : CLI_DONE;
}

/* "?as_of=..." from --as-of, or "". */
static int as_of(struct cli *cli, const char **ret)
{
    const char *date = cli_value(cli, "--as-of");
    int64_t at = 0;
    *ret = "";
    if (!date) return 0;
    if (!tg_date_parse(date, strlen(date), &at))
        return TG_FAIL(&cli->err, TG_E_USAGE, "--as-of %s: a date YYYY-MM-DD is expected", date);
    *ret = cli_path("?as_of=%sT00:00:00Z", date);
    return 0;
}

enum cli_exit cmd_policy_explain(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"policy", "policy"}, {"action", "action"},      {"decision", "decision"},
        {"due", "due"},       {"window", "next window"}, {"why", "why"},
        {NULL, NULL},
    };
    const char *query = "";
    TG_AUTO(json) json_t *o = NULL;
    if (as_of(cli, &query) < 0) return cli_fail(cli);
    if (cli_get(cli,
                cli_path("/api/v1/certificates/%s/explain%s", cli_escape(cli->words[0]), query),
                &o) < 0)
        return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        cli_print_fields(o, columns);
    return CLI_DONE;
}

enum cli_exit cmd_plan(struct cli *cli)
{
    static const struct cli_column items[] = {
        {"number:whole", "number"},
        {"holder", "holder"},
        {"holder_name", "name"},
        {"policy", "policy"},
        {"due:date", "due"},
        {"not_after:date", "ends"},
        {NULL, NULL},
    };
    static const struct cli_column skipped[] = {{"why", "left out because"},
                                                {"count", "certificates"},
                                                {NULL, NULL}};
    const char *date = cli_value(cli, "--as-of"), *ignored;
    TG_AUTO(json) json_t *body = json_pack("{s:b}", "dry_run", cli_has(cli, "--dry-run"));
    TG_AUTO(json) json_t *o = NULL;
    if (as_of(cli, &ignored) < 0) return cli_fail(cli);
    if (date) json_object_set_new(body, "as_of", json_sprintf("%sT00:00:00Z", date));
    if (cli_post(cli, "/api/v1/plan", body, &o) < 0) return cli_fail(cli);
    if (cli->json) {
        cli_print_json(o);
        return CLI_DONE;
    }
    if (json_array_size(json_object_get(o, "items")))
        cli_print_table(json_object_get(o, "items"), items);
    if (json_array_size(json_object_get(o, "skipped")))
        cli_print_table(json_object_get(o, "skipped"), skipped);
    json_int_t drafted = json_integer_value(json_object_get(o, "drafted"));
    printf("%lld application%s %s\n", (long long)drafted, cli_s(drafted),
           cli_has(cli, "--dry-run") ? "would be drafted" : "drafted");
    return CLI_DONE;
}
