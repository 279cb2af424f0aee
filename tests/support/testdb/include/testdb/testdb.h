/* testdb: a database of its own for every test, cloned from a template that is migrated once per
 * cluster, and dropped afterwards. The cluster's connection string is in the file
 * TAMGA_TEST_PG_FILE (ctest), or in TAMGA_TEST_PG (scripts/with-temp-postgres). Everything aborts
 * the test on failure. */
#pragma once

#include <libpq-fe.h>

#include "db/db.h"
#include "loop/loop.h"

struct testdb {
    char name[64];
    char *conninfo; /* superuser, this database */
    PGconn *pg;     /* the same, search_path = tamga */
    PGconn *run;    /* as tamga_run */
};

void testdb_open(struct testdb *t);
void testdb_open_empty(struct testdb *t); /* not migrated */
void testdb_close(struct testdb *t);

void testdb_exec(struct testdb *t, const char *sql); /* as superuser */
void testdb_run(struct testdb *t,
                const char *sql); /* as tamga_run; rolls back and aborts on error */
char *testdb_text(struct testdb *t, const char *sql); /* first value, "" for none; yours */
int64_t testdb_number(struct testdb *t, const char *sql);
/* Expect the database to refuse it, as tamga_run, with this SQLSTATE; a transaction is rolled back.
 */
void testdb_refused(struct testdb *t, const char *sqlstate, const char *sql);
void testdb_refused_on(PGconn *pg, const char *sqlstate, const char *sql);

/* A pool on this database as tamga_run (pool 0 = 2 connections); waits until it is up. */
struct db *testdb_pool(struct testdb *t, struct tg_loop *loop, unsigned pool);
void testdb_pool_close(struct db *db, struct tg_loop *loop);
/* Runs the unit and turns the loop until it is told. each (may be NULL) sees the results of a
 * success. */
int testdb_wait(struct tg_loop *loop, struct db_unit *u, db_done_fn each, void *data,
                struct tg_err *ret);
