// The connection: events resume, reports survive, a foreign server is never spoken to.
// uses: base loop json merkle x509 cms seal seal_world net wire agent_server agent_platform agent_enroll agent_link | libs: crypto ssl jansson uv threads
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/enroll.h"
#include "agent/link.h"
#include "agent_server/agent_server.h"
#include "base/log.h"
#include "base/str.h"
#include "temp_dir.h"

#define AGENT "0123456789abcdef0123456789abcdef"

enum { PATIENCE_MS = 20 * 1000, SEEN = 64 };

struct rig {
    struct seal_world world;
    struct agent_server server;
    char dir[64], state[96], token[160];
    struct tg_loop loop;
    struct agent_identity *identity;
    struct agent_trust *trust;
    struct agent_spool *spool;
    struct agent_link *link;
    int lives;
    int64_t seen[SEEN];
    size_t seen_count;
    int broken; /* so many events cannot be stored */
    bool closed;
    struct tg_err err;
};

static struct rig *rig;

static void passed(int rc)
{
    if (rc < 0) fail_msg("%s", rig->err.text);
}

static int on_event(const struct tg_wire_message *m, void *data, struct tg_err *err)
{
    struct rig *r = data;
    if (r->broken > 0) {
        r->broken--;
        return TG_FAIL(err, TG_E_DISK_FULL, "no room");
    }
    assert_true(r->seen_count < SEEN);
    r->seen[r->seen_count++] = m->id;
    agent_link_ack(r->link, m->id);
    return 0;
}

static void on_live(void *data)
{
    struct rig *r = data;
    r->lives++;
}

static void link_begin(void)
{
    struct agent_link_opts o = {.loop = &rig->loop,
                                .dir = rig->state,
                                .server = rig->server.url,
                                .identity = rig->identity,
                                .trust = rig->trust,
                                .spool = rig->spool,
                                .on_event = on_event,
                                .on_live = on_live,
                                .data = rig};
    passed(tg_loop_init(&rig->loop, NULL, &rig->err));
    passed(agent_link_new(&o, &rig->link, &rig->err));
    agent_link_start(rig->link);
}

static void on_closed(void *data)
{
    struct rig *r = data;
    r->closed = true;
}

static bool is_closed(void *data)
{
    (void)data;
    return rig->closed;
}

static void link_end(void)
{
    rig->closed = false;
    agent_link_close(rig->link, on_closed, rig);
    assert_true(tg_loop_until(&rig->loop, is_closed, NULL, PATIENCE_MS));
    tg_loop_done(&rig->loop);
}

static void begin(struct agent_server_script script)
{
    rig = TG_NEW(struct rig);
    seal_world_init_at(&rig->world, 1, tg_clock_wall(tg_clock_system()));
    temp_dir(rig->dir);
    (void)snprintf(rig->state, sizeof rig->state, "%s/state", rig->dir);
    (void)snprintf(rig->token, sizeof rig->token, "tamga1.AB12.%032d.%s", 7,
                   tg_trust_chain_realm(rig->world.chain));
    rig->server.script = script;
    rig->server.script.token = rig->token;
    rig->server.script.agent = AGENT;
    agent_server_start(&rig->server, &rig->world, 0);
    struct agent_enroll e = {.dir = rig->state,
                             .server = rig->server.url,
                             .host = "ws-1",
                             .token = rig->token,
                             .clock = tg_clock_system()};
    passed(agent_enroll(&e, &rig->identity, &rig->err));
    passed(agent_trust_open(rig->state, rig->identity->realm, &rig->trust, &rig->err));
    passed(agent_spool_open(rig->state, &rig->spool, &rig->err));
    link_begin();
}

static void end(void)
{
    link_end();
    agent_server_stop(&rig->server);
    agent_server_forget(&rig->server);
    agent_spool_free(rig->spool);
    agent_trust_free(rig->trust);
    agent_identity_free(rig->identity);
    seal_world_done(&rig->world);
    temp_dir_remove(rig->dir);
    free(rig);
}

static size_t wanted;

static bool lives_reached(void *data)
{
    (void)data;
    return (size_t)rig->lives >= wanted;
}

static bool seen_reached(void *data)
{
    (void)data;
    return rig->seen_count >= wanted;
}

static void until(tg_loop_until_fn fn, size_t count)
{
    wanted = count;
    if (!tg_loop_until(&rig->loop, fn, NULL, PATIENCE_MS))
        fail_msg("in vain: lives %d, seen %zu: %s", rig->lives, rig->seen_count,
                 agent_link_why(rig->link));
}

static enum tg_wire_type counted;

static bool reports_reached(void *data)
{
    (void)data;
    return agent_server_count(&rig->server, counted) >= wanted;
}

static void until_reports(enum tg_wire_type type, size_t count)
{
    counted = type;
    until(reports_reached, count);
}

static void push_scan(int64_t id)
{
    struct tg_wire_scan body = {.everything = false};
    agent_server_push(&rig->server, TG_WIRE_SCAN, id, &body);
}

static void report_failed(const char *number)
{
    char application[32] = "", code[] = "io", text[] = "x";
    (void)tg_copy(application, sizeof application, number);
    struct tg_wire_failed body = {.application = application, .code = code, .text = text};
    passed(agent_spool_message(rig->spool, TG_WIRE_FAILED, 9, &body, &rig->err));
    agent_link_poke(rig->link);
}

static void events_come_in_order_and_are_acknowledged(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    assert_true(agent_link_live(rig->link));
    for (int64_t id = 1; id <= 5; id++)
        push_scan(id);
    until(seen_reached, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(rig->seen[i], i + 1);
    until_reports(TG_WIRE_ACK, 1);
    end();
}

static bool is_lost(void *data)
{
    (void)data;
    return !agent_link_live(rig->link);
}

static void after_a_reconnect_it_goes_on_behind_the_last_stored_event(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    push_scan(7);
    until(seen_reached, 1);
    agent_server_drop_streams(&rig->server);
    until(is_lost, 0);
    push_scan(8); /* while nobody listens */
    until(lives_reached, 2);
    until(seen_reached, 2);
    assert_int_equal(rig->seen[1], 8);
    assert_int_equal(rig->server.after, 7);
    /* And after a restart of the agent. */
    link_end();
    push_scan(9);
    link_begin();
    until(seen_reached, 3);
    assert_int_equal(rig->seen[2], 9);
    assert_int_equal(rig->server.after, 8);
    end();
}

static void an_event_that_could_not_be_stored_comes_again(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    rig->broken = 1;
    push_scan(3);
    until(seen_reached, 1);
    assert_int_equal(rig->seen[0], 3);
    assert_int_equal(rig->server.after, 0);
    assert_true(rig->lives >= 2);
    end();
}

static void an_event_of_the_future_is_passed_over(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    agent_server_push_line(&rig->server, 1, "");
    agent_server_push_line(&rig->server, 1, "{\"v\":1,\"type\":\"dance\",\"id\":1,\"body\":{}}");
    agent_server_push_line(&rig->server, 1, "not JSON");
    push_scan(2);
    until(seen_reached, 1);
    assert_int_equal(rig->seen[0], 2);
    assert_int_equal(rig->lives, 1);
    end();
}

static void reports_wait_for_the_connection_and_for_a_busy_server(void **state)
{
    (void)state;
    begin((struct agent_server_script){.busy = 1});
    report_failed("26-004217-4");
    report_failed("26-004218-2");
    until_reports(TG_WIRE_FAILED, 2);
    struct tg_wire_message *m = agent_server_report(&rig->server, TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->application, "26-004217-4"); /* order is kept */
    assert_int_equal(m->id, 9);
    tg_wire_free(m);
    end();
}

static bool spool_empty(void *data)
{
    (void)data;
    return agent_spool_count(rig->spool) == 0;
}

static void a_report_that_is_refused_for_good_blocks_nothing(void **state)
{
    (void)state;
    begin((struct agent_server_script){.refuse = 1});
    report_failed("26-004217-4");
    report_failed("26-004218-2");
    until_reports(TG_WIRE_FAILED, 1);
    until(spool_empty, 0);
    assert_int_equal(agent_server_count(&rig->server, TG_WIRE_FAILED), 1);
    end();
}

static bool hellos_reached(void *data)
{
    (void)data;
    agent_server_lock(&rig->server);
    bool reached = (size_t)rig->server.hellos >= wanted;
    agent_server_unlock(&rig->server);
    return reached;
}

static void a_banned_agent_stays_out_and_keeps_its_reports(void **state)
{
    (void)state;
    begin((struct agent_server_script){.banned = true});
    report_failed("26-004217-4");
    until(hellos_reached, 2);
    assert_false(agent_link_live(rig->link));
    assert_non_null(strstr(agent_link_why(rig->link), "banned"));
    assert_int_equal(rig->lives, 0);
    assert_int_equal(agent_spool_count(rig->spool), 1);
    agent_server_lock(&rig->server);
    rig->server.script.banned = false;
    agent_server_unlock(&rig->server);
    until_reports(TG_WIRE_FAILED, 1);
    end();
}

static void half_way_through_its_life_the_identity_is_renewed(void **state)
{
    (void)state;
    begin((struct agent_server_script){.short_identity = true});
    until(lives_reached, 1);
    assert_int_equal(rig->server.renewals, 1);
    assert_false(agent_identity_due(rig->identity, rig->world.now));
    TG_AUTO(agent_identity) struct agent_identity *kept = NULL;
    passed(agent_identity_load(rig->state, &kept, &rig->err));
    assert_int_equal(kept->until, rig->identity->until);
    end();
}

static void a_reconnect_is_obeyed(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    struct tg_wire_reconnect body = {.within_s = 1};
    agent_server_push(&rig->server, TG_WIRE_RECONNECT, 0, &body);
    until(lives_reached, 2);
    end();
}

static bool trust_reached(void *data)
{
    (void)data;
    return agent_trust_version(rig->trust) >= wanted;
}

static void publish(const char *server)
{
    agent_server_lock(&rig->server);
    (void)tg_copy(rig->world.trust.servers[0], TG_SEAL_HEX, server);
    rig->world.trust.servers_count = 1;
    seal_world_publish(&rig->world);
    agent_server_unlock(&rig->server);
}

static void push_trust(void)
{
    const struct tg_blob *cms = NULL;
    uint32_t v = tg_trust_chain_version(rig->world.chain);
    struct tg_blob text = tg_trust_chain_text(rig->world.chain, v);
    size_t n = tg_trust_chain_cms(rig->world.chain, v, &cms);
    struct tg_wire_item items[4];
    for (size_t i = 0; i < n; i++)
        items[i].bytes = (struct tg_wire_blob){(uint8_t *)(uintptr_t)cms[i].data, cms[i].len};
    struct tg_wire_trust_item document = {.text = {(uint8_t *)(uintptr_t)text.data, text.len},
                                          .cms = {items, n}};
    char realm[TG_SEAL_HEX];
    (void)tg_copy(realm, sizeof realm, tg_trust_chain_realm(rig->world.chain));
    struct tg_wire_trust body = {.realm = realm, .documents = {&document, 1}};
    agent_server_push(&rig->server, TG_WIRE_TRUST, 0, &body);
}

static void newer_trust_comes_by_event_and_is_kept(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    publish(rig->world.server.spki);
    push_trust();
    until(trust_reached, 2);
    struct agent_trust *kept = NULL;
    passed(agent_trust_open(rig->state, rig->identity->realm, &kept, &rig->err));
    assert_int_equal(agent_trust_version(kept), 2);
    agent_trust_free(kept);
    end();
}

static void restart_as_stranger(void)
{
    uint16_t port = rig->server.port;
    agent_server_stop(&rig->server);
    rig->server.script.stranger = true;
    agent_server_start(&rig->server, &rig->world, port);
}

static bool why_untrusted(void *data)
{
    (void)data;
    return strstr(agent_link_why(rig->link), "is not a `server:`") != NULL;
}

/* The same address, another key: not a byte of ours, until the roots name that key. */
static void a_server_with_another_key_is_not_spoken_to_until_trust_names_it(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    until(lives_reached, 1);
    int hellos = rig->server.hellos;
    report_failed("26-004217-4");
    until_reports(TG_WIRE_FAILED, 1);
    restart_as_stranger();
    report_failed("26-004218-2");
    until(why_untrusted, 0);
    assert_int_equal(rig->server.hellos, hellos);
    assert_int_equal(agent_server_count(&rig->server, TG_WIRE_FAILED), 1);
    publish(rig->world.stranger.spki);
    until(lives_reached, 2);
    assert_int_equal(agent_trust_version(rig->trust), 2);
    until_reports(TG_WIRE_FAILED, 2);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_and_are_acknowledged),
        cmocka_unit_test(after_a_reconnect_it_goes_on_behind_the_last_stored_event),
        cmocka_unit_test(an_event_that_could_not_be_stored_comes_again),
        cmocka_unit_test(an_event_of_the_future_is_passed_over),
        cmocka_unit_test(reports_wait_for_the_connection_and_for_a_busy_server),
        cmocka_unit_test(a_report_that_is_refused_for_good_blocks_nothing),
        cmocka_unit_test(a_banned_agent_stays_out_and_keeps_its_reports),
        cmocka_unit_test(half_way_through_its_life_the_identity_is_renewed),
        cmocka_unit_test(a_reconnect_is_obeyed),
        cmocka_unit_test(newer_trust_comes_by_event_and_is_kept),
        cmocka_unit_test(a_server_with_another_key_is_not_spoken_to_until_trust_names_it),
    };
    tg_log_setup(TG_LOG_ERROR, TG_LOG_LOGFMT, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
