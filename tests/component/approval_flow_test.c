// One renewal's way through approval and dispatch, in a real database with the real formats.
// uses: base loop config json merkle x509 cms seal wire policy db application approval dispatch seal_world testdb flow_world | libs: pq uv jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "flow_world/flow_world.h"

static int setup(void **state)
{
    struct flow *f = TG_NEW(struct flow);
    flow_init(f, 5, true);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    flow_done(*state);
    free(*state);
    return 0;
}

static void must(struct flow *f, int rc)
{
    if (rc < 0) fail_msg("%s", f->err.text);
}

static void approve(struct flow *f)
{
    flow_prepare_all(f);
    must(f, flow_open(f));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
}

static void a_renewal_goes_all_the_way(void **state)
{
    struct flow *f = *state;
    flow_prepare_all(f);
    must(f, flow_open(f));
    assert_int_equal(f->opened.count, 5);
    assert_int_equal(f->opened.hold, 0);
    assert_int_equal(flow_state(f, 0), 3);
    must(f, flow_decide(f, APPROVAL_HOLD, flow_number(f, 3), ""));
    must(f, flow_decide(f, APPROVAL_RETURN, flow_number(f, 4), "wrong \"department\""));
    assert_int_equal(f->decided.approve, 3);
    assert_int_equal(f->decided.hold, 1);
    assert_int_equal(f->decided.return_, 1);
    must(f, flow_show(f));
    assert_non_null(strstr(tg_buf_text(&f->bytes), "wrong \\\"department\\\""));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    assert_int_equal(f->accepted.approved, 3);
    assert_int_equal(f->accepted.held, 1);
    assert_int_equal(f->accepted.returned, 1);
    assert_int_equal(flow_state(f, 0), 4);
    assert_int_equal(flow_state(f, 3), 2);
    assert_int_equal(flow_state(f, 4), 9);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 21"), 1);
    flow_issue(f, 0);
}

static bool install_is_there(void *data)
{
    struct flow *f = data;
    return flow_count(f, "SELECT count(*) FROM job WHERE kind = 3") == 1;
}

static void an_issued_certificate_is_installed(void **state)
{
    struct flow *f = *state;
    approve(f);
    flow_issue(f, 0);
    assert_true(tg_loop_until(&f->loop, install_is_there, f, 20000));
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 1);
    struct tg_wire_message *m = NULL;
    struct tg_bundle *b = NULL;
    must(f, tg_wire_parse(f->bytes.data, f->bytes.len - 1, &m, &f->err));
    const struct tg_wire_install *body = tg_wire_body(m, TG_WIRE_INSTALL);
    must(f, tg_bundle_parse(body->bundle.data, body->bundle.len, &b, &f->err));
    tg_bundle_free(b);
    tg_wire_free(m);
    must(f, flow_report(f, 0, flow_installed(f, 0, f->ids[0])));
    assert_string_equal(f->result, "done");
    assert_int_equal(flow_state(f, 0), 7);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 4"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_renewal_goes_all_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(an_issued_certificate_is_installed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
