/* fleet_world: tokens, keys and enrolments by a line each, and how a test waits for the fleet room.
 * Test support. */
#pragma once

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

static inline bool is_ready(void *data)
{
    return fleet_ready(((struct fixture *)data)->fleet);
}

static inline int setup(void **state)
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

static inline bool is_told(void *data)
{
    struct fixture *f = data;
    return f->told >= f->wanted;
}

static inline void wait_told(struct fixture *f, int wanted)
{
    f->wanted = wanted;
    assert_true(tg_loop_until(&f->loop, is_told, f, 60000));
    f->told = 0;
}

static inline void on_closed(void *data)
{
    ((struct fixture *)data)->told++;
}

static inline int teardown(void **state)
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

static inline int64_t count(struct fixture *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

static inline void keep_error(struct fixture *f, const struct tg_err *err)
{
    f->told++;
    f->code = err ? err->code : 0;
    (void)snprintf(f->text, sizeof f->text, "%s", err ? err->text : "");
}

static inline void on_token(const char *token, bool group, int64_t expires,
                            const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    (void)group;
    (void)expires;
    (void)snprintf(f->token, sizeof f->token, "%s", token ? token : "");
}

static inline const char *single(struct fixture *f, const char *host)
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

static inline const char *group(struct fixture *f, const char *hosts, int64_t uses)
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

static inline int sign(void *ctx, const char *agent, const char *host, struct tg_buf *ret,
                       int64_t *ret_not_after, struct tg_err *err)
{
    struct fixture *f = ctx;
    if (f->sign_fails) return TG_FAIL(err, TG_E_CA, "identity CA: no key");
    tg_buf_printf(ret, "certificate %zu of %.4s on %s", ++f->signed_count, agent, host);
    *ret_not_after = NOW + 90 * TG_DAY;
    return 0;
}

static inline void on_identity(const struct fleet_identity *i, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    if (!i) return;
    (void)snprintf(f->agent, sizeof f->agent, "%s", i->agent);
    (void)snprintf(f->certificate, sizeof f->certificate, "%.*s", (int)i->certificate.len,
                   (const char *)i->certificate.data);
    f->state = i->state;
}

static inline void key_of(int n, uint8_t ret[TG_SHA256])
{
    tg_sha256(&n, sizeof n, ret);
}

static inline void enrol_start(struct fixture *f, const char *token, const char *host, int key,
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

static inline int enrol(struct fixture *f, const char *token, const char *host, int key)
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

static inline void on_done(const struct fleet_agent *agent, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    if (agent) f->state = agent->state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
