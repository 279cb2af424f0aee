// RFC 9162 trees against the RFC's own recursive definition.
// uses: base merkle
#include "base/mem.h"
#include "merkle/merkle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 129 };

static struct tg_merkle_hash leaves[MOST + 1];

/* Largest power of two below n. */
static size_t split(size_t n)
{
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    return k;
}

static struct tg_merkle_hash mth(const struct tg_merkle_hash *d, size_t n)
{
    struct tg_merkle_hash ret;
    if (n == 0) {
        tg_sha256(NULL, 0, ret.b);
    } else if (n == 1) {
        ret = d[0];
    } else {
        uint8_t bytes[65] = {1};
        struct tg_merkle_hash left = mth(d, split(n)), right = mth(d + split(n), n - split(n));
        memcpy(bytes + 1, left.b, 32);
        memcpy(bytes + 33, right.b, 32);
        tg_sha256(bytes, sizeof bytes, ret.b);
    }
    return ret;
}

static void path_of(size_t m, const struct tg_merkle_hash *d, size_t n, struct tg_merkle_proof *ret)
{
    if (n == 1) return;
    size_t k = split(n);
    if (m < k) {
        path_of(m, d, k, ret);
        ret->path[ret->count++] = mth(d + k, n - k);
    } else {
        path_of(m - k, d + k, n - k, ret);
        ret->path[ret->count++] = mth(d, k);
    }
}

static void subproof(size_t m, const struct tg_merkle_hash *d, size_t n, bool whole,
                     struct tg_merkle_proof *ret)
{
    if (m == n) {
        if (!whole) ret->path[ret->count++] = mth(d, n);
        return;
    }
    size_t k = split(n);
    if (m <= k) {
        subproof(m, d, k, whole, ret);
        ret->path[ret->count++] = mth(d + k, n - k);
    } else {
        subproof(m - k, d + k, n - k, false, ret);
        ret->path[ret->count++] = mth(d, k);
    }
}

static bool same(const struct tg_merkle_hash *a, const struct tg_merkle_hash *b)
{
    return memcmp(a->b, b->b, TG_SHA256) == 0;
}

static void assert_same_proof(const struct tg_merkle_proof *a, const struct tg_merkle_proof *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_true(same(&a->path[i], &b->path[i]));
}

static int make_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i <= MOST; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "leaf %zu", i);
        tg_merkle_leaf(text, strlen(text), &leaves[i]);
    }
    return 0;
}

static void known_hashes(void **state)
{
    (void)state;
    struct tg_merkle_hash hash;
    char hex[TG_HEX256];
    tg_merkle_empty(&hash);
    tg_hex(hash.b, sizeof hash, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tg_merkle_leaf("", 0,
                   &hash); /* SHA-256(00), as Certificate Transparency's test vectors have it */
    tg_hex(hash.b, sizeof hash, hex);
    assert_string_equal(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    /* the eight leaves of those vectors, and the roots after one, two, three and all */
    static const struct {
        size_t len;
        const char *bytes;
    } input[] = {{0, ""},
                 {1, "\x00"},
                 {1, "\x10"},
                 {2, "\x20\x21"},
                 {2, "\x30\x31"},
                 {4, "\x40\x41\x42\x43"},
                 {8, "\x50\x51\x52\x53\x54\x55\x56\x57"},
                 {16, "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"}};
    static const struct {
        size_t count;
        const char *root;
    } roots[] = {{1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
                 {2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
                 {3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
                 {8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}};
    struct tg_merkle_hash vector[8];
    for (size_t i = 0; i < 8; i++)
        tg_merkle_leaf(input[i].bytes, input[i].len, &vector[i]);
    for (size_t i = 0; i < TG_COUNT(roots); i++) {
        tg_merkle_root(vector, roots[i].count, &hash);
        tg_hex(hash.b, sizeof hash, hex);
        assert_string_equal(hex, roots[i].root);
    }
}

static void roots_are_the_recursive_ones(void **state)
{
    (void)state;
    struct tg_merkle_frontier f;
    tg_merkle_frontier_init(&f);
    for (size_t n = 0; n <= MOST; n++) {
        struct tg_merkle_hash want = mth(leaves, n), got;
        tg_merkle_root(leaves, n, &got);
        assert_true(same(&want, &got));
        tg_merkle_frontier_root(&f, &got);
        assert_true(same(&want, &got));
        struct tg_merkle_tree t;
        tg_merkle_tree_init(&t, leaves, n);
        tg_merkle_tree_root(&t, &got);
        assert_true(same(&want, &got));
        tg_merkle_tree_done(&t);
        tg_merkle_frontier_append(&f, &leaves[n]);
        assert_int_equal(f.size, n + 1);
    }
}

/* One good inclusion proof, and everything near to it refused. */
static void try_inclusion(const struct tg_merkle_tree *t, size_t index,
                          const struct tg_merkle_hash *root)
{
    size_t n = t->count;
    struct tg_merkle_proof proof, want = {0};
    assert_int_equal(tg_merkle_tree_include(t, index, &proof, NULL), 0);
    path_of(index, leaves, n, &want);
    assert_same_proof(&proof, &want);
    const struct tg_merkle_hash *leaf = &leaves[index];
    assert_int_equal(tg_merkle_verify_include(leaf, index, n, proof.path, proof.count, root, NULL),
                     0);
    for (size_t other = 0; other <= n; other++)
        if (other != index)
            assert_int_equal(tg_merkle_verify_include(leaf, other, n, proof.path, proof.count, root,
                                                      NULL),
                             TG_E_MISMATCH);
    assert_int_equal(tg_merkle_verify_include(&leaves[MOST], index, n, proof.path, proof.count,
                                              root, NULL),
                     TG_E_MISMATCH);
    for (size_t i = 0; i < proof.count; i++) {
        size_t bit = tg_random_below(256);
        proof.path[i].b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(tg_merkle_verify_include(leaf, index, n, proof.path, proof.count, root,
                                                  NULL),
                         TG_E_MISMATCH);
        proof.path[i].b[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    if (proof.count > 0)
        assert_int_equal(tg_merkle_verify_include(leaf, index, n, proof.path, proof.count - 1, root,
                                                  NULL),
                         TG_E_MISMATCH);
    proof.path[proof.count] = *root;
    assert_int_equal(tg_merkle_verify_include(leaf, index, n, proof.path, proof.count + 1, root,
                                              NULL),
                     TG_E_MISMATCH);
}

static void every_inclusion_proof(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MOST; n++) {
        struct tg_merkle_hash root = mth(leaves, n);
        TG_AUTO(merkle_tree) struct tg_merkle_tree t;
        tg_merkle_tree_init(&t, leaves, n);
        for (size_t i = 0; i < n; i++)
            try_inclusion(&t, i, &root);
        struct tg_merkle_proof proof;
        assert_int_equal(tg_merkle_tree_include(&t, n, &proof, NULL), TG_E_INPUT);
    }
}

/* A proof fixes the size where the shape of the path differs; a size of the same shape is caught by
 * the signed size beside the root. Here: sizes whose proof has another length. */
static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    struct tg_merkle_proof proof, other;
    for (size_t n = 1; n <= 40; n++) {
        struct tg_merkle_hash root = mth(leaves, n);
        TG_AUTO(merkle_tree) struct tg_merkle_tree t;
        tg_merkle_tree_init(&t, leaves, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(tg_merkle_tree_include(&t, i, &proof, NULL), 0);
            for (size_t wrong = 0; wrong <= MOST; wrong++) {
                other.count = 0;
                if (i < wrong) path_of(i, leaves, wrong, &other);
                if (wrong > i && other.count == proof.count) continue;
                assert_int_equal(tg_merkle_verify_include(&leaves[i], i, wrong, proof.path,
                                                          proof.count, &root, NULL),
                                 TG_E_MISMATCH);
            }
        }
    }
}

static void refuse_growth(const struct tg_merkle_growth *g, const struct tg_merkle_proof *p,
                          size_t count)
{
    struct tg_err err = {0};
    assert_int_equal(tg_merkle_verify_consist(g, p->path, count, &err), TG_E_MISMATCH);
}

static void try_consistency(const struct tg_merkle_tree *t, size_t m)
{
    struct tg_merkle_proof proof, want = {0};
    struct tg_merkle_growth g = {m, t->count, mth(leaves, m), mth(leaves, t->count)}, bad;
    assert_int_equal(tg_merkle_tree_consist(t, m, &proof, NULL), 0);
    subproof(m, leaves, t->count, true, &want);
    assert_same_proof(&proof, &want);
    assert_int_equal(tg_merkle_verify_consist(&g, proof.path, proof.count, NULL), 0);
    bad = g;
    bad.old_root.b[tg_random_below(32)] ^= 0x10;
    refuse_growth(&bad, &proof, proof.count);
    bad = g;
    bad.new_root.b[tg_random_below(32)] ^= 0x10;
    refuse_growth(&bad, &proof, proof.count);
    bad = g;
    bad.old_size = g.new_size + 1;
    refuse_growth(&bad, &proof, proof.count);
    for (size_t i = 0; i < proof.count; i++) {
        size_t byte = tg_random_below(32);
        proof.path[i].b[byte] ^= 0x80;
        refuse_growth(&g, &proof, proof.count);
        proof.path[i].b[byte] ^= 0x80;
    }
    proof.path[proof.count] = g.new_root;
    refuse_growth(&g, &proof, proof.count + 1);
    if (proof.count > 0) refuse_growth(&g, &proof, proof.count - 1);
}

static void every_consistency_proof(void **state)
{
    (void)state;
    struct tg_merkle_proof proof;
    for (size_t n = 0; n <= MOST; n++) {
        TG_AUTO(merkle_tree) struct tg_merkle_tree t;
        tg_merkle_tree_init(&t, leaves, n);
        for (size_t m = 1; m <= n; m++)
            try_consistency(&t, m);
        assert_int_equal(tg_merkle_tree_consist(&t, 0, &proof, NULL), TG_E_INPUT);
        assert_int_equal(tg_merkle_tree_consist(&t, n + 1, &proof, NULL), TG_E_INPUT);
        struct tg_merkle_growth g = {0, n, mth(leaves, 0), mth(leaves, n)};
        assert_int_equal(tg_merkle_verify_consist(&g, NULL, 0, NULL), 0);
        g.old_root.b[0] ^= 1;
        assert_int_equal(tg_merkle_verify_consist(&g, NULL, 0, NULL), TG_E_MISMATCH);
    }
}

/* The log's own attack: the past was changed, and the proof is made by an honest tree over the new
 * past. */
static void changed_past_is_found(void **state)
{
    (void)state;
    for (size_t n = 2; n <= 40; n++) {
        for (size_t m = 1; m < n; m++) {
            struct tg_merkle_hash forged[MOST];
            memcpy(forged, leaves, n * sizeof *forged);
            forged[tg_random_below((uint32_t)m)] = leaves[MOST];
            struct tg_merkle_growth g = {m, n, mth(leaves, m), mth(forged, n)};
            struct tg_merkle_proof proof;
            TG_AUTO(merkle_tree) struct tg_merkle_tree t;
            tg_merkle_tree_init(&t, forged, n);
            assert_int_equal(tg_merkle_tree_consist(&t, m, &proof, NULL), 0);
            refuse_growth(&g, &proof, proof.count);
        }
    }
}

static void frontier_survives_being_stored(void **state)
{
    (void)state;
    struct tg_merkle_frontier f, back;
    uint8_t bytes[TG_MERKLE_FRONTIER_MAX];
    struct tg_err err = {0};
    tg_merkle_frontier_init(&f);
    for (size_t n = 0; n <= MOST; n++) {
        size_t len = tg_merkle_frontier_print(&f, bytes);
        assert_int_equal(tg_merkle_frontier_parse(bytes, len, &back, &err), 0);
        assert_int_equal(back.size, n);
        struct tg_merkle_hash root, want = mth(leaves, n);
        tg_merkle_frontier_root(&back, &root);
        assert_true(same(&root, &want));
        assert_int_equal(tg_merkle_frontier_parse(bytes, len - 1, &back, &err), TG_E_INPUT);
        assert_int_equal(tg_merkle_frontier_parse(bytes, len + 1, &back, &err), TG_E_INPUT);
        tg_merkle_frontier_append(&f, &leaves[n]);
    }
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(tg_merkle_frontier_parse(bytes, sizeof bytes, &back, &err),
                     0); /* 2^64-1 leaves */
    tg_merkle_frontier_root(&back, &leaves[MOST]);
    make_leaves(NULL);
}

static void random_input_never_crashes(void **state)
{
    (void)state;
    struct tg_merkle_hash path[TG_MERKLE_PROOF_MAX];
    tg_random(path, sizeof path);
    for (int round = 0; round < 3000; round++) {
        uint64_t numbers[2];
        tg_random(numbers, sizeof numbers);
        numbers[0] >>= tg_random_below(64);
        numbers[1] >>= tg_random_below(64);
        size_t count = tg_random_below(TG_MERKLE_PROOF_MAX + 1);
        struct tg_merkle_growth g = {numbers[0], numbers[1], path[0], path[1]};
        assert_int_equal(tg_merkle_verify_include(&path[0], numbers[0], numbers[1], path, count,
                                                  &path[1], NULL),
                         TG_E_MISMATCH);
        assert_int_equal(tg_merkle_verify_consist(&g, path, count, NULL), TG_E_MISMATCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_hashes),
        cmocka_unit_test(roots_are_the_recursive_ones),
        cmocka_unit_test(every_inclusion_proof),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(every_consistency_proof),
        cmocka_unit_test(changed_past_is_found),
        cmocka_unit_test(frontier_survives_being_stored),
        cmocka_unit_test(random_input_never_crashes),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
