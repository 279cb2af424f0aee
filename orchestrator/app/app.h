/* app: the service as a list of rooms in order. Each room has one start and one stop; there is no
 * logic here. */
#pragma once

#include "agent_api/agent_api.h"
#include "api/api.h"
#include "approval/approval.h"
#include "audit/audit.h"
#include "ca/ca.h"
#include "ca/identity.h"
#include "cluster/cluster.h"
#include "db/db.h"
#include "db/migrate.h"
#include "dispatch/dispatch.h"
#include "fleet/fleet.h"
#include "issue/issue.h"
#include "loop/loop.h"
#include "net/server.h"
#include "planner/planner.h"
#include "settings.h"

struct app {
    struct settings settings;
    struct tg_loop loop;
    int lock_fd; /* state/lock: one tamgad per state folder */
    struct cluster *cluster;
    struct db *db;
    struct audit *audit;
    struct ca_identity *identity;
    struct ca_connector *connectors[SETTINGS_CONNECTORS];
    const char *issuers[SETTINGS_CONNECTORS];
    size_t issuers_count;
    char server_spki[TG_HEX256], log_vkey[256];
    struct fleet *fleet;
    struct approval *approval;
    struct planner *planner;
    struct issue *issue;
    struct dispatch *dispatch;
    struct api *api;
    struct agent_api *agent_api;
    struct tg_server *server;
    uint16_t api_port, agent_port;
    struct tg_repeat plan, care, disk; /* drafts; lapses and retries; free space */
    struct tg_repeat keep;             /* the private PostgreSQL */
    struct tg_work keeping;
    struct tg_stop_hook *keep_hook;
    struct tg_err keep_err;
    bool kept_started;
    int care_left;
    struct tg_stop_hook *chores_hook;
    bool disk_full;
    int64_t alarm_at; /* when the log was told last that trust runs out */
};

extern const unsigned char app_default_policy[];
extern const size_t app_default_policy_len;

/* rooms.c: in the order of the list; the stop hooks run in the opposite order. */
int app_start(struct app *app, struct tg_err *err) TG_MUST_CHECK;
/* state.c: the state folder, its lock and its first files. */
int app_state_open(struct app *app, struct tg_err *err) TG_MUST_CHECK;
/* policies.c */
int app_policies_load(struct app *app, struct tg_err *err) TG_MUST_CHECK;
void app_on_hup(int signum, void *data);
/* doors.c: listeners and the hand-over of requests. */
int app_doors_open(struct app *app, struct tg_err *err) TG_MUST_CHECK;
void app_doors_stop(struct tg_stop_hook *hook, void *data);
/* chores.c: what is done every so often. */
void app_chores_start(struct app *app);
void app_chores_stop(struct tg_stop_hook *hook, void *data);
bool app_disk_full(void *app);
/* database.c: what becomes of a lost database. */
void app_database_start(struct app *app);
void app_database_stop(struct tg_stop_hook *hook, void *data);
/* keep.c: tamgad backup, tamgad restore. */
int app_backup(struct app *app, const char *dir, struct tg_err *err) TG_MUST_CHECK;
int app_restore(struct app *app, const char *dir, struct tg_err *err) TG_MUST_CHECK;
