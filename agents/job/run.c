/* The parent's side of a job: one child, three pipes, one deadline, one answer. */
#include <signal.h>
#include <string.h>

#include "agent/job.h"
#include "base/limits.h"
#include "base/mem.h"

enum { WAIT_MS = 120 * 1000, ANSWER = 64 * 1024 * 1024 };

struct agent_job {
    uv_process_t process;
    uv_pipe_t in, out, secret;
    uv_timer_t timer;
    uv_write_t write_in, write_secret;
    struct tg_buf request, answer;
    struct tg_secret password;
    struct tg_err err;
    bool exited, closed_out, cancelled, late;
    int open_handles; /* not yet closed; pipes close one by one, the job ends with the last */
    agent_job_done_fn done;
    void *data;
};

static void finish(struct agent_job *job)
{
    TG_AUTO(json) json_t *o = NULL;
    struct tg_err err = job->err;
    if (job->cancelled)
        (void)TG_FAIL(&err, TG_E_CANCELLED, "the job was stopped");
    else if (job->late)
        (void)TG_FAIL(&err, TG_E_TIMEOUT, "the job took too long and was stopped");
    else if (tg_json_parse_object(job->answer.data, job->answer.len, ANSWER, &o, &err) == 0 &&
             !json_is_true(json_object_get(o, "ok"))) {
        const char *code = json_string_value(json_object_get(o, "code")),
                   *text = json_string_value(json_object_get(o, "text"));
        (void)TG_FAIL(&err, code ? tg_code_from_word(code) : TG_E_BUG, "%s",
                      text ? text : "the job failed");
    } else if (!o && job->err.code < 0) {
        err = job->err; /* it was never born */
    } else if (!o) {
        (void)TG_FAIL(&err, TG_E_IO, "the job died without an answer");
    }
    job->done(err.code < 0 ? NULL : o, err.code < 0 ? &err : NULL, job->data);
    if (job->request.data) tg_wipe(job->request.data, job->request.len);
    tg_buf_done(&job->request);
    tg_buf_done(&job->answer);
    tg_secret_done(&job->password);
    free(job);
}

static void on_close(uv_handle_t *handle)
{
    struct agent_job *job = handle->data;
    if (--job->open_handles == 0) finish(job);
}

static void close_handle(struct agent_job *job, void *handle)
{
    uv_handle_t *h = handle;
    if (uv_is_closing(h)) return;
    h->data = job;
    uv_close(h, on_close);
}

/* The answer is whole when the child has ended and its pipe is empty. */
static void advance(struct agent_job *job)
{
    if (!job->exited || !job->closed_out) return;
    close_handle(job, &job->process);
    close_handle(job, &job->in);
    close_handle(job, &job->out);
    close_handle(job, &job->secret);
    close_handle(job, &job->timer);
}

static void on_exit_child(uv_process_t *process, int64_t status, int signal)
{
    struct agent_job *job = process->data;
    (void)status;
    (void)signal;
    job->exited = true;
    advance(job);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char chunk[65536]; /* one loop, read callbacks copy at once */
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(chunk, sizeof chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct agent_job *job = stream->data;
    if (n > 0) tg_buf_add(&job->answer, buf->base, (size_t)n);
    if (n >= 0) return;
    uv_read_stop(stream);
    job->closed_out = true;
    advance(job);
}

static void on_late(uv_timer_t *timer)
{
    struct agent_job *job = timer->data;
    job->late = true;
    uv_process_kill(&job->process, SIGKILL);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status; /* a child that died tells by its exit */
    if (!uv_is_closing((uv_handle_t *)req->handle)) {
        struct agent_job *job = req->data;
        close_handle(job, req->handle);
    }
}

static int make_request(struct agent_job *job, const struct agent_job_spec *spec,
                        struct tg_err *err)
{
    struct agent_owner owner;
    TG_TRY(agent_owner_of(spec->path, &owner, err));
    TG_TRY(agent_may_act_for(&owner, spec->path, err));
    TG_AUTO(json) json_t *o = json_copy((json_t *)(uintptr_t)spec->request);
    json_object_set_new(o, "kind", json_string(spec->kind));
    json_object_set_new(o, "password", json_boolean(spec->password != NULL));
    json_object_set_new(o, "path", json_string(spec->path));
    json_object_set_new(o, "owner",
                        json_pack("{s:I,s:I,s:s}", "uid", (json_int_t)owner.uid, "gid",
                                  (json_int_t)owner.gid, "name", owner.name));
    job->request.max = TG_MAX_MESSAGE;
    tg_json_dump(o, &job->request);
    if (spec->password) {
        char *to = tg_secret_room(&job->password, spec->password->len + 1);
        memcpy(to, spec->password->data, spec->password->len);
        to[spec->password->len] = '\n';
    }
    return tg_buf_ok(&job->request, err);
}

static int spawn(uv_loop_t *loop, struct agent_job *job)
{
    static char self[] = "/proc/self/exe", name[] = "tamga-agent", verb[] = "job";
    char *args[] = {name, verb, NULL};
    const unsigned to_child = UV_CREATE_PIPE | UV_READABLE_PIPE,
                   from_child = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    uv_stdio_container_t stdio[4] = {
        {.flags = (uv_stdio_flags)to_child, .data.stream = (uv_stream_t *)&job->in},
        {.flags = (uv_stdio_flags)from_child, .data.stream = (uv_stream_t *)&job->out},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
        {.flags = (uv_stdio_flags)to_child, .data.stream = (uv_stream_t *)&job->secret},
    };
    uv_process_options_t options = {.file = self,
                                    .args = args,
                                    .stdio = stdio,
                                    .stdio_count = 4,
                                    .exit_cb = on_exit_child};
    uv_pipe_init(loop, &job->in, 0);
    uv_pipe_init(loop, &job->out, 0);
    uv_pipe_init(loop, &job->secret, 0);
    uv_timer_init(loop, &job->timer);
    job->process.data = job->out.data = job->timer.data = job;
    job->open_handles = 5; /* uv_spawn makes a handle even when it fails */
    return uv_spawn(loop, &job->process, &options);
}

static void send_bytes(struct agent_job *job, uv_write_t *req, uv_pipe_t *to, char *bytes,
                       size_t len)
{
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    req->data = job;
    if (uv_write(req, (uv_stream_t *)to, &buf, 1, on_written) != 0) close_handle(job, to);
}

int agent_job_start(uv_loop_t *loop, const struct agent_job_spec *spec, agent_job_done_fn done,
                    void *data, struct agent_job **ret, struct tg_err *err)
{
    struct agent_job *job = TG_NEW(struct agent_job);
    job->answer.max = ANSWER;
    job->done = done;
    job->data = data;
    int rc = make_request(job, spec, err);
    if (rc < 0) {
        tg_buf_done(&job->request);
        free(job);
        return rc;
    }
    /* A spawn that fails still has pipes to close: it ends like a child that died, through done. */
    int status = spawn(loop, job);
    if (status != 0) {
        (void)TG_FAIL(&job->err, TG_E_IO, "job %s: %s", spec->kind, uv_strerror(status));
        job->exited = job->closed_out = true;
        advance(job);
    } else {
        uv_timer_start(&job->timer, on_late, spec->wait_ms ? spec->wait_ms : WAIT_MS, 0);
        uv_read_start((uv_stream_t *)&job->out, on_alloc, on_read);
        send_bytes(job, &job->write_in, &job->in, (char *)job->request.data, job->request.len);
        if (spec->password)
            send_bytes(job, &job->write_secret, &job->secret, job->password.data,
                       job->password.len);
        else
            close_handle(job, &job->secret);
    }
    if (ret) *ret = job;
    return 0;
}

void agent_job_cancel(struct agent_job *job)
{
    job->cancelled = true;
    if (!job->exited) uv_process_kill(&job->process, SIGKILL);
}

struct waiting {
    json_t *answer;
    struct tg_err err;
};

static void on_called(const json_t *answer, const struct tg_err *err, void *data)
{
    struct waiting *w = data;
    if (err)
        w->err = *err;
    else
        w->answer = json_incref((json_t *)(uintptr_t)answer);
}

int agent_job_call(const struct agent_job_spec *spec, json_t **ret_answer, struct tg_err *err)
{
    uv_loop_t loop;
    struct waiting w = {0};
    if (uv_loop_init(&loop) != 0) return TG_FAIL(err, TG_E_IO, "the loop does not start");
    int rc = agent_job_start(&loop, spec, on_called, &w, NULL, err);
    if (rc == 0) uv_run(&loop, UV_RUN_DEFAULT);
    TG_CHECK(uv_loop_close(&loop) == 0);
    TG_TRY(rc);
    if (w.err.code < 0) {
        if (err) *err = w.err;
        return w.err.code;
    }
    *ret_answer = w.answer;
    return 0;
}
