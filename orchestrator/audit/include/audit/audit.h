/* audit: the append-only log. Any unit appends to the inbox in its own transaction; the one sequencer (lease `audit`)
 * gives dense numbers and hashes and signs a checkpoint each second while there is news. Never reads what entries mean.
 * Entries are evidence from their checkpoint on (about a second later). Callbacks on the loop's thread. */
#pragma once

#include "auditlog/auditlog.h"
#include "db/db.h"

struct audit;

struct audit_config {
    struct tg_loop *loop;
    struct db *db;
    const char *state;  /* STATE/log.key: the log's Ed25519 key, made when it is not there */
    const char *origin; /* name of the log in checkpoints: "tamga/ORGANIZATION" */
};

struct audit_entry {
    const char *actor;   /* administrator:root, agent:HEX, approver:SPKI, planner... no personal data beyond numbers */
    const char *verb;    /* batch.approved, agent.enrolled... [a-z0-9.-]{1,63} */
    const char *subject; /* application number, batch name, agent id... */
    const char *body;    /* JSON object or NULL; a set move gives its root and count here */
};

/* Add one entry to a unit: it is written if and only if the unit commits. */
void audit_append(struct db_unit *u, int64_t now, const struct audit_entry *entry);

/* Reads or makes the key; the sequencer works whenever this process holds the lease. */
int audit_start(const struct audit_config *config, struct audit **ret, struct tg_err *err) TG_MUST_CHECK;
const char *audit_vkey(const struct audit *a); /* for the `log:` line of the trust document */
void audit_wake(struct audit *a);              /* do not wait for the second to pass */
typedef void (*audit_stopped_fn)(void *data);
void audit_stop(struct audit *a, audit_stopped_fn stopped, void *data); /* a is gone then */

struct audit_head {
    uint64_t size; /* 0 and the empty root before the first checkpoint */
    char root[TG_HEX256];
    const char *note; /* "" before the first */
};
/* The newest checkpoint; head is valid during the call, NULL with err. */
typedef void (*audit_head_fn)(const struct audit_head *head, const struct tg_err *err, void *data);
void audit_head(struct audit *a, audit_head_fn fn, void *data);

/* The export, piece by piece: ask for the next when the last was sent on. */
struct audit_export;
struct audit_export *audit_export_new(struct audit *a);
/* bytes: whole lines, valid during the call; len 0 = that was all. err: it ended early, bytes is NULL. */
typedef void (*audit_piece_fn)(const char *bytes, size_t len, const struct tg_err *err, void *data);
void audit_export_next(struct audit_export *e, audit_piece_fn fn, void *data); /* not while one is under way */
void audit_export_free(struct audit_export *e);                                /* also while one is under way: fn is not called then */
