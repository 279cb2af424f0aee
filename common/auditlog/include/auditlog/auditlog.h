/* auditlog: the audit log's exact bytes, its signed checkpoints (TRUST F7), and the verifier of an
 * export, shared by service, command line and auditors. Pure: knows no database and no clock.
 * Thread: any, no sharing.
 *
 * An export is NDJSON (docs/audit.md): an entry is {"hash":"HEX","entry":E} where HEX is the RFC
 * 9162 leaf hash of the bytes E; a checkpoint is {"checkpoint":"NOTE"} and covers the entries above
 * it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "merkle/merkle.h"
#include "x509/key.h"

enum {
    TG_AUDIT_ENTRY_MAX = 512 * 1024, /* one entry, escapes counted */
    TG_AUDIT_LINE_MAX = TG_AUDIT_ENTRY_MAX + 128,
    TG_AUDIT_NOTE_MAX = 4096,
    TG_AUDIT_VKEY_MAX = 200,
    TG_AUDIT_ORIGIN_MAX = 100,
};

struct tg_audit_entry {
    uint64_t seq;
    int64_t at;
    const char *actor, *verb, *subject;
    const char *body; /* as it was stored, NULL = {}. What is not a JSON object on one line is
                         printed as a string */
};

/* E: {"seq":N,"at":"T","actor":"..","verb":"..","subject":"..","body":{..}}; ret_hash is its leaf
 * hash. No two entries have the same E. */
int tg_audit_entry_print(const struct tg_audit_entry *e, struct tg_buf *out,
                         struct tg_merkle_hash *ret_hash, struct tg_err *err) TG_MUST_CHECK;
/* The export lines, with their LF. hash is what the log recorded, not what the entry has now. */
int tg_audit_export_entry(const struct tg_audit_entry *e, const struct tg_merkle_hash *hash,
                          struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
void tg_audit_export_checkpoint(const char *note, struct tg_buf *out);

/* --- checkpoints: C2SP tlog-checkpoint in a signed note, Ed25519 --- */

/* "origin+hash+base64": what stands behind `log:` in the trust document. origin: 1..100 of
 * [A-Za-z0-9./_-]. */
int tg_audit_vkey(const struct tg_key *key, const char *origin, char ret[TG_AUDIT_VKEY_MAX],
                  struct tg_err *err) TG_MUST_CHECK;
/* TG_E_INPUT: not "name+hash+base64" of an Ed25519 key. */
int tg_audit_vkey_check(const char *vkey, struct tg_err *err) TG_MUST_CHECK;
int tg_audit_note_print(const struct tg_key *key, const char *origin, uint64_t size,
                        const struct tg_merkle_hash *root, struct tg_buf *out,
                        struct tg_err *err) TG_MUST_CHECK;
struct tg_audit_checkpoint {
    char origin[TG_AUDIT_ORIGIN_MAX + 1];
    uint64_t size;
    struct tg_merkle_hash root;
};
/* vkey NULL: the signature is not checked. TG_E_SIGNATURE, TG_E_UNTRUSTED (another origin or key),
 * TG_E_INPUT. */
int tg_audit_note_parse(const char *note, size_t len, const char *vkey,
                        struct tg_audit_checkpoint *ret, struct tg_err *err) TG_MUST_CHECK;

/* --- verification of an export, line by line ---
 * Two trees grow: over the entries as they are, and over the hashes that their lines claim. What is
 * found stays pending until a checkpoint (of the log, or one that somebody kept) covers it: nothing
 * is claimed beyond the last one. */

/* Each finding is one sentence that names the entry and what it contradicts:
 * "entry 17 was changed: it is not what the checkpoint over 31 signed". */
typedef void (*tg_audit_finding_fn)(const char *sentence, void *data);

enum { TG_AUDIT_KEYS = 16, TG_AUDIT_EXPECTED = 64, TG_AUDIT_PENDING = 64 };

enum tg_audit_pending_kind {
    TG_AUDIT_CHANGED, /* the entry and its claim do not fit */
    TG_AUDIT_MISSING,
    TG_AUDIT_MOVED,
    TG_AUDIT_NOISE, /* a line that is nothing */
};
struct tg_audit_pending {
    enum tg_audit_pending_kind kind;
    uint64_t first, last, line;
};
struct tg_audit_expected {
    uint64_t size;
    struct tg_merkle_hash root;
    const char *what;
};

struct tg_audit_verify {
    const char *vkeys[TG_AUDIT_KEYS]; /* none: signatures are not checked */
    size_t vkeys_count;
    tg_audit_finding_fn finding;
    void *data;
    struct tg_merkle_frontier is, claimed;
    struct tg_merkle_hash root; /* of the covered entries */
    uint64_t next;              /* seq that must come now */
    uint64_t covered;           /* entries under a checkpoint that holds */
    uint64_t checkpoints;       /* that hold */
    uint64_t findings, line;
    bool broken; /* an entry is missing or cannot be told: no root can be computed any more */
    size_t pending_count, expected_count, expected_at;
    uint64_t pending_more;
    struct tg_audit_pending pending[TG_AUDIT_PENDING];
    struct tg_audit_expected expected[TG_AUDIT_EXPECTED]; /* by size */
};

/* vkey may be NULL. Texts are borrowed. */
void tg_audit_verify_init(struct tg_audit_verify *v, const char *vkey, tg_audit_finding_fn finding,
                          void *data);
/* One more key by which checkpoints may be signed; checked. */
int tg_audit_verify_key(struct tg_audit_verify *v, const char *vkey,
                        struct tg_err *err) TG_MUST_CHECK;
/* A size and root from outside that the log must have had: a checkpoint that somebody kept, an
 * approval statement's `audit: SIZE HEX`. Before the first line. what: "the checkpoint of FILE". */
int tg_audit_verify_expect(struct tg_audit_verify *v, uint64_t size,
                           const struct tg_merkle_hash *root, const char *what,
                           struct tg_err *err) TG_MUST_CHECK;
/* One line without its LF; findings are told, nothing fails. */
void tg_audit_verify_line(struct tg_audit_verify *v, const char *line, size_t len);
/* After the last line: 0, or TG_E_MISMATCH when anything was found, TG_E_STATE for entries without
 * any checkpoint. next - covered entries stand after the last checkpoint: not proven. */
int tg_audit_verify_end(struct tg_audit_verify *v, struct tg_err *err) TG_MUST_CHECK;
