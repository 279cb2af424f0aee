#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/str.h"
#include "server_private.h"

struct link_write {
    uv_write_t req;
    struct link *link;
    uint8_t bytes[];
};

enum { KEEPALIVE_S = 60, USER_TIMEOUT_MS = 60 * 1000 };

static void start_write(struct link *link, const uint8_t *bytes, size_t len);

static void after_write(struct link *link)
{
    if (link->tail.len > 0) {
        start_write(link, link->tail.data, link->tail.len);
        tg_buf_done(&link->tail);
        return;
    }
    if (link->state == LINK_OPEN) link_flush(link);
}

static void on_written(uv_write_t *req, int status)
{
    struct link_write *w = tg_container_of(req, struct link_write, req);
    struct link *link = w->link;
    free(w);
    link->writing = NULL;
    dl_stop(&link->slow);
    if (link->state == LINK_CLOSED) return;
    if (status < 0) {
        link_close(link);
        return;
    }
    after_write(link);
    server_arm(link->server);
}

static void start_write(struct link *link, const uint8_t *bytes, size_t len)
{
    struct link_write *w = tg_alloc(sizeof *w + len);
    w->link = link;
    memcpy(w->bytes, bytes, len);
    uv_buf_t buf = uv_buf_init((char *)w->bytes, (unsigned)len);
    if (uv_write(&w->req, &link->h.stream, &buf, 1, on_written) < 0) {
        free(w);
        link_close(link);
        return;
    }
    link->writing = w;
    dl_start(&link->server->write, &link->slow, h2_now(link->server->sh));
}

/* Hand the shared output buffer to the kernel; what it does not take waits in order. */
static void push(struct link *link)
{
    struct tg_buf *out = &link->server->out;
    if (out->len > 0 && link->state != LINK_CLOSED) {
        if (link->writing) {
            tg_buf_add(&link->tail, out->data, out->len);
            if (link->tail.failed) link_close(link);
        } else {
            uv_buf_t buf = uv_buf_init((char *)out->data, (unsigned)out->len);
            int n = uv_try_write(&link->h.stream, &buf, 1);
            size_t sent = n > 0 ? (size_t)n : 0;
            if (n < 0 && n != UV_EAGAIN)
                link_close(link);
            else if (sent < out->len)
                start_write(link, out->data + sent, out->len - sent);
        }
    }
    tg_buf_reset(out);
}

void link_flush(struct link *link)
{
    struct tg_server *s = link->server;
    tg_list_del(&link->dirty);
    s->current = link;
    while (link->state == LINK_OPEN && !link->writing) {
        size_t n = tg_h2_output(link->h2, s->plain_out, PLAIN_ROOM);
        if (n > 0 && !link->ssl) tg_buf_add(&s->out, s->plain_out, n);
        if (n > 0 && link->ssl && !link_tls_send(link, s->plain_out, n)) link_close(link);
        if (n == 0 || s->out.len >= OUT_PUSH) push(link);
        if (n == 0) break;
    }
    tg_buf_reset(&s->out);
    s->current = NULL;
    link_settle(link);
}

void link_settle(struct link *link)
{
    if (link->state == LINK_OPEN && !link->writing && tg_h2_finished(link->h2)) link_finish(link);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)req, (void)status; /* the peer's end of file or the deadline closes */
}

void link_finish(struct link *link)
{
    if (link->state >= LINK_LINGER) return;
    if (link->state == LINK_HANDSHAKE) server_handshake_ended(link->server);
    link->state = LINK_LINGER;
    tg_h2_free(TG_TAKE(link->h2)); /* who waits on it hears now, not when the peer is done */
    if (link->ssl) (void)SSL_shutdown(link->ssl);
    push(link);
    if (link->state != LINK_LINGER) return;
    dl_start(&link->server->linger, &link->phase, h2_now(link->server->sh));
    /* Closing now could destroy in the peer's buffer what we just sent (RST). */
    if (uv_shutdown(&link->shutdown, &link->h.stream, on_shutdown) < 0) link_close(link);
}

static void on_closed(uv_handle_t *handle)
{
    server_link_closed(handle->data);
}

void link_close(struct link *link)
{
    if (link->state == LINK_CLOSED) return;
    if (link->state == LINK_HANDSHAKE) server_handshake_ended(link->server);
    link->state = LINK_CLOSED;
    tg_list_del(&link->dirty);
    dl_stop(&link->phase);
    dl_stop(&link->slow);
    tg_h2_free(TG_TAKE(link->h2));
    conn_gone(link->conn);
    SSL_free(TG_TAKE(link->ssl));
    tg_buf_done(&link->tail);
    uv_close(&link->h.any, on_closed);
}

void link_terminate(struct link *link)
{
    if (link->state == LINK_OPEN) h2_terminate(link->h2, NGHTTP2_NO_ERROR);
}

void link_shutdown(struct link *link)
{
    if (link->state == LINK_OPEN) tg_h2_shutdown(link->h2);
}

void link_opened(struct link *link)
{
    struct tg_server *s = link->server;
    if (link->state == LINK_HANDSHAKE && link->ssl) server_handshake_ended(s);
    link->state = LINK_OPEN;
    link->h2 = tg_h2_new(s->sh, link->conn);
    link->h2->owner = link;
    dl_start(&s->first, &link->phase, h2_now(s->sh));
    if (s->stopping) tg_h2_shutdown(link->h2);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct link *link = handle->data;
    *buf = uv_buf_init((char *)link->server->in, IN_ROOM);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct link *link = stream->data;
    struct tg_server *s = link->server;
    if (nread == 0) return;
    if (nread < 0) {
        link_close(link);
        server_arm(s);
        return;
    }
    if (link->state != LINK_OPEN && link->state != LINK_HANDSHAKE)
        return; /* lingering: into the void */
    s->current = link;
    link->in = (const uint8_t *)buf->base;
    link->in_len = (size_t)nread;
    if (link->ssl)
        link_tls_input(link);
    else
        (void)tg_h2_input(link->h2, buf->base, (size_t)nread,
                          NULL); /* a broken session says finished */
    push(link);                  /* what TLS itself has to say goes first */
    link_flush(link);
    server_arm(s);
}

static void describe_tcp(struct link *link)
{
    struct sockaddr_storage addr;
    int len = sizeof addr;
    char host[48] = "";
    if (uv_tcp_getpeername(&link->h.tcp, (struct sockaddr *)&addr, &len) < 0) return;
    bool v6 = addr.ss_family == AF_INET6;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&addr;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&addr;
    if (v6 ? uv_ip6_name(six, host, sizeof host) : uv_ip4_name(four, host, sizeof host)) return;
    (void)snprintf(link->conn->address, sizeof link->conn->address, v6 ? "[%s]:%u" : "%s:%u", host,
                   ntohs(v6 ? six->sin6_port : four->sin_port));
}

static void prepare_tcp(struct link *link)
{
    describe_tcp(link);
    (void)uv_tcp_nodelay(&link->h.tcp, 1);
    (void)uv_tcp_keepalive(&link->h.tcp, 1, KEEPALIVE_S);
    uv_os_fd_t fd = -1;
    int ms = USER_TIMEOUT_MS;
    if (uv_fileno(&link->h.any, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

static void prepare_unix(struct link *link)
{
    struct ucred cred = {0};
    socklen_t len = sizeof cred;
    uv_os_fd_t fd = -1;
    (void)tg_copy(link->conn->address, sizeof link->conn->address, "unix");
    if (uv_fileno(&link->h.any, &fd) < 0) return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) return;
    link->conn->has_unix_peer = true;
    link->conn->uid = cred.uid;
    link->conn->gid = cred.gid;
    link->conn->pid = cred.pid;
}

void link_start(struct link *link, enum tg_listener listener, SSL_CTX *ctx)
{
    struct tg_server *s = link->server;
    link->tail = TG_BUF(TAIL_MAX);
    link->conn = conn_new(link, listener);
    link->conn->id = ++s->next_id;
    if (ctx) {
        prepare_tcp(link);
        link_tls_start(link, ctx);
        s->sh->stats.handshaking++;
        dl_start(&s->handshake, &link->phase, h2_now(s->sh));
    } else {
        prepare_unix(link);
        link_opened(link);
    }
    if (uv_read_start(&link->h.stream, on_alloc, on_read) < 0) link_close(link);
}
