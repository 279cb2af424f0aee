/* link: one transport connection: libuv stream, TLS by a BIO over the server's shared buffers, one
 * h2 session.
 *
 *   HANDSHAKE --(TLS done; a unix socket starts here)--> OPEN --(finished)--> LINGER --> CLOSED
 *       +--------------------------------------------------+--(error, deadline)--------------^
 */
#pragma once

#include <openssl/ssl.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "conn.h"
#include "deadline.h"
#include "net/h2.h"

enum link_state { LINK_HANDSHAKE, LINK_OPEN, LINK_LINGER, LINK_CLOSED };

struct link_write;

struct link {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    struct tg_server *server;
    struct tg_list node;  /* tg_server.links */
    struct tg_list dirty; /* tg_server.dirty, linked while output may wait */
    enum link_state state;
    struct dl_node phase, slow;
    SSL *ssl;          /* NULL: plain */
    const uint8_t *in; /* what the BIO reads: borrowed for one read callback */
    size_t in_len;
    struct tg_h2 *h2; /* NULL before OPEN */
    struct tg_conn *conn;
    struct link_write *writing;
    struct tg_buf tail; /* came while writing, goes next */
    uv_shutdown_t shutdown;
    bool asked; /* a first request was seen */
};

/* The handle was initialized and accepted. ctx NULL: plain. Owned by the server's list until it is
 * closed. */
void link_start(struct link *link, enum tg_listener listener, SSL_CTX *ctx);
void link_flush(struct link *link);     /* send what the session has; may close */
void link_close(struct link *link);     /* at once; not from inside a session's callback */
void link_terminate(struct link *link); /* GOAWAY, soon; from anywhere */
void link_shutdown(struct link *link);  /* GOAWAY, answers still go out; from anywhere */
void link_settle(struct link *link);    /* close it if the session is finished */

/* link_tls.c */
void link_tls_start(struct link *link, SSL_CTX *ctx);
void link_tls_input(struct link *link);
bool link_tls_send(struct link *link, const uint8_t *bytes, size_t len); /* into server->out */
void link_opened(struct link *link);
void link_finish(struct link *link); /* close_notify, FIN, wait for the peer's end */
