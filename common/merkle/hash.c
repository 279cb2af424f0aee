#include "merkle/merkle.h"

#include <string.h>

void tg_merkle_leaf(const void *leaf, size_t len, struct tg_merkle_hash *ret)
{
    static const uint8_t prefix = 0x00;
    tg_sha256_2(&prefix, 1, leaf, len, ret->b);
}

void tg_merkle_node(const struct tg_merkle_hash *left, const struct tg_merkle_hash *right,
                    struct tg_merkle_hash *ret)
{
    uint8_t bytes[1 + 2 * TG_SHA256];
    bytes[0] = 0x01;
    memcpy(bytes + 1, left->b, TG_SHA256);
    memcpy(bytes + 1 + TG_SHA256, right->b, TG_SHA256);
    tg_sha256(bytes, sizeof bytes, ret->b);
}

void tg_merkle_empty(struct tg_merkle_hash *ret)
{
    tg_sha256("", 0, ret->b);
}

void tg_merkle_root(const struct tg_merkle_hash *leaves, size_t count, struct tg_merkle_hash *ret)
{
    struct tg_merkle_frontier f;
    tg_merkle_frontier_init(&f);
    for (size_t i = 0; i < count; i++)
        tg_merkle_frontier_append(&f, &leaves[i]);
    tg_merkle_frontier_root(&f, ret);
}
