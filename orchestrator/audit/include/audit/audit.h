/* audit: the append-only log. Any unit appends to the inbox in its own transaction; the one
 * sequencer (lease `audit`) gives dense numbers and hashes and signs a checkpoint each second while
 * there is news. Never reads what entries mean. Entries are evidence from their checkpoint on
 * (about a second later). Callbacks on the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct db;
struct db_unit;

struct audit;

struct audit_entry {
    const char *actor; /* administrator:root, agent:HEX, approver:SPKI, planner... no personal data
                          beyond numbers */
    const char *verb;  /* batch.approved, agent.enrolled... [a-z0-9.-]{1,63} */
    const char *subject; /* application number, batch name, agent id... */
    const char *body;    /* JSON object or NULL; a set move gives its root and count here */
};

/* Add one entry to a unit: it is written if and only if the unit commits. */
void audit_append(struct db_unit *u, int64_t now, const struct audit_entry *entry);

/* dir: the state folder; DIR/audit/log.key is the log's Ed25519 key, made when it is not there.
 * origin: the name of the log in checkpoints, [A-Za-z0-9._/-]{1,100}. The sequencer works whenever
 * this process holds the lease. Reads files, so at start-up only. */
int audit_new(struct db *db, const char *dir, const char *origin, struct audit **ret,
              struct tg_err *err) TG_MUST_CHECK;
const char *
audit_vkey(const struct audit *a); /* for the `log:` line of the trust document; known at once */
void audit_wake(struct audit *a);  /* do not wait for the second to pass */
void audit_close(struct audit *a, void (*closed)(void *data), void *data); /* a is gone then */

struct audit_head {
    uint64_t size; /* 0 and the empty root before the first checkpoint */
    char root[TG_HEX256];
    const char *note; /* "" before the first */
};
/* The newest checkpoint; head is valid during the call, NULL with err. */
typedef void (*audit_head_fn)(const struct audit_head *head, const struct tg_err *err, void *data);
void audit_head(struct audit *a, audit_head_fn fn, void *data);

/* The export in pages of a few MiB: begin with {0}, go on with *next until more is false. It ends
 * at the checkpoint that was the newest at its first page. bytes: whole lines, valid during the
 * call, NULL with err. */
struct audit_cursor {
    int64_t seq;   /* entries from here on */
    int64_t size;  /* checkpoints above this size */
    int64_t until; /* the checkpoint that ends it; 0: not known yet */
};
typedef void (*audit_page_fn)(const char *bytes, size_t len, const struct audit_cursor *next,
                              bool more, const struct tg_err *err, void *data);
void audit_page(struct audit *a, const struct audit_cursor *from, audit_page_fn fn, void *data);
