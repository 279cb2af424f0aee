/* From a request to a route: whose key, what may it reach. */
#include "agent_api/agent_api.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "call.h"
#include "dispatch/dispatch.h"
#include "json/json.h"

/* Who may come: anybody with a key, an agent that is known (also while it waits), an active agent.
 */
enum reach { ANYBODY, KNOWN, ACTIVE };

static const struct route {
    const char *method, *word;
    enum reach reach;
    int type; /* of the message that it takes; -1: none */
    void (*run)(struct agent_call *call);
} routes[] = {
    {"GET", "trust", ANYBODY, -1, agent_route_trust},
    {"POST", "enroll", ANYBODY, TG_WIRE_ENROLL, agent_route_enroll},
    {"POST", "renew", KNOWN, TG_WIRE_RENEW, agent_route_renew},
    {"POST", "hello", KNOWN, TG_WIRE_HELLO, agent_route_hello},
    {"POST", "inventory", ACTIVE, TG_WIRE_INVENTORY, agent_route_inventory},
    {"POST", "prepared", ACTIVE, TG_WIRE_PREPARED, agent_route_report},
    {"POST", "installed", ACTIVE, TG_WIRE_INSTALLED, agent_route_report},
    {"POST", "failed", ACTIVE, TG_WIRE_FAILED, agent_route_report},
    {"POST", "ack", ACTIVE, TG_WIRE_ACK, agent_route_ack},
    {"GET", "events", ACTIVE, -1, agent_route_events},
};

static const char prefix[] = "/agent/v1/";

static const struct route *find(const struct tg_request *req)
{
    const char *path = tg_request_path(req);
    if (!tg_starts(path, prefix)) return NULL;
    for (size_t i = 0; i < TG_COUNT(routes); i++)
        if (strcmp(routes[i].word, path + sizeof prefix - 1) == 0 &&
            strcmp(routes[i].method, tg_request_method(req)) == 0)
            return &routes[i];
    return NULL;
}

size_t agent_api_limit_for(const struct agent_api *api, const struct tg_request *req)
{
    enum { FEW = 256 * 1024 };
    const struct route *route = find(req);
    if (!route || route->type < 0) return 0;
    if (route->type != TG_WIRE_INVENTORY) return FEW;
    /* Memory for much only to who may send much: anybody has some key. */
    const uint8_t *spki = tg_conn_peer_spki(tg_request_conn(req));
    const struct fleet_agent *agent = spki ? fleet_by_spki(api->rooms.fleet, spki) : NULL;
    return agent && agent->state == FLEET_ACTIVE ? TG_MAX_MESSAGE : FEW;
}

static void end(struct agent_call *call)
{
    tg_wire_free(call->message);
    free(call->data);
    free(call);
}

void agent_answer(struct agent_call *call, enum tg_wire_type type, const void *body)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF((size_t)TG_MAX_MESSAGE);
    tg_wire_print(type, call->id, body, &text);
    tg_respond(call->req, 200, "application/json", text.data, text.len);
    end(call);
}

static int status_of(int code)
{
    switch (tg_code_next(code)) {
    case TG_NEXT_RETRY:
        return 503;
    case TG_NEXT_ASK:
        return 409;
    case TG_NEXT_REFUSE:
        return code == TG_E_DENIED ? 403 : 422;
    case TG_NEXT_BUG:
        return 500;
    }
    return 500;
}

void agent_refuse(struct agent_call *call, const struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(8192);
    struct tg_jw w;
    int status = status_of(err->code);
    if (status == 500) tg_log_err(TG_LOG_ERROR, "agent-api", "bug", err);
    tg_jw_init(&w, &text);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "title", tg_code_sentence(err->code));
    tg_jw_kint(&w, "status", status);
    tg_jw_kstr(&w, "detail",
               status == 500 ? "an error of tamga itself; its log has it" : err->text);
    tg_jw_kstr(&w, "code", tg_code_word(err->code));
    tg_jw_kstr(&w, "next", tg_next_word(tg_code_next(err->code)));
    tg_jw_end(&w);
    if (status == 503) tg_respond_header(call->req, "retry-after", "5");
    tg_respond(call->req, status, "application/problem+json", text.data, text.len);
    end(call);
}

static void identify(struct agent_call *call)
{
    const uint8_t *spki = tg_conn_peer_spki(tg_request_conn(call->req));
    const struct fleet_agent *agent = spki ? fleet_by_spki(call->api->rooms.fleet, spki) : NULL;
    if (!agent) return;
    call->agent_id = agent->id;
    call->state = agent->state;
    call->over = fleet_identity_over(agent, call->now);
    (void)!tg_copy(call->agent, sizeof call->agent, agent->agent);
    (void)!tg_copy(call->host, sizeof call->host, agent->host);
}

/* Why a key is kept out is told only to its holder: the TLS handshake proved the key. */
static int may(const struct agent_call *call, enum reach reach, struct tg_err *err)
{
    if (!fleet_ready(call->api->rooms.fleet))
        return TG_FAIL(err, TG_E_BUSY,
                       "the service is starting or its database is away; come back soon");
    if (call->state == FLEET_BANNED)
        return TG_FAIL(err, TG_E_DENIED, "this agent is banned; ask the administrator");
    if (call->state == FLEET_REPLACED && reach != ANYBODY)
        return TG_FAIL(err, TG_E_DENIED,
                       "this workstation enrolled again with another key; enrol anew");
    if (reach == ANYBODY) return 0;
    if (!call->agent_id)
        return TG_FAIL(err, TG_E_DENIED, "this key is not enrolled: tamga-agent enroll");
    if (call->over) /* denied, not expired: what it has to report must not be thrown away */
        return TG_FAIL(err, TG_E_DENIED,
                       "this agent's certificate has run out; enrol again with a new token");
    if (call->state == FLEET_ACTIVE) return 0;
    if (reach == KNOWN) return 0;
    return TG_FAIL(err, TG_E_EARLY, "this agent waits for an administrator: tamga agents accept %s",
                   call->agent);
}

static int read_message(struct agent_call *call, const struct route *route, struct tg_err *err)
{
    size_t len = 0;
    const uint8_t *body = tg_request_body(call->req, &len);
    if (route->type < 0) return 0;
    TG_TRY(tg_wire_parse(body, len, &call->message, err));
    call->id = call->message->id;
    if ((int)call->message->type == route->type) return 0;
    return TG_FAIL(err, TG_E_INPUT, "a message of type %s is expected here",
                   tg_wire_word((enum tg_wire_type)route->type));
}

void agent_api_on_request(struct agent_api *api, struct tg_request *req)
{
    struct agent_call *call = TG_NEW(struct agent_call);
    const struct route *route = find(req);
    struct tg_err err = {0};
    call->api = api;
    call->req = req;
    call->now = tg_loop_wall(api->rooms.loop);
    identify(call);
    int rc =
        route ? may(call, route->reach, &err) : TG_FAIL(&err, TG_E_NOT_FOUND, "no such resource");
    if (rc == 0) rc = read_message(call, route, &err);
    if (rc < 0) {
        agent_refuse(call, &err);
        return;
    }
    if (call->agent_id) fleet_beat(api->rooms.fleet, call->agent_id, NULL, call->now);
    route->run(call);
}

static void on_agent_changed(const struct fleet_agent *agent, void *data)
{
    if (agent->state != FLEET_ACTIVE) session_drop(data, agent->id);
}

struct agent_api *agent_api_new(const struct agent_api_rooms *rooms)
{
    struct agent_api *api = TG_NEW(struct agent_api);
    api->rooms = *rooms;
    sessions_init(api);
    fleet_on_changed(rooms->fleet, on_agent_changed, api);
    return api;
}

void agent_api_stop(struct agent_api *api)
{
    api->stopping = true;
    sessions_end(api);
}

void agent_api_free(struct agent_api *api)
{
    free(api);
}
