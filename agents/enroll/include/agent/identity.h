/* identity: who this agent is: a P-256 key in DIR/identity.key that never changes and never leaves,
 * and what the server said about it in DIR/agent.json. The server knows an agent by the key; the
 * certificate only dates it. Thread: the loop's. Blocks for two small files. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "wire/messages.h"

struct agent_identity {
    char *server;          /* https://HOST:PORT */
    char host[64];         /* what this workstation is called: [a-z0-9.-]{1,63} */
    char realm[TG_HEX256]; /* what trust version 1 hashes to */
    char agent[33];        /* "" until the server answered */
    bool pending;          /* an administrator has not accepted it yet */
    struct tg_buf cert;    /* PEM, with chain; self-signed until the server made one */
    int64_t from, until;   /* of the server's certificate; 0: self-signed */
};

bool agent_host_valid(const char *host);
void agent_identity_free(struct agent_identity *id); /* NULL ok */
TG_DEFINE_AUTO(agent_identity, struct agent_identity, agent_identity_free);

/* TG_E_NOT_FOUND: not enrolled. */
int agent_identity_load(const char *dir, struct agent_identity **ret,
                        struct tg_err *err) TG_MUST_CHECK;
/* A new one for this host; the key is made and durable, or the one of an earlier try. A key whose
 * certificate has run out is not used again. */
int agent_identity_begin(const char *dir, const char *server, const char *host, const char *realm,
                         int64_t now, struct agent_identity **ret,
                         struct tg_err *err) TG_MUST_CHECK;
/* What the server answered to enroll and renew: must be for our key. Durable afterwards. */
int agent_identity_take(struct agent_identity *id, const char *dir,
                        const struct tg_wire_identity *said, struct tg_err *err) TG_MUST_CHECK;
int agent_identity_save(const struct agent_identity *id, const char *dir,
                        struct tg_err *err) TG_MUST_CHECK;
/* Half of the certificate's life is over. */
bool agent_identity_due(const struct agent_identity *id, int64_t now);

/* For the TLS client: PEM of the key. */
int agent_identity_key(const char *dir, struct tg_secret *ret, struct tg_err *err) TG_MUST_CHECK;
/* A request for a certificate of our key under this name, and a signature with it. */
int agent_identity_request(const char *dir, const char *cn, struct tg_buf *ret,
                           struct tg_err *err) TG_MUST_CHECK;
int agent_identity_sign(const char *dir, const void *data, size_t len, struct tg_buf *ret,
                        struct tg_err *err) TG_MUST_CHECK;
