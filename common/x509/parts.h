/* parts: where the fields of a certificate stand in its DER, and its extensions one by one. Private
 * to x509: found once by parsing, used by facts, content, chain and issue without a second reading
 * of the outer shape. */
#pragma once

#include "x509/cert.h"
#include "x509/der.h"

struct tg_cert_parts {
    struct tg_der_item tbs, serial, inner_algorithm, issuer, not_before, not_after, subject, spki;
    struct tg_der extensions; /* run of Extension; empty when there are none */
    struct tg_der_item algorithm, signature;
    uint8_t version; /* as written: 0 = v1 */
};

struct tg_ext {
    struct tg_der_item oid, value; /* value: what the OCTET STRING holds, not parsed */
    bool critical;
    const uint8_t *whole;
    size_t whole_len;
};

bool tg_parts_read(const uint8_t *der, size_t len, struct tg_cert_parts *ret, const char **ret_why);
const struct tg_cert_parts *tg_cert_parts(const struct tg_cert *cert);

bool tg_ext_next(struct tg_der *run, struct tg_ext *ret);
bool tg_ext_find(struct tg_der run, const char *oid, struct tg_ext *ret);
/* The extensions that this room reads or writes. */
#define TG_EXT_SKI               "2.5.29.14"
#define TG_EXT_KEY_USAGE         "2.5.29.15"
#define TG_EXT_SAN               "2.5.29.17"
#define TG_EXT_BASIC_CONSTRAINTS "2.5.29.19"
#define TG_EXT_CRL_POINTS        "2.5.29.31"
#define TG_EXT_POLICIES          "2.5.29.32"
#define TG_EXT_AKI               "2.5.29.35"
#define TG_EXT_EKU               "2.5.29.37"
#define TG_EXT_AIA               "1.3.6.1.5.5.7.1.1"
#define TG_EXT_STORAGE           "1.2.398.3.3.5"

/* keyUsage's BIT STRING as a mask; false when malformed. */
bool tg_key_usage_read(const struct tg_ext *ext, uint16_t *ret);
/* Reads all facts; the texts they point to stand in one allocation, which is yours. */
int tg_facts_read(const struct tg_cert_parts *parts, const uint8_t *der, size_t len,
                  struct tg_cert_facts *ret, char **ret_texts, struct tg_err *err);
/* SHA-1 of the SPKI bit string (RFC 5280 §4.2.1.2). */
struct tg_spki_facts;
void tg_ski_of(const struct tg_spki_facts *spki, uint8_t ret[20]);
enum tg_role tg_role_of(struct tg_der eku_oids);
enum tg_storage tg_storage_of(const struct tg_ext *ext);
/* Word of a signature AlgorithmIdentifier, else its dotted OID. */
void tg_signature_word(const struct tg_der_item *algorithm, char ret[TG_ALGORITHM]);
