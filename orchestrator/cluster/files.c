/* Files of the cluster and of backups. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster_private.h"

enum { COPY_PIECE = 1024 * 1024, TREE_DEPTH = 32 };

static int io(const char *path, struct tg_err *err)
{
    return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", path, strerror(errno));
}

int cluster_write(const char *path, const char *text, const struct cluster *c, struct tg_err *err)
{
    TG_TRY(tg_file_replace(path, text, strlen(text), 0600, err));
    if (c->root && lchown(path, c->uid, c->gid) < 0) return io(path, err);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int cluster_remove_tree(const char *path, struct tg_err *err)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT ? 0
                                                                                    : io(path, err);
}

int cluster_sync(const char *path, struct tg_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return io(path, err);
    int rc = syncfs(fd) == 0 ? 0 : io(path, err);
    close(fd);
    return rc;
}

static int each(const char *root, const char *name, int depth, cluster_file_fn fn, void *data,
                struct tg_err *err);

static int each_in_folder(const char *root, const char *name, const char *path, int depth,
                          cluster_file_fn fn, void *data, struct tg_err *err)
{
    struct dirent **list = NULL;
    int n = scandir(path, &list, NULL, alphasort), rc = 0;
    if (n < 0) return io(path, err);
    for (int i = 0; i < n; i++) {
        if (rc == 0 && strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0) {
            TG_AUTO(mem) char *below = tg_printf("%s/%s", name, list[i]->d_name);
            rc = each(root, below, depth + 1, fn, data, err);
        }
        free(list[i]);
    }
    free(list);
    return rc;
}

static int each(const char *root, const char *name, int depth, cluster_file_fn fn, void *data,
                struct tg_err *err)
{
    TG_AUTO(mem) char *path = tg_printf("%s/%s", root, name);
    struct stat st;
    if (lstat(path, &st) < 0) return errno == ENOENT ? 0 : io(path, err);
    if (S_ISREG(st.st_mode)) return fn(path, name, st.st_mode & 0777, data, err);
    if (!S_ISDIR(st.st_mode)) return 0;
    if (depth > TREE_DEPTH)
        return TG_FAIL(err, TG_E_LIMIT, "%s: folders are nested too deep", path);
    return each_in_folder(root, name, path, depth, fn, data, err);
}

int cluster_each_file(const char *root, const char *name, cluster_file_fn fn, void *data,
                      struct tg_err *err)
{
    return each(root, name, 0, fn, data, err);
}

static int make_parents(const char *path, struct tg_err *err)
{
    TG_AUTO(mem) char *copy = tg_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST) return io(copy, err);
        *slash = '/';
    }
    return 0;
}

static int pump(int in, int out, const char *from, const char *to, struct tg_err *err)
{
    TG_AUTO(mem) char *piece = tg_alloc(COPY_PIECE);
    for (;;) {
        ssize_t n = read(in, piece, COPY_PIECE);
        if (n < 0) return io(from, err);
        if (n == 0) return fsync(out) == 0 ? 0 : io(to, err);
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(out, piece + done, (size_t)(n - done));
            if (w < 0) return io(to, err);
        }
    }
}

int cluster_copy(const char *from, const char *to, unsigned mode, struct tg_err *err)
{
    TG_TRY(make_parents(to, err));
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0) return io(from, err);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    int rc = out < 0 ? io(to, err) : pump(in, out, from, to, err);
    if (out >= 0) close(out);
    close(in);
    return rc;
}

/* Mapped, so that a dump of any size is hashed without a copy. */
int cluster_hash(const char *path, char ret[TG_HEX256], struct tg_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return io(path, err);
    int rc = fstat(fd, &st) == 0 ? 0 : io(path, err);
    size_t len = rc == 0 ? (size_t)st.st_size : 0;
    void *bytes = len > 0 ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (bytes == MAP_FAILED)
        rc = io(path, err);
    else
        tg_sha256_hex(bytes, len, ret);
    if (bytes && bytes != MAP_FAILED) munmap(bytes, len);
    close(fd);
    return rc;
}
