/* verify: the agent's own eye. A bundle is believed only after V1-V7, A1 and A2 by common/seal,
 * against the trust and the recalls that this agent keeps and the binding record that its root part
 * wrote. Touches no file. Blocks (it verifies signatures): for job children. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "seal/bundle.h"
#include "seal/check.h"
#include "x509/cert.h"
#include "json/json.h"

/* What passed: borrowed bytes live as long as the struct. Large (about 60 KB): allocate it. */
struct agent_verified {
    struct tg_bundle *bundle;
    struct tg_trust_chain *chain;
    struct tg_checked checked;
    struct tg_leaf leaf;
    struct tg_cert *old, *cert;
    struct tg_cert *issuers[TG_SEAL_CHAIN_MAX];
    size_t issuers_count;
};
struct agent_verified *agent_verified_new(void);
void agent_verified_free(struct agent_verified *v); /* NULL ok */
TG_DEFINE_AUTO(agent_verified, struct agent_verified, agent_verified_free);

/* request: the fields trust, recalled, pending of the install job (agent/job.h). Errors begin with
 * the check's name. */
int agent_verify(const json_t *request, const void *bundle, size_t len, int64_t now,
                 struct agent_verified *ret, struct tg_err *err) TG_MUST_CHECK;
/* {"realm":hex,"documents":[{"text":b64,"cms":[b64]}]} -> chain */
int agent_trust_from_json(const json_t *trust, struct tg_trust_chain **ret,
                          struct tg_err *err) TG_MUST_CHECK;
