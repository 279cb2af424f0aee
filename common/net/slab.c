#include "slab.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "base/mem.h"

/* nghttp2's frame buffer is 9 + 1 + 16,384 bytes. */
enum { SLAB_FROM = 16 * 1024, SLAB_SLOT = 20 * 1024 };

static bool slab_owns(const struct slab *s, const void *ptr)
{
    const uint8_t *p = ptr;
    return s->base && p >= s->base && p < s->base + s->slots * SLAB_SLOT;
}

static void *slab_take(struct slab *s)
{
    if (!s->base) return NULL;
    if (s->spares > 0) return s->base + (size_t)s->spare[--s->spares] * SLAB_SLOT;
    if (s->used == s->slots) return NULL;
    return s->base + s->used++ * SLAB_SLOT;
}

static void *slab_malloc(size_t size, void *data)
{
    struct slab *s = data;
    void *p = size >= SLAB_FROM && size <= SLAB_SLOT ? slab_take(s) : NULL;
    return p ? p : malloc(size);
}

static void slab_free(void *ptr, void *data)
{
    struct slab *s = data;
    if (!slab_owns(s, ptr)) {
        free(ptr);
        return;
    }
    (void)madvise(ptr, SLAB_SLOT, MADV_DONTNEED);
    s->spare[s->spares++] = (uint32_t)((size_t)((uint8_t *)ptr - s->base) / SLAB_SLOT);
}

static void *slab_calloc(size_t count, size_t size, void *data)
{
    (void)data;
    return calloc(count, size);
}

/* nghttp2 makes its frame buffer by realloc(NULL, n). */
static void *slab_realloc(void *ptr, size_t size, void *data)
{
    struct slab *s = data;
    if (!ptr) return slab_malloc(size, data);
    if (!slab_owns(s, ptr)) return realloc(ptr, size);
    if (size <= SLAB_SLOT) return ptr;
    void *bigger = malloc(size);
    if (!bigger) return NULL;
    memcpy(bigger, ptr, SLAB_SLOT);
    slab_free(ptr, data);
    return bigger;
}

void slab_init(struct slab *s, size_t slots)
{
    *s = (struct slab){.slots = slots};
    s->mem = (nghttp2_mem){.mem_user_data = s,
                           .malloc = slab_malloc,
                           .free = slab_free,
                           .calloc = slab_calloc,
                           .realloc = slab_realloc};
    if (slots == 0) return;
    void *p = mmap(NULL, slots * SLAB_SLOT, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return;
    /* A huge page would make five idle slots resident at once. */
    (void)madvise(p, slots * SLAB_SLOT, MADV_NOHUGEPAGE);
    s->base = p;
    s->spare = tg_calloc(slots, sizeof *s->spare);
}

void slab_done(struct slab *s)
{
    if (s->base) munmap(s->base, s->slots * SLAB_SLOT);
    free(s->spare);
    *s = (struct slab){0};
}
