/* The list of rooms in order: how each starts, and the order in which all stop. */
#include <string.h>

#include "app.h"
#include "base/log.h"
#include "base/str.h"

/* ---- wiring: what one room asks of another comes through these functions, never by an include
 * ---- */

static void port_bundle(void *ctx, const char *number, approval_bytes_fn fn, void *data)
{
    approval_bundle(((struct app *)ctx)->approval, number, fn, data);
}

static const struct tg_trust_chain *port_chain(void *ctx)
{
    return approval_chain(((struct app *)ctx)->approval);
}

static const char *port_issuer(void *ctx, const char *connector)
{
    struct app *app = ctx;
    for (size_t i = 0; i < app->settings.connectors_count; i++)
        if (strcmp(app->settings.connectors[i].name, connector) == 0)
            return ca_issuer_spki(app->connectors[i]);
    return NULL;
}

static const struct policy_set *port_policies(void *ctx)
{
    return planner_policies(((struct app *)ctx)->planner);
}

static void on_recall(const char *statement, struct tg_blob text, struct tg_blob cms, void *data)
{
    issue_recalled(((struct app *)data)->issue, statement, text, cms);
}

/* ---- starting ---- */

static int start_cluster(struct app *app, struct tg_err *err)
{
    if (app->settings.database) return 0;
    struct cluster_config config = {.state = app->settings.state};
    TG_TRY(cluster_start(&config, &app->cluster, err));
    if (cluster_said(app->cluster)[0])
        tg_log(TG_LOG_INFO, "cluster", "place", "said=%s", tg_q(cluster_said(app->cluster)));
    return 0;
}

static int start_db(struct app *app, struct tg_err *err)
{
    struct db_migrated migrated = {0};
    const char *owner =
        app->cluster ? cluster_owner_conninfo(app->cluster) : app->settings.database;
    struct db_config config = {.conninfo = app->cluster ? cluster_conninfo(app->cluster)
                                                        : app->settings.database,
                               .role = "tamga_run"};
    TG_TRY(db_migrate(owner, tg_loop_wall(&app->loop), &migrated, err));
    if (migrated.from != migrated.to)
        tg_log(TG_LOG_INFO, "db", "migrated", "from=%d to=%d", migrated.from, migrated.to);
    TG_TRY(db_open(&app->loop, &config, &app->db, err));
    app_database_start(app);
    return 0;
}

static int start_connector(struct app *app, const struct settings_connector *c,
                           struct ca_connector **ret, struct tg_err *err)
{
    char dir[SETTINGS_PATH];
    snprintf(dir, sizeof dir, "%.4000s/issuer", app->settings.state);
    if (strcmp(c->kind, "exchange") == 0)
        return ca_exchange_new(&app->loop, c->name, c->issuer, ret, err);
    struct ca_embedded_config config = {.name = c->name,
                                        .dir = dir,
                                        .self_exe = "/proc/self/exe",
                                        .organization = app->settings.organization_name};
    return ca_embedded_new(&app->loop, &config, ret, err);
}

static int start_cas(struct app *app, struct tg_err *err)
{
    TG_TRY(ca_identity_open(app->settings.state, tg_loop_wall(&app->loop), &app->identity, err));
    for (size_t i = 0; i < app->settings.connectors_count; i++) {
        TG_TRY(start_connector(app, &app->settings.connectors[i], &app->connectors[i], err));
        const char *spki = ca_issuer_spki(app->connectors[i]);
        if (spki) app->issuers[app->issuers_count++] = spki;
    }
    return 0;
}

static int start_verbs(struct app *app, struct tg_err *err)
{
    struct issue_ports issue_ports = {.ctx = app, .chain = port_chain};
    struct dispatch_ports ports = {.ctx = app,
                                   .bundle = port_bundle,
                                   .chain = port_chain,
                                   .issuer_spki = port_issuer,
                                   .policies = port_policies};
    TG_TRY(
        audit_new(app->db, app->settings.state, app->settings.organization_id, &app->audit, err));
    (void)!tg_copy(app->log_vkey, sizeof app->log_vkey, audit_vkey(app->audit));
    app->fleet = fleet_new(app->db);
    app->approval = approval_new(app->db, app->audit);
    app->planner = planner_new(app->db);
    app->issue =
        issue_new(app->db, &issue_ports, (const struct ca_connector *const *)app->connectors,
                  app->settings.connectors_count);
    app->dispatch = dispatch_new(app->db, &ports);
    approval_on_recall(app->approval, on_recall, app);
    return app_policies_load(app, err);
}

static int start_doors(struct app *app, struct tg_err *err)
{
    struct api_rooms rooms = {.loop = &app->loop,
                              .db = app->db,
                              .fleet = app->fleet,
                              .planner = app->planner,
                              .approval = app->approval,
                              .issue = app->issue,
                              .audit = app->audit,
                              .disk_full = app_disk_full,
                              .data = app};
    struct api_facts facts = {.organization_id = app->settings.organization_id,
                              .organization_name = app->settings.organization_name,
                              .server_spki = app->server_spki,
                              .log_vkey = app->log_vkey,
                              .issuers = app->issuers,
                              .issuers_count = app->issuers_count};
    struct agent_api_rooms agent = {.loop = &app->loop,
                                    .db = app->db,
                                    .fleet = app->fleet,
                                    .dispatch = app->dispatch,
                                    .approval = app->approval,
                                    .identity = app->identity,
                                    .disk_full = app_disk_full,
                                    .data = app};
    app->api = api_new(&rooms, &facts, app->settings.clients, app->settings.clients_count);
    app->agent_api = agent_api_new(&agent);
    return app_doors_open(app, err);
}

static int start_chores(struct app *app, struct tg_err *err)
{
    (void)err;
    app_chores_start(app);
    return 0;
}

/* ---- stopping ---- */

static void hook_done(void *data)
{
    tg_stop_hook_done(data);
}

#define STOP(room)                                                                                 \
    static void stop_##room(struct tg_stop_hook *hook, void *data)                                 \
    {                                                                                              \
        struct app *app = data;                                                                    \
        room##_close(app->room, hook_done, hook);                                                  \
    }
STOP(dispatch)
STOP(issue)
STOP(planner)
STOP(approval)
STOP(fleet)

STOP(audit)

STOP(db)

static void stop_connectors(struct tg_stop_hook *hook, void *data);

static void on_connector_closed(void *data)
{
    struct tg_stop_hook *hook = data;
    stop_connectors(hook, hook->data);
}

static void stop_connectors(struct tg_stop_hook *hook, void *data)
{
    struct app *app = data;
    for (size_t i = 0; i < SETTINGS_CONNECTORS; i++) {
        if (!app->connectors[i]) continue;
        ca_close(TG_TAKE(app->connectors[i]), on_connector_closed, hook);
        return;
    }
    ca_identity_free(app->identity);
    tg_stop_hook_done(hook);
}

/* A room that did not start has nothing to stop. */
static bool was_started(const struct app *app, tg_stop_fn stop)
{
    return stop == app_chores_stop     ? app->plan.fn != NULL
           : stop == app_doors_stop    ? app->server != NULL
           : stop == stop_dispatch     ? app->dispatch != NULL
           : stop == stop_issue        ? app->issue != NULL
           : stop == stop_planner      ? app->planner != NULL
           : stop == stop_approval     ? app->approval != NULL
           : stop == stop_fleet        ? app->fleet != NULL
           : stop == stop_audit        ? app->audit != NULL
           : stop == app_database_stop ? app->keep.fn != NULL
           : stop == stop_db           ? app->db != NULL
                                       : true;
}

static void stop_if_started(struct tg_stop_hook *hook, void *data);

static const struct stop {
    const char *room;
    tg_stop_fn stop;
} stops[] = {
    {"doors", app_doors_stop},
    {"chores", app_chores_stop},
    {"dispatch", stop_dispatch},
    {"issue", stop_issue},
    {"planner", stop_planner},
    {"connectors", stop_connectors},
    {"approval", stop_approval},
    {"fleet", stop_fleet},
    {"audit", stop_audit},
    {"database", app_database_stop},
    {"db", stop_db},
};
static struct tg_stop_hook hooks[TG_COUNT(stops)];

static void stop_if_started(struct tg_stop_hook *hook, void *data)
{
    const struct stop *s = &stops[hook - hooks];
    if (was_started(data, s->stop))
        s->stop(hook, data);
    else
        tg_stop_hook_done(hook);
}

static const struct {
    const char *room;
    int (*start)(struct app *app, struct tg_err *err);
} starts[] = {
    {"state", app_state_open}, {"database", start_cluster}, {"schema", start_db},
    {"CA", start_cas},         {"verbs", start_verbs},      {"doors", start_doors},
    {"chores", start_chores},
};

int app_start(struct app *app, struct tg_err *err)
{
    for (size_t i = 0; i < TG_COUNT(stops); i++)
        tg_loop_on_stop(&app->loop, &hooks[i], stops[i].room, stop_if_started, app);
    for (size_t i = 0; i < TG_COUNT(starts); i++)
        if (starts[i].start(app, err) < 0) return tg_err_wrap(err, "%s", starts[i].room);
    tg_log(TG_LOG_INFO, "app", "ready", "version=%s api=%u agent=%u", TAMGA_VERSION, app->api_port,
           app->agent_port);
    return 0;
}
