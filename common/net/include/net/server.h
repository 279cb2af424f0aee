/* server: an HTTP/2-only server (RFC 9113) on one libuv loop, over TLS 1.3 (agents, API) or a unix
 * socket. It hands whole requests to one handler and takes whole answers or streams back; it never
 * routes and never authorises. Everything happens on the loop's thread. Callbacks come from the
 * loop, never from inside a function of this header. Deadlines are absolute per phase and bytes do
 * not refresh them. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "net/tls.h"

struct tg_server;
struct tg_request; /* a request that waits for its answer */
struct tg_stream;  /* an answer without end */
struct tg_conn;    /* who is at the other end */

enum tg_listener { TG_LISTENER_AGENTS, TG_LISTENER_API, TG_LISTENER_UNIX };

/* Every bound of the server; tg_server_limits_default() fills in what a service uses. */
struct tg_server_limits {
    unsigned handshake_ms;     /* accept to the end of the TLS handshake */
    unsigned first_request_ms; /* handshake to the end of the first request's header block */
    unsigned header_ms;        /* first to last byte of a header block */
    unsigned body_ms;          /* end of headers to the end of the body */
    unsigned response_ms;      /* answer given to answer sent (not for streams) */
    unsigned idle_ms;          /* no stream open, to the next request's header block */
    unsigned write_ms;         /* one write of at most 64 KiB */
    unsigned linger_ms;        /* our last byte to the peer's end of file or stream */
    unsigned handshakes;       /* in flight; beyond it accepting pauses */
    unsigned connections;      /* beyond it a new one is closed at once */
    unsigned streams;          /* open at a time on one connection */
    unsigned header_count;     /* of one request, pseudo headers included */
    size_t header_bytes;       /* of one request: names and values */
    size_t body_bytes_total;   /* of all request bodies in memory; beyond it 503 */
    size_t stream_backlog; /* bytes written to a tg_stream and not yet sent; beyond it the stream is
                              closed */
    unsigned control_burst; /* control frames at once (PING, SETTINGS, RST_STREAM, ...) ... */
    unsigned control_per_s; /* ... and per second in the long run; beyond it GOAWAY */
};
void tg_server_limits_default(struct tg_server_limits *ret);

struct tg_server_handlers {
    /* A whole request. It is yours: answer it exactly once, now or later, by tg_respond*() or
     * tg_stream_start(). */
    void (*on_request)(struct tg_request *req, void *data);
    /* Headers are complete: how many body bytes may follow? More are refused with 413. NULL: none.
     */
    size_t (*limit_for)(const struct tg_request *req, void *data);
    int64_t (*wall_s)(void *data); /* for the Date header; NULL: none */
    void *data;
};

struct tg_server_stats {
    uint64_t accepted, refused; /* refused: closed because of limits.connections */
    uint64_t handshakes, resumed, tls_failures;
    uint64_t requests, resets, floods, timeouts; /* resets by clients; floods answered by GOAWAY */
    uint32_t connections, handshaking;           /* now */
};

/* ---- life ---- */
/* limits and handlers are copied. Never fails. */
struct tg_server *tg_server_new(uv_loop_t *loop, const struct tg_server_limits *limits,
                                const struct tg_server_handlers *handlers);
/* host: an IPv4 or IPv6 address in digits; port 0: any, ret_port (may be NULL) tells which. The
 * context is kept with a reference. kind: AGENTS or API. */
int tg_server_listen_tcp(struct tg_server *s, const char *host, uint16_t port, SSL_CTX *ctx,
                         enum tg_listener kind, uint16_t *ret_port,
                         struct tg_err *err) TG_MUST_CHECK;
/* Plain HTTP/2 by prior knowledge. A socket that stands at path is replaced; anything else is
 * refused. */
int tg_server_listen_unix(struct tg_server *s, const char *path, unsigned mode,
                          struct tg_err *err) TG_MUST_CHECK;
/* New certificate for the listeners of this kind: new connections use it. */
void tg_server_set_ctx(struct tg_server *s, enum tg_listener kind, SSL_CTX *ctx);
/* Stop accepting, GOAWAY, end all streams, wait at most drain_ms for answers, close. done (may be
 * NULL) comes once, when every handle is closed; then tg_server_free(). May be called in a handler.
 */
void tg_server_stop(struct tg_server *s, unsigned drain_ms, void (*done)(void *data), void *data);
/* Only after done. NULL ok. Requests still held by handlers stay valid (and dead). */
void tg_server_free(struct tg_server *s);
void tg_server_stats(const struct tg_server *s, struct tg_server_stats *ret);

/* ---- the request: borrowed pointers live as long as the request ---- */
const char *tg_request_method(const struct tg_request *req);
const char *
tg_request_path(const struct tg_request *req); /* without query, as sent (not decoded) */
const char *tg_request_query(const struct tg_request *req); /* after '?', as sent; "" if none */
/* First value of that name, percent-decoded and '+' as blank, into ret. TG_E_NOT_FOUND; TG_E_INPUT
 * for a broken escape, NUL or invalid UTF-8; TG_E_LIMIT if it does not fit. */
int tg_request_param(const struct tg_request *req, const char *name, char *ret, size_t size,
                     struct tg_err *err) TG_MUST_CHECK;
const char *tg_request_header(const struct tg_request *req,
                              const char *name); /* lower case; NULL if absent */
const uint8_t *tg_request_body(const struct tg_request *req,
                               size_t *ret_len); /* one NUL follows; never NULL */
struct tg_conn *
tg_request_conn(const struct tg_request *req); /* valid as long as the request, dead or alive */
bool tg_request_alive(const struct tg_request *req); /* false: the client went away */
/* The client went away before the answer. Comes at most once; the request still must be answered
 * (into the void). */
void tg_request_on_close(struct tg_request *req, void (*fn)(struct tg_request *req, void *data),
                         void *data);

/* ---- the answer: ends your ownership of the request; into the void if the client went away ----
 */
/* An extra header, before answering; at most 8; name in lower case. */
void tg_respond_header(struct tg_request *req, const char *name, const char *value);
void tg_respond(struct tg_request *req, int status, const char *content_type, const void *body,
                size_t len);
/* No copy: body stays valid until free_fn(free_data), which comes exactly once; free_fn may be
 * NULL. */
void tg_respond_static(struct tg_request *req, int status, const char *content_type,
                       const void *body, size_t len, void (*free_fn)(void *data), void *free_data);

/* Answer with a stream. NULL if the client went away (then on_close never comes). Otherwise exactly
 * one of two things ends it: you call tg_stream_end() (no on_close follows), or on_close comes (the
 * pointer is dead after). */
struct tg_stream *tg_stream_start(struct tg_request *req, int status, const char *content_type,
                                  void (*on_close)(struct tg_stream *stream, void *data),
                                  void *data);
/* Copies. TG_E_LIMIT: the reader is too slow, the stream is being closed, on_close follows. */
int tg_stream_write(struct tg_stream *stream, const void *bytes, size_t len, struct tg_err *err);
void tg_stream_end(struct tg_stream *stream); /* what was written is still sent */
struct tg_conn *tg_stream_conn(const struct tg_stream *stream);
size_t
tg_stream_pending(const struct tg_stream *stream); /* bytes not yet handed to the connection */

/* ---- who is there ---- */
uint64_t tg_conn_id(const struct tg_conn *c); /* unique in this process */
enum tg_listener tg_conn_listener(const struct tg_conn *c);
const uint8_t *
tg_conn_peer_spki(const struct tg_conn *c); /* 32 bytes; NULL: no client certificate */
/* DER of the client certificate, appended. TG_E_NOT_FOUND without one or when the connection is
 * gone. */
int tg_conn_peer_cert(const struct tg_conn *c, struct tg_buf *ret,
                      struct tg_err *err) TG_MUST_CHECK;
bool tg_conn_exporter(const struct tg_conn *c,
                      uint8_t ret[TG_TLS_EXPORTER]); /* false: no TLS, or gone */
bool tg_conn_unix_peer(const struct tg_conn *c, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid);
const char *tg_conn_address(const struct tg_conn *c); /* "192.0.2.1:4711", "unix" */
/* A pointer of yours on the connection; on_close comes once when the connection ends. Set it at
 * most once. */
void tg_conn_set_user(struct tg_conn *c, void *user, void (*on_close)(void *user));
void *tg_conn_user(const struct tg_conn *c);
bool tg_conn_alive(const struct tg_conn *c);
/* GOAWAY and close soon, for a banned agent; what is not sent yet is lost. */
void tg_conn_close(struct tg_conn *c);
