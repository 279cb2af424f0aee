/* inventory, prepared, installed, failed, ack: what agents say. A repeat gets the stored answer. */
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "dispatch/dispatch.h"
#include "inventory/inventory.h"

static void accepted(struct agent_call *call, const char *result, const char *text)
{
    struct tg_wire_accepted body = {.result = (char *)(uintptr_t)result,
                                    .text = (char *)(uintptr_t)text};
    agent_answer(call, TG_WIRE_ACCEPTED, &body);
}

static void on_taken(const struct inventory_taken *taken, const struct tg_err *err, void *data)
{
    struct agent_call *call = data;
    char text[64];
    if (err) {
        agent_refuse(call, err);
        return;
    }
    snprintf(text, sizeof text, "%lld keystores, %lld certificates", (long long)taken->keystores,
             (long long)taken->certificates);
    accepted(call, "done", text);
}

void agent_route_inventory(struct agent_call *call)
{
    char actor[48];
    struct tg_err err = {0};
    if (call->api->rooms.disk_full(call->api->rooms.data)) {
        (void)TG_FAIL(&err, TG_E_DISK_FULL, "the disk of the service is nearly full: scans wait");
        agent_refuse(call, &err);
        return;
    }
    snprintf(actor, sizeof actor, "agent:%s", call->agent);
    struct inventory_source source = {.host = call->host,
                                      .agent_id = call->agent_id,
                                      .job_id = call->id,
                                      .actor = actor,
                                      .now = call->now};
    struct tg_wire_message *m = call->message;
    call->message = NULL;
    inventory_take(call->api->rooms.db, &source, m, on_taken, call);
}

static void on_answer(const char *result, const char *text, const struct tg_err *err, void *data)
{
    struct agent_call *call = data;
    if (err)
        agent_refuse(call, err);
    else
        accepted(call, result, text);
}

void agent_route_report(struct agent_call *call)
{
    struct tg_wire_message *m = call->message;
    call->message = NULL;
    dispatch_report(call->api->rooms.dispatch, call->agent_id, m, call->now, on_answer, call);
}

static void on_acked(const struct tg_err *err, void *data)
{
    struct agent_call *call = data;
    if (err)
        agent_refuse(call, err);
    else
        accepted(call, "done", "");
}

void agent_route_ack(struct agent_call *call)
{
    const struct tg_wire_ack *m = tg_wire_body(call->message, TG_WIRE_ACK);
    const struct tg_wire_int *ids = m->ids.items;
    int64_t *list = tg_calloc(m->ids.count + 1, sizeof *list);
    for (size_t i = 0; i < m->ids.count; i++)
        list[i] = ids[i].value;
    dispatch_ack(call->api->rooms.dispatch, call->agent_id, list, m->ids.count, call->now, on_acked,
                 call);
    free(list);
}
