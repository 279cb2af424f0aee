// Every check of an approval shown refusing: session, signature, lines, races, rows changed by the
// owner.
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

static int setup_without_trust(void **state)
{
    struct flow *f = TG_NEW(struct flow);
    flow_init(f, 3, false);
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

/* Refused with this code, and the text names the check. */
static void refused(struct flow *f, int rc, int code, const char *check)
{
    if (rc != code || !strstr(f->err.text, check))
        fail_msg("expected %d \"%s\", got %d \"%s\"", code, check, rc, rc ? f->err.text : "");
}

static void refused_somehow(struct flow *f, int rc, const char *check)
{
    assert_true(rc < 0);
    refused(f, rc, rc, check);
}

static void opened(struct flow *f)
{
    flow_prepare_all(f);
    must(f, flow_open(f));
}

static void minted(struct flow *f)
{
    opened(f);
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
}

static void approved(struct flow *f)
{
    minted(f);
    must(f, flow_accept(f));
}

static int64_t refusals(struct flow *f)
{
    return flow_count(f, "SELECT (SELECT count(*) FROM audit_inbox WHERE verb = 'batch.refused') + "
                         "(SELECT count(*) FROM audit_log WHERE verb = 'batch.refused')");
}

static void nothing_goes_without_trust(void **state)
{
    struct flow *f = *state;
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 0);
    refused(f, flow_open(f), TG_E_NO_TRUST, "no trust yet");
    assert_string_equal(approval_realm(f->approval), "");
    must(f, flow_publish(f));
    int64_t until = f->w.trust.approvers[0].until;
    assert_true(approval_is_approver(f->approval, f->w.ceo.spki, until));
    assert_false(approval_is_approver(f->approval, f->w.ceo.spki, until + 1));
    assert_false(approval_is_approver(f->approval, f->w.stranger.spki, f->w.now));
    must(f, flow_publish(f)); /* again: the same */
    assert_int_equal(flow_count(f, "SELECT count(*) FROM trust_document"), 1);
    flow_count(f, "SELECT count(*) FROM job WHERE kind = 7");
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 2); /* the trust, and what waited for it */
    assert_non_null(strstr(tg_buf_text(&f->bytes), "\"type\":\"trust\""));
    assert_non_null(strstr(tg_buf_text(&f->bytes), "\"type\":\"prepare\""));
}

static void a_trust_document_of_strangers_is_refused(void **state)
{
    struct flow *f = *state;
    seal_world_cms(&f->w.stranger, seal_blob(&f->w.trust_text), &f->w.trust_cms[0]);
    uint8_t *digit = &f->w.trust_text.data[f->w.trust_text.len - 2]; /* of a hash: stays one */
    *digit = *digit == '0' ? '1' : '0';
    refused_somehow(f, flow_publish(f), "V2");
    assert_int_equal(flow_count(f, "SELECT count(*) FROM trust_document"), 1);
}

static void on_reloaded(const char *statement, struct tg_blob text, struct tg_blob cms, void *data)
{
    (void)statement, (void)text, (void)cms;
    ((struct flow *)data)->told = true;
}

/* V2, "kept; never lower": a database that is a copy of earlier takes nothing back. */
static void trust_never_goes_back(void **state)
{
    struct flow *f = *state;
    seal_world_publish(&f->w);
    must(f, flow_publish(f));
    assert_int_equal(tg_trust_chain_version(approval_chain(f->approval)), 2);
    testdb_exec(&f->t, "SET session_replication_role = replica;"
                       "DELETE FROM trust_signature WHERE version = 2;"
                       "DELETE FROM trust_document WHERE version = 2;"
                       "SET session_replication_role = DEFAULT;"
                       "INSERT INTO recall (statement_sha256, text, cms, signer_spki, at) "
                       "SELECT sha256('x'), 'x', 'y', '', at FROM trust_document");
    f->told = false;
    approval_on_recall(f->approval, on_reloaded, f); /* told behind the trust that was read again */
    must(f, flow_wait(f));
    assert_int_equal(tg_trust_chain_version(approval_chain(f->approval)), 2);
}

static void a_stranger_cannot_approve(void **state)
{
    struct flow *f = *state;
    minted(f);
    flow_sign(f, &f->w.stranger);
    refused(f, flow_accept(f), TG_E_UNTRUSTED, "V4");
    assert_int_equal(refusals(f), 1);
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f)); /* the session was not used up by the refusal */
}

static void a_changed_statement_is_refused(void **state)
{
    struct flow *f = *state;
    minted(f);
    char *at = strstr((char *)f->w.statement.data, "install-by: ");
    at[strlen("install-by: 202")] ^= 1;
    flow_sign(f, &f->w.ceo);
    assert_true(flow_accept(f) < 0);
    at[strlen("install-by: 202")] ^= 1;
    at = strstr((char *)f->w.statement.data, "nonce: ");
    at[strlen("nonce: ")] = at[strlen("nonce: ")] == '0' ? '1' : '0';
    flow_sign(f, &f->w.ceo);
    refused(f, flow_accept(f), TG_E_DENIED, "S1");
    assert_int_equal(refusals(f), 2);
    assert_int_equal(flow_state(f, 0), 3);
}

static void a_broken_signature_is_refused(void **state)
{
    struct flow *f = *state;
    minted(f);
    f->w.cms.data[f->w.cms.len - 1] ^= 1;
    assert_true(flow_accept(f) < 0);
    assert_non_null(strstr(f->err.text, "V3"));
}

static void a_session_dies_with_a_decision(void **state)
{
    struct flow *f = *state;
    minted(f);
    must(f, flow_decide(f, APPROVAL_HOLD, flow_number(f, 1), ""));
    refused(f, flow_accept(f), TG_E_STALE, "S1");
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    assert_int_equal(f->accepted.approved, 4);
}

static void a_statement_is_signed_in_time(void **state)
{
    struct flow *f = *state;
    minted(f);
    f->clock.wall_s += 301;
    refused(f, flow_accept(f), TG_E_EXPIRED, "S2");
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
}

static void the_same_approval_answers_again(void **state)
{
    struct flow *f = *state;
    approved(f);
    struct approval_accepted first = f->accepted;
    must(f, flow_accept(f));
    assert_string_equal(first.statement, f->accepted.statement);
    assert_int_equal(first.approved, f->accepted.approved);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM approval"), 1);
    refused(f, flow_mint(f), TG_E_STATE, "approved");
    refused(f, flow_decide(f, APPROVAL_HOLD, flow_number(f, 0), ""), TG_E_STATE, "approved");
}

static void two_approvers_at_once_make_one_approval(void **state)
{
    struct flow *f = *state;
    minted(f);
    struct tg_buf first = TG_BUF(TG_MAX_STATEMENT);
    tg_buf_add(&first, f->w.statement.data, f->w.statement.len);
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    flow_accept_start(f);
    tg_buf_reset(&f->w.statement);
    tg_buf_add(&f->w.statement, first.data, first.len);
    flow_sign(f, &f->w.ceo);
    flow_accept_start(f);
    (void)flow_wait(f);
    (void)flow_wait(f); /* whichever was first */
    assert_true(f->err.code < 0);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM approval"), 1);
    assert_int_equal(flow_count(f, "SELECT count(*) FROM job WHERE kind = 21"), 1);
    tg_buf_done(&first);
}

static void statements_follow_one_another(void **state)
{
    struct flow *f = *state;
    flow_prepare_all(f);
    must(f, flow_open(f));
    must(f, flow_decide(f, APPROVAL_HOLD, flow_number(f, 0), ""));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    (void)snprintf(f->batch, sizeof f->batch, "26-2");
    must(f, flow_open(f));
    assert_int_equal(f->opened.count, 1);
    must(f, flow_mint(f));
    assert_non_null(strstr(tg_buf_text(&f->w.statement), f->accepted.statement)); /* previous */
    /* a statement that was minted before another was accepted */
    testdb_exec(&f->t, "ALTER TABLE signing_session DISABLE TRIGGER ALL;"
                       "UPDATE signing_session SET statement = convert_to(replace(convert_from("
                       "statement, 'UTF8'), (SELECT encode(statement_sha256, 'hex') FROM approval),"
                       " repeat('0', 64)), 'UTF8') WHERE batch_id = 2;"
                       "ALTER TABLE signing_session ENABLE TRIGGER ALL");
    char *at = strstr((char *)f->w.statement.data, f->accepted.statement);
    memset(at, '0', 64);
    flow_sign(f, &f->w.ceo);
    refused(f, flow_accept(f), TG_E_STALE, "S4");
    assert_int_equal(flow_state(f, 0), 3);
}

static void nobody_approves_his_own(void **state)
{
    struct flow *f = *state;
    struct seal_app *own = &f->w.apps[2];
    struct seal_party self = {.key = own->old_key, .cert = own->old};
    struct seal_party ceo = f->w.ceo;
    tg_key_spki_hex(own->old_key, self.spki);
    memcpy(f->w.trust.approvers[1].spki, self.spki, sizeof self.spki);
    f->w.trust.approvers[1].until = f->w.trust.approvers[0].until;
    f->w.trust.approvers_count = 2;
    seal_world_publish(&f->w);
    must(f, flow_publish(f));
    testdb_exec(&f->t, "DELETE FROM job WHERE kind = 7");
    opened(f);
    f->w.ceo = self;
    must(f, flow_mint(f));
    flow_sign(f, &self);
    refused(f, flow_accept(f), TG_E_DENIED, "V5");
    flow_sign(f, &ceo); /* another approver, in his session */
    refused(f, flow_accept(f), TG_E_DENIED, "S1");
    must(f, flow_decide(f, APPROVAL_HOLD, flow_number(f, 2), ""));
    must(f, flow_mint(f));
    flow_sign(f, &self);
    must(f, flow_accept(f));
    f->w.ceo = ceo;
}

static void exceptions_are_held(void **state)
{
    struct flow *f = *state;
    flow_prepare_all(f);
    testdb_exec(&f->t, "UPDATE holder SET status = 3 WHERE id = 1;"
                       "INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, "
                       "last_seen) SELECT 3, id, true, first_seen, first_seen FROM certificate "
                       "WHERE id IN (2, 5)");
    must(f, flow_open(f));
    assert_int_equal(f->opened.hold, 3);
    assert_int_equal(f->opened.approve, 2);
    assert_string_equal(tg_buf_text(&f->bytes), "holder-left stop 1\ncopied-key warn 2\n");
    refused(f, flow_decide(f, APPROVAL_INCLUDE, flow_number(f, 0), ""), TG_E_DENIED, "holder-left");
    refused(f, flow_decide(f, APPROVAL_INCLUDE, "holder-left", ""), TG_E_DENIED, "holder-left");
    refused(f, flow_decide(f, APPROVAL_HOLD, "weak-old-key", ""), TG_E_NOT_FOUND, "weak-old-key");
    refused(f, flow_decide(f, APPROVAL_HOLD, "nonsense", ""), TG_E_INPUT, "neither");
    refused_somehow(f, flow_decide(f, APPROVAL_RETURN, "copied-key", ""), "reason");
    must(f, flow_decide(f, APPROVAL_INCLUDE, "copied-key", ""));
    assert_int_equal(f->decided.changed, 2);
    assert_int_equal(f->decided.approve, 4);
    must(f, flow_show(f));
    assert_non_null(strstr(tg_buf_text(&f->bytes), "\"exceptions\":[{\"number\":\"26-004217"));
    must(f, flow_mint(f));
    assert_non_null(strstr(tg_buf_text(&f->w.statement), "flag copied-key: 2"));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    assert_int_equal(flow_state(f, 0), 2);
}

static void a_stop_smuggled_into_the_database_is_refused(void **state)
{
    struct flow *f = *state;
    flow_prepare_all(f);
    testdb_exec(&f->t, "UPDATE holder SET status = 3 WHERE id = 1");
    must(f, flow_open(f));
    testdb_exec(&f->t, "UPDATE batch_decision SET decision = 1");
    refused(f, flow_mint(f), TG_E_DENIED, "stop");
}

static void a_discarded_batch_gives_back(void **state)
{
    struct flow *f = *state;
    opened(f);
    must(f, flow_decide(f, APPROVAL_DISCARD, "", "not now"));
    assert_int_equal(flow_state(f, 0), 2);
    refused(f, flow_mint(f), TG_E_STATE, "discarded");
    must(f, flow_open(f));
    assert_string_equal(f->opened.batch, "26-2");
    (void)snprintf(f->batch, sizeof f->batch, "26-9");
    refused(f, flow_mint(f), TG_E_NOT_FOUND, "there is none");
}

/* One byte of a leaf, by who owns the tables and knows the hash. */
static void change_leaf(struct flow *f)
{
    testdb_exec(&f->t,
                "ALTER TABLE batch_leaf DISABLE TRIGGER ALL;"
                "UPDATE batch_leaf SET leaf = l, leaf_hash = sha256('\\x00'::bytea || l) FROM "
                "(SELECT batch_id AS b, leaf_index AS i, convert_to(replace(convert_from("
                "leaf, 'UTF8'), '\"host\":\"ws-0', '\"host\":\"ws-9'), 'UTF8') AS l FROM "
                "batch_leaf) x WHERE batch_id = b AND leaf_index = i AND i = 0;"
                "ALTER TABLE batch_leaf ENABLE TRIGGER ALL");
}

static void a_changed_leaf_is_not_approved(void **state)
{
    struct flow *f = *state;
    minted(f);
    change_leaf(f);
    refused(f, flow_accept(f), TG_E_MISMATCH, "S3: snapshot");
    assert_int_equal(flow_state(f, 0), 3);
    assert_int_equal(refusals(f), 1);
}

static void a_changed_leaf_is_not_installed(void **state)
{
    struct flow *f = *state;
    approved(f);
    flow_issue(f, 0);
    must(f, flow_pack(f, 0, false));
    change_leaf(f);
    refused(f, flow_pack(f, 0, false), TG_E_MISMATCH, "V7");
}

static void another_certificate_is_not_handed_out(void **state)
{
    struct flow *f = *state;
    approved(f);
    flow_issue(f, 0);
    testdb_exec(&f->t, "ALTER TABLE certificate_der DISABLE TRIGGER ALL;"
                       "UPDATE certificate_der SET der = (SELECT der FROM certificate_der WHERE "
                       "certificate_id = 2) WHERE certificate_id = 6");
    refused_somehow(f, flow_pack(f, 0, false), "A2");
    refused(f, flow_pack(f, 1, false), TG_E_NOT_FOUND, "no certificate was issued");
}

static void a_pack_convinces_an_outsider(void **state)
{
    struct flow *f = *state;
    approved(f);
    flow_issue(f, 1);
    must(f, flow_pack(f, 1, true));
    struct tg_evidence *e = NULL;
    struct tg_evidence_report *report = TG_NEW(struct tg_evidence_report);
    must(f, tg_evidence_parse(f->bytes.data, f->bytes.len, &e, &f->err));
    must(f, tg_evidence_verify(e, tg_trust_chain_realm(f->w.chain), f->w.now, report, &f->err));
    assert_string_equal(report->leaf.no, flow_number(f, 1));
    free(report);
    tg_evidence_free(e);
}

static void what_was_signed_verifies_without_the_server(void **state)
{
    struct flow *f = *state;
    struct tg_buf snapshot = TG_BUF(1024 * 1024);
    opened(f);
    must(f, flow_decide(f, APPROVAL_RETURN, flow_number(f, 1), "a reason"));
    must(f, flow_mint(f));
    flow_sign(f, &f->w.ceo);
    must(f, flow_accept(f));
    must(f, flow_text(f, true));
    tg_buf_add(&snapshot, f->bytes.data, f->bytes.len);
    must(f, flow_text(f, false));
    struct tg_blob cms = seal_blob(&f->w.cms);
    struct tg_offline in = {seal_blob(&snapshot),
                            seal_blob(&f->bytes),
                            {seal_blob(&f->w.statement), &cms, 1},
                            {.chain = f->w.chain, .now = f->w.now}};
    struct tg_offline_report *report = TG_NEW(struct tg_offline_report);
    must(f, tg_offline_verify(&in, report, &f->err));
    assert_true(report->time_proven);
    free(report);
    tg_buf_done(&snapshot);
}

/* A look for work that was under way drops its job as soon as it sees the recall. */
static bool no_work_left(void *data)
{
    return flow_count(data, "SELECT count(*) FROM job WHERE kind IN (3, 21, 22, 23)") == 0;
}

static void a_recall_takes_back(void **state)
{
    struct flow *f = *state;
    approved(f);
    flow_issue(f, 0);
    refused(f, flow_recall(f, &f->w.stranger), TG_E_UNTRUSTED, "");
    must(f, flow_recall(f, &f->w.ceo));
    assert_int_equal(f->recalled, 4);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(flow_state(f, 1), 2);
    assert_true(tg_loop_until(&f->loop, no_work_left, f, 5000));
    refused(f, flow_pack(f, 0, false), TG_E_REVOKED, "V5");
    must(f, flow_next(f, 0, 0));
    assert_int_equal(f->lines, 1);
    assert_non_null(strstr(tg_buf_text(&f->bytes), "\"type\":\"cancel\""));
    assert_null(strstr(tg_buf_text(&f->bytes), "\"recall\":\"\""));
    must(f, flow_ack(f, 0, f->ids[0]));
    assert_int_equal(flow_state(f, 0), 10);
    must(f, flow_recall(f, &f->w.ceo)); /* again: nothing is left to take back */
    assert_int_equal(f->recalled, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_goes_without_trust, setup_without_trust, teardown),
        T(a_trust_document_of_strangers_is_refused),
        T(trust_never_goes_back),
        T(a_stranger_cannot_approve),
        T(a_changed_statement_is_refused),
        T(a_broken_signature_is_refused),
        T(a_session_dies_with_a_decision),
        T(a_statement_is_signed_in_time),
        T(the_same_approval_answers_again),
        T(two_approvers_at_once_make_one_approval),
        T(statements_follow_one_another),
        T(nobody_approves_his_own),
        T(exceptions_are_held),
        T(a_stop_smuggled_into_the_database_is_refused),
        T(a_discarded_batch_gives_back),
        T(a_changed_leaf_is_not_approved),
        T(a_changed_leaf_is_not_installed),
        T(another_certificate_is_not_handed_out),
        T(a_pack_convinces_an_outsider),
        T(what_was_signed_verifies_without_the_server),
        T(a_recall_takes_back),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
