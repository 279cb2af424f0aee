/* cert_maker: certificates of made-up employees in every shape that an inventory test wants, by
 * libcrypto, with keys made on the spot. Test support. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "x509/cert.h"

struct maker {
    EVP_PKEY *key; /* of the CA */
    X509 *ca;
};
struct maker_cert {
    const char *cn, *iin, *email, *eku,
        *ku;             /* NULL = none; eku: dotted OIDs; ku as openssl.cnf says it */
    const char *more_cn; /* a second CN */
    int64_t not_before, not_after;
    EVP_PKEY *same_key; /* NULL: a new one */
};

static inline void maker_must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "cert_maker: %s\n", what);
        abort();
    }
}

static inline void maker_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    maker_must(e && X509_add_ext(x, e, -1), value);
    X509_EXTENSION_free(e);
}

static inline void maker_name(X509_NAME *name, const char *field, const char *value)
{
    if (value)
        maker_must(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                              (const unsigned char *)value, -1, -1, 0),
                   value);
}

static inline X509 *maker_x509(struct maker *m, const struct maker_cert *c, EVP_PKEY *key)
{
    static long serial = 1000;
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(x), c->not_before);
    ASN1_TIME_set(X509_getm_notAfter(x), c->not_after);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    maker_name(name, "CN", c->cn);
    maker_name(name, "CN", c->more_cn);
    if (c->iin) {
        TG_AUTO(mem) char *id = tg_printf("IIN%s", c->iin);
        maker_name(name, "serialNumber", id);
    }
    maker_name(name, "O", m->ca ? "Alatau" : "Alatau CA");
    X509_set_issuer_name(x, m->ca ? X509_get_subject_name(m->ca) : name);
    maker_extension(x, m->ca ? m->ca : x, NID_basic_constraints,
                    m->ca ? "critical,CA:FALSE" : "critical,CA:TRUE");
    maker_extension(x, m->ca ? m->ca : x, NID_subject_key_identifier, "hash");
    if (c->ku) maker_extension(x, m->ca, NID_key_usage, c->ku);
    if (c->eku) maker_extension(x, m->ca, NID_ext_key_usage, c->eku);
    if (c->email) {
        TG_AUTO(mem) char *san = tg_printf("email:%s", c->email);
        maker_extension(x, m->ca, NID_subject_alt_name, san);
    }
    maker_must(X509_sign(x, m->key, EVP_sha256()), "sign");
    return x;
}

static inline void maker_init(struct maker *m, int64_t now)
{
    *m = (struct maker){.key = EVP_EC_gen("P-256")};
    m->ca = maker_x509(m,
                       &(struct maker_cert){.cn = "Alatau Issuing CA 1",
                                            .not_before = now - 86400,
                                            .not_after = now + 3650 * 86400LL},
                       m->key);
}

static inline void maker_done(struct maker *m)
{
    X509_free(m->ca);
    EVP_PKEY_free(m->key);
}

/* DER, yours. */
static inline uint8_t *maker_der(X509 *x, size_t *ret_len)
{
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);
    maker_must(len > 0, "i2d_X509");
    uint8_t *copy = tg_memdup(der, (size_t)len);
    OPENSSL_free(der);
    *ret_len = (size_t)len;
    return copy;
}

static inline uint8_t *maker_make(struct maker *m, const struct maker_cert *c, size_t *ret_len)
{
    EVP_PKEY *key = c->same_key ? c->same_key : EVP_EC_gen("P-256");
    X509 *x = maker_x509(m, c, key);
    uint8_t *der = maker_der(x, ret_len);
    X509_free(x);
    if (!c->same_key) EVP_PKEY_free(key);
    return der;
}
