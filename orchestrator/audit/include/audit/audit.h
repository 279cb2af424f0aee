/* audit: the log of what was done. Any transaction appends to the inbox; one sequencer, under the
 * lease "audit", gives dense numbers, RFC 9162 hashes and a signed head each second while there is
 * something new. Entries in the inbox (at most about a second) are not yet tamper-evident. Formats
 * and verification: common/auditlog. Callbacks on the loop's thread, once, later; borrowed data is
 * valid during the call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;
struct db_unit;
struct audit;

/* DIR/audit/log.key (Ed25519, PKCS#8 PEM, 0600) is made on the first run. origin: the organization,
 * [A-Za-z0-9._-]{1,64}. Reads files, so only at start-up. */
int audit_new(struct db *db, const char *dir, const char *origin, struct audit **ret,
              struct tg_err *err) TG_MUST_CHECK;
/* Ends the running step, gives up the lease. closed comes last; audit is gone then. */
void audit_close(struct audit *audit, void (*closed)(void *data), void *data);

/* C2SP verifier key, `name+hash+base64`: known at once, for the trust document's log line. */
const char *audit_vkey(const struct audit *audit);

/* One entry in the unit's transaction; returns the statement's index. verb [a-z0-9.-]{1,63}; actor
 * and subject at most 1,024 bytes; body: a JSON object on one line, at most 64 KiB. */
size_t audit_add(struct db_unit *unit, int64_t at, const char *actor, const char *verb,
                 const char *subject, const char *body);

/* The newest signed head. An empty log has size 0, the empty root and checkpoint "". */
typedef void (*audit_head_fn)(uint64_t size, const char *root_hex, const char *checkpoint,
                              const struct tg_err *err, void *data);
void audit_head(struct audit *audit, audit_head_fn fn, void *data);

/* The export (auditlog/auditlog.h) in pages of a few MiB, so that nobody holds the whole log: begin
 * with {0}, go on with next until more is false. Only what is under the head of the first page. */
struct audit_cursor {
    int64_t seq;   /* entries from here */
    int64_t head;  /* heads after this size */
    int64_t until; /* size of the head that ends the export; 0: not yet known */
};
typedef void (*audit_page_fn)(const void *bytes, size_t len, const struct audit_cursor *next,
                              bool more, const struct tg_err *err, void *data);
void audit_page(struct audit *audit, const struct audit_cursor *from, audit_page_fn fn, void *data);

/* Sequence what is in the inbox soon instead of within a second; for tests and before a stop. */
void audit_hurry(struct audit *audit);
