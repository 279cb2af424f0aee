/* control: DIR/agent.sock, by which people on this machine ask the daemon: status, what waits for
 * them, their confirmation. One request, one answer, one connection: a JSON line, then, where it
 * says "password":true, the password on a line of its own; the answer is one JSON line. Who asks is
 * told by the kernel (SO_PEERCRED), never by the request. Bounded: 16 callers, 10 s to ask. Thread:
 * the loop's (server), any (client, blocks). */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/secret.h"
#include "loop/loop.h"
#include "json/json.h"

enum { AGENT_CONTROL_REQUEST = 512 * 1024, AGENT_CONTROL_CALLERS = 16 };

struct agent_control;
struct agent_control_call; /* a caller who waits for the answer */

struct agent_control_opts {
    struct tg_loop *loop;
    const char *dir;
    /* Answer exactly once, now or later. request and password live during the call. */
    void (*on_request)(struct agent_control_call *call, const json_t *request,
                       const struct tg_secret *password, uid_t uid, void *data);
    void *data;
};

/* A socket that stands at DIR/agent.sock is replaced: the lock on DIR says that nobody uses it. */
int agent_control_open(const struct agent_control_opts *opts, struct agent_control **ret,
                       struct tg_err *err) TG_MUST_CHECK;
/* Callers who wait are cut off; then done (may be NULL). */
void agent_control_close(struct agent_control *c, void (*done)(void *data), void *data);
/* Takes the answer's reference; adds "ok":true. Into the void when the caller went away. */
void agent_control_answer(struct agent_control_call *call, json_t *answer);
void agent_control_refuse(struct agent_control_call *call, const struct tg_err *err);

/* The client. password may be NULL. *ret is yours. TG_E_NETWORK: no agent runs on DIR. */
int agent_control_ask(const char *dir, const json_t *request, const struct tg_secret *password,
                      json_t **ret, struct tg_err *err) TG_MUST_CHECK;
