/* doors_world: both doors on real listeners over flow_world's database, agents in every state, and
 * one question by a line. Test support: each program has its own copy. */
#pragma once

#include "agent_api/agent_api.h"
#include "api/api.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/times.h"
#include "ca/identity.h"
#include "fleet/fleet.h"
#include "flow_world/flow_world.h"
#include "nettest/nettest.h"
#include "temp_dir.h"
#include "x509/csr.h"
#include "x509/key.h"
#include "x509/pem.h"

/* The employees' agents 0 to 4. */
enum { ACTIVE, PENDING, BANNED, REPLACED, EXPIRED, DOORS_AGENTS };
enum doors_door { API, AGENTS, LOCAL };

struct doors_who {
    enum doors_door door;
    const struct nettest_id *id; /* NULL: no certificate */
};

struct doors {
    struct flow f;
    char dir[64], sock[96], token[FLEET_TOKEN];
    struct nettest_id server_id, stranger, ceo, agents[DOORS_AGENTS];
    struct ca_identity *identity;
    struct fleet *fleet;
    struct agent_api *agent_api;
    struct api *api;
    struct tg_server *server;
    uint16_t api_port, agents_port;
    bool bend_exporter;
    const struct nettest_id *enrol_key; /* of the CSR, where it is not the connection's */
    const char *host;
    bool gone; /* a client or the server */
    char answer[4096];
};

static inline bool doors_flag(void *data)
{
    return *(bool *)data;
}

static inline void doors_raise(void *data)
{
    *(bool *)data = true;
}

static inline void doors_turn(struct doors *d, bool *flag)
{
    if (!tg_loop_until(&d->f.loop, doors_flag, flag, 20000)) fail_msg("nobody answered");
}

/* --- one question --- */

struct doors_talk {
    struct tg_client *client;
    struct tg_client_call call;
    const struct doors_who *who;
    struct doors *d;
    char url[64];
    bool opened, done;
};

static inline void doors_talk_done(struct tg_client_call *call)
{
    ((struct doors_talk *)call->data)->done = true;
}

static inline void doors_talk_opened(struct tg_client_call *call)
{
    ((struct doors_talk *)call->data)->opened = true;
}

static inline void doors_start(struct doors *d, struct doors_talk *t, const struct doors_who *who)
{
    struct tg_err err = {0};
    struct tg_client_opts o = {.trust = TG_CLIENT_ANY, .url = t->url, .proxy = ""};
    t->who = who;
    t->d = d;
    (void)snprintf(t->url, sizeof t->url, "https://127.0.0.1:%u",
                   who->door == API ? d->api_port : d->agents_port);
    if (who->door == LOCAL) o = (struct tg_client_opts){.unix_path = d->sock};
    if (who->id) {
        o.cert = who->id->cert.data;
        o.cert_len = who->id->cert.len;
        o.key = who->id->key_pem.data;
        o.key_len = who->id->key_pem.len;
    }
    t->call.on_done = doors_talk_done;
    t->call.data = t;
    if (tg_client_new(&d->f.loop.uv, &o, &t->client, &err) < 0 ||
        tg_client_start(t->client, &t->call, &err) < 0)
        fail_msg("%s", err.text);
}

static inline void doors_hang_up(struct doors *d, struct doors_talk *t)
{
    d->gone = false;
    tg_client_close(t->client, doors_raise, &d->gone);
    doors_turn(d, &d->gone);
    tg_client_call_done(&t->call);
}

/* The answer's status; its body is in d->answer. */
static inline int doors_finish(struct doors *d, struct doors_talk *t)
{
    doors_turn(d, &t->done);
    (void)snprintf(d->answer, sizeof d->answer, "%.*s", (int)t->call.response.len,
                   t->call.response.data ? (const char *)t->call.response.data : "");
    int status = t->call.status;
    if (!status) fail_msg("%s", t->call.err.text);
    doors_hang_up(d, t);
    return status;
}

static inline int doors_ask(struct doors *d, const struct doors_who *who, const char *method,
                            const char *path, const void *body, size_t len)
{
    struct doors_talk t = {
        .call = {.method = method, .path = path, .body = body, .body_len = len, .total_ms = 15000}};
    doors_start(d, &t, who);
    return doors_finish(d, &t);
}

static inline int doors_swallow(struct tg_client_call *call, const void *bytes, size_t len)
{
    (void)call, (void)bytes, (void)len;
    return 0;
}

/* An event stream that stays open. */
static inline void doors_open(struct doors *d, struct doors_talk *t, const struct doors_who *who,
                              const char *path)
{
    *t = (struct doors_talk){.call = {.method = "GET",
                                      .path = path,
                                      .on_data = doors_swallow,
                                      .on_open = doors_talk_opened}};
    doors_start(d, t, who);
    doors_turn(d, &t->opened);
    assert_int_equal(t->call.status, 200);
    assert_false(t->done);
}

static inline void doors_ended(struct doors *d, struct doors_talk *t)
{
    doors_turn(d, &t->done);
    doors_hang_up(d, t);
}

/* --- enrolment --- */

static inline void doors_on_token(const char *token, bool group, int64_t expires,
                                  const struct tg_err *err, void *data)
{
    struct doors *d = data;
    (void)group, (void)expires;
    if (err) fail_msg("%s", err->text);
    (void)snprintf(d->token, sizeof d->token, "%s", token);
    d->gone = true;
}

static inline void doors_token(struct doors *d, const char *host)
{
    d->gone = false;
    fleet_token(d->fleet,
                &(struct fleet_token_spec){.workstation = host,
                                           .realm = approval_realm(d->f.approval),
                                           .actor = "administrator:uid-0",
                                           .now = d->f.w.now},
                doors_on_token, d);
    doors_turn(d, &d->gone);
}

static inline int doors_enrol_body(struct tg_client_call *call, const uint8_t *exporter,
                                   struct tg_buf *ret, struct tg_err *err)
{
    const struct doors_talk *t = call->data;
    const struct doors *d = t->d;
    const struct nettest_id *id = d->enrol_key ? d->enrol_key : t->who->id;
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf)
    struct tg_buf csr = TG_BUF(TG_MAX_CSR), text = TG_BUF(256), signature = TG_BUF(1024);
    uint8_t bytes[TG_TLS_EXPORTER];
    memcpy(bytes, exporter, sizeof bytes);
    if (d->bend_exporter) bytes[0] ^= 1;
    tg_wire_enroll_text(bytes, &text);
    TG_TRY(tg_key_from_pem(id->key_pem.data, id->key_pem.len, NULL, &key, err));
    TG_TRY(tg_csr_make_named(key, d->host, &csr, err));
    TG_TRY(tg_key_sign(key, text.data, text.len, &signature, err));
    char version[] = "test";
    struct tg_wire_enroll body = {.token = (char *)(uintptr_t)d->token,
                                  .host = (char *)(uintptr_t)d->host,
                                  .version = version,
                                  .csr = {csr.data, csr.len},
                                  .signature = {signature.data, signature.len}};
    tg_wire_print(TG_WIRE_ENROLL, 0, &body, ret);
    return 0;
}

static inline int doors_enrol(struct doors *d, const struct doors_who *who, const char *host)
{
    struct doors_talk t = {.call = {.method = "POST",
                                    .path = "/agent/v1/enroll",
                                    .body_fn = doors_enrol_body,
                                    .total_ms = 15000}};
    d->host = host;
    doors_start(d, &t, who);
    return doors_finish(d, &t);
}

static inline void doors_on_agent(const struct fleet_agent *agent, const struct tg_err *err,
                                  void *data)
{
    struct doors *d = data;
    (void)agent;
    if (err) d->f.err = *err;
    d->f.told = true;
}

/* --- the house --- */

static inline void doors_on_request(struct tg_request *req, void *data)
{
    struct doors *d = data;
    bool agent = tg_conn_listener(tg_request_conn(req)) == TG_LISTENER_AGENTS;
    if (agent)
        agent_api_on_request(d->agent_api, req);
    else
        api_on_request(d->api, req);
}

static inline size_t doors_limit_for(const struct tg_request *req, void *data)
{
    struct doors *d = data;
    bool agent = tg_conn_listener(tg_request_conn(req)) == TG_LISTENER_AGENTS;
    return agent ? agent_api_limit_for(d->agent_api, req) : api_limit_for(d->api, req);
}

static inline bool doors_disk_full(void *data)
{
    (void)data;
    return false;
}

static inline void doors_agents(struct doors *d)
{
    static const int states[DOORS_AGENTS] = {2, 1, 3, 4, 2};
    for (size_t i = 0; i < DOORS_AGENTS; i++) {
        char hex[TG_HEX256];
        int64_t ends = d->f.w.now + (i == EXPIRED ? 0 : CA_AGENT_DAYS * TG_DAY);
        nettest_id_make(&d->agents[i], "agent");
        tg_hex(d->agents[i].spki, TG_SHA256, hex);
        TG_AUTO(mem)
        char *sql = tg_printf("SET session_replication_role = replica;"
                              "UPDATE agent SET state = %d, spki_sha256 = '\\x%s', cert_not_after "
                              "= to_timestamp(%lld) WHERE id = %zu;"
                              "SET session_replication_role = DEFAULT",
                              states[i], hex, (long long)ends, i + 1);
        testdb_exec(&d->f.t, sql);
    }
}

static inline void doors_ceo(struct doors *d)
{
    struct tg_err err = {0};
    struct tg_buf pem = TG_BUF(8192);
    size_t len = 0;
    const uint8_t *der = tg_cert_der(d->f.w.ceo.cert, &len);
    d->ceo.cert = TG_BUF(16384);
    tg_pem_write("CERTIFICATE", der, len, &d->ceo.cert);
    assert_int_equal(tg_key_to_pem(d->f.w.ceo.key, NULL, 0, &pem, &err), 0);
    tg_secret_set(&d->ceo.key_pem, pem.data, pem.len);
    tg_buf_done(&pem);
}

static inline void doors_listen(struct doors *d)
{
    struct tg_err err = {0};
    struct tg_server_limits limits;
    struct tg_server_handlers handlers = {.on_request = doors_on_request,
                                          .limit_for = doors_limit_for,
                                          .data = d};
    struct tg_tls_identity id = {.cert = d->server_id.cert.data,
                                 .cert_len = d->server_id.cert.len,
                                 .pkey = d->server_id.key};
    SSL_CTX *agents = NULL, *api = NULL;
    tg_server_limits_default(&limits);
    limits.linger_ms = 100;
    d->server = tg_server_new(&d->f.loop.uv, &limits, &handlers);
    assert_int_equal(tg_tls_server_ctx(TG_TLS_AGENTS, &id, &agents, &err), 0);
    assert_int_equal(tg_tls_server_ctx(TG_TLS_API, &id, &api, &err), 0);
    assert_int_equal(tg_server_listen_tcp(d->server, "127.0.0.1", 0, agents, TG_LISTENER_AGENTS,
                                          &d->agents_port, &err),
                     0);
    assert_int_equal(tg_server_listen_tcp(d->server, "127.0.0.1", 0, api, TG_LISTENER_API,
                                          &d->api_port, &err),
                     0);
    assert_int_equal(tg_server_listen_unix(d->server, d->sock, 0666, &err), 0);
    tg_tls_ctx_free(agents);
    tg_tls_ctx_free(api);
}

static inline bool doors_ready(void *data)
{
    return fleet_ready(((struct doors *)data)->fleet);
}

static inline int doors_setup(void **state)
{
    struct doors *d = TG_NEW(struct doors);
    struct tg_err err = {0};
    flow_init(&d->f, DOORS_AGENTS, true);
    temp_dir(d->dir);
    (void)snprintf(d->sock, sizeof d->sock, "%s/api.sock", d->dir);
    nettest_id_make(&d->server_id, "127.0.0.1");
    nettest_id_make(&d->stranger, "stranger");
    doors_agents(d);
    doors_ceo(d);
    assert_int_equal(ca_identity_open(d->dir, d->f.w.now, &d->identity, &err), 0);
    d->fleet = fleet_new(d->f.db);
    assert_true(tg_loop_until(&d->f.loop, doors_ready, d, 20000));
    d->agent_api = agent_api_new(&(struct agent_api_rooms){.loop = &d->f.loop,
                                                           .db = d->f.db,
                                                           .fleet = d->fleet,
                                                           .dispatch = d->f.dispatch,
                                                           .approval = d->f.approval,
                                                           .identity = d->identity,
                                                           .disk_full = doors_disk_full});
    d->api = api_new(&(struct api_rooms){.loop = &d->f.loop,
                                         .db = d->f.db,
                                         .fleet = d->fleet,
                                         .approval = d->f.approval,
                                         .disk_full = doors_disk_full},
                     &(struct api_facts){0}, NULL, 0);
    doors_listen(d);
    *state = d;
    return 0;
}

static inline int doors_teardown(void **state)
{
    struct doors *d = *state;
    d->gone = false;
    agent_api_stop(d->agent_api);
    tg_server_stop(d->server, 1000, doors_raise, &d->gone);
    doors_turn(d, &d->gone);
    tg_server_free(d->server);
    agent_api_free(d->agent_api);
    api_free(d->api);
    d->gone = false;
    fleet_close(d->fleet, doors_raise, &d->gone);
    doors_turn(d, &d->gone);
    ca_identity_free(d->identity);
    for (size_t i = 0; i < DOORS_AGENTS; i++)
        nettest_id_done(&d->agents[i]);
    nettest_id_done(&d->ceo);
    nettest_id_done(&d->stranger);
    nettest_id_done(&d->server_id);
    temp_dir_remove(d->dir);
    flow_done(&d->f);
    free(d);
    return 0;
}
