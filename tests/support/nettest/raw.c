#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "nettest/nettest.h"

static void begin(struct raw *r, int fd)
{
    memset(r, 0, sizeof *r);
    r->fd = fd;
    r->in = TG_BUF(16 * 1024 * 1024);
    r->text = TG_BUF(16 * 1024 * 1024);
}

static void patience(int fd)
{
    struct timeval t = {.tv_sec = 10};
    TG_CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0);
    TG_CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0);
}

void raw_tcp(struct raw *r, uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TG_CHECK(fd >= 0);
    patience(fd);
    int small = 64 * 1024; /* else the kernel alone takes the floods of the tests */
    TG_CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    TG_CHECK(connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    begin(r, fd);
}

void raw_unix(struct raw *r, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TG_CHECK(fd >= 0);
    patience(fd);
    TG_CHECK(connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    begin(r, fd);
}

SSL_CTX *raw_ctx(struct nettest *t, bool with_certificate)
{
    struct tg_tls_identity id = {.cert = t->client_id.cert.data,
                                 .cert_len = t->client_id.cert.len,
                                 .pkey = t->client_id.key};
    SSL_CTX *ctx = NULL;
    TG_CHECK(tg_tls_client_ctx(with_certificate ? &id : NULL, t->server_id.cert.data,
                               t->server_id.cert.len, &ctx, NULL) == 0);
    return ctx;
}

bool raw_tls(struct raw *r, SSL_CTX *ctx, SSL_SESSION *session)
{
    r->ssl = SSL_new(ctx);
    TG_CHECK(r->ssl && SSL_set_fd(r->ssl, r->fd) == 1);
    if (session) TG_CHECK(SSL_set_session(r->ssl, session) == 1);
    return SSL_connect(r->ssl) == 1;
}

void raw_done(struct raw *r)
{
    SSL_free(r->ssl);
    close(r->fd);
    tg_buf_done(&r->in);
    tg_buf_done(&r->text);
}

bool raw_send(struct raw *r, const void *bytes, size_t len)
{
    if (len == 0) return true;
    if (r->ssl) {
        size_t done = 0;
        return SSL_write_ex(r->ssl, bytes, len, &done) == 1;
    }
    return send(r->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

void raw_preface(struct raw *r)
{
    static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    TG_CHECK(raw_send(r, magic, sizeof magic - 1));
    TG_CHECK(raw_frame(r, 4, 0, 0, NULL, 0));
}

bool raw_frame(struct raw *r, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
               size_t len)
{
    uint8_t head[9] = {(uint8_t)(len >> 16),
                       (uint8_t)(len >> 8),
                       (uint8_t)len,
                       type,
                       flags,
                       (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16),
                       (uint8_t)(stream >> 8),
                       (uint8_t)stream};
    struct tg_buf out = TG_BUF(32 * 1024 * 1024);
    tg_buf_add(&out, head, sizeof head);
    if (len) tg_buf_add(&out, payload, len);
    bool sent = raw_send(r, out.data, out.len);
    tg_buf_done(&out);
    return sent;
}

static void hpack_string(struct tg_buf *out, const char *text)
{
    size_t len = strlen(text);
    if (len < 127) {
        tg_buf_putc(out, (char)len);
    } else {
        tg_buf_putc(out, 127); /* RFC 7541 §5.1 */
        size_t rest = len - 127;
        for (; rest >= 128; rest >>= 7)
            tg_buf_putc(out, (char)((rest & 127) | 128));
        tg_buf_putc(out, (char)rest);
    }
    tg_buf_add(out, text, len);
}

void hpack_pair(struct tg_buf *out, const char *name, const char *value)
{
    tg_buf_putc(out, 0);
    hpack_string(out, name);
    hpack_string(out, value);
}

bool raw_request(struct raw *r, uint32_t stream, const char *method, const char *path, long length,
                 bool end_stream)
{
    struct tg_buf block = TG_BUF(65536);
    char digits[24];
    hpack_pair(&block, ":method", method);
    hpack_pair(&block, ":scheme", "https");
    hpack_pair(&block, ":authority", "127.0.0.1");
    hpack_pair(&block, ":path", path);
    (void)snprintf(digits, sizeof digits, "%ld", length);
    if (length >= 0) hpack_pair(&block, "content-length", digits);
    bool sent = raw_frame(r, 1, (uint8_t)(4 | (end_stream ? 1 : 0)), stream, block.data, block.len);
    tg_buf_done(&block);
    return sent;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void note(struct raw *r, uint8_t type, const uint8_t *p, size_t len)
{
    if (type == 0) {
        r->data_frames++;
        r->data_bytes += len;
        tg_buf_add(&r->text, p, len);
    }
    if (type == 1) r->headers_frames++;
    if (type == 4) r->settings++;
    if (type == 6) r->pings++;
    if (type == 3 && len == 4) {
        r->resets++;
        r->reset_code = be32(p);
    }
    if (type == 7 && len >= 8) {
        r->goaways++;
        r->goaway_last = (int32_t)be32(p);
        r->goaway_code = be32(p + 4);
    }
}

static void parse(struct raw *r)
{
    size_t at = 0;
    while (r->in.len - at >= 9) {
        const uint8_t *p = r->in.data + at;
        size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        if (r->in.len - at - 9 < len) break;
        note(r, p[3], p + 9, len);
        at += 9 + len;
    }
    tg_buf_shift(&r->in, at);
}

bool raw_pump(struct raw *r, unsigned wait_ms)
{
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    if (r->closed) return false;
    if (!(r->ssl && SSL_pending(r->ssl)) && poll(&p, 1, (int)wait_ms) <= 0) return true;
    uint8_t bytes[16384];
    ssize_t n =
        r->ssl ? SSL_read(r->ssl, bytes, sizeof bytes) : recv(r->fd, bytes, sizeof bytes, 0);
    if (n <= 0) {
        r->closed = true;
        return false;
    }
    tg_buf_add(&r->in, bytes, (size_t)n);
    parse(r);
    return true;
}

long raw_wait_closed(struct raw *r, unsigned wait_ms)
{
    uint64_t start = uv_hrtime();
    for (;;) {
        uint64_t past = (uv_hrtime() - start) / 1000000;
        if (past >= wait_ms) return -1;
        if (!raw_pump(r, (unsigned)(wait_ms - past)))
            return (long)((uv_hrtime() - start) / 1000000);
    }
}
