// The doors over real connections: nobody reaches nothing, agents only what their state and their
// certificate allow, strangers hold no memory, enrolment is bound to its connection.
// uses: base loop config json merkle x509 cms seal wire net access policy db audit application inventory planner issue fleet approval dispatch ca api agent_api seal_world testdb flow_world nettest | libs: pq uv jansson ssl crypto threads
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "doors_world.h"

/* --- administrators' door --- */

static const struct {
    const char *method, *path;
} api_routes[] = {
    {"GET", "status"},
    {"GET", "employees"},
    {"POST", "employees"},
    {"GET", "certificates"},
    {"POST", "certificates"},
    {"GET", "certificates/1"},
    {"GET", "certificates/1/explain"},
    {"POST", "agents/tokens"},
    {"GET", "agents"},
    {"POST", "agents/ws-01/accept"},
    {"POST", "agents/ws-01/ban"},
    {"POST", "plan"},
    {"GET", "applications"},
    {"GET", "applications/26-004217-4"},
    {"POST", "applications/26-004217-4/correct"},
    {"POST", "applications/26-004217-4/cancel"},
    {"POST", "applications/26-004217-4/retry"},
    {"GET", "applications/26-004217-4/bundle"},
    {"GET", "applications/26-004217-4/evidence"},
    {"GET", "batches"},
    {"POST", "batches"},
    {"GET", "batches/26-1"},
    {"POST", "batches/26-1/hold"},
    {"POST", "batches/26-1/include"},
    {"POST", "batches/26-1/return"},
    {"POST", "batches/26-1/discard"},
    {"GET", "batches/26-1/snapshot"},
    {"GET", "batches/26-1/decisions"},
    {"POST", "batches/26-1/session"},
    {"POST", "batches/26-1/approval"},
    {"GET", "batches/26-1/approval"},
    {"POST", "batches/26-1/recall"},
    {"GET", "trust"},
    {"POST", "trust"},
    {"GET", "exchange"},
    {"POST", "exchange"},
    {"GET", "audit/export"},
    {"GET", "audit/head"},
};

static void strangers_reach_no_route(void **state)
{
    struct doors *d = *state;
    for (size_t i = 0; i < TG_COUNT(api_routes); i++) {
        char path[128];
        bool is_post = strcmp(api_routes[i].method, "POST") == 0;
        (void)snprintf(path, sizeof path, "/api/v1/%s", api_routes[i].path);
        struct doors_who who[] = {{API, NULL}, {API, &d->stranger}, {API, &d->agents[ACTIVE]}};
        for (size_t k = 0; k < TG_COUNT(who); k++) {
            int status = doors_ask(d, &who[k], api_routes[i].method, path, is_post ? "{}" : NULL,
                                   is_post ? 2 : 0);
            if (status != 403)
                fail_msg("%s %s by %zu: %d %s", api_routes[i].method, path, k, status, d->answer);
        }
    }
}

static void a_path_has_one_spelling(void **state)
{
    struct doors *d = *state;
    static const char *const paths[] = {
        "/api/v1/%62atches", "/api/v1//batches", "/api/v1/batches/",
        "/API/v1/batches",   "/api/v1/batches;", "//api/v1/batches",
        "/api/v1/",          "/api/v1",          "/agent/v1/trust",
    };
    struct doors_who administrator = {LOCAL, NULL};
    assert_int_equal(doors_ask(d, &administrator, "GET", "/api/v1/batches", NULL, 0), 200);
    assert_int_equal(doors_ask(d, &administrator, "GET", "/api/v1/batches?after=0", NULL, 0), 200);
    for (size_t i = 0; i < TG_COUNT(paths); i++)
        if (doors_ask(d, &administrator, "GET", paths[i], NULL, 0) != 404)
            fail_msg("%s: %s", paths[i], d->answer);
    struct doors_who agent = {AGENTS, &d->agents[ACTIVE]};
    assert_int_equal(doors_ask(d, &agent, "GET", "/agent/v1/trust", NULL, 0), 200);
    assert_int_equal(doors_ask(d, &agent, "GET", "/agent/v1/%74rust", NULL, 0), 422);
    assert_int_equal(doors_ask(d, &agent, "GET", "/agent/v1/trust/", NULL, 0), 422);
}

static void an_approver_signs_in_by_his_key_and_administers_nothing(void **state)
{
    struct doors *d = *state;
    struct doors_who ceo = {API, &d->ceo};
    assert_int_equal(doors_ask(d, &ceo, "GET", "/api/v1/batches", NULL, 0), 200);
    static const char *const others[] = {"employees",        "certificates", "agents/tokens",
                                         "agents/ws-01/ban", "trust",        "exchange"};
    for (size_t i = 0; i < TG_COUNT(others); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/api/v1/%s", others[i]);
        assert_int_equal(doors_ask(d, &ceo, "POST", path, "{}", 2), 403);
    }
    d->f.clock.wall_s = d->f.w.trust.approvers[0].until + 1; /* his pin has run out */
    assert_int_equal(doors_ask(d, &ceo, "GET", "/api/v1/batches", NULL, 0), 403);
}

static void large_bodies_are_for_who_may_send_them(void **state)
{
    struct doors *d = *state;
    enum { LARGE = 300 * 1024 };
    TG_AUTO(mem) char *large = tg_calloc(LARGE, 1);
    memset(large, 'x', LARGE);
    struct doors_who nobody = {API, NULL}, administrator = {LOCAL, NULL};
    assert_int_equal(doors_ask(d, &nobody, "POST", "/api/v1/employees", large, 4096), 403);
    assert_int_equal(doors_ask(d, &nobody, "POST", "/api/v1/employees", large, LARGE), 413);
    assert_int_equal(doors_ask(d, &administrator, "POST", "/api/v1/employees", large, LARGE), 400);
    struct doors_who unknown = {AGENTS, &d->stranger}, agent = {AGENTS, &d->agents[ACTIVE]};
    assert_int_equal(doors_ask(d, &unknown, "POST", "/agent/v1/inventory", large, 4096), 403);
    assert_int_equal(doors_ask(d, &unknown, "POST", "/agent/v1/inventory", large, LARGE), 413);
    assert_int_equal(doors_ask(d, &agent, "POST", "/agent/v1/inventory", large, LARGE), 422);
}

/* --- agents' door --- */

static const char *const reports[] = {"inventory", "prepared", "installed", "failed", "ack"};

/* Every route but trust and enroll answers `status`, and the detail says why. */
static void only_trust_and_enroll(struct doors *d, const struct nettest_id *id, const char *why)
{
    struct doors_who who = {AGENTS, id};
    char path[64];
    for (size_t i = 0; i < TG_COUNT(reports); i++) {
        (void)snprintf(path, sizeof path, "/agent/v1/%s", reports[i]);
        assert_int_equal(doors_ask(d, &who, "POST", path, "{}", 2), 403);
        assert_non_null(strstr(d->answer, why));
    }
    assert_int_equal(doors_ask(d, &who, "POST", "/agent/v1/hello", "{}", 2), 403);
    assert_int_equal(doors_ask(d, &who, "POST", "/agent/v1/renew", "{}", 2), 403);
    assert_int_equal(doors_ask(d, &who, "GET", "/agent/v1/events", NULL, 0), 403);
    assert_int_equal(doors_ask(d, &who, "GET", "/agent/v1/trust", NULL, 0), 200);
    assert_int_equal(doors_ask(d, &who, "POST", "/agent/v1/enroll", "{}", 2), 422);
}

static void an_agent_reaches_what_its_state_allows(void **state)
{
    struct doors *d = *state;
    only_trust_and_enroll(d, &d->stranger, "not enrolled");
    only_trust_and_enroll(d, &d->agents[EXPIRED], "has run out");
    only_trust_and_enroll(d, &d->agents[REPLACED], "enrolled again");
    struct doors_who pending = {AGENTS, &d->agents[PENDING]};
    struct doors_who banned = {AGENTS, &d->agents[BANNED]};
    for (size_t i = 0; i < TG_COUNT(reports); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/agent/v1/%s", reports[i]);
        assert_int_equal(doors_ask(d, &pending, "POST", path, "{}", 2), 503);
        assert_non_null(strstr(d->answer, "waits for an administrator"));
        assert_int_equal(doors_ask(d, &banned, "POST", path, "{}", 2), 403);
        assert_non_null(strstr(d->answer, "is banned"));
    }
    assert_int_equal(doors_ask(d, &pending, "GET", "/agent/v1/events", NULL, 0), 503);
    assert_int_equal(doors_ask(d, &banned, "GET", "/agent/v1/trust", NULL, 0), 403);
    assert_int_equal(doors_ask(d, &banned, "POST", "/agent/v1/enroll", "{}", 2), 403);
    assert_int_equal(doors_ask(d, &banned, "POST", "/agent/v1/renew", "{}", 2), 403);
}

static void a_ban_ends_the_stream(void **state)
{
    struct doors *d = *state;
    struct doors_who agent = {AGENTS, &d->agents[ACTIVE]};
    struct doors_talk talk;
    doors_open(d, &talk, &agent, "/agent/v1/events");
    assert_int_equal(fleet_connected_count(d->fleet), 1);
    d->f.told = false;
    fleet_ban(d->fleet, d->f.w.apps[ACTIVE].leaf.host, "administrator:uid-0", d->f.w.now,
              doors_on_agent, d);
    assert_int_equal(flow_wait(&d->f), 0);
    doors_ended(d, &talk);
    assert_int_equal(fleet_connected_count(d->fleet), 0);
}

static void a_stream_ends_with_its_agents_certificate(void **state)
{
    struct doors *d = *state;
    struct doors_who agent = {AGENTS, &d->agents[ACTIVE]};
    struct doors_talk talk;
    doors_open(d, &talk, &agent, "/agent/v1/events");
    d->f.clock.wall_s = d->f.w.now + CA_AGENT_DAYS * TG_DAY;
    seal_world_publish(&d->f.w);
    assert_int_equal(flow_publish(&d->f), 0); /* there is something to tell */
    doors_ended(d, &talk);
    assert_int_equal(fleet_connected_count(d->fleet), 0);
}

/* --- enrolment --- */

static int enrol(struct doors *d, const char *host)
{
    struct doors_who who = {AGENTS, &d->stranger};
    return doors_enrol(d, &who, host);
}

static void enrolment_is_bound_to_its_connection(void **state)
{
    struct doors *d = *state;
    doors_token(d, "ws-new");
    d->bend_exporter = true;
    assert_int_equal(enrol(d, "ws-new"), 422);
    if (!strstr(d->answer, "\"code\":\"bad-signature\"")) fail_msg("%s", d->answer);
    d->bend_exporter = false;
    d->enrol_key = &d->agents[ACTIVE]; /* another key than that of the connection */
    assert_int_equal(enrol(d, "ws-new"), 422);
    assert_non_null(strstr(d->answer, "another key"));
    d->enrol_key = NULL;
    assert_int_equal(enrol(d, "ws-other"), 403);
    d->token[strlen(d->token) - 1] ^= 1; /* another realm */
    assert_int_equal(enrol(d, "ws-new"), 422);
    d->token[strlen(d->token) - 1] ^= 1;
    assert_int_equal(flow_count(&d->f, "SELECT count(*) FROM agent WHERE token_id <> ''"), 0);
    assert_int_equal(enrol(d, "ws-new"), 200);
    assert_int_equal(enrol(d, "ws-new"), 200); /* the answer got lost */
    assert_int_equal(flow_count(&d->f, "SELECT count(*) FROM agent WHERE token_id <> ''"), 1);
    struct doors_who again = {AGENTS, &d->ceo}; /* another key, the same token */
    assert_int_equal(doors_enrol(d, &again, "ws-new"), 403);
    d->token[strlen(d->token) - 65] = '\0'; /* the secret is nowhere in the database */
    TG_AUTO(mem)
    char *sql = tg_printf("SELECT count(*) FROM agent_token t, audit_inbox a WHERE strpos(t::text, "
                          "'%s') + strpos(a::text, '%s') > 0",
                          strrchr(d->token, '.') + 1, strrchr(d->token, '.') + 1);
    assert_int_equal(flow_count(&d->f, "SELECT count(*) FROM agent_token"), 1);
    assert_int_equal(flow_count(&d->f, sql), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, doors_setup, doors_teardown)
    const struct CMUnitTest tests[] = {
        T(strangers_reach_no_route),
        T(a_path_has_one_spelling),
        T(an_approver_signs_in_by_his_key_and_administers_nothing),
        T(large_bodies_are_for_who_may_send_them),
        T(an_agent_reaches_what_its_state_allows),
        T(a_ban_ends_the_stream),
        T(a_stream_ends_with_its_agents_certificate),
        T(enrolment_is_bound_to_its_connection),
    };
#undef T
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
