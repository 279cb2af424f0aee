/* status: the service at a glance; also what `trust init` must know of it. Works while the database
 * is away. */
#include <stdlib.h>
#include <string.h>

#include "application/application.h"
#include "approval/approval.h"
#include "call.h"
#include "db/db.h"
#include "fleet/fleet.h"
#include "inventory/inventory.h"
#include "seal/chain.h"

static void write_trust(struct tg_jw *w, const struct tg_trust_chain *chain, int64_t now)
{
    char alarm[200];
    const struct tg_trust *t = chain ? tg_trust_chain_current(chain) : NULL;
    tg_jw_key(w, "trust");
    if (!t) {
        tg_jw_null(w);
        return;
    }
    tg_jw_begin_object(w);
    tg_jw_kint(w, "version", t->version);
    tg_jw_ktime(w, "expires", t->expires);
    tg_jw_kstr(w, "alarm", tg_trust_alarm(t, now, alarm, sizeof alarm) ? alarm : NULL);
    tg_jw_end(w);
}

static void write_facts(struct api_call *call)
{
    const struct api *api = call->api;
    struct tg_jw *w = &call->jw;
    tg_jw_kstr(w, "version", TAMGA_VERSION);
    tg_jw_key(w, "organization");
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "id", api->facts.organization_id);
    tg_jw_kstr(w, "name", api->facts.organization_name);
    tg_jw_end(w);
    tg_jw_kstr(w, "realm", approval_realm(api->rooms.approval));
    write_trust(w, approval_chain(api->rooms.approval), call->now);
    tg_jw_kstr(w, "server_spki", api->facts.server_spki);
    tg_jw_key(w, "issuers");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < api->facts.issuers_count; i++)
        tg_jw_str(w, api->facts.issuers[i]);
    tg_jw_end(w);
    tg_jw_kstr(w, "log", api->facts.log_vkey);
    tg_jw_kstr(w, "database", db_is_up(api->rooms.db) ? "up" : "down");
    tg_jw_kstr(w, "disk", api->rooms.disk_full(api->rooms.data) ? "full" : "ok");
    tg_jw_ktime(w, "now", call->now);
    tg_jw_key(w, "agents");
    tg_jw_begin_object(w);
    tg_jw_kint(w, "active", (int64_t)fleet_count(api->rooms.fleet, FLEET_ACTIVE));
    tg_jw_kint(w, "pending", (int64_t)fleet_count(api->rooms.fleet, FLEET_PENDING));
    tg_jw_kint(w, "connected", (int64_t)fleet_connected_count(api->rooms.fleet));
    tg_jw_end(w);
}

static void on_counts(const int64_t counts[APPLICATION_STATE_END], const struct tg_err *err,
                      void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (!err) {
        tg_jw_key(w, "applications");
        tg_jw_begin_object(w);
        for (int s = APPLICATION_DRAFTED; s < APPLICATION_STATE_END; s++)
            tg_jw_kint(w, application_state_word((enum application_state)s), counts[s]);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    api_send(call);
}

static void on_totals(const struct inventory_totals *totals, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (err) { /* the database went away meanwhile: what memory knows is still an answer */
        tg_jw_end(w);
        api_send(call);
        return;
    }
    tg_jw_kint(w, "certificates", totals->certificates);
    tg_jw_kint(w, "holders", totals->holders);
    tg_jw_kint(w, "unlinked", totals->unlinked);
    tg_jw_kint(w, "keystores", totals->keystores);
    application_counts(call->api->rooms.db, on_counts, call);
}

static void status(struct api_call *call)
{
    tg_jw_begin_object(&call->jw);
    write_facts(call);
    if (db_is_up(call->api->rooms.db)) {
        inventory_totals(call->api->rooms.db, on_totals, call);
        return;
    }
    tg_jw_end(&call->jw);
    api_send(call);
}

/* Answered from memory alone: is this process alive and serving? */
static void ping(struct api_call *call)
{
    tg_jw_begin_object(&call->jw);
    tg_jw_kstr(&call->jw, "version", TAMGA_VERSION);
    tg_jw_kstr(&call->jw, "database", db_is_up(call->api->rooms.db) ? "up" : "down");
    tg_jw_end(&call->jw);
    api_send(call);
}

const struct api_route routes_status[] = {
    {"GET", "status", ACCESS_STATUS_READ, 0, status},
    {"GET", "ping", ACCESS_STATUS_READ, 0, ping},
    {NULL, NULL, 0, 0, NULL},
};
