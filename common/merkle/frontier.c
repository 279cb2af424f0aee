#include "merkle/merkle.h"

#include <string.h>

/* Bit k of size is set exactly when a perfect subtree of 2^k leaves stands among the peaks. */
static int peaks_of(uint64_t size)
{
    return __builtin_popcountll(size);
}

void tg_merkle_frontier_init(struct tg_merkle_frontier *f)
{
    f->size = 0;
}

void tg_merkle_frontier_append(struct tg_merkle_frontier *f, const struct tg_merkle_hash *leaf)
{
    TG_CHECK(f->size < UINT64_MAX);
    struct tg_merkle_hash hash = *leaf;
    int peaks = peaks_of(f->size);
    for (uint64_t rest = f->size; rest & 1; rest >>= 1)
        tg_merkle_node(&f->peak[--peaks], &hash, &hash);
    f->peak[peaks] = hash;
    f->size++;
}

void tg_merkle_frontier_root(const struct tg_merkle_frontier *f, struct tg_merkle_hash *ret)
{
    int peaks = peaks_of(f->size);
    if (peaks == 0) {
        tg_merkle_empty(ret);
        return;
    }
    struct tg_merkle_hash hash = f->peak[peaks - 1];
    for (int i = peaks - 2; i >= 0; i--)
        tg_merkle_node(&f->peak[i], &hash, &hash);
    *ret = hash;
}

size_t tg_merkle_frontier_print(const struct tg_merkle_frontier *f,
                                uint8_t ret[TG_MERKLE_FRONTIER_MAX])
{
    size_t peaks = (size_t)peaks_of(f->size);
    for (int i = 0; i < 8; i++)
        ret[i] = (uint8_t)(f->size >> (56 - 8 * i));
    for (size_t i = 0; i < peaks; i++)
        memcpy(ret + 8 + i * TG_SHA256, f->peak[i].b, TG_SHA256);
    return 8 + peaks * TG_SHA256;
}

int tg_merkle_frontier_parse(const void *bytes, size_t len, struct tg_merkle_frontier *ret,
                             struct tg_err *err)
{
    const uint8_t *in = bytes;
    if (len < 8) return TG_FAIL(err, TG_E_INPUT, "merkle frontier: %zu bytes are too few", len);
    uint64_t size = 0;
    for (int i = 0; i < 8; i++)
        size = size << 8 | in[i];
    size_t peaks = (size_t)peaks_of(size);
    if (len != 8 + peaks * TG_SHA256)
        return TG_FAIL(err, TG_E_INPUT, "merkle frontier: %zu bytes do not fit its size", len);
    ret->size = size;
    for (size_t i = 0; i < peaks; i++)
        memcpy(ret->peak[i].b, in + 8 + i * TG_SHA256, TG_SHA256);
    return 0;
}
