/* plan: what is due, drafted or only said. */
#include "call.h"
#include "planner/planner.h"

static void on_planned(const struct planner_result *result, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    planner_print_json(&call->jw, result);
    tg_jw_end(&call->jw);
    api_send(call);
}

static int read_request(struct api_call *call, struct planner_request *r, struct tg_err *err)
{
    TG_AUTO(json) json_t *body = NULL;
    TG_TRY(api_body(call, &body, err));
    TG_TRY(tg_json_only(body, err, "as_of", "dry_run"));
    TG_TRY(tg_json_opt_time(body, "as_of", &r->as_of, err));
    TG_TRY(tg_json_opt_bool(body, "dry_run", &r->dry_run, err));
    if (!r->dry_run && call->api->rooms.disk_full(call->api->rooms.data))
        return TG_FAIL(err, TG_E_DISK_FULL,
                       "the disk of the service is nearly full: drafting is stopped; make room and "
                       "try again");
    if (!r->dry_run && !access_may(&call->actor, ACCESS_PLAN_RUN, NULL))
        return TG_FAIL(err, TG_E_DENIED, "%s may only look (dry_run)",
                       access_role_word(call->actor.role));
    return 0;
}

static void plan(struct api_call *call)
{
    struct tg_err err = {0};
    struct planner_request request = {.as_of = call->now, .now = call->now, .actor = call->who};
    if (read_request(call, &request, &err) < 0)
        api_problem(call, &err, NULL);
    else
        planner_run(call->api->rooms.planner, &request, on_planned, call);
}

const struct api_route routes_plan[] = {
    {"POST", "plan", ACCESS_PLAN_DRY, 4096, plan},
    {NULL, NULL, 0, 0, NULL},
};
