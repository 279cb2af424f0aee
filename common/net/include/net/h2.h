/* h2: the HTTP/2 session of one connection, bytes in and bytes out; it knows no socket, no loop and
 * no TLS. The server puts transports around it, the fuzzer feeds it alone. Handlers are those of
 * net/server.h. Thread: the owner's. tg_h2_free() and tg_h2_shared_free() never from inside a
 * handler. */
#pragma once

#include "net/server.h"

struct tg_h2;
struct tg_h2_shared; /* what the sessions of one server share: limits, handlers, deadlines, memory
                      */

struct tg_h2_shared *tg_h2_shared_new(const struct tg_server_limits *limits,
                                      const struct tg_server_handlers *handlers);
void tg_h2_shared_free(struct tg_h2_shared *sh); /* after its sessions */

struct tg_h2 *tg_h2_new(struct tg_h2_shared *sh, struct tg_conn *conn); /* conn may be NULL */
/* Feed what came. < 0: the session is beyond repair (tg_h2_finished() says so too); send what
 * tg_h2_output() still has, then close. */
int tg_h2_input(struct tg_h2 *h2, const void *bytes, size_t len, struct tg_err *err);
/* Fill ret with what is to be sent, in order; 0: nothing now. */
size_t tg_h2_output(struct tg_h2 *h2, uint8_t *ret, size_t room);
/* GOAWAY; streams end; requests in flight may still be answered. */
void tg_h2_shutdown(struct tg_h2 *h2);
bool tg_h2_finished(const struct tg_h2 *h2); /* nothing more to read or send: close */
void tg_h2_free(struct tg_h2 *h2);           /* its requests are dead after this, and told so */
