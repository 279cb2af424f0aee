// A CA without an interface: requests out, certificates in, matched by their keys, believed after
// A2 only.
// uses: base loop config json merkle x509 cms seal wire policy db ca application approval dispatch issue seal_world testdb flow_world | libs: pq uv jansson
#include "issue_flow.h"

static void keep_error(struct fixture *f, const struct tg_err *err)
{
    f->err = err ? *err : (struct tg_err){0};
    f->told = true;
}

static void on_listed(const struct issue_request *rows, size_t n, int64_t next,
                      const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    f->listed = n;
    if (n)
        (void)snprintf(f->first, sizeof f->first, "%s %s %lld %s next=%lld", rows[0].number,
                       rows[0].batch, (long long)rows[0].days, rows[0].subject, (long long)next);
    keep_error(f, err);
}

static void list(struct fixture *f)
{
    f->told = false;
    issue_exchange_list(f->issue, 0, 100, on_listed, f);
    assert_true(tg_loop_until(&f->f.loop, ca_world_is, &f->told, WAIT_MS));
    if (f->err.code < 0) fail_msg("%s", f->err.text);
}

static void on_imported(const struct issue_imported *m, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    f->matched = m->matched_count;
    f->refused = m->refused_count;
    f->refusal[0] = '\0';
    if (m->refused_count) (void)snprintf(f->refusal, sizeof f->refusal, "%s", m->refused[0]);
    keep_error(f, err);
}

static void import(struct fixture *f, struct tg_cert *const *certs, size_t n)
{
    struct tg_blob ders[COUNT + 2];
    for (size_t i = 0; i < n; i++)
        ders[i].data = tg_cert_der(certs[i], &ders[i].len);
    f->told = false;
    issue_exchange_import(f->issue, ders, n, "administrator:test", f->f.clock.wall_s, on_imported,
                          f);
    assert_true(tg_loop_until(&f->f.loop, ca_world_is, &f->told, WAIT_MS));
    if (f->err.code < 0) fail_msg("%s", f->err.text);
}

static void requests_are_carried_out_and_certificates_in(void **state)
{
    struct fixture *f = *state;
    struct seal_world *w = &f->f.w;
    f->fake.pending = f->fake.ops.pending = true;
    run(f); /* the job is done: people do the rest */
    all_are(f, 5);
    list(f);
    assert_int_equal(f->listed, COUNT);
    assert_non_null(strstr(f->first, "26-004217-4 26-1 365 "));
    assert_non_null(strstr(f->first, "CN=Holder 0"));
    w->apps[0].leaf.days++;
    seal_world_issue(w, 0);
    w->apps[0].leaf.days--;
    import(f, &w->apps[0].cert, 1);
    assert_int_equal(f->matched, 0);
    assert_int_equal(f->refused, 1);
    assert_non_null(strstr(f->refusal, "A2: content"));
    assert_int_equal(flow_state(&f->f, 0), 5);
    for (size_t i = 0; i < COUNT; i++)
        seal_world_issue(w, i);
    struct tg_cert *all[] = {w->issuer.cert,  w->apps[0].cert, w->apps[1].cert,
                             w->apps[2].cert, w->apps[3].old,  w->apps[0].old};
    import(f, all, TG_COUNT(all));
    assert_int_equal(f->matched, 3);
    assert_int_equal(f->refused, 2); /* keys that nobody asked for */
    assert_int_equal(flow_state(&f->f, 2), 6);
    assert_int_equal(flow_state(&f->f, 3), 5);
    list(f);
    assert_int_equal(f->listed, 2);
    import(f, all, 4); /* once more: told the same */
    assert_int_equal(f->matched, 3);
    assert_int_equal(f->refused, 0);
    seal_world_issue(w, 1); /* a second certificate of the same key */
    import(f, &w->apps[1].cert, 1);
    assert_int_equal(f->matched, 0);
    assert_non_null(strstr(f->refusal, "another certificate"));
    assert_int_equal(count(f, "SELECT count(*) FROM application_issue"), 3);
    assert_int_equal(count(f, "SELECT count(*) FROM application_event WHERE to_state = 6 AND actor "
                              "= 'administrator:test'"),
                     1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_are_carried_out_and_certificates_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
