/* slab: memory for nghttp2 in which its one 16 KiB frame buffer per session lies page-aligned, so
 * that an idle session keeps one or two of five pages resident. Everything else is malloc. One
 * reservation of address space for all sessions (a mapping per block would run into
 * vm.max_map_count). Thread: the loop's. */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdint.h>

struct slab {
    uint8_t *base; /* NULL: could not be reserved, everything is malloc */
    size_t slots, used;
    uint32_t *spare; /* stack of freed slots */
    size_t spares;
    nghttp2_mem mem;
};

void slab_init(struct slab *s, size_t slots);
void slab_done(struct slab *s);
