/* make_keystore: pairs, certificates and keystores made at run time for tests, by OpenSSL's own
 * functions and not by ours. Include once a program; libs: crypto, uses: base x509. */
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"

struct mk_pair {
    EVP_PKEY *key;
    X509 *cert;
};

static inline void mk_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    TG_CHECK(ext && X509_add_ext(cert, ext, -1));
    X509_EXTENSION_free(ext);
}

/* algorithm: "rsa" (2048) or "ec" (P-256). issuer NULL: self-signed. usage: keyUsage text. */
static inline struct mk_pair mk_pair(const char *algorithm, const char *cn,
                                     const struct mk_pair *issuer, const char *usage)
{
    struct mk_pair ret = {.cert = X509_new()};
    unsigned char serial[8];
    ret.key = strcmp(algorithm, "rsa") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    TG_CHECK(ret.key && ret.cert);
    bool ca = strstr(usage, "keyCertSign") != NULL;
    tg_random(serial, sizeof serial);
    serial[0] = 0x40 | (serial[0] & 0x3f);
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    TG_CHECK(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(ret.cert)) != NULL);
    BN_free(bn);
    X509_set_version(ret.cert, 2);
    ASN1_TIME_set_string_X509(X509_getm_notBefore(ret.cert), "20260101000000Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(ret.cert), "20360101000000Z");
    X509_NAME *name = X509_get_subject_name(ret.cert);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Алатау Тест", -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509 *signer = issuer ? issuer->cert : ret.cert;
    X509_set_issuer_name(ret.cert, X509_get_subject_name(signer));
    X509_set_pubkey(ret.cert, ret.key);
    mk_extension(ret.cert, signer, NID_basic_constraints,
                 ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    mk_extension(ret.cert, signer, NID_key_usage, usage);
    mk_extension(ret.cert, signer, NID_subject_key_identifier, "hash");
    TG_CHECK(X509_sign(ret.cert, issuer ? issuer->key : ret.key, EVP_sha256()) > 0);
    return ret;
}

static inline void mk_free(struct mk_pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->cert);
    *pair = (struct mk_pair){0};
}

enum mk_style { MK_MODERN, MK_3DES, MK_RC2 };

/* One entry of a keystore to be made. */
struct mk_entry {
    const struct mk_pair *pair;
    const char *name;        /* friendlyName or NULL */
    const unsigned char *id; /* localKeyID or NULL */
    int id_len;
    bool java_trusted; /* a certificate without key, as keytool writes trusted ones */
    bool no_key;
};

static inline OSSL_LIB_CTX *mk_legacy(void)
{
    static OSSL_LIB_CTX *ctx;
    if (!ctx) {
        ctx = OSSL_LIB_CTX_new();
        TG_CHECK(OSSL_PROVIDER_load(ctx, "default") && OSSL_PROVIDER_load(ctx, "legacy"));
    }
    return ctx;
}

static inline void mk_java_mark(PKCS12_SAFEBAG *bag)
{
    /* trustedKeyUsage: anyExtendedKeyUsage */
    ASN1_OBJECT *any = OBJ_txt2obj("2.5.29.37.0", 1);
    ASN1_OBJECT *type = OBJ_txt2obj("2.16.840.1.113894.746875.1.1", 1);
    X509_ATTRIBUTE *attr = X509_ATTRIBUTE_new();
    TG_CHECK(X509_ATTRIBUTE_set1_object(attr, type) &&
             X509_ATTRIBUTE_set1_data(attr, V_ASN1_OBJECT, any, -1));
    STACK_OF(X509_ATTRIBUTE) *attrs =
        (STACK_OF(X509_ATTRIBUTE) *)(uintptr_t)PKCS12_SAFEBAG_get0_attrs(bag);
    TG_CHECK(attrs && sk_X509_ATTRIBUTE_push(attrs, attr));
    ASN1_OBJECT_free(any);
    ASN1_OBJECT_free(type);
}

static inline void mk_attributes(PKCS12_SAFEBAG *bag, const struct mk_entry *e)
{
    TG_CHECK(bag != NULL);
    if (e->name) TG_CHECK(PKCS12_add_friendlyname_utf8(bag, e->name, -1));
    if (e->id) TG_CHECK(PKCS12_add_localkeyid(bag, (unsigned char *)(uintptr_t)e->id, e->id_len));
}

/* Keys in a plain safe, certificates in a sealed one, as everybody writes them; iterations as
 * given. mac false: a file without MAC. password NULL: nothing is sealed. */
static inline void mk_p12(struct tg_buf *out, const struct mk_entry *entries, size_t n,
                          enum mk_style style, const char *password, int iterations, bool mac)
{
    static const int key_nids[] = {NID_aes_256_cbc, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                                   NID_pbe_WithSHA1And3_Key_TripleDES_CBC};
    static const int cert_nids[] = {NID_aes_256_cbc, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                                    NID_pbe_WithSHA1And40BitRC2_CBC};
    STACK_OF(PKCS12_SAFEBAG) *certs = NULL, *keys = NULL;
    STACK_OF(PKCS7) *safes = NULL;
    int cert_nid = password ? cert_nids[style] : -1, key_nid = password ? key_nids[style] : -1;
    for (size_t i = 0; i < n; i++) {
        PKCS12_SAFEBAG *bag = PKCS12_add_cert(&certs, entries[i].pair->cert);
        mk_attributes(bag, &entries[i]);
        if (entries[i].java_trusted) mk_java_mark(bag);
        if (entries[i].java_trusted || entries[i].no_key) continue;
        mk_attributes(PKCS12_add_key_ex(&keys, entries[i].pair->key, 0, iterations, key_nid,
                                        password, mk_legacy(), NULL),
                      &entries[i]);
    }
    TG_CHECK(PKCS12_add_safe_ex(&safes, certs, cert_nid, iterations, password, mk_legacy(), NULL));
    if (keys) TG_CHECK(PKCS12_add_safe_ex(&safes, keys, -1, 0, NULL, mk_legacy(), NULL));
    PKCS12 *p12 = PKCS12_add_safes_ex(safes, 0, mk_legacy(), NULL);
    TG_CHECK(p12 != NULL);
    if (mac)
        TG_CHECK(PKCS12_set_mac(p12, password, -1, NULL, 0, iterations,
                                style == MK_MODERN ? EVP_sha256() : EVP_sha1()));
    int len = i2d_PKCS12(p12, NULL);
    unsigned char *room = tg_buf_grow(out, (size_t)len);
    TG_CHECK(room != NULL && i2d_PKCS12(p12, &room) == len);
    PKCS12_free(p12);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    sk_PKCS12_SAFEBAG_pop_free(certs, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(keys, PKCS12_SAFEBAG_free);
}

static inline void mk_bio_take(BIO *bio, struct tg_buf *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    tg_buf_add(out, data, (size_t)len);
    BIO_free(bio);
}

static inline void mk_pem_cert(struct tg_buf *out, const struct mk_pair *pair)
{
    BIO *bio = BIO_new(BIO_s_mem());
    TG_CHECK(PEM_write_bio_X509(bio, pair->cert));
    mk_bio_take(bio, out);
}

/* style "pkcs8" or "traditional"; password NULL: plain. */
static inline void mk_pem_key(struct tg_buf *out, const struct mk_pair *pair, const char *style,
                              const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password ? EVP_aes_256_cbc() : NULL;
    int len = password ? (int)strlen(password) : 0;
    unsigned char *pass = (unsigned char *)(uintptr_t)password;
    TG_CHECK(
        strcmp(style, "traditional") == 0
            ? PEM_write_bio_PrivateKey_traditional(bio, pair->key, cipher, pass, len, NULL, NULL)
            : PEM_write_bio_PKCS8PrivateKey(bio, pair->key, cipher, (char *)pass, len, NULL, NULL));
    mk_bio_take(bio, out);
}
