/* auditlog: the audit log's formats (entry lines, C2SP signed notes and tlog-checkpoints, the
 * export) and the verifier that every party runs over an export. Knows no database and no file.
 * Leaf = RFC 9162 §2.1 hash over the exact entry line. Thread: any, no sharing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "merkle/merkle.h"
#include "x509/key.h"

enum {
    TG_AUDITLOG_NAME = 65,   /* origin = key name: [A-Za-z0-9._/-]{1,64} */
    TG_AUDITLOG_VKEY = 128,  /* name+8 hex+base64 */
    TG_AUDITLOG_NOTE = 4096, /* a checkpoint as a signed note */
    TG_AUDITLOG_KEYS = 16,
};

/* --- entries ---
 * {"seq":N,"at":"T","actor":"..","verb":"..","subject":"..","body":{..}} without LF: this line is
 * the leaf. body stands as it was written if it is a JSON object without control characters, else
 * as a JSON string; so no two entries share a line. */
struct tg_auditlog_entry {
    uint64_t seq;
    int64_t at;
    const char *actor, *verb, *subject, *body;
};
void tg_auditlog_entry_print(const struct tg_auditlog_entry *e, struct tg_buf *out);

/* --- the export: NDJSON. An entry line with its stored hash as last member, `,"hash":"HEX"}`;
 * after the last entry that a checkpoint covers, {"checkpoint":"NOTE"}. Both append with LF. --- */
void tg_auditlog_export_entry(const struct tg_auditlog_entry *e,
                              const struct tg_merkle_hash *stored, struct tg_buf *out);
void tg_auditlog_export_checkpoint(const char *note, struct tg_buf *out);

/* --- keys: c2sp.org/signed-note, type 0x01 Ed25519 --- */
struct tg_auditlog_key {
    char name[TG_AUDITLOG_NAME];
    uint8_t id[4]; /* SHA-256(name || LF || 0x01 || key), first 4 bytes */
    uint8_t public[32];
};
bool tg_auditlog_name_ok(const char *name);
/* "name+8hex+base64(0x01 || key)"; the id must be the key's own. */
int tg_auditlog_key_parse(const char *vkey, struct tg_auditlog_key *ret,
                          struct tg_err *err) TG_MUST_CHECK;
void tg_auditlog_key_print(const struct tg_auditlog_key *key, char ret[TG_AUDITLOG_VKEY]);
int tg_auditlog_key_of(const char *name, const struct tg_key *key, struct tg_auditlog_key *ret,
                       struct tg_err *err) TG_MUST_CHECK;

/* --- checkpoints: c2sp.org/tlog-checkpoint, no extension lines --- */
struct tg_auditlog_checkpoint {
    char origin[TG_AUDITLOG_NAME];
    uint64_t size;
    struct tg_merkle_hash root;
};
/* Appends the signed note; origin must be signer's name. */
int tg_auditlog_checkpoint_sign(const struct tg_auditlog_checkpoint *cp,
                                const struct tg_auditlog_key *signer, const struct tg_key *key,
                                struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
/* Strict (re-emits and compares). Exactly one signature by one of keys, whose name is the origin,
 * must verify: TG_E_SIGNATURE, TG_E_UNTRUSTED. Signatures of others (witnesses) are passed over. */
int tg_auditlog_checkpoint_open(const void *note, size_t len, const struct tg_auditlog_key *keys,
                                size_t keys_count, struct tg_auditlog_checkpoint *ret,
                                struct tg_err *err) TG_MUST_CHECK;

/* --- the verifier: give it what you keep, feed it the export in any pieces, end it --- */
enum tg_auditlog_kind {
    TG_AUDITLOG_CHANGED,    /* the entry is not what was hashed */
    TG_AUDITLOG_HASH,       /* the entry is good; the hash stored beside it was changed */
    TG_AUDITLOG_REMOVED,    /* first..last are not there */
    TG_AUDITLOG_MOVED,      /* it does not stand in its place */
    TG_AUDITLOG_RANGE,      /* at least one of first..last was changed together with its hash */
    TG_AUDITLOG_CHECKPOINT, /* the checkpoint itself is bad: its signature, form or place */
    TG_AUDITLOG_LINE,       /* neither an entry nor a checkpoint */
};
struct tg_auditlog_finding {
    enum tg_auditlog_kind kind;
    uint64_t first, last;   /* entries (seq) */
    uint64_t line;          /* of the export, from 1; 0 when none */
    uint64_t checkpoint;    /* size of the one that it contradicts; 0: none covers it */
    const char *against;    /* "checkpoint", or what the kept one was called */
    char text[TG_ERR_TEXT]; /* the sentence that names all this */
};
typedef void (*tg_auditlog_finding_fn)(const struct tg_auditlog_finding *f, void *data);

struct tg_auditlog_verdict {
    uint64_t size;              /* verified entries: 0..size-1 */
    struct tg_merkle_hash root; /* of them */
    uint64_t checkpoints;       /* that verified */
    uint64_t beyond;            /* entries after the last checkpoint: nothing is claimed of them */
    uint64_t findings;
};

struct tg_auditlog_verify;
/* keys are copied. fn is called for every finding, from feed and end. */
struct tg_auditlog_verify *tg_auditlog_verify_new(const struct tg_auditlog_key *keys, size_t count,
                                                  tg_auditlog_finding_fn fn, void *data);
void tg_auditlog_verify_free(struct tg_auditlog_verify *v); /* NULL ok */
TG_DEFINE_AUTO(auditlog_verify, struct tg_auditlog_verify, tg_auditlog_verify_free);
/* A size and root that somebody kept or signed (a checkpoint, an approval statement's audit line):
 * the log must have been so. Before the first feed; at most 256. what is static or outlives v. */
int tg_auditlog_verify_expect(struct tg_auditlog_verify *v, uint64_t size,
                              const struct tg_merkle_hash *root, const char *what,
                              struct tg_err *err) TG_MUST_CHECK;
void tg_auditlog_verify_feed(struct tg_auditlog_verify *v, const void *bytes, size_t len);
/* 0: every entry under the last checkpoint is what it was. TG_E_MISMATCH: there are findings; err
 * has the first one's text. TG_E_STATE: entries, but no checkpoint. ret is filled in any case. */
int tg_auditlog_verify_end(struct tg_auditlog_verify *v, struct tg_auditlog_verdict *ret,
                           struct tg_err *err) TG_MUST_CHECK;
