/* nettest: a server on a thread of its own with a few routes, and a raw blocking client that may
 * misbehave. For tests of the net room and of rooms above it. */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/client.h"
#include "net/server.h"
#include "net/tls.h"

enum {
    NETTEST_BIG = 12 * 1024,
    NETTEST_HUGE = 1024 * 1024,
    NETTEST_BODY = 64 * 1024,
    NETTEST_PARKED = 64
};

/* Certificate and key in PEM, self-signed, and the SPKI. */
struct nettest_id {
    EVP_PKEY *key;
    struct tg_buf cert;
    struct tg_secret key_pem;
    uint8_t spki[TG_SHA256];
};
void nettest_id_make(struct nettest_id *id, const char *name);
void nettest_id_done(struct nettest_id *id);

/* Routes: POST /echo  GET /info (JSON: spki listener exporter uid conn)  GET /big /huge (static
 * patterns) GET /param?name=x  GET /park (answered by POST /release, or never)  GET /events
 * (stream)  POST /push (its body to every stream)  POST /flood (20,000 times 500 bytes to every
 * stream)  POST /end (ends every stream)  POST /ban. */
struct nettest {
    struct tg_server_limits limits; /* set by nettest_limits(), change before start */
    struct nettest_id server_id, client_id;
    uint16_t agents_port, api_port;
    char dir[64], sock[96];
    /* what the thread saw */
    atomic_int parked_closed, streams_closed, stream_limit_hits, on_request;
    atomic_size_t worst_pending;
    struct tg_server_stats stats; /* after stop */
    int loop_close;               /* uv_loop_close() after stop */
    /* the thread's own */
    uv_loop_t loop;
    uv_async_t stop;
    pthread_t thread;
    struct tg_server *server;
    struct tg_request *parked[NETTEST_PARKED];
    struct tg_stream *streams[NETTEST_PARKED];
    uint8_t *huge;
    unsigned drain_ms;
};
void nettest_limits(struct nettest *t); /* a service's, but lingers 150 ms */
void nettest_start(struct nettest *t);
void nettest_stop(struct nettest *t, unsigned drain_ms); /* joins; fills in stats and loop_close */
void nettest_free(struct nettest *t);
/* mTLS to the agents' port as client_id, under the server's own certificate as CA. */
struct tg_client_opts nettest_opts(struct nettest *t, char url[64], uint16_t port);

/* ---- a raw client ---- */
struct raw {
    int fd;
    SSL *ssl;
    struct tg_buf in;
    bool closed;
    /* what came so far */
    unsigned goaways, resets, pings, settings, data_frames, headers_frames;
    uint32_t goaway_code, reset_code;
    int32_t goaway_last;
    size_t data_bytes;
    struct tg_buf text; /* all DATA payloads */
};
void raw_tcp(struct raw *r, uint16_t port);
void raw_unix(struct raw *r, const char *path);
bool raw_tls(struct raw *r, SSL_CTX *ctx, SSL_SESSION *session); /* after raw_tcp; false: refused */
SSL_CTX *raw_ctx(struct nettest *t, bool with_certificate);
void raw_done(struct raw *r);
bool raw_send(struct raw *r, const void *bytes, size_t len); /* false: the peer is gone */
void raw_preface(struct raw *r);                             /* magic and empty SETTINGS */
bool raw_frame(struct raw *r, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
               size_t len);
/* HEADERS of a request, literal without indexing; length < 0: no content-length. */
bool raw_request(struct raw *r, uint32_t stream, const char *method, const char *path, long length,
                 bool end_stream);
void hpack_pair(struct tg_buf *out, const char *name, const char *value);
/* Read for at most wait_ms; false once the peer closed. Parses frames and counts them. */
bool raw_pump(struct raw *r, unsigned wait_ms);
/* Pump until closed or wait_ms; returns the milliseconds it took, or -1 if it stayed open. */
long raw_wait_closed(struct raw *r, unsigned wait_ms);
