/* call: one request on its way through a route: who asks, what the path says, how it is answered.
 */
#pragma once

#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "json/json.h"

enum { API_PARAMS = 2, API_PARAM = 160, API_ANSWER = 256 * 1024 * 1024, API_PAGE = 1000 };

struct api {
    struct api_rooms rooms;
    struct api_facts facts;
    struct api_client *clients;
    size_t clients_count;
};

struct api_call {
    struct api *api;
    struct tg_request *req;
    struct access_actor actor;
    char who[96];                       /* "administrator:uid-0": for events and the audit log */
    char params[API_PARAMS][API_PARAM]; /* {x} of the path, decoded */
    int64_t now;
    struct tg_buf out;
    struct tg_jw jw; /* writes into out */
    void *data;      /* the route's own, freed with the call */
};

typedef void (*api_route_fn)(struct api_call *call);
struct api_route {
    const char *method, *path; /* "certificates/{}/explain" below /api/v1/ */
    enum access_verb verb;
    size_t body; /* bytes of a request body */
    api_route_fn run;
};
/* Each routes_<noun>.c has one table; router.c lists the tables. A table ends with a NULL method.
 */
extern const struct api_route routes_status[], routes_employees[], routes_certificates[],
    routes_agents[], routes_plan[], routes_applications[], routes_batches[], routes_signatures[],
    routes_trust[], routes_exchange[], routes_audit[];

/* Exactly one of these ends a call and frees it. */
void api_send(struct api_call *call); /* 200 with what jw wrote */
void api_send_bytes(struct api_call *call, const char *type, const void *bytes, size_t len);
void api_problem(struct api_call *call, const struct tg_err *err,
                 const char *subject); /* subject may be NULL */
/* The same with members "errors":[{"line","text"}]. */
struct api_complaint {
    int64_t line;
    const char *text;
};
void api_problems(struct api_call *call, const struct tg_err *err, const struct api_complaint *list,
                  size_t count);

/* true when err is set: the problem was sent and the call is over. */
bool api_failed(struct api_call *call, const struct tg_err *err);

int api_body(struct api_call *call, json_t **ret,
             struct tg_err *err) TG_MUST_CHECK; /* {} for an empty body */
/* Query parameters; the fallback when absent. */
int api_number(struct api_call *call, const char *name, int64_t max, int64_t fallback, int64_t *ret,
               struct tg_err *err) TG_MUST_CHECK;
int api_time(struct api_call *call, const char *name, int64_t fallback, int64_t *ret,
             struct tg_err *err) TG_MUST_CHECK;
/* after and limit of a list. */
int api_page(struct api_call *call, int64_t *ret_after, int64_t *ret_limit,
             struct tg_err *err) TG_MUST_CHECK;
/* {"items":[ ... ],"next":"N"}: begin, rows, end and send. */
void api_list_begin(struct api_call *call);
void api_list_send(struct api_call *call, int64_t next);
