/* approval: trust documents, and the batch before the approver: snapshot, decisions, statement,
 * signature, recall; bundle and evidence of what was approved. Never issues and never talks to
 * agents; never re-implements a check: that is seal's. What many lines cost is done on a pool
 * thread. Every `fn` comes once, later, on the loop's thread; err NULL on success; data is borrowed
 * during the call. actor: who acts (for event and audit entry); now: wall seconds. A refused
 * approval leaves an audit entry that names the check. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "seal/blob.h"
#include "seal/chain.h"
#include "json/json.h"

struct audit;
struct approval;

enum { APPROVAL_BATCH = 16 }; /* bytes of a batch's name "26-47" with its NUL */

/* Loads the trust documents and keeps them current by LISTEN. audit gives the log's head for
 * statements; NULL (tests): an empty log. */
struct approval *approval_new(struct db *db, struct audit *audit);
/* Waits for what is under way; gone after closed. */
void approval_close(struct approval *a, void (*closed)(void *data), void *data);

/* --- trust --- */

bool approval_ready(const struct approval *a); /* the documents were read (there may be none) */
/* The chain as it is now; NULL before there is trust. Borrowed until the loop turns; a worker takes
 * its own. */
const struct tg_trust_chain *approval_chain(const struct approval *a);
const char *approval_realm(const struct approval *a); /* 64 hex, "" = no trust yet */
/* Named by the newest version, not revoked, the pin's time not over. */
bool approval_is_approver(const struct approval *a, const char *spki_hex, int64_t now);

/* Now (in a later turn) if there is a chain, and at every new version; any number of listeners. */
typedef void (*approval_trust_fn)(const struct tg_trust_chain *chain, void *data);
void approval_on_trust(struct approval *a, approval_trust_fn fn, void *data);
/* Every recall that is kept, at the start and as they come, whoever took it; may repeat. */
typedef void (*approval_recall_fn)(const char *statement_sha256, struct tg_blob text,
                                   struct tg_blob cms, void *data);
void approval_on_recall(struct approval *a, approval_recall_fn fn, void *data);

typedef void (*approval_published_fn)(uint32_t version, const char *realm, const struct tg_err *err,
                                      void *data);
/* The next version (V2), or one that is there already with the same text. Inputs are copied. */
void approval_publish(struct approval *a, struct tg_blob text, const struct tg_blob *cms, size_t n,
                      const char *actor, int64_t now, approval_published_fn fn, void *data);

/* --- batches --- */

struct approval_flag_count {
    const char *code, *class_; /* class: note warn stop */
    int64_t count;
};
struct approval_opened {
    char batch[APPROVAL_BATCH];
    int64_t count, approve, hold;
    const struct approval_flag_count *exceptions;
    size_t exception_count;
};
typedef void (*approval_opened_fn)(const struct approval_opened *opened, const struct tg_err *err,
                                   void *data);
/* Freezes everything that is prepared, at most 100,000 by number. TG_E_NOT_FOUND: nothing is. */
void approval_open(struct approval *a, const char *actor, int64_t now, approval_opened_fn fn,
                   void *data);

struct approval_batch {
    char batch[APPROVAL_BATCH];
    const char *state; /* building open approved discarded recalled */
    int64_t id, rev, count, approve, hold, return_, taken;
    char statement[TG_HEX256]; /* SHA-256 of what was signed; "" before */
};
typedef void (*approval_list_fn)(const struct approval_batch *rows, size_t count, int64_t next,
                                 const struct tg_err *err, void *data);
void approval_list(struct approval *a, int64_t after, int64_t limit, approval_list_fn fn,
                   void *data);
void approval_print_batch(struct tg_jw *w, const struct approval_batch *batch);

struct approval_detail;
typedef void (*approval_show_fn)(const struct approval_detail *detail, const struct tg_err *err,
                                 void *data);
/* Totals by department and policy, and the exceptions, stops first (at most 10,000 of them). */
void approval_show(struct approval *a, const char *batch, approval_show_fn fn, void *data);
void approval_print_detail(struct tg_jw *w, const struct approval_detail *detail);

enum approval_verb { APPROVAL_HOLD, APPROVAL_INCLUDE, APPROVAL_RETURN, APPROVAL_DISCARD };
struct approval_decided {
    char batch[APPROVAL_BATCH];
    int64_t rev, changed, approve, hold, return_;
};
typedef void (*approval_decided_fn)(const struct approval_decided *decided,
                                    const struct tg_err *err, void *data);
/* what: a number or an exception's code (not for discard); why: the reason of a return, which the
 * approver signs. A stop exception is never included. Every change ends open signing sessions. */
void approval_decide(struct approval *a, const char *batch, enum approval_verb verb,
                     const char *what, const char *why, const char *actor, int64_t now,
                     approval_decided_fn fn, void *data);

typedef void (*approval_bytes_fn)(const void *bytes, size_t len, const struct tg_err *err,
                                  void *data);
void approval_snapshot(struct approval *a, const char *batch, approval_bytes_fn fn, void *data);
void approval_decisions(struct approval *a, const char *batch, approval_bytes_fn fn, void *data);

/* --- the signature --- */

typedef void (*approval_minted_fn)(const char *statement, const char *nonce,
                                   const struct tg_err *err, void *data);
/* A statement for one signing session of this approver; minutes 5 to 60. */
void approval_mint(struct approval *a, const char *batch, const char *spki_hex, int minutes,
                   const char *actor, int64_t now, approval_minted_fn fn, void *data);

struct approval_accepted {
    char batch[APPROVAL_BATCH];
    int64_t approved, held, returned, release;
    char statement[TG_HEX256];
};
typedef void (*approval_accepted_fn)(const struct approval_accepted *accepted,
                                     const struct tg_err *err, void *data);
/* S1-S4. The same statement with an accepted approval answers again as it did. */
void approval_accept(struct approval *a, const char *batch, struct tg_blob statement,
                     struct tg_blob cms, const char *actor, int64_t now, approval_accepted_fn fn,
                     void *data);

typedef void (*approval_signed_fn)(struct tg_blob statement, const struct tg_blob *cms, size_t n,
                                   uint32_t trust_version, const struct tg_err *err, void *data);
void approval_signed(struct approval *a, const char *batch, approval_signed_fn fn, void *data);

typedef void (*approval_recalled_fn)(int64_t recalled, int64_t cancelled, const struct tg_err *err,
                                     void *data);
/* F6: what is approved and not yet with a CA goes back to prepared; agents of the others are told
 * to cancel. */
void approval_recall(struct approval *a, const char *batch, struct tg_blob text, struct tg_blob cms,
                     const char *actor, int64_t now, approval_recalled_fn fn, void *data);

/* --- for agents and auditors --- */

/* F4 of an issued application; the database's bytes are checked (V1-V5, V7) before they are handed
 * out. */
void approval_bundle(struct approval *a, const char *number, approval_bytes_fn fn, void *data);
/* seal/evidence.h: the bundle, the decision with its proof, CSR and the holder's signature. */
void approval_evidence(struct approval *a, const char *number, approval_bytes_fn fn, void *data);
