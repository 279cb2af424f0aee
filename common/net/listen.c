/* Listeners: bind, accept, pause while too many handshakes are in flight. */
#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server_private.h"

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    struct tg_server *s = l->server;
    tg_list_del(&l->node);
    SSL_CTX_free(l->ctx);
    free(l);
    server_handle_closed(s);
}

void listener_close(struct listener *l)
{
    if (!uv_is_closing(&l->h.any)) uv_close(&l->h.any, on_listener_closed);
}

static void accept_one(struct listener *l)
{
    struct tg_server *s = l->server;
    struct link *link = TG_NEW(struct link);
    link->server = s;
    if (l->ctx)
        TG_CHECK(uv_tcp_init(s->loop, &link->h.tcp) == 0);
    else
        TG_CHECK(uv_pipe_init(s->loop, &link->h.pipe, 0) == 0);
    link->h.any.data = link;
    s->handles++;
    s->sh->stats.connections++;
    s->sh->stats.accepted++;
    tg_list_add(&s->links, &link->node);
    bool full = s->sh->stats.connections > s->sh->limits.connections;
    int rc = uv_accept(&l->h.stream, &link->h.stream);
    link_start(link, l->kind, l->ctx);
    if (full) s->sh->stats.refused++;
    if (rc < 0 || full) link_close(link);
}

void listener_resume(struct listener *l)
{
    if (!l->paused || uv_is_closing(&l->h.any)) return;
    l->paused = false;
    accept_one(l);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    struct tg_server *s = l->server;
    if (status < 0) return; /* this one is lost; the next comes by itself */
    /* Not accepting makes libuv stop polling the listener until uv_accept(): the kernel's queue is
     * the brake. */
    if (l->ctx && s->sh->stats.handshaking >= s->sh->limits.handshakes) {
        l->paused = true;
        return;
    }
    accept_one(l);
    server_arm(s);
}

static struct listener *listener_new(struct tg_server *s, enum tg_listener kind, SSL_CTX *ctx)
{
    struct listener *l = TG_NEW(struct listener);
    l->server = s;
    l->kind = kind;
    if (ctx) {
        TG_CHECK(SSL_CTX_up_ref(ctx) == 1);
        l->ctx = ctx;
        TG_CHECK(uv_tcp_init(s->loop, &l->h.tcp) == 0);
    } else {
        TG_CHECK(uv_pipe_init(s->loop, &l->h.pipe, 0) == 0);
    }
    l->h.any.data = l;
    tg_list_add(&s->listeners, &l->node);
    s->handles++;
    return l;
}

enum { BACKLOG = 1024 };

static int listen_now(struct listener *l, const char *what, struct tg_err *err)
{
    int rc = uv_listen(&l->h.stream, BACKLOG, on_connection);
    if (rc == 0) return 0;
    listener_close(l);
    return TG_FAIL(err, TG_E_IO, "listen on %s: %s", what, uv_strerror(rc));
}

static uint16_t port_of(const struct listener *l)
{
    struct sockaddr_storage addr;
    int len = sizeof addr;
    if (uv_tcp_getsockname(&l->h.tcp, (struct sockaddr *)&addr, &len) < 0) return 0;
    if (addr.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&addr)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)&addr)->sin_port);
}

int tg_server_listen_tcp(struct tg_server *s, const char *host, uint16_t port, SSL_CTX *ctx,
                         enum tg_listener kind, uint16_t *ret_port, struct tg_err *err)
{
    TG_CHECK(ctx && kind != TG_LISTENER_UNIX && !s->stopping);
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } addr;
    if (uv_ip4_addr(host, port, &addr.four) < 0 && uv_ip6_addr(host, port, &addr.six) < 0)
        return TG_FAIL(err, TG_E_INPUT, "listen on %s: give an IPv4 or IPv6 address in digits",
                       host);
    struct listener *l = listener_new(s, kind, ctx);
    int rc = uv_tcp_bind(&l->h.tcp, &addr.any, 0);
    if (rc < 0) {
        listener_close(l);
        return TG_FAIL(err, TG_E_IO, "listen on %s:%u: %s", host, port, uv_strerror(rc));
    }
    TG_TRY(listen_now(l, host, err));
    if (ret_port) *ret_port = port_of(l);
    return 0;
}

/* Only a socket is removed: a path given by mistake keeps its file. */
static int make_room(const char *path, struct tg_err *err)
{
    struct sockaddr_un addr;
    if (strlen(path) >= sizeof addr.sun_path)
        return TG_FAIL(err, TG_E_LIMIT, "socket %s: a path has at most %zu bytes", path,
                       sizeof addr.sun_path - 1);
    struct stat st;
    if (lstat(path, &st) < 0) return 0;
    if (!S_ISSOCK(st.st_mode))
        return TG_FAIL(err, TG_E_EXISTS, "socket %s: another file stands there", path);
    if (unlink(path) < 0)
        return TG_FAIL(err, TG_E_IO, "socket %s: the old one cannot be removed", path);
    return 0;
}

int tg_server_listen_unix(struct tg_server *s, const char *path, unsigned mode, struct tg_err *err)
{
    TG_CHECK(!s->stopping);
    TG_TRY(make_room(path, err));
    struct listener *l = listener_new(s, TG_LISTENER_UNIX, NULL);
    int rc = uv_pipe_bind(&l->h.pipe, path);
    /* Nobody can connect between bind and listen, so the mode is in force from the start. */
    if (rc < 0 || chmod(path, mode) < 0) {
        listener_close(l);
        return TG_FAIL(err, TG_E_IO, "socket %s: %s", path,
                       rc < 0 ? uv_strerror(rc) : "chmod failed");
    }
    return listen_now(l, path, err);
}

void tg_server_set_ctx(struct tg_server *s, enum tg_listener kind, SSL_CTX *ctx)
{
    struct listener *l;
    tg_list_each(l, &s->listeners, struct listener, node)
    {
        if (l->kind != kind || !l->ctx) continue;
        TG_CHECK(SSL_CTX_up_ref(ctx) == 1);
        SSL_CTX_free(l->ctx);
        l->ctx = ctx;
    }
}
