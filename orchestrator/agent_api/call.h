/* call: one agent request on its way, and the doors' own state. */
#pragma once

#include "agent_api/agent_api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "fleet/fleet.h"
#include "wire/wire.h"

enum { SESSION_BUCKETS = 4096 };

/* One open event stream. A newer one of the same agent replaces it. */
struct session {
    struct tg_list node;
    struct agent_api *api;
    struct tg_stream *stream;
    int64_t agent_id, last; /* last: highest id written */
    bool anew;              /* an answer was lost: ask from the start */
    bool pulling, again;    /* a question to dispatch is on; ask once more when it is answered */
    bool dead;              /* the stream ended while pulling: freed by the answer */
};

struct agent_api {
    struct agent_api_rooms rooms;
    struct tg_list sessions[SESSION_BUCKETS];
    bool stopping;
};

struct agent_call {
    struct agent_api *api;
    struct tg_request *req;
    int64_t agent_id; /* 0 = unknown key */
    char agent[FLEET_AGENT], host[FLEET_HOST];
    enum fleet_state state; /* 0 = unknown key */
    bool over;              /* its identity certificate has run out */
    int64_t now;
    int64_t id;                      /* of the message: repeated in the answer */
    struct tg_wire_message *message; /* until somebody takes it */
    void *data;                      /* the route's own, freed with the call */
};

/* Exactly one of these ends a call and frees it. */
void agent_answer(struct agent_call *call, enum tg_wire_type type, const void *body);
void agent_refuse(struct agent_call *call, const struct tg_err *err);

/* Routes. */
void agent_route_trust(struct agent_call *call);
void agent_route_enroll(struct agent_call *call);
void agent_route_renew(struct agent_call *call);
void agent_route_hello(struct agent_call *call);
void agent_route_inventory(struct agent_call *call);
void agent_route_report(struct agent_call *call); /* prepared, installed, failed */
void agent_route_ack(struct agent_call *call);
void agent_route_events(struct agent_call *call);

void sessions_init(struct agent_api *api);
void sessions_end(struct agent_api *api);                   /* all, with a reconnect message each */
void session_drop(struct agent_api *api, int64_t agent_id); /* a banned agent */
