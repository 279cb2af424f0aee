/* Owners: who a file belongs to, and becoming that user for good. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/platform.h"
#include "base/str.h"

enum { CHILD_MEMORY = 1 << 30, CHILD_CPU_S = 120, CHILD_FILES = 64 };

void agent_owner_name(uid_t uid, char ret[64])
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found &&
        tg_copy(ret, 64, found->pw_name))
        return;
    snprintf(ret, 64, "%u", (unsigned)uid);
}

int agent_owner_of(const char *path, struct agent_owner *ret, struct tg_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return TG_FAIL(err, errno == ENOENT ? TG_E_NOT_FOUND : TG_E_IO, "%s: %s", path,
                       strerror(errno));
    ret->uid = st.st_uid;
    ret->gid = st.st_gid;
    agent_owner_name(st.st_uid, ret->name);
    return 0;
}

int agent_may_act_for(const struct agent_owner *owner, const char *path, struct tg_err *err)
{
    if (geteuid() == 0 || geteuid() == owner->uid) return 0;
    return TG_FAIL(err, TG_E_DENIED, "%s: belongs to %s; run the agent as root, or as that user",
                   path, owner->name);
}

static int limit(int resource, rlim_t value, struct tg_err *err)
{
    struct rlimit r = {value, value};
    if (setrlimit((__rlimit_resource_t)resource, &r) != 0)
        return TG_FAIL(err, TG_E_IO, "setrlimit %d: %s", resource, strerror(errno));
    return 0;
}

static int set_limits(struct tg_err *err)
{
    tg_secret_no_core();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return TG_FAIL(err, TG_E_IO, "no-new-privs: %s", strerror(errno));
#if !defined(__SANITIZE_ADDRESS__) &&                                                              \
    !defined(__SANITIZE_THREAD__) /* they map terabytes of shadow */
    TG_TRY(limit(RLIMIT_AS, CHILD_MEMORY, err));
#endif
    TG_TRY(limit(RLIMIT_NOFILE, CHILD_FILES, err));
    return limit(RLIMIT_CPU, CHILD_CPU_S, err);
}

int agent_become(const struct agent_owner *owner, struct tg_err *err)
{
    if (geteuid() == 0 && owner->uid != 0) {
        if (setgroups(0, NULL) != 0 || setresgid(owner->gid, owner->gid, owner->gid) != 0 ||
            setresuid(owner->uid, owner->uid, owner->uid) != 0)
            return TG_FAIL(err, TG_E_DENIED, "cannot become %s: %s", owner->name, strerror(errno));
        /* A way back would make all the checks below a home worthless. */
        if (setuid(0) == 0)
            return TG_FAIL(err, TG_E_BUG, "still root after becoming %s", owner->name);
    }
    if (geteuid() != owner->uid)
        return TG_FAIL(err, TG_E_DENIED, "this process cannot act for %s", owner->name);
    return set_limits(err);
}
