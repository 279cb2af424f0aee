#include "pbe.h"

#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "x509/der.h"

#define OID_PBES2  "1.2.840.113549.1.5.13"
#define OID_PBKDF2 "1.2.840.113549.1.5.12"
#define OID_PBMAC1 "1.2.840.113549.1.5.14"
#define OID_AES256 "2.16.840.1.101.3.4.1.42"
#define OID_3DES   "1.2.840.113549.1.12.1.3"

struct cipher_row {
    const char *oid, *name;
    size_t key_len, iv_len;
};

static const struct cipher_row pkcs12_ciphers[] = {
    {"1.2.840.113549.1.12.1.1", "RC4", 16, 0},
    {"1.2.840.113549.1.12.1.2", "RC4-40", 5, 0},
    {OID_3DES, "DES-EDE3-CBC", 24, 8},
    {"1.2.840.113549.1.12.1.4", "DES-EDE-CBC", 16, 8},
    {"1.2.840.113549.1.12.1.5", "RC2-CBC", 16, 8},
    {"1.2.840.113549.1.12.1.6", "RC2-40-CBC", 5, 8},
};

static const struct cipher_row pbes2_ciphers[] = {
    {"2.16.840.1.101.3.4.1.2", "AES-128-CBC", 16, 16},
    {"2.16.840.1.101.3.4.1.22", "AES-192-CBC", 24, 16},
    {OID_AES256, "AES-256-CBC", 32, 16},
    {"1.2.840.113549.3.7", "DES-EDE3-CBC", 24, 8},
};

struct digest_row {
    const char *oid, *name;
};

static const struct digest_row prfs[] = {
    {"1.2.840.113549.2.7", "SHA1"},      {"1.2.840.113549.2.8", "SHA2-224"},
    {"1.2.840.113549.2.9", "SHA2-256"},  {"1.2.840.113549.2.10", "SHA2-384"},
    {"1.2.840.113549.2.11", "SHA2-512"},
};

static const struct digest_row digests[] = {
    {"1.3.14.3.2.26", "SHA1"},
    {"2.16.840.1.101.3.4.2.4", "SHA2-224"},
    {"2.16.840.1.101.3.4.2.1", "SHA2-256"},
    {"2.16.840.1.101.3.4.2.2", "SHA2-384"},
    {"2.16.840.1.101.3.4.2.3", "SHA2-512"},
};

static const struct cipher_row *find_cipher(const struct cipher_row *rows, size_t count,
                                            const char *oid)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].oid, oid) == 0) return &rows[i];
    return NULL;
}

static const char *find_digest(const struct digest_row *rows, size_t count, const char *oid)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].oid, oid) == 0) return rows[i].name;
    return NULL;
}

static int take_salt(struct ber *r, uint8_t *salt, size_t *ret_len, struct tg_err *err)
{
    struct tg_ber_item item;
    if (!tg_ber_take(r, BER_OCTETS, &item))
        return TG_FAIL(err, TG_E_INPUT, "key derivation: no salt");
    if (item.body_len > PBE_MAX_SALT)
        return TG_FAIL(err, TG_E_LIMIT, "key derivation: the salt exceeds %d bytes", PBE_MAX_SALT);
    if (item.body_len) memcpy(salt, item.body, item.body_len);
    *ret_len = item.body_len;
    return 0;
}

static int take_iterations(struct ber *r, uint64_t *ret, struct tg_err *err)
{
    struct tg_ber_item item;
    if (!tg_ber_take(r, BER_INTEGER, &item) || !tg_ber_uint(&item, UINT64_MAX, ret) || *ret == 0)
        return TG_FAIL(err, TG_E_INPUT, "key derivation: no iteration count");
    if (*ret > TG_MAX_KDF_ITERATIONS)
        return TG_FAIL(err, TG_E_LIMIT, "key derivation: %llu iterations, at most %d are done",
                       (unsigned long long)*ret, TG_MAX_KDF_ITERATIONS);
    return 0;
}

/* PBKDF2-params ::= SEQUENCE { salt, iterationCount, keyLength OPTIONAL, prf DEFAULT hmacWithSHA1 }
 */
static int parse_pbkdf2(struct ber *kdf, struct pbe *pbe, uint64_t *ret_key_len, struct tg_err *err)
{
    struct tg_ber_item oid, item;
    struct ber params, prf;
    if (!tg_ber_take(kdf, BER_OID, &oid))
        return TG_FAIL(err, TG_E_INPUT, "PBES2: no key derivation");
    if (!tg_ber_oid_is(&oid, OID_PBKDF2)) {
        (void)tg_ber_oid_text(&oid, pbe->oid, sizeof pbe->oid);
        return TG_FAIL(err, TG_E_UNSUPPORTED, "PBES2: key derivation %s is not supported",
                       pbe->oid);
    }
    if (!tg_ber_enter(kdf, BER_SEQUENCE, &params))
        return TG_FAIL(err, TG_E_INPUT, "PBKDF2: no parameters");
    TG_TRY(take_salt(&params, pbe->salt, &pbe->salt_len, err));
    TG_TRY(take_iterations(&params, &pbe->iterations, err));
    *ret_key_len = 0;
    if (tg_ber_take(&params, BER_INTEGER, &item) && !tg_ber_uint(&item, 64, ret_key_len))
        return TG_FAIL(err, TG_E_LIMIT, "PBKDF2: the key length is out of bounds");
    pbe->digest = "SHA1";
    if (tg_ber_done(&params)) return 0;
    char text[64] = "";
    if (!tg_ber_enter(&params, BER_SEQUENCE, &prf) || !tg_ber_take(&prf, BER_OID, &oid) ||
        !tg_ber_oid_text(&oid, text, sizeof text))
        return TG_FAIL(err, TG_E_INPUT, "PBKDF2: malformed parameters");
    pbe->digest = find_digest(prfs, TG_COUNT(prfs), text);
    if (!pbe->digest)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "PBKDF2: hash %s is not supported", text);
    return 0;
}

static int parse_pbes2(struct ber *r, struct pbe *pbe, struct tg_err *err)
{
    struct ber params, kdf, scheme;
    struct tg_ber_item oid, iv;
    uint64_t key_len = 0;
    if (!tg_ber_enter(r, BER_SEQUENCE, &params) || !tg_ber_enter(&params, BER_SEQUENCE, &kdf) ||
        !tg_ber_enter(&params, BER_SEQUENCE, &scheme) || !tg_ber_take(&scheme, BER_OID, &oid))
        return TG_FAIL(err, TG_E_INPUT, "PBES2: malformed parameters");
    TG_TRY(parse_pbkdf2(&kdf, pbe, &key_len, err));
    if (!tg_ber_oid_text(&oid, pbe->oid, sizeof pbe->oid))
        return TG_FAIL(err, TG_E_INPUT, "PBES2: malformed cipher");
    const struct cipher_row *row = find_cipher(pbes2_ciphers, TG_COUNT(pbes2_ciphers), pbe->oid);
    if (!row) return TG_FAIL(err, TG_E_UNSUPPORTED, "PBES2: cipher %s is not supported", pbe->oid);
    if (!tg_ber_take(&scheme, BER_OCTETS, &iv) || iv.body_len != row->iv_len)
        return TG_FAIL(err, TG_E_INPUT, "PBES2: wrong initialization vector");
    if (key_len && key_len != row->key_len)
        return TG_FAIL(err, TG_E_INPUT, "PBES2: the key length does not fit the cipher");
    pbe->pbes2 = true;
    pbe->cipher = row->name;
    pbe->key_len = row->key_len;
    memcpy(pbe->iv, iv.body, iv.body_len);
    pbe->iv_len = iv.body_len;
    return 0;
}

int tg_pbe_parse(const struct tg_ber_item *algorithm, struct pbe *ret, struct tg_err *err)
{
    *ret = (struct pbe){0};
    struct ber r = tg_ber_body(algorithm), params;
    struct tg_ber_item oid;
    if (algorithm->tag != BER_SEQUENCE || !tg_ber_take(&r, BER_OID, &oid) ||
        !tg_ber_oid_text(&oid, ret->oid, sizeof ret->oid))
        return TG_FAIL(err, TG_E_INPUT, "encryption: malformed algorithm");
    if (tg_ber_oid_is(&oid, OID_PBES2)) return parse_pbes2(&r, ret, err);
    const struct cipher_row *row = find_cipher(pkcs12_ciphers, TG_COUNT(pkcs12_ciphers), ret->oid);
    if (!row) return TG_FAIL(err, TG_E_UNSUPPORTED, "encryption %s is not supported", ret->oid);
    if (!tg_ber_enter(&r, BER_SEQUENCE, &params))
        return TG_FAIL(err, TG_E_INPUT, "encryption: malformed parameters");
    TG_TRY(take_salt(&params, ret->salt, &ret->salt_len, err));
    TG_TRY(take_iterations(&params, &ret->iterations, err));
    ret->cipher = row->name;
    ret->key_len = row->key_len;
    ret->iv_len = row->iv_len;
    ret->digest = "SHA1";
    return 0;
}

int tg_pbe_mac_parse(const struct tg_ber_item *mac_data, struct tg_pbe_mac *ret, struct tg_err *err)
{
    *ret = (struct tg_pbe_mac){.iterations = 1};
    struct ber r = tg_ber_body(mac_data), info, algorithm;
    struct tg_ber_item oid, value;
    if (mac_data->tag != BER_SEQUENCE || !tg_ber_enter(&r, BER_SEQUENCE, &info) ||
        !tg_ber_enter(&info, BER_SEQUENCE, &algorithm) || !tg_ber_take(&algorithm, BER_OID, &oid) ||
        !tg_ber_oid_text(&oid, ret->oid, sizeof ret->oid) ||
        !tg_ber_take(&info, BER_OCTETS, &value))
        return TG_FAIL(err, TG_E_INPUT, "MAC: malformed");
    if (strcmp(ret->oid, OID_PBMAC1) == 0)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "MAC: PBMAC1 (RFC 9579) is not supported");
    ret->digest = find_digest(digests, TG_COUNT(digests), ret->oid);
    if (!ret->digest)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "MAC: hash %s is not supported", ret->oid);
    if (value.body_len > sizeof ret->value) return TG_FAIL(err, TG_E_INPUT, "MAC: malformed");
    if (value.body_len) memcpy(ret->value, value.body, value.body_len);
    ret->value_len = value.body_len;
    TG_TRY(take_salt(&r, ret->salt, &ret->salt_len, err));
    if (!tg_ber_done(&r)) TG_TRY(take_iterations(&r, &ret->iterations, err));
    return 0;
}

void tg_pbe_mac_sha256(struct tg_pbe_mac *mac)
{
    mac->digest = "SHA2-256";
    (void)tg_copy(mac->oid, sizeof mac->oid, "2.16.840.1.101.3.4.2.1");
}

void tg_pbe_fresh(struct pbe *ret, bool pbes2, uint64_t iterations)
{
    *ret = (struct pbe){.pbes2 = pbes2, .iterations = iterations, .salt_len = pbes2 ? 16 : 8};
    (void)tg_copy(ret->oid, sizeof ret->oid, pbes2 ? OID_AES256 : OID_3DES);
    ret->cipher = pbes2 ? "AES-256-CBC" : "DES-EDE3-CBC";
    ret->digest = pbes2 ? "SHA2-256" : "SHA1";
    ret->key_len = pbes2 ? 32 : 24;
    ret->iv_len = pbes2 ? 16 : 8;
    tg_random(ret->salt, ret->salt_len);
    if (pbes2) tg_random(ret->iv, ret->iv_len);
}

void tg_pbe_put_algorithm(const struct pbe *pbe, struct tg_buf *out)
{
    size_t whole = out->len;
    tg_der_put_oid(out, pbe->pbes2 ? OID_PBES2 : pbe->oid);
    size_t params = out->len;
    if (!pbe->pbes2) {
        tg_der_put(out, TG_DER_OCTETS, pbe->salt, pbe->salt_len);
        tg_der_put_u64(out, pbe->iterations);
    } else {
        size_t kdf = out->len;
        tg_der_put_oid(out, OID_PBKDF2);
        size_t kdf_params = out->len;
        tg_der_put(out, TG_DER_OCTETS, pbe->salt, pbe->salt_len);
        tg_der_put_u64(out, pbe->iterations);
        size_t prf = out->len;
        tg_der_put_oid(out, "1.2.840.113549.2.9");
        tg_der_put(out, TG_DER_NULL, NULL, 0);
        tg_der_wrap(out, prf, TG_DER_SEQUENCE);
        tg_der_wrap(out, kdf_params, TG_DER_SEQUENCE);
        tg_der_wrap(out, kdf, TG_DER_SEQUENCE);
        size_t scheme = out->len;
        tg_der_put_oid(out, pbe->oid);
        tg_der_put(out, TG_DER_OCTETS, pbe->iv, pbe->iv_len);
        tg_der_wrap(out, scheme, TG_DER_SEQUENCE);
    }
    tg_der_wrap(out, params, TG_DER_SEQUENCE);
    tg_der_wrap(out, whole, TG_DER_SEQUENCE);
}
