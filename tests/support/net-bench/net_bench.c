/* net-bench: what an idle agent connection, a push and a request cost the server.
 *   net-bench agents N      N connections with an open event stream each; prints one JSON object
 *   net-bench serve         serves POST /echo and GET /static on a free port (for h2load) until its
 * input ends The server is a process of its own, so that its memory and CPU are its own. */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/str.h"
#include "nettest/nettest.h"

struct serving {
    uv_loop_t loop;
    struct tg_server *server;
    struct tg_stream **streams;
    size_t count, room;
    uv_pipe_t input;
};

static const char ANSWER[] =
    "{\"v\":1,\"type\":\"ok\",\"id\":\"0123456789\",\"body\":{\"next\":60,\"pad\":"
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}";

static long rss_anon_kib(void)
{
    TG_AUTO(buf) struct tg_buf b = TG_BUF(65536);
    TG_CHECK(tg_file_read("/proc/self/status", &b, NULL) == 0);
    const char *p = strstr(tg_buf_text(&b), "RssAnon:");
    return p ? strtol(p + 8, NULL, 10) : -1;
}

static long cpu_us(void)
{
    struct rusage u;
    TG_CHECK(getrusage(RUSAGE_SELF, &u) == 0);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static void on_stream_close(struct tg_stream *stream, void *data)
{
    struct serving *s = data;
    for (size_t i = 0; i < s->count; i++)
        if (s->streams[i] == stream) s->streams[i] = NULL;
}

static void push(struct serving *s, struct tg_request *req)
{
    size_t len = 0;
    const uint8_t *body = tg_request_body(req, &len);
    for (size_t i = 0; i < s->count; i++)
        if (s->streams[i]) (void)tg_stream_write(s->streams[i], body, len, NULL);
    tg_respond(req, 204, NULL, NULL, 0);
}

static void usage(struct tg_request *req)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%ld %ld", rss_anon_kib(), cpu_us());
    tg_respond(req, 200, "text/plain", text, (size_t)n);
}

static void on_request(struct tg_request *req, void *data)
{
    struct serving *s = data;
    const char *path = tg_request_path(req);
    if (strcmp(path, "/events") == 0 && s->count < s->room) {
        s->streams[s->count] =
            tg_stream_start(req, 200, "application/x-ndjson", on_stream_close, s);
        if (s->streams[s->count]) s->count++;
    } else if (strcmp(path, "/push") == 0) {
        push(s, req);
    } else if (strcmp(path, "/usage") == 0) {
        usage(req);
    } else {
        tg_respond_static(req, 200, "application/json", ANSWER, sizeof ANSWER - 1, NULL, NULL);
    }
}

static size_t limit_for(const struct tg_request *req, void *data)
{
    (void)req, (void)data;
    return 4096;
}

static void on_input_end(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct serving *s = stream->data;
    (void)buf;
    if (n >= 0) return;
    uv_close((uv_handle_t *)stream, NULL);
    tg_server_stop(s->server, 1000, NULL, NULL);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[64];
    (void)handle, (void)suggested;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

/* Serves until `input` ends; writes "port\n" to `output`. */
static void serve(struct nettest *t, size_t room, int input, int output)
{
    struct serving s = {.room = room, .streams = tg_calloc(room + 1, sizeof(struct tg_stream *))};
    struct tg_server_handlers handlers = {on_request, limit_for, NULL, &s};
    struct tg_tls_identity id = {.cert = t->server_id.cert.data,
                                 .cert_len = t->server_id.cert.len,
                                 .pkey = t->server_id.key};
    struct tg_server_limits limits;
    TG_AUTO(tls_ctx) SSL_CTX *ctx = NULL;
    uint16_t port = 0;
    tg_server_limits_default(&limits);
    limits.idle_ms = limits.first_request_ms = 600 * 1000;
    TG_CHECK(uv_loop_init(&s.loop) == 0);
    s.server = tg_server_new(&s.loop, &limits, &handlers);
    TG_CHECK(tg_tls_server_ctx(TG_TLS_API, &id, &ctx, NULL) == 0);
    TG_CHECK(tg_server_listen_tcp(s.server, "127.0.0.1", 0, ctx, TG_LISTENER_API, &port, NULL) ==
             0);
    TG_CHECK(uv_pipe_init(&s.loop, &s.input, 0) == 0 && uv_pipe_open(&s.input, input) == 0);
    s.input.data = &s;
    TG_CHECK(uv_read_start((uv_stream_t *)&s.input, on_room, on_input_end) == 0);
    TG_CHECK(dprintf(output, "%u\n", port) > 0);
    (void)uv_run(&s.loop, UV_RUN_DEFAULT);
    TG_CHECK(uv_loop_close(&s.loop) == 0);
    tg_server_free(s.server);
    free(s.streams);
}

struct used {
    long rss_kib, cpu_us;
};

static struct used ask(struct tg_client_opts *o)
{
    struct tg_client_call call = {.method = "GET", .path = "/usage", .total_ms = 30000};
    struct tg_err err = {0};
    if (tg_client_call(o, &call, &err) < 0) {
        (void)fprintf(stderr, "net-bench: %s\n", err.text);
        exit(1);
    }
    char *rest = NULL;
    long rss = strtol(tg_buf_text(&call.response), &rest, 10);
    struct used u = {rss, strtol(rest, NULL, 10)};
    tg_client_call_done(&call);
    return u;
}

static void open_agents(struct nettest *t, struct raw *agents, size_t n, uint16_t port)
{
    SSL_CTX *ctx = raw_ctx(t, true);
    for (size_t i = 0; i < n; i++) {
        raw_tcp(&agents[i], port);
        TG_CHECK(raw_tls(&agents[i], ctx, NULL));
        raw_preface(&agents[i]);
        TG_CHECK(raw_request(&agents[i], 1, "GET", "/events", -1, true));
        while (agents[i].headers_frames == 0)
            TG_CHECK(raw_pump(&agents[i], 1000));
        TG_CHECK(raw_frame(&agents[i], 4, 1, 0, NULL, 0)); /* acknowledge its SETTINGS */
    }
    tg_tls_ctx_free(ctx);
}

static void push_to_all(struct tg_client_opts *o, struct raw *agents, size_t n, unsigned round)
{
    char event[200];
    memset(event, 'e', sizeof event);
    event[sizeof event - 1] = '\n';
    struct tg_client_call call = {.method = "POST",
                                  .path = "/push",
                                  .body = event,
                                  .body_len = sizeof event};
    TG_CHECK(tg_client_call(o, &call, NULL) == 0 && call.status == 204);
    tg_client_call_done(&call);
    for (size_t i = 0; i < n; i++)
        while (agents[i].data_bytes < (size_t)round * sizeof event)
            TG_CHECK(raw_pump(&agents[i], 10000));
}

enum { ROUNDS = 5 };

static void bench_agents(struct nettest *t, size_t n, uint16_t port)
{
    char url[64];
    struct tg_client_opts o = nettest_opts(t, url, port);
    struct raw *agents = tg_calloc(n, sizeof *agents);
    struct used before = ask(&o);
    open_agents(t, agents, n, port);
    struct used idle = ask(&o), again = ask(&o);
    for (unsigned round = 1; round <= ROUNDS; round++)
        push_to_all(&o, agents, n, round);
    struct used pushed = ask(&o);
    long asking = again.cpu_us -
                  idle.cpu_us; /* one connection of ours, taken off for each push and question */
    double per_push =
        (double)(pushed.cpu_us - again.cpu_us - asking * (ROUNDS + 1)) / (double)(ROUNDS * n);
    (void)printf("{\"agents\":%zu,\"kib_per_idle_agent\":%.1f,\"kib_after_push\":%.1f,"
                 "\"handshake_and_stream_us\":%.0f,\"push_us_per_agent\":%.1f}\n",
                 n, (double)(idle.rss_kib - before.rss_kib) / (double)n,
                 (double)(pushed.rss_kib - before.rss_kib) / (double)n,
                 (double)(idle.cpu_us - before.cpu_us) / (double)n, per_push);
    for (size_t i = 0; i < n; i++)
        raw_done(&agents[i]);
    free(agents);
}

static void raise_files(void)
{
    struct rlimit l;
    TG_CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

static int run_agents(struct nettest *t, size_t n)
{
    int hold[2], told[2], status = 0;
    TG_CHECK(pipe(hold) == 0 && pipe(told) == 0);
    pid_t child = fork();
    TG_CHECK(child >= 0);
    if (child == 0) {
        close(hold[1]);
        close(told[0]);
        serve(t, n, hold[0], told[1]);
        _exit(0);
    }
    close(hold[0]);
    close(told[1]);
    char text[16] = "";
    TG_CHECK(read(told[0], text, sizeof text - 1) > 0);
    bench_agents(t, n, (uint16_t)strtoul(text, NULL, 10));
    close(hold[1]);
    TG_CHECK(waitpid(child, &status, 0) == child);
    return status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t n = 0;
    static struct nettest t;
    (void)signal(SIGPIPE, SIG_IGN);
    raise_files();
    nettest_limits(&t);
    nettest_id_make(&t.server_id, "127.0.0.1");
    nettest_id_make(&t.client_id, "agent");
    int rc = 2;
    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        serve(&t, 0, STDIN_FILENO, STDOUT_FILENO);
        rc = 0;
    } else if (argc == 3 && strcmp(argv[1], "agents") == 0 &&
               tg_parse_u64(argv[2], strlen(argv[2]), 100000, &n) && n > 0) {
        rc = run_agents(&t, (size_t)n);
    } else {
        (void)fprintf(stderr, "usage: net-bench agents N | serve\n");
    }
    nettest_id_done(&t.server_id);
    nettest_id_done(&t.client_id);
    return rc;
}
