/* identity: tamgad's own small CA for TLS: identities of agents and the certificate of the
 * listeners. Its key lies in the state folder (0600) and is never an issuer of the trust document.
 * The listeners' KEY stays the same for as long as its file: trust documents pin its SPKI. Blocks
 * (files, P-256 signatures of 50 us): opening is for before the loop. Thread: the loop's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "x509/cert.h"
#include "x509/csr.h"

struct ca_identity;

enum {
    CA_AGENT_DAYS = 90,     /* an agent's identity */
    CA_LISTENER_DAYS = 397, /* a listener's certificate: made anew at every start */
    CA_IDENTITY_YEARS = 10, /* the identity CA itself */
};

/* Files of dir: identity-ca.key, identity-ca.crt, listener.key, listener.crt; made where missing,
 * key before certificate, each in one rename. A key file that others may read is refused. */
int ca_identity_open(const char *dir, int64_t now, struct ca_identity **ret,
                     struct tg_err *err) TG_MUST_CHECK;
void ca_identity_free(struct ca_identity *ci); /* NULL ok */
const struct tg_cert *ca_identity_ca(const struct ca_identity *ci);

/* CN = agent (32 hex), DNS name = host, clientAuth, 90 days (never beyond the CA itself). The CSR's
 * proof of possession is checked here; nothing but its key is taken from it. der is appended to. */
int ca_identity_sign_agent(struct ca_identity *ci, const struct tg_csr *csr, const char *agent,
                           const char *host, int64_t now, struct tg_buf *der,
                           int64_t *ret_not_after, struct tg_err *err) TG_MUST_CHECK;
/* A fresh serverAuth certificate of the listeners' key for these names and addresses (0.0.0.0 and
 * :: stand for this machine: its host name), with the CA after it, in PEM. Also kept as
 * listener.crt. */
int ca_identity_listener(struct ca_identity *ci, const char *const *hosts, size_t n, int64_t now,
                         struct tg_buf *cert_pem_chain, struct tg_secret *key_pem,
                         char spki[TG_HEX256], struct tg_err *err) TG_MUST_CHECK;

TG_DEFINE_AUTO(ca_identity, struct ca_identity, ca_identity_free);
