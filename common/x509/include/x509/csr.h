/* csr: certificate signing requests (PKCS#10, RFC 2986): made with the subject of an old
 * certificate, parsed as strict DER, and proof of possession verified. Content of an issued
 * certificate never comes from a CSR: only its public key does. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "x509/cert.h"
#include "x509/content.h"
#include "x509/key.h"

/* Subject of old, SAN, KU and EKU requested as old has them. ret is appended to. */
int tg_csr_make(const struct tg_key *key, const struct tg_cert *old, struct tg_buf *ret,
                struct tg_err *err) TG_MUST_CHECK;
/* The same with an application's changes applied. */
int tg_csr_make_changed(const struct tg_key *key, const struct tg_cert *old,
                        const struct tg_change *changes, size_t n, struct tg_buf *ret,
                        struct tg_err *err) TG_MUST_CHECK;
/* Subject CN=cn only: an agent's identity. */
int tg_csr_make_named(const struct tg_key *key, const char *cn, struct tg_buf *ret,
                      struct tg_err *err) TG_MUST_CHECK;

struct tg_csr;
/* Strict: the whole input is one DER request of at most TG_MAX_CSR bytes. */
int tg_csr_parse(const uint8_t *der, size_t len, struct tg_csr **ret,
                 struct tg_err *err) TG_MUST_CHECK;
void tg_csr_free(struct tg_csr *csr); /* NULL ok */
TG_DEFINE_AUTO(csr, struct tg_csr, tg_csr_free);

/* Proof of possession: the request's signature under its own key. TG_E_SIGNATURE, TG_E_UNSUPPORTED.
 */
int tg_csr_verify(const struct tg_csr *csr, struct tg_err *err) TG_MUST_CHECK;
/* The request's DER inside a PEM block or bare; appended to ret. */
int tg_csr_read(const uint8_t *bytes, size_t len, struct tg_buf *ret,
                struct tg_err *err) TG_MUST_CHECK;
void tg_csr_to_pem(const uint8_t *der, size_t len, struct tg_buf *ret);

const uint8_t *tg_csr_spki(const struct tg_csr *csr, size_t *ret_len);
const uint8_t *tg_csr_spki_sha256(const struct tg_csr *csr); /* 32 bytes */
const char *tg_csr_key_algorithm(const struct tg_csr *csr);
bool tg_csr_weak(const struct tg_csr *csr);
const char *tg_csr_subject(const struct tg_csr *csr); /* RFC 4514 */
