/* agent_server: a server of the agent protocol on a thread of its own, for tests: it serves the
 * trust of a sealed world, enrols one key, pushes the events that it is told to and remembers every
 * report. It obeys a script (banned, pending, busy, a key that no trust names). Aborts when it
 * cannot be built. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/server.h"
#include "seal_world/seal_world.h"
#include "wire/wire.h"

enum { AGENT_SERVER_MANY = 256 };

struct agent_server_script {
    const char *token;   /* expected */
    const char *agent;   /* the id it gives */
    bool stranger;       /* TLS with a key that the trust does not name */
    bool no_trust;       /* as before `tamga trust init` */
    bool banned;         /* hello and reports: 403 */
    int pending;         /* so many enrol answers say pending */
    int busy;            /* so many reports are answered 503 */
    int refuse;          /* so many reports are answered 409 */
    bool short_identity; /* the identity is past its half life */
    int64_t reconnect_s, keepalive_s;
};

struct agent_server {
    struct agent_server_script script; /* change under agent_server_lock() */
    struct seal_world *world;
    uint16_t port;
    char url[64];
    /* the thread's own, read under the lock */
    pthread_mutex_t lock;
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t poke;
    struct tg_server *server;
    struct tg_stream *stream;
    struct {
        int64_t id;
        char *line;
    } events[AGENT_SERVER_MANY];
    struct {
        enum tg_wire_type type;
        char *line;
    } posts[AGENT_SERVER_MANY];
    size_t events_count, posts_count, pushed;
    bool end_streams, stopping;
    int enrols, hellos, streams, renewals;
    int64_t after; /* of the last event stream */
    uint8_t spki[TG_SHA256];
};

void agent_server_start(struct agent_server *s, struct seal_world *world, uint16_t port);
void agent_server_stop(struct agent_server *s);   /* may start again, on the same port */
void agent_server_forget(struct agent_server *s); /* at the very end: frees what it remembers */
void agent_server_lock(struct agent_server *s);
void agent_server_unlock(struct agent_server *s);
/* To the agent that listens now, and to any that asks for what is after an older id. */
void agent_server_push(struct agent_server *s, enum tg_wire_type type, int64_t id,
                       const void *body);
void agent_server_push_line(struct agent_server *s, int64_t id, const char *line);
void agent_server_drop_streams(struct agent_server *s);
/* The nth (from 1) report of this type, waiting up to 20 s; NULL. Yours: tg_wire_free(). */
struct tg_wire_message *agent_server_report(struct agent_server *s, enum tg_wire_type type,
                                            size_t nth);
size_t agent_server_count(struct agent_server *s, enum tg_wire_type type);
/* Waits until so many event streams were opened, up to 20 s. */
bool agent_server_wait_streams(struct agent_server *s, int count);
