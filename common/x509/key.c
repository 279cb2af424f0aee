#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "key_private.h"
#include "x509/openssl.h"

struct tg_key {
    EVP_PKEY *pkey;
    uint8_t *spki;
    size_t spki_len;
    uint8_t spki_sha256[32];
    struct tg_spki_facts facts;
};

static const struct kind {
    const char *word, *type, *group;
    size_t bits;
} kinds[] = {
    {"ec-p256", "EC", "P-256", 0},   {"ec-p384", "EC", "P-384", 0},
    {"ec-p521", "EC", "P-521", 0},   {"rsa-2048", "RSA", NULL, 2048},
    {"rsa-3072", "RSA", NULL, 3072}, {"rsa-4096", "RSA", NULL, 4096},
    {"ed25519", "ED25519", NULL, 0},
};

int tg_key_from_evp(EVP_PKEY *pkey, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = TG_NEW(struct tg_key);
    unsigned char *spki = NULL;
    if (!EVP_PKEY_is_a(pkey, "RSA") && !EVP_PKEY_is_a(pkey, "EC") &&
        !EVP_PKEY_is_a(pkey, "ED25519"))
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "private key: only RSA, EC and Ed25519 keys work here");
    int len = i2d_PUBKEY(pkey, &spki);
    if (len <= 0) return tg_openssl_fail(err, TG_E_UNSUPPORTED, "private key");
    key->spki = tg_memdup(spki, (size_t)len);
    key->spki_len = (size_t)len;
    OPENSSL_free(spki);
    TG_TRY(tg_spki_read(key->spki, key->spki_len, &key->facts, err));
    tg_sha256(key->spki, key->spki_len, key->spki_sha256);
    TG_CHECK(EVP_PKEY_up_ref(pkey) == 1);
    key->pkey = pkey;
    *ret = TG_TAKE(key);
    return 0;
}

int tg_key_generate(const char *word, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(evp_pkey) EVP_PKEY *pkey = NULL;
    const struct kind *kind = NULL;
    for (size_t i = 0; i < TG_COUNT(kinds); i++)
        if (strcmp(kinds[i].word, word) == 0) kind = &kinds[i];
    if (!kind)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "key algorithm %s: use ec-p256, ec-p384, rsa-3072 or rsa-4096", word);
    if (kind->group)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->group);
    else if (kind->bits)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->bits);
    else
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type);
    if (!pkey) return tg_openssl_fail(err, TG_E_BUG, "key generation");
    return tg_key_from_evp(pkey, ret, err);
}

void tg_key_free(struct tg_key *key)
{
    if (!key) return;
    EVP_PKEY_free(key->pkey); /* OpenSSL wipes the private part */
    free(key->spki);
    free(key);
}

EVP_PKEY *tg_key_evp(const struct tg_key *key)
{
    return key->pkey;
}

const uint8_t *tg_key_spki_der(const struct tg_key *key, size_t *ret_len)
{
    if (ret_len) *ret_len = key->spki_len;
    return key->spki;
}

void tg_key_spki(const struct tg_key *key, struct tg_buf *ret)
{
    tg_buf_add(ret, key->spki, key->spki_len);
}

void tg_key_spki_sha256(const struct tg_key *key, uint8_t ret[32])
{
    memcpy(ret, key->spki_sha256, 32);
}

void tg_key_spki_hex(const struct tg_key *key, char ret[65])
{
    tg_hex(key->spki_sha256, 32, ret);
}

const char *tg_key_algorithm(const struct tg_key *key)
{
    return key->facts.algorithm;
}

bool tg_key_weak(const struct tg_key *key)
{
    return key->facts.weak;
}

bool tg_key_is_rsa(const struct tg_key *key)
{
    return EVP_PKEY_is_a(key->pkey, "RSA") == 1;
}

/* By the key itself, not by the SPKI's bytes: an old certificate may hold the same point
 * compressed, or name RSA without its NULL parameter. */
bool tg_key_matches(const struct tg_key *key, const struct tg_cert *cert)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    if (memcmp(facts->spki_sha256, key->spki_sha256, 32) == 0) return true;
    if (!facts->decodable) return false;
    EVP_PKEY *theirs = tg_cert_pkey(cert, NULL);
    bool equal = theirs && EVP_PKEY_eq(key->pkey, theirs) == 1;
    ERR_clear_error();
    return equal;
}
