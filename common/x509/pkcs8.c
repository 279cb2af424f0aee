/* pkcs8: private keys in and out (RFC 5958, RFC 8018). Plain key bytes live in wiped memory only.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "base/limits.h"
#include "x509/der.h"
#include "x509/key.h"
#include "x509/openssl.h"
#include "x509/pem.h"

enum { DEFAULT_ITERATIONS = 100000, SALT = 16, MAX_KEY = 64 * 1024 };

TG_DEFINE_AUTO(p8inf, PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free);
TG_DEFINE_AUTO(x509_sig, X509_SIG, X509_SIG_free);

static bool small_count(const struct tg_der_item *number)
{
    uint64_t value = 0;
    if (number->len == 0 || number->len > 4 || number->content[0] & 0x80) return false;
    for (size_t i = 0; i < number->len; i++)
        value = value << 8 | number->content[i];
    return value >= 1 && value <= TG_MAX_KDF_ITERATIONS;
}

/* The maker of the file chose how long deriving takes: look before paying. Both the PKCS#5/12 PBE
 * parameters and PBKDF2's are SEQUENCE { salt, INTEGER iterations, ... }; scrypt is bounded by
 * OpenSSL. */
static bool iterations_bounded(struct tg_der parameters)
{
    static const uint8_t scrypt[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b};
    struct tg_der_item outer, kdf, oid, salt, count;
    if (!tg_der_take(&parameters, TG_DER_SEQUENCE, &outer)) return false;
    struct tg_der inside = tg_der_inside(&outer);
    if (tg_der_take(&inside, TG_DER_SEQUENCE, &kdf)) { /* PBES2 */
        inside = tg_der_inside(&kdf);
        if (!tg_der_take(&inside, TG_DER_OID, &oid)) return false;
        if (tg_der_is(&oid, scrypt, sizeof scrypt)) return true;
        return iterations_bounded(inside);
    }
    return tg_der_next(&inside, &salt) && tg_der_take(&inside, TG_DER_INTEGER, &count) &&
           small_count(&count);
}

/* 1 encrypted, 0 plain, negative: neither. */
static int kind_of(const uint8_t *der, size_t len, struct tg_err *err)
{
    struct tg_der_item whole, first, oid;
    if (len > MAX_KEY) return TG_FAIL(err, TG_E_LIMIT, "private key: more than %d bytes", MAX_KEY);
    if (!tg_der_whole(der, len, TG_DER_SEQUENCE, &whole))
        return TG_FAIL(err, TG_E_INPUT, "private key: not DER (RFC 5958)");
    struct tg_der inside = tg_der_inside(&whole);
    if (tg_der_take(&inside, TG_DER_INTEGER, &first)) return 0;
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &first))
        return TG_FAIL(err, TG_E_INPUT, "private key: no PKCS#8 (RFC 5958)");
    inside = tg_der_inside(&first);
    if (!tg_der_take(&inside, TG_DER_OID, &oid) || !iterations_bounded(inside))
        return TG_FAIL(err, TG_E_LIMIT, "private key: iteration count missing or above %d",
                       TG_MAX_KDF_ITERATIONS);
    return 1;
}

/* A cipher that this OpenSSL does not load is no wrong password. */
static int decrypt_failed(struct tg_err *err)
{
    bool unsupported = false;
    for (unsigned long e; (e = ERR_get_error()) != 0;) {
        int reason = ERR_GET_REASON(e);
        unsupported =
            unsupported || reason == ERR_R_UNSUPPORTED ||
            (ERR_GET_LIB(e) == ERR_LIB_EVP &&
             (reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNSUPPORTED_CIPHER ||
              reason == EVP_R_UNSUPPORTED_PRF || reason == EVP_R_UNSUPPORTED_KEYLENGTH));
    }
    if (unsupported)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "private key: its encryption is not supported here");
    return TG_FAIL(err, TG_E_PASSWORD, "private key: the password does not open it");
}

static int from_info(const PKCS8_PRIV_KEY_INFO *info, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(evp_pkey) EVP_PKEY *pkey = EVP_PKCS82PKEY(info);
    ERR_clear_error();
    if (!pkey)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "private key: OpenSSL does not know its algorithm");
    return tg_key_from_evp(pkey, ret, err);
}

int tg_key_from_pkcs8(const uint8_t *der, size_t len, const struct tg_secret *password,
                      struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(p8inf) PKCS8_PRIV_KEY_INFO *info = NULL;
    TG_AUTO(x509_sig) X509_SIG *sealed = NULL;
    const uint8_t *at = der;
    int encrypted = kind_of(der, len, err);
    if (encrypted < 0) return encrypted;
    if (!encrypted) {
        info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)len);
        ERR_clear_error();
        if (!info) return TG_FAIL(err, TG_E_INPUT, "private key: PKCS#8 is malformed (RFC 5958)");
        return from_info(info, ret, err);
    }
    if (!password)
        return TG_FAIL(err, TG_E_LOCKED, "private key: encrypted, and no password is known");
    sealed = d2i_X509_SIG(NULL, &at, (long)len);
    ERR_clear_error();
    if (!sealed) return TG_FAIL(err, TG_E_INPUT, "private key: PKCS#8 is malformed (RFC 5958)");
    info = PKCS8_decrypt(sealed, password->data ? password->data : "", (int)password->len);
    if (!info) return decrypt_failed(err);
    ERR_clear_error();
    return from_info(info, ret, err);
}

int tg_key_to_secret(const struct tg_key *key, struct tg_secret *ret, struct tg_err *err)
{
    TG_AUTO(p8inf) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(tg_key_evp(key));
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    if (len <= 0) return tg_openssl_fail(err, TG_E_BUG, "private key: encoding");
    unsigned char *at = (unsigned char *)tg_secret_room(ret, (size_t)len);
    TG_CHECK(i2d_PKCS8_PRIV_KEY_INFO(info, &at) == len);
    return 0;
}

static int sealed_der(const struct tg_key *key, const struct tg_secret *password,
                      unsigned iterations, struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(p8inf) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(tg_key_evp(key));
    TG_AUTO(x509_sig) X509_SIG *sealed = NULL;
    unsigned char *der = NULL;
    if (!info) return tg_openssl_fail(err, TG_E_BUG, "private key: encoding");
    if (iterations > TG_MAX_KDF_ITERATIONS)
        return TG_FAIL(err, TG_E_LIMIT, "private key: %u iterations, at most %d", iterations,
                       TG_MAX_KDF_ITERATIONS);
    sealed = PKCS8_encrypt(-1, EVP_aes_256_cbc(), password->data ? password->data : "",
                           (int)password->len, NULL, SALT,
                           (int)(iterations ? iterations : DEFAULT_ITERATIONS), info);
    int len = sealed ? i2d_X509_SIG(sealed, &der) : -1;
    if (len <= 0) return tg_openssl_fail(err, TG_E_BUG, "private key: encryption");
    tg_buf_add(ret, der, (size_t)len);
    OPENSSL_free(der);
    return tg_buf_ok(ret, err);
}

int tg_key_to_pkcs8(const struct tg_key *key, const struct tg_secret *password, unsigned iterations,
                    struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(secret) struct tg_secret plain = {0};
    if (password) return sealed_der(key, password, iterations, ret, err);
    TG_TRY(tg_key_to_secret(key, &plain, err));
    tg_buf_add(ret, plain.data, plain.len);
    return tg_buf_ok(ret, err);
}

int tg_key_to_pem(const struct tg_key *key, const struct tg_secret *password, unsigned iterations,
                  struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(secret) struct tg_secret plain = {0};
    TG_AUTO(buf) struct tg_buf der = TG_BUF(MAX_KEY);
    if (password) {
        TG_TRY(sealed_der(key, password, iterations, &der, err));
        tg_pem_write("ENCRYPTED PRIVATE KEY", der.data, der.len, ret);
        return tg_buf_ok(ret, err);
    }
    TG_TRY(tg_key_to_secret(key, &plain, err));
    tg_pem_write("PRIVATE KEY", (const uint8_t *)plain.data, plain.len, ret);
    return tg_buf_ok(ret, err);
}

struct reading {
    const struct tg_secret *password;
    struct tg_key *key;
};

static int give_password(char *room, int size, int writing, void *data)
{
    const struct tg_secret *password = data;
    (void)writing;
    if (!password || password->len > (size_t)size) return -1;
    if (password->len) memcpy(room, password->data, password->len);
    return (int)password->len;
}

/* RSA PRIVATE KEY, EC PRIVATE KEY: OpenSSL knows their encryption (RFC 1421 headers, 1 MD5
 * iteration). */
static int from_traditional(const struct tg_pem_block *block, struct reading *r, struct tg_err *err)
{
    if (block->encrypted && !r->password)
        return TG_FAIL(err, TG_E_LOCKED, "private key: encrypted, and no password is known");
    TG_AUTO(bio) BIO *bio = BIO_new_mem_buf(block->text, (int)block->text_len);
    TG_CHECK(bio);
    TG_AUTO(evp_pkey)
    EVP_PKEY *pkey =
        PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)r->password);
    if (!pkey && block->encrypted) return decrypt_failed(err);
    ERR_clear_error();
    if (!pkey) return TG_FAIL(err, TG_E_INPUT, "private key: %s is malformed", block->label);
    return tg_key_from_evp(pkey, &r->key, err);
}

static int on_key_block(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct reading *r = data;
    if (!tg_pem_is_key(block->label)) return 0;
    if (r->key) return TG_FAIL(err, TG_E_INPUT, "private key: several in one PEM text");
    if (strcmp(block->label, "PRIVATE KEY") == 0 ||
        strcmp(block->label, "ENCRYPTED PRIVATE KEY") == 0)
        return tg_key_from_pkcs8(block->der, block->der_len, r->password, &r->key, err);
    return from_traditional(block, r, err);
}

int tg_key_from_pem(const char *text, size_t len, const struct tg_secret *password,
                    struct tg_key **ret, struct tg_err *err)
{
    struct reading r = {.password = password};
    TG_AUTO(key) struct tg_key *key = NULL;
    int rc = tg_pem_read((const uint8_t *)text, len, on_key_block, &r, err);
    key = r.key;
    TG_TRY(rc);
    if (!key) return TG_FAIL(err, TG_E_NOT_FOUND, "private key: no such block in the PEM text");
    *ret = TG_TAKE(key);
    return 0;
}
