/* Owners: who a file belongs to, and becoming that user for good. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/platform.h"
#include "base/str.h"

enum { CHILD_MEMORY = 1 << 30, CHILD_CPU_S = 120, CHILD_FILES = 64, WAY = 4096 };

void agent_owner_name(uid_t uid, char ret[64])
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found &&
        tg_copy(ret, 64, found->pw_name))
        return;
    snprintf(ret, 64, "%u", (unsigned)uid);
}

/* Way to a file, one component at a time, nothing opened: whoever owns a symlink on it chooses
 * where it ends, so that must be root or the file's own owner. Else a user could lead the root part
 * to a file of root's by a link in a folder's place, and root would act on it. */
struct way {
    int fd;    /* the folder reached so far, O_PATH */
    int links; /* followed */
    bool linked;
    uid_t link_uid;  /* the only stranger that owns a link */
    bool two_owners; /* there are several */
};

static int step(struct way *w, char *rest, struct stat *st);

/* rest = target + the components that are still to come. */
static int follow(struct way *w, int link_fd, const char *tail, uid_t uid, struct stat *st)
{
    char rest[2 * WAY];
    ssize_t n = readlinkat(link_fd, "", rest, WAY - 1);
    (void)close(link_fd);
    if (n < 0) return errno;
    if (++w->links > 40) return ELOOP;
    rest[n] = '\0';
    if (snprintf(rest + n, sizeof rest - (size_t)n, "/%s", tail) >= (int)(sizeof rest - (size_t)n))
        return ENAMETOOLONG;
    if (uid != 0) {
        w->two_owners = w->two_owners || (w->linked && w->link_uid != uid);
        w->linked = true;
        w->link_uid = uid;
    }
    if (rest[0] == '/') {
        int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0) return errno;
        (void)close(w->fd);
        w->fd = root;
    }
    return step(w, rest, st);
}

/* To the end of rest; the last component is looked at, not followed. */
static int step(struct way *w, char *rest, struct stat *st)
{
    for (;;) {
        rest += strspn(rest, "/");
        size_t len = strcspn(rest, "/");
        char *tail = rest + len + strspn(rest + len, "/");
        if (len == 0) return fstat(w->fd, st) == 0 ? 0 : errno;
        bool last = *tail == '\0';
        rest[len] = '\0';
        int fd = openat(w->fd, rest, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) return errno;
        if (fstat(fd, st) != 0) {
            int error = errno;
            (void)close(fd);
            return error;
        }
        if (S_ISLNK(st->st_mode) && !last) return follow(w, fd, tail, st->st_uid, st);
        (void)close(w->fd);
        w->fd = fd;
        if (last) return 0;
        rest = tail;
    }
}

int agent_owner_of(const char *path, struct agent_owner *ret, struct tg_err *err)
{
    char rest[2 * WAY];
    struct stat st;
    struct way w = {.fd = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!tg_copy(rest, WAY, path)) {
        if (w.fd >= 0) (void)close(w.fd);
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", path);
    }
    int error = w.fd < 0 ? errno : step(&w, rest, &st);
    if (w.fd >= 0) (void)close(w.fd);
    if (error)
        return TG_FAIL(err, error == ENOENT ? TG_E_NOT_FOUND : TG_E_IO, "%s: %s", path,
                       strerror(error));
    if (w.two_owners || (w.linked && w.link_uid != st.st_uid))
        return TG_FAIL(err, TG_E_DENIED,
                       "%s: a symlink on its way belongs to neither root nor the file's owner; "
                       "name "
                       "the path without it",
                       path);
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
        /* Sealed passwords of others hang in root's keyring; whatever runs as the owner (a password
         * command, say, which the owner may trace) must not inherit the way to them. */
        (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
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
