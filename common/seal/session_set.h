/* A set of SHA-256 values in hex, for "unique within a batch". Open addressing with a random seed,
 * so that nobody can choose values that collide. Private to seal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct seal_set_item {
    uint8_t hash[TG_SHA256];
};

struct seal_set {
    struct seal_set_item *items;
    bool *used;
    size_t count, cap; /* cap is a power of two */
    uint64_t seed[2];
};

void seal_set_init(struct seal_set *s);
void seal_set_done(struct seal_set *s);
/* False if it is there already. hex: 64 lower-case digits. */
bool seal_set_add(struct seal_set *s, const char *hex);
