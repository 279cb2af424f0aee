// A large batch from prepared to approved, timed: sealing, minting, accepting, beside a bare
// UPDATE.
// uses: base loop config json merkle x509 cms seal wire policy db application approval dispatch seal_world testdb flow_world | libs: pq uv jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "flow_world/flow_world.h"

/* TAMGA_SPEED_N: how many; 100000 for the figures of a release build. */
enum { FEW = 3000, WORLD = 3 };

static void must(struct flow *f, int rc)
{
    if (rc < 0) fail_msg("%s", f->err.text);
}

static long long wanted(void)
{
    const char *text = getenv("TAMGA_SPEED_N");
    return text ? strtoll(text, NULL, 10) : FEW;
}

static void run(struct flow *f, char *sql)
{
    testdb_exec(&f->t, sql);
    free(sql);
}

/* n prepared applications whose leaves are those of employee 0 with other numbers, certificates,
 * keys. */
static void populate(struct flow *f, long long n)
{
    const struct seal_app *a = &f->w.apps[0];
    long long now = (long long)f->w.now;
    char *app = tg_strndup((const char *)a->app.data, a->app.len);
    testdb_exec(&f->t, "DELETE FROM job");
    run(f, tg_printf("INSERT INTO application_event (id, at, count, first_sequence, last_sequence, "
                     "year, from_state, to_state, actor) VALUES "
                     "(nextval('application_event_id_seq'), to_timestamp(%lld), %lld, 100001, "
                     "100000 + %lld, 26, 0, 1, 'planner');"
                     "INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, "
                     "ends, drafted_at, changed_at, policy_id, sequence, year, kind) SELECT 1000 + "
                     "i, 1, 1, currval('application_event_id_seq'), to_timestamp(%lld), "
                     "to_timestamp(%lld), to_timestamp(%lld), 1, 100000 + i, 26, 1 FROM "
                     "generate_series(1, %lld) i",
                     now, n, n, now, now, now, n));
    run(f,
        tg_printf(
            "INSERT INTO application_csr (application_id, attempt, prepared_at, agent_id, consent, "
            "csr, csr_sha256, spki_sha256, app, cms, cms_sha256) SELECT id, 1, to_timestamp(%lld), "
            "1, 1, c, sha256(c), sha256(c || 'key'), convert_to(replace(replace(replace('%s', "
            "'%s', application_number(year, sequence)), '%s', encode(sha256(c || 'old'), 'hex')), "
            "'%s', encode(sha256(c || 'key'), 'hex')), 'UTF8'), c, sha256(c) FROM application, "
            "LATERAL (SELECT convert_to(id::text, 'UTF8')) x (c) WHERE sequence > 100000;"
            "INSERT INTO application_event (id, at, count, root, from_state, to_state, actor) "
            "VALUES (nextval('application_event_id_seq'), to_timestamp(%lld), %lld, sha256('r'), "
            "1, 2, 'test');"
            "UPDATE application SET state = 2, rev = rev + 1, event_id = "
            "currval('application_event_id_seq') WHERE sequence > 100000",
            now, app, a->leaf.no, a->leaf.old, a->leaf.key, now, n));
    testdb_exec(&f->t, "CREATE TABLE bare (LIKE application, PRIMARY KEY (id)) WITH (fillfactor = "
                       "50); INSERT INTO bare SELECT * FROM application");
    testdb_exec(&f->t, "VACUUM ANALYZE application");
    testdb_exec(&f->t, "VACUUM ANALYZE bare");
    free(app);
}

static double lap(uint64_t *from)
{
    uint64_t now = uv_hrtime();
    double s = (double)(now - *from) / 1e9;
    *from = now;
    return s;
}

static void a_large_batch_is_approved(void **state)
{
    struct flow *f = TG_NEW(struct flow);
    long long n = wanted();
    (void)state;
    flow_init(f, WORLD, true);
    populate(f, n);
    uint64_t at = uv_hrtime();
    must(f, flow_open(f));
    double open = lap(&at);
    assert_int_equal(f->opened.count, n);
    must(f, flow_mint(f));
    double mint = lap(&at);
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    double accept = lap(&at);
    assert_int_equal(f->accepted.approved, n);
    must(f, flow_show(f));
    double show = lap(&at);
    testdb_exec(&f->t,
                "UPDATE bare SET state = 4, rev = rev + 1, changed_at = drafted_at, event_id "
                "= 9 WHERE sequence > 100000");
    double bare = lap(&at);
    print_message("%lld applications: open %.2f s, mint %.2f s, accept %.2f s, show %.2f s, bare "
                  "UPDATE %.2f s\n",
                  n, open, mint, accept, show, bare);
    flow_done(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_large_batch_is_approved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
