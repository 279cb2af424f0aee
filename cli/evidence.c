/* tamga evidence: the pack that lets an outsider check one renewal; fetched from the service, or
 * verified here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/table.h"
#include "seal/evidence.h"

enum cli_exit cli_evidence_fetch(struct cli *cli);

static void print_report(struct cli *cli, const struct tg_evidence_report *r)
{
    const struct tg_leaf *leaf = &r->leaf;
    const char *verdict = r->time_proven ? "valid" : "signature good, time unproven";
    if (cli->json) {
        json_t *o =
            json_pack("{s:b,s:s,s:s,s:s,s:s,s:s,s:s}", "valid", r->time_proven, "text", verdict,
                      "number", leaf->no, "holder", leaf->holder, "name", leaf->name, "batch",
                      r->checked.statement.batch, "signer", r->checked.signers[0].cn);
        cli_print_json(o);
        json_decref(o);
        return;
    }
    printf("application %s of %s (%s), agent %s on %s\n", leaf->no, leaf->name, leaf->holder,
           leaf->agent, leaf->host);
    printf("approved in batch %s by %s\n", r->checked.statement.batch, r->checked.signers[0].cn);
    printf("the request was signed by the old key; the certificate is what was approved\n%s\n",
           verdict);
}

static enum cli_exit check(struct cli *cli)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_EVIDENCE_MAX);
    TG_AUTO(evidence) struct tg_evidence *pack = NULL;
    static struct tg_evidence_report report; /* about 30 KB */
    const char *realm = cli_value(cli, "--realm");
    if (tg_file_read(cli->words[0], &text, &cli->err) < 0 ||
        tg_evidence_parse(text.data, text.len, &pack, &cli->err) < 0 ||
        tg_evidence_verify(pack, realm, cli_now(), &report, &cli->err) < 0)
        return cli_fail(cli);
    if (!realm)
        fprintf(stderr, "tamga: the pack's own trust document was believed; give --realm to rely "
                        "on this\n");
    print_report(cli, &report);
    return report.time_proven ? CLI_DONE : CLI_REFUSED;
}

enum cli_exit cmd_evidence(struct cli *cli)
{
    return cli_has(cli, "--check") ? check(cli) : cli_evidence_fetch(cli);
}
