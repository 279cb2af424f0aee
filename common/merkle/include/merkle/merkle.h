/* merkle: RFC 9162 §2.1 trees over SHA-256: roots, inclusion and consistency proofs, and a frontier
 * that grows leaf by leaf. Knows hashes only, no formats; never trusts a size or an index. Thread:
 * any, no sharing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* A proof in a tree of up to 2^63 leaves. */
enum { TG_MERKLE_PROOF_MAX = 64 };

struct tg_merkle_hash {
    uint8_t b[TG_SHA256];
};

struct tg_merkle_proof {
    size_t count;
    struct tg_merkle_hash
        path[TG_MERKLE_PROOF_MAX]; /* leaf upward (inclusion), RFC order (consistency) */
};

/* SHA-256(0x00 || leaf), SHA-256(0x01 || left || right), and SHA-256("") for the tree without
 * leaves. */
void tg_merkle_leaf(const void *leaf, size_t len, struct tg_merkle_hash *ret);
void tg_merkle_node(const struct tg_merkle_hash *left, const struct tg_merkle_hash *right,
                    struct tg_merkle_hash *ret);
void tg_merkle_empty(struct tg_merkle_hash *ret);

/* Root over leaf hashes; needs no memory beyond a frontier. */
void tg_merkle_root(const struct tg_merkle_hash *leaves, size_t count, struct tg_merkle_hash *ret);

/* tree: keeps every level, so that a proof costs O(log n). */
struct tg_merkle_tree {
    size_t count;
    int levels;
    struct tg_merkle_hash *level[TG_MERKLE_PROOF_MAX]; /* level 0 = leaf hashes */
    size_t size[TG_MERKLE_PROOF_MAX];
};
/* The leaf hashes are copied. */
void tg_merkle_tree_init(struct tg_merkle_tree *t, const struct tg_merkle_hash *leaves,
                         size_t count);
void tg_merkle_tree_done(struct tg_merkle_tree *t);
void tg_merkle_tree_root(const struct tg_merkle_tree *t, struct tg_merkle_hash *ret);
/* RFC 9162 §2.1.3.1; index < count, else TG_E_INPUT. */
int tg_merkle_tree_include(const struct tg_merkle_tree *t, size_t index,
                           struct tg_merkle_proof *ret, struct tg_err *err) TG_MUST_CHECK;
/* RFC 9162 §2.1.4.1, from the first old_count leaves to all; 0 < old_count <= count, else
 * TG_E_INPUT. */
int tg_merkle_tree_consist(const struct tg_merkle_tree *t, size_t old_count,
                           struct tg_merkle_proof *ret, struct tg_err *err) TG_MUST_CHECK;

/* RFC 9162 §2.1.3.2 and §2.1.4.2. 0 or TG_E_MISMATCH; safe on any input. path may be NULL when
 * count is 0. */
int tg_merkle_verify_include(const struct tg_merkle_hash *leaf, uint64_t index, uint64_t size,
                             const struct tg_merkle_hash *path, size_t path_count,
                             const struct tg_merkle_hash *root, struct tg_err *err) TG_MUST_CHECK;
/* old_size 0 is consistent with everything, if old_root is the empty root and the proof is empty.
 */
struct tg_merkle_growth {
    uint64_t old_size, new_size;
    struct tg_merkle_hash old_root, new_root;
};
int tg_merkle_verify_consist(const struct tg_merkle_growth *growth,
                             const struct tg_merkle_hash *path, size_t path_count,
                             struct tg_err *err) TG_MUST_CHECK;

/* frontier: the roots of the perfect subtrees of a growing log, largest first. Appending is O(1)
 * amortised. */
struct tg_merkle_frontier {
    uint64_t size;                                   /* leaves so far */
    struct tg_merkle_hash peak[TG_MERKLE_PROOF_MAX]; /* popcount(size) of them */
};
enum { TG_MERKLE_FRONTIER_MAX = 8 + TG_MERKLE_PROOF_MAX * TG_SHA256 };

void tg_merkle_frontier_init(struct tg_merkle_frontier *f);
void tg_merkle_frontier_append(struct tg_merkle_frontier *f, const struct tg_merkle_hash *leaf);
void tg_merkle_frontier_root(const struct tg_merkle_frontier *f, struct tg_merkle_hash *ret);
/* Size as 8 bytes, big-endian, then the peaks; returns the length (8 to 2,056). */
size_t tg_merkle_frontier_print(const struct tg_merkle_frontier *f,
                                uint8_t ret[TG_MERKLE_FRONTIER_MAX]);
int tg_merkle_frontier_parse(const void *bytes, size_t len, struct tg_merkle_frontier *ret,
                             struct tg_err *err) TG_MUST_CHECK;

static inline void tg_auto_merkle_tree(struct tg_merkle_tree *t)
{
    tg_merkle_tree_done(t);
}
