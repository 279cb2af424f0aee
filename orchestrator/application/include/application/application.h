/* application: one renewal request for one certificate: its states, moves, events and what belongs
 * to it. The only writer of the application table; never talks to agents, CAs or approvers. Verbs
 * add moves to their own units
 * ("read unit, decide in C, guarded write unit"); a move names the state and revision that it
 * leaves, and a stale one ends the whole unit with TG_E_STALE. PostgreSQL refuses illegal moves
 * itself. Thread: the loop's.
 *
 *  drafted -> prepared -> submitted -> approved -> requested -> issued -> installed
 *     |          |           |            |            |           |
 *     +----------+-----------+------------+------------+-----------+--> cancelled | failed | lapsed
 *                            +--> returned, prepared   +--> observed
 *                                         +--> prepared (recalled)          failed --> where it
 * failed */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/str.h"
#include "base/times.h"
#include "db/db.h"
#include "x509/content.h"
#include "json/json.h"

/* name, value, word, open: the rows of table application_state */
#define APPLICATION_STATES(X)                                                                      \
    X(DRAFTED, 1, "drafted", true)                                                                 \
    X(PREPARED, 2, "prepared", true)                                                               \
    X(SUBMITTED, 3, "submitted", true)                                                             \
    X(APPROVED, 4, "approved", true)                                                               \
    X(REQUESTED, 5, "requested", true)                                                             \
    X(ISSUED, 6, "issued", true)                                                                   \
    X(INSTALLED, 7, "installed", false)                                                            \
    X(OBSERVED, 8, "observed", false)                                                              \
    X(RETURNED, 9, "returned", false)                                                              \
    X(CANCELLED, 10, "cancelled", false)                                                           \
    X(FAILED, 11, "failed", true)                                                                  \
    X(LAPSED, 12, "lapsed", false)
enum application_state {
    APPLICATION_NONE, /* born from; also "any" in a filter */
#define APPLICATION_X(name, value, word, open) APPLICATION_##name = (value),
    APPLICATION_STATES(APPLICATION_X)
#undef APPLICATION_X
        APPLICATION_STATE_END
};

#define APPLICATION_WAITS(X)                                                                       \
    X(PASSWORD, 1, "password")                                                                     \
    X(TOKEN, 2, "token")                                                                           \
    X(MACHINE, 3, "machine")                                                                       \
    X(HOLDER, 4, "holder")                                                                         \
    X(APPROVER, 5, "approver")                                                                     \
    X(PORTAL, 6, "portal")                                                                         \
    X(CA, 7, "ca")                                                                                 \
    X(WINDOW, 8, "window")                                                                         \
    X(WAVE, 9, "wave")
enum application_waits {
    APPLICATION_WAITS_NOTHING,
#define APPLICATION_X(name, value, word) APPLICATION_WAITS_##name = (value),
    APPLICATION_WAITS(APPLICATION_X)
#undef APPLICATION_X
};

enum application_kind { APPLICATION_RENEW = 1, APPLICATION_UNPROVEN, APPLICATION_OBSERVE };
enum application_consent {
    APPLICATION_CONSENT_KEY = 1,
    APPLICATION_CONSENT_UNATTENDED,
    APPLICATION_CONSENT_NOBODY
};

struct application_move {
    enum application_state from, to;
};
extern const struct application_move application_moves[];
extern const size_t application_moves_count;

bool application_may_move(enum application_state from, enum application_state to);
bool application_is_open(enum application_state state);
const char *application_state_word(enum application_state state); /* "" for none */
enum application_state
application_state_from_word(const char *word); /* APPLICATION_NONE when unknown */
const char *application_waits_word(enum application_waits waits); /* "" for nothing */
enum application_waits application_waits_from_word(const char *word);

/* --- reading: rows for doors and verbs. Texts are borrowed from the results --- */

struct application_row {
    int64_t id, rev, certificate_id, holder_id, keystore_id, agent_id, policy_id,
        batch_id; /* 0 = none */
    char number[TG_NUMBER];
    struct tg_number no;
    enum application_state state, failed_in;
    enum application_kind kind;
    enum application_waits waits_for;
    enum application_consent consent; /* 0 before it is prepared */
    int attempt, days;
    int64_t drafted, changed, not_after, new_not_after;  /* 0 = none */
    const char *holder, *holder_name, *department;       /* "" = none */
    const char *policy, *connector, *algorithm;          /* of the new key: ec-p256... */
    const char *subject, *host, *path, *store;           /* store: pkcs12, pem...; "" = none */
    const char *agent;                                   /* 32 hex, "" none */
    const char *flags;                                   /* sorted codes, blank between */
    const char *code, *error;                            /* of the last failure */
    char policy_hash[TG_HEX256], certificate[TG_HEX256]; /* hex; "" = none */
    char new_certificate[TG_HEX256], key[TG_HEX256];     /* key: SPKI of the CSR */
    char batch[TG_NUMBER];                               /* "26-47", "" none */
    bool confirm;                                        /* the policy asks the holder */
};

struct application_filter {
    enum application_state state; /* APPLICATION_NONE: all */
    int64_t after;                /* cursor of the page before; 0 = from the start */
    int64_t limit;                /* 1..100000 */
};

/* For verbs' own units. _ids: rows of these applications, ascending by year and sequence. */
size_t application_add_read(struct db_unit *u, const int64_t *ids, size_t count);
size_t application_add_list(struct db_unit *u, const struct application_filter *filter);
void application_row_at(const struct db_results *r, size_t statement, size_t row,
                        struct application_row *ret);
void application_print_json(struct tg_jw *w,
                            const struct application_row *row); /* the members, without braces */

/* next: cursor for the next page, 0 = this was the last. err set: rows NULL. */
typedef void (*application_list_fn)(const struct application_row *rows, size_t count, int64_t next,
                                    const struct tg_err *err, void *data);
void application_list(struct db *db, const struct application_filter *filter,
                      application_list_fn fn, void *data);

struct application_event {
    int64_t at;
    enum application_state from, to;
    const char *actor, *code, *why;
};
struct application_change { /* F1 change rows that it would carry today */
    const char *field, *old, *new_;
};
/* What is stored beside it, for the newest attempt; bytes are empty where there is none. */
struct application_detail {
    struct application_row row;
    const struct application_event *events;
    size_t event_count;
    const struct tg_change *changes;
    size_t change_count;
    struct db_slice app, csr, cms, old_der, new_der;
};
typedef void (*application_show_fn)(const struct application_detail *detail,
                                    const struct tg_err *err, void *data);
/* number: "26-004217-4". TG_E_NOT_FOUND; TG_E_INPUT for a wrong check digit. */
void application_show(struct db *db, const char *number, application_show_fn fn, void *data);
void application_print_detail(struct tg_jw *w, const struct application_detail *detail);

/* --- what it changes (TRUST F1): the planner's rows (a new name) and corrections, over the old
 * certificate --- */

/* Rows per application: field, old, new_; and corrections: field, value. Ordered by application and
 * age. */
size_t application_add_changes(struct db_unit *u, const int64_t *ids, size_t count);
/* The sorted change rows of one application, without `days`. ret has room for TG_MAX_CHANGES. */
int application_changes_at(const struct db_results *r, size_t statement, int64_t application_id,
                           const struct tg_cert *old, struct tg_change *ret, size_t *ret_n,
                           struct tg_err *err) TG_MUST_CHECK;

/* --- moves in a caller's unit --- */

struct application_step {
    int64_t id, rev; /* rev as it was read */
    enum application_state from, to;
    enum application_waits waits_for; /* from now on */
    int64_t batch_id;                 /* 0 = none; wanted for submitted and approved */
    int64_t now;
    const char *actor; /* planner, agent:HEX, administrator:NAME, approver:SPKI, issue... */
    const char *code;  /* failures: word of base/err.h; NULL = "" */
    const char *why;   /* NULL = "" */
};
/* One move with its event. TG_CHECKs that the C table allows it. A move to drafted from drafted is
 * none: see application_add_again. */
size_t application_add_move(struct db_unit *u, const struct application_step *step);
/* Only what it waits for (rev + 1, no event). */
size_t application_add_waits(struct db_unit *u, int64_t id, int64_t rev,
                             enum application_waits waits_for, int64_t now);

/* Many by one event: ids and revs side by side (revs NULL: whatever they are), all in `from`. All
 * of them move or the unit fails. root (32 bytes) or batch_id names the set. */
struct application_set {
    const int64_t *ids, *revs;
    size_t count;
    const uint8_t *root;
    struct application_step step; /* id and rev unused */
};
size_t application_add_set(struct db_unit *u, const struct application_set *set);
/* By the leaves of a batch, whose app_rev is the applications' rev while submitted:
 *   SUBMIT  prepared -> submitted, every leaf (insert leaves with app_rev = rev + 1 first)
 *   APPROVE submitted -> approved where the decision is approve (batch in state 2 before)
 *   HOLD    submitted -> prepared where it is hold        RETURN  submitted -> returned where it is
 * return DISCARD submitted -> prepared, every leaf             RECALL  approved -> prepared, those
 * still approved The event is written only if somebody moved. count: how many must move; -1 =
 * whoever is there. */
enum application_batch_act {
    APPLICATION_BATCH_SUBMIT,
    APPLICATION_BATCH_APPROVE,
    APPLICATION_BATCH_HOLD,
    APPLICATION_BATCH_RETURN,
    APPLICATION_BATCH_DISCARD,
    APPLICATION_BATCH_RECALL,
};
struct application_batch_move {
    enum application_batch_act act;
    int64_t batch_id, count, now;
    const uint8_t *root; /* may be NULL */
    const char *actor, *why;
};
size_t application_add_batch(struct db_unit *u, const struct application_batch_move *move);
/* How many moved, of application_add_batch. */
int64_t application_batch_moved(const struct db_results *r, size_t statement);

/* Prepared: the CSR row of the present attempt and the move drafted -> prepared, in one go. */
struct application_prepared {
    struct application_step step; /* from drafted to prepared */
    int attempt;
    int64_t agent_id;
    enum application_consent consent;
    struct db_slice app, csr, cms;
    const uint8_t *spki_sha256;
    const char *flags; /* sorted, blank between */
};
/* TG_E_EXISTS (application_csr_spki_sha256_key): the key was seen in an earlier CSR. */
void application_add_prepared(struct db_unit *u, const struct application_prepared *p);

/* --- acts of people and of time: read, decide, write, each with event and audit entry --- */

typedef void (*application_done_fn)(const char *number, enum application_state state,
                                    const struct tg_err *err, void *data);
/* Not once it is issued: then it is installed or fails. Agents' waiting jobs of it are removed. */
void application_cancel(struct db *db, const char *number, const char *actor, const char *why,
                        int64_t now, application_done_fn fn, void *data);
/* Returned, cancelled, lapsed: forgets the refusal and drafts a new application with a new number
 * (the answer's number). Failed: back to where it failed. */
void application_retry(struct db *db, const char *number, const char *actor, int64_t now,
                       application_done_fn fn, void *data);
/* field: email, locality, keystore (a path on a workstation where its certificate lies). Only while
 * drafted: what the old key has signed is never corrected; cancel and retry then. */
void application_correct(struct db *db, const char *number, const char *field, const char *value,
                         const char *actor, int64_t now, application_done_fn fn, void *data);

/* Ends open applications whose old certificate has expired and that are not issued yet (lapsed). */
typedef void (*application_count_fn)(int64_t count, const struct tg_err *err, void *data);
void application_lapse(struct db *db, int64_t now, application_count_fn fn, void *data);

/* Failed with back-off: the move to failed, and a `retry` job at now + wait (doubling from 1 min to
 * 4 h by failures so far) where the code says retry; otherwise it waits for a person. */
void application_add_failure(struct db_unit *u, const struct application_step *step, int failures);
int64_t application_backoff_s(int failures);
/* Takes due `retry` jobs and brings their applications back to where they failed; count of them. */
void application_retry_due(struct db *db, int64_t now, application_count_fn fn, void *data);

/* Count per state: ret[state]. */
typedef void (*application_counts_fn)(const int64_t counts[APPLICATION_STATE_END],
                                      const struct tg_err *err, void *data);
void application_counts(struct db *db, application_counts_fn fn, void *data);
