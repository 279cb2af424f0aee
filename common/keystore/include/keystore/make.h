/* make: a fresh PKCS#12 file around one pair, for root and approver keys that arise on their
 * holder's machine. PBES2 AES-256-CBC with hmacSHA256, MAC SHA-256, 100,000 iterations (RFC 7292,
 * RFC 8018). Thread: any. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct tg_key;
struct tg_cert;

/* The password must not be empty: TG_E_PASSWORD. */
int tg_keystore_make(const struct tg_key *key, const struct tg_cert *cert, const char *name,
                     const struct tg_secret *password, struct tg_buf *ret,
                     struct tg_err *err) TG_MUST_CHECK;
