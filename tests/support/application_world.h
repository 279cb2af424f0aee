/* application_world: six drafted applications with real certificates on two workstations, and how a
 * test waits for the application room. Test support. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "application/application.h"
#include "base/mem.h"
#include "base/times.h"
#include "cert_maker.h"
#include "testdb/testdb.h"

#define NOW INT64_C(1795165200) /* 2026-11-20T09:00:00Z */

enum { COUNT = 6 };

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db;
    struct tg_err err;
    bool told;
    int code;
    char text[TG_ERR_TEXT], number[TG_NUMBER];
    enum application_state state;
    struct application_row row;
    int64_t number_of;
    struct tg_buf printed;
};

static const char scenery[] =
    "INSERT INTO department (name) VALUES ('Finance');"
    "INSERT INTO holder (number, name, email, department_id, changed_at) SELECT 'E' || i, 'Person "
    "' || i, 'p' || i || '@x.example', 1, '2026-11-20' FROM generate_series(1, 6) i;"
    "INSERT INTO workstation (name, first_seen) VALUES ('ws-1', '2026-11-20'), ('ws-2', "
    "'2026-11-20');"
    "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, changed_at) SELECT "
    "md5(name), id, sha256(name::bytea), 2, first_seen, first_seen FROM workstation;"
    "INSERT INTO issuer (name, subject_der) VALUES ('CN=CA', 'a');"
    "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, first_seen, "
    "last_seen) SELECT 1, 1, 1, 1, '/k' || i, '', '2026-11-20', '2026-11-20' FROM "
    "generate_series(1, 6) i;"
    "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, first_seen, "
    "last_seen) VALUES (2, 1, 1, 1, '/k1', '', '2026-11-20', '2026-11-20');"
    "INSERT INTO policy_version (hash, name, rule, at, ca) VALUES (sha256('p'), 'files', '{}', "
    "'2026-11-20', 'corporate');";

static inline void insert_certificates(struct fixture *f)
{
    struct maker m;
    maker_init(&m, NOW);
    for (int i = 1; i <= COUNT; i++) {
        size_t len;
        TG_AUTO(mem) char *cn = tg_printf("Person %d", i);
        TG_AUTO(mem) char *email = tg_printf("p%d@x.example", i);
        TG_AUTO(mem)
        uint8_t *der = maker_make(&m,
                                  &(struct maker_cert){.cn = cn,
                                                       .email = email,
                                                       .not_before = NOW - 300 * TG_DAY,
                                                       .not_after = NOW + 20 * TG_DAY},
                                  &len);
        TG_AUTO(mem) char *hex = tg_alloc(len * 2 + 1);
        tg_hex(der, len, hex);
        TG_AUTO(mem)
        char *sql = tg_printf(
            "INSERT INTO certificate (not_before, not_after, first_seen, holder_id, department_id, "
            "issuer_id, jitter, key_bits, decodable, weak, sha256, spki_sha256, ski,"
            " serial, key_algorithm, signature_algorithm, subject, cn, email) SELECT '2026-01-24', "
            "'2026-12-10 09:00Z', '2026-11-20', %d, 1, 1, 0, 256, true, false, sha256(d),"
            " sha256(d), '\\x01', '1', 'ec-p256', 'x', 'CN=%s', '%s', '%s' FROM (SELECT "
            "'\\x%s'::bytea AS d) x;"
            "INSERT INTO certificate_der SELECT %d, '\\x%s'; INSERT INTO placement (keystore_id, "
            "certificate_id, has_key, first_seen, last_seen) VALUES (%d, %d, true, '2026-11-20', "
            "'2026-11-20');",
            i, cn, cn, email, hex, i, hex, i, i);
        testdb_exec(&f->t, sql);
    }
    testdb_exec(&f->t, "INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, "
                       "last_seen) VALUES (7, 1, true, '2026-11-20', '2026-11-20')");
    maker_done(&m);
}

static inline int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    testdb_exec(&f->t, scenery);
    insert_certificates(f);
    testdb_run(&f->t,
               "WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"
               " n AS (INSERT INTO application_counter VALUES (26, 6) RETURNING last),"
               " b AS (INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, "
               "ends, drafted_at, changed_at, policy_id, sequence, year, kind)"
               " SELECT i, i, i, e.id, '2026-12-10 09:00Z', '2026-11-20 09:00Z', '2026-11-20 "
               "09:00Z', 1, i, 26, 1 FROM e, n, generate_series(1, 6) i ORDER BY i RETURNING 1)"
               " INSERT INTO application_event (id, at, count, first_sequence, last_sequence, "
               "year, from_state, to_state, actor)"
               " SELECT e.id, '2026-11-20 09:00Z', (SELECT count(*) FROM b), 1, 6, 26, 0, 1, "
               "'planner' FROM e");
    testdb_exec(&f->t, "INSERT INTO job (run_at, made_at, subject, agent_id, kind) SELECT "
                       "drafted_at, drafted_at, id, 1, 2 FROM application");
    f->db = testdb_pool(&f->t, &f->loop, 2);
    f->printed = TG_BUF(1024 * 1024);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
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

static inline bool is_told(void *data)
{
    return ((struct fixture *)data)->told;
}

static inline void wait_told(struct fixture *f)
{
    assert_false(f->told); /* never from inside the call */
    assert_true(tg_loop_until(&f->loop, is_told, f, 60000));
    f->told = false;
}

static inline void keep_error(struct fixture *f, const struct tg_err *err)
{
    f->told = true;
    f->code = err ? err->code : 0;
    (void)snprintf(f->text, sizeof f->text, "%s", err ? err->text : "");
}

static inline void on_done(const char *number, enum application_state s, const struct tg_err *err,
                           void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->state = s;
    (void)snprintf(f->number, sizeof f->number, "%s", number);
}

static inline void on_count(int64_t n, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->number_of = n;
}

static inline void on_show(const struct application_detail *d, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    tg_buf_reset(&f->printed);
    if (!d) return;
    struct tg_jw w;
    tg_jw_init(&w, &f->printed);
    tg_jw_begin_object(&w);
    application_print_detail(&w, d);
    tg_jw_end(&w);
}

static inline const char *number(int i)
{
    static char text[TG_NUMBER];
    tg_number_print((struct tg_number){26, (uint32_t)i}, text);
    return text;
}

static inline const char *shown(struct fixture *f, int i)
{
    application_show(f->db, number(i), on_show, f);
    wait_told(f);
    if (f->code) fail_msg("%s", f->text);
    return tg_buf_text(&f->printed);
}

static inline int run(struct fixture *f, struct db_unit *u)
{
    tg_err_clear(&f->err);
    return testdb_wait(&f->loop, u, NULL, NULL, &f->err);
}

static inline void must(struct fixture *f, struct db_unit *u)
{
    if (run(f, u) < 0) fail_msg("%s", f->err.text);
}

static inline void prepare(struct fixture *f, int i)
{
    uint8_t spki[TG_SHA256];
    tg_sha256(&i, sizeof i, spki);
    const struct application_prepared p = {.step = {.id = i,
                                                    .rev = 1,
                                                    .from = APPLICATION_DRAFTED,
                                                    .to = APPLICATION_PREPARED,
                                                    .now = NOW,
                                                    .actor = "agent:x",
                                                    .waits_for = APPLICATION_WAITS_APPROVER},
                                           .attempt = 1,
                                           .agent_id = 1,
                                           .consent = APPLICATION_CONSENT_KEY,
                                           .app = {"{}", 2},
                                           .csr = {"csr", 3},
                                           .cms = {"cms", 3},
                                           .spki_sha256 = spki,
                                           .flags = "subject-changed weak-old-key"};
    struct db_unit *u = db_unit_new(f->db, "prepare");
    application_add_prepared(u, &p);
    must(f, u);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
