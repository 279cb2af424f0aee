/* The world of seal_world in a database. */
#include "flow_in.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "policy/policy.h"

enum { WAIT_MS = 60 * 1000 };

/* --- the database of the world --- */

static char *hex_of(const void *bytes, size_t len)
{
    char *hex = tg_calloc(2 * len + 1, 1);
    tg_hex(bytes, len, hex);
    return hex;
}

static void exec(struct flow *f, char *sql)
{
    testdb_exec(&f->t, sql);
    free(sql);
}

static void add_certificate(struct flow *f, const struct tg_cert *cert, long long holder)
{
    const struct tg_cert_facts *c = tg_cert_facts(cert);
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    TG_AUTO(mem) char *sha = hex_of(c->sha256, TG_SHA256);
    TG_AUTO(mem) char *spki = hex_of(c->spki_sha256, TG_SHA256);
    TG_AUTO(mem) char *bytes = hex_of(der, len);
    exec(f,
         tg_printf(
             "INSERT INTO certificate (not_before, not_after, first_seen, holder_id, issuer_id, "
             "department_id, jitter, key_bits, decodable, weak, sha256, spki_sha256, ski, serial, "
             "key_algorithm, signature_algorithm, subject, cn)"
             " VALUES (to_timestamp(%lld), to_timestamp(%lld), to_timestamp(%lld), %lld, 1, 1, 7, "
             "256, true, false, '\\x%s', '\\x%s', '\\x%.40s', '%s', 'ec-p256', 'ecdsa-sha256', "
             "'%s', '%s');"
             "INSERT INTO certificate_der SELECT id, '\\x%s' FROM certificate WHERE sha256 = "
             "'\\x%s'",
             (long long)c->not_before, (long long)c->not_after, (long long)f->w.now, holder, sha,
             spki, sha, c->serial, c->subject, c->cn, bytes, sha));
}

static void add_employee(struct flow *f, size_t i)
{
    const struct tg_leaf *l = &f->w.apps[i].leaf;
    long long n = (long long)i + 1, now = (long long)f->w.now;
    exec(f,
         tg_printf("INSERT INTO holder (number, name, department_id, changed_at) VALUES ('%s', "
                   "'%s', 1, to_timestamp(%lld));"
                   "INSERT INTO workstation (name, first_seen) VALUES ('%s', to_timestamp(%lld));"
                   "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, "
                   "changed_at) VALUES ('%s', %lld, sha256('%s'), 2, to_timestamp(%lld), "
                   "to_timestamp(%lld));"
                   "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, "
                   "first_seen, last_seen) VALUES (%lld, 1, 1, 1, '/home/%s/key.p12', '%s', "
                   "to_timestamp(%lld), to_timestamp(%lld))",
                   l->holder, l->name, now, l->host, now, l->agent, n, l->agent, now, now, n,
                   l->holder, l->holder, now, now));
    add_certificate(f, f->w.apps[i].old, n);
    exec(f,
         tg_printf("INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, "
                   "last_seen) VALUES (%lld, %lld, true, to_timestamp(%lld), to_timestamp(%lld))",
                   n, n, now, now));
}

static void add_drafts(struct flow *f)
{
    long long now = (long long)f->w.now, n = (long long)f->w.count;
    exec(f, tg_printf(
                "INSERT INTO application_event (id, at, count, first_sequence, last_sequence, "
                "year, from_state, to_state, actor)"
                " VALUES (nextval('application_event_id_seq'), to_timestamp(%lld), %lld, 4217, "
                "4216 + %lld, 26, 0, 1, 'planner');"
                "INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, ends, "
                "drafted_at, changed_at, policy_id, sequence, year, kind, days, algorithm, "
                "waits_for)"
                " SELECT c.id, c.id, c.id, currval('application_event_id_seq'), c.not_after, "
                "to_timestamp(%lld), to_timestamp(%lld), 1, 4216 + c.id, 26, 1, 365, 1, 4"
                " FROM certificate c ORDER BY c.id;"
                "INSERT INTO job (run_at, made_at, subject, agent_id, kind)"
                " SELECT to_timestamp(%lld), to_timestamp(%lld), id, id, 2 FROM application ORDER "
                "BY id",
                now, n, n, now, now, now, now));
}

static void populate(struct flow *f)
{
    exec(f, tg_printf("INSERT INTO department (name) VALUES ('Finance \"A\"');"
                      "INSERT INTO issuer (name, subject_der) VALUES ('CN=Alatau Issuing CA', 'a');"
                      "INSERT INTO policy_version (hash, name, rule, at, ca, confirm, recall_s, "
                      "archive_after_s) VALUES (sha256('rule'), '" SEAL_WORLD_POLICY
                      "', '{}', to_timestamp(%lld), 'corporate', true, 0, 604800)",
                      (long long)f->w.now));
    for (size_t i = 0; i < f->w.count; i++)
        add_employee(f, i);
    add_drafts(f);
}

/* --- ports --- */

static void port_bundle(void *ctx, const char *number, dispatch_bytes_fn fn, void *data)
{
    approval_bundle(((struct flow *)ctx)->approval, number, fn, data);
}

static const struct tg_trust_chain *port_chain(void *ctx)
{
    return approval_chain(((struct flow *)ctx)->approval);
}

static const char *port_issuer(void *ctx, const char *connector)
{
    struct flow *f = ctx;
    return strcmp(connector, "corporate") == 0 && !f->no_issuer ? f->w.issuer.spki : NULL;
}

static const struct policy_set *port_policies(void *ctx)
{
    return ((struct flow *)ctx)->policies;
}

static void on_news(int64_t agent_id, void *data)
{
    (void)agent_id;
    ((struct flow *)data)->news++;
}

/* --- life --- */

static bool is_told(void *data)
{
    return ((struct flow *)data)->told;
}

static bool is_ready(void *data)
{
    return approval_ready(((struct flow *)data)->approval);
}

int flow_wait(struct flow *f)
{
    if (!tg_loop_until(&f->loop, is_told, f, WAIT_MS)) fail_msg("nobody answered");
    f->told = false;
    return f->err.code;
}

void flow_begin(struct flow *f)
{
    tg_err_clear(&f->err);
    tg_buf_reset(&f->bytes);
    f->told = false;
}

void flow_tell(struct flow *f, const struct tg_err *err)
{
    if (err) f->err = *err;
    f->told = true;
}

void flow_init(struct flow *f, size_t count, bool with_trust)
{
    static const struct dispatch_ports ports = {.bundle = port_bundle,
                                                .chain = port_chain,
                                                .issuer_spki = port_issuer,
                                                .policies = port_policies};
    *f = (struct flow){.bytes = TG_BUF(256 * 1024 * 1024), .batch = FLOW_BATCH};
    seal_world_init(&f->w, count);
    testdb_open(&f->t);
    tg_clock_manual_init(&f->clock, f->w.now);
    assert_int_equal(tg_loop_init(&f->loop, &f->clock.clock, &f->err), 0);
    populate(f);
    f->db = testdb_pool(&f->t, &f->loop, 0);
    f->approval = approval_new(f->db, NULL);
    struct dispatch_ports with = ports;
    with.ctx = f;
    f->dispatch = dispatch_new(f->db, &with);
    dispatch_on_news(f->dispatch, on_news, f);
    assert_true(tg_loop_until(&f->loop, is_ready, f, WAIT_MS));
    if (!with_trust) return;
    assert_int_equal(flow_publish(f), 0);
    testdb_exec(&f->t, "DELETE FROM job WHERE kind = 7"); /* its news to the agents */
}

static void on_closed(void *data)
{
    flow_tell(data, NULL);
}

void flow_done(struct flow *f)
{
    flow_begin(f);
    dispatch_close(f->dispatch, on_closed, f);
    (void)flow_wait(f);
    approval_close(f->approval, on_closed, f);
    (void)flow_wait(f);
    testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    policy_free(f->policies);
    tg_buf_done(&f->bytes);
    seal_world_done(&f->w);
}

/* --- the CA's part --- */

static void move(struct flow *f, size_t i, int from, int to)
{
    long long id = (long long)i + 1, now = (long long)f->w.now;
    exec(f, tg_printf("WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"
                      " m AS (UPDATE application a SET state = %d, rev = rev + 1, event_id = e.id "
                      "FROM "
                      "e WHERE a.id = %lld AND a.state = %d RETURNING a.id, a.rev)"
                      " INSERT INTO application_event (id, at, application_id, rev, count, "
                      "from_state, to_state, actor)"
                      " SELECT e.id, to_timestamp(%lld), m.id, m.rev, 1, %d, %d, 'issue' FROM e, m",
                      to, id, from, now, from, to));
}

void flow_issue(struct flow *f, size_t i)
{
    long long id = (long long)i + 1, now = (long long)f->w.now;
    size_t len;
    const uint8_t *der = tg_cert_der(f->w.issuer.cert, &len);
    TG_AUTO(mem) char *chain = hex_of(der, len);
    TG_AUTO(mem) char *sha = hex_of(tg_cert_facts(f->w.apps[i].cert)->sha256, TG_SHA256);
    assert_int_equal(flow_state(f, i), 4);
    exec(f, tg_printf("INSERT INTO ca_request (application_id, attempt, connector, reference, at) "
                      "VALUES (%lld, 1, 'corporate', 'r%lld', to_timestamp(%lld))",
                      id, id, now));
    move(f, i, 4, 5);
    add_certificate(f, f->w.apps[i].cert, id);
    exec(f, tg_printf("INSERT INTO certificate_chain (sha256, ders) VALUES (sha256('\\x%s'), "
                      "ARRAY['\\x%s'::bytea]) ON CONFLICT DO NOTHING;"
                      "INSERT INTO application_issue SELECT %lld, c.id, q.id, h.id, "
                      "to_timestamp(%lld) FROM certificate c, ca_request q, certificate_chain h "
                      "WHERE c.sha256 = '\\x%s' AND q.application_id = %lld",
                      chain, chain, id, now, sha, id));
    move(f, i, 5, 6);
    exec(f,
         tg_printf("INSERT INTO job (run_at, made_at, subject, kind) VALUES (to_timestamp(%lld), "
                   "to_timestamp(%lld), %lld, 23)",
                   now, now, id));
}

/* --- questions --- */

char *flow_number(struct flow *f, size_t i)
{
    return f->w.apps[i].leaf.no;
}

int64_t flow_count(struct flow *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

int64_t flow_state(struct flow *f, size_t i)
{
    TG_AUTO(mem)
    char *sql = tg_printf("SELECT state FROM application WHERE id = %lld", (long long)i + 1);
    return testdb_number(&f->t, sql);
}
