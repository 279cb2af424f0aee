/* spki: what a public key is, read by hand (PKI §7: decoding it costs 200 us under global locks).
 */
#include <string.h>

#include "base/str.h"
#include "x509/der.h"
#include "x509/key.h"

enum kind { RSA_KEY, EC_KEY, DSA_KEY, FIXED_KEY };

/* dotted OID, word (NULL: made from kind and size, or the OID), kind, bits, OpenSSL verifies it */
static const struct algorithm {
    const char *oid, *word;
    enum kind kind;
    int bits;
    bool decodable;
} algorithms[] = {
    {"1.2.840.113549.1.1.1", NULL, RSA_KEY, 0, true},
    {"1.2.840.10045.2.1", NULL, EC_KEY, 0, true},
    {"1.2.398.3.10.1.1.2.2", "gost2015-512", FIXED_KEY, 512, false},
    {"1.2.398.3.10.1.1.2.1", "gost2015-256", FIXED_KEY, 256, false},
    {"1.2.398.3.10.1.1.1.1", "gost2004", FIXED_KEY, 256, false},
    {"1.3.101.112", "ed25519", FIXED_KEY, 256, true},
    {"1.3.101.113", "ed448", FIXED_KEY, 456, true},
    {"1.2.840.10040.4.1", NULL, DSA_KEY, 0, true},
    /* RSASSA-PSS: its word stays the OID, its size is read like RSA's. */
    {"1.2.840.113549.1.1.10", "1.2.840.113549.1.1.10", RSA_KEY, 0, true},
};

/* word NULL: a curve that applications may not ask for; the key's word is then the algorithm's OID.
 */
static const struct curve {
    const char *oid, *word;
    int bits;
    bool nist;
} curves[] = {
    {"1.2.840.10045.3.1.7", "ec-p256", 256, true},
    {"1.3.132.0.34", "ec-p384", 384, true},
    {"1.3.132.0.35", "ec-p521", 521, true},
    {"1.2.840.10045.3.1.1", NULL, 192, true},
    {"1.3.132.0.33", NULL, 224, true},
    {"1.3.132.0.10", NULL, 256, false},
    {"1.3.36.3.3.2.8.1.1.7", NULL, 256, false},
    {"1.3.36.3.3.2.8.1.1.11", NULL, 384, false},
    {"1.3.36.3.3.2.8.1.1.13", NULL, 512, false},
};

static int integer_bits(const struct tg_der_item *number)
{
    const uint8_t *at = number->content;
    size_t len = number->len;
    while (len && *at == 0)
        at++, len--;
    if (len == 0 || len > 1 << 16) return 0;
    int bits = (int)len * 8;
    for (uint8_t top = 0x80; !(*at & top); top >>= 1)
        bits--;
    return bits;
}

/* RSAPublicKey (RFC 8017 A.1.1): the modulus' size. */
static void read_rsa(struct tg_spki_facts *facts, bool named)
{
    struct tg_der_item key, modulus;
    facts->decodable = false;
    if (!tg_der_whole(facts->bit_string, facts->bit_string_len, TG_DER_SEQUENCE, &key)) return;
    struct tg_der inside = tg_der_inside(&key);
    if (!tg_der_take(&inside, TG_DER_INTEGER, &modulus)) return;
    facts->bits = integer_bits(&modulus);
    facts->decodable = facts->bits >= 512 && facts->bits <= 16384; /* OpenSSL's own bounds */
    facts->weak = facts->bits < 2048;
    if (named) snprintf(facts->algorithm, sizeof facts->algorithm, "rsa-%d", facts->bits);
}

static void read_ec(struct tg_spki_facts *facts, struct tg_der parameters)
{
    struct tg_der_item oid;
    char dotted[64];
    /* Explicit parameters: OpenSSL may know the curve, but a key that names none is not for us. */
    facts->decodable = false;
    facts->weak = true;
    if (!tg_der_take(&parameters, TG_DER_OID, &oid) ||
        !tg_der_oid_text(oid.content, oid.len, dotted, sizeof dotted))
        return;
    for (size_t i = 0; i < TG_COUNT(curves); i++) {
        if (strcmp(curves[i].oid, dotted) != 0) continue;
        facts->bits = curves[i].bits;
        facts->decodable = true;
        facts->nist = curves[i].nist;
        facts->weak = facts->bits < 256;
        if (curves[i].word) tg_copy(facts->algorithm, sizeof facts->algorithm, curves[i].word);
        return;
    }
}

static void read_dsa(struct tg_spki_facts *facts, struct tg_der parameters)
{
    struct tg_der_item set, prime;
    facts->weak = true;
    facts->decodable = false;
    if (!tg_der_take(&parameters, TG_DER_SEQUENCE, &set)) return;
    struct tg_der inside = tg_der_inside(&set);
    if (!tg_der_take(&inside, TG_DER_INTEGER, &prime)) return;
    facts->bits = integer_bits(&prime);
    facts->weak = facts->bits < 2048;
    facts->decodable = facts->bits > 0;
    snprintf(facts->algorithm, sizeof facts->algorithm, "dsa-%d", facts->bits);
}

static void describe(struct tg_spki_facts *facts, struct tg_der parameters)
{
    for (size_t i = 0; i < TG_COUNT(algorithms); i++) {
        const struct algorithm *a = &algorithms[i];
        if (strcmp(a->oid, facts->algorithm) != 0) continue;
        facts->bits = a->bits;
        facts->decodable = a->decodable;
        if (a->word) tg_copy(facts->algorithm, sizeof facts->algorithm, a->word);
        if (a->kind == RSA_KEY) read_rsa(facts, !a->word);
        if (a->kind == EC_KEY) read_ec(facts, parameters);
        if (a->kind == DSA_KEY) read_dsa(facts, parameters);
        return;
    }
}

int tg_spki_read(const uint8_t *spki, size_t len, struct tg_spki_facts *ret, struct tg_err *err)
{
    struct tg_der_item whole, algorithm, oid, bits;
    struct tg_spki_facts facts = {0};
    if (!tg_der_whole(spki, len, TG_DER_SEQUENCE, &whole))
        return TG_FAIL(err, TG_E_INPUT, "public key: not DER (RFC 5280 §4.1.2.7)");
    struct tg_der inside = tg_der_inside(&whole);
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &algorithm) ||
        !tg_der_take(&inside, TG_DER_BITS, &bits) || !tg_der_empty(&inside) || bits.len < 1)
        return TG_FAIL(err, TG_E_INPUT, "public key: malformed (RFC 5280 §4.1.2.7)");
    struct tg_der parameters = tg_der_inside(&algorithm);
    if (!tg_der_take(&parameters, TG_DER_OID, &oid) ||
        !tg_der_oid_text(oid.content, oid.len, facts.algorithm, sizeof facts.algorithm))
        return TG_FAIL(err, TG_E_INPUT, "public key: its algorithm's OID is malformed");
    facts.bit_string = bits.content + 1;
    facts.bit_string_len = bits.len - 1;
    describe(&facts, parameters);
    *ret = facts;
    return 0;
}

bool tg_key_word_allowed(const char *word)
{
    static const char *const allowed[] = {"ec-p256", "ec-p384", "rsa-3072", "rsa-4096"};
    for (size_t i = 0; i < TG_COUNT(allowed); i++)
        if (strcmp(allowed[i], word) == 0) return true;
    return false;
}
