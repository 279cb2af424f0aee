/* server_private: the server as its links and listeners see it. Shared buffers serve one link at a
 * time: no two operations of links nest, since handlers only mark links dirty. */
#pragma once

#include "h2_private.h"
#include "link.h"

enum {
    IN_ROOM = 64 * 1024,
    PLAIN_ROOM = 16 * 1024,
    OUT_PUSH = 64 * 1024,
    OUT_MAX = 256 * 1024,
    TAIL_MAX = 512 * 1024
};

struct listener {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    struct tg_server *server;
    struct tg_list node;
    enum tg_listener kind;
    SSL_CTX *ctx;
    bool paused; /* one connection waits to be accepted until a handshake ends */
};

struct tg_server {
    uv_loop_t *loop;
    struct tg_h2_shared *sh;
    struct tg_list listeners, links, dirty;
    struct dl_queue handshake, first, idle, linger; /* of link.phase */
    struct dl_queue write;                          /* of link.slow */
    uv_timer_t timer, drain;
    uv_idle_t flush;
    struct link *current; /* its operation ends with a flush of its own */
    uint64_t armed_at_ms;
    unsigned handles; /* open ones, links and listeners included */
    uint64_t next_id;
    bool stopping, closing;
    void (*stopped)(void *data);
    void *stopped_data;
    uint8_t in[IN_ROOM], plain_in[PLAIN_ROOM], plain_out[PLAIN_ROOM];
    struct tg_buf out;
};

void server_arm(struct tg_server *s); /* after deadlines changed */
void server_handshake_ended(struct tg_server *s);
void server_link_closed(struct link *link);     /* its handle is closed: frees it */
void server_handle_closed(struct tg_server *s); /* one less; ends the stop when it was the last */

/* listen.c */
void listener_close(struct listener *l);
void listener_resume(struct listener *l);
