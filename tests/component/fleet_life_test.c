// The life of agents after enrolment: renewal, beats, lists, two programs, many agents.
// uses: base loop json db fleet testdb | libs: pq uv

#include "fleet_world.h"

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

static void test_a_certificate_that_ran_out_is_the_end(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *token = tg_strdup(single(f, "ws-1"));
    assert_int_equal(enrol(f, token, "ws-1", 1), 0);
    const struct fleet_agent *agent = known(f, 1);
    int64_t id = agent->id, end = NOW + 90 * TG_DAY;
    assert_int_equal(agent->cert_not_after, end);
    assert_false(fleet_identity_over(agent, end - 1));
    assert_true(fleet_identity_over(agent, end));
    assert_int_equal(renew(f, id, 1, end), TG_E_EXPIRED);
    assert_non_null(strstr(f->text, "has run out"));
    assert_int_equal(renew(f, id, 2, end), TG_E_EXPIRED);
    enrol_start(f, token, "ws-1", 1, end); /* the answer of then is of no use any more */
    wait_told(f, 1);
    assert_int_equal(f->code, TG_E_EXPIRED);
    assert_int_equal(f->signed_count, 1);
    assert_int_equal(renew(f, id, 1, end - 1), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_renewal_keeps_the_old_key_until_the_new_is_used),
        T(test_a_certificate_that_ran_out_is_the_end),
        T(test_beats_are_written_within_seconds),
        T(test_another_program_hears_of_it),
        T(test_many_agents_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
