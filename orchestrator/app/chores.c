/* What is done every so often: drafting, lapses and retries, a look at the free space. */
#include <sys/statvfs.h>

#include "app.h"
#include "application/application.h"
#include "base/log.h"
#include "base/times.h"
#include "seal/chain.h"

enum {
    PLAN_MS =
        60 * 60 * 1000, /* certificates fall due by the day; people plan at once by `tamga plan` */
    CARE_MS = 60 * 1000,
    DISK_MS = 5 * 1000,
    FIRST_MS = 2 * 1000,
    DISK_LOW_PERCENT = 2, /* below it drafting and scanning stop ... */
    DISK_OK_PERCENT = 4,  /* ... until there is this much again */
};
static const uint64_t DISK_LOW_BYTES = UINT64_C(64) << 20, DISK_OK_BYTES = UINT64_C(96) << 20;

bool app_disk_full(void *app)
{
    return ((struct app *)app)->disk_full;
}

static void on_planned(const struct planner_result *result, const struct tg_err *err, void *data)
{
    struct app *app = data;
    if (err && err->code != TG_E_DB) tg_log_err(TG_LOG_WARN, "planner", "plan", err);
    if (result && result->drafted)
        tg_log(TG_LOG_INFO, "planner", "drafted", "count=%lld", (long long)result->drafted);
    tg_repeat_finish(&app->plan);
}

static void plan(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    int64_t now = tg_loop_wall(&app->loop);
    struct planner_request request = {.as_of = now, .now = now, .actor = "planner", .quiet = true};
    if (app->disk_full || !db_is_up(app->db))
        tg_repeat_finish(r);
    else
        planner_run(app->planner, &request, on_planned, app);
}

/* Once a day: when trust runs out, agents install nothing any more, and its roots need time. */
static void look_at_trust(struct app *app, int64_t now)
{
    char text[200];
    const struct tg_trust_chain *chain = approval_chain(app->approval);
    const struct tg_trust *trust = chain ? tg_trust_chain_current(chain) : NULL;
    if (!trust || now < app->alarm_at + TG_DAY || !tg_trust_alarm(trust, now, text, sizeof text))
        return;
    app->alarm_at = now;
    tg_log(TG_LOG_WARN, "app", "trust-alarm", "why=%s", tg_q(text));
}

static void care_done(struct app *app, const struct tg_err *err)
{
    if (err && err->code != TG_E_DB) tg_log_err(TG_LOG_WARN, "application", "care", err);
    if (--app->care_left == 0) tg_repeat_finish(&app->care);
}

static void on_lapsed(int64_t count, const struct tg_err *err, void *data)
{
    if (count > 0) tg_log(TG_LOG_WARN, "application", "lapsed", "count=%lld", (long long)count);
    care_done(data, err);
}

static void on_retried(int64_t count, const struct tg_err *err, void *data)
{
    if (count > 0) tg_log(TG_LOG_INFO, "application", "retried", "count=%lld", (long long)count);
    care_done(data, err);
}

static void care(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    look_at_trust(app, tg_loop_wall(&app->loop));
    if (!db_is_up(app->db)) {
        tg_repeat_finish(r);
        return;
    }
    app->care_left = 2;
    application_lapse(app->db, tg_loop_wall(&app->loop), on_lapsed, app);
    application_retry_due(app->db, tg_loop_wall(&app->loop), on_retried, app);
}

/* statvfs of a local folder answers from memory; the folder is the one whose filling up would hurt.
 */
static void look_at_disk(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    struct statvfs fs;
    if (statvfs(app->settings.state, &fs) == 0 && fs.f_blocks > 0) {
        uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
                 percent = (uint64_t)fs.f_bavail * 100 / fs.f_blocks;
        bool low = percent < DISK_LOW_PERCENT && free_bytes < DISK_LOW_BYTES;
        bool ok = percent >= DISK_OK_PERCENT || free_bytes >= DISK_OK_BYTES;
        if (!app->disk_full && low) {
            app->disk_full = true;
            tg_log(TG_LOG_ERROR, "app", "disk-full",
                   "free_mb=%llu next=\"drafting and scanning are stopped; make room\"",
                   (unsigned long long)(free_bytes >> 20));
        } else if (app->disk_full && ok) {
            app->disk_full = false;
            tg_log(TG_LOG_INFO, "app", "disk-ok", "free_mb=%llu",
                   (unsigned long long)(free_bytes >> 20));
        }
    }
    tg_repeat_finish(r);
}

void app_chores_start(struct app *app)
{
    tg_repeat_init(&app->plan, &app->loop, PLAN_MS, plan, app);
    tg_repeat_init(&app->care, &app->loop, CARE_MS, care, app);
    tg_repeat_init(&app->disk, &app->loop, DISK_MS, look_at_disk, app);
    tg_repeat_start(&app->plan, FIRST_MS);
    tg_repeat_start(&app->care, FIRST_MS);
    tg_repeat_start(&app->disk, 1);
}

static void on_disk_closed(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    (void)r;
    tg_stop_hook_done(app->chores_hook);
}

static void on_care_closed(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    (void)r;
    tg_repeat_close(&app->disk, on_disk_closed);
}

static void on_plan_closed(struct tg_repeat *r, void *data)
{
    struct app *app = data;
    (void)r;
    tg_repeat_close(&app->care, on_care_closed);
}

/* One after the other: a run that is on ends first. */
void app_chores_stop(struct tg_stop_hook *hook, void *data)
{
    struct app *app = data;
    app->chores_hook = hook;
    tg_repeat_close(&app->plan, on_plan_closed);
}
