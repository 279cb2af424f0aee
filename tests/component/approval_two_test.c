// Two services on one database: what one is told the other hears, and no job is sent twice.
// uses: base loop config json merkle x509 cms seal wire policy db application approval dispatch seal_world testdb flow_world | libs: pq uv jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "flow_world/flow_world.h"

enum { WAIT_MS = 20 * 1000 };

struct two {
    struct flow f;
    struct db *db;
    struct approval *other;
    uint32_t version;
    unsigned recalls, answers;
    size_t lines;
    char recalled[TG_SEAL_HEX];
    bool closed;
};

static void on_trust(const struct tg_trust_chain *chain, void *data)
{
    ((struct two *)data)->version = tg_trust_chain_version(chain);
}

static void on_recall(const char *statement, struct tg_blob text, struct tg_blob cms, void *data)
{
    struct two *t = data;
    assert_true(text.len > 0 && cms.len > 0);
    t->recalls++;
    (void)snprintf(t->recalled, sizeof t->recalled, "%s", statement);
}

static int setup(void **state)
{
    struct two *t = TG_NEW(struct two);
    flow_init(&t->f, 3, true);
    t->db = testdb_pool(&t->f.t, &t->f.loop, 0);
    t->other = approval_new(t->db, NULL);
    approval_on_trust(t->other, on_trust, t);
    approval_on_recall(t->other, on_recall, t);
    *state = t;
    return 0;
}

static void on_closed(void *data)
{
    ((struct two *)data)->closed = true;
}

static bool is_closed(void *data)
{
    return ((struct two *)data)->closed;
}

static int teardown(void **state)
{
    struct two *t = *state;
    approval_close(t->other, on_closed, t);
    assert_true(tg_loop_until(&t->f.loop, is_closed, t, WAIT_MS));
    testdb_pool_close(t->db, &t->f.loop);
    flow_done(&t->f);
    free(t);
    return 0;
}

static void must(struct flow *f, int rc)
{
    if (rc < 0) fail_msg("%s", f->err.text);
}

static bool has_first(void *data)
{
    return ((struct two *)data)->version == 1;
}

static bool has_second(void *data)
{
    return ((struct two *)data)->version == 2;
}

static void both_know_the_newest_trust(void **state)
{
    struct two *t = *state;
    assert_true(tg_loop_until(&t->f.loop, has_first, t, WAIT_MS));
    seal_world_publish(&t->f.w);
    must(&t->f, flow_publish(&t->f));
    assert_true(tg_loop_until(&t->f.loop, has_second, t, WAIT_MS));
    assert_string_equal(approval_realm(t->other), approval_realm(t->f.approval));
    seal_world_publish(&t->f.w); /* agents that have not heard of the second are told of all */
    must(&t->f, flow_publish(&t->f));
    assert_int_equal(flow_count(&t->f, "SELECT count(*) FROM job WHERE kind = 7"), 3);
}

static bool has_recall(void *data)
{
    return ((struct two *)data)->recalls > 0;
}

static void both_know_a_recall(void **state)
{
    struct two *t = *state;
    struct flow *f = &t->f;
    flow_prepare_all(f);
    must(f, flow_open(f));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    must(f, flow_recall(f, &f->w.ceo));
    assert_true(tg_loop_until(&f->loop, has_recall, t, WAIT_MS));
    assert_string_equal(t->recalled, f->accepted.statement);
}

static void on_lines(const struct dispatch_line *lines, size_t count, const struct tg_err *err,
                     void *data)
{
    struct two *t = data;
    (void)lines;
    assert_null(err);
    t->lines += count;
    t->answers++;
}

static bool both_answered(void *data)
{
    return ((struct two *)data)->answers == 2;
}

static void no_job_is_sent_twice(void **state)
{
    struct two *t = *state;
    struct flow *f = &t->f;
    for (size_t i = 0; i < f->w.count; i++) {
        t->answers = 0;
        t->lines = 0;
        dispatch_next(f->dispatch, flow_agent(f, i), 1000, f->clock.wall_s, on_lines, t);
        dispatch_next(f->dispatch, flow_agent(f, i), 1000, f->clock.wall_s, on_lines, t);
        assert_true(tg_loop_until(&f->loop, both_answered, t, WAIT_MS));
        assert_int_equal(t->lines, 1);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(both_know_the_newest_trust),
        T(both_know_a_recall),
        T(no_job_is_sent_twice),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
