/* spool: reports that the server has not accepted yet, as numbered files in DIR/spool, oldest
 * first. What is put is durable; a crash may send one twice, never lose one. Thread: the loop's.
 * Blocks for small files. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/messages.h"

struct agent_spool;

int agent_spool_open(const char *dir, struct agent_spool **ret, struct tg_err *err) TG_MUST_CHECK;
void agent_spool_free(struct agent_spool *s); /* NULL ok */
TG_DEFINE_AUTO(agent_spool, struct agent_spool, agent_spool_free);

/* One message on one line, ready to post; fsynced. */
int agent_spool_put(struct agent_spool *s, const void *line, size_t len,
                    struct tg_err *err) TG_MUST_CHECK;
/* tg_wire_print and put. */
int agent_spool_message(struct agent_spool *s, enum tg_wire_type type, int64_t id, const void *body,
                        struct tg_err *err) TG_MUST_CHECK;
size_t agent_spool_count(const struct agent_spool *s);
/* The oldest; TG_E_NOT_FOUND when there is none. */
int agent_spool_first(struct agent_spool *s, int64_t *ret_number, struct tg_buf *ret,
                      struct tg_err *err) TG_MUST_CHECK;
void agent_spool_drop(struct agent_spool *s, int64_t number);
