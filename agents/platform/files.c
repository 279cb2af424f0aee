/* Files in folders that a hostile user may change at any moment. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/platform.h"
#include "base/str.h"

static int fail_errno(const char *path, const char *what, struct tg_err *err)
{
    int saved = errno;
    return TG_FAIL(err, tg_code_from_errno(saved), "%s: %s: %s", path, what, strerror(saved));
}

static int open_safely(const char *path, struct tg_err *err)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd < 0) return fail_errno(path, "open", err);
    return (int)fd;
}

static int check_file(int fd, const char *path, bool one_link, struct tg_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return fail_errno(path, "stat", err);
    if (!S_ISREG(st.st_mode)) return TG_FAIL(err, TG_E_DENIED, "%s: not a regular file", path);
    if (one_link && st.st_nlink != 1)
        return TG_FAIL(err, TG_E_DENIED, "%s: has %lu hard links; a renewal would split them", path,
                       (unsigned long)st.st_nlink);
    if (st.st_uid != geteuid())
        return TG_FAIL(err, TG_E_DENIED, "%s: belongs to another user", path);
    return 0;
}

static int read_file(const char *path, bool one_link, struct tg_buf *ret, struct tg_err *err)
{
    int fd = open_safely(path, err);
    if (fd < 0) return fd;
    int rc = check_file(fd, path, one_link, err);
    while (rc == 0) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = fail_errno(path, "read", err);
        if (n <= 0) break;
        tg_buf_add(ret, chunk, (size_t)n);
        if (ret->failed) rc = TG_FAIL(err, TG_E_LIMIT, "%s: larger than %zu bytes", path, ret->max);
        tg_wipe(chunk, sizeof chunk);
    }
    close(fd);
    return rc;
}

int agent_read_file(const char *path, struct tg_buf *ret, struct tg_err *err)
{
    return read_file(path, true, ret, err);
}

int agent_read_linked(const char *path, struct tg_buf *ret, struct tg_err *err)
{
    return read_file(path, false, ret, err);
}

static int sync_folder_of(const char *path, struct tg_err *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    if (!slash)
        (void)!tg_copy(folder, sizeof folder, ".");
    else if (!tg_copyn(folder, sizeof folder, path, slash == path ? 1 : (size_t)(slash - path)))
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(folder, "open", err);
    int rc = fsync(fd) == 0 ? 0 : fail_errno(folder, "fsync", err);
    close(fd);
    return rc;
}

static int write_all(int fd, const char *path, const char *bytes, size_t len, struct tg_err *err)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(path, "write", err);
        bytes += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0 ? 0 : fail_errno(path, "fsync", err);
}

int agent_write_new(const char *path, const void *bytes, size_t len, struct tg_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return fail_errno(path, "create", err);
    int rc = write_all(fd, path, bytes, len, err);
    if (close(fd) != 0 && rc == 0) rc = fail_errno(path, "close", err);
    if (rc == 0) rc = sync_folder_of(path, err);
    if (rc < 0) unlink(path);
    return rc;
}

int agent_remove(const char *path, struct tg_err *err)
{
    if (unlink(path) != 0) return errno == ENOENT ? 0 : fail_errno(path, "remove", err);
    return sync_folder_of(path, err);
}

int agent_rename(const char *from, const char *to, struct tg_err *err)
{
    if (rename(from, to) != 0) return fail_errno(from, "rename", err);
    return sync_folder_of(to, err);
}
