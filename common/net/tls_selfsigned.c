#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls.h"

TG_DEFINE_AUTO(bio, BIO, BIO_free_all);
TG_DEFINE_AUTO(x509, X509, X509_free);
TG_DEFINE_AUTO(ext, X509_EXTENSION, X509_EXTENSION_free);

int tg_tls_new_key(EVP_PKEY **ret, struct tg_err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key) return tg_tls_fail(err, TG_E_BUG, "new P-256 key");
    *ret = key;
    return 0;
}

int tg_tls_key_pem(EVP_PKEY *key, struct tg_secret *ret, struct tg_err *err)
{
    TG_AUTO(bio) BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return tg_tls_fail(err, TG_E_BUG, "private key to PEM");
    char *pem = NULL;
    long len = BIO_get_mem_data(bio, &pem);
    TG_CHECK(len > 0);
    tg_secret_set(ret, pem, (size_t)len);
    tg_wipe(pem, (size_t)len);
    return 0;
}

static int add_extension(X509 *cert, int nid, const char *value, struct tg_err *err)
{
    TG_AUTO(ext) X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    if (!ext || X509_add_ext(cert, ext, -1) != 1)
        return tg_tls_fail(err, TG_E_INPUT, "extension of a self-signed certificate");
    return 0;
}

/* The extension syntax has its own separators, so the name must be one that cannot speak it. */
static int add_name(X509 *cert, const char *name, struct tg_err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > 63)
        return TG_FAIL(err, TG_E_INPUT, "certificate name: 1 to 63 characters");
    if (X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)name, -1, -1, 0) != 1)
        return tg_tls_fail(err, TG_E_INPUT, "certificate name");
    TG_CHECK(X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1);

    uint8_t addr[16];
    bool ip = inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1;
    if (!ip &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != len)
        return 0; /* not a host: CN only */
    char value[80];
    (void)snprintf(value, sizeof value, "%s:%s", ip ? "IP" : "DNS", name);
    return add_extension(cert, NID_subject_alt_name, value, err);
}

static void set_serial(X509 *cert)
{
    uint8_t bytes[16];
    tg_random(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, never zero (RFC 5280 §4.1.2.2) */
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    TG_CHECK(n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)));
    BN_free(n);
}

int tg_tls_selfsigned(EVP_PKEY *key, const char *name, int64_t from, int64_t until,
                      struct tg_buf *ret_pem, struct tg_err *err)
{
    TG_AUTO(x509) X509 *cert = X509_new();
    TG_CHECK(cert && X509_set_version(cert, X509_VERSION_3) == 1);
    set_serial(cert);
    TG_CHECK(ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
             ASN1_TIME_set(X509_getm_notAfter(cert), until));
    TG_TRY(add_name(cert, name, err));
    TG_TRY(add_extension(cert, NID_key_usage, "critical,digitalSignature", err));
    TG_TRY(add_extension(cert, NID_ext_key_usage, "clientAuth,serverAuth", err));
    if (X509_set_pubkey(cert, key) != 1 || X509_sign(cert, key, EVP_sha256()) <= 0)
        return tg_tls_fail(err, TG_E_BUG, "self-signed certificate");
    TG_AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    TG_CHECK(bio && PEM_write_bio_X509(bio, cert) == 1);
    char *pem = NULL;
    long len = BIO_get_mem_data(bio, &pem);
    TG_CHECK(len > 0);
    tg_buf_add(ret_pem, pem, (size_t)len);
    return tg_buf_ok(ret_pem, err);
}
