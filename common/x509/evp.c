/* evp: public keys as OpenSSL objects. The general decoder takes 200 us and global locks (PKI §7),
 * so the usual kinds are filled in directly: 10 us for a NIST curve, 50 us for RSA. Both refuse a
 * point that is not on its curve. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <string.h>

#include "x509/der.h"
#include "x509/openssl.h"

TG_DEFINE_AUTO(bn, BIGNUM, BN_free);
TG_DEFINE_AUTO(pkey_ctx, EVP_PKEY_CTX, EVP_PKEY_CTX_free);
TG_DEFINE_AUTO(param_bld, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
TG_DEFINE_AUTO(params, OSSL_PARAM, OSSL_PARAM_free);

/* A key of each curve whose parameters new keys share; it stays for the process. */
static struct curve {
    const char *word, *group;
    EVP_PKEY *model;
} curves[] = {{"ec-p256", "P-256", NULL}, {"ec-p384", "P-384", NULL}, {"ec-p521", "P-521", NULL}};
static pthread_once_t models_once = PTHREAD_ONCE_INIT;

static void make_models(void)
{
    for (size_t i = 0; i < TG_COUNT(curves); i++) {
        curves[i].model = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[i].group);
        TG_CHECK(curves[i].model);
    }
}

static EVP_PKEY *ec_key(const struct curve *curve, const struct tg_spki_facts *facts)
{
    pthread_once(&models_once, make_models);
    TG_AUTO(evp_pkey) EVP_PKEY *pkey = EVP_PKEY_new();
    if (!pkey || EVP_PKEY_copy_parameters(pkey, curve->model) != 1 ||
        EVP_PKEY_set1_encoded_public_key(pkey, facts->bit_string, facts->bit_string_len) != 1)
        return NULL;
    return TG_TAKE(pkey);
}

static EVP_PKEY *rsa_key(const struct tg_spki_facts *facts)
{
    struct tg_der_item key, n_item, e_item;
    if (!tg_der_whole(facts->bit_string, facts->bit_string_len, TG_DER_SEQUENCE, &key)) return NULL;
    struct tg_der inside = tg_der_inside(&key);
    if (!tg_der_take(&inside, TG_DER_INTEGER, &n_item) ||
        !tg_der_take(&inside, TG_DER_INTEGER, &e_item) || !tg_der_empty(&inside) ||
        n_item.content[0] & 0x80 || e_item.len == 0 || e_item.content[0] & 0x80)
        return NULL;
    TG_AUTO(bn) BIGNUM *n = BN_bin2bn(n_item.content, (int)n_item.len, NULL);
    TG_AUTO(bn) BIGNUM *e = BN_bin2bn(e_item.content, (int)e_item.len, NULL);
    TG_AUTO(param_bld) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    TG_AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (!n || !e || !bld || !ctx || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
        return NULL;
    TG_AUTO(params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY *pkey = NULL;
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return pkey;
}

static EVP_PKEY *decode(const uint8_t *spki, size_t len, const struct tg_spki_facts *facts)
{
    for (size_t i = 0; i < TG_COUNT(curves); i++)
        if (strcmp(curves[i].word, facts->algorithm) == 0) return ec_key(&curves[i], facts);
    if (memcmp(facts->algorithm, "rsa-", 4) == 0) return rsa_key(facts);
    const uint8_t *at = spki;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)len);
    if (pkey && at == spki + len) return pkey;
    EVP_PKEY_free(pkey);
    return NULL;
}

EVP_PKEY *tg_spki_evp(const uint8_t *spki, size_t len, struct tg_err *err)
{
    struct tg_spki_facts facts;
    if (tg_spki_read(spki, len, &facts, err) < 0) return NULL;
    EVP_PKEY *pkey = facts.decodable ? decode(spki, len, &facts) : NULL;
    ERR_clear_error();
    if (!pkey)
        TG_FAIL(err, TG_E_UNSUPPORTED, "public key: %s cannot be verified here", facts.algorithm);
    return pkey;
}
