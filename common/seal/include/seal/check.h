/* check: TRUST §3, one verifier for server, issuing process, agent and offline verifier. An error
 * text begins with the name of the check that refused: "V4: approver ...: ...". Nothing here looks
 * at a clock, a file or a network: time, trust and recalls are parameters. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "merkle/merkle.h"
#include "seal/blob.h"
#include "seal/chain.h"
#include "seal/leaf.h"
#include "seal/session.h"
#include "seal/statement.h"
#include "x509/cert.h"

/* One distinct approver whose signature stands under a statement. */
struct tg_signer {
    char spki[TG_SEAL_HEX];
    char sha256[TG_SEAL_HEX]; /* of the certificate in his CMS */
    char iin[13];             /* of that certificate, or "" */
    char cn[129];             /* likewise, cut; for a person to read */
};

/* A statement that passed V1-V5 at `at`. A plain value: keep it per batch, then check leaf by leaf.
 */
struct tg_checked {
    struct tg_statement statement;
    char sha256[TG_SEAL_HEX]; /* of the statement's text */
    int64_t at;               /* T of V4 */
    size_t signers_count;
    struct tg_signer signers[TG_SEAL_CMS_MAX];
};

/* What the verifier knows by itself. recalled: SHA-256 in hex of every statement recalled, any
 * order. */
struct tg_knowledge {
    const struct tg_trust_chain *chain;
    const char (*recalled)[TG_SEAL_HEX];
    size_t recalled_count;
    int64_t now;
};

/* A statement and what is signed under it. */
struct tg_signed {
    struct tg_blob text;
    const struct tg_blob *cms; /* 1 to 4 */
    size_t cms_count;
};

/* V1-V5, without V5's two sentences about single leaves (tg_check_approver). */
int tg_check_statement(const struct tg_knowledge *k, const struct tg_signed *s,
                       struct tg_checked *ret, struct tg_err *err) TG_MUST_CHECK;
/* The parts of V1-V5 that change with time, for a statement checked earlier: trust current and not
 * expired, approvers still listed, nothing revoked or recalled since. For the issuing process and
 * long jobs. */
int tg_check_still(const struct tg_knowledge *k, const struct tg_checked *c,
                   struct tg_err *err) TG_MUST_CHECK;
/* S2's sentence of its own: now <= sign-by. */
int tg_check_sign_by(const struct tg_checked *c, int64_t now, struct tg_err *err) TG_MUST_CHECK;
/* V6: release <= now <= install-by. TG_E_EARLY, TG_E_EXPIRED. */
int tg_check_window(const struct tg_checked *c, int64_t now, struct tg_err *err) TG_MUST_CHECK;

/* V5, leaf by leaf: nobody approves his own certificate (old, key or IIN), and unproven needs two
 * approvers. */
int tg_check_approver(const struct tg_checked *c, const struct tg_leaf *leaf,
                      struct tg_err *err) TG_MUST_CHECK;

/* A leaf and where it stands among the approved. */
struct tg_leaf_place {
    struct tg_blob line; /* without LF */
    uint32_t index;
    const struct tg_merkle_hash *proof;
    size_t proof_count;
};
/* V7, and tg_check_approver. ret gets the parsed leaf. old may be NULL only if the leaf has none;
 * with it: its hash, notAfter, name, id, the days row, key-reused and weak-old-key are recomputed
 * too, and its key must not be an approver's (V5: whatever certificate wraps his key). */
int tg_check_leaf(const struct tg_checked *c, const struct tg_leaf_place *place,
                  const struct tg_cert *old, struct tg_leaf *ret, struct tg_err *err) TG_MUST_CHECK;
/* The part of V7 that needs the old certificate, for who drafts or reviews: "V7: old: ...". */
int tg_check_old(const struct tg_leaf *leaf, const struct tg_cert *old,
                 struct tg_err *err) TG_MUST_CHECK;

/* S3: what was recomputed is what was signed. Policy hashes are compared by who has the session. */
int tg_check_session(const struct tg_statement *st, const struct tg_totals *totals,
                     struct tg_err *err) TG_MUST_CHECK;

/* S5 beyond V1-V7: the decision line is at the same index in the evidence tree, both hashes are
 * its, the CSR proves possession, its SPKI is the leaf's key and it is not weak, F2 verifies under
 * the old certificate. */
struct tg_request {
    struct tg_blob decision;            /* the approve line without LF */
    const struct tg_merkle_hash *proof; /* in the evidence tree */
    size_t proof_count;
    struct tg_blob csr;
    struct tg_blob holder_cms;
};
int tg_check_request(const struct tg_checked *c, const struct tg_leaf_place *place,
                     const struct tg_leaf *leaf, const struct tg_request *request,
                     const struct tg_cert *old, struct tg_err *err) TG_MUST_CHECK;

/* A1: the leaf is for this agent and equals what the root part handed down. */
struct tg_pending {
    char agent[33];
    char app[TG_SEAL_HEX]; /* SHA-256 of the app bytes */
    char key[TG_SEAL_HEX];
    char old[TG_SEAL_HEX];
};
int tg_check_pending(const struct tg_pending *pending, struct tg_blob line,
                     const struct tg_leaf *leaf, struct tg_err *err) TG_MUST_CHECK;

/* What came back from a CA. issuers: certificates that may be the issuer's, any order (a bundle's
 * chain). */
struct tg_issued {
    const struct tg_cert *old, *cert;
    const struct tg_cert *const *issuers;
    size_t issuers_count;
};
/* A2 (S6 likewise): signed under the leaf's issuer, which stands in trust and is not revoked; CA
 * false; SPKI = key; content = old with changes; notBefore <= now + 5 min; lifetime <= days. */
int tg_check_certificate(const struct tg_knowledge *k, const struct tg_leaf *leaf,
                         const struct tg_issued *issued, struct tg_err *err) TG_MUST_CHECK;
/* The certificates that come along with an issued one are installed beside it, though nobody
 * approved them: each that is signed by itself or by another of them must really be. "A2: chain".
 * For agents and evidence packs; a CA knows its own chain. */
int tg_check_chain(const struct tg_issued *issued, struct tg_err *err) TG_MUST_CHECK;
