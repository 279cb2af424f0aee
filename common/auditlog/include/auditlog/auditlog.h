/* auditlog: the audit log's exact bytes, its signed checkpoints (TRUST F7), and the verifier of an export, shared by
 * service, command line and auditors. Pure: knows no database and no clock. Thread: any, no sharing.
 *
 * An export is NDJSON (docs/audit.md): an entry is {"hash":"HEX","entry":E} where HEX is the RFC 9162 leaf hash of the
 * bytes E; a checkpoint is {"checkpoint":"NOTE"} and covers the entries above it. */
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
    const char *body; /* a JSON object, as it was stored; NULL = {} */
};

/* E: {"seq":N,"at":"T","actor":"..","verb":"..","subject":"..","body":{..}}; ret_hash is its leaf hash. */
int tg_audit_entry_print(const struct tg_audit_entry *e, struct tg_buf *out, struct tg_merkle_hash *ret_hash,
                         struct tg_err *err) TG_MUST_CHECK;
/* The export lines, with their LF. hash is what the log recorded, not what the entry has now. */
int tg_audit_export_entry(const struct tg_audit_entry *e, const struct tg_merkle_hash *hash, struct tg_buf *out,
                          struct tg_err *err) TG_MUST_CHECK;
void tg_audit_export_checkpoint(const char *note, struct tg_buf *out);

/* --- checkpoints: C2SP tlog-checkpoint in a signed note, Ed25519 --- */

/* "origin+hash+base64": what stands behind `log:` in the trust document. origin: 1..100 of [A-Za-z0-9./_-]. */
int tg_audit_vkey(const struct tg_key *key, const char *origin, char ret[TG_AUDIT_VKEY_MAX], struct tg_err *err) TG_MUST_CHECK;
int tg_audit_note_print(const struct tg_key *key, const char *origin, uint64_t size, const struct tg_merkle_hash *root,
                        struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
struct tg_audit_checkpoint {
    char origin[TG_AUDIT_ORIGIN_MAX + 1];
    uint64_t size;
    struct tg_merkle_hash root;
};
/* vkey NULL: the signature is not checked. TG_E_SIGNATURE, TG_E_UNTRUSTED (another origin or key), TG_E_INPUT. */
int tg_audit_note_parse(const char *note, size_t len, const char *vkey, struct tg_audit_checkpoint *ret,
                        struct tg_err *err) TG_MUST_CHECK;

/* --- verification of an export, line by line --- */

/* Each finding is one sentence that names the entry: "entry 17 was changed". */
typedef void (*tg_audit_finding_fn)(const char *sentence, void *data);

struct tg_audit_verify {
    const char *vkey; /* or NULL */
    tg_audit_finding_fn finding;
    void *data;
    struct tg_merkle_frontier frontier;
    uint64_t next;        /* seq that must come now */
    uint64_t covered;     /* entries under a checkpoint that holds */
    uint64_t checkpoints; /* that hold */
    uint64_t findings;
    bool broken; /* an entry is missing: no root can be computed any more */
    uint64_t line;
    /* a checkpoint from outside, for example from an approver's statement: `audit: SIZE HEX` */
    bool expect;
    bool expect_seen;
    uint64_t expect_size;
    struct tg_merkle_hash expect_root;
};

void tg_audit_verify_init(struct tg_audit_verify *v, const char *vkey, tg_audit_finding_fn finding, void *data);
/* Before the first line. */
void tg_audit_verify_expect(struct tg_audit_verify *v, uint64_t size, const struct tg_merkle_hash *root);
/* One line without its LF; findings are told, nothing fails. */
void tg_audit_verify_line(struct tg_audit_verify *v, const char *line, size_t len);
/* After the last line: 0, or TG_E_MISMATCH when anything was found. Entries after the last checkpoint are not proven:
 * next - covered of them. */
int tg_audit_verify_end(struct tg_audit_verify *v, struct tg_err *err) TG_MUST_CHECK;
