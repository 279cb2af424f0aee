/* tamgad backup and restore: the database, the keys that the service itself holds, its rules. A
 * backup may be made while the service runs; a restore wants an empty state folder. Keys of people
 * are in neither. */
#include <sys/stat.h>

#include "app.h"
#include "base/log.h"

/* What the state folder holds beside the database. */
static const char *const files[] = {"issuer",          "audit",           "policies",
                                    "identity-ca.key", "identity-ca.crt", "listener.key",
                                    "listener.crt"};

/* The private cluster may run already (adopted) or not (then it is ours to stop). */
static int with_cluster(struct app *app, const char **ret_owner, struct tg_err *err)
{
    struct cluster_config config = {.state = app->settings.state};
    if (app->settings.database) {
        *ret_owner = app->settings.database;
        return 0;
    }
    TG_TRY(cluster_start(&config, &app->cluster, err));
    *ret_owner = cluster_owner_conninfo(app->cluster);
    return 0;
}

static bool service_runs(struct app *app)
{
    struct tg_err busy = {0};
    return app_state_open(app, &busy) == TG_E_BUSY;
}

int app_backup(struct app *app, const char *dir, struct tg_err *err)
{
    const char *owner = NULL;
    struct stat st;
    if (stat(app->settings.state, &st) != 0)
        return TG_FAIL(err, TG_E_NOT_FOUND, "%s: there is no state folder to back up",
                       app->settings.state);
    bool runs = service_runs(app);
    TG_TRY(with_cluster(app, &owner, err));
    struct cluster_backup backup = {.conninfo = owner,
                                    .state = app->settings.state,
                                    .dir = dir,
                                    .files = files,
                                    .files_count = TG_COUNT(files),
                                    .now = tg_clock_wall(tg_clock_system())};
    int rc = cluster_backup(&backup, err);
    if (runs)
        cluster_leave(app->cluster);
    else if (app->cluster)
        cluster_stop(app->cluster);
    app->cluster = NULL;
    if (rc == 0) printf("%s: backup is complete; every file stands in its manifest\n", dir);
    return rc;
}

int app_restore(struct app *app, const char *dir, struct tg_err *err)
{
    const char *owner = NULL;
    struct db_migrated migrated = {0};
    TG_TRY(cluster_backup_check(dir, err));
    if (mkdir(app->settings.state, 0711) != 0 && access(app->settings.state, W_OK) != 0)
        return TG_FAIL(err, TG_E_IO, "%s: the state folder cannot be made", app->settings.state);
    TG_TRY(cluster_restore_files(dir, app->settings.state, err));
    TG_TRY(app_state_open(app, err));
    TG_TRY(with_cluster(app, &owner, err));
    int rc = cluster_restore_database(dir, owner, NULL, err);
    if (rc == 0) rc = db_migrate(owner, tg_clock_wall(tg_clock_system()), &migrated, err);
    if (app->cluster) cluster_stop(app->cluster);
    app->cluster = NULL;
    if (rc == 0)
        printf("%s: restored from %s at schema %d; start tamgad now\n", app->settings.state, dir,
               migrated.to);
    return rc;
}
