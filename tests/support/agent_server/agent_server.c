#include "agent_server/agent_server.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "routes.h"
#include "json/json.h"

enum { WAIT_MS = 20 * 1000, STEP_MS = 10 };

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct tg_err *err_ = &must_err;                                                           \
        (void)err_;                                                                                \
        if ((call) < 0) {                                                                          \
            (void)fprintf(stderr, "agent_server: %s: %s\n", #call, must_err.text);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
static struct tg_err must_err;

void agent_server_lock(struct agent_server *s)
{
    TG_CHECK(pthread_mutex_lock(&s->lock) == 0);
}

void agent_server_unlock(struct agent_server *s)
{
    TG_CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

static void on_request(struct tg_request *req, void *data)
{
    struct agent_server *s = data;
    agent_server_lock(s);
    agent_server_route(s, req);
    agent_server_unlock(s);
}

static size_t limit_for(const struct tg_request *req, void *data)
{
    (void)req;
    (void)data;
    return TG_MAX_MESSAGE;
}

static void on_poke(uv_async_t *poke)
{
    struct agent_server *s = poke->data;
    agent_server_lock(s);
    agent_server_flush(s);
    if (s->end_streams && s->stream) {
        tg_stream_end(s->stream);
        s->stream = NULL;
    }
    s->end_streams = false;
    bool stopping = s->stopping;
    agent_server_unlock(s);
    if (!stopping) return;
    tg_server_stop(s->server, 1, NULL, NULL);
    uv_close((uv_handle_t *)poke, NULL);
}

static void *run(void *data)
{
    struct agent_server *s = data;
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    return NULL;
}

static SSL_CTX *context(struct agent_server *s)
{
    const struct seal_party *p = s->script.stranger ? &s->world->stranger : &s->world->server;
    TG_AUTO(secret) struct tg_secret key = {0};
    SSL_CTX *ctx = NULL;
    size_t len = 0;
    const uint8_t *der = tg_cert_der(p->cert, &len);
    MUST(tg_key_to_secret(p->key, &key, &must_err));
    struct tg_tls_identity id = {.cert = der, .cert_len = len, .key = key.data, .key_len = key.len};
    MUST(tg_tls_server_ctx(TG_TLS_AGENTS, &id, &ctx, &must_err));
    return ctx;
}

/* s holds nothing but a script, and what an earlier run left in it. */
void agent_server_start(struct agent_server *s, struct seal_world *world, uint16_t port)
{
    struct tg_server_limits limits;
    struct tg_server_handlers handlers = {on_request, limit_for, NULL, s};
    (void)signal(SIGPIPE, SIG_IGN);
    s->world = world;
    s->stopping = false;
    s->stream = NULL;
    TG_CHECK(pthread_mutex_init(&s->lock, NULL) == 0 && uv_loop_init(&s->loop) == 0);
    tg_server_limits_default(&limits);
    s->server = tg_server_new(&s->loop, &limits, &handlers);
    SSL_CTX *ctx = context(s);
    MUST(tg_server_listen_tcp(s->server, "127.0.0.1", port, ctx, TG_LISTENER_AGENTS, &s->port,
                              &must_err));
    tg_tls_ctx_free(ctx);
    (void)snprintf(s->url, sizeof s->url, "https://127.0.0.1:%u", s->port);
    TG_CHECK(uv_async_init(&s->loop, &s->poke, on_poke) == 0);
    s->poke.data = s;
    TG_CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
}

/* Reports and events stay: a server that comes back remembers (agent_server_forget ends it). */
void agent_server_stop(struct agent_server *s)
{
    agent_server_lock(s);
    s->stopping = true;
    agent_server_unlock(s);
    (void)uv_async_send(&s->poke);
    TG_CHECK(pthread_join(s->thread, NULL) == 0);
    tg_server_free(s->server);
    TG_CHECK(uv_loop_close(&s->loop) == 0);
    (void)pthread_mutex_destroy(&s->lock);
}

void agent_server_forget(struct agent_server *s)
{
    for (size_t i = 0; i < s->events_count; i++)
        free(s->events[i].line);
    for (size_t i = 0; i < s->posts_count; i++)
        free(s->posts[i].line);
    s->events_count = s->posts_count = 0;
}

void agent_server_push_line(struct agent_server *s, int64_t id, const char *line)
{
    agent_server_lock(s);
    TG_CHECK(s->events_count < AGENT_SERVER_MANY);
    s->events[s->events_count].id = id;
    s->events[s->events_count++].line = tg_printf("%s\n", line);
    agent_server_unlock(s);
    (void)uv_async_send(&s->poke);
}

void agent_server_push(struct agent_server *s, enum tg_wire_type type, int64_t id, const void *body)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(type, id, body, &line);
    agent_server_push_line(s, id, tg_buf_text(&line));
}

void agent_server_drop_streams(struct agent_server *s)
{
    agent_server_lock(s);
    s->end_streams = true;
    agent_server_unlock(s);
    (void)uv_async_send(&s->poke);
}

static char *nth_post(struct agent_server *s, enum tg_wire_type type, size_t nth)
{
    char *line = NULL;
    agent_server_lock(s);
    for (size_t i = 0; i < s->posts_count && !line; i++)
        if (s->posts[i].type == type && --nth == 0) line = tg_strdup(s->posts[i].line);
    agent_server_unlock(s);
    return line;
}

struct tg_wire_message *agent_server_report(struct agent_server *s, enum tg_wire_type type,
                                            size_t nth)
{
    struct tg_wire_message *m = NULL;
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        char *line = nth_post(s, type, nth);
        if (line) MUST(tg_wire_parse(line, strlen(line), &m, &must_err));
        free(line);
        if (m) return m;
        (void)poll(NULL, 0, STEP_MS);
    }
    return NULL;
}

size_t agent_server_count(struct agent_server *s, enum tg_wire_type type)
{
    size_t n = 0;
    agent_server_lock(s);
    for (size_t i = 0; i < s->posts_count; i++)
        n += s->posts[i].type == type;
    agent_server_unlock(s);
    return n;
}

bool agent_server_wait_streams(struct agent_server *s, int count)
{
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        agent_server_lock(s);
        bool there = s->streams >= count;
        agent_server_unlock(s);
        if (there) return true;
        (void)poll(NULL, 0, STEP_MS);
    }
    return false;
}
