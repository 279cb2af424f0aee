/* log: one line per event on standard error, logfmt `ts level room event key=value` or JSON.
 * Numbers and hashes; no personal data beyond the holder's register number; never a secret. Library
 * code does not log: only the owner of an operation does. Thread: any (one write() per line). */
#pragma once

#include <stdint.h>

#include "base/err.h"

enum tg_log_level { TG_LOG_DEBUG, TG_LOG_INFO, TG_LOG_WARN, TG_LOG_ERROR };
enum tg_log_format { TG_LOG_LOGFMT, TG_LOG_JSON };

/* now gives wall seconds for the timestamp (loop/clock.h provides it); NULL prints "-". */
void tg_log_setup(enum tg_log_level level, enum tg_log_format format, int64_t (*now)(void));

/* pairs: `key=%s key2=%d` in logfmt order. A value with blanks, quotes or control characters is
 * quoted by writing it through tg_q(): tg_log(TG_LOG_WARN, "db", "lost", "why=%s", tg_q(text)). */
void tg_log(enum tg_log_level level, const char *room, const char *event, const char *pairs, ...)
    TG_PRINTF(4, 5);
/* The error of an operation: adds code, next, text and place. */
void tg_log_err(enum tg_log_level level, const char *room, const char *event,
                const struct tg_err *err);
const char *tg_q(const char *text); /* quoted, escaped, cut at 200 bytes; one of 8 rotating
                                       thread-local buffers */
