/* conn: who is at the other end of a connection. Counted: the link holds one reference, every
 * request one. */
#pragma once

#include "net/server.h"

struct link;

struct tg_conn {
    struct link *link; /* NULL: gone */
    unsigned refs;
    enum tg_listener listener;
    uint64_t id;
    bool has_spki, has_unix_peer;
    uint8_t spki[TG_SHA256];
    uid_t uid;
    gid_t gid;
    pid_t pid;
    char address[64];
    void *user;
    void (*on_close)(void *user);
};

struct tg_conn *conn_new(struct link *link, enum tg_listener listener);
struct tg_conn *conn_ref(struct tg_conn *c); /* NULL ok */
void conn_unref(struct tg_conn *c);          /* NULL ok */
void conn_gone(struct tg_conn *c);           /* the link ends: tells the user */
