/* enroll: TRUST §5 steps 1-3. A token names the realm; the trust documents must hash to it; the
 * server's key must stand in them; then the agent's key signs the TLS exporter. A crash at any
 * point: the same command again gets the same answer. Blocks: command line only. */
#pragma once

#include "agent/identity.h"
#include "loop/clock.h"
#include "net/client.h"
#include "wire/wire.h"

struct agent_enroll {
    const char *dir, *server, *host;
    const char *token; /* tamga1.ID.SECRET.REALM */
    unsigned poll_ms;  /* first pause while pending; grows to a minute; 0: 2,000 */
    unsigned wait_ms;  /* how long to wait for the administrator; 0: do not wait */
    const struct tg_clock *clock;
    /* Once, when it turns out that an administrator must accept; may be NULL. */
    void (*on_pending)(const char *agent, void *data);
    void *data;
};
/* *ret may still be pending (then `run` goes on waiting). TG_E_NO_TRUST, TG_E_UNTRUSTED (wrong
 * realm or server), TG_E_DENIED, TG_E_EXPIRED (token), TG_E_NETWORK. */
int agent_enroll(const struct agent_enroll *e, struct agent_identity **ret,
                 struct tg_err *err) TG_MUST_CHECK;

/* Is the token one, and which realm does it name? */
int agent_token_realm(const char *token, char ret[TG_HEX256], struct tg_err *err) TG_MUST_CHECK;

/* A server's answer: a message of this type, or the error that its problem (RFC 9457) names. */
int agent_answer(const struct tg_client_call *call, enum tg_wire_type type,
                 struct tg_wire_message **ret, struct tg_err *err) TG_MUST_CHECK;
