/* tamga batch verify: an approval from files alone. Needs no server; the auditor's independent eye.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/times.h"
#include "cli/table.h"
#include "seal/offline.h"

struct files {
    struct tg_buf snapshot, decisions, statement, cms;
    struct tg_trust_chain *chain;
};

static int read_files(struct cli *cli, struct files *f)
{
    const char *dir = cli_value(cli, "--trust"), *realm = cli_value(cli, "--realm");
    f->snapshot = TG_BUF((size_t)TG_MAX_BATCH * (TG_MAX_LEAF + 1));
    f->decisions = TG_BUF((size_t)TG_MAX_BATCH * (TG_DECISION_MAX + 1));
    f->statement = TG_BUF(TG_MAX_STATEMENT);
    f->cms = TG_BUF(TG_MAX_CMS);
    if (realm && !tg_is_hex(realm, 64))
        return TG_FAIL(&cli->err, TG_E_USAGE, "--realm: 64 hex digits are expected");
    TG_TRY(tg_file_read(cli->words[0], &f->snapshot, &cli->err));
    TG_TRY(tg_file_read(cli->words[1], &f->decisions, &cli->err));
    TG_TRY(tg_file_read(cli->words[2], &f->statement, &cli->err));
    TG_TRY(tg_file_read(cli->words[3], &f->cms, &cli->err));
    return tg_trust_chain_load(dir, realm, &f->chain, &cli->err);
}

static void print_report(struct cli *cli, const struct tg_offline_report *r,
                         const struct tg_trust_chain *chain)
{
    const struct tg_statement *st = &r->checked.statement;
    if (cli->json) {
        json_t *o =
            json_pack("{s:b,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:s}", "valid", r->time_proven,
                      "text", r->line, "batch", st->batch, "statement", r->checked.sha256, "realm",
                      tg_trust_chain_realm(chain), "snapshot", (json_int_t)st->snapshot.count,
                      "approve", (json_int_t)st->approve.count, "return",
                      (json_int_t)st->return_.count, "hold", (json_int_t)st->hold, "signer",
                      r->checked.signers[0].cn, "spki", r->checked.signers[0].spki);
        cli_print_json(o);
        json_decref(o);
        return;
    }
    printf("batch %s: snapshot %u, approve %u, return %u, hold %u: all roots and totals "
           "recomputed\n",
           st->batch, st->snapshot.count, st->approve.count, st->return_.count, st->hold);
    for (size_t i = 0; i < r->checked.signers_count; i++)
        printf("signed by %s (SPKI %s), approver in trust version %u\n", r->checked.signers[i].cn,
               r->checked.signers[i].spki, tg_trust_chain_version(chain));
    printf("realm %s (compare it with the one you know)\n%s\n", tg_trust_chain_realm(chain),
           r->line);
}

enum cli_exit cmd_batch_verify(struct cli *cli)
{
    static struct tg_offline_report report;
    struct files f = {0};
    if (!cli_value(cli, "--trust")) return cli_usage(cli, "--trust DIR is missing");
    int rc = read_files(cli, &f);
    if (rc == 0) {
        struct tg_blob cms = TG_BLOB(f.cms.data, f.cms.len);
        struct tg_offline in = {
            .snapshot = TG_BLOB(f.snapshot.data, f.snapshot.len),
            .decisions = TG_BLOB(f.decisions.data, f.decisions.len),
            .statement = {TG_BLOB(f.statement.data, f.statement.len), &cms, 1},
            .knowledge = {.chain = f.chain, .now = cli_now()},
        };
        rc = tg_offline_verify(&in, &report, &cli->err);
    }
    if (rc == 0) print_report(cli, &report, f.chain);
    tg_buf_done(&f.snapshot);
    tg_buf_done(&f.decisions);
    tg_buf_done(&f.statement);
    tg_buf_done(&f.cms);
    tg_trust_chain_free(f.chain);
    if (rc < 0) return cli_fail(cli);
    return report.time_proven ? CLI_DONE : CLI_REFUSED;
}
