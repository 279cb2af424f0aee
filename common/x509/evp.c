/* evp: public keys as OpenSSL objects, made from SPKI. */
#include <openssl/err.h>

#include "x509/openssl.h"

EVP_PKEY *tg_spki_evp(const uint8_t *spki, size_t len, struct tg_err *err)
{
    struct tg_spki_facts facts;
    const uint8_t *at = spki;
    if (tg_spki_read(spki, len, &facts, err) < 0) return NULL;
    EVP_PKEY *pkey = facts.decodable ? d2i_PUBKEY(NULL, &at, (long)len) : NULL;
    ERR_clear_error();
    if (pkey && at == spki + len) return pkey;
    EVP_PKEY_free(pkey);
    TG_FAIL(err, TG_E_UNSUPPORTED, "public key: %s cannot be verified here", facts.algorithm);
    return NULL;
}
