/* dispatch: agents get their jobs and answer them. Turns job rows (prepare, install, retire,
 * cancel, scan) into messages of the wire, at most four unacknowledged ones an agent, within the
 * policy's window and never without trust; checks what agents report before it is written. Never
 * holds a connection: the door pulls when there is news. Several tamgad may work on one database.
 * Every `fn` comes once, later, on the loop's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "seal/chain.h"
#include "wire/wire.h"

struct policy_set;
struct dispatch;

typedef void (*dispatch_bytes_fn)(const void *bytes, size_t len, const struct tg_err *err,
                                  void *data);
/* What app hands in. */
struct dispatch_ports {
    void *ctx;
    /* F4 of an issued application. */
    void (*bundle)(void *ctx, const char *number, dispatch_bytes_fn fn, void *data);
    const struct tg_trust_chain *(*chain)(void *ctx); /* NULL: no trust yet */
    /* SPKI of the CA behind a connector, 64 hex; NULL: unknown */
    const char *(*issuer_spki)(void *ctx, const char *connector);
    const struct policy_set *(*policies)(void *ctx); /* for windows; NULL: none */
};
struct dispatch *dispatch_new(struct db *db, const struct dispatch_ports *ports);
void dispatch_close(struct dispatch *d, void (*closed)(void *data), void *data);

/* Jobs may be waiting for this agent; 0: for any. */
typedef void (*dispatch_news_fn)(int64_t agent_id, void *data);
void dispatch_on_news(struct dispatch *d, dispatch_news_fn fn, void *data);

/* Printed messages with LF, ids ascending. */
struct dispatch_line {
    int64_t id;
    const char *text;
    size_t len;
};
typedef void (*dispatch_next_fn)(const struct dispatch_line *lines, size_t count,
                                 const struct tg_err *err, void *data);
enum { DISPATCH_IN_FLIGHT = 4 };
/* The agent's next messages with ids > after (0: it starts anew, unanswered ones come again).
 * count 0: nothing waits now. */
void dispatch_next(struct dispatch *d, int64_t agent_id, int64_t after, int64_t now,
                   dispatch_next_fn fn, void *data);
typedef void (*dispatch_done_fn)(const struct tg_err *err, void *data);
/* The agent has these: cancel and retire jobs end here; others when they are reported. */
void dispatch_ack(struct dispatch *d, int64_t agent_id, const int64_t *ids, size_t n, int64_t now,
                  dispatch_done_fn fn, void *data);

/* result: "done", "again" (the stored answer of an earlier report), "refused", with a text. err:
 * trouble that the agent tries again (503). m (prepared, installed, failed) is taken over. */
typedef void (*dispatch_answer_fn)(const char *result, const char *text, const struct tg_err *err,
                                   void *data);
void dispatch_report(struct dispatch *d, int64_t agent_id, struct tg_wire_message *m, int64_t now,
                     dispatch_answer_fn fn, void *data);
