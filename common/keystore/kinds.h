/* kinds: what the parts of this room share: one table of functions per kind, entries, reasons. */
#pragma once

#include "keystore/keystore.h"
#include "p12.h"
#include "x509/cert.h"
#include "x509/key.h"

extern const struct tg_keystore_ops tg_keystore_pkcs12, tg_keystore_pem, tg_keystore_der;

struct tg_keystore_entry *
tg_keystore_add(struct tg_keystore *ks); /* zeroed; NULL beyond TG_MAX_ENTRIES */
void tg_keystore_set_cert(struct tg_keystore_entry *entry, struct tg_cert *cert); /* takes it */
/* The first reason stays; a worse status wins. */
void tg_keystore_say(struct tg_keystore *ks, enum tg_keystore_status status, const char *reason);
int tg_p12_replace(const uint8_t *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                   struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
int tg_pem_replace(const uint8_t *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                   struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
enum { TG_KEYSTORE_SHA1 = 20 };
/* For key ids only (RFC 5280 §4.2.1.2), never for trust. */
void tg_keystore_sha1(const void *bytes, size_t len, uint8_t ret[TG_KEYSTORE_SHA1]);
/* In words what bytes are that are no keystore. */
const char *tg_keystore_sniff(const uint8_t *bytes, size_t len);

static inline bool tg_keystore_is_leaf(const struct tg_cert *cert)
{
    return !tg_cert_facts(cert)->is_ca;
}
