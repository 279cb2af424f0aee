/* certificates: the inventory, imports, explanations. */
#include <string.h>

#include "base/limits.h"
#include "base/times.h"
#include "call.h"
#include "inventory/inventory.h"
#include "planner/planner.h"
#include "wire/wire.h"

static void on_taken(const struct inventory_taken *taken, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_kint(w, "keystores", taken->keystores);
    tg_jw_kint(w, "certificates", taken->certificates);
    tg_jw_kint(w, "new", taken->fresh);
    tg_jw_kint(w, "linked", taken->linked);
    tg_jw_kint(w, "unlinked", taken->unlinked);
    tg_jw_kint(w, "refused", taken->refused);
    tg_jw_end(w);
    api_send(call);
}

static void import(struct api_call *call)
{
    size_t len = 0;
    const uint8_t *body = tg_request_body(call->req, &len);
    struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    struct inventory_source source = {.host = INVENTORY_IMPORT_HOST,
                                      .actor = call->who,
                                      .now = call->now};
    if (call->api->rooms.disk_full(call->api->rooms.data))
        (void)TG_FAIL(&err, TG_E_DISK_FULL,
                      "the disk of the service is nearly full: imports are stopped; make room and "
                      "try again");
    else if (tg_wire_parse(body, len, &m, &err) == 0 && m->type != TG_WIRE_INVENTORY)
        (void)TG_FAIL(&err, TG_E_INPUT, "a message of type inventory is expected");
    if (err.code < 0) {
        tg_wire_free(m);
        api_problem(call, &err, NULL);
        return;
    }
    inventory_take(call->api->rooms.db, &source, m, on_taken, call);
}

static void on_list(const struct inventory_certificate *rows, size_t count, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_list_begin(call);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(&call->jw);
        inventory_print_json(&call->jw, &rows[i]);
        tg_jw_end(&call->jw);
    }
    api_list_send(call, next);
}

static void list(struct api_call *call)
{
    struct inventory_filter filter = {.now = call->now};
    struct tg_err err = {0};
    int64_t days = 0, unlinked = 0;
    if (api_page(call, &filter.after, &filter.limit, &err) < 0 ||
        api_number(call, "expiring_days", 100000, 0, &days, &err) < 0 ||
        api_number(call, "unlinked", 1, 0, &unlinked, &err) < 0) {
        api_problem(call, &err, NULL);
        return;
    }
    filter.unlinked = unlinked == 1;
    if (days > 0) filter.expiring_before = call->now + days * TG_DAY;
    inventory_list(call->api->rooms.db, &filter, on_list, call);
}

static void on_show(const struct inventory_detail *detail, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    inventory_print_detail(&call->jw, detail);
    tg_jw_end(&call->jw);
    api_send(call);
}

static void show(struct api_call *call)
{
    inventory_show(call->api->rooms.db, call->params[0], on_show, call);
}

static void on_explained(const struct planner_explanation *e, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    planner_print_explanation(&call->jw, e);
    tg_jw_end(&call->jw);
    api_send(call);
}

static void explain(struct api_call *call)
{
    struct tg_err err = {0};
    int64_t as_of = 0;
    if (api_time(call, "as_of", call->now, &as_of, &err) < 0) {
        api_problem(call, &err, NULL);
        return;
    }
    planner_explain(call->api->rooms.planner, call->params[0], as_of, on_explained, call);
}

const struct api_route routes_certificates[] = {
    {"POST", "certificates", ACCESS_CERTIFICATES_IMPORT, TG_MAX_MESSAGE, import},
    {"GET", "certificates", ACCESS_CERTIFICATES_READ, 0, list},
    {"GET", "certificates/{}", ACCESS_CERTIFICATES_READ, 0, show},
    {"GET", "certificates/{}/explain", ACCESS_CERTIFICATES_EXPLAIN, 0, explain},
    {NULL, NULL, 0, 0, NULL},
};
