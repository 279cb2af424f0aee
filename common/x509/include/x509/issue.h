/* issue: makes certificates and CRLs (RFC 5280) for the embedded CA, its root, and mutual TLS.
 * Writes DER itself and never decodes the subject's key: that is what makes it fast. Decides
 * nothing: every check comes before (seal). Thread: any; a tg_key is used by one at a time. All ret
 * buffers are appended to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "x509/cert.h"
#include "x509/content.h"
#include "x509/key.h"

enum { TG_SERIAL = 20 };

struct tg_issue_spec {
    const struct tg_cert *old;       /* subject and extensions are carried over from here */
    const struct tg_change *changes; /* ... with these changes */
    size_t n;
    const uint8_t *spki; /* new public key, DER */
    size_t spki_len;
    int64_t not_before, not_after;
    uint8_t serial[TG_SERIAL]; /* positive; tg_serial_random() */
    const struct tg_cert *issuer;
    const struct tg_key *issuer_key;
    const char *crl_url, *aia_url; /* NULL or "" = no such extension; aia_url: caIssuers */
};

void tg_serial_random(uint8_t ret[TG_SERIAL]); /* 158 random bits, positive, 20 octets */

/* Subject, SAN, KU, EKU, policies and every other extension of old carried with changes; SKI and
 * AKI new; CA false. TG_E_MISMATCH when old or changes cannot be carried; TG_E_STATE when
 * issuer_key is not issuer's. */
int tg_issue(const struct tg_issue_spec *spec, struct tg_buf *ret,
             struct tg_err *err) TG_MUST_CHECK;

struct tg_issue_root_spec {
    const char *cn, *organization; /* organization NULL or "" = none */
    int64_t not_before, not_after;
    int path_len; /* -1 = none */
};
/* A self-signed CA certificate of key. */
int tg_issue_root(const struct tg_key *key, const struct tg_issue_root_spec *spec,
                  struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;

struct tg_issue_identity_spec {
    const char *cn, *organization; /* organization may be NULL */
    const char *const *dns;        /* NULL-terminated, may be NULL */
    const char *const *ips;        /* textual IPv4/IPv6, NULL-terminated, may be NULL */
    const char *email;             /* may be NULL */
    bool server, client;           /* EKU serverAuth, clientAuth; neither = emailProtection */
    const uint8_t *spki;
    size_t spki_len;
    int64_t not_before, not_after;
    uint8_t serial[TG_SERIAL];
    const struct tg_cert *issuer; /* NULL: self-signed by issuer_key */
    const struct tg_key *issuer_key;
};
/* A TLS (or test) certificate: agents, listeners, demo identities. keyUsage digitalSignature (RSA:
 * keyEncipherment). */
int tg_issue_identity(const struct tg_issue_identity_spec *spec, struct tg_buf *ret,
                      struct tg_err *err) TG_MUST_CHECK;

struct tg_crl_entry {
    const uint8_t *serial; /* big-endian integer octets as in the certificate, positive */
    size_t serial_len;
    int64_t revoked_at;
    int reason; /* RFC 5280 §5.3.1; 0 = unspecified, not written */
};
int tg_crl_make(const struct tg_cert *issuer, const struct tg_key *key,
                const struct tg_crl_entry *entries, size_t n, int64_t this_update,
                int64_t next_update, uint64_t number, struct tg_buf *ret,
                struct tg_err *err) TG_MUST_CHECK;
/* Serial octets of a certificate, for tg_crl_entry. */
const uint8_t *tg_cert_serial(const struct tg_cert *cert, size_t *ret_len);
