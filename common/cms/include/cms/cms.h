/* cms: detached CAdES signatures (RFC 5652, RFC 5035) over exact bytes: made by our keys, verified
 * by TRUST V3. Every condition of V3 is walked by hand and refused by name before the arithmetic is
 * asked. Decides nothing about trust: it tells whose key signed. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "x509/cert.h"
#include "x509/key.h"

/* PIN: roots and approvers named by SPKI; signingCertificateV2 may be absent. ROLE: it may not.
 * HOLDER: the exception of TRUST F2, RSA >= 1024 or any NIST curve. */
enum tg_cms_rules { TG_CMS_PIN, TG_CMS_ROLE, TG_CMS_HOLDER };

struct tg_cms_signer {
    struct tg_cert *cert; /* embedded in the CMS */
    char spki[65];        /* lower-case hex SHA-256 of its SPKI */
};

/* DER appended to ret: detached, binary, SHA-256 (P-384: SHA-384, P-521: SHA-512), contentType,
 * messageDigest, signingTime absent, signingCertificateV2, cert embedded, no S/MIME capabilities.
 * TG_E_UNSUPPORTED for Ed25519; TG_E_MISMATCH when key and cert do not belong together. */
int tg_cms_sign(const struct tg_key *key, const struct tg_cert *cert, const void *content,
                size_t len, struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;

/* V3 whole. The signer is filled only on success; tg_cms_signer_done() it. TG_E_INPUT, TG_E_LIMIT,
 * TG_E_SIGNATURE, TG_E_UNSUPPORTED, each text names the one condition that failed. */
int tg_cms_verify(const uint8_t *der, size_t len, const void *content, size_t content_len,
                  enum tg_cms_rules rules, struct tg_cms_signer *ret,
                  struct tg_err *err) TG_MUST_CHECK;
/* F2: rules HOLDER, and the signer's key is old's. */
int tg_cms_verify_under(const uint8_t *der, size_t len, const void *content, size_t content_len,
                        const struct tg_cert *old, struct tg_err *err) TG_MUST_CHECK;
void tg_cms_signer_done(struct tg_cms_signer *signer);

/* A self-signed certificate for a pin key that has none: only its SPKI will count. */
int tg_cms_self_signed(const struct tg_key *key, const char *cn, int64_t not_before,
                       int64_t not_after, struct tg_cert **ret, struct tg_err *err) TG_MUST_CHECK;
