/* agents: tokens, arrivals, bans. */
#include "approval/approval.h"
#include "call.h"
#include "fleet/fleet.h"

static void on_token(const char *token, bool group, int64_t expires, const struct tg_err *err,
                     void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    tg_jw_kstr(&call->jw, "token", token);
    tg_jw_kstr(&call->jw, "kind", group ? "group" : "single");
    tg_jw_ktime(&call->jw, "expires", expires);
    tg_jw_end(&call->jw);
    api_send(call);
}

static int read_token(const json_t *body, struct fleet_token_spec *spec, struct tg_err *err)
{
    bool group = false;
    int64_t hours = 0;
    TG_TRY(tg_json_only(body, err, "workstation", "group", "uses", "hosts", "hours"));
    TG_TRY(tg_json_opt_bool(body, "group", &group, err));
    TG_TRY(tg_json_opt_str(body, "workstation", 63, &spec->workstation, err));
    if (group == (spec->workstation != NULL))
        return TG_FAIL(err, TG_E_INPUT, "either workstation or group is expected");
    if (!group) return 0;
    spec->hosts = "*";
    TG_TRY(tg_json_opt_str(body, "hosts", 63, &spec->hosts, err));
    TG_TRY(tg_json_opt_int(body, "uses", 1, 100000, &spec->uses, err));
    TG_TRY(tg_json_opt_int(body, "hours", 1, 720, &hours, err));
    spec->lifetime_s = hours * 3600;
    return 0;
}

static void token(struct api_call *call)
{
    TG_AUTO(json) json_t *body = NULL;
    struct tg_err err = {0};
    struct fleet_token_spec spec = {.actor = call->who, .now = call->now};
    spec.realm = approval_realm(call->api->rooms.approval);
    if (!spec.realm[0]) {
        (void)TG_FAIL(&err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
        api_problem(call, &err, NULL);
    } else if (api_body(call, &body, &err) < 0 || read_token(body, &spec, &err) < 0) {
        api_problem(call, &err, NULL);
    } else {
        fleet_token(call->api->rooms.fleet, &spec, on_token, call);
    }
}

static void on_list(const struct fleet_row *rows, size_t count, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_list_begin(call);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(&call->jw);
        fleet_print_json(&call->jw, &rows[i]);
        tg_jw_end(&call->jw);
    }
    api_list_send(call, next);
}

static void list(struct api_call *call)
{
    int64_t after = 0, limit = 0, pending = 0;
    struct tg_err err = {0};
    if (api_page(call, &after, &limit, &err) < 0 ||
        api_number(call, "pending", 1, 0, &pending, &err) < 0) {
        api_problem(call, &err, NULL);
        return;
    }
    fleet_list(call->api->rooms.fleet, pending == 1, after, limit, on_list, call);
}

static void on_changed(const struct fleet_agent *agent, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    tg_jw_kstr(&call->jw, "agent", agent->agent);
    tg_jw_kstr(&call->jw, "host", agent->host);
    tg_jw_kstr(&call->jw, "status", fleet_state_word(agent->state));
    tg_jw_end(&call->jw);
    api_send(call);
}

static void accept_agent(struct api_call *call)
{
    fleet_accept(call->api->rooms.fleet, call->params[0], call->who, call->now, on_changed, call);
}

static void ban(struct api_call *call)
{
    fleet_ban(call->api->rooms.fleet, call->params[0], call->who, call->now, on_changed, call);
}

enum { SMALL = 4096 };

const struct api_route routes_agents[] = {
    {"POST", "agents/tokens", ACCESS_AGENTS_TOKEN, SMALL, token},
    {"GET", "agents", ACCESS_AGENTS_READ, 0, list},
    {"POST", "agents/{}/accept", ACCESS_AGENTS_ACCEPT, SMALL, accept_agent},
    {"POST", "agents/{}/ban", ACCESS_AGENTS_BAN, SMALL, ban},
    {NULL, NULL, 0, 0, NULL},
};
