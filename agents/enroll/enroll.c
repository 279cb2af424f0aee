/* Enrolment, step by step. */
#include "agent/enroll.h"

#include <string.h>

#include "agent/state.h"
#include "agent/trust.h"
#include "base/limits.h"
#include "base/str.h"

enum { CALL_MS = 30 * 1000, POLL_MS = 2000, POLL_MAX_MS = 60 * 1000, SIGNED_MAX = 256 };

struct enrolling {
    const struct agent_enroll *e;
    struct agent_identity *id;
    struct agent_trust *trust;
    struct tg_secret key;
};

static bool is_field(const char *text, size_t len)
{
    return len >= 1 && len <= 64 &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") >= len;
}

int agent_token_realm(const char *token, char ret[TG_HEX256], struct tg_err *err)
{
    const char *id = tg_starts(token, "tamga1.") ? token + 7 : NULL;
    const char *dot = id ? strchr(id, '.') : NULL;
    const char *dot2 = dot ? strchr(dot + 1, '.') : NULL;
    if (!dot2 || !is_field(id, (size_t)(dot - id)) ||
        !is_field(dot + 1, (size_t)(dot2 - dot - 1)) || !tg_is_hex(dot2 + 1, 64))
        return TG_FAIL(err, TG_E_INPUT,
                       "token: tamga1.ID.SECRET.REALM is expected, as `tamga agents token` prints "
                       "it");
    (void)tg_copy(ret, TG_HEX256, dot2 + 1);
    return 0;
}

static struct tg_client_opts options(const struct enrolling *n, enum tg_client_trust trust)
{
    return (struct tg_client_opts){.trust = trust,
                                   .url = n->e->server,
                                   .cert = n->id->cert.data,
                                   .cert_len = n->id->cert.len,
                                   .key = n->key.data,
                                   .key_len = n->key.len};
}

/* The first connection knows no key of the server; the documents that it brings must hash to the
 * token's realm, and then they must name the very key that brought them. */
static int fetch_trust(struct enrolling *n, struct tg_err *err)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_client_opts o = options(n, TG_CLIENT_ANY);
    struct tg_client_call call = {.method = "GET",
                                  .path = "/agent/v1/trust?after=0",
                                  .total_ms = CALL_MS,
                                  .max_response = TG_MAX_MESSAGE};
    int rc = tg_client_call(&o, &call, err);
    if (rc == 0) rc = agent_answer(&call, TG_WIRE_TRUST, &m, err);
    if (rc == 0) rc = agent_trust_take(n->trust, tg_wire_body(m, TG_WIRE_TRUST), err);
    if (rc == 0 && (!call.server_known || !agent_trust_has_server(n->trust, call.server_spki)))
        rc = TG_FAIL(err, TG_E_UNTRUSTED,
                     "%s: its key is not a `server:` of trust version %u; is this the right "
                     "server?",
                     n->e->server, agent_trust_version(n->trust));
    tg_client_call_done(&call);
    return rc;
}

/* TRUST §5.3: the signature binds key, token and this very connection. */
static int make_request(struct tg_client_call *call, const uint8_t *exporter, struct tg_buf *ret,
                        struct tg_err *err)
{
    struct enrolling *n = call->data;
    TG_AUTO(buf) struct tg_buf csr = TG_BUF(TG_MAX_CSR);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(SIGNED_MAX);
    TG_AUTO(buf) struct tg_buf signature = TG_BUF(1024);
    if (!exporter) return TG_FAIL(err, TG_E_NETWORK, "the connection has no TLS exporter");
    tg_wire_enroll_text(exporter, &text);
    TG_TRY(tg_buf_ok(&text, err));
    TG_TRY(agent_identity_request(n->e->dir, n->id->host, &csr, err));
    TG_TRY(agent_identity_sign(n->e->dir, text.data, text.len, &signature, err));
    char *token = tg_strdup(n->e->token);
    char version[] = TAMGA_VERSION;
    struct tg_wire_enroll body = {.token = token,
                                  .host = n->id->host,
                                  .version = version,
                                  .csr = {csr.data, csr.len},
                                  .signature = {signature.data, signature.len}};
    tg_wire_print(TG_WIRE_ENROLL, 0, &body, ret);
    tg_wipe(token, strlen(token));
    free(token);
    return 0;
}

static int post(struct enrolling *n, struct tg_err *err)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    uint8_t pins[TG_TRUST_KEYS][TG_SHA256];
    struct tg_client_opts o = options(n, TG_CLIENT_PINS);
    o.pins = (const uint8_t(*)[TG_SHA256])pins;
    o.pin_count = agent_trust_pins(n->trust, pins);
    struct tg_client_call call = {.method = "POST",
                                  .path = "/agent/v1/enroll",
                                  .body_fn = make_request,
                                  .data = n,
                                  .total_ms = CALL_MS};
    int rc = tg_client_call(&o, &call, err);
    if (rc == 0) rc = agent_answer(&call, TG_WIRE_IDENTITY, &m, err);
    if (rc == 0) rc = agent_identity_take(n->id, n->e->dir, tg_wire_body(m, TG_WIRE_IDENTITY), err);
    tg_client_call_done(&call);
    return rc;
}

/* The same key asked again gets the same answer, with today's status. A server that is away for a
 * moment does not end the waiting. */
static int wait_accepted(struct enrolling *n, struct tg_err *err)
{
    const struct agent_enroll *e = n->e;
    unsigned pause = e->poll_ms ? e->poll_ms : POLL_MS;
    uint64_t until = tg_clock_mono_ms(e->clock) + e->wait_ms;
    if (n->id->pending && e->on_pending) e->on_pending(n->id->agent, e->data);
    while (n->id->pending && tg_clock_mono_ms(e->clock) + pause < until) {
        agent_pause(pause / 2 + tg_random_below(pause / 2 + 1));
        int rc = post(n, err);
        if (rc < 0 && tg_code_next(rc) != TG_NEXT_RETRY) return rc;
        pause = pause * 2 < POLL_MAX_MS ? pause * 2 : POLL_MAX_MS;
    }
    return 0;
}

static int check_arguments(const struct agent_enroll *e, char realm[TG_HEX256], struct tg_err *err)
{
    TG_TRY(agent_token_realm(e->token, realm, err));
    if (!agent_host_valid(e->host))
        return TG_FAIL(err, TG_E_INPUT,
                       "host \"%.80s\": 1 to 63 of a-z 0-9 . - are expected; give one by --host",
                       e->host);
    return agent_state_make(e->dir, err);
}

/* A folder that belongs to one realm stays there: its trust is never replaced by another root. */
static int check_realm(const char *dir, const char *realm, struct tg_err *err)
{
    TG_AUTO(agent_identity) struct agent_identity *old = NULL;
    struct tg_err ignored = {0};
    if (agent_identity_load(dir, &old, &ignored) < 0 || strcmp(old->realm, realm) == 0) return 0;
    return TG_FAIL(err, TG_E_UNTRUSTED,
                   "%s: enrolled in realm %.16s..., the token is of %.16s...; use another --state",
                   dir, old->realm, realm);
}

int agent_enroll(const struct agent_enroll *e, struct agent_identity **ret, struct tg_err *err)
{
    char realm[TG_HEX256];
    struct enrolling n = {.e = e};
    TG_TRY(check_arguments(e, realm, err));
    TG_TRY(check_realm(e->dir, realm, err));
    int rc = agent_trust_open(e->dir, realm, &n.trust, err);
    if (rc == 0)
        rc = agent_identity_begin(e->dir, e->server, e->host, realm, tg_clock_wall(e->clock), &n.id,
                                  err);
    if (rc == 0) rc = agent_identity_key(e->dir, &n.key, err);
    if (rc == 0) rc = fetch_trust(&n, err);
    if (rc == 0) rc = post(&n, err);
    if (rc == 0) rc = wait_accepted(&n, err);
    if (rc == 0) *ret = TG_TAKE(n.id);
    agent_identity_free(n.id);
    agent_trust_free(n.trust);
    tg_secret_done(&n.key);
    return rc;
}
