#include "merkle/merkle.h"

#include <string.h>

#include "base/mem.h"

/* The next level pairs the nodes of this one; a lone last node rises unchanged. That yields the
 * RFC's tree, whose left part is always the largest power of two. */
static void add_level(struct tg_merkle_tree *t)
{
    const struct tg_merkle_hash *below = t->level[t->levels - 1];
    size_t below_size = t->size[t->levels - 1], size = below_size / 2 + below_size % 2;
    struct tg_merkle_hash *level = tg_calloc(size, sizeof *level);
    for (size_t i = 0; i < below_size / 2; i++)
        tg_merkle_node(&below[2 * i], &below[2 * i + 1], &level[i]);
    if (below_size % 2) level[size - 1] = below[below_size - 1];
    t->level[t->levels] = level;
    t->size[t->levels] = size;
    t->levels++;
}

void tg_merkle_tree_init(struct tg_merkle_tree *t, const struct tg_merkle_hash *leaves,
                         size_t count)
{
    *t = (struct tg_merkle_tree){.count = count};
    if (count == 0) return;
    t->level[0] = tg_calloc(count, sizeof *leaves);
    memcpy(t->level[0], leaves, count * sizeof *leaves);
    t->size[0] = count;
    t->levels = 1;
    while (t->size[t->levels - 1] > 1)
        add_level(t);
}

void tg_merkle_tree_done(struct tg_merkle_tree *t)
{
    for (int i = 0; i < t->levels; i++)
        free(t->level[i]);
    *t = (struct tg_merkle_tree){0};
}

void tg_merkle_tree_root(const struct tg_merkle_tree *t, struct tg_merkle_hash *ret)
{
    if (t->count == 0)
        tg_merkle_empty(ret);
    else
        *ret = t->level[t->levels - 1][0];
}

int tg_merkle_tree_include(const struct tg_merkle_tree *t, size_t index,
                           struct tg_merkle_proof *ret, struct tg_err *err)
{
    if (index >= t->count)
        return TG_FAIL(err, TG_E_INPUT, "merkle: no leaf %zu in a tree of %zu", index, t->count);
    ret->count = 0;
    for (int k = 0; k < t->levels - 1; k++, index >>= 1)
        if ((index ^ 1) < t->size[k]) ret->path[ret->count++] = t->level[k][index ^ 1];
    return 0;
}

/* Root over leaves [lo, hi): a perfect subtree, or one that ends where the tree ends; both are
 * nodes. */
static const struct tg_merkle_hash *range_root(const struct tg_merkle_tree *t, size_t lo, size_t hi)
{
    int k = 0;
    while (((hi - lo - 1) >> k) != 0)
        k++;
    return &t->level[k][lo >> k];
}

int tg_merkle_tree_consist(const struct tg_merkle_tree *t, size_t old_count,
                           struct tg_merkle_proof *ret, struct tg_err *err)
{
    if (old_count == 0 || old_count > t->count)
        return TG_FAIL(err, TG_E_INPUT, "merkle: no proof from %zu leaves to %zu", old_count,
                       t->count);
    /* SUBPROOF(m, D[lo:hi], whole), walked downwards; the RFC lists it upwards. */
    size_t lo = 0, hi = t->count, m = old_count;
    bool whole = true;
    ret->count = 0;
    while (m != hi - lo) {
        size_t half = 1;
        while (half * 2 < hi - lo)
            half *= 2;
        if (m <= half) {
            ret->path[ret->count++] = *range_root(t, lo + half, hi);
            hi = lo + half;
        } else {
            ret->path[ret->count++] = *range_root(t, lo, lo + half);
            lo += half;
            m -= half;
            whole = false;
        }
    }
    if (!whole) ret->path[ret->count++] = *range_root(t, lo, hi);
    for (size_t i = 0; i < ret->count / 2; i++) {
        struct tg_merkle_hash other = ret->path[i];
        ret->path[i] = ret->path[ret->count - 1 - i];
        ret->path[ret->count - 1 - i] = other;
    }
    return 0;
}
