/* The insides of struct audit. */
#pragma once

#include "audit/audit.h"
#include "auditlog/auditlog.h"
#include "db/lease.h"

enum {
    AUDIT_CHUNK = 10 * 1000, /* entries in one step of the sequencer */
    AUDIT_PAGE = 10 * 1000,  /* lines in one page of an export */
    AUDIT_PARTITION = 10 * 1000 * 1000,
    AUDIT_PAUSE_MS = 1000,
    AUDIT_LEASE_S = 15,
};

struct audit {
    struct tg_loop *loop;
    struct db *db;
    struct tg_key *key;
    char origin[TG_AUDIT_ORIGIN_MAX + 1], vkey[TG_AUDIT_VKEY_MAX];
    struct db_lease lease;
    struct tg_repeat repeat;
    bool partition_made, closing, said, said_key;
    uint64_t signed_size; /* what this process saw signed: the log only grows from there */
    struct tg_merkle_hash signed_root;
    void (*closed)(void *data);
    void *closed_data;
};

/* sequencer.c: one step; calls tg_repeat_finish(). */
void audit_step(struct tg_repeat *r, void *data);

/* audit_store.c: rows become structs here. */
struct audit_chunk {
    size_t count;
    int64_t *ids;
    struct tg_audit_entry *entries;
    char *texts; /* of the entries */
    struct tg_merkle_hash *hashes;
    struct tg_merkle_frontier frontier; /* before them; after audit_hash() behind them */
    uint64_t first;
};
void audit_chunk_done(struct audit_chunk *c);
struct db_unit *audit_ask_work(struct audit *a);
/* Copies what the inbox holds; count 0 when it is empty. */
int audit_read_work(struct audit *a, const struct db_results *r, struct audit_chunk *ret,
                    struct tg_err *err);
/* On a pool thread: 5 us an entry are too much for the loop. */
int audit_hash(struct audit_chunk *c, struct tg_err *err);
struct db_unit *audit_write_work(struct audit *a, int64_t epoch, const struct audit_chunk *c,
                                 struct tg_err *err);
struct db_unit *audit_ask_head(struct audit *a);
void audit_read_head(const struct db_results *r, struct audit_head *ret);
struct db_unit *audit_ask_page(struct audit *a, const struct audit_cursor *from);
/* Entries and checkpoints as lines; the cursor goes behind them. */
int audit_read_page(const struct db_results *r, struct audit_cursor *cursor, struct tg_buf *out,
                    bool *ret_more, struct tg_err *err);
/* TG_E_MISMATCH: the log is shorter than it was, or another one. */
int audit_grew(struct audit *a, uint64_t size, const struct tg_merkle_hash *root,
               struct tg_err *err);
