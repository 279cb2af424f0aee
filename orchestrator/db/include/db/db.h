/* db: libpq without waiting: a pool of pipelined connections on the loop, units that are one
 * transaction each, and news by LISTEN. Knows no table but its own. A unit's callback fires once,
 * later, on the loop's thread, when the server has answered the Sync that ends it: a statement's
 * success before that is not a commit.
 *
 * A lost connection leaves a unit's outcome UNKNOWN (TG_E_DB): it may have been committed. So every
 * write is idempotent by its own means: a revision, a unique key, ON CONFLICT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

/* --- the catalogue: generated per room from schema/queries/<room>/<verb>.sql (see
 * cmake/queries.cmake) --- */

/* One prepared statement. Q_<ROOM>_<VERB> of the generated <room>_queries.h is the address of one.
 */
struct db_query {
    const char *name; /* "application_draft" */
    const char *caption;
    const char *sql;
    const uint32_t *types; /* OIDs, from the params line */
    uint16_t params;
    bool writes; /* the text has INSERT, UPDATE or DELETE in it, or its caption says `writes` */
};

/* --- arguments: encoded (copied) when the statement is added, by the declared type of the
 * parameter --- */

#define DB_NULL_I64 INT64_MIN /* NULL, alone or in an array */

struct db_slice {
    const void *data; /* NULL = SQL NULL */
    size_t len;
};

enum db_arg_kind {
    DB_ARG_NULL,
    DB_ARG_I64,    /* int2 int4 int8 (range checked), bool */
    DB_ARG_TIME,   /* timestamptz, date: seconds since 1970 */
    DB_ARG_BYTES,  /* text, bytea */
    DB_ARG_I64S,   /* int2[] int4[] int8[] bool[] */
    DB_ARG_TIMES,  /* timestamptz[] date[] */
    DB_ARG_TEXTS,  /* text[] */
    DB_ARG_SLICES, /* bytea[], text[] */
};

struct db_arg {
    enum db_arg_kind kind;
    int64_t number;
    const void *data;
    size_t count;
};

struct db_arg db_null(void);
struct db_arg db_i64(int64_t value);
struct db_arg db_bool(bool value);
struct db_arg db_time(int64_t at);       /* seconds since 1970; DB_NULL_I64 = NULL */
struct db_arg db_text(const char *text); /* NULL = NULL */
struct db_arg db_textn(const char *text, size_t len);
struct db_arg db_bytes(const void *bytes, size_t len); /* bytes NULL = NULL */
/* Arrays: for unnest($1, $2...), the way to write many rows by one statement. */
struct db_arg db_i64_array(const int64_t *values, size_t count);
struct db_arg db_time_array(const int64_t *values, size_t count);
struct db_arg db_text_array(const char *const *texts, size_t count); /* element NULL = NULL */
struct db_arg db_bytes_array(const struct db_slice *slices, size_t count);

/* --- the pool --- */

struct db;

struct db_config {
    const char *conninfo; /* libpq words or URI; host must be a socket folder, or hostaddr given:
                             names block */
    const char *role;     /* SET ROLE at connect, e.g. "tamga_run"; NULL = as logged in */
    const char *name;     /* application_name; NULL = "tamgad" */
    unsigned pool;        /* connections for units; 0 = 4. One more listens. */
    uint32_t deadline_ms; /* of a unit; 0 = 30,000 */
};

/* up = at least one connection works. Called once per change, never twice with the same value; the
 * first call says up. why is NULL when up. */
typedef void (*db_state_fn)(bool up, const struct tg_err *why, void *data);
typedef void (*db_closed_fn)(void *data);

/* Begins to connect and keeps trying (50 ms to 5 s with jitter); < 0 only for a malformed conninfo.
 */
int db_open(struct tg_loop *loop, const struct db_config *config, struct db **ret,
            struct tg_err *err) TG_MUST_CHECK;
void db_on_state(struct db *db, db_state_fn fn, void *data);
bool db_is_up(const struct db *db);
/* Units that wait or run end with TG_E_CANCELLED; closed fires last, and db is gone. */
void db_close(struct db *db, db_closed_fn closed, void *data);
struct tg_loop *db_loop(struct db *db);

/* Told of every unit as it ends, before its own callback: from db_unit_run() to the answer, waiting
 * included. */
typedef void (*db_watch_fn)(const char *what, uint64_t took_ms, bool ok, void *data);
void db_watch(struct db *db, db_watch_fn fn, void *data);

/* --- units --- */

struct db_unit;
struct db_results;

/* err NULL: committed, and r has one result per statement, valid during the call. err set: r is
 * NULL. TG_E_DB: not connected, or outcome unknown. TG_E_STATE, _EXISTS, _STALE, _DENIED,
 * _MISMATCH...: refused and rolled back; the text is the database's own. 40001 and 40P01 were tried
 * again up to 5 times before. */
typedef void (*db_done_fn)(const struct db_results *r, const struct tg_err *err, void *data);

/* what is static: "application draft". The unit is freed after its callback, or by db_unit_drop().
 */
struct db_unit *db_unit_new(struct db *db, const char *what);
/* Returns the statement's index in the results. Order rows and statements by key: two units that
 * lock the same rows in different order deadlock. */
size_t db_unit_add(struct db_unit *u, const struct db_query *query, const struct db_arg *args,
                   size_t count);
#define DB_ARGS(...)                                                                               \
    (const struct db_arg[]){__VA_ARGS__},                                                          \
        (sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg))
#define DB_NO_ARGS NULL, 0
void db_unit_deadline(struct db_unit *u,
                      uint32_t wait_ms); /* instead of the pool's; counts from run */
/* Waits for a connection, runs, calls back once. An argument that does not fit its parameter is
 * TG_E_BUG, later. */
void db_unit_run(struct db_unit *u, db_done_fn done, void *data);
void db_unit_drop(struct db_unit *u); /* never run; NULL ok */

/* --- results: statement i, row, column by index, or by name (slower: not in long loops) --- */

size_t db_rows(const struct db_results *r, size_t i);
int64_t db_affected(const struct db_results *r,
                    size_t i); /* rows written by INSERT, UPDATE, DELETE */
int db_col(const struct db_results *r, size_t i,
           const char *name); /* aborts when there is no such column */

bool db_is_null_at(const struct db_results *r, size_t i, size_t row, int col);
int64_t db_get_i64_at(const struct db_results *r, size_t i, size_t row,
                      int col); /* int2 int4 int8 bool; NULL = DB_NULL_I64 */
int64_t db_get_time_at(const struct db_results *r, size_t i, size_t row,
                       int col); /* timestamptz, date; NULL = DB_NULL_I64 */
bool db_get_bool_at(const struct db_results *r, size_t i, size_t row, int col); /* NULL = false */
const char *db_get_text_at(const struct db_results *r, size_t i, size_t row,
                           int col); /* NUL at the end; NULL = NULL */
struct db_slice db_get_bytes_at(const struct db_results *r, size_t i, size_t row,
                                int col); /* text, bytea */

bool db_is_null_named(const struct db_results *r, size_t i, size_t row, const char *col);
int64_t db_get_i64_named(const struct db_results *r, size_t i, size_t row, const char *col);
int64_t db_get_time_named(const struct db_results *r, size_t i, size_t row, const char *col);
bool db_get_bool_named(const struct db_results *r, size_t i, size_t row, const char *col);
const char *db_get_text_named(const struct db_results *r, size_t i, size_t row, const char *col);
struct db_slice db_get_bytes_named(const struct db_results *r, size_t i, size_t row,
                                   const char *col);

#define DB_BY_(name, col)                                                                          \
    _Generic((col), char * : name##_named, const char * : name##_named, default : name##_at)
#define db_is_null(r, i, row, col)   DB_BY_(db_is_null, col)((r), (i), (row), (col))
#define db_get_i64(r, i, row, col)   DB_BY_(db_get_i64, col)((r), (i), (row), (col))
#define db_get_time(r, i, row, col)  DB_BY_(db_get_time, col)((r), (i), (row), (col))
#define db_get_bool(r, i, row, col)  DB_BY_(db_get_bool, col)((r), (i), (row), (col))
#define db_get_text(r, i, row, col)  DB_BY_(db_get_text, col)((r), (i), (row), (col))
#define db_get_bytes(r, i, row, col) DB_BY_(db_get_bytes, col)((r), (i), (row), (col))

/* One-dimensional arrays: struct db_array a; db_get_array(...); while (db_array_next(&a, &slice))
 * ... Elements are raw bytes (text[], bytea[]); db_array_i64() reads an element of int2[] int4[]
 * int8[]. */
struct db_array {
    const uint8_t *at, *end;
    size_t count;
};
void db_get_array(const struct db_results *r, size_t i, size_t row, int col, struct db_array *ret);
bool db_array_next(struct db_array *a, struct db_slice *ret);
int64_t db_array_i64(struct db_slice element);

/* --- news --- */

/* payload "" = look at everything: sent after every (re)connect, when notifications may have been
 * missed. Keep a slow poll as well. channel: [a-z_]{1,40}, static. Stays until db_close. */
typedef void (*db_news_fn)(const char *channel, const char *payload, void *data);
void db_listen(struct db *db, const char *channel, db_news_fn fn, void *data);
/* Nothing is told to this data any more: for who closes before db does. */
void db_unlisten(struct db *db, const void *data);
/* After a commit, from the done callback: tells every tamgad, this one too. Coalesced by channel
 * (at most one in 20 ms); never inside a write transaction, where it costs two thirds of the
 * throughput. */
void db_notify(struct db *db, const char *channel);
