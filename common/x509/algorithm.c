/* algorithm: signature AlgorithmIdentifiers by word and by OpenSSL's pieces. One table for
 * certificates, requests, revocation lists and CMS. */
#include "algorithm.h"

#include <string.h>

#include "base/str.h"

static const struct tg_signature_algorithm table[] = {
    {"rsa-sha256", "1.2.840.113549.1.1.11", "SHA256", "RSA"},
    {"rsa-sha384", "1.2.840.113549.1.1.12", "SHA384", "RSA"},
    {"rsa-sha512", "1.2.840.113549.1.1.13", "SHA512", "RSA"},
    {"rsa-sha1", "1.2.840.113549.1.1.5", "SHA1", "RSA"},
    {"ecdsa-sha256", "1.2.840.10045.4.3.2", "SHA256", "EC"},
    {"ecdsa-sha384", "1.2.840.10045.4.3.3", "SHA384", "EC"},
    {"ecdsa-sha512", "1.2.840.10045.4.3.4", "SHA512", "EC"},
    {"ecdsa-sha1", "1.2.840.10045.4.1", "SHA1", "EC"},
    {"ed25519", "1.3.101.112", NULL, "ED25519"},
    {"gost2015-512", "1.2.398.3.10.1.1.2.3.2", NULL, NULL},
    {"gost2015-256", "1.2.398.3.10.1.1.2.3.1", NULL, NULL},
    {"gost2004", "1.2.398.3.10.1.1.1.2", NULL, NULL},
};

const struct tg_signature_algorithm *tg_signature_find(const char *oid)
{
    for (size_t i = 0; i < TG_COUNT(table); i++)
        if (strcmp(table[i].oid, oid) == 0) return &table[i];
    return NULL;
}

void tg_signature_word(const struct tg_der_item *algorithm, char ret[TG_ALGORITHM])
{
    struct tg_der inside = tg_der_inside(algorithm);
    struct tg_der_item oid;
    ret[0] = '\0';
    if (!tg_der_take(&inside, TG_DER_OID, &oid) ||
        !tg_der_oid_text(oid.content, oid.len, ret, TG_ALGORITHM)) {
        ret[0] = '\0';
        return;
    }
    const struct tg_signature_algorithm *known = tg_signature_find(ret);
    if (known) tg_copy(ret, TG_ALGORITHM, known->word);
}
