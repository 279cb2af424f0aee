#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

extern char **environ;

enum {
    CHILD_FD = 3,
    READ_AT_ONCE = 256 * 1024,
    IN_MAX = CA_FRAME_MAX + 4 + READ_AT_ONCE,
    OUT_MAX =
        64 * 1024 * 1024, /* a window of the largest requests; the verb's window keeps below */
    KILL_AFTER_MS = 5000,
    ENV_MAX = 16,
};

struct ca_pipe {
    struct ca_pipe_config config;
    uv_process_t process;
    uv_pipe_t pipe;
    uv_write_t write;
    struct tg_deadline killer;
    struct tg_buf in, out, sent; /* sent: what the kernel is taking now */
    int fd;                      /* ours, until the pipe has it */
    int pid;
    int handles; /* that must still close */
    bool writing, exited, ending;
};

/* --- the end --- */

static void forget(struct ca_pipe *p)
{
    if (--p->handles > 0) return;
    void (*ended)(void *) = p->config.on_ended;
    void *data = p->config.data;
    tg_buf_done(&p->in);
    tg_buf_done(&p->out);
    tg_buf_done(&p->sent);
    free(p);
    ended(data);
}

static void on_handle_closed(uv_handle_t *h)
{
    forget(h->data);
}

static void on_killer_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    forget(data);
}

static void close_process(struct ca_pipe *p)
{
    if (!p->exited || !p->ending || uv_is_closing((uv_handle_t *)&p->process)) return;
    uv_close((uv_handle_t *)&p->process, on_handle_closed);
    tg_deadline_close(&p->killer, on_killer_closed);
}

static void on_kill(struct tg_deadline *d, void *data)
{
    (void)d;
    ca_pipe_kill(data);
}

void ca_pipe_kill(struct ca_pipe *p)
{
    if (!p->exited) (void)uv_process_kill(&p->process, SIGKILL);
}

void ca_pipe_end(struct ca_pipe *p)
{
    if (p->ending) return;
    p->ending = true;
    uv_close((uv_handle_t *)&p->pipe, on_handle_closed);
    if (!p->exited) tg_deadline_start(&p->killer, KILL_AFTER_MS, on_kill);
    close_process(p);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signum)
{
    struct ca_pipe *p = process->data;
    if (!p->ending || signum)
        tg_log(TG_LOG_WARN, "ca", "issuer-ended", "status=%lld signal=%d", (long long)status,
               signum);
    p->exited = true;
    ca_pipe_end(p);
    close_process(p);
}

/* --- reading and writing --- */

static bool take_frames(struct ca_pipe *p, bool only_one)
{
    size_t at = 0, used = 0;
    struct ca_frame f;
    int got = 0;
    while (!p->ending && (got = ca_frame_next(p->in.data + at, p->in.len - at, &f, &used)) > 0) {
        at += used;
        p->config.on_frame(&f, p->config.data);
        if (only_one) break;
    }
    tg_buf_shift(&p->in, at);
    if (got < 0) {
        tg_log(TG_LOG_ERROR, "ca", "issuer-unreadable", "pid=%d", p->pid);
        ca_pipe_kill(p);
        ca_pipe_end(p);
    }
    return at > 0;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
    struct ca_pipe *p = h->data;
    size_t before = p->in.len;
    (void)suggested;
    uint8_t *room = tg_buf_grow(&p->in, READ_AT_ONCE);
    TG_CHECK(room); /* IN_MAX: whole frames were taken out before */
    p->in.len = before;
    *ret = uv_buf_init((char *)room, READ_AT_ONCE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ca_pipe *p = stream->data;
    (void)buf;
    if (n == 0) return;
    if (n < 0) {
        ca_pipe_end(p);
        return;
    }
    p->in.len += (size_t)n;
    (void)take_frames(p, false);
}

static void on_written(uv_write_t *req, int status)
{
    struct ca_pipe *p = req->data;
    p->writing = false;
    tg_buf_reset(&p->sent);
    if (status < 0)
        ca_pipe_end(p);
    else
        ca_pipe_flush(p);
}

struct tg_buf *ca_pipe_out(struct ca_pipe *p)
{
    return &p->out;
}

void ca_pipe_flush(struct ca_pipe *p)
{
    if (p->writing || p->ending || p->out.len == 0) return;
    struct tg_buf next = p->sent;
    p->sent = p->out;
    p->out = next;
    uv_buf_t buf = uv_buf_init((char *)p->sent.data, (unsigned)p->sent.len);
    p->write.data = p;
    p->writing = uv_write(&p->write, (uv_stream_t *)&p->pipe, &buf, 1, on_written) == 0;
    if (!p->writing) ca_pipe_end(p);
}

/* --- the beginning --- */

static bool is_wanted(const char *variable)
{
    static const char *const wanted[] = {"TAMGA_",        "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
                                         "LSAN_OPTIONS=", "PATH=",         "TZ="};
    for (size_t i = 0; i < TG_COUNT(wanted); i++)
        if (tg_starts(variable, wanted[i])) return true;
    return false;
}

/* Nothing that is meant for tamgad (database passwords) goes on to the child. */
static void choose_environment(char *ret[ENV_MAX + 1])
{
    size_t n = 0;
    for (char **e = environ; *e && n < ENV_MAX; e++)
        if (is_wanted(*e)) ret[n++] = *e;
    ret[n] = NULL;
}

static int spawn(struct ca_pipe *p, int child_fd, struct tg_err *err)
{
    const struct ca_pipe_config *c = &p->config;
    char *env[ENV_MAX + 1];
    /* libuv wants char *; it reads them only */
    char *args[] = {(char *)(uintptr_t) "tamgad",
                    (char *)(uintptr_t) "--issuer",
                    (char *)(uintptr_t) "--dir",
                    (char *)(uintptr_t)c->dir,
                    (char *)(uintptr_t) "--fd",
                    (char *)(uintptr_t) "3",
                    (char *)(uintptr_t) "--organization",
                    (char *)(uintptr_t)(c->organization ? c->organization : ""),
                    NULL};
    uv_stdio_container_t stdio[CHILD_FD + 1] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
        {.flags = UV_INHERIT_FD, .data.fd = child_fd},
    };
    choose_environment(env);
    uv_process_options_t options = {.exit_cb = on_process_exit,
                                    .file = c->self_exe,
                                    .args = args,
                                    .env = env,
                                    .stdio = stdio,
                                    .stdio_count = TG_COUNT(stdio)};
    p->process.data = p;
    int rc = uv_spawn(&c->loop->uv, &p->process, &options);
    if (rc == 0) p->pid = p->process.pid;
    return rc == 0 ? 0
                   : TG_FAIL(err, TG_E_IO, "the issuing process (%s): %s", c->self_exe,
                             uv_strerror(rc));
}

static void on_never_started(uv_handle_t *h)
{
    free(h->data);
}

int ca_pipe_start(const struct ca_pipe_config *config, struct ca_pipe **ret, struct tg_err *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "the issuing process: %s", strerror(errno));
    struct ca_pipe *p = TG_NEW(struct ca_pipe);
    p->config = *config;
    p->fd = fds[0];
    int rc = spawn(p, fds[1], err);
    close(fds[1]);
    if (rc < 0) {
        close(fds[0]);
        uv_close((uv_handle_t *)&p->process, on_never_started);
        return rc;
    }
    tg_buf_init(&p->in, IN_MAX);
    tg_buf_init(&p->out, OUT_MAX);
    tg_buf_init(&p->sent, OUT_MAX);
    tg_deadline_init(&p->killer, config->loop, p);
    TG_CHECK(uv_pipe_init(&config->loop->uv, &p->pipe, 0) == 0);
    p->pipe.data = p;
    p->handles = 3;
    TG_CHECK(uv_pipe_open(&p->pipe, p->fd) == 0); /* non-blocking from here on */
    TG_CHECK(uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read) == 0);
    *ret = p;
    return 0;
}

static int poll_fd(const struct ca_pipe *p, short what, int wait_ms, struct tg_err *err)
{
    struct pollfd fd = {.fd = p->fd, .events = what};
    int n;
    do
        n = poll(&fd, 1, wait_ms);
    while (n < 0 && errno == EINTR);
    return n > 0 ? 0
                 : TG_FAIL(err, TG_E_TIMEOUT, "the issuing process does not answer; see its log");
}

int ca_pipe_wait(struct ca_pipe *p, int wait_ms, struct tg_err *err)
{
    uv_buf_t room;
    TG_CHECK(!p->writing && p->out.len > 0 && p->out.len < READ_AT_ONCE);
    TG_TRY(poll_fd(p, POLLOUT, wait_ms, err));
    if (write(p->fd, p->out.data, p->out.len) != (ssize_t)p->out.len)
        return TG_FAIL(err, TG_E_IO, "the issuing process: %s", strerror(errno));
    tg_buf_reset(&p->out);
    do {
        TG_TRY(poll_fd(p, POLLIN, wait_ms, err));
        on_alloc((uv_handle_t *)&p->pipe, 0, &room);
        ssize_t n = read(p->fd, room.base, room.len);
        if (n <= 0) return TG_FAIL(err, TG_E_CA, "the issuing process ended at once; see its log");
        p->in.len += (size_t)n;
    } while (!take_frames(p, true) && !p->ending);
    return 0;
}

int ca_pipe_pid(const struct ca_pipe *p)
{
    return p->exited ? 0 : p->pid;
}
