/* bench-load PORT PATH COUNT FOLDER: asks for PATH COUNT times over 50 HTTP/2 connections, one
 * request in flight on each, TLS 1.3 with the client certificate FOLDER/client.pem and
 * FOLDER/client.key (h2load has none). Every answer must be 200 with a body. What it costs the
 * server is for others to read. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum { CONNECTIONS = 50, WINDOW = 1 << 30 };

struct link {
    SSL *ssl;
    nghttp2_session *h2;
    bool busy, good;
};

static const char *path;

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench-load: %s\n", what);
    exit(1);
}

static ssize_t on_send(nghttp2_session *h2, const uint8_t *bytes, size_t len, int flags, void *data)
{
    struct link *l = data;
    size_t done = 0;
    (void)h2, (void)flags;
    if (SSL_write_ex(l->ssl, bytes, len, &done) != 1) fail("the server is gone");
    return (ssize_t)done;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *data)
{
    (void)h2, (void)frame, (void)flags, (void)data;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0 &&
        (len != 3 || memcmp(value, "200", 3) != 0))
        fail("an answer is not 200");
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t len, void *data)
{
    struct link *l = data;
    (void)h2, (void)flags, (void)stream, (void)bytes;
    l->good = len > 0;
    return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *data)
{
    struct link *l = data;
    (void)h2, (void)stream;
    if (code != 0 || !l->good) fail("a request failed");
    l->busy = l->good = false;
    return 0;
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail(strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static SSL_CTX *context(const char *folder)
{
    TG_AUTO(mem)
    char *cert = tg_printf("%s/client.pem", folder), *key = tg_printf("%s/client.key", folder);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\x02h2", 3) != 0)
        fail("the client certificate cannot be read");
    return ctx;
}

static void open_link(struct link *l, SSL_CTX *ctx, uint16_t port)
{
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW};
    l->ssl = SSL_new(ctx);
    if (!l->ssl || SSL_set_fd(l->ssl, dial(port)) != 1 || SSL_connect(l->ssl) != 1)
        fail("no TLS connection");
    TG_CHECK(nghttp2_session_callbacks_new(&calls) == 0);
    nghttp2_session_callbacks_set_send_callback(calls, on_send);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    TG_CHECK(nghttp2_session_client_new(&l->h2, calls, l) == 0);
    nghttp2_session_callbacks_del(calls);
    TG_CHECK(nghttp2_submit_settings(l->h2, 0, &window, 1) == 0);
    TG_CHECK(nghttp2_session_set_local_window_size(l->h2, 0, 0, WINDOW) == 0);
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,             \
            strlen(value), 0                                                                       \
    }

static void ask(struct link *l)
{
    nghttp2_nv fields[] = {FIELD(":method", "GET"), FIELD(":scheme", "https"),
                           FIELD(":authority", "127.0.0.1"), FIELD(":path", path),
                           FIELD("user-agent", "bench-load")};
    l->busy = true;
    if (nghttp2_submit_request(l->h2, NULL, fields, TG_COUNT(fields), NULL, NULL) < 0 ||
        nghttp2_session_send(l->h2) != 0)
        fail("a request cannot be sent");
}

static void answer(struct link *l)
{
    static uint8_t bytes[16384];
    while (l->busy) {
        int n = SSL_read(l->ssl, bytes, sizeof bytes);
        if (n <= 0) fail("the server closed a connection");
        if (nghttp2_session_mem_recv(l->h2, bytes, (size_t)n) != n ||
            nghttp2_session_send(l->h2) != 0)
            fail("no HTTP/2");
    }
}

static void close_link(struct link *l)
{
    (void)nghttp2_session_terminate_session(l->h2, NGHTTP2_NO_ERROR);
    (void)nghttp2_session_send(l->h2);
    nghttp2_session_del(l->h2);
    int fd = SSL_get_fd(l->ssl);
    SSL_free(l->ssl);
    close(fd);
}

int main(int argc, char **argv)
{
    static struct link links[CONNECTIONS];
    uint64_t port = 0, count = 0;
    if (argc != 5 || !tg_parse_u64(argv[1], strlen(argv[1]), UINT16_MAX, &port) ||
        !tg_parse_u64(argv[3], strlen(argv[3]), 100000000, &count)) {
        (void)fprintf(stderr, "usage: bench-load PORT PATH COUNT FOLDER\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    path = argv[2];
    SSL_CTX *ctx = context(argv[4]);
    for (size_t i = 0; i < CONNECTIONS; i++)
        open_link(&links[i], ctx, (uint16_t)port);
    for (uint64_t asked = 0; asked < count; asked += CONNECTIONS) {
        for (size_t i = 0; i < CONNECTIONS; i++)
            ask(&links[i]);
        for (size_t i = 0; i < CONNECTIONS; i++)
            answer(&links[i]);
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        close_link(&links[i]);
    SSL_CTX_free(ctx);
    return 0;
}
