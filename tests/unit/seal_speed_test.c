/* seal speed: a batch of 100,000 lines sealed, signed, read again and verified; figures are
 * printed. The limits are wide: sanitizers and a busy machine must pass too; scripts/bench holds
 * the real ones. */
// uses: base json loop merkle x509 cms seal seal_world
#include "base/times.h"
#include "loop/clock.h"
#include "seal_world/refuse.h"

enum { LINES = TG_MAX_BATCH, LIMIT_MS = 60 * 1000 };

static struct tg_buf snapshot, decisions;

static int64_t now_ms(void)
{
    return (int64_t)tg_clock_mono_ms(tg_clock_system());
}

/* Leaves of the usual size (about 550 bytes), each with its own certificate and key. */
static void write_lines(void)
{
    struct tg_leaf *l = &w.apps[0].leaf;
    char hash[TG_SEAL_HEX];
    for (uint32_t i = 0; i < LINES; i++) {
        tg_number_print((struct tg_number){26, i + 1}, l->no);
        tg_sha256_hex(&i, sizeof i, l->old);
        tg_sha256_hex(l->old, 64, l->key);
        tg_sha256_hex(l->key, 64, hash);
        passed(tg_leaf_print(l, &snapshot, &err));
        tg_buf_putc(&snapshot, '\n');
        tg_buf_printf(&decisions, "approve %s %s -\n", hash, l->key);
    }
}

static const char *policy_hash(const char *name, void *data)
{
    (void)name;
    return data;
}

static void a_hundred_thousand(void **state)
{
    (void)state;
    static struct tg_totals totals;
    static struct tg_offline_report report;
    tg_buf_init(&snapshot, (size_t)LINES * 1024);
    tg_buf_init(&decisions, (size_t)LINES * 256);
    int64_t start = now_ms();
    write_lines();
    int64_t written = now_ms();
    TG_AUTO(session) struct tg_session *s = tg_session_new();
    passed(tg_session_read(s, seal_blob(&snapshot), seal_blob(&decisions), &err));
    tg_session_totals(s, &totals);
    int64_t sealed = now_ms();
    passed(tg_totals_fill(&totals, policy_hash, (void *)(uintptr_t)TG_HEX_EMPTY, &w.st, &err));
    seal_world_sign(&w);
    int64_t signed_at = now_ms();
    struct tg_offline in = {seal_blob(&snapshot), seal_blob(&decisions), w.signed_, w.knowledge};
    passed(tg_offline_verify(&in, &report, &err));
    int64_t verified = now_ms();
    struct tg_merkle_hash root;
    size_t n;
    const struct tg_merkle_hash *hashes = tg_session_approved(s, &n);
    tg_merkle_root(hashes, n, &root);
    int64_t rooted = now_ms();
    print_message("%d leaves, %zu bytes on average: print %lld ms, seal %lld ms, sign %lld ms, "
                  "verify %lld ms, "
                  "one root over the hashes %lld ms\n",
                  LINES, snapshot.len / LINES, (long long)(written - start),
                  (long long)(sealed - written), (long long)(signed_at - sealed),
                  (long long)(verified - signed_at), (long long)(rooted - verified));
    assert_int_equal(report.totals.approve.count, LINES);
    assert_true(verified - start < LIMIT_MS);
    tg_buf_done(&snapshot);
    tg_buf_done(&decisions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {WORLD_TEST(a_hundred_thousand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
