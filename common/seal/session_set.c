#include "session_set.h"

#include "base/mem.h"

enum { FIRST_CAP = 256 };

void seal_set_init(struct seal_set *s)
{
    *s = (struct seal_set){0};
    tg_random(s->seed, sizeof s->seed);
    s->seed[0] |= 1;
    s->seed[1] |= 1;
}

void seal_set_done(struct seal_set *s)
{
    free(s->items);
    free(s->used);
    *s = (struct seal_set){0};
}

static size_t place_of(const struct seal_set *s, const uint8_t *hash)
{
    uint64_t word[2];
    memcpy(word, hash, sizeof word);
    uint64_t mixed = word[0] * s->seed[0] + word[1] * s->seed[1];
    return (size_t)(mixed >> 32) & (s->cap - 1);
}

static bool put(struct seal_set *s, const uint8_t *hash)
{
    size_t at = place_of(s, hash);
    for (; s->used[at]; at = (at + 1) & (s->cap - 1)) {
        if (memcmp(s->items[at].hash, hash, TG_SHA256) == 0) return false;
    }
    s->used[at] = true;
    memcpy(s->items[at].hash, hash, TG_SHA256);
    s->count++;
    return true;
}

static void grow(struct seal_set *s)
{
    struct seal_set old = *s;
    s->cap = old.cap ? 2 * old.cap : FIRST_CAP;
    s->items = tg_calloc(s->cap, sizeof *s->items);
    s->used = tg_calloc(s->cap, sizeof *s->used);
    s->count = 0;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.used[i]) (void)put(s, old.items[i].hash);
    }
    free(old.items);
    free(old.used);
}

bool seal_set_add(struct seal_set *s, const char *hex)
{
    uint8_t hash[TG_SHA256];
    TG_CHECK(tg_unhex(hex, 2 * (size_t)TG_SHA256, hash));
    if (2 * s->count >= s->cap) grow(s);
    return put(s, hash);
}
