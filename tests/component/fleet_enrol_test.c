// The fleet against a real database: tokens, enrolment, lost answers, pending, bans, renewal,
// beats, two programs.
// uses: base loop json db fleet testdb | libs: pq uv

#include "fleet_world.h"

/* --- tokens --- */

static void test_token_has_its_form_and_leaves_no_secret(void **state)
{
    struct fixture *f = *state;
    const char *token = single(f, "WS-1.Office");
    assert_int_equal(strlen(token), 7 + 16 + 1 + 32 + 1 + 64);
    assert_int_equal(strncmp(token, "tamga1.", 7), 0);
    TG_AUTO(mem) char *secret = tg_strndup(token + 7 + 17, 32);
    TG_AUTO(mem)
    char *sql = tg_printf("SELECT count(*) FROM agent_token WHERE secret_sha256 = sha256('%s') AND "
                          "hosts = 'ws-1.office' AND uses_left = 1",
                          secret);
    assert_int_equal(count(f, sql), 1);
    TG_AUTO(mem)
    char *leak = tg_printf("SELECT count(*) FROM audit_inbox WHERE body LIKE '%%%s%%' OR subject "
                           "LIKE '%%%s%%'",
                           secret, secret);
    assert_int_equal(count(f, leak), 0);
    fleet_token(f->fleet,
                &(struct fleet_token_spec){.workstation = "ws",
                                           .realm = NULL,
                                           .actor = "x",
                                           .now = NOW},
                on_token, f);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_NO_TRUST);
    fleet_token(f->fleet,
                &(struct fleet_token_spec){.workstation = "import",
                                           .realm = REALM,
                                           .actor = "x",
                                           .now = NOW},
                on_token, f);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_INPUT);
    fleet_token(f->fleet,
                &(struct fleet_token_spec){.hosts = "WS *",
                                           .realm = REALM,
                                           .actor = "x",
                                           .now = NOW},
                on_token, f);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_INPUT);
}

static void test_a_single_token_works_once_for_its_host(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, token, "ws-2", 1), TG_E_DENIED);
    assert_int_equal(enrol(f, token, "WS-1", 1), 0);
    assert_int_equal(f->state, FLEET_ACTIVE);
    assert_int_equal(strlen(f->agent), 32);
    assert_non_null(known(f, 1));
    assert_string_equal(known(f, 1)->host, "ws-1");
    assert_int_equal(count(f, "SELECT uses_left FROM agent_token"), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 1"), 1);
    /* the answer was lost: the same key gets the same one */
    TG_AUTO(mem) char *first = tg_strdup(f->certificate);
    assert_int_equal(enrol(f, token, "ws-1", 1), 0);
    assert_string_equal(f->certificate, first);
    assert_int_equal(count(f, "SELECT count(*) FROM agent"), 1);
    /* another key does not */
    assert_int_equal(enrol(f, token, "ws-1", 2), TG_E_DENIED);
    assert_null(known(f, 2));
}

static void test_wrong_tokens(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    char *at = token + 7 + 17;
    char was = *at;
    *at = was == '0' ? '1' : '0';
    assert_int_equal(enrol(f, token, "ws-1", 1), TG_E_DENIED);
    *at = was;
    token[strlen(token) - 1] = '0';
    assert_int_equal(enrol(f, token, "ws-1", 1), TG_E_UNTRUSTED);
    token[strlen(token) - 1] = 'f';
    assert_int_equal(enrol(f, "tamga1.x", "ws-1", 1), TG_E_INPUT);
    assert_int_equal(enrol(f, "token", "ws-1", 1), TG_E_INPUT);
    enrol_start(f, token, "ws-1", 1, NOW + 3600);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_EXPIRED);
    f->sign_fails = true;
    assert_int_equal(enrol(f, token, "ws-1", 1), TG_E_CA);
    assert_int_equal(count(f, "SELECT uses_left FROM agent_token"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM agent"), 0);
}

static void test_two_keys_race_for_one_token(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    enrol_start(f, token, "ws-1", 1, NOW);
    enrol_start(f, token, "ws-1", 2, NOW);
    enrol_start(f, token, "ws-1", 1, NOW);
    wait_told(f, 3);
    assert_int_equal(count(f, "SELECT count(*) FROM agent"), 1);
    assert_int_equal(count(f, "SELECT uses_left FROM agent_token"), 0);
}

static void test_group_arrivals_wait_in_the_pending_list(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(group(f, "lab-*", 2));
    assert_int_equal(enrol(f, token, "ws-1", 1), TG_E_DENIED);
    assert_int_equal(enrol(f, token, "lab-1", 1), 0);
    assert_int_equal(f->state, FLEET_PENDING);
    assert_int_equal(enrol(f, token, "lab-2", 2), 0);
    assert_int_equal(enrol(f, token, "lab-3", 3), TG_E_DENIED);
    assert_int_equal(fleet_count(f->fleet, FLEET_PENDING), 2);
    assert_int_equal(count(f, "SELECT count(*) FROM job"), 0);
    fleet_accept(f->fleet, "lab-1", "administrator:root", NOW, on_done, f);
    wait_told(f, 1);
    assert_string_equal(f->text, "");
    assert_int_equal(known(f, 1)->state, FLEET_ACTIVE);
    assert_int_equal(count(f, "SELECT count(*) FROM job WHERE kind = 1"), 1);
    fleet_accept(f->fleet, "lab-1", "administrator:root", NOW, on_done, f);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_NOT_FOUND);
    fleet_accept(f->fleet, known(f, 2)->agent, "administrator:root", NOW, on_done, f);
    wait_told(f, 1);
    assert_int_equal(f->code, 0);
    assert_int_equal(fleet_count(f->fleet, FLEET_ACTIVE), 2);
    assert_int_equal(count(f, "SELECT count(*) FROM audit_inbox WHERE verb = 'agents.accepted'"),
                     2);
}

static void on_changed(const struct fleet_agent *agent, void *data)
{
    struct fixture *f = data;
    (void)snprintf(f->changed, sizeof f->changed, "%s %s", agent->host,
                   fleet_state_word(agent->state));
}

static void test_banned_stays_out(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, token, "ws-1", 1), 0);
    fleet_on_changed(f->fleet, on_changed, f);
    fleet_ban(f->fleet, "ws-1", "administrator:root", NOW, on_done, f);
    wait_told(f, 1);
    assert_int_equal(f->code, 0);
    assert_string_equal(f->changed, "ws-1 banned");
    assert_int_equal(known(f, 1)->state, FLEET_BANNED);
    assert_int_equal(count(f, "SELECT count(*) FROM job"), 0);
    assert_int_equal(enrol(f, token, "ws-1", 1), TG_E_DENIED);
    uint8_t spki[TG_SHA256];
    key_of(9, spki);
    fleet_renew(f->fleet, known(f, 1)->id, spki, NOW, (struct fleet_signer){sign, f}, on_identity,
                f);
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_DENIED);
    /* a new token and a new key may come in again */
    TG_AUTO(mem) char *fresh = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, fresh, "ws-1", 2), 0);
}

static void test_a_newer_enrolment_replaces_and_takes_over(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *one = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, one, "ws-1", 1), 0);
    testdb_exec(&f->t, "INSERT INTO job (run_at, made_at, subject, agent_id, kind) SELECT "
                       "'2026-11-20', '2026-11-20', 77, id, 2 FROM agent");
    TG_AUTO(mem) char *two = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, two, "ws-1", 2), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM agent WHERE state = 4"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM job j JOIN agent a ON a.id = j.agent_id WHERE "
                              "j.kind = 2 AND a.state = 2"),
                     1);
    assert_int_equal(enrol(f, one, "ws-1", 1), TG_E_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_token_has_its_form_and_leaves_no_secret),
        T(test_a_single_token_works_once_for_its_host),
        T(test_wrong_tokens),
        T(test_two_keys_race_for_one_token),
        T(test_group_arrivals_wait_in_the_pending_list),
        T(test_banned_stays_out),
        T(test_a_newer_enrolment_replaces_and_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
