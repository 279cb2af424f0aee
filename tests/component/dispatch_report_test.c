// Messages and reports: flow, windows, redelivery; every false report refused and nothing changed
// by it.
// uses: base loop config json merkle x509 cms seal wire policy db application approval dispatch seal_world testdb flow_world | libs: pq uv jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "flow_world/flow_world.h"
#include "policy/policy.h"
#include "x509/csr.h"

static int setup(void **state)
{
    struct flow *f = TG_NEW(struct flow);
    flow_init(f, 3, true);
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

static int64_t sent(struct flow *f, size_t i)
{
    must(f, flow_next(f, i, 0));
    assert_int_equal(f->lines, 1);
    return f->ids[0];
}

static void refused(struct flow *f, size_t from, struct tg_wire_message *m, const char *why)
{
    must(f, flow_report(f, from, m));
    if (strcmp(f->result, "refused") != 0 || !strstr(f->answer, why))
        fail_msg("expected refused \"%s\", got %s \"%s\"", why, f->result, f->answer);
}

static struct tg_wire_prepared *body(struct tg_wire_message *m)
{
    return m->body;
}

static void replace(struct tg_wire_blob *blob, const struct tg_buf *by)
{
    free(blob->data);
    blob->data = tg_memdup(by->data, by->len);
    blob->len = by->len;
}

/* App, CSR and F2 of employee 0 made anew from its leaf. */
static void remake(struct flow *f)
{
    seal_world_app(&f->w, 0);
}

static void a_repeat_gets_the_stored_answer(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    must(f, flow_report(f, 0, flow_prepared(f, 0, job)));
    assert_string_equal(f->result, "done");
    must(f, flow_report(f, 0, flow_prepared(f, 0, job)));
    assert_string_equal(f->result, "again");
    assert_string_equal(f->answer, "prepared");
    assert_int_equal(flow_count(f, "SELECT count(*) FROM application_csr"), 1);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 2 AND subject = 1"), 0);
    refused(f, 0, flow_prepared(f, 0, 999), "the application is prepared");
    assert_int_equal(flow_state(f, 0), 2);
}

static void another_agents_report_changes_nothing(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    refused(f, 1, flow_prepared(f, 0, job), "none of this agent");
    refused(f, 1, flow_failed(f, 0, 77, "io", NULL), "none of this agent");
    assert_int_equal(flow_state(f, 0), 1);
    must(f, flow_report(f, 0, flow_prepared(f, 0, job)));
    assert_string_equal(f->result, "done");
}

static void an_app_that_was_not_asked_for_is_refused(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    f->w.apps[0].leaf.days = 300;
    remake(f);
    refused(f, 0, flow_prepared(f, 0, job), "app is not what was asked for");
    assert_int_equal(flow_state(f, 0), 11);
    assert_int_equal(flow_count(f,
                                "SELECT count(*) FROM job WHERE kind IN (2, 25) AND subject = 1"),
                     0);
    must(f, flow_report(f, 0, flow_prepared(f, 0, job)));
    assert_string_equal(f->result, "refused"); /* stored */
}

static void a_job_that_was_replaced_fails_nothing(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    testdb_exec(&f->t, "UPDATE job SET id = DEFAULT WHERE subject = 1");
    f->w.apps[0].leaf.days = 300;
    remake(f);
    refused(f, 0, flow_prepared(f, 0, job), "app is not what was asked for");
    assert_int_equal(flow_state(f, 0), 1);
}

static void a_csr_of_another_key_is_refused(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    struct tg_wire_message *m = flow_prepared(f, 0, job);
    replace(&body(m)->csr, &f->w.apps[1].csr);
    refused(f, 0, m, "the CSR's key is not the app's");
}

static void a_csr_without_possession_is_refused(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    struct tg_wire_message *m = flow_prepared(f, 0, job);
    body(m)->csr.data[body(m)->csr.len - 1] ^= 1;
    refused(f, 0, m, "proof of possession");
}

static void a_key_of_another_kind_is_refused(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    tg_key_free(f->w.apps[0].new_key);
    must(f, tg_key_generate("ec-p384", &f->w.apps[0].new_key, &f->err));
    tg_key_spki_hex(f->w.apps[0].new_key, f->w.apps[0].leaf.key);
    remake(f);
    refused(f, 0, flow_prepared(f, 0, job), "the new key is ec-p384, asked was ec-p256");
}

static void a_signature_by_another_old_key_is_refused(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    struct tg_wire_message *m = flow_prepared(f, 0, job);
    replace(&body(m)->cms, &f->w.apps[1].holder);
    refused(f, 0, m, "F2");
    assert_int_equal(flow_state(f, 0), 11);
}

static void an_old_key_is_not_new(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    struct seal_app *a = &f->w.apps[0];
    struct tg_key *fresh = a->new_key;
    a->new_key = a->old_key;
    tg_key_spki_hex(a->old_key, a->leaf.key);
    remake(f);
    refused(f, 0, flow_prepared(f, 0, job), "not new");
    a->new_key = fresh;
}

static void a_key_serves_one_application(void **state)
{
    struct flow *f = *state;
    int64_t first = sent(f, 0), second = sent(f, 1);
    must(f, flow_report(f, 0, flow_prepared(f, 0, first)));
    struct seal_app *a = &f->w.apps[1];
    struct tg_key *fresh = a->new_key;
    a->new_key = f->w.apps[0].new_key;
    memcpy(a->leaf.key, f->w.apps[0].leaf.key, sizeof a->leaf.key);
    seal_world_app(&f->w, 1);
    refused(f, 1, flow_prepared(f, 1, second), "not new");
    a->new_key = fresh;
}

static void unproven_is_refused_by_name(void **state)
{
    struct flow *f = *state;
    testdb_exec(&f->t, "ALTER TABLE application DISABLE TRIGGER ALL; UPDATE application SET kind = "
                       "2 WHERE id = 1; ALTER TABLE application ENABLE TRIGGER ALL");
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 0);
    assert_int_equal(flow_state(f, 0), 11);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM application_event WHERE code = "
                                   "'unsupported' AND note LIKE 'unproven%'"),
                     1);
}

static void an_unknown_ca_waits(void **state)
{
    struct flow *f = *state;
    f->no_issuer = true;
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 0);
    assert_int_equal(flow_state(f, 0), 1);
    f->no_issuer = false;
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 0); /* not yet */
    f->clock.wall_s += 61;
    (void)sent(f, 0);
}

static void a_window_gates_the_job(void **state)
{
    struct flow *f = *state;
    static const char rules[] =
        "version: 1\npolicies:\n  - name: " SEAL_WORLD_POLICY "\n"
        "    action: renew\n    renew: { before: 30d, window: { days: "
        "mon-fri, hours: \"10:00-11:00\", zone: UTC } }\n    ca: corporate\n";
    static const char *const connectors[] = {"corporate"};
    must(f, policy_parse("rules", rules, strlen(rules), connectors, 1, &f->policies, NULL,
                         &f->err)); /* it is Friday, 09:00 */
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 0);
    assert_int_equal(flow_count(f, "SELECT waits_for FROM application WHERE id = 1"), 8);
    f->clock.wall_s += 3600;
    (void)sent(f, 0);
    assert_int_equal(flow_count(f, "SELECT waits_for FROM application WHERE id = 1"), 4);
}

static void a_lost_connection_loses_no_job(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    must(f, flow_next(f, 0, job)); /* the same connection: nothing new */
    assert_int_equal(f->lines, 0);
    assert_int_equal(sent(f, 0), job); /* a new one that knows nothing of it */
    must(f, flow_ack(f, 0, job));
    assert_true(f->news > 0);
    must(f, flow_next(f, 0, 0)); /* the agent has it */
    assert_int_equal(f->lines, 0);
    f->clock.wall_s += 25 * 3600;
    int64_t again = sent(f, 0); /* and lost it, it seems */
    assert_true(again > job);
    must(f, flow_report(f, 0, flow_prepared(f, 0, job)));
    assert_string_equal(f->result, "done");
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE subject = 1"), 0);
}

static void no_more_than_four_are_in_flight(void **state)
{
    struct flow *f = *state;
    testdb_exec(&f->t, "INSERT INTO job (run_at, made_at, subject, agent_id, kind) SELECT "
                       "to_timestamp(0), "
                       "to_timestamp(0), 100 + i, 1, 1 FROM generate_series(1, 6) i");
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 4);
    int64_t first = f->ids[0], last = f->ids[3];
    must(f, flow_next(f, 0, last));
    assert_int_equal(f->lines, 0);
    must(f, flow_ack(f, 0, first));
    must(f, flow_next(f, 0, last));
    assert_int_equal(f->lines, 1);
    assert_true(f->ids[0] > last);
}

static void failures_are_told(void **state)
{
    struct flow *f = *state;
    int64_t job = sent(f, 0);
    must(f, flow_report(f, 0, flow_failed(f, 0, job, "password", "password")));
    assert_string_equal(f->result, "done");
    assert_int_equal(flow_state(f, 0), 1);
    assert_int_equal(flow_count(f, "SELECT waits_for FROM application WHERE id = 1"), 1);
    must(f, flow_report(f, 0, flow_failed(f, 0, job, "io", NULL)));
    assert_int_equal(flow_state(f, 0), 11);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 25 AND subject = 1"), 1);
    job = sent(f, 1);
    must(f, flow_report(f, 1, flow_failed(f, 1, job, "mismatch", NULL)));
    assert_int_equal(flow_state(f, 1), 11);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 25 AND subject = 2"), 0);
}

static void only_the_issued_certificate_is_installed(void **state)
{
    struct flow *f = *state;
    flow_prepare_all(f);
    must(f, flow_open(f));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    refused(f, 0, flow_installed(f, 0, 900), "the application is approved");
    assert_int_equal(flow_state(f, 0), 4);
    flow_issue(f, 0);
    struct tg_wire_message *m = flow_installed(f, 0, 901);
    ((struct tg_wire_installed *)m->body)->certificate[0] ^= 1;
    refused(f, 0, m, "not the issued one");
    assert_int_equal(flow_state(f, 0), 11);
    flow_issue(f, 1);
    m = flow_installed(f, 1, 902);
    ((struct tg_wire_installed *)m->body)->verified = false;
    refused(f, 1, m, "not proven by use");
}

static void the_old_entry_is_retired_later(void **state)
{
    struct flow *f = *state;
    flow_prepare_all(f);
    must(f, flow_open(f));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    flow_issue(f, 0);
    must(f, flow_report(f, 0, flow_installed(f, 0, 0))); /* from a file, told without a job */
    assert_string_equal(f->result, "done");
    must(f, flow_report(f, 0, flow_installed(f, 0, 0)));
    assert_string_equal(f->result, "again");
    assert_int_equal(flow_state(f, 0), 7);
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 0);
    f->clock.wall_s += 8 * 86400;
    int64_t job = sent(f, 0);
    assert_non_null(strstr(tg_buf_text(&f->bytes), "\"type\":\"retire\""));
    assert_non_null(strstr(tg_buf_text(&f->bytes), f->w.apps[0].leaf.old));
    must(f, flow_ack(f, 0, job));
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 4"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_repeat_gets_the_stored_answer),
        T(another_agents_report_changes_nothing),
        T(an_app_that_was_not_asked_for_is_refused),
        T(a_job_that_was_replaced_fails_nothing),
        T(a_csr_of_another_key_is_refused),
        T(a_csr_without_possession_is_refused),
        T(a_key_of_another_kind_is_refused),
        T(a_signature_by_another_old_key_is_refused),
        T(an_old_key_is_not_new),
        T(a_key_serves_one_application),
        T(unproven_is_refused_by_name),
        T(an_unknown_ca_waits),
        T(a_window_gates_the_job),
        T(a_lost_connection_loses_no_job),
        T(no_more_than_four_are_in_flight),
        T(failures_are_told),
        T(only_the_issued_certificate_is_installed),
        T(the_old_entry_is_retired_later),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
