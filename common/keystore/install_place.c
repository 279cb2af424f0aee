#include "install_place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "install_meta.h"

enum { MAX_LINKS = 8 };

int tg_place_fail(struct tg_err *err, int error, const char *act, const char *name)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return TG_FAIL(err, TG_E_DISK_FULL, "%s: %s: the disk is full; the old file stays", name,
                       act);
    case ENOENT:
        return TG_FAIL(err, TG_E_NOT_FOUND, "%s: %s: there is no such file", name, act);
    case EROFS:
    case EACCES:
    case EPERM:
        return TG_FAIL(err, TG_E_DENIED, "%s: %s: %s; give its owner write access to the folder",
                       name, act, strerror(error));
    case EBUSY:
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "%s: %s: the file is a mount point of its own; mount its folder", name, act);
    default:
        return TG_FAIL(err, TG_E_IO, "%s: %s: %s", name, act, strerror(error));
    }
}

void tg_place_wipe(struct tg_buf *buf)
{
    if (buf->data) tg_wipe(buf->data, buf->cap);
    tg_buf_done(buf);
}

void tg_place_temp_name(const struct tg_place *p, const char *what, char ret[PLACE_NAME])
{
    uint8_t random[8];
    char hex[17];
    tg_random(random, sizeof random);
    tg_hex(random, sizeof random, hex);
    (void)snprintf(ret, PLACE_NAME, ".tamga-%s.%s.%s", what, p->tag, hex);
}

/* A folder relative to dir_fd; below a given folder no magic link (/proc/self/fd) is followed. */
static int open_dir(int dir_fd, const char *path)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    if (dir_fd < 0) return open(path, flags);
    struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
}

/* Splits path into folder and name and opens the folder. */
static int enter(struct tg_place *p, int dir_fd, const char *path, struct tg_err *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return TG_FAIL(err, TG_E_INPUT, "%s: not the name of a file", path);
    if (slash && len == 0) len = 1;
    if (len >= sizeof folder || !tg_copy(p->name, sizeof p->name, name))
        return TG_FAIL(err, TG_E_LIMIT, "%s: the path is too long", path);
    (void)tg_copyn(folder, sizeof folder, len ? path : ".", len ? len : 1);
    int fd = open_dir(dir_fd, folder);
    if (fd < 0) return tg_place_fail(err, errno, "opening its folder", path);
    if (p->dir_fd >= 0) (void)close(p->dir_fd);
    p->dir_fd = fd;
    return 0;
}

static void set_tag(struct tg_place *p)
{
    char hex[TG_HEX256];
    tg_sha256_hex(p->name, strlen(p->name), hex);
    (void)tg_copyn(p->tag, sizeof p->tag, hex, 16);
}

int tg_place_find(struct tg_place *p, int dir_fd, const char *path, struct tg_err *err)
{
    char target[4096];
    uid_t link_owner = 0;
    bool linked = false;
    TG_TRY(enter(p, dir_fd, path, err));
    for (int hops = 0;; hops++) {
        if (fstatat(p->dir_fd, p->name, &p->st, AT_SYMLINK_NOFOLLOW) < 0)
            return tg_place_fail(err, errno, "looking at it", path);
        if (linked && p->st.st_uid != link_owner)
            return TG_FAIL(err, TG_E_DENIED,
                           "%s: a symlink to another owner's file is not followed", path);
        if (!S_ISLNK(p->st.st_mode)) break;
        if (hops == MAX_LINKS) return TG_FAIL(err, TG_E_LIMIT, "%s: too many symlinks", path);
        linked = true;
        link_owner = p->st.st_uid;
        ssize_t n = readlinkat(p->dir_fd, p->name, target, sizeof target - 1);
        if (n < 0 || n == (ssize_t)sizeof target - 1)
            return tg_place_fail(err, n < 0 ? errno : ENAMETOOLONG, "following it", path);
        target[n] = 0;
        TG_TRY(enter(p, p->dir_fd, target, err));
    }
    if (!S_ISREG(p->st.st_mode)) return TG_FAIL(err, TG_E_INPUT, "%s: not a regular file", path);
    if (snprintf(p->keeps, sizeof p->keeps, "%s.tamga-old", p->name) >= (int)sizeof p->keeps)
        return TG_FAIL(err, TG_E_LIMIT, "%s: the name is too long for a backup beside it", path);
    set_tag(p);
    return 0;
}

static int read_all(int fd, struct tg_buf *ret)
{
    for (;;) {
        size_t before = ret->len;
        uint8_t *room = tg_buf_grow(ret, 65536);
        if (!room) return EFBIG;
        ssize_t n = pread(fd, room, 65536, (off_t)before);
        ret->len = before + (n > 0 ? (size_t)n : 0);
        ret->data[ret->len] = 0;
        if (n == 0) return 0;
        if (n < 0 && errno != EINTR) return errno;
    }
}

int tg_place_read(const struct tg_place *p, const char *name, struct tg_buf *ret,
                  struct tg_err *err)
{
    int fd = openat(p->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return tg_place_fail(err, errno, "opening it", name);
    int error = read_all(fd, ret);
    (void)close(fd);
    return error ? tg_place_fail(err, error, "reading it", name) : 0;
}

int tg_place_load(struct tg_place *p, struct tg_err *err)
{
    struct stat st;
    int fd = openat(p->dir_fd, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return tg_place_fail(err, errno, "opening it", p->name);
    int rc = 0;
    if (fstat(fd, &st) < 0) {
        rc = tg_place_fail(err, errno, "looking at it", p->name);
    } else if (!S_ISREG(st.st_mode) || st.st_ino != p->st.st_ino || st.st_dev != p->st.st_dev) {
        rc = TG_FAIL(err, TG_E_STALE, "%s: it was exchanged meanwhile; try again", p->name);
    } else if (st.st_nlink > 1) {
        rc = TG_FAIL(err, TG_E_UNSUPPORTED,
                     "%s: it has %lu hard links, which would part; make it one file", p->name,
                     (unsigned long)st.st_nlink);
    }
    p->st = st;
    p->old = TG_BUF(TG_MAX_KEYSTORE + 65536);
    int error = rc == 0 ? read_all(fd, &p->old) : 0;
    (void)close(fd);
    return error ? tg_place_fail(err, error, "reading it", p->name) : rc;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A file under a temporary name with the old one's looks; its descriptor, or a negative code. */
static int write_like_old(struct tg_place *p, char name[PLACE_NAME], const char *what,
                          const void *bytes, size_t len, struct tg_err *err)
{
    tg_place_temp_name(p, what, name);
    int fd = openat(p->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        int error = errno;
        *name = 0;
        return tg_place_fail(err, error, "making a temporary file beside it", p->name);
    }
    int error = write_all(fd, bytes, len);
    int rc = error ? tg_place_fail(err, error, "writing a temporary file beside it", p->name)
                   : tg_meta_copy(p, fd, err);
    if (rc == 0 && fsync(fd) < 0)
        rc = tg_place_fail(err, errno, "writing a temporary file beside it", p->name);
    if (rc == 0) return fd;
    (void)close(fd);
    return rc;
}

int tg_place_write(struct tg_place *p, const void *bytes, size_t len, struct tg_err *err)
{
    int fd = write_like_old(p, p->temp, "new", bytes, len, err);
    if (fd < 0) return fd;
    p->temp_fd = fd;
    return 0;
}

int tg_place_read_temp(struct tg_place *p, struct tg_buf *ret, struct tg_err *err)
{
    int error = read_all(p->temp_fd, ret);
    return error ? tg_place_fail(err, error, "reading the temporary file beside it", p->name) : 0;
}

/* Is name still the file that was read? */
static int check_same(struct tg_place *p, struct tg_err *err)
{
    struct stat st;
    if (fstatat(p->dir_fd, p->backup, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return tg_place_fail(err, errno, "making a backup of it", p->name);
    if (st.st_ino == p->st.st_ino && st.st_dev == p->st.st_dev &&
        st.st_mtim.tv_sec == p->st.st_mtim.tv_sec && st.st_mtim.tv_nsec == p->st.st_mtim.tv_nsec &&
        st.st_size == p->st.st_size)
        return 0;
    return TG_FAIL(err, TG_E_STALE, "%s: it was changed meanwhile; try again", p->name);
}

int tg_place_back_up(struct tg_place *p, struct tg_err *err)
{
    struct stat st;
    if (fstatat(p->dir_fd, p->keeps, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return TG_FAIL(err, TG_E_EXISTS, "%s: a folder stands where the backup goes; remove it",
                       p->keeps);
    tg_place_temp_name(p, "bak", p->backup);
    if (linkat(p->dir_fd, p->name, p->dir_fd, p->backup, 0) == 0) return check_same(p, err);
    int error = errno;
    *p->backup = 0;
    /* FAT and some network file systems know no hard links. */
    if (error != EPERM && error != EOPNOTSUPP && error != ENOSYS && error != EMLINK)
        return tg_place_fail(err, error, "making a backup of it", p->name);
    int fd = write_like_old(p, p->backup, "bak", p->old.data, p->old.len, err);
    if (fd < 0) return fd;
    (void)close(fd);
    return 0;
}

int tg_place_rename(struct tg_place *p, struct tg_err *err)
{
    if (renameat(p->dir_fd, p->temp, p->dir_fd, p->name) < 0)
        return tg_place_fail(err, errno, "putting the new one in its place", p->name);
    *p->temp = 0;
    return 0;
}

int tg_place_sync(const struct tg_place *p, struct tg_err *err)
{
    return fsync(p->dir_fd) < 0 ? tg_place_fail(err, errno, "writing its folder", p->name) : 0;
}

bool tg_place_restore(struct tg_place *p)
{
    if (!*p->backup) return true;
    bool back = renameat(p->dir_fd, p->backup, p->dir_fd, p->name) == 0;
    *p->backup = 0;
    return back && fsync(p->dir_fd) == 0;
}

void tg_place_keep_backup(struct tg_place *p)
{
    /* The new file is in place and proven: a backup that cannot get its name now gets it at the
     * next recovery. */
    if (*p->backup) (void)renameat(p->dir_fd, p->backup, p->dir_fd, p->keeps);
    *p->backup = 0;
}

void tg_place_done(struct tg_place *p)
{
    if (p->temp_fd >= 0) (void)close(p->temp_fd);
    if (*p->temp) (void)unlinkat(p->dir_fd, p->temp, 0);
    if (*p->backup) (void)unlinkat(p->dir_fd, p->backup, 0);
    if (p->dir_fd >= 0) (void)close(p->dir_fd);
    tg_place_wipe(&p->old);
    *p = TG_PLACE;
}
