/* The daemon's end of agent.sock. */
#include "agent/control.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/state.h"
#include "base/bytes.h"
#include "base/list.h"

enum { ASK_MS = 10 * 1000, PATH = 4096, BACKLOG = 16 };

struct agent_control {
    struct agent_control_opts o;
    uv_pipe_t listener;
    struct tg_list calls;
    unsigned count, open;
    bool closing;
    void (*done)(void *data);
    void *done_data;
};

struct agent_control_call {
    struct tg_list node;
    struct agent_control *control; /* NULL: the control has ended */
    uv_pipe_t pipe;
    struct tg_deadline late;
    struct tg_buf in, out;
    uv_write_t write;
    unsigned open; /* handles */
    bool asked;    /* the handler owes an answer */
    bool gone;     /* handles are closing or closed */
    uid_t uid;
};

static void maybe_free(struct agent_control_call *call)
{
    if (call->open > 0 || call->asked) return;
    if (call->in.data) tg_wipe(call->in.data, call->in.len);
    tg_buf_done(&call->in);
    tg_buf_done(&call->out);
    free(call);
}

static void ended(struct agent_control *c)
{
    if (!c->closing || c->open > 0 || c->count > 0) return;
    void (*done)(void *) = c->done;
    void *data = c->done_data;
    free(c);
    if (done) done(data);
}

static void handle_closed(struct agent_control_call *call)
{
    if (--call->open > 0) return;
    struct agent_control *c = call->control;
    call->control = NULL;
    tg_list_del(&call->node);
    c->count--;
    maybe_free(call);
    ended(c);
}

static void on_pipe_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_late_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    handle_closed(data);
}

static void hang_up(struct agent_control_call *call)
{
    if (call->gone) return;
    call->gone = true;
    uv_close((uv_handle_t *)&call->pipe, on_pipe_closed);
    tg_deadline_close(&call->late, on_late_closed);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    hang_up(req->data);
}

void agent_control_answer(struct agent_control_call *call, json_t *answer)
{
    TG_CHECK(call->asked);
    call->asked = false;
    if (!json_object_get(answer, "ok")) json_object_set_new(answer, "ok", json_true());
    tg_json_dump(answer, &call->out);
    json_decref(answer);
    tg_buf_putc(&call->out, '\n');
    if (call->gone) {
        maybe_free(call);
        return;
    }
    uv_buf_t buf = uv_buf_init((char *)call->out.data, (unsigned)call->out.len);
    call->write.data = call;
    if (uv_write(&call->write, (uv_stream_t *)&call->pipe, &buf, 1, on_written) != 0) hang_up(call);
}

void agent_control_refuse(struct agent_control_call *call, const struct tg_err *err)
{
    agent_control_answer(call, json_pack("{s:b,s:s,s:s}", "ok", 0, "code", tg_code_word(err->code),
                                         "text", err->text));
}

/* The request line, then the password line where it is announced; false: not all is here yet. */
static bool whole(struct agent_control_call *call, json_t **ret, struct tg_secret *password,
                  struct tg_err *err)
{
    const uint8_t *lf = call->in.data ? memchr(call->in.data, '\n', call->in.len) : NULL;
    if (!lf) return false;
    size_t len = (size_t)(lf - call->in.data);
    if (tg_json_parse_object(call->in.data, len, AGENT_CONTROL_REQUEST, ret, err) < 0) return true;
    if (!json_is_true(json_object_get(*ret, "password"))) return true;
    const uint8_t *second = lf + 1, *end = call->in.data + call->in.len;
    const uint8_t *lf2 = memchr(second, '\n', (size_t)(end - second));
    if (lf2) tg_secret_set(password, second, (size_t)(lf2 - second));
    return lf2 != NULL;
}

static void try_request(struct agent_control_call *call)
{
    TG_AUTO(json) json_t *request = NULL;
    TG_AUTO(secret) struct tg_secret password = {0};
    struct tg_err err = {0};
    if (!whole(call, &request, &password, &err)) return;
    uv_read_stop((uv_stream_t *)&call->pipe);
    tg_deadline_stop(&call->late);
    tg_wipe(call->in.data, call->in.len);
    tg_buf_done(&call->in);
    call->asked = true;
    const struct agent_control_opts *o = &call->control->o;
    if (err.code < 0)
        agent_control_refuse(call, &err);
    else
        o->on_request(call, request, password.data ? &password : NULL, call->uid, o->data);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char chunk[16384]; /* one loop, read callbacks copy and wipe at once */
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(chunk, sizeof chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct agent_control_call *call = stream->data;
    if (n > 0) {
        tg_buf_add(&call->in, buf->base, (size_t)n);
        tg_wipe(buf->base, (size_t)n);
    }
    if (n < 0 || call->in.failed)
        hang_up(call);
    else if (n > 0)
        try_request(call);
}

static void on_late(struct tg_deadline *d, void *data)
{
    (void)d;
    hang_up(data);
}

static void on_caller(uv_stream_t *listener, int status)
{
    struct agent_control *c = listener->data;
    struct tg_err err = {0};
    int fd = -1;
    if (status < 0) return;
    struct agent_control_call *call = TG_NEW(struct agent_control_call);
    call->control = c;
    call->in = TG_BUF(AGENT_CONTROL_REQUEST);
    call->out = TG_BUF(8 * AGENT_CONTROL_REQUEST);
    tg_list_add(&c->calls, &call->node);
    c->count++;
    uv_pipe_init(&c->o.loop->uv, &call->pipe, 0);
    call->pipe.data = call;
    tg_deadline_init(&call->late, c->o.loop, call);
    call->open = 2;
    bool fine = uv_accept(listener, (uv_stream_t *)&call->pipe) == 0 &&
                c->count <= AGENT_CONTROL_CALLERS && !c->closing &&
                uv_fileno((uv_handle_t *)&call->pipe, &fd) == 0 &&
                agent_peer_uid(fd, &call->uid, &err) == 0 &&
                uv_read_start((uv_stream_t *)&call->pipe, on_alloc, on_read) == 0;
    if (fine)
        tg_deadline_start(&call->late, ASK_MS, on_late);
    else
        hang_up(call);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct agent_control *c = handle->data;
    c->open--;
    ended(c);
}

static int listen_at(struct agent_control *c, const char *path, struct tg_err *err)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) unlink(path);
    int rc = uv_pipe_bind(&c->listener, path);
    if (rc == 0) rc = uv_listen((uv_stream_t *)&c->listener, BACKLOG, on_caller);
    if (rc != 0) return TG_FAIL(err, TG_E_IO, "%s: %s", path, uv_strerror(rc));
    /* Everybody may knock; the kernel tells who it is. */
    return chmod(path, 0666) == 0 ? 0 : TG_FAIL(err, TG_E_IO, "%s: chmod failed", path);
}

int agent_control_open(const struct agent_control_opts *opts, struct agent_control **ret,
                       struct tg_err *err)
{
    char path[PATH];
    /* A longer path would be cut silently (sun_path). */
    if (snprintf(path, sizeof path, "%s/agent.sock", opts->dir) > 107)
        return TG_FAIL(err, TG_E_LIMIT,
                       "%.100s/agent.sock: longer than 107 bytes; choose another "
                       "--state",
                       opts->dir);
    struct agent_control *c = TG_NEW(struct agent_control);
    c->o = *opts;
    tg_list_init(&c->calls);
    uv_pipe_init(&opts->loop->uv, &c->listener, 0);
    c->listener.data = c;
    c->open = 1;
    int rc = listen_at(c, path, err);
    if (rc < 0)
        agent_control_close(c, NULL, NULL); /* the handle is open: it frees itself */
    else
        *ret = c;
    return rc;
}

void agent_control_close(struct agent_control *c, void (*done)(void *data), void *data)
{
    struct agent_control_call *call;
    c->closing = true;
    c->done = done;
    c->done_data = data;
    tg_list_each(call, &c->calls, struct agent_control_call, node) hang_up(call);
    uv_close((uv_handle_t *)&c->listener, on_listener_closed);
}
