#include "merkle/merkle.h"

static int refuse(struct tg_err *err, const char *why)
{
    return TG_FAIL(err, TG_E_MISMATCH, "merkle proof: %s", why);
}

static bool same(const struct tg_merkle_hash *a, const struct tg_merkle_hash *b)
{
    return tg_equal(a->b, b->b, TG_SHA256);
}

/* RFC 9162 §2.1.3.2 and §2.1.4.2, step 4.b.ii: climb past the levels on which the node was alone.
 */
static void skip_lone(uint64_t *fn, uint64_t *sn)
{
    while (*fn != 0 && !(*fn & 1)) {
        *fn >>= 1;
        *sn >>= 1;
    }
}

int tg_merkle_verify_include(const struct tg_merkle_hash *leaf, uint64_t index, uint64_t size,
                             const struct tg_merkle_hash *path, size_t path_count,
                             const struct tg_merkle_hash *root, struct tg_err *err)
{
    if (index >= size) return refuse(err, "the index is outside of the tree");
    uint64_t fn = index, sn = size - 1;
    struct tg_merkle_hash hash = *leaf;
    for (size_t i = 0; i < path_count; i++) {
        if (sn == 0) return refuse(err, "too long for the size of the tree");
        if ((fn & 1) || fn == sn) {
            tg_merkle_node(&path[i], &hash, &hash);
            skip_lone(&fn, &sn);
        } else {
            tg_merkle_node(&hash, &path[i], &hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0) return refuse(err, "too short for the size of the tree");
    if (!same(&hash, root)) return refuse(err, "it leads to another root");
    return 0;
}

/* §2.1.4.2 with first an exact power of two: its root is itself the first element of the path. */
static int climb_consist(const struct tg_merkle_growth *g, const struct tg_merkle_hash *path,
                         size_t path_count, struct tg_err *err)
{
    bool power = (g->old_size & (g->old_size - 1)) == 0;
    uint64_t fn = g->old_size - 1, sn = g->new_size - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    struct tg_merkle_hash fr = power ? g->old_root : path[0], sr = fr;
    for (size_t i = power ? 0 : 1; i < path_count; i++) {
        if (sn == 0) return refuse(err, "too long for the sizes of the trees");
        if ((fn & 1) || fn == sn) {
            tg_merkle_node(&path[i], &fr, &fr);
            tg_merkle_node(&path[i], &sr, &sr);
            skip_lone(&fn, &sn);
        } else {
            tg_merkle_node(&sr, &path[i], &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0) return refuse(err, "too short for the sizes of the trees");
    if (!same(&fr, &g->old_root)) return refuse(err, "it leads to another old root");
    if (!same(&sr, &g->new_root)) return refuse(err, "it leads to another new root");
    return 0;
}

int tg_merkle_verify_consist(const struct tg_merkle_growth *growth,
                             const struct tg_merkle_hash *path, size_t path_count,
                             struct tg_err *err)
{
    if (growth->old_size > growth->new_size) return refuse(err, "the tree has shrunk");
    if (growth->old_size == 0) {
        struct tg_merkle_hash empty;
        tg_merkle_empty(&empty);
        if (path_count != 0) return refuse(err, "an empty tree needs no proof");
        if (!same(&growth->old_root, &empty)) return refuse(err, "that is not the empty root");
        if (growth->new_size == 0 && !same(&growth->new_root, &empty))
            return refuse(err, "one size, two roots");
        return 0;
    }
    if (growth->old_size == growth->new_size) {
        if (path_count != 0) return refuse(err, "equal trees need no proof");
        if (!same(&growth->old_root, &growth->new_root)) return refuse(err, "one size, two roots");
        return 0;
    }
    if (path_count == 0) return refuse(err, "it is empty");
    return climb_consist(growth, path, path_count, err);
}
