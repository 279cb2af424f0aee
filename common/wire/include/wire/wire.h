/* wire: reads and writes the one language that agent and orchestrator share:
 * {"v":1,"type":T,"id":N,"body":{}}. Knows no meaning and no transport. Every reader is bounded
 * (limits.h) and refuses unknown versions, types and fields. Owner: the caller frees with
 * tg_wire_free. Thread: any. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/messages.h"

struct tg_wire_message {
    enum tg_wire_type type;
    int64_t id; /* of the job that it is about; 0 = none */
    void *body; /* struct tg_wire_<word> */
};

/* TG_E_INPUT, TG_E_LIMIT, TG_E_VERSION; the error names the path of the field
 * (body.keystores[3].path). */
int tg_wire_parse(const void *bytes, size_t len, struct tg_wire_message **ret,
                  struct tg_err *err) TG_MUST_CHECK;
void tg_wire_free(struct tg_wire_message *m);
TG_DEFINE_AUTO(wire, struct tg_wire_message, tg_wire_free);

/* Append one message on one line, without LF. The body is a struct of the type's shape. */
void tg_wire_print(enum tg_wire_type type, int64_t id, const void *body, struct tg_buf *out);

/* What an enrolling agent signs with its new key (TRUST §5.3): binds the request to this TLS
 * connection, whose exporter (RFC 9266) is 32 bytes. "tamga enroll v1" LF "exporter: " HEX LF */
void tg_wire_enroll_text(const uint8_t exporter[32], struct tg_buf *out);

/* The body as its struct; aborts when the message is of another type. */
const void *tg_wire_body(const struct tg_wire_message *m, enum tg_wire_type type);
