/* lease: who is the leader for a kind of work. A row with an epoch in the database, renewed at a
 * third of its time; every write of the leader must name the epoch (WHERE epoch = $1), for a leader
 * that slept through its lease does not know it. Embed struct db_lease; callbacks on the loop's
 * thread. */
#pragma once

#include "db/db.h"

struct db_lease;
/* held: this process leads from now on under db_lease_epoch(); not held: stop. Once per change. */
typedef void (*db_lease_fn)(bool held, void *data);
typedef void (*db_lease_closed_fn)(void *data);

struct db_lease {
    struct db *db;
    const char *name;
    struct tg_repeat repeat;
    uint64_t ttl_s, asked_ms, until_ms; /* monotonic: what we count on ends before the database's */
    int64_t epoch;                      /* 0 = not held */
    char owner[33];
    db_lease_fn fn;
    db_lease_closed_fn closed;
    void *data;
    bool closing;
};

/* name is static: "audit", "planner"... ttl_s >= 3. */
void db_lease_start(struct db_lease *l, struct db *db, const char *name, uint64_t ttl_s,
                    db_lease_fn fn, void *data);
int64_t db_lease_epoch(struct db_lease *l); /* 0 when not held (or no longer surely held) */
/* Gives the lease up, so that another takes it at once. closed may be NULL. */
void db_lease_close(struct db_lease *l, db_lease_closed_fn closed);
