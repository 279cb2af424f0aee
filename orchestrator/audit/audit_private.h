/* The insides of struct audit. */
#pragma once

#include "audit/audit.h"
#include "db/lease.h"

enum {
    AUDIT_CHUNK = 10 * 1000,      /* entries in one step of the sequencer */
    AUDIT_PIECE = 2000,           /* entries in one piece of an export */
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
    bool partition_made, stopping, said;
    audit_stopped_fn stopped;
    void *stopped_data;
};

/* sequencer.c: one step; calls tg_repeat_finish(). */
void audit_step(struct tg_repeat *r, void *data);

/* audit_store.c: rows become structs here. */
struct audit_chunk {
    size_t count;
    int64_t *ids;
    struct tg_merkle_hash *hashes;
    struct tg_merkle_frontier frontier; /* after them */
    uint64_t first;
};
void audit_chunk_done(struct audit_chunk *c);
struct db_unit *audit_ask_work(struct audit *a);
/* Hashes what the inbox holds; count 0 when it is empty. */
int audit_read_work(const struct db_results *r, struct audit_chunk *ret, struct tg_err *err);
struct db_unit *audit_write_work(struct audit *a, int64_t epoch, const struct audit_chunk *c, struct tg_err *err);
struct db_unit *audit_ask_head(struct audit *a);
void audit_read_head(const struct db_results *r, struct audit_head *ret);
struct db_unit *audit_ask_piece(struct audit *a, uint64_t first);
/* Entries and the checkpoints that cover them, as lines; *ret_next = where the next piece begins. */
int audit_read_piece(const struct db_results *r, uint64_t first, struct tg_buf *out, uint64_t *ret_next, struct tg_err *err);
