/* pool: the insides of struct db: connections, waiting units, and who runs where. */
#pragma once

#include "args.h"
#include "db/db.h"
#include "link.h"

/* At most so many units wait on one connection while others are busy too (2 is enough to keep the
 * server busy). */
enum {
    DB_DEPTH = 4,
    DB_SEND_AHEAD = 256 * 1024, /* bytes of a unit before what was sent of it must be out */
    DB_RETRIES = 5,
    DB_SWEEP_MS = 20,
    DB_CANCEL_GRACE_MS = 5000,
    DB_CHANNELS = 32
};

struct db_statement {
    const struct db_query *query;
    size_t first; /* of its values */
};
struct db_value {
    size_t at;
    int len; /* -1 NULL */
};

struct db_unit {
    struct tg_list node; /* in db->waiting, or unlinked while sent */
    struct db *db;
    const char *what;
    struct db_statement *statements;
    struct db_value *values;
    size_t count, statements_cap, values_count, values_cap;
    struct tg_buf bytes;
    PGresult **results; /* count of them once run */
    size_t answered;
    struct tg_err err;
    uint64_t run_at_ms, deadline_ms, not_before_ms; /* monotonic */
    uint32_t wait_ms;
    int tries;
    bool writes, uncounted, told, retry;
    db_done_fn done;
    void *data;
};

struct db_results {
    PGresult *const *result;
    size_t count;
};

/* What was sent, in order; each ends with a Sync. unit NULL: the preparation of query. */
struct db_sent {
    struct tg_list node;
    struct db_unit *unit;
    const struct db_query *query;
    bool failed;
};

struct db_conn {
    struct db_link link;
    struct db *db;
    struct tg_list sent;
    unsigned in_flight;      /* units */
    struct db_unit *sending; /* sent up to statement sent_count; no other unit comes between */
    size_t sent_count;
    const struct db_query **prepared;
    size_t prepared_count, prepared_cap;
    struct tg_work cancel_work;
    PGcancel *cancel;
    uint64_t cancelled_at_ms;
    bool open;
};

struct db_channel {
    const char *name;
    db_news_fn fn;
    void *data;
    bool fresh;   /* wants the empty payload once it is heard */
    bool unheard; /* LISTEN was not sent yet */
};

struct db_news {
    struct db_link link;
    struct db *db;
    struct tg_deadline coalesce;
    struct db_channel channel[DB_CHANNELS];
    size_t count;
    const char *dirty[DB_CHANNELS];
    size_t dirty_count;
    bool busy, listening, link_open, timer_open;
};

struct db {
    struct tg_loop *loop;
    char *conninfo, *options, *name;
    uint32_t deadline_ms;
    struct db_conn *conns;
    unsigned conn_count, ready;
    struct tg_list waiting;
    size_t outstanding; /* units run and not told */
    struct tg_deadline kick, sweep;
    struct db_news news;
    int state; /* -1 unknown, 0 down, 1 up */
    db_state_fn on_state;
    void *state_data;
    db_watch_fn watch;
    void *watch_data;
    db_closed_fn closed;
    void *closed_data;
    unsigned timers_open;
    bool closing;
    long writes, die_at, lose_at; /* test seams */
};

/* unit.c */
void db_unit_tell(struct db_unit *u);   /* calls back once */
void db_unit_forget(struct db_unit *u); /* frees */
/* The next statements of c->sending, or its end. */
int db_unit_send(struct db_conn *c, struct tg_err *err);
void db_unit_again(struct db_unit *u); /* clears results for another try */
/* conn.c */
void db_conn_init(struct db_conn *c, struct db *db);
void db_conn_cancel(struct db_conn *c);
void db_conn_close(struct db_conn *c);
/* pool.c */
void db_kick(struct db *db);
void db_settle(struct db_unit *u); /* answered, or lost: retry or tell */
void db_state_changed(struct db *db, const struct tg_err *why);
void db_maybe_closed(struct db *db);
/* news.c */
void db_news_init(struct db *db);
void db_news_close(struct db *db);
/* sqlstate.c */
int db_translate(const PGresult *r, const char *what, bool *ret_retry, struct tg_err *err);
