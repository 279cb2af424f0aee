/* mem: allocation that does not return NULL, and scope cleanup. Small OOM ends the program (its
 * state is durable); sizes that come from input are bounded by the caller first (limits.h). Thread:
 * any. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

void *tg_alloc(size_t size); /* zeroed; free() it */
void *tg_calloc(size_t count, size_t size);
void *tg_realloc(void *old, size_t size);
char *tg_strdup(const char *text);
char *tg_strndup(const char *text, size_t len);
void *tg_memdup(const void *bytes, size_t len); /* one NUL byte follows the copy */
char *tg_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define TG_NEW(type) ((type *)tg_alloc(sizeof(type)))

/* TG_AUTO(x509) X509 *cert = NULL;  is freed at the end of the scope by tg_auto_x509(). */
#define TG_AUTO(name) __attribute__((cleanup(tg_auto_##name)))
#define TG_DEFINE_AUTO(name, type, free_fn)                                                        \
    static inline void tg_auto_##name(type **p)                                                    \
    {                                                                                              \
        if (*p) free_fn(*p);                                                                       \
        *p = NULL;                                                                                 \
    }                                                                                              \
    struct tg_auto_semicolon_##name

/* Hand over: yields the pointer and forgets it. */
#define TG_TAKE(p)                                                                                 \
    __extension__({                                                                                \
        __typeof__(p) tg_taken_ = (p);                                                             \
        (p) = NULL;                                                                                \
        tg_taken_;                                                                                 \
    })

static inline void tg_auto_mem(void *p)
{
    void **slot = p;
    free(*slot);
    *slot = NULL;
}

#define tg_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define TG_COUNT(array)                    (sizeof(array) / sizeof((array)[0]))
