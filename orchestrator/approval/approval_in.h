/* approval_in: what the files of this room share. */
#pragma once

#include "approval/approval.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"
#include "merkle/merkle.h"
#include "seal/check.h"
#include "seal/decisions.h"
#include "seal/session.h"

#define APPROVAL_JOBS   "tamga_jobs" /* channels */
#define APPROVAL_TRUST  "tamga_trust"
#define APPROVAL_RECALL "tamga_recall"

/* A chain that operations on pool threads hold on to while a newer one takes its place. */
struct approval_trust {
    unsigned refs; /* counted on the loop only */
    struct tg_trust_chain *chain;
};

struct approval_cache;

struct approval {
    struct db *db;
    struct audit *audit;
    struct approval_trust *trust; /* NULL: none yet */
    bool ready, loading, again, closing;
    unsigned busy;
    struct approval_hearer {
        approval_trust_fn trust;
        approval_recall_fn recall;
        void *data;
        bool told;
    } * hearers;
    size_t hearers_count;
    char (*recalled)[TG_SEAL_HEX];
    size_t recalled_count;
    struct tg_deadline later;
    struct approval_cache *cache;
    void (*closed)(void *data);
    void *closed_data;
};

/* Every operation begins and ends with these; the room stays until the last has ended. */
void approval_begin(struct approval *a);
void approval_end(struct approval *a);
struct approval_trust *approval_trust_take(struct approval *a); /* NULL without trust */
void approval_trust_drop(struct approval_trust *trust);         /* NULL ok */
/* Takes chain over as the present one and tells the hearers. */
void approval_trust_set(struct approval *a, struct tg_trust_chain *chain);
/* Read trust and recalls again (somebody wrote them). */
void approval_reload(struct approval *a);
/* The recalls that are known here, copied for a pool thread: yours. */
char (*approval_recalls(const struct approval *a, size_t *ret_count))[TG_SEAL_HEX];

/* --- lines: a batch with its decisions in memory, read page by page --- */

struct approval_line {
    size_t leaf, leaf_len, reason, reason_len; /* places in bytes */
    uint8_t csr[TG_SHA256], cms[TG_SHA256], status[TG_SHA256];
    bool has_csr, has_cms, has_status;
    enum tg_decision_kind decision;
};

struct approval_head { /* of a batch */
    int64_t id, rev, state, count, hold, back, taken, release;
    char name[APPROVAL_BATCH], statement[TG_HEX256];
};

/* An operation on a batch: reads it, then `think` on a pool thread, then `finish` on the loop, or
 * finish at once after an error. The operation embeds this first and frees itself in finish. */
struct approval_task;
typedef void (*approval_step_fn)(struct approval_task *t);
struct approval_task {
    struct approval *a;
    struct approval_trust *trust;
    char batch[APPROVAL_BATCH];
    char *actor;
    int64_t now;
    struct approval_head head;
    struct approval_line *lines; /* by index */
    size_t lines_count, lines_found;
    int64_t lines_asked; /* the last index of the page that is read */
    struct tg_buf bytes;
    bool want_lines;
    struct tg_err err; /* of reading, or set by think */
    struct tg_work work;
    approval_step_fn think, finish;
    void *data;
};
/* name is what people type; TG_E_INPUT, TG_E_NOT_FOUND come through finish. */
void approval_task_start(struct approval_task *t, struct approval *a, const char *batch);
void approval_task_done(struct approval_task *t);                      /* frees what is inside */
const struct tg_err *approval_task_err(const struct approval_task *t); /* NULL: none */
struct tg_blob approval_line_leaf(const struct approval_task *t, size_t i);
/* Decision line i (F9), replaced in out. */
int approval_line_decision(const struct approval_task *t, size_t i, struct tg_buf *out,
                           struct tg_err *err) TG_MUST_CHECK;
/* All lines through a session: everything that S3 recomputes. Their decisions are appended as text
 * (NULL: not wanted). */
int approval_lines_session(const struct approval_task *t, struct tg_session *s,
                           struct tg_buf *decisions, struct tg_err *err) TG_MUST_CHECK;
/* Both texts: each ends every line by LF. */
int approval_lines_snapshot(const struct approval_task *t, struct tg_buf *out,
                            struct tg_err *err) TG_MUST_CHECK;
int approval_lines_decisions(const struct approval_task *t, struct tg_buf *out,
                             struct tg_err *err) TG_MUST_CHECK;

/* --- decisions of the database --- */
enum { DECISION_APPROVE = 1, DECISION_HOLD, DECISION_RETURN };
enum { BATCH_BUILDING, BATCH_OPEN, BATCH_APPROVED, BATCH_DISCARDED, BATCH_RECALLED };
const char *approval_state_word(int64_t state);
int approval_must_be_open(const struct approval_head *head, struct tg_err *err) TG_MUST_CHECK;

/* --- store --- */
struct tg_number;
void approval_add_head(struct db_unit *u, unsigned year, uint32_t sequence);
bool approval_head_at(const struct db_results *r, size_t i, size_t row, struct approval_head *ret);
void approval_add_batches(struct db_unit *u, int64_t after, int64_t limit);
/* First in a unit over a whole batch of so many lines. */
void approval_add_tune(struct db_unit *u, int64_t lines);
void approval_add_lines(struct db_unit *u, int64_t batch, int64_t after, int64_t upto);
/* Puts the rows where they belong; returns how many did. */
size_t approval_lines_at(const struct db_results *r, size_t i, struct approval_task *t);
void approval_add_entry(struct db_unit *u, int64_t now, const char *actor, const char *verb,
                        const char *subject, const struct tg_buf *body);

void approval_add_trust(struct db_unit *u); /* two statements */
void approval_add_recalls(struct db_unit *u);
struct approval_version { /* one row of trust */
    int64_t version;
    struct tg_blob text, cms[TG_SEAL_TRUST_CMS_MAX];
    size_t cms_count;
};
void approval_version_at(const struct db_results *r, size_t i, size_t row,
                         struct approval_version *ret);
struct approval_recall_row {
    char statement[TG_SEAL_HEX];
    struct tg_blob text, cms;
};
void approval_recall_at(const struct db_results *r, size_t i, size_t row,
                        struct approval_recall_row *ret);
void approval_add_version(struct db_unit *u, const struct tg_trust *trust, struct tg_blob text,
                          const struct tg_blob *cms, size_t n, int64_t now);

struct approval_prepared {
    int64_t id, rev, policy_id, consent;
    struct tg_number number;
    const char *policy, *department, *flags;
    struct tg_blob app;
    struct db_slice csr, cms;
    bool confirm, holder_left;
};
void approval_add_prepared(struct db_unit *u, struct tg_number after, int64_t limit);
void approval_prepared_at(const struct db_results *r, size_t i, size_t row,
                          struct approval_prepared *ret);
void approval_add_places(struct db_unit *u);
struct approval_place { /* where the key of an application lies; rows ascend by id */
    int64_t id;
    tg_flags flags;
};
void approval_place_at(const struct db_results *r, size_t i, size_t row,
                       struct approval_place *ret);
void approval_add_born(struct db_unit *u, unsigned year, int64_t now, const char *actor);
void approval_born_at(const struct db_results *r, int64_t *ret_id, uint32_t *ret_sequence);
struct approval_leaves {
    int64_t batch, first;
    const int64_t *ids, *revs;
    const struct db_slice *leaves, *hashes, *csrs, *cmss;
    const char *const *flags;
    size_t count;
};
void approval_add_leaves(struct db_unit *u, const struct approval_leaves *l);
void approval_add_freeze(struct db_unit *u, int64_t batch, int64_t count,
                         const uint8_t root[TG_SHA256]);
void approval_add_unborn(struct db_unit *u, int64_t batch, int64_t now);

void approval_add_targets(struct db_unit *u, int64_t batch, struct tg_number number,
                          const char *code);
struct approval_target {
    int64_t index, decision;
    tg_flags flags;
};
void approval_target_at(const struct db_results *r, size_t i, size_t row,
                        struct approval_target *ret);
struct approval_change {
    int64_t batch, rev, decision, now;
    const int64_t *indexes;
    size_t count;
    const char *reason, *actor;
};
void approval_add_change(struct db_unit *u, const struct approval_change *c);
void approval_add_discard(struct db_unit *u, int64_t batch, int64_t rev, int64_t now,
                          const char *why);

void approval_add_totals(struct db_unit *u, int64_t batch);
struct approval_total {
    const char *department, *policy, *ends; /* ends: earliest, or NULL */
    int64_t decision, count;
};
void approval_total_at(const struct db_results *r, size_t i, size_t row,
                       struct approval_total *ret);
void approval_add_exceptions(struct db_unit *u, int64_t batch, int64_t limit);
struct approval_exception {
    const char *number, *holder, *name, *department, *policy, *reason, *actor;
    tg_flags flags;
    int64_t decision;
};
void approval_exception_at(const struct db_results *r, size_t i, size_t row,
                           struct approval_exception *ret);

void approval_add_policies(struct db_unit *u, int64_t batch);
struct approval_policy {
    char name[41], hash[TG_HEX256];
    int64_t recall_s, count;
};
void approval_policy_at(const struct db_results *r, size_t i, size_t row,
                        struct approval_policy *ret);
void approval_add_last(struct db_unit *u);
/* previous, audit_size, audit_root of a statement. */
void approval_last_at(const struct db_results *r, size_t i, struct tg_statement *st);
void approval_add_mint(struct db_unit *u, const struct approval_head *head,
                       const struct tg_statement *st, struct tg_blob text, const char *spki,
                       const char *actor, int64_t now);
void approval_add_session(struct db_unit *u, const char *nonce);
struct approval_signing {
    int64_t id, batch_id, rev;
    bool found, used;
    char spki[TG_SEAL_HEX];
    struct tg_blob statement;
};
void approval_signing_at(const struct db_results *r, size_t i, struct approval_signing *ret);
struct approval_acceptance {
    const struct approval_head *head;
    const struct tg_checked *checked;
    struct tg_blob text, cms;
    int64_t session, now;
    const uint8_t *decisions; /* SHA-256 of the text */
    uint32_t trust_version;
};
void approval_add_acceptance(struct db_unit *u, const struct approval_acceptance *c);
void approval_add_approve(struct db_unit *u, const struct approval_acceptance *c);

void approval_add_signed(struct db_unit *u, unsigned year, uint32_t sequence);
struct approval_signature {
    int64_t batch_id, state, trust_version, approved, held, returned, release;
    struct tg_blob statement, cms[TG_SEAL_CMS_MAX];
    size_t cms_count;
    char sha256[TG_HEX256];
};
bool approval_signature_at(const struct db_results *r, size_t i, struct approval_signature *ret);
void approval_add_recall(struct db_unit *u, const struct approval_signature *s, struct tg_blob text,
                         struct tg_blob cms, const char *signer, int64_t now);
void approval_add_recalling(struct db_unit *u, int64_t batch);
void approval_add_recalled(struct db_unit *u, int64_t batch, int64_t now);

/* bundle */
void approval_add_bundle(struct db_unit *u, struct tg_number number);
struct approval_stored {
    int64_t batch_id, index;
    bool recalled;
    struct tg_blob leaf, statement, cms[TG_SEAL_CMS_MAX], certificate, old,
        chain[TG_SEAL_CHAIN_MAX], csr, holder;
    size_t cms_count, chain_count;
    struct approval_line line; /* the hashes of its decision */
};
bool approval_stored_at(const struct db_results *r, size_t i, struct approval_stored *ret);
void approval_add_approved(struct db_unit *u, int64_t batch);
struct approval_hashes {
    int64_t *indexes;
    struct tg_merkle_hash *leaves, *evidence;
    size_t count;
};
void approval_approved_at(const struct db_results *r, size_t i, struct approval_hashes *ret);
/* The approve line of these hashes. */
int approval_decision_print(const struct approval_line *line, struct tg_blob reason,
                            struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
void approval_cache_free(struct approval_cache *cache);

static inline struct tg_blob approval_blob(struct db_slice s)
{
    return TG_BLOB(s.data ? s.data : "", s.len);
}
