#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>

#include "base/err.h"

/* Not TG_CHECK(p): the message should say what happened. */
static void *or_die(void *p)
{
    if (!p) tg_check_failed("out of memory", __FILE__, __LINE__);
    return p;
}

void *tg_alloc(size_t size)
{
    return tg_calloc(1, size);
}

void *tg_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0) count = size = 1;
    return or_die(calloc(count, size)); /* calloc refuses an overflowing product */
}

void *tg_realloc(void *old, size_t size)
{
    return or_die(realloc(old, size ? size : 1));
}

char *tg_strdup(const char *text)
{
    return tg_memdup(text, strlen(text));
}

char *tg_strndup(const char *text, size_t len)
{
    return tg_memdup(text, strnlen(text, len));
}

void *tg_memdup(const void *bytes, size_t len)
{
    TG_CHECK(len < SIZE_MAX);
    char *copy = or_die(malloc(len + 1));
    if (len) memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *tg_printf(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0) tg_check_failed("tg_printf: out of memory or a bad format", __FILE__, __LINE__);
    return text;
}
