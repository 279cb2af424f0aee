/* The handshake of a connection, and what happens between connections. */
#include <string.h>

#include "agent/backoff.h"
#include "agent/enroll.h"
#include "agent/state.h"
#include "base/log.h"
#include "base/str.h"
#include "link_in.h"

enum { PENDING_FAILURES = 7 }; /* at most 64 s */

#define TO(s) TG_SM_TO(LINK_##s)
static const struct tg_sm_state states[LINK_STATES] = {
    [LINK_OFF] = {"off", TO(HELLO) | TO(CLOSED)},
    [LINK_HELLO] = {"hello", TO(RENEW) | TO(TRUST) | TO(WAIT) | TO(CLOSED)},
    [LINK_RENEW] = {"renew", TO(TRUST) | TO(WAIT) | TO(CLOSED)},
    [LINK_TRUST] = {"trust", TO(LIVE) | TO(WAIT) | TO(CLOSED)},
    [LINK_LIVE] = {"live", TO(WAIT) | TO(CLOSED)},
    [LINK_WAIT] = {"wait", TO(HELLO) | TO(FETCH) | TO(CLOSED)},
    [LINK_FETCH] = {"fetch", TO(HELLO) | TO(WAIT) | TO(CLOSED)},
    [LINK_CLOSED] = {"closed", 0},
};

static void begin(struct agent_link *l);

enum link_state link_now(const struct agent_link *l)
{
    return (enum link_state)l->sm.now;
}

void link_move(struct agent_link *l, enum link_state to)
{
    tg_sm_move(&l->sm, (int)to);
}

bool agent_link_live(const struct agent_link *l)
{
    return link_now(l) == LINK_LIVE && l->live_at != 0;
}

const char *agent_link_why(const struct agent_link *l)
{
    return agent_link_live(l) ? "" : l->why.text;
}

int64_t agent_link_since(const struct agent_link *l)
{
    return l->since;
}

static void on_wait_over(struct tg_deadline *d, void *data)
{
    (void)d;
    begin(data);
}

/* A connection that stood for a minute was a good one: the next failure is the first. */
static void count_failure(struct agent_link *l)
{
    int64_t stood = l->live_at ? tg_loop_wall(l->o.loop) - l->live_at : 0;
    l->failures = stood >= 60 ? 1 : l->failures + 1;
    l->live_at = 0;
    l->since = tg_loop_wall(l->o.loop);
}

void link_lost(struct agent_link *l, const struct tg_err *err)
{
    if (l->closing || link_now(l) == LINK_WAIT) return;
    l->why = *err;
    l->refetch = err->code == TG_E_UNTRUSTED && link_now(l) != LINK_FETCH;
    count_failure(l);
    /* Who waits to be accepted asks every minute or so: a person is at work on it. */
    bool pending = l->o.identity->pending && l->failures > PENDING_FAILURES;
    uint32_t wait_ms = agent_backoff_ms(pending ? PENDING_FAILURES : l->failures, l->asked_ms);
    link_move(l, LINK_WAIT);
    if (l->streaming) tg_client_cancel(&l->stream);
    if (l->posting) tg_client_cancel(&l->post);
    tg_deadline_stop(&l->resend);
    tg_log(TG_LOG_WARN, "link", "lost", "code=%s why=%s again_ms=%u", tg_code_word(err->code),
           tg_q(err->text), wait_ms);
    tg_deadline_start(&l->timer, wait_ms, on_wait_over);
}

static void on_client_closed(void *data)
{
    struct agent_link *l = data;
    l->open--;
    link_ended(l);
}

static int make_client(struct agent_link *l, enum tg_client_trust trust, struct tg_err *err)
{
    uint8_t pins[TG_TRUST_KEYS][TG_SHA256];
    TG_AUTO(secret) struct tg_secret key = {0};
    struct tg_client_opts o = {.trust = trust,
                               .url = l->server,
                               .cert = l->o.identity->cert.data,
                               .cert_len = l->o.identity->cert.len,
                               .pins = (const uint8_t(*)[TG_SHA256])pins,
                               .pin_count = agent_trust_pins(l->o.trust, pins),
                               .keepalive_s = l->keepalive_s};
    if (trust == TG_CLIENT_ANY) o.pin_count = 0;
    TG_TRY(agent_identity_key(l->dir, &key, err));
    o.key = key.data;
    o.key_len = key.len;
    if (l->client) tg_client_close(l->client, on_client_closed, l);
    l->client = NULL;
    TG_TRY(tg_client_new(&l->o.loop->uv, &o, &l->client, err));
    l->open++;
    return 0;
}

static int start_ask(struct agent_link *l, const char *method, const char *path,
                     void (*on_done)(struct tg_client_call *), struct tg_err *err)
{
    TG_CHECK(!l->asking);
    (void)tg_copy(l->path, sizeof l->path, path);
    l->ask = (struct tg_client_call){.method = method,
                                     .path = l->path,
                                     .body = l->ask_body.data,
                                     .body_len = l->ask_body.len,
                                     .on_done = on_done,
                                     .data = l,
                                     .total_ms = LINK_CALL_MS,
                                     .max_response = TG_MAX_MESSAGE};
    TG_TRY(tg_client_start(l->client, &l->ask, err));
    l->asking = true;
    return 0;
}

/* Every answer of the handshake comes through here. */
static int answered(struct agent_link *l, enum tg_wire_type type, struct tg_wire_message **ret,
                    struct tg_err *err)
{
    l->asking = false;
    int rc = agent_answer(&l->ask, type, ret, err);
    if (l->ask.retry_after_s > 0) l->asked_ms = l->ask.retry_after_s * 1000;
    tg_client_call_done(&l->ask);
    tg_buf_done(&l->ask_body);
    return rc;
}

static int open_stream(struct agent_link *l, struct tg_err *err)
{
    TG_TRY(link_stream_start(l, err));
    link_move(l, LINK_LIVE);
    return 0;
}

static int take_trust(struct agent_link *l, const struct tg_wire_trust *said, struct tg_err *err)
{
    uint8_t pins[TG_TRUST_KEYS][TG_SHA256];
    TG_TRY(agent_trust_take(l->o.trust, said, err));
    size_t n = agent_trust_pins(l->o.trust, pins);
    return tg_client_set_pins(l->client, (const uint8_t(*)[TG_SHA256])pins, n, err);
}

static void on_trust(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    int rc = answered(l, TG_WIRE_TRUST, &m, &err);
    if (l->closing) {
        link_ended(l);
        return;
    }
    if (rc == 0) rc = take_trust(l, tg_wire_body(m, TG_WIRE_TRUST), &err);
    if (rc == 0) rc = open_stream(l, &err);
    if (rc < 0) link_lost(l, &err);
}

static int ask_trust(struct agent_link *l, struct tg_err *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/agent/v1/trust?after=%u", agent_trust_version(l->o.trust));
    link_move(l, LINK_TRUST);
    return start_ask(l, "GET", path, on_trust, err);
}

static void on_renewed(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    int rc = answered(l, TG_WIRE_IDENTITY, &m, &err);
    if (l->closing) {
        link_ended(l);
        return;
    }
    if (rc == 0)
        rc = agent_identity_take(l->o.identity, l->dir, tg_wire_body(m, TG_WIRE_IDENTITY), &err);
    l->stale = rc == 0;
    if (rc < 0) tg_log_err(TG_LOG_WARN, "link", "renew", &err); /* half a life is left to try */
    if (ask_trust(l, &err) < 0) link_lost(l, &err);
}

static int ask_renewal(struct agent_link *l, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf csr = TG_BUF(TG_MAX_CSR);
    TG_TRY(agent_identity_request(l->dir, l->o.identity->agent, &csr, err));
    struct tg_wire_renew body = {.csr = {csr.data, csr.len}};
    tg_wire_print(TG_WIRE_RENEW, 0, &body, &l->ask_body);
    link_move(l, LINK_RENEW);
    return start_ask(l, "POST", "/agent/v1/renew", on_renewed, err);
}

static void take_welcome(struct agent_link *l, const struct tg_wire_welcome *w)
{
    int64_t within = w->reconnect_s < 0 ? 0 : w->reconnect_s > 3600 ? 3600 : w->reconnect_s;
    unsigned keep = w->keepalive_s < 10 || w->keepalive_s > 3600 ? 60 : (unsigned)w->keepalive_s;
    l->asked_ms = (uint32_t)within * 1000;
    if (keep != l->keepalive_s) l->stale = true; /* of the next connection */
    l->keepalive_s = keep;
    if (!l->o.identity->pending) return;
    struct tg_err err = {0};
    l->o.identity->pending = false; /* who is not accepted is not welcome */
    if (agent_identity_save(l->o.identity, l->dir, &err) < 0)
        tg_log_err(TG_LOG_WARN, "link", "save", &err);
}

static void on_hello(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    int rc = answered(l, TG_WIRE_WELCOME, &m, &err);
    if (l->closing) {
        link_ended(l);
        return;
    }
    if (rc == 0) {
        take_welcome(l, tg_wire_body(m, TG_WIRE_WELCOME));
        bool due = agent_identity_due(l->o.identity, tg_loop_wall(l->o.loop));
        rc = due ? ask_renewal(l, &err) : ask_trust(l, &err);
    }
    if (rc < 0) link_lost(l, &err);
}

static int say_hello(struct agent_link *l, struct tg_err *err)
{
    struct tg_wire_int speaks[] = {{1}};
    char version[] = TAMGA_VERSION;
    struct tg_wire_hello body = {.agent = l->o.identity->agent,
                                 .host = l->o.identity->host,
                                 .version = version,
                                 .speaks = {speaks, TG_COUNT(speaks)}};
    link_move(l, LINK_HELLO);
    if (!l->client || l->stale) TG_TRY(make_client(l, TG_CLIENT_PINS, err));
    l->stale = false;
    tg_wire_print(TG_WIRE_HELLO, 0, &body, &l->ask_body);
    return start_ask(l, "POST", "/agent/v1/hello", on_hello, err);
}

/* Documents are signed by the roots, so it does not matter who brings them; the bringer is then
 * judged by them. */
static void on_fetched(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    bool known = call->server_known;
    int rc = answered(l, TG_WIRE_TRUST, &m, &err);
    if (l->closing) {
        link_ended(l);
        return;
    }
    l->stale = true; /* never another request over this client */
    if (rc == 0) rc = agent_trust_take(l->o.trust, tg_wire_body(m, TG_WIRE_TRUST), &err);
    if (rc == 0 && (!known || !agent_trust_has_server(l->o.trust, call->server_spki)))
        rc = TG_FAIL(&err, TG_E_UNTRUSTED, "%s: its key is not a `server:` of trust version %u",
                     l->server, agent_trust_version(l->o.trust));
    if (rc == 0) rc = say_hello(l, &err);
    if (rc < 0) link_lost(l, &err);
}

static int fetch(struct agent_link *l, struct tg_err *err)
{
    char path[64];
    l->refetch = false;
    link_move(l, LINK_FETCH);
    TG_TRY(make_client(l, TG_CLIENT_ANY, err));
    l->stale = true;
    (void)snprintf(path, sizeof path, "/agent/v1/trust?after=%u", agent_trust_version(l->o.trust));
    return start_ask(l, "GET", path, on_fetched, err);
}

static void begin(struct agent_link *l)
{
    struct tg_err err = {0};
    if (l->closing) return;
    if (l->streaming || l->posting) { /* a cancelled call has not ended yet */
        tg_deadline_start(&l->timer, 10, on_wait_over);
        return;
    }
    int rc = l->refetch ? fetch(l, &err) : say_hello(l, &err);
    if (rc < 0) link_lost(l, &err);
}

void agent_link_tick(struct agent_link *l)
{
    struct tg_err err = {0};
    if (link_now(l) != LINK_LIVE || !agent_identity_due(l->o.identity, tg_loop_wall(l->o.loop)))
        return;
    (void)TG_FAIL(&err, TG_E_CANCELLED, "half of the identity's life is over");
    link_lost(l, &err);
}

int agent_link_new(const struct agent_link_opts *opts, struct agent_link **ret, struct tg_err *err)
{
    struct agent_link *l = TG_NEW(struct agent_link);
    l->o = *opts;
    l->dir = tg_strdup(opts->dir);
    l->server = tg_strdup(opts->server);
    l->ask_body = TG_BUF(TG_MAX_MESSAGE);
    l->post_body = TG_BUF(TG_MAX_MESSAGE);
    l->line = TG_BUF(TG_MAX_MESSAGE);
    l->keepalive_s = 60;
    int rc = link_last_load(l, err);
    if (rc < 0) {
        free(l->dir);
        free(l->server);
        free(l);
        return rc;
    }
    tg_sm_init(&l->sm, "link", states, LINK_STATES);
    tg_deadline_init(&l->timer, opts->loop, l);
    tg_deadline_init(&l->resend, opts->loop, l);
    l->open = 2;
    *ret = l;
    return 0;
}

void agent_link_start(struct agent_link *l)
{
    begin(l);
}

/* The last of timers, clients and calls frees the rest. */
void link_ended(struct agent_link *l)
{
    if (!l->closing || l->open > 0 || l->asking || l->streaming || l->posting) return;
    void (*done)(void *) = l->done;
    void *data = l->done_data;
    tg_buf_done(&l->ask_body);
    tg_buf_done(&l->post_body);
    tg_buf_done(&l->line);
    free(l->dir);
    free(l->server);
    free(l);
    if (done) done(data);
}

static void on_timer_closed(struct tg_deadline *d, void *data)
{
    struct agent_link *l = data;
    (void)d;
    l->open--;
    link_ended(l);
}

void agent_link_close(struct agent_link *l, void (*done)(void *data), void *data)
{
    TG_CHECK(!l->closing);
    l->closing = true;
    l->done = done;
    l->done_data = data;
    link_move(l, LINK_CLOSED);
    if (l->client) tg_client_close(l->client, on_client_closed, l);
    l->client = NULL;
    tg_deadline_close(&l->timer, on_timer_closed);
    tg_deadline_close(&l->resend, on_timer_closed);
}
