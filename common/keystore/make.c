/* A fresh PKCS#12 around one pair. */
#include "keystore/make.h"

#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "x509/cert.h"
#include "x509/key.h"
#include "x509/openssl.h"

enum { ITERATIONS = 100000 };

int tg_keystore_make(const struct tg_key *key, const struct tg_cert *cert, const char *name,
                     const struct tg_secret *password, struct tg_buf *ret, struct tg_err *err)
{
    if (password->len == 0)
        return TG_FAIL(err, TG_E_PASSWORD, "an empty password does not protect a key");
    size_t len = 0;
    const uint8_t *der = tg_cert_der(cert, &len);
    X509 *x509 = d2i_X509(NULL, &der, (long)len);
    PKCS12 *p12 = x509 ? PKCS12_create(password->data, name, tg_key_evp(key), x509, NULL,
                                       NID_aes_256_cbc, NID_aes_256_cbc, ITERATIONS, -1, 0)
                       : NULL;
    bool ok = p12 && PKCS12_set_mac(p12, password->data, -1, NULL, 0, ITERATIONS, EVP_sha256());
    int size = ok ? i2d_PKCS12(p12, NULL) : -1;
    uint8_t *to = size > 0 ? tg_buf_grow(ret, (size_t)size) : NULL;
    if (to) i2d_PKCS12(p12, &to);
    PKCS12_free(p12);
    X509_free(x509);
    return to ? 0 : TG_FAIL(err, TG_E_BUG, "%s: the keystore could not be made", name);
}
