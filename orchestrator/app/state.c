/* The state folder: made on the first run, locked while a service lives in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "app.h"
#include "base/bytes.h"
#include "base/log.h"

static int make_folder(const char *path, mode_t mode, struct tg_err *err)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST) return 0;
    return TG_FAIL(err, tg_code_from_errno(errno), "%s: the folder cannot be made: %s", path,
                   strerror(errno));
}

static int lock(struct app *app, struct tg_err *err)
{
    char path[SETTINGS_PATH];
    snprintf(path, sizeof path, "%.4000s/lock", app->settings.state);
    app->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (app->lock_fd < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", path, strerror(errno));
    if (flock(app->lock_fd, LOCK_EX | LOCK_NB) == 0) return 0;
    return TG_FAIL(err, TG_E_BUSY,
                   "%s: another tamgad lives in this state folder; stop it first, or give another "
                   "--state",
                   app->settings.state);
}

static bool is_empty(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    if (!dir) return false;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') break;
    closedir(dir);
    return !entry;
}

/* The shipped rules, once; afterwards what stands there is the administrator's. */
static int first_policies(struct app *app, struct tg_err *err)
{
    char folder[SETTINGS_PATH], path[SETTINGS_PATH];
    if (app->settings.policies) return 0;
    snprintf(folder, sizeof folder, "%.4000s/policies", app->settings.state);
    TG_TRY(make_folder(folder, 0755, err));
    if (!is_empty(folder)) return 0;
    snprintf(path, sizeof path, "%.4000s/policies/default.yaml", app->settings.state);
    tg_log(TG_LOG_INFO, "app", "policies-written", "path=%s", tg_q(path));
    return tg_file_replace(path, app_default_policy, app_default_policy_len, 0644, err);
}

int app_state_open(struct app *app, struct tg_err *err)
{
    /* 0711: the private PostgreSQL's own user must reach its folder below; everything else in here
     * is 0700 or 0600. */
    TG_TRY(make_folder(app->settings.state, 0711, err));
    TG_TRY(lock(app, err));
    return first_policies(app, err);
}
