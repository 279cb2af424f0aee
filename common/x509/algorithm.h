/* algorithm: what a signature algorithm is, to us and to OpenSSL. Private to x509. */
#pragma once

#include <openssl/types.h>

#include "base/err.h"
#include "parts.h"

struct tg_signature_algorithm {
    const char *word, *oid;
    const char *digest; /* OpenSSL's name; NULL: none, or not verifiable here */
    const char *key;    /* RSA, EC, ED25519; NULL: not verifiable here */
};

const struct tg_signature_algorithm *tg_signature_find(const char *oid);
/* The signature (BIT STRING) of tbs under pkey, by the algorithm that it names. */
int tg_algorithm_verify(EVP_PKEY *pkey, const struct tg_der_item *algorithm,
                        const struct tg_der_item *tbs, const struct tg_der_item *signature,
                        struct tg_err *err) TG_MUST_CHECK;
