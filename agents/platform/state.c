/* The agent's own folder, and small questions to the kernel. */
#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"

enum { PATH = 4096, FILES = 100000 };

static int fail_errno(const char *path, const char *what, struct tg_err *err)
{
    int saved = errno;
    return TG_FAIL(err, tg_code_from_errno(saved), "%s: %s: %s", path, what, strerror(saved));
}

static int make_one(const char *path, mode_t mode, struct tg_err *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0 ? 0 : fail_errno(path, "chmod", err); /* whatever the umask */
    if (errno != EEXIST) return fail_errno(path, "mkdir", err);
    if (lstat(path, &st) != 0) return fail_errno(path, "stat", err);
    if (!S_ISDIR(st.st_mode)) return TG_FAIL(err, TG_E_DENIED, "%s: is no folder", path);
    if (st.st_uid != geteuid())
        return TG_FAIL(err, TG_E_DENIED, "%s: belongs to another user; choose another --state",
                       path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return TG_FAIL(err, TG_E_DENIED, "%s: others may write there; chmod go-w %s", path, path);
    return 0;
}

int agent_state_make(const char *dir, struct tg_err *err)
{
    static const char *const folders[] = {"pending", "jobs", "spool", "trust", "recalls"};
    char path[PATH];
    TG_TRY(make_one(dir, 0711, err));
    for (size_t i = 0; i < TG_COUNT(folders); i++) {
        if (snprintf(path, sizeof path, "%s/%s", dir, folders[i]) >= PATH)
            return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", dir);
        TG_TRY(make_one(path, 0700, err));
    }
    return 0;
}

int agent_state_lock(const char *dir, int *ret_fd, struct tg_err *err)
{
    char path[PATH];
    if (snprintf(path, sizeof path, "%s/lock", dir) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail_errno(path, "open", err);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return TG_FAIL(err, TG_E_BUSY, "%s: another tamga-agent is at work there", dir);
    }
    *ret_fd = fd;
    return 0;
}

static int numbered(const char *dir, const char *folder, int64_t number, char ret[PATH],
                    struct tg_err *err)
{
    if (snprintf(ret, PATH, "%s/%s/%019lld.json", dir, folder, (long long)number) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", dir);
    return 0;
}

int agent_folder_put(const char *dir, const char *folder, int64_t number, const void *bytes,
                     size_t len, struct tg_err *err)
{
    char path[PATH];
    TG_TRY(numbered(dir, folder, number, path, err));
    return tg_file_replace(path, bytes, len, 0600, err);
}

int agent_folder_get(const char *dir, const char *folder, int64_t number, struct tg_buf *ret,
                     struct tg_err *err)
{
    char path[PATH];
    TG_TRY(numbered(dir, folder, number, path, err));
    return tg_file_read(path, ret, err);
}

int agent_folder_drop(const char *dir, const char *folder, int64_t number, struct tg_err *err)
{
    char path[PATH];
    TG_TRY(numbered(dir, folder, number, path, err));
    return unlink(path) == 0 || errno == ENOENT ? 0 : fail_errno(path, "remove", err);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int agent_folder_list(const char *dir, const char *folder, int64_t **ret, size_t *ret_count,
                      struct tg_err *err)
{
    char path[PATH];
    size_t n = 0, room = 0;
    int64_t *all = NULL;
    if (snprintf(path, sizeof path, "%s/%s", dir, folder) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", dir);
    DIR *open_dir = opendir(path);
    if (!open_dir) return fail_errno(path, "open", err);
    const struct dirent *entry;
    while ((entry = readdir(open_dir)) && n < FILES) {
        uint64_t number = 0;
        const char *digits = entry->d_name + strspn(entry->d_name, "0");
        if (strlen(entry->d_name) != 24 || !tg_ends(entry->d_name, ".json")) continue;
        size_t left = 19 - (size_t)(digits - entry->d_name);
        if (left == 0 || left > 19 || !tg_parse_u64(digits, left, INT64_MAX, &number)) continue;
        if (n == room) all = tg_realloc(all, (room = room ? 2 * room : 16) * sizeof *all);
        all[n++] = (int64_t)number;
    }
    closedir(open_dir);
    if (n > 1) qsort(all, n, sizeof *all, by_number);
    *ret = all;
    *ret_count = n;
    return 0;
}

int agent_peer_uid(int fd, uid_t *ret, struct tg_err *err)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return fail_errno("agent.sock", "who called", err);
    *ret = peer.uid;
    return 0;
}

bool agent_terminal(void)
{
    return isatty(STDIN_FILENO) == 1;
}

void agent_host_name(char ret[64])
{
    char name[256] = "";
    (void)gethostname(name, sizeof name - 1);
    size_t i = 0;
    for (; name[i] && i < 63; i++) {
        char c = name[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-')) {
            i = 0;
            break;
        }
        ret[i] = c;
    }
    ret[i] = '\0';
}

void agent_home(char *ret, size_t size)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    bool known = getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found;
    if (!known || !tg_copy(ret, size, found->pw_dir)) (void)tg_copy(ret, size, "/");
}

void agent_frugal(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    (void)mallopt(M_TOP_PAD, 0);
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
}

void agent_trim(void)
{
    (void)malloc_trim(0);
}

void agent_pause(unsigned wait_ms)
{
    (void)poll(NULL, 0, (int)wait_ms);
}
