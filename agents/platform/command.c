/* Commands of the agent's own configuration: no shell, a clean environment, a time limit. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/platform.h"
#include "base/bytes.h"

#undef clock_gettime /* a time limit inside a blocking child: this room is where the OS is called  \
                      */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int spawn(const char *const *argv, int out_fd, pid_t *ret, struct tg_err *err)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8",
                home[] = "HOME=/";
    char *const environment[] = {path, lang, home, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP); /* so that all of it can be killed */
    int rc = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
                         environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc == 0 ? 0 : TG_FAIL(err, TG_E_IO, "%s: %s", argv[0], strerror(rc));
}

/* What is there to read now; false when there is no more. */
static bool take(int fd, struct tg_buf *out)
{
    char chunk[1024];
    ssize_t got = read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    if (out) tg_buf_add(out, chunk, (size_t)got);
    tg_wipe(chunk, sizeof chunk);
    return true;
}

/* Until the command itself ends or time is up: a daemon that it leaves behind may hold its output
 * open for ever, and a command may close its output and go on. */
static int collect(int fd, int child, int64_t until, struct tg_buf *out)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = child, .events = POLLIN}};
    for (;;) {
        int64_t left = until - now_ms();
        if (left <= 0) return TG_E_TIMEOUT;
        int n = poll(p, 2, (int)left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return TG_E_TIMEOUT;
        if (p[0].revents && !take(fd, out))
            p[0].fd = -1;
        else if (!p[0].revents && p[1].revents)
            return 0; /* it ended, and all is read */
    }
}

int agent_run(const char *const *argv, unsigned wait_ms, struct tg_buf *out, int *ret_exit,
              struct tg_err *err)
{
    int fds[2];
    pid_t pid = 0;
    if (argv[0][0] != '/')
        return TG_FAIL(err, TG_E_INPUT, "%s: a command needs an absolute path", argv[0]);
    if (pipe2(fds, O_CLOEXEC) != 0) return TG_FAIL(err, TG_E_IO, "pipe: %s", strerror(errno));
    int rc = spawn(argv, fds[1], &pid, err);
    close(fds[1]);
    if (rc < 0) {
        close(fds[0]);
        return rc;
    }
    int status = 0;
    int child = (int)syscall(SYS_pidfd_open, pid, 0);
    int saved = errno;
    bool late = child < 0 || collect(fds[0], child, now_ms() + wait_ms, out) == TG_E_TIMEOUT;
    close(fds[0]);
    if (child >= 0) close(child);
    if (late) kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child < 0)
        return TG_FAIL(err, TG_E_IO, "%s: cannot be watched: %s", argv[0], strerror(saved));
    if (late)
        return TG_FAIL(err, TG_E_TIMEOUT, "%s: still running after %u ms, stopped", argv[0],
                       wait_ms);
    *ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}
