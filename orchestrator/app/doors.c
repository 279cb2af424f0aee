/* The listeners, and the hand-over of each request to its door. */
#include <string.h>

#include "app.h"
#include "base/log.h"
#include "base/str.h"
#include "net/tls.h"

enum { DRAIN_MS = 5000 };

static void on_request(struct tg_request *req, void *data)
{
    struct app *app = data;
    const char *path = tg_request_path(req);
    bool agent = tg_conn_listener(tg_request_conn(req)) == TG_LISTENER_AGENTS;
    static const char nothing[] =
        "{\"title\":\"there is no such thing\",\"status\":404,\"code\":\"not-found\"}";
    if (agent && tg_starts(path, "/agent/"))
        agent_api_on_request(app->agent_api, req);
    else if (!agent && tg_starts(path, "/api/"))
        api_on_request(app->api, req);
    else
        tg_respond(req, 404, "application/problem+json", nothing, sizeof nothing - 1);
}

static size_t limit_for(const struct tg_request *req, void *data)
{
    const struct app *app = data;
    bool agent = tg_conn_listener(tg_request_conn(req)) == TG_LISTENER_AGENTS;
    return agent ? agent_api_limit_for(app->agent_api, req) : api_limit_for(app->api, req);
}

static int64_t wall(void *data)
{
    return tg_loop_wall(&((struct app *)data)->loop);
}

/* One key for both listeners for as long as the state folder lives: the trust document pins it. */
static int make_context(struct app *app, enum tg_tls_kind kind, SSL_CTX **ret, struct tg_err *err)
{
    const char *hosts[] = {app->settings.api_host, app->settings.agent_host, "localhost"};
    TG_AUTO(buf) struct tg_buf chain = TG_BUF(64 * 1024);
    TG_AUTO(secret) struct tg_secret key = {0};
    TG_TRY(ca_identity_listener(app->identity, hosts, TG_COUNT(hosts), tg_loop_wall(&app->loop),
                                &chain, &key, app->server_spki, err));
    struct tg_tls_identity id = {.cert = chain.data,
                                 .cert_len = chain.len,
                                 .key = key.data,
                                 .key_len = key.len};
    return tg_tls_server_ctx(kind, &id, ret, err);
}

static int listen_tls(struct app *app, enum tg_listener listener, struct tg_err *err)
{
    bool agents = listener == TG_LISTENER_AGENTS;
    SSL_CTX *ctx = NULL;
    TG_TRY(make_context(app, agents ? TG_TLS_AGENTS : TG_TLS_API, &ctx, err));
    const char *host = agents ? app->settings.agent_host : app->settings.api_host;
    uint16_t port = agents ? app->settings.agent_port : app->settings.api_port;
    uint16_t *ret_port = agents ? &app->agent_port : &app->api_port;
    int rc = tg_server_listen_tcp(app->server, host, port, ctx, listener, ret_port, err);
    tg_tls_ctx_free(ctx);
    if (rc == 0)
        tg_log(TG_LOG_INFO, "net", "listen", "door=%s host=%s port=%u", agents ? "agent" : "api",
               host, *ret_port);
    return rc;
}

int app_doors_open(struct app *app, struct tg_err *err)
{
    char path[SETTINGS_PATH];
    struct tg_server_limits limits;
    struct tg_server_handlers handlers = {.on_request = on_request,
                                          .limit_for = limit_for,
                                          .wall_s = wall,
                                          .data = app};
    tg_server_limits_default(&limits);
    app->server = tg_server_new(&app->loop.uv, &limits, &handlers);
    TG_TRY(listen_tls(app, TG_LISTENER_API, err));
    TG_TRY(listen_tls(app, TG_LISTENER_AGENTS, err));
    snprintf(path, sizeof path, "%.4000s/api.sock", app->settings.state);
    return tg_server_listen_unix(app->server, path, 0666,
                                 err); /* who asks is told by the kernel, not by the mode */
}

static void on_server_closed(void *data)
{
    struct tg_stop_hook *hook = data;
    struct app *app = hook->data;
    char path[SETTINGS_PATH];
    tg_server_free(app->server);
    agent_api_free(app->agent_api);
    api_free(app->api);
    snprintf(path, sizeof path, "%.4000s/api.sock", app->settings.state);
    unlink(path);
    tg_stop_hook_done(hook);
}

void app_doors_stop(struct tg_stop_hook *hook, void *data)
{
    struct app *app = data;
    if (app->agent_api) agent_api_stop(app->agent_api);
    tg_server_stop(app->server, DRAIN_MS, on_server_closed, hook);
}
