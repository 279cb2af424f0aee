/* cert: an X.509 certificate (RFC 5280) as an immutable, reference-counted value with all its facts
 * read once. Parsing is strict DER, bounded, and never decodes the public key, so that keys unknown
 * to OpenSSL (GOST) are full members and 10,000 a second fit on one core. Thread: any; facts may be
 * read by several at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct tg_cert;

/* Role words of DOMAIN §1.2, by the deepest EKU OID; the numbers are the database's. */
enum tg_role {
    TG_ROLE_NONE,
    TG_ROLE_INDIVIDUAL,
    TG_ROLE_CEO,
    TG_ROLE_RIGHT_TO_SIGN,
    TG_ROLE_FINANCE,
    TG_ROLE_HR,
    TG_ROLE_EMPLOYEE,
    TG_ROLE_INFORMATION_SYSTEM,
};

/* Where the key lives, by the national extension 1.2.398.3.3.5; none = the certificate does not
 * say. */
enum tg_storage { TG_STORAGE_NONE, TG_STORAGE_FILE, TG_STORAGE_TOKEN };

/* keyUsage: bit i is 1 << i of RFC 5280 §4.2.1.3. */
enum tg_key_usage {
    TG_KU_DIGITAL_SIGNATURE = 1 << 0,
    TG_KU_NON_REPUDIATION = 1 << 1,
    TG_KU_KEY_ENCIPHERMENT = 1 << 2,
    TG_KU_DATA_ENCIPHERMENT = 1 << 3,
    TG_KU_KEY_AGREEMENT = 1 << 4,
    TG_KU_KEY_CERT_SIGN = 1 << 5,
    TG_KU_CRL_SIGN = 1 << 6,
    TG_KU_ENCIPHER_ONLY = 1 << 7,
    TG_KU_DECIPHER_ONLY = 1 << 8,
};

enum { TG_ALGORITHM = 64 };

/* Everything points into the certificate and lives as long as it. Texts are never NULL; "" = not
 * there. */
struct tg_cert_facts {
    uint8_t sha256[32];      /* of the DER: the certificate's identity */
    uint8_t spki_sha256[32]; /* of the SubjectPublicKeyInfo's DER */
    uint8_t ski[64];         /* the SKI extension, else SHA-1 of the SPKI's bit string */
    size_t ski_len;
    const char *serial;  /* lower-case hex of the integer, no leading zeros, '-' if negative; "0" */
    const char *subject; /* RFC 4514, UTF-8 */
    const char *issuer;
    const char *cn;    /* last commonName */
    const char *email; /* first rfc822Name, else emailAddress of the subject */
    const char *organization;
    const char *locality;
    const uint8_t *subject_der, *issuer_der, *spki_der;
    size_t subject_len, issuer_len, spki_len;
    int64_t not_before, not_after;    /* 0 when times_ok is false */
    bool times_ok;                    /* both times are readable */
    char key_algorithm[TG_ALGORITHM]; /* rsa-2048, ec-p256, ed25519, gost2015-512, dsa-1024; else
                                         dotted OID */
    char signature_algorithm[TG_ALGORITHM]; /* rsa-sha256, ecdsa-sha256, ...; else dotted OID */
    int key_bits;                           /* 0 when unknown */
    bool decodable; /* OpenSSL can verify with this key; false: "cannot be verified here" */
    bool weak;      /* RSA < 2048, EC < 256 */
    enum tg_role role;
    char iin[13], bin[13]; /* "" = none */
    bool iin_ok, bin_ok;   /* the check digit holds: a warning only, every test identity fails it */
    bool is_ca, self_issued;
    int version;        /* 1, 3 (or what is written there) */
    int path_len;       /* of basicConstraints; -1 = none */
    uint16_t key_usage; /* enum tg_key_usage; 0 = absent */
    enum tg_storage storage;
};

/* Strict: the whole input is one DER certificate of at most TG_MAX_CERT bytes. TG_E_INPUT,
 * TG_E_LIMIT. */
int tg_cert_parse(const uint8_t *der, size_t len, struct tg_cert **ret,
                  struct tg_err *err) TG_MUST_CHECK;
struct tg_cert *tg_cert_ref(const struct tg_cert *cert);
void tg_cert_unref(struct tg_cert *cert); /* NULL ok */
TG_DEFINE_AUTO(cert, struct tg_cert, tg_cert_unref);

const uint8_t *tg_cert_der(const struct tg_cert *cert, size_t *ret_len);
const struct tg_cert_facts *tg_cert_facts(const struct tg_cert *cert);

/* Has the extended key usage of this dotted OID? */
bool tg_cert_has_eku(const struct tg_cert *cert, const char *oid);

const char *tg_role_word(enum tg_role role); /* "ceo"; "" for none */
bool tg_role_from_word(const char *word, enum tg_role *ret);
const char *tg_storage_word(enum tg_storage storage); /* "file", "token"; "" for none */

/* Check digit of IIN and BIN (DOMAIN §1.5) over exactly 12 digits. */
bool tg_iin_ok(const char *digits);
