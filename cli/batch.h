/* batch: what the approver's commands share. Everything that he sees is recomputed here from the
 * snapshot, the decisions and the trust document; the service's own totals are only compared with
 * it. */
#pragma once

#include "cli/cli.h"
#include "seal/chain.h"
#include "seal/session.h"

struct batch_review {
    struct tg_buf snapshot, decisions;
    struct tg_session *session;
    struct tg_totals totals;
};

int batch_review_load(struct cli *cli, const char *batch, struct batch_review *ret) TG_MUST_CHECK;
void batch_review_done(struct batch_review *r);
/* Exceptions first, then the totals; `approved` lines only in the sums. */
void batch_review_print(const struct batch_review *r);

/* The service's trust documents, each version verified (V2). realm NULL takes version 1's own word.
 */
int cli_trust_chain(struct cli *cli, const char *realm, struct tg_trust_chain **ret) TG_MUST_CHECK;
