#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "nettest/nettest.h"

/* Any instant does: 2024-01-01 to 2034. */
static const int64_t FROM = 1704067200, UNTIL = 2019600000;

void nettest_id_make(struct nettest_id *id, const char *name)
{
    *id = (struct nettest_id){.cert = TG_BUF(16384)};
    TG_CHECK(tg_tls_new_key(&id->key, NULL) == 0);
    TG_CHECK(tg_tls_selfsigned(id->key, name, FROM, UNTIL, &id->cert, NULL) == 0);
    TG_CHECK(tg_tls_key_pem(id->key, &id->key_pem, NULL) == 0);
    TG_CHECK(tg_tls_key_spki(id->key, id->spki));
}

void nettest_id_done(struct nettest_id *id)
{
    tg_tls_pkey_free(id->key);
    tg_buf_done(&id->cert);
    tg_secret_done(&id->key_pem);
}

static void on_parked_close(struct tg_request *req, void *data)
{
    struct nettest *t = data;
    TG_CHECK(!tg_request_alive(req));
    atomic_fetch_add(&t->parked_closed, 1);
}

static void on_stream_close(struct tg_stream *stream, void *data)
{
    struct nettest *t = data;
    for (size_t i = 0; i < NETTEST_PARKED; i++)
        if (t->streams[i] == stream) t->streams[i] = NULL;
    atomic_fetch_add(&t->streams_closed, 1);
}

static void write_all(struct nettest *t, const void *bytes, size_t len)
{
    for (size_t i = 0; i < NETTEST_PARKED; i++) {
        if (!t->streams[i]) continue;
        if (tg_stream_write(t->streams[i], bytes, len, NULL) == TG_E_LIMIT)
            atomic_fetch_add(&t->stream_limit_hits, 1);
        size_t pending = tg_stream_pending(t->streams[i]);
        if (pending > atomic_load(&t->worst_pending)) atomic_store(&t->worst_pending, pending);
    }
}

static void info(struct tg_request *req)
{
    struct tg_conn *c = tg_request_conn(req);
    uint8_t exporter[TG_TLS_EXPORTER];
    struct tg_buf out = TG_BUF(4096);
    tg_buf_printf(&out, "conn=%llu listener=%d spki=", (unsigned long long)tg_conn_id(c),
                  (int)tg_conn_listener(c));
    if (tg_conn_peer_spki(c)) tg_buf_hex(&out, tg_conn_peer_spki(c), TG_SHA256);
    tg_buf_puts(&out, " exporter=");
    if (tg_conn_exporter(c, exporter)) tg_buf_hex(&out, exporter, sizeof exporter);
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
    if (tg_conn_unix_peer(c, &uid, &gid, &pid))
        tg_buf_printf(&out, " uid=%u pid=%d", uid, (int)pid);
    struct tg_buf der = TG_BUF(65536);
    if (tg_conn_peer_cert(c, &der, NULL) == 0) tg_buf_printf(&out, " cert=%zu", der.len);
    tg_buf_printf(&out, " address=%s", tg_conn_address(c));
    tg_respond(req, 200, "text/plain", out.data, out.len);
    tg_buf_done(&out);
    tg_buf_done(&der);
}

static void release_all(struct nettest *t)
{
    for (size_t i = 0; i < NETTEST_PARKED; i++) {
        if (t->parked[i]) tg_respond(TG_TAKE(t->parked[i]), 200, "text/plain", "released", 8);
    }
}

static void end_all(struct nettest *t)
{
    for (size_t i = 0; i < NETTEST_PARKED; i++)
        if (t->streams[i]) tg_stream_end(TG_TAKE(t->streams[i]));
}

static void park(struct nettest *t, struct tg_request *req)
{
    for (size_t i = 0; i < NETTEST_PARKED; i++) {
        if (t->parked[i]) continue;
        t->parked[i] = req;
        tg_request_on_close(req, on_parked_close, t);
        return;
    }
    tg_respond(req, 503, NULL, NULL, 0);
}

static void events(struct nettest *t, struct tg_request *req)
{
    for (size_t i = 0; i < NETTEST_PARKED; i++) {
        if (t->streams[i]) continue;
        t->streams[i] = tg_stream_start(req, 200, "application/x-ndjson", on_stream_close, t);
        (void)tg_stream_write(t->streams[i], "hello\n", 6, NULL);
        return;
    }
    tg_respond(req, 503, NULL, NULL, 0);
}

static void param(struct tg_request *req)
{
    char value[64];
    struct tg_err err = {0};
    int rc = tg_request_param(req, "name", value, sizeof value, &err);
    tg_respond_header(req, "x-path", tg_request_path(req));
    if (rc < 0) {
        const char *word = tg_code_word(rc);
        tg_respond(req, 400, "text/plain", word, strlen(word));
        return;
    }
    tg_respond(req, 200, "text/plain", value, strlen(value));
}

static void post(struct nettest *t, struct tg_request *req, const char *path)
{
    size_t len = 0;
    const uint8_t *body = tg_request_body(req, &len);
    if (strcmp(path, "/echo") == 0) {
        tg_respond(req, 200, "application/json", body, len);
        return;
    }
    char event[500];
    memset(event, 'e', sizeof event);
    if (strcmp(path, "/push") == 0) write_all(t, body, len);
    if (strcmp(path, "/flood") == 0)
        for (int i = 0; i < 20000; i++)
            write_all(t, event, sizeof event);
    if (strcmp(path, "/end") == 0) end_all(t);
    if (strcmp(path, "/release") == 0) release_all(t);
    if (strcmp(path, "/ban") == 0) tg_conn_close(tg_request_conn(req));
    tg_respond(req, 204, NULL, NULL, 0);
}

static void on_request(struct tg_request *req, void *data)
{
    struct nettest *t = data;
    const char *path = tg_request_path(req);
    atomic_fetch_add(&t->on_request, 1);
    if (strcmp(tg_request_method(req), "POST") == 0)
        post(t, req, path);
    else if (strcmp(path, "/info") == 0)
        info(req);
    else if (strcmp(path, "/big") == 0)
        tg_respond_static(req, 200, "application/octet-stream", t->huge, NETTEST_BIG, NULL, NULL);
    else if (strcmp(path, "/huge") == 0)
        tg_respond_static(req, 200, "application/octet-stream", t->huge, NETTEST_HUGE, NULL, NULL);
    else if (strcmp(path, "/park") == 0)
        park(t, req);
    else if (strcmp(path, "/events") == 0)
        events(t, req);
    else if (strcmp(path, "/param") == 0)
        param(req);
    else
        tg_respond(req, 404, "text/plain", "no", 2);
}

static size_t limit_for(const struct tg_request *req, void *data)
{
    (void)data;
    return strcmp(tg_request_path(req), "/upload") == 0 ? NETTEST_HUGE : NETTEST_BODY;
}

static int64_t wall(void *data)
{
    (void)data;
    return INT64_C(784111777); /* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 */
}

void nettest_limits(struct nettest *t)
{
    memset(t, 0, sizeof *t);
    tg_server_limits_default(&t->limits);
    t->limits.linger_ms = 150;
    t->limits.connections = 2000;
    t->limits.stream_backlog = 256 * 1024;
}

static void on_stopped(void *data)
{
    struct nettest *t = data;
    tg_server_stats(t->server, &t->stats);
    tg_server_free(t->server);
    release_all(t); /* into the void, after the server is gone */
}

static void on_stop(uv_async_t *async)
{
    struct nettest *t = async->data;
    uv_close((uv_handle_t *)async, NULL);
    tg_server_stop(t->server, t->drain_ms, on_stopped, t);
}

static void *run(void *data)
{
    struct nettest *t = data;
    (void)uv_run(&t->loop, UV_RUN_DEFAULT);
    t->loop_close = uv_loop_close(&t->loop);
    return NULL;
}

static void listen_all(struct nettest *t)
{
    struct tg_tls_identity id = {.cert = t->server_id.cert.data,
                                 .cert_len = t->server_id.cert.len,
                                 .pkey = t->server_id.key};
    TG_AUTO(tls_ctx) SSL_CTX *agents = NULL;
    TG_AUTO(tls_ctx) SSL_CTX *api = NULL;
    TG_CHECK(tg_tls_server_ctx(TG_TLS_AGENTS, &id, &agents, NULL) == 0);
    TG_CHECK(tg_tls_server_ctx(TG_TLS_API, &id, &api, NULL) == 0);
    TG_CHECK(tg_server_listen_tcp(t->server, "127.0.0.1", 0, agents, TG_LISTENER_AGENTS,
                                  &t->agents_port, NULL) == 0);
    TG_CHECK(tg_server_listen_tcp(t->server, "127.0.0.1", 0, api, TG_LISTENER_API, &t->api_port,
                                  NULL) == 0);
    TG_CHECK(tg_server_listen_unix(t->server, t->sock, 0600, NULL) == 0);
}

void nettest_start(struct nettest *t)
{
    (void)signal(SIGPIPE, SIG_IGN);
    nettest_id_make(&t->server_id, "127.0.0.1");
    nettest_id_make(&t->client_id, "agent");
    t->huge = tg_alloc(NETTEST_HUGE);
    for (size_t i = 0; i < NETTEST_HUGE; i++)
        t->huge[i] = (uint8_t)(i * 31 + (i >> 8));
    (void)snprintf(t->dir, sizeof t->dir, "/tmp/nettest-XXXXXX");
    TG_CHECK(mkdtemp(t->dir));
    (void)snprintf(t->sock, sizeof t->sock, "%s/api.sock", t->dir);
    TG_CHECK(uv_loop_init(&t->loop) == 0);
    struct tg_server_handlers handlers = {on_request, limit_for, wall, t};
    t->server = tg_server_new(&t->loop, &t->limits, &handlers);
    listen_all(t);
    TG_CHECK(uv_async_init(&t->loop, &t->stop, on_stop) == 0);
    t->stop.data = t;
    TG_CHECK(pthread_create(&t->thread, NULL, run, t) == 0);
}

void nettest_stop(struct nettest *t, unsigned drain_ms)
{
    t->drain_ms = drain_ms;
    TG_CHECK(uv_async_send(&t->stop) == 0);
    TG_CHECK(pthread_join(t->thread, NULL) == 0);
}

void nettest_free(struct nettest *t)
{
    (void)rmdir(t->dir);
    free(t->huge);
    nettest_id_done(&t->server_id);
    nettest_id_done(&t->client_id);
}

struct tg_client_opts nettest_opts(struct nettest *t, char url[64], uint16_t port)
{
    (void)snprintf(url, 64, "https://127.0.0.1:%u", port);
    return (struct tg_client_opts){.url = url,
                                   .cert = t->client_id.cert.data,
                                   .cert_len = t->client_id.cert.len,
                                   .key = t->client_id.key_pem.data,
                                   .key_len = t->client_id.key_pem.len,
                                   .ca = t->server_id.cert.data,
                                   .ca_len = t->server_id.cert.len,
                                   .proxy = ""};
}
