// Enrolment: who is believed, who is refused, and that a repeat gets the same answer.
// uses: base loop json merkle x509 cms seal seal_world net wire agent_server agent_platform agent_enroll | libs: crypto ssl jansson uv threads
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/enroll.h"
#include "agent/trust.h"
#include "agent_server/agent_server.h"
#include "base/str.h"
#include "temp_dir.h"

#define AGENT "0123456789abcdef0123456789abcdef"

struct rig {
    struct seal_world world;
    struct agent_server server;
    char dir[64], state[96], token[160];
    struct agent_enroll e;
    struct tg_err err;
    int pendings;
};

static struct rig *rig;

static void on_pending(const char *agent, void *data)
{
    struct rig *r = data;
    assert_string_equal(agent, AGENT);
    r->pendings++;
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
    rig->e = (struct agent_enroll){.dir = rig->state,
                                   .server = rig->server.url,
                                   .host = "ws-1",
                                   .token = rig->token,
                                   .poll_ms = 10,
                                   .clock = tg_clock_system(),
                                   .on_pending = on_pending,
                                   .data = rig};
}

static void end(void)
{
    agent_server_stop(&rig->server);
    agent_server_forget(&rig->server);
    seal_world_done(&rig->world);
    temp_dir_remove(rig->dir);
    free(rig);
}

static struct agent_identity *enrolled(void)
{
    struct agent_identity *id = NULL;
    if (agent_enroll(&rig->e, &id, &rig->err) < 0) fail_msg("%s", rig->err.text);
    return id;
}

static void refused(int code)
{
    struct agent_identity *id = NULL;
    int rc = agent_enroll(&rig->e, &id, &rig->err);
    if (rc != code) fail_msg("expected %d, got %d: %s", code, rc, rig->err.text);
    assert_null(id);
}

static void a_token_makes_the_workstation_known(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    struct agent_identity *id = enrolled(), *kept = NULL;
    assert_string_equal(id->agent, AGENT);
    assert_false(id->pending);
    assert_true(id->until > id->from && id->from > 0);
    assert_int_equal(agent_identity_load(rig->state, &kept, &rig->err), 0);
    assert_string_equal(kept->realm, tg_trust_chain_realm(rig->world.chain));
    assert_int_equal(kept->until, id->until);
    assert_false(agent_identity_due(kept, rig->world.now));
    assert_true(agent_identity_due(kept, rig->world.now + 60 * TG_DAY));
    struct agent_trust *trust = NULL;
    assert_int_equal(agent_trust_open(rig->state, kept->realm, &trust, &rig->err), 0);
    assert_int_equal(agent_trust_version(trust), 1);
    agent_trust_free(trust);
    agent_identity_free(kept);
    agent_identity_free(id);
    end();
}

static struct tg_secret key_begun(int64_t now)
{
    struct agent_identity *id = NULL;
    struct tg_secret key = {0};
    if (agent_identity_begin(rig->state, rig->server.url, "ws-1",
                             tg_trust_chain_realm(rig->world.chain), now, &id, &rig->err) < 0 ||
        agent_identity_key(rig->state, &key, &rig->err) < 0)
        fail_msg("%s", rig->err.text);
    agent_identity_free(id);
    return key;
}

static bool same_key(const struct tg_secret *a, const struct tg_secret *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* The service lets that key in no more; and a new one, once made, is not thrown away by a second
 * try, for the token may have been spent on it. */
static void a_certificate_that_ran_out_needs_a_new_key(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    struct agent_identity *id = enrolled();
    struct tg_secret before = key_begun(id->until - 1), still = key_begun(id->until - 1);
    struct tg_secret after = key_begun(id->until), again = key_begun(id->until);
    assert_true(same_key(&before, &still));
    assert_false(same_key(&before, &after));
    assert_true(same_key(&after, &again));
    tg_secret_done(&before);
    tg_secret_done(&still);
    tg_secret_done(&after);
    tg_secret_done(&again);
    agent_identity_free(id);
    end();
}

/* As after a crash behind the answer: same key, same token, same answer. */
static void the_same_command_again_gets_the_same_answer(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    struct agent_identity *one = enrolled(), *two = enrolled();
    assert_string_equal(one->agent, two->agent);
    assert_int_equal(rig->server.enrols, 2);
    agent_identity_free(one);
    agent_identity_free(two);
    end();
}

static void an_administrator_accepts_later(void **state)
{
    (void)state;
    begin((struct agent_server_script){.pending = 3});
    rig->e.wait_ms = 20 * 1000;
    struct agent_identity *id = enrolled();
    assert_false(id->pending);
    assert_int_equal(rig->pendings, 1);
    assert_int_equal(rig->server.enrols, 4);
    agent_identity_free(id);
    end();
}

static void without_waiting_it_stays_pending(void **state)
{
    (void)state;
    begin((struct agent_server_script){.pending = 100});
    struct agent_identity *id = enrolled();
    assert_true(id->pending);
    agent_identity_free(id);
    end();
}

static void a_server_whose_key_no_trust_names_is_refused(void **state)
{
    (void)state;
    begin((struct agent_server_script){.stranger = true});
    refused(TG_E_UNTRUSTED);
    assert_int_equal(rig->server.enrols, 0); /* it never saw the token */
    end();
}

static void a_token_of_another_realm_is_refused(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    char *realm = strrchr(rig->token, '.') + 1;
    realm[0] = realm[0] == 'a' ? 'b' : 'a';
    refused(TG_E_UNTRUSTED);
    assert_int_equal(rig->server.enrols, 0);
    end();
}

static void before_trust_init_it_says_so(void **state)
{
    (void)state;
    begin((struct agent_server_script){.no_trust = true});
    refused(TG_E_NO_TRUST);
    assert_non_null(strstr(rig->err.text, "tamga trust init"));
    end();
}

static void a_spent_token_is_refused(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    char other[160];
    (void)snprintf(other, sizeof other, "tamga1.AB13.%032d.%s", 8,
                   tg_trust_chain_realm(rig->world.chain));
    rig->e.token = other;
    refused(TG_E_DENIED);
    assert_non_null(strstr(rig->err.text, "spent"));
    end();
}

static void a_state_of_one_realm_stays_there(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    agent_identity_free(enrolled());
    char other[160];
    (void)snprintf(other, sizeof other, "tamga1.AB13.%032d.%064d", 8, 1);
    rig->e.token = other;
    refused(TG_E_UNTRUSTED);
    assert_non_null(strstr(rig->err.text, "--state"));
    end();
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    begin((struct agent_server_script){0});
    static const char *const tokens[] = {"", "tamga1", "tamga1.a.b.c", "tamga2.a.b.c",
                                         "tamga1..x."};
    for (size_t i = 0; i < TG_COUNT(tokens); i++) {
        rig->e.token = tokens[i];
        refused(TG_E_INPUT);
    }
    rig->e.token = rig->token;
    static const char *const hosts[] =
        {"", "WS", "a b", "\xd0\xb0",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaa"};
    for (size_t i = 0; i < TG_COUNT(hosts); i++) {
        rig->e.host = hosts[i];
        refused(TG_E_INPUT);
    }
    rig->e.host = "ws-1";
    rig->e.server = "http://127.0.0.1:1";
    refused(TG_E_INPUT);
    rig->e.server = "https://127.0.0.1:1";
    refused(TG_E_NETWORK);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_makes_the_workstation_known),
        cmocka_unit_test(a_certificate_that_ran_out_needs_a_new_key),
        cmocka_unit_test(the_same_command_again_gets_the_same_answer),
        cmocka_unit_test(an_administrator_accepts_later),
        cmocka_unit_test(without_waiting_it_stays_pending),
        cmocka_unit_test(a_server_whose_key_no_trust_names_is_refused),
        cmocka_unit_test(a_token_of_another_realm_is_refused),
        cmocka_unit_test(before_trust_init_it_says_so),
        cmocka_unit_test(a_spent_token_is_refused),
        cmocka_unit_test(a_state_of_one_realm_stays_there),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
