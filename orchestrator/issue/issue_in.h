/* issue_in: what the files of this room share.
 *
 *   issue (one a process)  claims a batch's job -> pass -> the next one
 *   pass  (issue_pass.c)   loads statement and hashes, builds the trees, keeps the lanes busy, ends
 * the job lane  (issue_lane.c)   256 applications at a time: read, check, request, call, verify,
 * record
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "application/application.h"
#include "base/list.h"
#include "base/sm.h"
#include "ca/ca.h"
#include "issue/issue.h"
#include "loop/loop.h"
#include "seal/check.h"

enum {
    ISSUE_CONNECTORS = 16,
    ISSUE_LANES = 3,   /* one reads and writes rows while the CA works for another */
    ISSUE_CHUNK = 256, /* applications a unit; beyond it the guard takes its slower way */
    ISSUE_PAGE = 20000,
    ISSUE_POLL_MS = 1000,
    ISSUE_LEASE_S = 120,
    ISSUE_ATTEMPTS = 8, /* vain passes until an application fails */
    ISSUE_BACKOFF_S = 2,
    ISSUE_BACKOFF_MAX_S = 900,
};

#define ISSUE_ACTOR "issue"
#define ISSUE_JOBS  "tamga_jobs" /* the channel on which verbs tell one another of jobs */

struct issue_pass;

struct issue {
    struct db *db;
    struct tg_loop *loop;
    struct issue_ports ports;
    const struct ca_connector *connectors[ISSUE_CONNECTORS];
    size_t connectors_count;
    struct tg_trust_chain
        *chain; /* our own copy: pool threads read it; replaced between passes only */
    char (*recalled)[TG_SEAL_HEX];
    size_t recalled_count;
    struct tg_repeat poll;
    struct issue_pass *pass;
    int64_t owner; /* who we are in job rows, from this start on */
    int busy;      /* the pass and exchange calls: while there are any, the chain stays as it is */
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
};

const struct ca_connector *issue_connector(const struct issue *issue, const char *name);
struct tg_knowledge issue_knowledge(const struct issue *issue, int64_t now);
/* Copies newer trust (where nobody reads ours) and offers it to the connectors. TG_E_NO_TRUST. */
int issue_refresh_trust(struct issue *issue, struct tg_err *err) TG_MUST_CHECK;
void issue_begin(struct issue *issue);
void issue_end(struct issue *issue);

/* --- one application on its way --- */

enum issue_fate {
    ISSUE_OPEN,    /* nothing known yet, or the answer is still to come: stays requested */
    ISSUE_GOT,     /* a certificate that passed A2 */
    ISSUE_WAITS,   /* carried by people */
    ISSUE_REFUSED, /* err */
};

struct issue_item {
    struct issue_lane *lane;
    int64_t id, rev, certificate_id;
    enum application_state state;
    int attempt;
    bool was_requested; /* an earlier pass asked: look before asking */
    char number[TG_NUMBER], reference[TG_NUMBER + 8];
    uint32_t leaf_index, index;           /* in the snapshot, among the approved */
    const struct ca_connector *connector; /* NULL: the policy names none of ours */
    uint8_t *memory;
    struct tg_blob line, csr, cms, old_der, decision;
    uint8_t spki[TG_SHA256];
    struct ca_call call;
    uint8_t *answer; /* DER as it came */
    size_t answer_len;
    struct tg_cert *cert;
    enum issue_fate fate;
    struct tg_err err;
};

/* check.c, on a pool thread. S5 for connectors without checks of their own; A2 for what came back.
 */
struct issue_check {
    const struct tg_knowledge *knowledge;
    const struct tg_checked *checked; /* NULL for A2 */
    const struct tg_merkle_tree *approved, *evidence;
    struct tg_leaf *leaf; /* room */
};
void issue_check_request(const struct issue_check *c, struct issue_item *item);
void issue_check_answer(const struct issue_check *c, struct issue_item *item);
int issue_place(const struct issue_check *c, const struct issue_item *item,
                struct tg_merkle_proof proofs[2], struct ca_ask *ret,
                struct tg_err *err) TG_MUST_CHECK;

/* --- lanes --- */

struct issue_lane {
    struct issue_pass *pass;
    struct tg_sm sm;
    struct tg_work work;
    struct issue_item *items;
    size_t count, next, calling; /* next item to call, calls under way */
    struct tg_leaf *leaf;
    struct tg_knowledge knowledge;
    struct tg_deadline later;
};
void issue_lane_init(struct issue_lane *lane, struct issue_pass *pass);
void issue_lane_start(struct issue_lane *lane); /* reads the next chunk */
bool issue_lane_idle(const struct issue_lane *lane);
void issue_lane_done(struct issue_lane *lane); /* the pass is told by issue_pass_lane_closed() */

/* --- passes --- */

struct issue_batch {
    int64_t id, release, install_by;
    struct tg_buf text, cms[TG_SEAL_CMS_MAX];
    struct tg_blob cms_blobs[TG_SEAL_CMS_MAX];
    struct ca_statement statement;
    struct tg_checked checked;
    struct tg_err err; /* why its statement does not hold (any more) */
    /* Of the approved lines, in order. */
    size_t count, room;
    uint32_t *leaf_index;
    struct tg_merkle_hash *leaves, *evidence;
    struct tg_merkle_tree approved_tree, evidence_tree;
    bool trees;
};

struct issue_pass {
    struct issue *issue;
    int64_t job, owner, attempt;
    struct issue_batch batch;
    struct issue_lane lanes[ISSUE_LANES];
    int64_t cursor; /* last leaf index that was read */
    bool prepared, reading, read_all, broken, ending;
    bool again;          /* somebody else moved applications meanwhile: look once more at once */
    size_t issued, open; /* of this pass */
    int64_t run_at;      /* of the next one; 0 = there is none */
    char (*recalled)[TG_SEAL_HEX]; /* as they were at the start, for the pool thread */
    size_t recalled_count;
    struct tg_work work;
    struct tg_err err;
    int lanes_open;
    uint64_t began_ms;
};
/* The claimed job becomes issue->pass; issue_pass_over() is called when it has ended. */
void issue_pass_start(struct issue *issue, int64_t job, int64_t owner, int64_t batch,
                      int64_t attempt);
void issue_pass_over(struct issue *issue, bool again);
/* Of lanes: the pass can do no more (database, lease): the lanes come to rest, the job stays. */
void issue_pass_break(struct issue_pass *pass, const struct tg_err *err);
void issue_pass_advance(struct issue_pass *pass); /* a lane came to rest, or read its chunk */
void issue_pass_lane_closed(struct issue_pass *pass);
int64_t issue_lease_until(const struct issue_pass *pass);

/* --- issue_store.c --- */

void issue_add_claim(struct db_unit *u, int64_t now, int64_t until, int64_t owner);
bool issue_claim_at(const struct db_results *r, int64_t *ret_job, int64_t *ret_batch,
                    int64_t *ret_attempt);
void issue_add_lease(struct db_unit *u, const struct issue_pass *pass);
void issue_add_done(struct db_unit *u, const struct issue_pass *pass);
void issue_add_later(struct db_unit *u, const struct issue_pass *pass);
void issue_add_batch(struct db_unit *u, int64_t batch);
bool issue_batch_at(const struct db_results *r, struct issue_batch *ret);
void issue_add_hashes(struct db_unit *u, const struct issue_batch *b);
/* Rows added; less than a page: that was all. */
size_t issue_hashes_at(const struct db_results *r, struct issue_batch *b);
void issue_add_chunk(struct db_unit *u, int64_t batch, int64_t after);
size_t issue_chunk_count(const struct db_results *r);
void issue_chunk_at(const struct db_results *r, size_t row, const struct issue *issue,
                    struct issue_item *ret);
/* Items picked by `state`/`fate` by the caller: arrays of pointers. */
struct issue_picked {
    struct issue_item *const *items;
    size_t count;
    int64_t batch, now;
    const char *actor;
};
void issue_add_requested(struct db_unit *u, const struct issue_picked *p);
void issue_add_issued(struct db_unit *u, const struct issue_picked *p);
void issue_item_done(struct issue_item *item);

/* exchange's reading */
struct issue_waiting {
    int64_t request;
    char number[TG_NUMBER], batch[24];
    struct db_slice leaf, csr, old;
};
void issue_add_waiting(struct db_unit *u, const struct issue *issue, int64_t after, int64_t limit);
void issue_waiting_at(const struct db_results *r, size_t row, struct issue_waiting *ret);
void issue_add_by_key(struct db_unit *u, const struct issue *issue, const struct db_slice *spkis,
                      size_t count);
struct issue_owner {
    int64_t batch;
    uint8_t issued[TG_SHA256]; /* of the certificate that it has */
    bool has;
    uint8_t spki[TG_SHA256];
};
/* The item and whose it is; needs issue_item_done. */
void issue_owner_at(const struct db_results *r, size_t row, const struct issue *issue,
                    struct issue_item *item, struct issue_owner *ret);
