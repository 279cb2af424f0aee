/* The database went away, and came back: it is said once each way. The private server is started
 * again where it ended without being told to; a given one is other people's to start. */
#include "app.h"
#include "base/log.h"

enum { KEEP_MS = 2000 };

static void on_state(bool up, const struct tg_err *why, void *data)
{
    struct app *app = data;
    if (up) {
        tg_log(TG_LOG_INFO, "db", "up", "private=%s", app->cluster ? "yes" : "no");
        return;
    }
    tg_log_err(TG_LOG_ERROR, "db", "down", why);
    if (app->cluster) tg_repeat_now(&app->keep);
}

static void start_again(void *data)
{
    struct app *app = data;
    app->keep_err = (struct tg_err){0};
    (void)!cluster_keep(app->cluster, &app->kept_started, &app->keep_err);
}

static void on_started(void *data, int status)
{
    struct app *app = data;
    if (status == 0 && app->keep_err.code < 0)
        tg_log_err(TG_LOG_ERROR, "cluster", "restart", &app->keep_err);
    if (status == 0 && app->kept_started)
        tg_log(TG_LOG_WARN, "cluster", "restarted", "pid=%d", cluster_pid(app->cluster));
    tg_repeat_finish(&app->keep);
}

static void keep(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    struct tg_err err = {0};
    if (!app->cluster || db_is_up(app->db))
        tg_repeat_finish(r);
    else if (tg_work_start(&app->keeping, &app->loop, start_again, on_started, app, &err) < 0)
        tg_repeat_finish(r);
}

void app_database_start(struct app *app)
{
    tg_repeat_init(&app->keep, &app->loop, KEEP_MS, keep, app);
    db_on_state(app->db, on_state, app);
    if (app->cluster) tg_repeat_start(&app->keep, KEEP_MS);
}

static void on_closed(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    (void)r;
    tg_stop_hook_done(app->keep_hook);
}

void app_database_stop(struct tg_stop_hook *hook, void *data)
{
    struct app *app = data;
    db_on_state(app->db, NULL, NULL);
    app->keep_hook = hook;
    tg_repeat_close(&app->keep, on_closed);
}
