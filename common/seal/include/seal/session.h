/* session: everything that follows from a snapshot and its decisions: roots, counts, flags,
 * policies, first expiry (TRUST F3, S3). One pass, one struct for server, command line and offline
 * verifier, so that what the approver recomputes is what the server minted. 100,000 lines take well
 * under a second. Thread: any, no sharing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "merkle/merkle.h"
#include "seal/decisions.h"
#include "seal/leaf.h"
#include "seal/statement.h"

struct tg_policy_total {
    char name[41];
    uint32_t count;
};

struct tg_totals {
    struct tg_tree_line snapshot, approve, return_, evidence;
    uint32_t hold;
    int64_t first_expiry;
    uint32_t flags[TG_FLAG_COUNT]; /* of the approved */
    size_t policies_count;
    struct tg_policy_total policies[TG_STATEMENT_POLICIES]; /* of the approved, sorted */
};

struct tg_session;
struct tg_session *tg_session_new(void);
void tg_session_free(struct tg_session *s); /* NULL ok */

/* Asked for every approved leaf, before it counts; a refusal refuses the line. S2 passes
 * tg_check_approver. */
typedef int tg_session_approved_fn(const struct tg_leaf *leaf, const struct tg_decision *decision,
                                   void *data, struct tg_err *err);
void tg_session_on_approved(struct tg_session *s, tg_session_approved_fn *fn, void *data);

/* Line by line, in order, without LF. Errors name the line: "line 12: leaf: days: ...". Refuses
 * what S3 refuses: order by number, a repeated number, old or key, an approved stop flag, derived
 * flags that are not the leaf's, an approve line whose hashes do not fit the kind. */
int tg_session_add(struct tg_session *s, struct tg_blob leaf, struct tg_blob decision,
                   struct tg_err *err) TG_MUST_CHECK;
/* The leaf that was added last; its index among the approved, or -1. */
const struct tg_leaf *tg_session_last(const struct tg_session *s);
int64_t tg_session_last_index(const struct tg_session *s);
void tg_session_totals(const struct tg_session *s, struct tg_totals *ret);
/* Leaf hashes of the approved lines and of their decision lines, for proofs (tg_merkle_tree_init).
 */
const struct tg_merkle_hash *tg_session_approved(const struct tg_session *s, size_t *ret_count);
const struct tg_merkle_hash *tg_session_evidence(const struct tg_session *s, size_t *ret_count);

/* Whole texts, LF after every line of both; as many decisions as leaves. */
int tg_session_read(struct tg_session *s, struct tg_blob snapshot, struct tg_blob decisions,
                    struct tg_err *err) TG_MUST_CHECK;

/* Write the totals into a statement. hash_of gives the 64 hex of a policy's rule for policy lines,
 * or NULL for an unknown policy (then TG_E_NOT_FOUND). */
typedef const char *tg_policy_hash_fn(const char *name, void *data);
int tg_totals_fill(const struct tg_totals *totals, tg_policy_hash_fn *hash_of, void *data,
                   struct tg_statement *st, struct tg_err *err) TG_MUST_CHECK;

TG_DEFINE_AUTO(session, struct tg_session, tg_session_free);
