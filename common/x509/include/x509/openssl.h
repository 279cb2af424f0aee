/* openssl: the one door through which OpenSSL types leave this room: for cms, keystore and net
 * only. Thread: any; borrowed objects live as long as what they were asked of. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/mem.h"
#include "x509/cert.h"
#include "x509/key.h"

TG_DEFINE_AUTO(evp_pkey, EVP_PKEY, EVP_PKEY_free);
TG_DEFINE_AUTO(x509, X509, X509_free);
TG_DEFINE_AUTO(bio, BIO, BIO_free_all);

/* Decoded in the default library context on first use (slow: ~200 us) and kept; NULL fills err. */
X509 *tg_cert_x509(const struct tg_cert *cert, struct tg_err *err);
/* The public key, decoded on first use and kept; NULL with TG_E_UNSUPPORTED when OpenSSL cannot. */
EVP_PKEY *tg_cert_pkey(const struct tg_cert *cert, struct tg_err *err);
int tg_cert_from_x509(X509 *x509, struct tg_cert **ret, struct tg_err *err) TG_MUST_CHECK;

EVP_PKEY *tg_key_evp(const struct tg_key *key);
/* Takes a reference of its own. TG_E_UNSUPPORTED for other than RSA, EC, Ed25519. */
int tg_key_from_evp(EVP_PKEY *pkey, struct tg_key **ret, struct tg_err *err) TG_MUST_CHECK;
/* Public key from SPKI DER; yours. */
EVP_PKEY *tg_spki_evp(const uint8_t *spki, size_t len, struct tg_err *err);

/* A library context that decodes no keys: parses ten times faster (PKI §7). Never freed. */
OSSL_LIB_CTX *tg_openssl_null_ctx(void);
/* Fill err with "what: reason of the error queue", empty the queue, return code. */
int tg_openssl_fail(struct tg_err *err, int code, const char *what);
