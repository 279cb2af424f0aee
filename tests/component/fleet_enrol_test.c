// The fleet against a real database: tokens, enrolment, lost answers, pending, bans, renewal,
// beats, two programs.
// uses: base loop json db fleet testdb | libs: pq uv

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/times.h"
#include "fleet/fleet.h"
#include "testdb/testdb.h"

#define NOW   INT64_C(1795165200)
#define REALM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db;
    struct fleet *fleet;
    struct tg_err err;
    int told, wanted;
    int code;
    char text[TG_ERR_TEXT], token[FLEET_TOKEN], agent[FLEET_AGENT], certificate[64];
    enum fleet_state state;
    int64_t id;
    size_t signed_count, rows;
    bool sign_fails;
    char changed[128];
    struct tg_buf printed;
};

static bool is_ready(void *data)
{
    return fleet_ready(((struct fixture *)data)->fleet);
}

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    f->db = testdb_pool(&f->t, &f->loop, 3);
    f->fleet = fleet_new(f->db);
    assert_false(fleet_ready(f->fleet));
    assert_true(tg_loop_until(&f->loop, is_ready, f, 20000));
    f->printed = TG_BUF(65536);
    *state = f;
    return 0;
}

static bool is_told(void *data)
{
    struct fixture *f = data;
    return f->told >= f->wanted;
}

static void wait_told(struct fixture *f, int wanted)
{
    f->wanted = wanted;
    assert_true(tg_loop_until(&f->loop, is_told, f, 60000));
    f->told = 0;
}

static void on_closed(void *data)
{
    ((struct fixture *)data)->told++;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fleet_close(f->fleet, on_closed, f);
    assert_int_equal(f->told, 0);
    wait_told(f, 1);
    testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    tg_buf_done(&f->printed);
    free(f);
    return 0;
}

static int64_t count(struct fixture *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

static void keep_error(struct fixture *f, const struct tg_err *err)
{
    f->told++;
    f->code = err ? err->code : 0;
    (void)snprintf(f->text, sizeof f->text, "%s", err ? err->text : "");
}

static void on_token(const char *token, bool group, int64_t expires, const struct tg_err *err,
                     void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    (void)group;
    (void)expires;
    (void)snprintf(f->token, sizeof f->token, "%s", token ? token : "");
}

static const char *single(struct fixture *f, const char *host)
{
    fleet_token(f->fleet,
                &(struct fleet_token_spec){.workstation = host,
                                           .realm = REALM,
                                           .actor = "administrator:root",
                                           .now = NOW},
                on_token, f);
    wait_told(f, 1);
    if (f->code) fail_msg("%s", f->text);
    return f->token;
}

static const char *group(struct fixture *f, const char *hosts, int64_t uses)
{
    fleet_token(f->fleet,
                &(struct fleet_token_spec){.hosts = hosts,
                                           .uses = uses,
                                           .realm = REALM,
                                           .actor = "administrator:root",
                                           .now = NOW},
                on_token, f);
    wait_told(f, 1);
    if (f->code) fail_msg("%s", f->text);
    return f->token;
}

static int sign(void *ctx, const char *agent, const char *host, struct tg_buf *ret,
                int64_t *ret_not_after, struct tg_err *err)
{
    struct fixture *f = ctx;
    if (f->sign_fails) return TG_FAIL(err, TG_E_CA, "identity CA: no key");
    tg_buf_printf(ret, "certificate %zu of %.4s on %s", ++f->signed_count, agent, host);
    *ret_not_after = NOW + 90 * TG_DAY;
    return 0;
}

static void on_identity(const struct fleet_identity *i, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    if (!i) return;
    (void)snprintf(f->agent, sizeof f->agent, "%s", i->agent);
    (void)snprintf(f->certificate, sizeof f->certificate, "%.*s", (int)i->certificate.len,
                   (const char *)i->certificate.data);
    f->state = i->state;
}

static void key_of(int n, uint8_t ret[TG_SHA256])
{
    tg_sha256(&n, sizeof n, ret);
}

static void enrol_start(struct fixture *f, const char *token, const char *host, int key,
                        int64_t now)
{
    struct fleet_enrol q = {.token = token,
                            .host = host,
                            .version = "1.0",
                            .realm = REALM,
                            .now = now,
                            .signer = {sign, f}};
    key_of(key, q.spki);
    fleet_enrol(f->fleet, &q, on_identity, f);
}

static int enrol(struct fixture *f, const char *token, const char *host, int key)
{
    enrol_start(f, token, host, key, NOW);
    assert_int_equal(f->told, 0);
    wait_told(f, 1);
    return f->code;
}

static const struct fleet_agent *known(struct fixture *f, int key)
{
    uint8_t spki[TG_SHA256];
    key_of(key, spki);
    return fleet_by_spki(f->fleet, spki);
}

static void on_done(const struct fleet_agent *agent, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    if (agent) f->state = agent->state;
}

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

/* --- renewal --- */

static int renew(struct fixture *f, int64_t id, int key, int64_t now)
{
    uint8_t spki[TG_SHA256];
    key_of(key, spki);
    fleet_renew(f->fleet, id, spki, now, (struct fleet_signer){sign, f}, on_identity, f);
    wait_told(f, 1);
    return f->code;
}

static void test_renewal_keeps_the_old_key_until_the_new_is_used(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, token, "ws-1", 1), 0);
    int64_t id = known(f, 1)->id;
    assert_int_equal(renew(f, id, 2, NOW + 45 * TG_DAY), 0);
    TG_AUTO(mem) char *first = tg_strdup(f->certificate);
    assert_non_null(known(f, 2));
    assert_non_null(known(f, 1)); /* the answer may have been lost */
    assert_int_equal(renew(f, id, 2, NOW + 45 * TG_DAY + 5), 0);
    assert_string_equal(f->certificate, first);
    assert_int_equal(f->signed_count, 2);
    assert_int_equal(count(f, "SELECT count(*) FROM agent_identity"), 2);
}

/* --- beats, lists, two programs --- */

static void on_list(const struct fleet_row *rows, size_t n, int64_t next, const struct tg_err *err,
                    void *data)
{
    struct fixture *f = data;
    struct tg_jw w;
    (void)next;
    keep_error(f, err);
    f->rows = n;
    tg_buf_reset(&f->printed);
    tg_jw_init(&w, &f->printed);
    tg_jw_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        tg_jw_begin_object(&w);
        fleet_print_json(&w, &rows[i]);
        tg_jw_end(&w);
    }
    tg_jw_end(&w);
}

static bool beat_is_written(void *data)
{
    struct fixture *f = data;
    return count(f, "SELECT count(*) FROM agent_beat WHERE seen_at = to_timestamp(1795165777) AND "
                    "version = '2.0'") == 1;
}

static void test_beats_are_written_within_seconds(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, token, "ws-1", 1), 0);
    int64_t id = known(f, 1)->id;
    fleet_beat(f->fleet, id, "2.0", NOW + 570);
    fleet_beat(f->fleet, id, NULL, NOW + 577);
    fleet_beat(f->fleet, 4711, "x", NOW);
    fleet_connected(f->fleet, id, true);
    fleet_connected(f->fleet, id, true);
    assert_int_equal(fleet_connected_count(f->fleet), 1);
    assert_true(tg_loop_until(&f->loop, beat_is_written, f, 10000));
    fleet_list(f->fleet, false, 0, 10, on_list, f);
    wait_told(f, 1);
    assert_int_equal(f->rows, 1);
    assert_non_null(strstr(tg_buf_text(&f->printed), "\"status\":\"active\""));
    assert_non_null(
        strstr(tg_buf_text(&f->printed),
               "\"version\":\"2.0\",\"connected\":true,\"seen\":\"2026-11-20T09:09:37Z\""));
    fleet_list(f->fleet, true, 0, 10, on_list, f);
    wait_told(f, 1);
    assert_int_equal(f->rows, 0);
}

struct pair {
    struct fixture *f;
    struct fleet *other;
    int key;
    enum fleet_state state;
};

static bool other_knows(void *data)
{
    struct pair *p = data;
    uint8_t spki[TG_SHA256];
    key_of(p->key, spki);
    const struct fleet_agent *a = fleet_by_spki(p->other, spki);
    return a && a->state == p->state;
}

static void test_another_program_hears_of_it(void **state)
{
    struct fixture *f = *state;
    struct pair p = {f, fleet_new(f->db), 1, FLEET_ACTIVE};
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, token, "ws-1", 1), 0);
    assert_true(tg_loop_until(&f->loop, other_knows, &p, 10000));
    fleet_ban(f->fleet, "ws-1", "administrator:root", NOW, on_done, f);
    wait_told(f, 1);
    p.state = FLEET_BANNED;
    assert_true(tg_loop_until(&f->loop, other_knows, &p, 10000));
    fleet_close(p.other, on_closed, f);
    wait_told(f, 1);
}

static bool other_is_ready(void *data)
{
    return fleet_ready(((struct pair *)data)->other);
}

static void test_many_agents_are_found(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 20000 };
    assert_int_equal(fleet_reconnect_s(f->fleet), 2);
    testdb_exec(&f->t, "INSERT INTO workstation (name, first_seen) SELECT 'm-' || i, '2026-11-20' "
                       "FROM generate_series(1, 20000) i;"
                       "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, "
                       "changed_at)"
                       " SELECT md5(name), id, sha256(name::bytea), 2, first_seen, first_seen FROM "
                       "workstation ORDER BY id");
    struct pair p = {f, fleet_new(f->db), 0, FLEET_ACTIVE};
    assert_true(tg_loop_until(&f->loop, other_is_ready, &p, 60000));
    assert_int_equal(fleet_count(p.other, FLEET_ACTIVE), MANY);
    for (int i = 1; i <= MANY; i++) {
        char name[24];
        uint8_t spki[TG_SHA256];
        (void)snprintf(name, sizeof name, "m-%d", i);
        tg_sha256(name, strlen(name), spki);
        const struct fleet_agent *a = fleet_by_spki(p.other, spki);
        assert_non_null(a);
        assert_string_equal(a->host, name);
        assert_ptr_equal(fleet_by_id(p.other, a->id), a);
    }
    assert_int_equal(fleet_reconnect_s(p.other), 100);
    fleet_close(p.other, on_closed, f);
    wait_told(f, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
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
        T(test_renewal_keeps_the_old_key_until_the_new_is_used),
        T(test_beats_are_written_within_seconds),
        T(test_another_program_hears_of_it),
        T(test_many_agents_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
