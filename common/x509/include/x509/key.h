/* key: a private key in memory, and proofs of its use. Never logged, never formatted, wiped when
 * freed. RSA, EC (P-256, P-384, P-521) and Ed25519; others are refused by name. Thread: any one at
 * a time; verification: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "x509/cert.h"

struct tg_key;

/* word: ec-p256 ec-p384 rsa-3072 rsa-4096 (what applications may ask for), or rsa-2048 ec-p521
 * ed25519. RSA takes seconds: never on the loop. */
int tg_key_generate(const char *word, struct tg_key **ret, struct tg_err *err) TG_MUST_CHECK;
/* PKCS#8 (RFC 5958), plain or encrypted. TG_E_LOCKED: encrypted and password is NULL;
 * TG_E_PASSWORD: a wrong one. */
int tg_key_from_pkcs8(const uint8_t *der, size_t len, const struct tg_secret *password,
                      struct tg_key **ret, struct tg_err *err) TG_MUST_CHECK;
/* One PEM block: PRIVATE KEY, ENCRYPTED PRIVATE KEY, RSA/EC PRIVATE KEY (also with DEK-Info). Same
 * errors. */
int tg_key_from_pem(const char *text, size_t len, const struct tg_secret *password,
                    struct tg_key **ret, struct tg_err *err) TG_MUST_CHECK;
void tg_key_free(struct tg_key *key); /* NULL ok */
TG_DEFINE_AUTO(key, struct tg_key, tg_key_free);

/* PKCS#8: PBES2, AES-256-CBC, hmacSHA256 with password; plain without (then the caller wipes
 * ret->data). iterations 0 = 100,000. */
int tg_key_to_pkcs8(const struct tg_key *key, const struct tg_secret *password, unsigned iterations,
                    struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
int tg_key_to_pem(const struct tg_key *key, const struct tg_secret *password, unsigned iterations,
                  struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
/* Plain PKCS#8 that never leaves wiped memory. */
int tg_key_to_secret(const struct tg_key *key, struct tg_secret *ret,
                     struct tg_err *err) TG_MUST_CHECK;

/* SubjectPublicKeyInfo DER and its SHA-256. */
const uint8_t *tg_key_spki_der(const struct tg_key *key, size_t *ret_len);
void tg_key_spki(const struct tg_key *key, struct tg_buf *ret);
void tg_key_spki_sha256(const struct tg_key *key, uint8_t ret[32]);
void tg_key_spki_hex(const struct tg_key *key, char ret[65]);
const char *tg_key_algorithm(const struct tg_key *key); /* word as in facts */
bool tg_key_weak(const struct tg_key *key);
bool tg_key_matches(const struct tg_key *key, const struct tg_cert *cert); /* same public key */

/* Prove by use. Digest SHA-256 (P-384: SHA-384, P-521: SHA-512; Ed25519: none). ret is replaced. */
int tg_key_sign(const struct tg_key *key, const void *data, size_t len, struct tg_buf *ret,
                struct tg_err *err) TG_MUST_CHECK;
/* TG_E_SIGNATURE, or TG_E_UNSUPPORTED for a key that cannot be verified here. */
int tg_cert_verify_signature(const struct tg_cert *cert, const void *data, size_t len,
                             const uint8_t *signature, size_t signature_len,
                             struct tg_err *err) TG_MUST_CHECK;
int tg_spki_verify_signature(const uint8_t *spki, size_t spki_len, const void *data, size_t len,
                             const uint8_t *signature, size_t signature_len,
                             struct tg_err *err) TG_MUST_CHECK;
/* The pair works: signs random bytes with key and verifies them with cert's public key. */
int tg_key_prove(const struct tg_key *key, const struct tg_cert *cert,
                 struct tg_err *err) TG_MUST_CHECK;

/* What a SubjectPublicKeyInfo is, by hand, without decoding the key. */
struct tg_spki_facts {
    char algorithm[TG_ALGORITHM];
    int bits;
    bool decodable, weak;
    bool nist;                 /* one of the P- curves */
    const uint8_t *bit_string; /* content without the unused-bits octet */
    size_t bit_string_len;
};
int tg_spki_read(const uint8_t *spki, size_t len, struct tg_spki_facts *ret,
                 struct tg_err *err) TG_MUST_CHECK;
/* May a new key be of this kind? ec-p256 ec-p384 rsa-3072 rsa-4096 (TRUST F1). */
bool tg_key_word_allowed(const char *word);
