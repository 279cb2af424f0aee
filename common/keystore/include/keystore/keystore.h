/* keystore: reads keystores of every kind that a workstation holds, finds the private key of an
 * entry, and makes the bytes of a keystore in which exactly one entry is renewed. Pure: bytes in,
 * bytes out; only tg_keystore_scan_file() reads a file, and install.h is the only writer. Never
 * asks for a password, never keeps one, never uses PKCS12_parse (PKI §1). Every input is hostile:
 * depth, counts, lengths and key derivation are bounded before they cost anything. RFC 7292, RFC
 * 7468, RFC 8018. Thread: any, no sharing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"

struct tg_jw;   /* json/json.h */
struct tg_cert; /* x509/cert.h */
struct tg_key;  /* x509/key.h */

/* open: everything was read. locked: no given password opens it; what stands in the clear is
 * reported. unreadable: not a keystore, broken, or made with means that are not supported here;
 * reason says which. */
enum tg_keystore_status { TG_KEYSTORE_OPEN, TG_KEYSTORE_LOCKED, TG_KEYSTORE_UNREADABLE };
const char *tg_keystore_status_word(enum tg_keystore_status status); /* open locked unreadable */

struct tg_keystore_entry {
    struct tg_cert *cert; /* NULL: a key whose certificate is hidden by the password, or absent */
    uint8_t ski[64];      /* of the certificate; else the keystore's own key id (localKeyID) */
    size_t ski_len;       /* 0 = unknown */
    char *friendly_name;  /* UTF-8; NULL = none or unknown */
    bool has_key;         /* a private key belongs to it */
    bool key_unknown;     /* has_key cannot be told without the password */
};

struct tg_keystore {
    char *path;       /* as given */
    const char *kind; /* "pkcs12" "pem" "der"; NULL: none of these */
    enum tg_keystore_status status;
    char reason[TG_ERR_TEXT]; /* "" when open and complete */
    struct tg_keystore_entry *entries;
    size_t count;
    int password_index; /* which given password opened it; -1: none was needed or none fits */
};

/* Life cycle. Anything in the file ends as a status with a reason, never as an error: every file is
 * accounted for. Passwords are UTF-8; each is tried as such, then as CP1251 and CP866 bytes; none
 * and empty are tried by themselves. */
struct tg_keystore *tg_keystore_scan_bytes(const char *path, const void *bytes, size_t len,
                                           const struct tg_secret *passwords, size_t n);
/* Reads at most TG_MAX_KEYSTORE bytes of a regular file; an unreadable file has kind NULL and a
 * reason. */
struct tg_keystore *tg_keystore_scan_file(const char *path, const struct tg_secret *passwords,
                                          size_t n);
void tg_keystore_free(struct tg_keystore *ks);
TG_DEFINE_AUTO(keystore, struct tg_keystore, tg_keystore_free);

/* One object:
 * {"path","kind","status","reason","entries":[{"sha256","ski","serial","subject","issuer",
 * "not_before","not_after","key_algorithm","has_key","friendly_name","role","iin","bin"}]}; unknown
 * is null. */
void tg_keystore_print_json(struct tg_jw *jw, const struct tg_keystore *ks);
const struct tg_keystore_entry *tg_keystore_find(const struct tg_keystore *ks,
                                                 const uint8_t sha256[TG_SHA256]);

/* The private key of the entry whose certificate has this SHA-256. password NULL: none.
 * TG_E_PASSWORD, TG_E_NOT_FOUND, TG_E_UNSUPPORTED (a key that OpenSSL cannot decode, as GOST). */
int tg_keystore_key(const void *bytes, size_t len, const struct tg_secret *password,
                    const uint8_t sha256[TG_SHA256], struct tg_key **ret,
                    struct tg_err *err) TG_MUST_CHECK;
/* Likewise for a PEM file that holds the key while the certificate stands in another file. */
int tg_keystore_key_for(const void *bytes, size_t len, const struct tg_secret *password,
                        const struct tg_cert *cert, struct tg_key **ret,
                        struct tg_err *err) TG_MUST_CHECK;

struct tg_keystore_renewal {
    const struct tg_secret *password; /* opens the keystore and seals what is written; NULL: none */
    const uint8_t *old_sha256;        /* the entry to renew, by its certificate */
    const struct tg_key *key;         /* the new pair */
    const struct tg_cert *cert;
    const struct tg_cert *const *chain; /* issuers of the new certificate, may be empty */
    size_t chain_count;
    bool keep_old;        /* the old pair stays as an archive entry where its key can decrypt */
    bool compatible;      /* keep the file's own old ciphers (3DES, SHA-1) for old readers */
    bool keep_iterations; /* keep the file's own iteration count even below 100,000 */
};

/* The whole keystore with exactly this entry renewed. Bags, safes, blocks and comments of others
 * are carried over byte for byte. PKCS#12 and one-file PEM. out is appended to. */
int tg_keystore_replace(const void *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                        struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
/* A PEM pair in two files: certificate (and chain) in one, key in the other. */
int tg_keystore_replace_pair(const void *cert_bytes, size_t cert_len, const void *key_bytes,
                             size_t key_len, const struct tg_keystore_renewal *renewal,
                             struct tg_buf *ret_cert, struct tg_buf *ret_key,
                             struct tg_err *err) TG_MUST_CHECK;

/* Proof by use: the bytes hold an entry with this certificate, and a signature made with its key
 * verifies under it. What an installer asks of a file before and after the rename. key_bytes NULL:
 * one file. */
int tg_keystore_prove(const void *bytes, size_t len, const void *key_bytes, size_t key_len,
                      const struct tg_secret *password, const uint8_t sha256[TG_SHA256],
                      struct tg_err *err) TG_MUST_CHECK;

/* What a kind can do; a kind that cannot be renewed has a NULL there. */
struct tg_keystore_ops {
    const char *kind;
    bool (*probe)(const uint8_t *bytes, size_t len);
    void (*scan)(struct tg_keystore *ks, const uint8_t *bytes, size_t len,
                 const struct tg_secret *passwords, size_t n);
    int (*key)(const uint8_t *bytes, size_t len, const struct tg_secret *password,
               const struct tg_cert *cert, const uint8_t sha256[TG_SHA256], struct tg_key **ret,
               struct tg_err *err);
    int (*replace)(const uint8_t *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                   struct tg_buf *out, struct tg_err *err);
};
const struct tg_keystore_ops *tg_keystore_ops(const char *kind); /* NULL when unknown */
