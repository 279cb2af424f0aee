#include "x509/cert.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "parts.h"
#include "x509/openssl.h"

struct tg_cert {
    atomic_int refs;
    uint8_t *der;
    size_t len;
    struct tg_cert_parts parts;
    struct tg_cert_facts facts;
    char *texts;
    /* Made on first use, by whoever comes first; the loser throws his copy away. */
    _Atomic(X509 *) x509;
    _Atomic(EVP_PKEY *) pkey;
};

/* A library context with only the null provider parses ten times faster: it cannot decode keys, and
 * so it does not try (PKI §7). It stays for the process. */
static OSSL_LIB_CTX *null_ctx;
static pthread_once_t null_once = PTHREAD_ONCE_INIT;

static void make_null_ctx(void)
{
    null_ctx = OSSL_LIB_CTX_new();
    TG_CHECK(null_ctx && OSSL_PROVIDER_load(null_ctx, "null"));
}

OSSL_LIB_CTX *tg_openssl_null_ctx(void)
{
    pthread_once(&null_once, make_null_ctx);
    return null_ctx;
}

/* OpenSSL reads it too: what we take in will not fail later, when a chain or a CMS is made of it.
 */
static bool openssl_reads(const uint8_t *der, size_t len)
{
    const uint8_t *at = der;
    X509 *x509 = X509_new_ex(tg_openssl_null_ctx(), NULL);
    TG_CHECK(x509);
    bool ok = d2i_X509(&x509, &at, (long)len) != NULL && at == der + len;
    X509_free(x509); /* NULL after a failure */
    ERR_clear_error();
    return ok;
}

int tg_cert_parse(const uint8_t *der, size_t len, struct tg_cert **ret, struct tg_err *err)
{
    const char *why = NULL;
    if (len > TG_MAX_CERT)
        return TG_FAIL(err, TG_E_LIMIT, "certificate: %zu bytes, at most %d are read", len,
                       TG_MAX_CERT);
    TG_AUTO(cert) struct tg_cert *cert = TG_NEW(struct tg_cert);
    atomic_init(&cert->refs, 1);
    cert->der = tg_memdup(len ? der : (const uint8_t *)"", len);
    cert->len = len;
    if (!tg_parts_read(cert->der, len, &cert->parts, &why))
        return TG_FAIL(err, TG_E_INPUT, "certificate: %s malformed or not DER (RFC 5280 §4.1)",
                       why);
    if (!openssl_reads(cert->der, len))
        return TG_FAIL(err, TG_E_INPUT, "certificate: OpenSSL cannot read it");
    TG_TRY(tg_facts_read(&cert->parts, cert->der, len, &cert->facts, &cert->texts, err));
    *ret = TG_TAKE(cert);
    return 0;
}

struct tg_cert *tg_cert_ref(const struct tg_cert *cert)
{
    /* The count is the one member that a shared, immutable certificate may change. */
    struct tg_cert *shared = (struct tg_cert *)(uintptr_t)cert;
    if (shared) atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void tg_cert_unref(struct tg_cert *cert)
{
    if (!cert || atomic_fetch_sub_explicit(&cert->refs, 1, memory_order_acq_rel) != 1) return;
    X509_free(atomic_load(&cert->x509));
    EVP_PKEY_free(atomic_load(&cert->pkey));
    free(cert->texts);
    free(cert->der);
    free(cert);
}

const uint8_t *tg_cert_der(const struct tg_cert *cert, size_t *ret_len)
{
    if (ret_len) *ret_len = cert->len;
    return cert->der;
}

const struct tg_cert_facts *tg_cert_facts(const struct tg_cert *cert)
{
    return &cert->facts;
}

const struct tg_cert_parts *tg_cert_parts(const struct tg_cert *cert)
{
    return &cert->parts;
}

bool tg_cert_has_eku(const struct tg_cert *cert, const char *oid)
{
    uint8_t wanted[64];
    size_t len = tg_der_oid_bytes(oid, wanted, sizeof wanted);
    struct tg_ext ext;
    struct tg_der_item list, one;
    if (len == 0 || !tg_ext_find(cert->parts.extensions, TG_EXT_EKU, &ext)) return false;
    if (!tg_der_whole(ext.value.content, ext.value.len, TG_DER_SEQUENCE, &list)) return false;
    struct tg_der inside = tg_der_inside(&list);
    while (tg_der_take(&inside, TG_DER_OID, &one))
        if (tg_der_is(&one, wanted, len)) return true;
    return false;
}

X509 *tg_cert_x509(const struct tg_cert *shared, struct tg_err *err)
{
    struct tg_cert *cert = (struct tg_cert *)(uintptr_t)shared;
    X509 *known = atomic_load(&cert->x509);
    if (known) return known;
    const uint8_t *at = cert->der;
    X509 *made = d2i_X509(NULL, &at, (long)cert->len);
    ERR_clear_error(); /* an unknown key leaves a complaint and a usable certificate */
    if (!made) {
        TG_FAIL(err, TG_E_INPUT, "certificate: OpenSSL cannot read it");
        return NULL;
    }
    if (atomic_compare_exchange_strong(&cert->x509, &known, made)) return made;
    X509_free(made);
    return known;
}

EVP_PKEY *tg_cert_pkey(const struct tg_cert *shared, struct tg_err *err)
{
    struct tg_cert *cert = (struct tg_cert *)(uintptr_t)shared;
    EVP_PKEY *known = atomic_load(&cert->pkey);
    if (known) return known;
    EVP_PKEY *made = tg_spki_evp(cert->facts.spki_der, cert->facts.spki_len, err);
    if (!made) return NULL;
    if (atomic_compare_exchange_strong(&cert->pkey, &known, made)) return made;
    EVP_PKEY_free(made);
    return known;
}

int tg_cert_from_x509(X509 *x509, struct tg_cert **ret, struct tg_err *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    if (len < 0) return tg_openssl_fail(err, TG_E_INPUT, "certificate");
    int rc = tg_cert_parse(der, (size_t)len, ret, err);
    OPENSSL_free(der);
    return rc;
}

int tg_openssl_fail(struct tg_err *err, int code, const char *what)
{
    unsigned long first = ERR_peek_error();
    const char *reason = first ? ERR_reason_error_string(first) : NULL;
    tg_err_set(err, code, __FILE__, __LINE__, "%s: %s", what, reason ? reason : "OpenSSL refused");
    ERR_clear_error();
    return code;
}
