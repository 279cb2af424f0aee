/* link_in: what the files of this room share. */
#pragma once

#include "agent/link.h"
#include "base/limits.h"
#include "base/sm.h"
#include "net/client.h"

enum link_state {
    LINK_OFF,
    LINK_HELLO,
    LINK_RENEW,
    LINK_TRUST,
    LINK_LIVE,
    LINK_WAIT,
    LINK_FETCH, /* trust from whoever answers; it must extend ours and name its bringer */
    LINK_CLOSED,
    LINK_STATES
};

enum { LINK_ACKS = 1024, LINK_CALL_MS = 60 * 1000 };

struct agent_link {
    struct agent_link_opts o;
    char *dir, *server;
    struct tg_sm sm;
    struct tg_client *client;
    struct tg_deadline timer;  /* wait */
    struct tg_deadline resend; /* a report that the server could not take now */
    /* one request of the handshake at a time */
    struct tg_client_call ask;
    bool asking;
    struct tg_buf ask_body;
    char path[64];
    /* the event stream */
    struct tg_client_call stream;
    bool streaming;
    struct tg_buf line;
    struct tg_err stream_err;
    int64_t last; /* newest event that is stored */
    /* reports and acks */
    struct tg_client_call post;
    bool posting;
    struct tg_buf post_body;
    char post_path[64];
    int64_t posted; /* spool number; 0: acks */
    int64_t acks[LINK_ACKS];
    size_t acks_count, acks_sent;
    unsigned failures, post_failures;
    uint32_t asked_ms; /* what the server told: reconnect within */
    unsigned keepalive_s;
    int64_t since, live_at;
    struct tg_err why;
    bool refetch; /* the last connection met a key that is not pinned */
    bool stale;   /* another certificate or keepalive: the client is made anew */
    bool closing;
    unsigned open; /* handles and clients that still close */
    void (*done)(void *data);
    void *done_data;
};

void link_move(struct agent_link *l, enum link_state to);
enum link_state link_now(const struct agent_link *l);
/* The attempt or the stream is over: wait, then again. */
void link_lost(struct agent_link *l, const struct tg_err *err);
/* stream.c */
int link_last_load(struct agent_link *l, struct tg_err *err) TG_MUST_CHECK;
int link_stream_start(struct agent_link *l, struct tg_err *err) TG_MUST_CHECK;
void link_opened(struct agent_link *l);
/* report.c */
void link_pump(struct agent_link *l);
void link_resend(struct tg_deadline *d, void *data);
/* a call ended while closing */
void link_ended(struct agent_link *l);
