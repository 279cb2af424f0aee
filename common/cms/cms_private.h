/* cms_private: a SignedData found by walking its DER, and the digests that V3 allows. Private to
 * cms. */
#pragma once

#include <openssl/evp.h>

#include "cms/cms.h"
#include "x509/der.h"

struct cms_digest {
    const char *name, *oid;  /* of the hash */
    const char *rsa, *ecdsa; /* OIDs of signature algorithms that name it */
    size_t len;
};

struct cms_attributes {
    struct tg_der_item whole; /* [0]: signed as a SET */
    struct tg_der_item message_digest;
    struct tg_der_item
        signing_certificate; /* value of signingCertificateV2; content NULL when absent */
};

struct cms_parts {
    struct tg_der_item digests, certificates, sid, digest_algorithm, signature_algorithm, signature;
    struct cms_attributes attributes;
    const struct cms_digest *digest;
};

const struct cms_digest *cms_digest_by_oid(const char *oid);
const struct cms_digest *cms_digest_by_name(const char *name);
void cms_hash(const struct cms_digest *digest, const void *bytes, size_t len,
              uint8_t ret[EVP_MAX_MD_SIZE]);
/* The conditions of V3 that are shape, one refusal each. */
int cms_walk(const uint8_t *der, size_t len, struct cms_parts *ret,
             struct tg_err *err) TG_MUST_CHECK;
/* Dotted OID of an AlgorithmIdentifier; "?" when malformed. */
void cms_algorithm(const struct tg_der_item *algorithm, char ret[TG_ALGORITHM]);

#define CMS_DATA         "1.2.840.113549.1.7.1"
#define CMS_SIGNED_DATA  "1.2.840.113549.1.7.2"
#define CMS_CONTENT_TYPE "1.2.840.113549.1.9.3"
#define CMS_MD           "1.2.840.113549.1.9.4"
#define CMS_SIGNING_CERT "1.2.840.113549.1.9.16.2.47"
#define CMS_RSA          "1.2.840.113549.1.1.1"
