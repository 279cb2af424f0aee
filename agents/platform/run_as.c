/* A function that runs as somebody else: a child, a pipe, its bytes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "agent/platform.h"

typedef int (*run_fn)(void *data, struct tg_buf *out, struct tg_err *err);

bool agent_is_root(void)
{
    return geteuid() == 0;
}

static bool put(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* The error as it is, then the bytes. Never returns: what the parent has open is not ours to end.
 */
static _Noreturn void child(int fd, const struct agent_owner *owner, run_fn run, void *data,
                            size_t max)
{
    struct tg_err err = {0};
    struct tg_buf out = TG_BUF(max);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int rc = null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0
                 ? TG_FAIL(&err, TG_E_IO, "/dev/null: %s", strerror(errno))
                 : agent_become(owner, &err);
    /* Behind the change of user, which clears it: it must not outlive a job that was stopped. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (rc == 0) rc = run(data, &out, &err);
    if (rc == 0) rc = tg_buf_ok(&out, &err);
    err.file = NULL;
    err.code = rc;
    _exit(put(fd, &err, sizeof err) && (rc < 0 || put(fd, out.data, out.len)) ? 0 : 1);
}

static int collect(int fd, struct tg_buf *ret, struct tg_err *err)
{
    struct tg_err theirs;
    char chunk[16384];
    size_t got = 0;
    for (;;) {
        bool head = got < sizeof theirs;
        ssize_t n = head ? read(fd, (char *)&theirs + got, sizeof theirs - got)
                         : read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        if (!head) tg_buf_add(ret, chunk, (size_t)n);
        if (head) got += (size_t)n;
    }
    if (got < sizeof theirs) return TG_FAIL(err, TG_E_IO, "the owner's process died");
    theirs.text[sizeof theirs.text - 1] = '\0';
    if (theirs.code < 0) return TG_FAIL(err, theirs.code, "%s", theirs.text);
    return tg_buf_ok(ret, err);
}

int agent_run_as(const struct agent_owner *owner, run_fn run, void *data, struct tg_buf *ret,
                 struct tg_err *err)
{
    int fds[2], status = 0;
    if (pipe2(fds, O_CLOEXEC) != 0) return TG_FAIL(err, TG_E_IO, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) child(fds[1], owner, run, data, ret->max);
    (void)close(fds[1]);
    int rc =
        pid < 0 ? TG_FAIL(err, TG_E_IO, "fork: %s", strerror(errno)) : collect(fds[0], ret, err);
    (void)close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return rc;
}
