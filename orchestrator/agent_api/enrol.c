/* trust, enroll, renew, hello: how an agent gets in and stays in (TRUST §5). */
#include <string.h>

#include "approval/approval.h"
#include "base/bytes.h"
#include "base/str.h"
#include "ca/identity.h"
#include "call.h"
#include "seal/chain.h"
#include "x509/cert.h"
#include "x509/csr.h"
#include "x509/key.h"

/* GET trust?after=N */
void agent_route_trust(struct agent_call *call)
{
    const struct tg_trust_chain *chain = approval_chain(call->api->rooms.approval);
    uint32_t versions = chain ? tg_trust_chain_version(chain) : 0;
    struct tg_wire_trust_item items[TG_SEAL_TRUST_MAX];
    struct tg_wire_item cms[TG_SEAL_TRUST_MAX][TG_SEAL_TRUST_CMS_MAX];
    struct tg_wire_trust body = {.realm =
                                     (char *)(uintptr_t)approval_realm(call->api->rooms.approval)};
    char text[16] = "";
    uint64_t after = 0;
    struct tg_err err = {0};
    if (tg_request_param(call->req, "after", text, sizeof text, &err) == 0 &&
        !tg_parse_u64(text, strlen(text), UINT32_MAX, &after))
        after = 0;
    for (uint32_t v = (uint32_t)after + 1;
         v <= versions && body.documents.count < TG_SEAL_TRUST_MAX; v++) {
        const struct tg_blob *ders = NULL;
        size_t n = tg_trust_chain_cms(chain, v, &ders), at = body.documents.count++;
        struct tg_blob doc = tg_trust_chain_text(chain, v);
        for (size_t i = 0; i < n; i++)
            cms[at][i].bytes =
                (struct tg_wire_blob){(uint8_t *)(uintptr_t)ders[i].data, ders[i].len};
        items[at] = (struct tg_wire_trust_item){.text = {(uint8_t *)(uintptr_t)doc.data, doc.len},
                                                .cms = {cms[at], n}};
    }
    body.documents.items = items;
    agent_answer(call, TG_WIRE_TRUST, &body);
}

/* What signing an identity needs; lives as the call's data until the answer. */
struct signing {
    struct ca_identity *identity;
    struct tg_csr *csr;
    int64_t now;
};

static int sign(void *ctx, const char *agent, const char *host, struct tg_buf *ret,
                int64_t *ret_not_after, struct tg_err *err)
{
    struct signing *s = ctx;
    return ca_identity_sign_agent(s->identity, s->csr, agent, host, s->now, ret, ret_not_after,
                                  err);
}

static void on_identity(const struct fleet_identity *identity, const struct tg_err *err, void *data)
{
    struct agent_call *call = data;
    struct signing *s = call->data;
    tg_csr_free(s->csr);
    if (err) {
        agent_refuse(call, err);
        return;
    }
    size_t len = 0;
    const uint8_t *ca = tg_cert_der(ca_identity_ca(s->identity), &len);
    struct tg_wire_item chain = {.bytes = {(uint8_t *)(uintptr_t)ca, len}};
    struct tg_wire_identity body = {
        .agent = (char *)(uintptr_t)identity->agent,
        .status = (char *)(uintptr_t)fleet_state_word(identity->state),
        .certificate = {(uint8_t *)(uintptr_t)identity->certificate.data,
                        identity->certificate.len},
        .chain = {&chain, 1},
    };
    agent_answer(call, TG_WIRE_IDENTITY, &body);
}

static struct signing *new_signing(struct agent_call *call)
{
    struct signing *s = TG_NEW(struct signing);
    s->identity = call->api->rooms.identity;
    s->now = call->now;
    call->data = s;
    return s;
}

/* The CSR is of the very key of this connection, and that key signed this connection's exporter
 * (RFC 9266). */
static int check_enrol(struct agent_call *call, const struct tg_wire_enroll *m, struct signing *s,
                       struct tg_err *err)
{
    const struct tg_conn *conn = tg_request_conn(call->req);
    const uint8_t *spki = tg_conn_peer_spki(conn);
    uint8_t exporter[TG_TLS_EXPORTER];
    TG_AUTO(buf) struct tg_buf text = TG_BUF(256);
    size_t len = 0;
    TG_TRY(tg_csr_parse(m->csr.data, m->csr.len, &s->csr, err));
    TG_TRY(tg_csr_verify(s->csr, err));
    if (tg_csr_weak(s->csr)) return TG_FAIL(err, TG_E_INPUT, "the agent's key is too weak");
    if (!spki || !tg_equal(spki, tg_csr_spki_sha256(s->csr), TG_SHA256))
        return TG_FAIL(err, TG_E_MISMATCH, "the request is for another key than this connection's");
    if (!tg_conn_exporter(conn, exporter))
        return TG_FAIL(err, TG_E_NETWORK, "this connection has no exporter");
    tg_wire_enroll_text(exporter, &text);
    const uint8_t *key = tg_csr_spki(s->csr, &len);
    return tg_spki_verify_signature(key, len, text.data, text.len, m->signature.data,
                                    m->signature.len, err);
}

void agent_route_enroll(struct agent_call *call)
{
    const struct tg_wire_enroll *m = tg_wire_body(call->message, TG_WIRE_ENROLL);
    struct signing *s = new_signing(call);
    struct fleet_enrol enrol = {.token = m->token,
                                .host = m->host,
                                .version = m->version,
                                .now = call->now};
    struct tg_err err = {0};
    enrol.realm = approval_realm(call->api->rooms.approval);
    int rc = enrol.realm[0] ? check_enrol(call, m, s, &err)
                            : TG_FAIL(&err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    if (rc < 0) {
        tg_csr_free(s->csr);
        agent_refuse(call, &err);
        return;
    }
    memcpy(enrol.spki, tg_csr_spki_sha256(s->csr), TG_SHA256);
    enrol.signer = (struct fleet_signer){.sign = sign, .ctx = s};
    fleet_enrol(call->api->rooms.fleet, &enrol, on_identity, call);
}

void agent_route_renew(struct agent_call *call)
{
    const struct tg_wire_renew *m = tg_wire_body(call->message, TG_WIRE_RENEW);
    struct signing *s = new_signing(call);
    struct tg_err err = {0};
    if (tg_csr_parse(m->csr.data, m->csr.len, &s->csr, &err) < 0 ||
        tg_csr_verify(s->csr, &err) < 0) {
        tg_csr_free(s->csr);
        agent_refuse(call, &err);
        return;
    }
    uint8_t spki[TG_SHA256];
    memcpy(spki, tg_csr_spki_sha256(s->csr), TG_SHA256);
    fleet_renew(call->api->rooms.fleet, call->agent_id, spki, call->now,
                (struct fleet_signer){.sign = sign, .ctx = s}, on_identity, call);
}

void agent_route_hello(struct agent_call *call)
{
    const struct tg_wire_hello *m = tg_wire_body(call->message, TG_WIRE_HELLO);
    const struct tg_wire_int *speaks = m->speaks.items;
    struct tg_err err = {0};
    bool one = false;
    for (size_t i = 0; i < m->speaks.count; i++)
        one = one || speaks[i].value == 1;
    if (!one)
        (void)TG_FAIL(&err, TG_E_VERSION,
                      "this service writes version 1 of leaves and statements; update it or the "
                      "agent");
    else if (strcmp(m->agent, call->agent) != 0)
        (void)TG_FAIL(&err, TG_E_MISMATCH, "this key belongs to another agent");
    if (err.code < 0) {
        agent_refuse(call, &err);
        return;
    }
    fleet_beat(call->api->rooms.fleet, call->agent_id, m->version, call->now);
    struct tg_wire_welcome body = {
        .now = call->now,
        .reconnect_s = fleet_reconnect_s(call->api->rooms.fleet),
        .keepalive_s = fleet_keepalive_s(call->api->rooms.fleet),
    };
    agent_answer(call, TG_WIRE_WELCOME, &body);
}
