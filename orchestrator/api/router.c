/* From a request to a route: who asks, what for, may he. */
#include <string.h>
#include <unistd.h>

#include "approval/approval.h"
#include "base/str.h"
#include "call.h"

static const struct api_route *const tables[] = {
    routes_status, routes_employees,    routes_certificates, routes_agents,
    routes_plan,   routes_applications, routes_batches,      routes_signatures,
    routes_trust,  routes_exchange,     routes_audit,
};
static const char prefix[] = "/api/v1/";

struct api *api_new(const struct api_rooms *rooms, const struct api_facts *facts,
                    const struct api_client *clients, size_t count)
{
    struct api *api = TG_NEW(struct api);
    api->rooms = *rooms;
    api->facts = *facts;
    api->clients_count = count;
    api->clients = count ? tg_memdup(clients, count * sizeof *clients) : NULL;
    return api;
}

void api_free(struct api *api)
{
    if (!api) return;
    free(api->clients);
    free(api);
}

/* Matches "a/{}/b"; ret[i] gets the text of the i-th {}. */
static bool match(const char *pattern, const char *path, char ret[API_PARAMS][API_PARAM])
{
    int n = 0;
    while (*pattern) {
        if (pattern[0] != '{') {
            if (*pattern++ != *path++) return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0 || n == API_PARAMS || !tg_copyn(ret[n++], API_PARAM, path, len)) return false;
        path += len;
        pattern += 2;
    }
    return *path == '\0';
}

/* known tells whether another method would have fitted. */
static const struct api_route *find(const struct tg_request *req,
                                    char params[API_PARAMS][API_PARAM], bool *known)
{
    const char *path = tg_request_path(req);
    *known = false;
    if (!tg_starts(path, prefix)) return NULL;
    path += sizeof prefix - 1;
    for (size_t t = 0; t < TG_COUNT(tables); t++) {
        for (const struct api_route *r = tables[t]; r->method; r++) {
            if (!match(r->path, path, params)) continue;
            *known = true;
            if (strcmp(r->method, tg_request_method(req)) == 0) return r;
        }
    }
    return NULL;
}

/* The local socket: root and the service's own user administer. */
static bool is_local_administrator(const struct tg_conn *conn, struct api_call *call)
{
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
    if (!tg_conn_unix_peer(conn, &uid, &gid, &pid) || (uid != 0 && uid != geteuid())) return false;
    snprintf(call->who, sizeof call->who, "administrator:uid-%u", (unsigned)uid);
    return true;
}

static void identify(struct api_call *call, const struct tg_conn *conn)
{
    const uint8_t *spki = tg_conn_peer_spki(conn);
    char hex[TG_HEX256];
    call->actor = (struct access_actor){.role = ACCESS_NOBODY, .id = ""};
    (void)!tg_copy(call->who, sizeof call->who, "nobody");
    if (tg_conn_listener(conn) == TG_LISTENER_UNIX) {
        if (is_local_administrator(conn, call)) call->actor.role = ACCESS_ADMINISTRATOR;
        return;
    }
    if (!spki) return;
    tg_hex(spki, TG_SHA256, hex);
    for (size_t i = 0; i < call->api->clients_count; i++)
        if (tg_equal(call->api->clients[i].spki, spki, TG_SHA256))
            call->actor.role = call->api->clients[i].role;
    /* The trust document's approvers sign in by the very key that they sign with. */
    if (approval_is_approver(call->api->rooms.approval, hex, call->now))
        call->actor.role = ACCESS_APPROVER;
    snprintf(call->who, sizeof call->who, "%s:%.16s", access_role_word(call->actor.role), hex);
}

size_t api_limit_for(struct api *api, const struct tg_request *req)
{
    enum { STRANGER = 4096 }; /* enough for a refusal with a reason; 64 MiB are not for anybody */
    struct api_call call = {.api = api, .now = tg_loop_wall(api->rooms.loop)};
    bool known = false;
    const struct api_route *route = find(req, call.params, &known);
    if (!route) return 0;
    identify(&call, tg_request_conn(req));
    bool may = access_may(&call.actor, route->verb, NULL);
    return may || route->body < STRANGER ? route->body : STRANGER;
}

static struct api_call *new_call(struct api *api, struct tg_request *req)
{
    struct api_call *call = TG_NEW(struct api_call);
    call->api = api;
    call->req = req;
    call->now = tg_loop_wall(api->rooms.loop);
    call->out.max = API_ANSWER;
    tg_jw_init(&call->jw, &call->out);
    return call;
}

void api_on_request(struct api *api, struct tg_request *req)
{
    struct api_call *call = new_call(api, req);
    struct tg_err err = {0};
    bool known = false;
    const struct api_route *route = find(req, call->params, &known);
    if (!route) {
        call->params[0][0] = '\0';
        (void)TG_FAIL(&err, known ? TG_E_USAGE : TG_E_NOT_FOUND, "%s %.200s: %s",
                      tg_request_method(req), tg_request_path(req),
                      known ? "this method does not fit here" : "no such resource");
        api_problem(call, &err, NULL);
        return;
    }
    identify(call, tg_request_conn(req));
    if (!access_may(&call->actor, route->verb, NULL)) {
        (void)TG_FAIL(&err, TG_E_DENIED, "%s may not do %s",
                      call->actor.role ? access_role_word(call->actor.role) : "an unknown client",
                      access_verb_word(route->verb));
        api_problem(call, &err, NULL);
        return;
    }
    route->run(call);
}
