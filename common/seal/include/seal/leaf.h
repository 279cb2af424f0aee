/* leaf: TRUST F1, one line of a snapshot, the exact bytes that an approver's signature covers.
 * Hand-written strict parser without allocation; every parse re-emits and compares bytes. A struct
 * is about 19 KB: keep one and reuse it, not one per line. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/times.h"
#include "seal/blob.h"
#include "seal/exceptions.h"
#include "x509/cert.h"
#include "x509/content.h"

enum {
    TG_LEAF_CHANGES = TG_MAX_CHANGES,
    TG_LEAF_DAYS_MAX = 1130,
};

enum tg_leaf_kind { TG_KIND_RENEW, TG_KIND_UNPROVEN, TG_KIND_OBSERVE };
enum tg_leaf_consent { TG_CONSENT_KEY, TG_CONSENT_KEY_UNATTENDED, TG_CONSENT_NONE };

/* What is signed and reviewed. Texts are decoded (no escapes), NUL-terminated; absent = "". */
struct tg_leaf {
    /* app */
    char no[TG_NUMBER]; /* application number */
    struct tg_number number;
    enum tg_leaf_kind kind;
    char holder[33];              /* register key */
    char name[129];               /* CN of the old certificate (unproven: register) */
    char id[16];                  /* IIN or BIN with 12 digits, or "" */
    char agent[33];               /* 32 hex */
    char host[64];                /* lower-case host name */
    char store[8];                /* pkcs12 pem pkcs11 nss windows */
    char old[TG_SEAL_HEX];        /* SHA-256 of the old certificate, or "" */
    char ends[TG_TIME];           /* its notAfter, or "" */
    int64_t ends_at;              /* the same, 0 where "" */
    char key[TG_SEAL_HEX];        /* SHA-256 of the new SPKI; "" iff observe (or a draft) */
    char alg[9];                  /* ec-p256 ec-p384 rsa-3072 rsa-4096; "" iff observe */
    char issuer[TG_SEAL_HEX];     /* issuer's SPKI; "" iff observe */
    unsigned days;                /* 1..1130 */
    enum tg_leaf_consent consent; /* a full app of kind renew: never none */
    size_t changes_count;
    struct tg_change changes[TG_LEAF_CHANGES]; /* sorted by (field, old, new_) as bytes, unique */
    /* review */
    char policy[41];
    char department[65];
    tg_flags flags;
};

/* An application before the agent filled in the key: key "", consent none (TRUST F2, `prepare`). */
enum tg_app_form { TG_APP_DRAFT, TG_APP_FULL };

/* The leaf line without LF. On refusal TG_E_INPUT or TG_E_LIMIT "leaf: FIELD: ..."; ret is then
 * garbage. */
int tg_leaf_parse(const void *line, size_t len, struct tg_leaf *ret,
                  struct tg_err *err) TG_MUST_CHECK;
/* Appends the line. Refuses what tg_leaf_parse would refuse; then out holds what it held before. */
int tg_leaf_print(const struct tg_leaf *leaf, struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;

/* The `app` object alone: {"no":...}. Review fields are untouched by parse and unread by print. */
int tg_app_parse(const void *app, size_t len, enum tg_app_form form, struct tg_leaf *ret,
                 struct tg_err *err) TG_MUST_CHECK;
int tg_app_print(const struct tg_leaf *leaf, enum tg_app_form form, struct tg_buf *out,
                 struct tg_err *err) TG_MUST_CHECK;
/* Leaf line from the exact app bytes that the holder signed plus the review part of `review`: the
 * server never re-emits the app. Parses the result once (ret may be NULL). */
int tg_leaf_join(struct tg_blob app, const struct tg_leaf *review, struct tg_buf *out,
                 struct tg_err *err) TG_MUST_CHECK;
/* The same where leaf came from tg_app_parse(app, ..., TG_APP_FULL) and its review fields were set
 * since: the app is not read a second time. */
int tg_leaf_join_parsed(struct tg_blob app, const struct tg_leaf *leaf, struct tg_buf *out,
                        struct tg_err *err) TG_MUST_CHECK;
/* The app object inside a leaf line that tg_leaf_parse accepted. Borrowed from line. */
struct tg_blob tg_leaf_app(const void *line, size_t len);

/* Fill old, ends, name and id from the old certificate, the only way to make them; TG_E_UNSUPPORTED
 * if its name does not fit F1 (over 128 bytes, control or bidi characters). The days row:
 * tg_change_days (x509). */
int tg_leaf_from_old(struct tg_leaf *leaf, const struct tg_cert *old,
                     struct tg_err *err) TG_MUST_CHECK;
const char *tg_leaf_kind_word(enum tg_leaf_kind kind); /* renew unproven observe */
bool tg_leaf_kind_from_word(const char *word, enum tg_leaf_kind *ret);
const char *tg_leaf_consent_word(enum tg_leaf_consent consent); /* key key-unattended none */
bool tg_leaf_consent_from_word(const char *word, enum tg_leaf_consent *ret);
