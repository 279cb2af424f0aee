/* trust: the trust documents and recalls that this agent keeps for ever in DIR/trust and
 * DIR/recalls: never a lower version, never another realm (TRUST V2, F6). Thread: the loop's.
 * Blocks for small files, and to verify signatures of a new document. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "seal/chain.h"
#include "wire/messages.h"
#include "json/json.h"

struct agent_trust;

/* What DIR holds, verified again; nothing there: an empty chain of this realm. */
int agent_trust_open(const char *dir, const char *realm, struct agent_trust **ret,
                     struct tg_err *err) TG_MUST_CHECK;
void agent_trust_free(struct agent_trust *t); /* NULL ok */
TG_DEFINE_AUTO(agent_trust, struct agent_trust, agent_trust_free);

/* Documents from the server: verified, then kept. TG_E_NO_TRUST when there are none here nor there.
 */
int agent_trust_take(struct agent_trust *t, const struct tg_wire_trust *said,
                     struct tg_err *err) TG_MUST_CHECK;
/* A recall from the server: verified (tg_recall_check), then kept. */
int agent_trust_recall(struct agent_trust *t, const struct tg_wire_blob *text,
                       const struct tg_wire_blob *cms, int64_t now,
                       struct tg_err *err) TG_MUST_CHECK;

uint32_t agent_trust_version(const struct agent_trust *t); /* 0: none */
bool agent_trust_has_server(const struct agent_trust *t, const uint8_t spki[TG_SHA256]);
/* The `server:` keys of the current document. */
size_t agent_trust_pins(const struct agent_trust *t, uint8_t ret[TG_TRUST_KEYS][TG_SHA256]);
/* For the install job (agent/verify.h): {"realm","documents":[{"text","cms":[]}]} and [hex]; yours.
 */
json_t *agent_trust_json(const struct agent_trust *t);
json_t *agent_trust_recalled(const struct agent_trust *t);
