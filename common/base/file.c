#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"

enum { CHUNK = 16 * 1024 };

static int fail_errno(struct tg_err *err, const char *path, const char *verb)
{
    int number = errno;
    return TG_FAIL(err, tg_code_from_errno(number), "%s: cannot %s: %s", path, verb,
                   strerror(number));
}

static int read_all(int fd, const char *path, struct tg_buf *b, struct tg_err *err)
{
    uint8_t chunk[CHUNK];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0) return 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, path, "read");
        tg_buf_add(b, chunk, (size_t)n);
        if (b->failed) return TG_FAIL(err, TG_E_LIMIT, "%s: larger than %zu bytes", path, b->max);
    }
}

int tg_file_read(const char *path, struct tg_buf *b, struct tg_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail_errno(err, path, "open");
    tg_buf_reset(b);
    int rc = read_all(fd, path, b, err);
    close(fd);
    return rc;
}

static int write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int sync_folder(const char *path, struct tg_err *err)
{
    const char *slash = strrchr(path, '/');
    TG_AUTO(mem)
    char *folder =
        !slash ? tg_strdup(".") : tg_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, folder, "open");
    int rc = fsync(fd) == 0 ? 0 : fail_errno(err, folder, "sync");
    close(fd);
    return rc;
}

int tg_file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
                    struct tg_err *err)
{
    TG_AUTO(mem) char *temp = tg_printf("%s.XXXXXX", path);
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) return fail_errno(err, path, "create a file beside it");
    int rc = 0;
    if (fchmod(fd, (mode_t)mode) != 0 || write_all(fd, bytes, len) != 0 || fsync(fd) != 0)
        rc = fail_errno(err, temp, "write");
    if (close(fd) != 0 && rc == 0) rc = fail_errno(err, temp, "close");
    if (rc == 0 && rename(temp, path) != 0) rc = fail_errno(err, path, "replace");
    if (rc < 0) {
        (void)unlink(temp);
        return rc;
    }
    return sync_folder(path, err);
}
