/* agent_api: the agents' door: /agent/v1 over mutual TLS. The key that a client shows decides what
 * it reaches: an unknown one only `trust` and `enroll`, a pending one also its own status, an
 * active one its reports and one event stream, a banned one nothing. Hands messages to fleet,
 * inventory and dispatch; no rules. Thread: the loop's. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "loop/loop.h"
#include "net/server.h"

struct db;
struct fleet;
struct dispatch;
struct approval;
struct ca_identity;
struct agent_api;

struct agent_api_rooms {
    struct tg_loop *loop;
    struct db *db;
    struct fleet *fleet;
    struct dispatch *dispatch;
    struct approval *approval;
    struct ca_identity *identity;
    bool (*disk_full)(void *data);
    void *data;
};

struct agent_api *agent_api_new(const struct agent_api_rooms *rooms);
/* Tells every connected agent when to come back, ends the streams. Before tg_server_stop(). */
void agent_api_stop(struct agent_api *api);
void agent_api_free(struct agent_api *api); /* after the server is gone; NULL ok */
void agent_api_on_request(struct agent_api *api, struct tg_request *req); /* paths below /agent/ */
size_t agent_api_limit_for(const struct agent_api *api, const struct tg_request *req);
