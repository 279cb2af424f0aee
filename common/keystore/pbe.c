#include "pbe.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "kinds.h"
#include "x509/der.h"

TG_DEFINE_AUTO(cipher, EVP_CIPHER, EVP_CIPHER_free);
TG_DEFINE_AUTO(cipher_ctx, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free);
TG_DEFINE_AUTO(md, EVP_MD, EVP_MD_free);

/* legacy alone would push out the implicit default provider and blame the MAC (PKI §1): load both.
 * Kept until the process ends. */
static OSSL_LIB_CTX *shared_ctx;
static pthread_once_t ctx_once = PTHREAD_ONCE_INIT;

static void load_ctx(void)
{
    shared_ctx = OSSL_LIB_CTX_new();
    TG_CHECK(shared_ctx != NULL);
    TG_CHECK(OSSL_PROVIDER_load(shared_ctx, "default") != NULL);
    (void)OSSL_PROVIDER_load(shared_ctx, "legacy"); /* absent: RC2 and RC4 are refused by name */
    ERR_clear_error();
}

static OSSL_LIB_CTX *library(void)
{
    TG_CHECK(pthread_once(&ctx_once, load_ctx) == 0);
    return shared_ctx;
}

void tg_keystore_sha1(const void *bytes, size_t len, uint8_t ret[TG_KEYSTORE_SHA1])
{
    TG_CHECK(EVP_Q_digest(library(), "SHA1", NULL, bytes, len, ret, NULL) == 1);
}

void tg_pbe_wipe_buf(struct tg_buf *buf)
{
    if (buf->data) tg_wipe(buf->data, buf->cap);
    tg_buf_done(buf);
}

static int spend(struct tg_pbe_budget *budget, uint64_t iterations, size_t want, size_t digest_len,
                 struct tg_err *err)
{
    uint64_t blocks = digest_len ? (want + digest_len - 1) / digest_len : 1;
    uint64_t cost = iterations * blocks;
    if (!budget) return 0;
    if (cost > budget->left)
        return TG_FAIL(err, TG_E_LIMIT, "key derivation: trying all passwords would take too long");
    budget->left -= cost;
    return 0;
}

/* RFC 7292 appendix B; id 1 key, 2 IV, 3 MAC key. */
static int derive_pkcs12(const struct password *p, const uint8_t *salt, size_t salt_len, int id,
                         uint64_t iterations, const EVP_MD *md, uint8_t *ret, size_t len)
{
    return PKCS12_key_gen_uni_ex((unsigned char *)p->bmp.data, (int)p->bmp.len,
                                 (unsigned char *)(uintptr_t)salt, (int)salt_len, id,
                                 (int)iterations, (int)len, ret, md, library(), NULL);
}

static int derive(const struct pbe *pbe, const struct password *password,
                  struct tg_pbe_budget *budget, uint8_t *key, uint8_t *iv, struct tg_err *err)
{
    TG_AUTO(md) EVP_MD *md = EVP_MD_fetch(library(), pbe->digest, NULL);
    if (!md) return TG_FAIL(err, TG_E_UNSUPPORTED, "hash %s is not available here", pbe->digest);
    size_t digest_len = (size_t)EVP_MD_get_size(md);
    int ok = 0;
    if (pbe->pbes2) {
        TG_TRY(spend(budget, pbe->iterations, pbe->key_len, digest_len, err));
        ok = PKCS5_PBKDF2_HMAC(password->raw.data ? password->raw.data : "", (int)password->raw.len,
                               pbe->salt, (int)pbe->salt_len, (int)pbe->iterations, md,
                               (int)pbe->key_len, key);
        memcpy(iv, pbe->iv, pbe->iv_len);
    } else {
        TG_TRY(spend(budget, pbe->iterations, pbe->key_len, digest_len, err));
        TG_TRY(spend(budget, pbe->iterations, pbe->iv_len, digest_len, err));
        ok = derive_pkcs12(password, pbe->salt, pbe->salt_len, PKCS12_KEY_ID, pbe->iterations, md,
                           key, pbe->key_len);
        if (ok && pbe->iv_len)
            ok = derive_pkcs12(password, pbe->salt, pbe->salt_len, PKCS12_IV_ID, pbe->iterations,
                               md, iv, pbe->iv_len);
    }
    ERR_clear_error();
    return ok ? 0 : TG_FAIL(err, TG_E_UNSUPPORTED, "key derivation failed");
}

static int run_cipher(const struct pbe *pbe, const uint8_t *key, const uint8_t *iv, bool seal,
                      const uint8_t *bytes, size_t len, struct tg_buf *out, struct tg_err *err)
{
    TG_AUTO(cipher) EVP_CIPHER *cipher = EVP_CIPHER_fetch(library(), pbe->cipher, NULL);
    ERR_clear_error();
    if (!cipher)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "cipher %s needs OpenSSL's legacy provider",
                       pbe->cipher);
    TG_AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    TG_CHECK(ctx != NULL);
    if (!seal && pbe->iv_len && (len == 0 || len % pbe->iv_len))
        return TG_FAIL(err, TG_E_INPUT, "encrypted content is cut off");
    size_t start = out->len;
    uint8_t *room = tg_buf_grow(out, len + 32);
    if (!room) return TG_FAIL(err, TG_E_LIMIT, "encrypted content is too large");
    int n = 0, rest = 0;
    int ok = EVP_CipherInit_ex2(ctx, cipher, key, iv, seal, NULL) &&
             EVP_CipherUpdate(ctx, room, &n, bytes, (int)len) &&
             EVP_CipherFinal_ex(ctx, room + n, &rest);
    ERR_clear_error();
    if (ok) {
        out->len = start + (size_t)n + (size_t)rest;
        out->data[out->len] = 0;
        return 0;
    }
    tg_wipe(room, len + 32);
    out->len = start;
    return TG_FAIL(err, TG_E_PASSWORD, "the password does not open it");
}

static int crypt_with(const struct pbe *pbe, const struct password *password, bool seal,
                      const uint8_t *bytes, size_t len, struct tg_pbe_budget *budget,
                      struct tg_buf *out, struct tg_err *err)
{
    uint8_t key[64], iv[16];
    int rc = derive(pbe, password, budget, key, iv, err);
    if (rc == 0) rc = run_cipher(pbe, key, iv, seal, bytes, len, out, err);
    tg_wipe(key, sizeof key);
    return rc;
}

int tg_pbe_decrypt(const struct pbe *pbe, const struct password *password, const uint8_t *bytes,
                   size_t len, struct tg_pbe_budget *budget, struct tg_buf *out, struct tg_err *err)
{
    return crypt_with(pbe, password, false, bytes, len, budget, out, err);
}

int tg_pbe_encrypt(const struct pbe *pbe, const struct password *password, const uint8_t *bytes,
                   size_t len, struct tg_buf *out, struct tg_err *err)
{
    return crypt_with(pbe, password, true, bytes, len, NULL, out, err);
}

static int mac_value(const struct tg_pbe_mac *mac, const struct password *password,
                     const uint8_t *bytes, size_t len, struct tg_pbe_budget *budget,
                     uint8_t ret[EVP_MAX_MD_SIZE], size_t *ret_len, struct tg_err *err)
{
    TG_AUTO(md) EVP_MD *md = EVP_MD_fetch(library(), mac->digest, NULL);
    if (!md) return TG_FAIL(err, TG_E_UNSUPPORTED, "hash %s is not available here", mac->digest);
    size_t size = (size_t)EVP_MD_get_size(md);
    uint8_t key[EVP_MAX_MD_SIZE];
    unsigned out_len = 0;
    TG_TRY(spend(budget, mac->iterations, size, size, err));
    bool ok = derive_pkcs12(password, mac->salt, mac->salt_len, PKCS12_MAC_ID, mac->iterations, md,
                            key, size) &&
              HMAC(md, key, (int)size, bytes, len, ret, &out_len);
    tg_wipe(key, sizeof key);
    ERR_clear_error();
    if (!ok) return TG_FAIL(err, TG_E_UNSUPPORTED, "MAC: cannot be computed here");
    *ret_len = out_len;
    return 0;
}

int tg_pbe_mac_check(const struct tg_pbe_mac *mac, const struct password *password,
                     const uint8_t *bytes, size_t len, struct tg_pbe_budget *budget,
                     struct tg_err *err)
{
    uint8_t value[EVP_MAX_MD_SIZE];
    size_t value_len = 0;
    TG_TRY(mac_value(mac, password, bytes, len, budget, value, &value_len, err));
    if (value_len == mac->value_len && tg_equal(value, mac->value, value_len)) return 0;
    return TG_FAIL(err, TG_E_PASSWORD, "the password does not open it");
}

int tg_pbe_mac_put(const struct tg_pbe_mac *mac, const struct password *password,
                   const uint8_t *bytes, size_t len, struct tg_buf *out, struct tg_err *err)
{
    struct tg_pbe_mac fresh = *mac;
    uint8_t value[EVP_MAX_MD_SIZE];
    size_t value_len = 0;
    fresh.salt_len = 16;
    tg_random(fresh.salt, fresh.salt_len);
    TG_TRY(mac_value(&fresh, password, bytes, len, NULL, value, &value_len, err));
    size_t whole = out->len, algorithm = out->len;
    tg_der_put_oid(out, fresh.oid);
    tg_der_put(out, TG_DER_NULL, NULL, 0);
    tg_der_wrap(out, algorithm, TG_DER_SEQUENCE);
    tg_der_put(out, TG_DER_OCTETS, value, value_len);
    tg_der_wrap(out, whole, TG_DER_SEQUENCE);
    tg_der_put(out, TG_DER_OCTETS, fresh.salt, fresh.salt_len);
    tg_der_put_u64(out, fresh.iterations);
    tg_der_wrap(out, whole, TG_DER_SEQUENCE);
    return tg_buf_ok(out, err);
}

int tg_pbe_open_key(const uint8_t *der, size_t len, const struct password *password,
                    struct tg_pbe_budget *budget, struct tg_buf *out, struct tg_err *err)
{
    struct ber r = tg_ber_over(der, len), body;
    struct tg_ber_item algorithm, data;
    struct pbe pbe;
    if (!tg_ber_enter(&r, BER_SEQUENCE, &body) || !tg_ber_take(&body, BER_SEQUENCE, &algorithm) ||
        !tg_ber_next(&body, &data))
        return TG_FAIL(err, TG_E_INPUT, "encrypted private key: malformed");
    TG_TRY(tg_pbe_parse(&algorithm, &pbe, err));
    struct tg_buf sealed = TG_BUF(len);
    int rc = tg_ber_octets(&data, BER_OCTETS, &sealed)
                 ? tg_pbe_decrypt(&pbe, password, sealed.data, sealed.len, budget, out, err)
                 : TG_FAIL(err, TG_E_INPUT, "encrypted private key: malformed");
    tg_buf_done(&sealed);
    /* A wrong key passes the padding check once in 256. */
    r = tg_ber_over(out->data, out->len);
    if (rc == 0 && !tg_ber_enter(&r, BER_SEQUENCE, &body))
        return TG_FAIL(err, TG_E_PASSWORD, "the password does not open it");
    return rc;
}

int tg_pbe_seal_key(const struct pbe *pbe, const struct password *password, const uint8_t *pkcs8,
                    size_t len, struct tg_buf *out, struct tg_err *err)
{
    size_t whole = out->len;
    struct tg_buf sealed = TG_BUF(len + 64);
    int rc = tg_pbe_encrypt(pbe, password, pkcs8, len, &sealed, err);
    tg_pbe_put_algorithm(pbe, out);
    tg_der_put(out, TG_DER_OCTETS, sealed.data, sealed.len);
    tg_der_wrap(out, whole, TG_DER_SEQUENCE);
    tg_buf_done(&sealed);
    TG_TRY(rc);
    return tg_buf_ok(out, err);
}
