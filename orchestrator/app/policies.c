/* Rules from disk into the planner: at the start, and again at SIGHUP. A wrong file changes
 * nothing. */
#include "app.h"
#include "base/log.h"
#include "policy/policy.h"

static int load(struct app *app, struct policy_set **ret, struct tg_err *err)
{
    char folder[SETTINGS_PATH];
    const char *names[SETTINGS_CONNECTORS];
    snprintf(folder, sizeof folder, "%.4000s/policies", app->settings.state);
    const char *path = app->settings.policies ? app->settings.policies : folder;
    for (size_t i = 0; i < app->settings.connectors_count; i++)
        names[i] = app->settings.connectors[i].name;
    struct policy_source source = {.paths = &path,
                                   .path_count = 1,
                                   .connectors = names,
                                   .connector_count = app->settings.connectors_count};
    TG_AUTO(buf) struct tg_buf complaints = TG_BUF(256 * 1024);
    int rc = policy_load(&source, ret, &complaints, err);
    if (complaints.len) fputs(tg_buf_text(&complaints), stderr);
    return rc < 0 ? tg_err_wrap(err, "%s", path) : 0;
}

int app_policies_load(struct app *app, struct tg_err *err)
{
    struct policy_set *set = NULL;
    TG_TRY(load(app, &set, err));
    tg_log(TG_LOG_INFO, "app", "policies", "count=%zu set=%.16s", policy_count(set),
           policy_set_hash(set));
    planner_set_policies(app->planner, set);
    return 0;
}

void app_on_hup(int signum, void *data)
{
    struct tg_err err = {0};
    (void)signum;
    if (app_policies_load(data, &err) < 0)
        tg_log_err(TG_LOG_ERROR, "app", "policies-kept-as-they-were", &err);
}
