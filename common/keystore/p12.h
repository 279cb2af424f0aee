/* p12: a PKCS#12 file (RFC 7292) taken apart by our own walk into safes and bags, each a slice of
 * the bytes it came from, so that what is not touched goes over as it was. Never PKCS12_parse: it
 * knows one key and loses attributes (PKI §1). Thread: any, no sharing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "ber.h"
#include "pbe.h"

#define P12_OID_DATA          "1.2.840.113549.1.7.1"
#define P12_OID_ENCRYPTED     "1.2.840.113549.1.7.6"
#define P12_OID_X509          "1.2.840.113549.1.9.22.1"
#define P12_OID_FRIENDLY_NAME "1.2.840.113549.1.9.20"
#define P12_OID_LOCAL_KEY_ID  "1.2.840.113549.1.9.21"
#define P12_OID_JAVA_TRUSTED  "2.16.840.1.113894.746875.1.1"
#define P12_OID_MS_CSP        "1.3.6.1.4.1.311.17.1"

enum { P12_MAX_NESTING = 8 };

enum tg_p12_bag_type { P12_KEY, P12_SHROUDED, P12_CERT, P12_NESTED, P12_OTHER };

struct tg_p12_bag {
    enum tg_p12_bag_type type;
    size_t safe;
    int parent; /* index of the nested-contents bag around it, -1 */
    int depth;
    struct tg_ber_item raw;   /* the whole SafeBag */
    struct tg_ber_item oid;   /* its type */
    struct tg_ber_item value; /* what stands inside [0] */
    struct ber attributes;    /* of the SET; empty when there is none */
    const uint8_t *der;       /* P12_CERT: the certificate */
    size_t der_len;
    uint8_t *der_own; /* der, when it came in pieces */
    const uint8_t *key_id;
    size_t key_id_len;
    char *friendly_name; /* UTF-8 or NULL */
    bool java_trusted;
};

enum tg_p12_safe_state { P12_CLEAR, P12_SEALED, P12_OPENED, P12_REFUSED };

struct tg_p12_safe {
    struct tg_ber_item info; /* the whole ContentInfo */
    enum tg_p12_safe_state state;
    struct pbe pbe;       /* of a sealed one */
    struct tg_buf sealed; /* ciphertext */
    struct tg_buf plain;  /* SafeContents */
    struct tg_err why;    /* P12_REFUSED, or why it stayed sealed */
};

struct tg_p12 {
    struct tg_buf content; /* what the MAC covers: AuthenticatedSafe */
    bool has_mac;
    struct tg_pbe_mac mac;
    struct tg_p12_safe *safes;
    size_t safe_count;
    struct tg_p12_bag *bags;
    size_t bag_count, bag_cap;
    struct password password; /* the one that opened it */
    int password_index;       /* of the given ones, -1 */
    struct tg_pbe_budget budget;
};

bool tg_p12_probe(const uint8_t *bytes, size_t len);
/* The outside and all that stands in the clear. tg_p12_done() after success and after failure. */
int tg_p12_read(struct tg_p12 *p, const uint8_t *bytes, size_t len,
                struct tg_err *err) TG_MUST_CHECK;
/* Find the password among the given ones, none and empty, in all their forms; open every safe.
 * TG_E_LOCKED when none fits. A safe that stays closed although the MAC fits says why in itself. */
int tg_p12_open(struct tg_p12 *p, const struct tg_secret *passwords, size_t n,
                struct tg_err *err) TG_MUST_CHECK;
void tg_p12_done(struct tg_p12 *p);

/* The PKCS#8 of a key bag, opened with the password found; the caller wipes out. */
int tg_p12_bag_pkcs8(struct tg_p12 *p, const struct tg_p12_bag *bag, struct tg_buf *out,
                     struct tg_err *err) TG_MUST_CHECK;
static inline bool tg_p12_is_key(const struct tg_p12_bag *bag)
{
    return bag->type == P12_KEY || bag->type == P12_SHROUDED;
}
bool tg_p12_same_id(const struct tg_p12_bag *a, const struct tg_p12_bag *b);

/* Parse a SafeContents into bags of safe. */
int tg_p12_walk_safe(struct tg_p12 *p, size_t safe, struct tg_err *err) TG_MUST_CHECK;
