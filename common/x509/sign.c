/* sign: signatures with keys of any kind, made and verified. The digest follows from the key. */
#include <openssl/err.h>
#include <string.h>

#include "algorithm.h"
#include "base/bytes.h"
#include "key_private.h"
#include "x509/openssl.h"

TG_DEFINE_AUTO(md_ctx, EVP_MD_CTX, EVP_MD_CTX_free);

/* By size of curve; RSA always SHA-256; Ed25519 hashes inside. */
static const char *digest_of(EVP_PKEY *pkey)
{
    if (EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448")) return NULL;
    if (!EVP_PKEY_is_a(pkey, "EC")) return "SHA256";
    int bits = EVP_PKEY_get_bits(pkey);
    return bits > 384 ? "SHA512" : bits > 256 ? "SHA384" : "SHA256";
}

const char *tg_key_signature_oid(const struct tg_key *key)
{
    EVP_PKEY *pkey = tg_key_evp(key);
    const char *digest = digest_of(pkey);
    if (!digest) return "1.3.101.112";
    if (tg_key_is_rsa(key)) return "1.2.840.113549.1.1.11";
    return strcmp(digest, "SHA512") == 0   ? "1.2.840.10045.4.3.4"
           : strcmp(digest, "SHA384") == 0 ? "1.2.840.10045.4.3.3"
                                           : "1.2.840.10045.4.3.2";
}

int tg_key_sign(const struct tg_key *key, const void *data, size_t len, struct tg_buf *ret,
                struct tg_err *err)
{
    EVP_PKEY *pkey = tg_key_evp(key);
    TG_AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = (size_t)EVP_PKEY_get_size(pkey);
    TG_CHECK(ctx);
    tg_buf_reset(ret);
    uint8_t *room = tg_buf_grow(ret, n);
    if (!room) return tg_buf_ok(ret, err);
    if (EVP_DigestSignInit_ex(ctx, NULL, digest_of(pkey), NULL, NULL, pkey, NULL) != 1 ||
        EVP_DigestSign(ctx, room, &n, data, len) != 1) {
        tg_buf_reset(ret);
        return tg_openssl_fail(err, TG_E_UNSUPPORTED, "signature");
    }
    ret->len = n;
    return 0;
}

static int verify_with(EVP_PKEY *pkey, const char *digest, const void *data, size_t len,
                       const uint8_t *signature, size_t signature_len, struct tg_err *err)
{
    TG_AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    TG_CHECK(ctx);
    if (EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, pkey, NULL) != 1)
        return tg_openssl_fail(err, TG_E_UNSUPPORTED, "signature: this key cannot verify here");
    int rc = EVP_DigestVerify(ctx, signature, signature_len, data, len);
    ERR_clear_error();
    if (rc == 1) return 0;
    return TG_FAIL(err, TG_E_SIGNATURE, "signature: it does not verify under this key");
}

int tg_cert_verify_signature(const struct tg_cert *cert, const void *data, size_t len,
                             const uint8_t *signature, size_t signature_len, struct tg_err *err)
{
    EVP_PKEY *pkey = tg_cert_pkey(cert, err);
    if (!pkey) return TG_E_UNSUPPORTED;
    return verify_with(pkey, digest_of(pkey), data, len, signature, signature_len, err);
}

int tg_spki_verify_signature(const uint8_t *spki, size_t spki_len, const void *data, size_t len,
                             const uint8_t *signature, size_t signature_len, struct tg_err *err)
{
    TG_AUTO(evp_pkey) EVP_PKEY *pkey = tg_spki_evp(spki, spki_len, err);
    if (!pkey) return TG_E_UNSUPPORTED;
    return verify_with(pkey, digest_of(pkey), data, len, signature, signature_len, err);
}

int tg_key_prove(const struct tg_key *key, const struct tg_cert *cert, struct tg_err *err)
{
    uint8_t challenge[32];
    TG_AUTO(buf) struct tg_buf signature = TG_BUF(4096);
    tg_random(challenge, sizeof challenge);
    TG_TRY(tg_key_sign(key, challenge, sizeof challenge, &signature, err));
    if (tg_cert_verify_signature(cert, challenge, sizeof challenge, signature.data, signature.len,
                                 err) < 0)
        return tg_err_wrap(err, "key and certificate do not work together");
    return 0;
}

static const char *key_type(EVP_PKEY *pkey)
{
    static const char *const types[] = {"RSA", "EC", "ED25519"};
    for (size_t i = 0; i < TG_COUNT(types); i++)
        if (EVP_PKEY_is_a(pkey, types[i])) return types[i];
    return "";
}

int tg_algorithm_verify(EVP_PKEY *pkey, const struct tg_der_item *algorithm,
                        const struct tg_der_item *tbs, const struct tg_der_item *signature,
                        struct tg_err *err)
{
    char oid[TG_ALGORITHM] = "";
    struct tg_der inside = tg_der_inside(algorithm);
    struct tg_der_item item;
    if (!tg_der_take(&inside, TG_DER_OID, &item) ||
        !tg_der_oid_text(item.content, item.len, oid, sizeof oid))
        return TG_FAIL(err, TG_E_INPUT, "signature: its algorithm is malformed");
    const struct tg_signature_algorithm *known = tg_signature_find(oid);
    if (!known || !known->key)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "signature: algorithm %s cannot be verified here",
                       oid);
    if (strcmp(known->key, key_type(pkey)) != 0)
        return TG_FAIL(err, TG_E_SIGNATURE, "signature: algorithm %s is not of the signer's key",
                       known->word);
    return verify_with(pkey, known->digest, tbs->whole, tbs->whole_len, signature->content + 1,
                       signature->len - 1, err);
}
