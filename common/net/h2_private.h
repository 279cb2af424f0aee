/* h2_private: what the files of this room know about sessions, requests and streams. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "deadline.h"
#include "net/h2.h"
#include "slab.h"

struct tg_h2_shared {
    struct tg_server_limits limits;
    struct tg_server_handlers handlers;
    struct tg_server_stats stats;
    struct slab slab;
    nghttp2_option *option;
    nghttp2_session_callbacks *callbacks;
    struct dl_queue header;                 /* of tg_h2.block */
    struct dl_queue body, response, unread; /* of tg_request.deadline */
    size_t body_bytes;                      /* of requests in memory */
    int64_t date_at;
    char date[32];
    /* The transport's hooks; a session alone has none. */
    void *owner;
    uint64_t (*now)(const struct tg_h2_shared *sh);
    void (*wake)(struct tg_h2 *h2); /* output may wait: call tg_h2_output() soon, not now */
    void (*busy)(struct tg_h2 *h2); /* a request's headers are complete */
    void (*idle)(struct tg_h2 *h2); /* the last open stream closed */
};

struct tg_h2 {
    struct tg_h2_shared *sh;
    struct tg_conn *conn; /* may be NULL */
    void *owner;          /* the transport */
    nghttp2_session *session;
    struct tg_list requests; /* nghttp2_session_del() closes no stream: this list does */
    const uint8_t *chunk;    /* of nghttp2, not yet copied out; valid until its next mem_send */
    size_t chunk_len;
    unsigned open; /* streams whose headers are complete */
    unsigned preface_seen;
    struct dl_node
        block; /* in tg_h2_shared.header from the first to the last byte of a header block */
    uint8_t frame_head[9], frame_type, frame_flags;
    unsigned frame_seen;           /* bytes of frame_head */
    uint32_t frame_left;           /* bytes of its payload to come */
    uint64_t tokens, tokens_at_ms; /* control frames, in thousandths */
    bool broken, terminated, dead;
};

enum request_state {
    REQUEST_HEADERS,
    REQUEST_BODY,
    REQUEST_HELD,     /* by the handler */
    REQUEST_ANSWERED, /* the answer is on its way */
    REQUEST_STREAM,
};

struct tg_request {
    struct tg_list node; /* tg_h2.requests */
    struct tg_h2 *h2;    /* NULL: the stream is gone */
    struct tg_conn *conn;
    struct dl_node deadline;
    int32_t stream_id;
    enum request_state state;
    int refuse;  /* status to answer instead of asking the handler; 0: none */
    bool whole;  /* END_STREAM was received */
    bool opened; /* counted in tg_h2.open */
    /* pairs name NUL value NUL, from offset 1; offset 0 is "" */
    struct tg_buf head;
    size_t method_at, path_at, query_at;
    unsigned header_count;
    size_t header_bytes;
    struct tg_buf body;
    size_t body_counted; /* part of sh->body_bytes */
    struct tg_buf extra; /* pairs name NUL value NUL for the answer */
    unsigned extra_count;
    const uint8_t *out; /* the answer */
    size_t out_len, out_at;
    void (*out_free)(void *data);
    void *out_free_data;
    struct tg_stream *stream;
    void (*on_close)(struct tg_request *req, void *data);
    void *on_close_data;
};

struct tg_stream {
    struct tg_request *req;
    struct tg_buf out;
    size_t at;
    bool ended, doomed;
    void (*on_close)(struct tg_stream *stream, void *data);
    void *data;
};

/* request.c: the request as it comes */
struct tg_request *request_new(struct tg_h2 *h2, int32_t stream_id);
void request_free(struct tg_request *req);
/* The stream is gone: frees what the server holds, tells who waits. Not from inside tg_respond*().
 */
void request_gone(struct tg_request *req);
void request_header(struct tg_request *req, const uint8_t *name, size_t name_len,
                    const uint8_t *value, size_t value_len);
void request_headers_done(struct tg_request *req, bool end_stream);
void request_data(struct tg_request *req, const uint8_t *bytes, size_t len);
void request_whole(struct tg_request *req);
/* Answer with a problem (RFC 9457) of our own; frees nothing. */
void request_refuse(struct tg_request *req, int status);
/* Its body or response deadline passed; or it was answered and still sends. */
void request_late(struct tg_request *req);
void request_unread(struct tg_request *req);

/* respond.c */
void respond_now(struct tg_request *req, int status, const char *content_type);
void h2_wake(struct tg_h2 *h2);
void h2_late(struct tg_h2 *h2); /* its header block's deadline passed */
void h2_terminate(struct tg_h2 *h2, uint32_t code);
void stream_finish(struct tg_stream *stream); /* END_STREAM after what is written */
const char *h2_date(struct tg_h2_shared *sh); /* NULL: no clock */

static inline uint64_t h2_now(const struct tg_h2_shared *sh)
{
    return sh->now ? sh->now(sh) : 0;
}
