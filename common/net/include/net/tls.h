/* tls: makes TLS 1.3 contexts and answers who the peer is; never decides what a peer may do.
 * Listeners take any client certificate, self-signed ones too (RFC 8446 §4.4.3 proves the key):
 * authorisation is by the SHA-256 of its SPKI, later, because an unknown key may still fetch trust
 * and enrol (TRUST §5). Contexts are yours: SSL_CTX_free(). Thread: any; a context may be shared by
 * connections of one loop. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"

enum { TG_TLS_EXPORTER = 32 };

/* Who we are: a chain, leaf first, and its key. Everything is borrowed for the call. */
struct tg_tls_identity {
    const void *cert; /* PEM (with chain) or one DER certificate; NULL: no identity */
    size_t cert_len;
    const void *key; /* PEM or DER without password; NULL when pkey is given */
    size_t key_len;
    EVP_PKEY *pkey;
};

/* ALPN h2 only, tickets on (stateless), TLS 1.3 only. */
enum tg_tls_kind {
    TG_TLS_AGENTS, /* a client certificate is required */
    TG_TLS_API,    /* a client certificate is optional */
};
int tg_tls_server_ctx(enum tg_tls_kind kind, const struct tg_tls_identity *id, SSL_CTX **ret,
                      struct tg_err *err) TG_MUST_CHECK;
/* For raw clients (tests, fleets): verifies the server under the CA certificates in `ca` (PEM); the
 * host name is the connection's business (SSL_set1_host). id may be NULL. Product clients use
 * net/client.h. */
int tg_tls_client_ctx(const struct tg_tls_identity *id, const void *ca, size_t ca_len,
                      SSL_CTX **ret, struct tg_err *err) TG_MUST_CHECK;

/* A fresh P-256 key. */
int tg_tls_new_key(EVP_PKEY **ret, struct tg_err *err) TG_MUST_CHECK;
/* A self-signed certificate of `key` in PEM. name becomes CN and, as DNS or IP, the alternative
 * name. For agents before they are enrolled, for the listeners of tests. Times in seconds since
 * 1970. */
int tg_tls_selfsigned(EVP_PKEY *key, const char *name, int64_t from, int64_t until,
                      struct tg_buf *ret_pem, struct tg_err *err) TG_MUST_CHECK;
/* PKCS#8 in PEM, unencrypted. */
int tg_tls_key_pem(EVP_PKEY *key, struct tg_secret *ret, struct tg_err *err) TG_MUST_CHECK;

/* SHA-256 over the DER of a SubjectPublicKeyInfo. */
bool tg_tls_spki(const X509 *cert, uint8_t ret[TG_SHA256]);
bool tg_tls_key_spki(const EVP_PKEY *key, uint8_t ret[TG_SHA256]);
bool tg_tls_peer_spki(const SSL *ssl,
                      uint8_t ret[TG_SHA256]); /* false: the peer showed no certificate */
/* RFC 9266 tls-exporter channel binding; false before the handshake is done. */
bool tg_tls_exporter(SSL *ssl, uint8_t ret[TG_TLS_EXPORTER]);

/* Translate the OpenSSL error queue into err, and empty it. */
int tg_tls_fail(struct tg_err *err, int code, const char *what);

void tg_tls_ctx_free(SSL_CTX *ctx); /* NULL ok */
void tg_tls_pkey_free(EVP_PKEY *key);
TG_DEFINE_AUTO(tls_ctx, SSL_CTX, tg_tls_ctx_free);
TG_DEFINE_AUTO(tls_pkey, EVP_PKEY, tg_tls_pkey_free);
