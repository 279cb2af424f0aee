/* Programs of PostgreSQL, run as the cluster's user with an empty environment. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/str.h"
#include "cluster_private.h"

static char *const environment[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"LC_ALL=C"},
                                    (char[]){"TZ=UTC"}, NULL};

void cluster_pause(int wait_ms)
{
    (void)poll(NULL, 0, wait_ms);
}

/* In the child. */
static bool drop(const struct cluster *c)
{
    if (!c->root) return true;
    return setgroups(1, &c->gid) == 0 && setresgid(c->gid, c->gid, c->gid) == 0 &&
           setresuid(c->uid, c->uid, c->uid) == 0;
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

/* In the child: becomes the program, or ends with 127. */
static noreturn void become(const struct cluster *c, const char *const *argv, bool as_user)
{
    reset_signals();
    close_range(3, ~0U, 0);
    if (chdir("/") < 0 || (as_user && !drop(c))) {
        static const char text[] = "cannot become the cluster's user\n";
        (void)!write(2, text, sizeof text - 1);
        _exit(127);
    }
    umask(077);
    /* execve wants pointers to non-const for history's sake and changes nothing */
    union {
        const char *const *in;
        char *const *out;
    } words = {argv};
    execve(argv[0], words.out, environment);
    static const char text[] = "cannot be executed\n";
    (void)!write(2, text, sizeof text - 1);
    _exit(127);
}

/* What it says, kept to the last 4 KiB. */
static void drain(int fd, struct tg_buf *said)
{
    char piece[1024];
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR);) {
        if (n <= 0) continue;
        if (said->len + (size_t)n > said->max)
            tg_buf_shift(said, said->len + (size_t)n - said->max);
        tg_buf_add(said, piece, (size_t)n);
    }
}

static int last_line(const char *program, const struct tg_buf *said, struct tg_err *err)
{
    const char *text = tg_buf_text(said);
    size_t len = said->len;
    while (len > 0 && text[len - 1] == '\n')
        len--;
    size_t start = len;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    return TG_FAIL(err, TG_E_IO, "%s: %.*s", program, (int)(len - start), text + start);
}

int cluster_run(const struct cluster *c, const struct run *run, struct tg_err *err)
{
    int in[2], out[2], status = 0;
    if (pipe2(in, O_CLOEXEC) < 0)
        return TG_FAIL(err, TG_E_IO, "%s: %s", run->argv[0], strerror(errno));
    if (pipe2(out, O_CLOEXEC) < 0) {
        close(in[0]);
        close(in[1]);
        return TG_FAIL(err, TG_E_IO, "%s: %s", run->argv[0], strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        become(c, run->argv, run->as_user);
    }
    close(in[0]);
    close(out[1]);
    if (run->input && pid > 0)
        (void)!write(in[1], run->input, strlen(run->input)); /* below a pipe's 64 KiB */
    close(in[1]);
    struct tg_buf said = TG_BUF(4096);
    if (pid > 0) drain(out[0], &said);
    close(out[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    int rc = 0;
    if (pid < 0)
        rc = TG_FAIL(err, TG_E_IO, "%s: %s", run->argv[0], strerror(errno));
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        rc = last_line(run->argv[0], &said, err);
    tg_buf_done(&said);
    return rc;
}

int cluster_spawn(const struct cluster *c, const char *const *argv, pid_t *ret, struct tg_err *err)
{
    int log = open(c->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0) {
        if (log >= 0) close(log);
        if (null >= 0) close(null);
        return TG_FAIL(err, TG_E_IO, "%s: %s", c->log, strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        setsid(); /* Ctrl-C at our terminal is not meant for it */
        dup2(null, 0);
        dup2(log, 1);
        dup2(log, 2);
        become(c, argv, true);
    }
    close(log);
    close(null);
    if (pid < 0) return TG_FAIL(err, TG_E_IO, "%s: %s", argv[0], strerror(errno));
    *ret = pid;
    return 0;
}

/* Asked of the kernel itself, ACLs and all: a child drops and looks. */
bool cluster_user_may_enter(const struct cluster *c, const char *path)
{
    int status = 0;
    if (!c->root) return access(path, X_OK) == 0;
    pid_t pid = fork();
    if (pid == 0) _exit(drop(c) && access(path, X_OK) == 0 ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
