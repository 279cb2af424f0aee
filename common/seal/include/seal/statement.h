/* statement: TRUST F3, the short ASCII text with roots and totals that an approver signs. Parse
 * re-emits and compares bytes, and refuses a text whose own numbers contradict each other. Thread:
 * any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/times.h"
#include "seal/blob.h"
#include "seal/exceptions.h"

enum {
    TG_STATEMENT_POLICIES = 128, /* policies of one batch */
    TG_BATCH_NAME = 12,          /* YY-N, N without leading zeros, at most 8 digits */
    TG_INSTALL_DAYS = 90,        /* install-by is at most taken + this */
    TG_SIGN_MINUTES = 5,         /* sign-by of a session of the console or `batch approve` */
    TG_SIGN_MINUTES_FETCHED = 60 /* of one fetched by `batch statement` */
};
#define TG_NO_DATE   INT64_MIN
#define TG_HEX_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define TG_HEX_EMPTY                                                                               \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* root of N = 0 */

enum tg_approver_role { TG_APPROVER_CEO, TG_APPROVER_DEPUTY };

struct tg_tree_line {
    uint32_t count;
    char root[TG_SEAL_HEX];
};

struct tg_policy_line {
    char name[41];
    char hash[TG_SEAL_HEX]; /* of the rule as key-sorted JSON with defaults */
    uint32_t count;
};

struct tg_statement {
    char realm[TG_SEAL_HEX];
    uint32_t trust; /* trust version */
    char batch[TG_BATCH_NAME];
    char previous[TG_SEAL_HEX]; /* TG_HEX_ZEROS for the first */
    uint64_t audit_size;
    char audit_root[TG_SEAL_HEX];
    int64_t taken, sign_by, release, install_by;
    enum tg_approver_role role;
    struct tg_tree_line snapshot, approve, return_;
    uint32_t hold;
    struct tg_tree_line evidence;
    int64_t first_expiry;          /* midnight UTC, or TG_NO_DATE */
    uint32_t flags[TG_FLAG_COUNT]; /* approved ones */
    size_t policies_count;
    struct tg_policy_line policies[TG_STATEMENT_POLICIES]; /* sorted by name */
    char nonce[33];
};

/* Fails with "statement: LINE: ...": TG_E_INPUT, TG_E_VERSION (another first line), TG_E_LIMIT. */
int tg_statement_parse(const void *text, size_t len, struct tg_statement *ret,
                       struct tg_err *err) TG_MUST_CHECK;
/* Appends the text; refuses what parse would refuse. */
int tg_statement_print(const struct tg_statement *st, struct tg_buf *out,
                       struct tg_err *err) TG_MUST_CHECK;

/* Mint the times of one signing session: taken is the snapshot's, recall_s the longest recall of
 * the approved policies. Sets sign_by, release, install_by and a fresh nonce. */
void tg_statement_mint(struct tg_statement *st, int64_t now, int minutes, int64_t recall_s);

bool tg_batch_name_parse(const char *text, unsigned *ret_year, uint32_t *ret_sequence);
void tg_batch_name_print(unsigned year, uint32_t sequence, char ret[TG_BATCH_NAME]);
const char *tg_approver_role_word(enum tg_approver_role role); /* ceo deputy */
