/* link: one libpq connection on the loop: connects without waiting, watches its socket, and comes
 * back after a loss (50 ms to 5 s, with jitter) until closed. Its owner says what is sent and read.
 */
#pragma once

#include <libpq-fe.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/db.h"

enum { DB_BACKOFF_MIN_MS = 50, DB_BACKOFF_MAX_MS = 5000, DB_CONNECT_MS = 10 * 1000 };

struct db_link;
struct db_link_ops {
    /* Connected, non-blocking. < 0 drops the connection again. */
    int (*ready)(struct db_link *l, struct tg_err *err);
    /* Input was consumed: take what is there. < 0 drops the connection. */
    int (*readable)(struct db_link *l, struct tg_err *err);
    /* All that was sent is out: send more. Returns whether there was more, or < 0. NULL ok. */
    int (*drained)(struct db_link *l, struct tg_err *err);
    /* It is gone (or the attempt failed): l->pg is NULL already. Never inside start. */
    void (*lost)(struct db_link *l, const struct tg_err *err);
    void (*closed)(struct db_link *l);
};

struct db_link {
    struct tg_loop *loop;
    const struct db_link_ops *ops;
    const char *conninfo, *options, *name; /* borrowed */
    PGconn *pg;
    uv_poll_t *poll;          /* of the socket as it is now */
    struct tg_deadline timer; /* connect limit, or pause before the next attempt */
    uint64_t backoff_ms;
    int fd, polls_open;
    bool ready, closing, timer_open;
};

void db_link_init(struct db_link *l, struct tg_loop *loop, const struct db_link_ops *ops);
void db_link_start(struct db_link *l); /* connects soon */
int db_link_flush(struct db_link *l,
                  struct tg_err *err) TG_MUST_CHECK;            /* after something was sent */
void db_link_fail(struct db_link *l, const struct tg_err *err); /* drop, tell, try again later */
void db_link_close(struct db_link *l); /* for good; no lost, then closed, later */
int db_link_error(struct db_link *l, const char *what,
                  struct tg_err *err); /* libpq's words; TG_E_DB */
