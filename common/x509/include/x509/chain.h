/* chain: who signed whom. Names, CA flag, key usage, path length, times and signatures of RFC 5280
 * §6 as far as a pinned public key as anchor needs them; no revocation here, no trust store.
 * Thread: any. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "x509/cert.h"

/* issuer's name, CA flag and keyCertSign fit, and its key verifies cert's signature.
 * TG_E_SIGNATURE, TG_E_UNTRUSTED, TG_E_UNSUPPORTED (a key that cannot be verified here). */
int tg_cert_signed_by(const struct tg_cert *cert, const struct tg_cert *issuer,
                      struct tg_err *err) TG_MUST_CHECK;
/* Only the signature, under a bare public key. */
int tg_cert_signed_by_spki(const struct tg_cert *cert, const uint8_t *spki, size_t len,
                           struct tg_err *err) TG_MUST_CHECK;

/* A path from cert upward through chain (any order, n <= 4) to a CA certificate whose SPKI hash is
 * anchor; every certificate of the path is valid at `at` (the leaf too). TG_E_UNTRUSTED,
 * TG_E_EXPIRED, TG_E_EARLY, TG_E_SIGNATURE. */
int tg_cert_chain_check(const struct tg_cert *cert, const struct tg_cert *const *chain, size_t n,
                        const uint8_t anchor_spki_sha256[32], int64_t at,
                        struct tg_err *err) TG_MUST_CHECK;
