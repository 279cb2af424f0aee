#include <string.h>

#include "base/limits.h"
#include "kinds.h"
#include "x509/pem.h"

/* A bare DER certificate: SEQUENCE { SEQUENCE { [0] version or INTEGER serial, ... }, SEQUENCE, BIT
 * STRING }. Without [0] (version 1) it begins like a CSR or a CRL; the third field after the serial
 * tells. */
static bool looks_like_cert(const uint8_t *bytes, size_t len)
{
    struct ber r = tg_ber_over(bytes, len), outer, tbs;
    struct tg_ber_item serial, algorithm, issuer, validity;
    if (!tg_ber_enter(&r, BER_SEQUENCE, &outer) || !tg_ber_enter(&outer, BER_SEQUENCE, &tbs))
        return false;
    if (tg_ber_peek(&tbs, BER_CONTEXT0)) return true;
    return tg_ber_take(&tbs, BER_INTEGER, &serial) && tg_ber_take(&tbs, BER_SEQUENCE, &algorithm) &&
           tg_ber_take(&tbs, BER_SEQUENCE, &issuer) && tg_ber_take(&tbs, BER_SEQUENCE, &validity) &&
           tg_ber_peek(&tbs, BER_SEQUENCE);
}

static void scan(struct tg_keystore *ks, const uint8_t *bytes, size_t len,
                 const struct tg_secret *passwords, size_t n)
{
    (void)passwords;
    (void)n;
    struct tg_cert *cert = NULL;
    struct tg_err err = {0};
    if (tg_cert_parse(bytes, len, &cert, &err) < 0) {
        tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, err.text);
        return;
    }
    tg_keystore_set_cert(tg_keystore_add(ks), cert);
}

const struct tg_keystore_ops tg_keystore_der = {.kind = "der",
                                                .probe = looks_like_cert,
                                                .scan = scan};

static const char *sniff_pem(const uint8_t *bytes, size_t len)
{
    static const struct {
        const char *begin, *words;
    } rows[] = {
        {"-----BEGIN PKCS7-----", "PKCS#7 or CMS in PEM, not a keystore"},
        {"-----BEGIN CMS-----", "PKCS#7 or CMS in PEM, not a keystore"},
        {"-----BEGIN X509 CRL-----", "a revocation list, not a keystore"},
        {"-----BEGIN CERTIFICATE REQUEST-----", "a certificate request, not a keystore"},
        {"-----BEGIN NEW CERTIFICATE REQUEST-----", "a certificate request, not a keystore"},
        {"-----BEGIN PUBLIC KEY-----", "a public key, not a keystore"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----", "an OpenSSH key, not a keystore"},
    };
    for (size_t i = 0; i < TG_COUNT(rows); i++)
        if (memmem(bytes, len, rows[i].begin, strlen(rows[i].begin))) return rows[i].words;
    return tg_pem_looks_like(bytes, len) ? "PEM without certificate or key" : "neither PEM nor DER";
}

/* By the first fields: a list of revoked certificates has a time third, a request has the name
 * second. */
static const char *sniff_signed(struct ber *tbs)
{
    struct tg_ber_item item;
    struct ber r = *tbs;
    uint64_t version = 1;
    if (tg_ber_take(&r, BER_INTEGER, &item) && tg_ber_uint(&item, 0, &version) &&
        tg_ber_take(&r, BER_SEQUENCE, &item) && tg_ber_take(&r, BER_SEQUENCE, &item) &&
        tg_ber_peek(&r, BER_CONTEXT0))
        return "a certificate request, not a keystore";
    r = *tbs;
    (void)tg_ber_take(&r, BER_INTEGER, &item);
    if (tg_ber_take(&r, BER_SEQUENCE, &item) && tg_ber_take(&r, BER_SEQUENCE, &item) &&
        (tg_ber_peek(&r, 0x17) || tg_ber_peek(&r, 0x18)))
        return "a revocation list, not a keystore";
    r = *tbs; /* PKIStatusInfo */
    if (tg_ber_take(&r, BER_INTEGER, &item) && !tg_ber_peek(&r, BER_SEQUENCE))
        return "a time-stamp answer, not a keystore";
    return NULL;
}

static const char *sniff_der(const uint8_t *bytes, size_t len)
{
    struct ber r = tg_ber_over(bytes, len), body, inner;
    struct tg_ber_item item;
    if (!tg_ber_enter(&r, BER_SEQUENCE, &body)) return NULL;
    if (tg_ber_peek(&body, BER_ENUM)) return "an OCSP answer, not a keystore";
    struct ber at = body;
    if (tg_ber_take(&at, BER_OID, &item))
        return item.body_len == 9 && memcmp(item.body, "\x2a\x86\x48\x86\xf7\x0d\x01\x07", 8) == 0
                   ? "PKCS#7 or CMS, not a keystore"
                   : "DER of an unknown kind";
    if (tg_ber_take(&at, BER_INTEGER, &item) && tg_ber_peek(&at, BER_SEQUENCE))
        return "a private key in DER without a certificate; convert it to PEM or PKCS#12";
    at = body;
    if (tg_ber_enter(&at, BER_SEQUENCE, &inner)) {
        const char *words = sniff_signed(&inner);
        if (words) return words;
        if (tg_ber_take(&inner, BER_OID, &item) && tg_ber_peek(&at, BER_OCTETS))
            return "an encrypted private key in DER without a certificate; convert it to PEM or "
                   "PKCS#12";
    }
    return "DER of an unknown kind";
}

const char *tg_keystore_sniff(const uint8_t *bytes, size_t len)
{
    if (len == 0) return "empty";
    if (len >= 4 && memcmp(bytes, "\xfe\xed\xfe\xed", 4) == 0)
        return "a Java keystore (JKS): convert it with keytool -importkeystore -deststoretype "
               "pkcs12";
    if (len >= 4 && memcmp(bytes, "\xce\xce\xce\xce", 4) == 0)
        return "a Java keystore (JCEKS): convert it with keytool -importkeystore -deststoretype "
               "pkcs12";
    if (len >= 15 && memcmp(bytes, "SQLite format 3", 15) == 0)
        return "a database, not a keystore file";
    const char *der = bytes[0] == BER_SEQUENCE ? sniff_der(bytes, len) : NULL;
    return der ? der : sniff_pem(bytes, len);
}
