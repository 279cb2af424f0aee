/* text: reads the line texts of TRUST §2 (statement, trust, recall): ASCII, LF, fixed order, single
 * spaces. Private to seal. Every error names the text and the line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct seal_text {
    const char *name; /* "statement" */
    const char *p, *end;
    unsigned line; /* of the value read last */
};

/* The rest of one line after its prefix, without LF. */
struct seal_value {
    const char *p;
    size_t len;
};

/* Bounds, only printable ASCII and LF, final LF, the first line (TG_E_VERSION for another). */
int seal_text_open(struct seal_text *t, const char *name, struct seal_value whole, size_t max,
                   const char *first, struct tg_err *err) TG_MUST_CHECK;
/* Is the next line this prefix and a value? Then it is consumed. */
bool seal_text_has(struct seal_text *t, const char *prefix, struct seal_value *ret);
/* Does the next line begin with prefix? Nothing is consumed. */
bool seal_text_next(const struct seal_text *t, const char *prefix);
int seal_text_need(struct seal_text *t, const char *prefix, struct seal_value *ret,
                   struct tg_err *err) TG_MUST_CHECK;
int seal_text_hex(struct seal_text *t, const char *prefix, size_t digits, char *ret,
                  struct tg_err *err) TG_MUST_CHECK;
int seal_text_time(struct seal_text *t, const char *prefix, int64_t *ret,
                   struct tg_err *err) TG_MUST_CHECK;
int seal_text_number(struct seal_text *t, const char *prefix, uint64_t max, uint64_t *ret,
                     struct tg_err *err) TG_MUST_CHECK;
/* Nothing may be left; an unknown line is named. */
int seal_text_close(const struct seal_text *t, struct tg_err *err) TG_MUST_CHECK;
int seal_text_bad(const struct seal_text *t, struct tg_err *err, const char *what);

/* Values inside a line. */
bool seal_value_hex(struct seal_value v, size_t digits, char *ret);
/* The part before the first blank; v keeps what follows it. False without a blank. */
bool seal_value_word(struct seal_value *v, struct seal_value *ret_word);
bool seal_value_is(struct seal_value v, const char *text);
bool seal_value_copy(struct seal_value v, char *ret, size_t size);

/* The last act of every reader (TRUST §2): what was understood, printed again, is what was read. */
int seal_same(const char *name, const struct tg_buf *again, const void *text, size_t len,
              struct tg_err *err) TG_MUST_CHECK;
/* Put "V1: " before the error of a call that failed; passes rc on. */
int seal_named(int rc, const char *check, struct tg_err *err);
