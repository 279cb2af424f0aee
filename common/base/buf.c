#include "base/buf.h"

#include "base/bytes.h"
#include "base/mem.h"

enum { FIRST_CAP = 64 };

void tg_buf_init(struct tg_buf *b, size_t max)
{
    *b = TG_BUF(max);
}

void tg_buf_done(struct tg_buf *b)
{
    free(b->data);
    *b = TG_BUF(b->max);
}

void tg_buf_reset(struct tg_buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data) b->data[0] = 0;
}

/* Make room for n more bytes and the NUL behind them; false beyond the maximum. */
static bool reserve(struct tg_buf *b, size_t n)
{
    if (b->failed || n > b->max - b->len || b->len + n == SIZE_MAX) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap) return true;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    b->data = tg_realloc(b->data, cap);
    b->cap = cap;
    return true;
}

uint8_t *tg_buf_grow(struct tg_buf *b, size_t n)
{
    if (!reserve(b, n)) return NULL;
    uint8_t *room = b->data + b->len;
    b->len += n;
    b->data[b->len] = 0;
    return room;
}

void tg_buf_add(struct tg_buf *b, const void *bytes, size_t n)
{
    uint8_t *room = tg_buf_grow(b, n);
    if (room && n) memcpy(room, bytes, n);
}

void tg_buf_puts(struct tg_buf *b, const char *text)
{
    tg_buf_add(b, text, strlen(text));
}

void tg_buf_putc(struct tg_buf *b, char c)
{
    uint8_t *room = tg_buf_grow(b, 1);
    if (room) *room = (uint8_t)c;
}

void tg_buf_printf(struct tg_buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    tg_buf_vprintf(b, fmt, args);
    va_end(args);
}

void tg_buf_vprintf(struct tg_buf *b, const char *fmt, va_list args)
{
    /* Most texts fit the first time, into a small local room; a long one is printed again in place.
     */
    char small[256];
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(small, sizeof small, fmt, args);
    TG_CHECK(wanted >= 0);
    size_t len = (size_t)wanted;
    if (len < sizeof small) {
        tg_buf_add(b, small, len);
    } else {
        uint8_t *room = tg_buf_grow(b, len);
        if (room) (void)vsnprintf((char *)room, len + 1, fmt, again);
    }
    va_end(again);
}

void tg_buf_hex(struct tg_buf *b, const void *bytes, size_t n)
{
    TG_CHECK(n < SIZE_MAX / 2);
    uint8_t *room = tg_buf_grow(b, 2 * n);
    if (room) tg_hex(bytes, n, (char *)room); /* its NUL falls on ours */
}

void tg_buf_shift(struct tg_buf *b, size_t n)
{
    TG_CHECK(n <= b->len);
    if (n == 0) return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len + 1);
}

int tg_buf_ok(const struct tg_buf *b, struct tg_err *err)
{
    if (!b->failed) return 0;
    return TG_FAIL(err, TG_E_LIMIT, "more than %zu bytes: the limit for this kind of data", b->max);
}

const char *tg_buf_text(const struct tg_buf *b)
{
    return b->data ? (const char *)b->data : "";
}

char *tg_buf_take(struct tg_buf *b, size_t *ret_len)
{
    if (ret_len) *ret_len = b->len;
    uint8_t *data = b->data ? TG_TAKE(b->data) : tg_alloc(1);
    *b = TG_BUF(b->max);
    return (char *)data;
}
