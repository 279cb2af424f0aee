/* pbe: password-based encryption and integrity of keystores: PKCS#12 (RFC 7292 appendices B, C) and
 * PBES2 (RFC 8018), with their costs bounded before anything is derived. Old ciphers come from
 * OpenSSL's legacy provider in a library context of this room's own, beside the default one (PKI
 * §1). Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ber.h"
#include "password.h"

enum { PBE_MAX_SALT = 1024 };

/* What all derivations over one keystore may still cost, in iterations of a hash. */
struct tg_pbe_budget {
    uint64_t left;
};

struct pbe {
    bool pbes2;
    char oid[64];       /* of the algorithm (PBES2: of its cipher) */
    const char *cipher; /* OpenSSL's name */
    size_t key_len;
    const char *digest; /* of the derivation (PBES2: of its HMAC) */
    uint64_t iterations;
    uint8_t salt[PBE_MAX_SALT];
    size_t salt_len;
    uint8_t iv[16]; /* PBES2 only; PKCS#12 derives it */
    size_t iv_len;
};

/* From an AlgorithmIdentifier. TG_E_UNSUPPORTED names the OID, TG_E_LIMIT the bound, TG_E_INPUT. */
int tg_pbe_parse(const struct tg_ber_item *algorithm, struct pbe *ret,
                 struct tg_err *err) TG_MUST_CHECK;
/* TG_E_PASSWORD when the padding is wrong; appended to out, whose owner wipes it. */
int tg_pbe_decrypt(const struct pbe *pbe, const struct password *password, const uint8_t *bytes,
                   size_t len, struct tg_pbe_budget *budget, struct tg_buf *out,
                   struct tg_err *err) TG_MUST_CHECK;

/* What new content is sealed with: PBES2 with AES-256 and HMAC-SHA-256, or for old readers 3DES.
 * Salt and IV are fresh. */
void tg_pbe_fresh(struct pbe *ret, bool pbes2, uint64_t iterations);
void tg_pbe_put_algorithm(const struct pbe *pbe, struct tg_buf *out);
int tg_pbe_encrypt(const struct pbe *pbe, const struct password *password, const uint8_t *bytes,
                   size_t len, struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;

/* MacData of RFC 7292 §4. */
struct tg_pbe_mac {
    char oid[64];
    const char *digest; /* OpenSSL's name */
    uint64_t iterations;
    uint8_t salt[PBE_MAX_SALT];
    size_t salt_len;
    uint8_t value[64];
    size_t value_len;
};
int tg_pbe_mac_parse(const struct tg_ber_item *mac_data, struct tg_pbe_mac *ret,
                     struct tg_err *err) TG_MUST_CHECK;
/* TG_E_PASSWORD when it does not fit. */
int tg_pbe_mac_check(const struct tg_pbe_mac *mac, const struct password *password,
                     const uint8_t *bytes, size_t len, struct tg_pbe_budget *budget,
                     struct tg_err *err) TG_MUST_CHECK;
/* A new MacData over bytes, appended; digest and iterations of mac, salt fresh. */
int tg_pbe_mac_put(const struct tg_pbe_mac *mac, const struct password *password,
                   const uint8_t *bytes, size_t len, struct tg_buf *out,
                   struct tg_err *err) TG_MUST_CHECK;
/* The digest of new MACs. */
void tg_pbe_mac_sha256(struct tg_pbe_mac *mac);

/* EncryptedPrivateKeyInfo (RFC 5958 §3): its PKCS#8 inside, and the other way round. */
int tg_pbe_open_key(const uint8_t *der, size_t len, const struct password *password,
                    struct tg_pbe_budget *budget, struct tg_buf *out,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_pbe_seal_key(const struct pbe *pbe, const struct password *password, const uint8_t *pkcs8,
                    size_t len, struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
void tg_pbe_wipe_buf(struct tg_buf *buf); /* wipes, then frees */
