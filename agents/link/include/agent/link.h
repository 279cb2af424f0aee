/* link: the one connection to the server: hello, newest trust, half-life renewal, the event stream,
 * reports from the spool. Reconnects for ever, with full jitter; never judges an event, never runs
 * a job. The server is known by its key alone, which the trust document names, at every connection.
 *
 *   off -> hello -> (renew) -> trust -> live -> wait -> hello ...
 *              \______\__________\________________^       fetch: the pins do not fit any more
 *
 * Thread: the loop's; handlers come from the loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/identity.h"
#include "agent/spool.h"
#include "agent/trust.h"
#include "loop/loop.h"
#include "wire/wire.h"

struct agent_link;

struct agent_link_opts {
    struct tg_loop *loop;
    const char *dir, *server;
    struct agent_identity *identity; /* borrowed; renewed in place */
    struct agent_trust *trust;       /* borrowed; fed by trust messages */
    struct agent_spool *spool;       /* borrowed; emptied in order */
    /* An event other than trust and reconnect, in order; negative: it could not be stored, and it
     * comes again after a reconnect. m lives during the call. */
    int (*on_event)(const struct tg_wire_message *m, void *data, struct tg_err *err);
    void (*on_live)(void *data); /* the event stream opened */
    void *data;
};

int agent_link_new(const struct agent_link_opts *opts, struct agent_link **ret,
                   struct tg_err *err) TG_MUST_CHECK;
void agent_link_start(struct agent_link *l);
/* Something was spooled: send it soon. */
void agent_link_poke(struct agent_link *l);
/* The server may forget this event. Kept in memory: what is lost comes again and is answered again.
 */
void agent_link_ack(struct agent_link *l, int64_t id);
/* Once a day or so: reconnects when the identity wants renewal. */
void agent_link_tick(struct agent_link *l);
/* Cancels everything, frees, then calls done (may be NULL). */
void agent_link_close(struct agent_link *l, void (*done)(void *data), void *data);

bool agent_link_live(const struct agent_link *l);
const char *agent_link_why(const struct agent_link *l); /* the last failure, or "" */
int64_t agent_link_since(const struct agent_link *l);   /* wall time of the last change, 0: never */
