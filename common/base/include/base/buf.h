/* buf: a growing byte buffer that is born with a maximum. An append beyond the maximum sets
 * `failed` and changes nothing more; ask tg_buf_ok() once at the end. data is always followed by
 * one NUL byte. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tg_buf {
    uint8_t *data; /* NULL while empty */
    size_t len, cap, max;
    bool failed;
};

#define TG_BUF(limit) ((struct tg_buf){.max = (limit)})

void tg_buf_init(struct tg_buf *b, size_t max);
void tg_buf_done(struct tg_buf *b);  /* frees; usable again with the same maximum */
void tg_buf_reset(struct tg_buf *b); /* empties, keeps the memory */
uint8_t *tg_buf_grow(struct tg_buf *b,
                     size_t n); /* room for n bytes at the end, len advanced; NULL on failure */
void tg_buf_add(struct tg_buf *b, const void *bytes, size_t n);
void tg_buf_puts(struct tg_buf *b, const char *text);
void tg_buf_putc(struct tg_buf *b, char c);
void tg_buf_printf(struct tg_buf *b, const char *fmt, ...) TG_PRINTF(2, 3);
void tg_buf_vprintf(struct tg_buf *b, const char *fmt, va_list args) TG_PRINTF(2, 0);
void tg_buf_hex(struct tg_buf *b, const void *bytes, size_t n); /* lower case */
void tg_buf_shift(struct tg_buf *b, size_t n);                  /* drop n bytes from the front */
int tg_buf_ok(const struct tg_buf *b,
              struct tg_err *err) TG_MUST_CHECK; /* TG_E_LIMIT if an append failed */
const char *tg_buf_text(const struct tg_buf *b); /* "" while empty */
char *tg_buf_take(struct tg_buf *b,
                  size_t *ret_len); /* the bytes are yours (free); ret_len may be NULL */

static inline void tg_auto_buf(struct tg_buf *b)
{
    tg_buf_done(b);
}
