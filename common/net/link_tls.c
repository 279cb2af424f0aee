/* TLS over one shared buffer per server: OpenSSL reads what libuv just gave and writes where libuv
 * will take it. A memory BIO costs 7 to 15 % CPU and 3.6 KiB a connection more (measured). */
#include <openssl/err.h>

#include "server_private.h"

static int bio_read(BIO *bio, char *ret, size_t room, size_t *ret_len)
{
    struct link *link = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (link->in_len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t n = link->in_len < room ? link->in_len : room;
    memcpy(ret, link->in, n);
    link->in += n;
    link->in_len -= n;
    *ret_len = n;
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *ret_len)
{
    struct link *link = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    tg_buf_add(&link->server->out, bytes, len);
    if (link->server->out.failed) return 0;
    *ret_len = len;
    return 1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_PUSH || cmd == BIO_CTRL_POP;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tamga link");
    TG_CHECK(bio_method && BIO_meth_set_read_ex(bio_method, bio_read) &&
             BIO_meth_set_write_ex(bio_method, bio_write) &&
             BIO_meth_set_ctrl(bio_method, bio_ctrl));
}

void link_tls_start(struct link *link, SSL_CTX *ctx)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, make_bio_method);
    link->ssl = SSL_new(ctx);
    BIO *bio = BIO_new(bio_method);
    TG_CHECK(link->ssl && bio);
    BIO_set_data(bio, link);
    BIO_set_init(bio, 1);
    SSL_set_bio(link->ssl, bio, bio);
    SSL_set_accept_state(link->ssl);
}

bool link_tls_send(struct link *link, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    ERR_clear_error();
    while (len > 0) {
        if (SSL_write_ex(link->ssl, bytes, len, &done) != 1) {
            ERR_clear_error();
            return false;
        }
        bytes += done;
        len -= done;
    }
    return true;
}

/* Returns true when the handshake is done. */
static bool handshake(struct link *link)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(link->ssl);
    if (rc == 1) return true;
    if (SSL_get_error(link->ssl, rc) == SSL_ERROR_WANT_READ) return false;
    ERR_clear_error();
    link->server->sh->stats.tls_failures++;
    link_finish(link); /* the alert still goes out */
    return false;
}

static void handshake_done(struct link *link)
{
    struct tg_h2_shared *sh = link->server->sh;
    sh->stats.handshakes++;
    if (SSL_session_reused(link->ssl)) sh->stats.resumed++;
    link->conn->has_spki = tg_tls_peer_spki(link->ssl, link->conn->spki);
    link_opened(link);
}

void link_tls_input(struct link *link)
{
    if (link->state == LINK_HANDSHAKE) {
        if (!handshake(link)) return;
        handshake_done(link);
    }
    struct tg_server *s = link->server;
    for (;;) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(link->ssl, s->plain_in, PLAIN_ROOM, &n) != 1) break;
        if (tg_h2_input(link->h2, s->plain_in, n, NULL) < 0) return;
    }
    int why = SSL_get_error(link->ssl, 0);
    ERR_clear_error();
    /* close_notify or broken records: nothing more can come. */
    if (why != SSL_ERROR_WANT_READ) link_finish(link);
}
