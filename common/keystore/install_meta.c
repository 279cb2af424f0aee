#include "install_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/mem.h"

#define ACL "system.posix_acl_access"

enum { MAX_LIST = 65536, MAX_VALUE = 65536 };

struct attributes {
    char *names; /* NUL-terminated, one after the other */
    size_t len;
};

static int list(int fd, struct attributes *ret)
{
    *ret = (struct attributes){.names = tg_alloc(MAX_LIST)};
    ssize_t n = flistxattr(fd, ret->names, MAX_LIST);
    if (n >= 0) ret->len = (size_t)n;
    return n >= 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
}

static bool has(const struct attributes *a, const char *name)
{
    for (const char *at = a->names; at < a->names + a->len; at += strlen(at) + 1)
        if (strcmp(at, name) == 0) return true;
    return false;
}

/* Measurements of the old content, and labels that only the system may set, are not carried over by
 * force. */
static bool optional(const char *name)
{
    return strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static bool stale(const char *name)
{
    return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

static int copy_one(int from, int to, const char *name, uint8_t *value)
{
    ssize_t n = fgetxattr(from, name, value, MAX_VALUE);
    if (n < 0) return optional(name) ? 0 : errno;
    if (fsetxattr(to, name, value, (size_t)n, 0) < 0) return optional(name) ? 0 : errno;
    return 0;
}

static int copy_attributes(int from, int to)
{
    struct attributes old, fresh;
    int error = list(from, &old);
    int second = list(to, &fresh);
    if (!error) error = second;
    uint8_t *value = tg_alloc(MAX_VALUE);
    for (const char *at = old.names; !error && at < old.names + old.len; at += strlen(at) + 1)
        if (!stale(at)) error = copy_one(from, to, at, value);
    /* A folder's default ACL reached the new file: it is not the old one's. */
    if (!error && has(&fresh, ACL) && !has(&old, ACL) && fremovexattr(to, ACL) < 0) error = errno;
    free(value);
    free(old.names);
    free(fresh.names);
    return error;
}

int tg_meta_copy(const struct tg_place *p, int fd, struct tg_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return tg_place_fail(err, errno, "looking at the temporary file beside it", p->name);
    if ((st.st_uid != p->st.st_uid || st.st_gid != p->st.st_gid) &&
        fchown(fd, p->st.st_uid, p->st.st_gid) < 0)
        return tg_place_fail(err, errno, "keeping its owner", p->name);
    int from = openat(p->dir_fd, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0) return tg_place_fail(err, errno, "opening it", p->name);
    int error = copy_attributes(from, fd);
    (void)close(from);
    if (error) return tg_place_fail(err, error, "keeping its attributes", p->name);
    /* Last: an ACL's mask stands in the group bits. */
    if ((st.st_mode & 07777) != (p->st.st_mode & 07777) && fchmod(fd, p->st.st_mode & 07777) < 0)
        return tg_place_fail(err, errno, "keeping its mode", p->name);
    return 0;
}
