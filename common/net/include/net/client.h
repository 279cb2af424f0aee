/* client: HTTP/2 requests by libcurl, asynchronous on a libuv loop or blocking; never retries and
 * never judges a status. One client = one server and one identity; its calls share one connection
 * (also with an event stream), TLS sessions are resumed. The server must stand under the pinned CA
 * and, where pins are given, its SPKI must be one of them: checked before a byte of a request
 * leaves. Thread: the loop's (async), any one (blocking). The program ignores SIGPIPE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "net/tls.h"

struct tg_client;
struct tg_client_call;

/* Who is the server? CA: whoever stands under `ca` (and holds a pinned key, where pins are given).
 * PINS: whoever holds a pinned key; no CA, name or time is asked (agents: the trust document names
 * the server's keys). ANY: whoever answers; only to fetch what is signed by itself, after which
 * call->server_spki must be judged. */
enum tg_client_trust { TG_CLIENT_CA, TG_CLIENT_PINS, TG_CLIENT_ANY };

struct tg_client_opts {
    enum tg_client_trust trust;
    const char *url;       /* "https://host:7444", without a path; ignored with unix_path */
    const char *unix_path; /* plain HTTP/2 by prior knowledge over this socket */
    const void *cert;      /* PEM of our certificate; NULL: none */
    size_t cert_len;
    const void *key; /* PEM of its key; copied into locked memory */
    size_t key_len;
    const void *ca; /* PEM of the CA certificates; required for https with TG_CLIENT_CA. The
                      system's CAs are never asked. */
    size_t ca_len;
    const uint8_t (*pins)[TG_SHA256]; /* SHA-256 of the server's SPKI: one of these; pin_count 0:
                                         the CA alone */
    size_t pin_count;
    const char *proxy;    /* NULL: the environment's (https_proxy); "": none */
    unsigned connect_ms;  /* TCP and TLS together; 0: 10,000 */
    unsigned keepalive_s; /* TCP keepalive of an idle connection; 0: 60 */
};
enum { TG_CLIENT_MAX_PINS = 16 };

/* One request, in the caller's memory. Zero it, fill in the upper part, start it. */
struct tg_client_call {
    const char *method;       /* GET, POST, PUT, DELETE; static */
    const char *path;         /* "/agent/v1/hello?x=y"; copied */
    const char *content_type; /* of the body; NULL: application/json; copied */
    const void *body;         /* stays valid until on_done */
    size_t body_len;
    /* Instead of body: make it now that the TLS connection is known (RFC 9266 exporter; NULL
     * without TLS). */
    int (*body_fn)(struct tg_client_call *call, const uint8_t *exporter32, struct tg_buf *ret,
                   struct tg_err *err);
    void (*on_open)(
        struct tg_client_call *call); /* headers of the final answer are here: call->status */
    /* Bytes of a 2xx answer as they come (event stream); < 0 ends the call with that code. NULL:
     * all goes to `response`. Other answers always go to `response`. */
    int (*on_data)(struct tg_client_call *call, const void *bytes, size_t len);
    void (*on_done)(struct tg_client_call *call); /* exactly once, last; async only */
    void *data;
    unsigned total_ms;   /* absolute; 0: none (event stream) */
    size_t max_response; /* bytes of `response`; 0: 1 MiB. More is TG_E_LIMIT. */

    /* results */
    int status;                /* HTTP status; 0 if there was no answer */
    char content_type_got[80]; /* of the answer; "" if none */
    unsigned retry_after_s;    /* Retry-After; 0 if none */
    bool server_known;         /* server_spki is set: headers came over TLS */
    uint8_t server_spki[TG_SHA256];
    struct tg_buf response; /* yours: tg_client_call_done() frees it */
    struct tg_err err;      /* err.code < 0: there is no whole answer */

    struct tg_client_state *state; /* the client's own */
};

/* ---- asynchronous ---- */
int tg_client_new(uv_loop_t *loop, const struct tg_client_opts *opts, struct tg_client **ret,
                  struct tg_err *err) TG_MUST_CHECK; /* copies all of opts */
/* For calls started from now on (a new trust document). */
int tg_client_set_pins(struct tg_client *c, const uint8_t (*pins)[TG_SHA256], size_t count,
                       struct tg_err *err) TG_MUST_CHECK;
/* < 0: nothing will come; 0: on_done comes exactly once, later. */
int tg_client_start(struct tg_client *c, struct tg_client_call *call,
                    struct tg_err *err) TG_MUST_CHECK;
void tg_client_cancel(struct tg_client_call *call); /* on_done follows with TG_E_CANCELLED */
/* Cancels all calls (their on_done comes), closes, frees the client, then calls done (may be NULL).
 */
void tg_client_close(struct tg_client *c, void (*done)(void *data), void *data);

/* ---- blocking: command line and job children ---- */
/* 0 or call->err's code (also copied to err). on_done is not called; on_data may be. */
int tg_client_call(const struct tg_client_opts *opts, struct tg_client_call *call,
                   struct tg_err *err) TG_MUST_CHECK;

/* Before anything else of TLS, in a process that must stay small: OpenSSL's table of error texts is
 * not built; its errors then are numbers. */
void tg_client_frugal(void);

void tg_client_call_done(struct tg_client_call *call); /* frees response; not while it runs */

/* "%41" for everything but unreserved characters (RFC 3986 §2.3): one component of a path or query.
 */
void tg_url_escape(struct tg_buf *out, const char *text);
