#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

/* RFC 9266 §2 */
static const char EXPORTER_LABEL[] = "EXPORTER-Channel-Binding";
static const unsigned char ALPN_H2[] = {2, 'h', '2'};
/* A client's chain: tamga's agents send one certificate of about 700 bytes. */
enum { MAX_PEER_CHAIN = 32 * 1024 };

TG_DEFINE_AUTO(bio, BIO, BIO_free_all);
TG_DEFINE_AUTO(x509, X509, X509_free);

int tg_tls_fail(struct tg_err *err, int code, const char *what)
{
    unsigned long first = ERR_get_error();
    const char *reason = first ? ERR_reason_error_string(first) : NULL;
    ERR_clear_error();
    return TG_FAIL(err, code, "%s: %s", what, reason ? reason : "no reason given");
}

void tg_tls_ctx_free(SSL_CTX *ctx)
{
    SSL_CTX_free(ctx);
}

void tg_tls_pkey_free(EVP_PKEY *key)
{
    EVP_PKEY_free(key);
}

static bool is_pem(const void *bytes, size_t len)
{
    return len > 10 && memmem(bytes, len, "-----BEGIN", 10);
}

/* No prompt: an encrypted key is an error, not a question on the terminal of a daemon. */
static int no_password(char *buf, int size, int rwflag, void *data)
{
    (void)buf, (void)size, (void)rwflag, (void)data;
    return -1;
}

static int use_chain(SSL_CTX *ctx, BIO *bio, struct tg_err *err)
{
    for (;;) {
        X509 *next = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (!next) break;
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            return tg_tls_fail(err, TG_E_INPUT, "certificate chain");
        }
    }
    ERR_clear_error();
    return 0;
}

static int use_cert(SSL_CTX *ctx, const struct tg_tls_identity *id, struct tg_err *err)
{
    if (id->cert_len > INT32_MAX) return TG_FAIL(err, TG_E_LIMIT, "certificate: too large");
    bool pem = is_pem(id->cert, id->cert_len);
    TG_AUTO(bio) BIO *bio = BIO_new_mem_buf(id->cert, (int)id->cert_len);
    TG_AUTO(x509)
    X509 *cert =
        pem ? PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL) : d2i_X509_bio(bio, NULL);
    if (!cert) return tg_tls_fail(err, TG_E_INPUT, "certificate");
    if (SSL_CTX_use_certificate(ctx, cert) != 1) return tg_tls_fail(err, TG_E_INPUT, "certificate");
    return pem ? use_chain(ctx, bio, err) : 0;
}

static int use_key(SSL_CTX *ctx, const struct tg_tls_identity *id, struct tg_err *err)
{
    TG_AUTO(tls_pkey) EVP_PKEY *read = NULL;
    if (!id->pkey) {
        if (!id->key || id->key_len > INT32_MAX)
            return TG_FAIL(err, TG_E_INPUT, "private key: none given for the certificate");
        TG_AUTO(bio) BIO *bio = BIO_new_mem_buf(id->key, (int)id->key_len);
        read = is_pem(id->key, id->key_len) ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                                            : d2i_PrivateKey_bio(bio, NULL);
        if (!read) return tg_tls_fail(err, TG_E_INPUT, "private key");
    }
    if (SSL_CTX_use_PrivateKey(ctx, id->pkey ? id->pkey : read) != 1)
        return tg_tls_fail(err, TG_E_INPUT, "private key: does not belong to the certificate");
    return 0;
}

static int use_identity(SSL_CTX *ctx, const struct tg_tls_identity *id, struct tg_err *err)
{
    TG_TRY(use_cert(ctx, id, err));
    return use_key(ctx, id, err);
}

/* Any certificate passes here; what its key may do is decided per request (TRUST §5). */
static int accept_any(X509_STORE_CTX *store, void *data)
{
    (void)data;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                     const unsigned char *in, unsigned inlen, void *data)
{
    (void)ssl, (void)data;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, outlen, ALPN_H2, sizeof ALPN_H2, in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_ctx(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    TG_CHECK(ctx);
    TG_CHECK(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1);
    /* RELEASE_BUFFERS: 24 instead of 40 KiB per idle connection (measured). */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY |
                              SSL_MODE_ENABLE_PARTIAL_WRITE);
    return ctx;
}

int tg_tls_server_ctx(enum tg_tls_kind kind, const struct tg_tls_identity *id, SSL_CTX **ret,
                      struct tg_err *err)
{
    TG_AUTO(tls_ctx) SSL_CTX *ctx = new_ctx(TLS_server_method());
    TG_TRY(use_identity(ctx, id, err));
    SSL_CTX_set_verify(ctx,
                       SSL_VERIFY_PEER |
                           (kind == TG_TLS_AGENTS ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
    SSL_CTX_set_max_cert_list(ctx, MAX_PEER_CHAIN);
    SSL_CTX_set_alpn_select_cb(ctx, choose_h2, NULL);
    /* Without an id context every resumption with a client certificate fails. One per kind: a
     * session that came from the API port without a certificate must not open the agents' port. */
    const char *session_id = kind == TG_TLS_AGENTS ? "tamga-agents" : "tamga-api";
    TG_CHECK(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)session_id,
                                            (unsigned)strlen(session_id)) == 1);
    /* Tickets carry the session, so that the server keeps none. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    *ret = TG_TAKE(ctx);
    return 0;
}

static int add_cas(SSL_CTX *ctx, const void *ca, size_t ca_len, struct tg_err *err)
{
    if (ca_len > INT32_MAX) return TG_FAIL(err, TG_E_LIMIT, "CA certificates: too large");
    TG_AUTO(bio) BIO *bio = BIO_new_mem_buf(ca, (int)ca_len);
    unsigned count = 0;
    for (;;) {
        TG_AUTO(x509) X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (!cert) break;
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) != 1)
            return tg_tls_fail(err, TG_E_INPUT, "CA certificate");
        count++;
    }
    ERR_clear_error();
    if (count == 0) return TG_FAIL(err, TG_E_INPUT, "CA certificates: no PEM certificate found");
    return 0;
}

int tg_tls_client_ctx(const struct tg_tls_identity *id, const void *ca, size_t ca_len,
                      SSL_CTX **ret, struct tg_err *err)
{
    TG_AUTO(tls_ctx) SSL_CTX *ctx = new_ctx(TLS_client_method());
    if (id && id->cert) TG_TRY(use_identity(ctx, id, err));
    TG_TRY(add_cas(ctx, ca, ca_len, err));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    TG_CHECK(SSL_CTX_set_alpn_protos(ctx, ALPN_H2, sizeof ALPN_H2) == 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    *ret = TG_TAKE(ctx);
    return 0;
}

bool tg_tls_exporter(SSL *ssl, uint8_t ret[TG_TLS_EXPORTER])
{
    if (!SSL_is_init_finished(ssl)) return false;
    return SSL_export_keying_material(ssl, ret, TG_TLS_EXPORTER, EXPORTER_LABEL,
                                      sizeof EXPORTER_LABEL - 1, NULL, 0, 1) == 1;
}

bool tg_tls_spki(const X509 *cert, uint8_t ret[TG_SHA256])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (len <= 0) return false;
    tg_sha256(der, (size_t)len, ret);
    OPENSSL_free(der);
    return true;
}

bool tg_tls_key_spki(const EVP_PKEY *key, uint8_t ret[TG_SHA256])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0) return false;
    tg_sha256(der, (size_t)len, ret);
    OPENSSL_free(der);
    return true;
}

bool tg_tls_peer_spki(const SSL *ssl, uint8_t ret[TG_SHA256])
{
    const X509 *cert = SSL_get0_peer_certificate(ssl);
    return cert && tg_tls_spki(cert, ret);
}
