#include "routes.h"

#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "x509/csr.h"
#include "x509/issue.h"
#include "json/json.h"

static void answer(struct tg_request *req, enum tg_wire_type type, const void *body)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(type, 0, body, &text);
    tg_respond(req, 200, "application/json", text.data, text.len);
}

static void refuse(struct tg_request *req, int status, int code, const char *detail)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(4096);
    tg_buf_printf(&text, "{\"status\":%d,\"code\":\"%s\",\"detail\":\"%s\"}", status,
                  tg_code_word(code), detail);
    tg_respond(req, status, "application/problem+json", text.data, text.len);
}

static int64_t param(const struct tg_request *req, const char *name)
{
    char text[32];
    uint64_t value = 0;
    struct tg_err ignored = {0};
    if (tg_request_param(req, name, text, sizeof text, &ignored) < 0 ||
        !tg_parse_u64(text, strlen(text), INT64_MAX, &value))
        return -1;
    return (int64_t)value;
}

static void trust(struct agent_server *s, struct tg_request *req)
{
    const struct tg_trust_chain *chain = s->world->chain;
    struct tg_wire_trust_item items[TG_SEAL_TRUST_MAX];
    struct tg_wire_item cms[TG_SEAL_TRUST_MAX][TG_SEAL_TRUST_CMS_MAX];
    char realm[TG_SEAL_HEX] = "";
    size_t n = 0;
    int64_t after = param(req, "after");
    TG_CHECK(after >= 0);
    for (uint32_t v = (uint32_t)after + 1; v <= tg_trust_chain_version(chain); v++, n++) {
        const struct tg_blob *ders = NULL;
        struct tg_blob text = tg_trust_chain_text(chain, v);
        size_t count = tg_trust_chain_cms(chain, v, &ders);
        for (size_t i = 0; i < count; i++)
            cms[n][i].bytes =
                (struct tg_wire_blob){(uint8_t *)(uintptr_t)ders[i].data, ders[i].len};
        items[n] = (struct tg_wire_trust_item){.text = {(uint8_t *)(uintptr_t)text.data, text.len},
                                               .cms = {cms[n], count}};
    }
    if (!s->script.no_trust) (void)tg_copy(realm, sizeof realm, tg_trust_chain_realm(chain));
    struct tg_wire_trust body = {.realm = realm, .documents = {items, s->script.no_trust ? 0 : n}};
    answer(req, TG_WIRE_TRUST, &body);
}

static bool signed_here(const struct tg_request *req, const struct tg_wire_enroll *e,
                        uint8_t ret_spki[TG_SHA256], struct tg_buf *ret_csr_spki)
{
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    struct tg_err err = {0};
    uint8_t exporter[TG_TLS_EXPORTER];
    TG_AUTO(buf) struct tg_buf text = TG_BUF(256);
    size_t len = 0;
    if (!tg_conn_exporter(tg_request_conn(req), exporter) ||
        tg_csr_parse(e->csr.data, e->csr.len, &csr, &err) < 0 || tg_csr_verify(csr, &err) < 0)
        return false;
    tg_wire_enroll_text(exporter, &text);
    const uint8_t *spki = tg_csr_spki(csr, &len);
    tg_buf_add(ret_csr_spki, spki, len);
    memcpy(ret_spki, tg_csr_spki_sha256(csr), TG_SHA256);
    const uint8_t *peer = tg_conn_peer_spki(tg_request_conn(req));
    return peer && memcmp(peer, ret_spki, TG_SHA256) == 0 &&
           tg_spki_verify_signature(spki, len, text.data, text.len, e->signature.data,
                                    e->signature.len, &err) == 0;
}

static void identity(struct agent_server *s, struct tg_request *req, const struct tg_buf *spki,
                     const char *status)
{
    struct tg_err err = {0};
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    char agent[33] = "", word[16] = "";
    int64_t now = s->world->now;
    struct tg_issue_identity_spec spec = {.cn = s->script.agent,
                                          .client = true,
                                          .spki = spki->data,
                                          .spki_len = spki->len,
                                          .not_before = s->script.short_identity ? now - 80 * TG_DAY
                                                                                 : now - 3600,
                                          .not_after = s->script.short_identity ? now + 10 * TG_DAY
                                                                                : now + 90 * TG_DAY,
                                          .issuer = s->world->issuer.cert,
                                          .issuer_key = s->world->issuer.key};
    tg_serial_random(spec.serial);
    TG_CHECK(tg_issue_identity(&spec, &der, &err) == 0);
    (void)tg_copy(agent, sizeof agent, s->script.agent);
    (void)tg_copy(word, sizeof word, status);
    struct tg_wire_identity body = {.agent = agent,
                                    .status = word,
                                    .certificate = {der.data, der.len}};
    answer(req, TG_WIRE_IDENTITY, &body);
}

static void enroll(struct agent_server *s, struct tg_request *req, const struct tg_wire_message *m)
{
    const struct tg_wire_enroll *e = tg_wire_body(m, TG_WIRE_ENROLL);
    TG_AUTO(buf) struct tg_buf spki = TG_BUF(4096);
    uint8_t sha[TG_SHA256];
    s->enrols++;
    if (!signed_here(req, e, sha, &spki)) {
        refuse(req, 403, TG_E_SIGNATURE, "the exporter signature does not verify");
    } else if (strcmp(e->token, s->script.token) != 0 ||
               (s->enrols > 1 && memcmp(s->spki, sha, TG_SHA256) != 0)) {
        refuse(req, 403, TG_E_DENIED, "the token is spent or unknown");
    } else {
        memcpy(s->spki, sha, TG_SHA256);
        bool pending = s->script.pending > 0;
        if (pending) s->script.pending--;
        identity(s, req, &spki, pending ? "pending" : "active");
    }
}

static void renew(struct agent_server *s, struct tg_request *req, const struct tg_wire_message *m)
{
    const struct tg_wire_renew *r = tg_wire_body(m, TG_WIRE_RENEW);
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    TG_AUTO(buf) struct tg_buf spki = TG_BUF(4096);
    struct tg_err err = {0};
    size_t len = 0;
    TG_CHECK(tg_csr_parse(r->csr.data, r->csr.len, &csr, &err) == 0);
    const uint8_t *der = tg_csr_spki(csr, &len);
    tg_buf_add(&spki, der, len);
    s->renewals++;
    s->script.short_identity = false;
    identity(s, req, &spki, "active");
}

static void hello(struct agent_server *s, struct tg_request *req)
{
    struct tg_wire_welcome body = {.now = s->world->now,
                                   .reconnect_s = s->script.reconnect_s,
                                   .keepalive_s =
                                       s->script.keepalive_s ? s->script.keepalive_s : 60};
    s->hellos++;
    if (s->script.banned)
        refuse(req, 403, TG_E_DENIED, "this agent is banned");
    else
        answer(req, TG_WIRE_WELCOME, &body);
}

static void report(struct agent_server *s, struct tg_request *req, enum tg_wire_type type,
                   const char *line)
{
    char done[] = "done";
    struct tg_wire_accepted body = {.result = done};
    if (s->script.banned) {
        refuse(req, 403, TG_E_DENIED, "this agent is banned");
    } else if (s->script.busy > 0) {
        s->script.busy--;
        refuse(req, 503, TG_E_BUSY, "not now");
    } else if (s->script.refuse > 0) {
        s->script.refuse--;
        refuse(req, 409, TG_E_STATE, "the application is not in that state");
    } else {
        TG_CHECK(s->posts_count < AGENT_SERVER_MANY);
        s->posts[s->posts_count].type = type;
        s->posts[s->posts_count++].line = tg_strdup(line);
        answer(req, TG_WIRE_ACCEPTED, &body);
    }
}

static void on_stream_closed(struct tg_stream *stream, void *data)
{
    struct agent_server *s = data;
    agent_server_lock(s);
    if (s->stream == stream) s->stream = NULL;
    agent_server_unlock(s);
}

void agent_server_flush(struct agent_server *s)
{
    struct tg_err err = {0};
    for (; s->stream && s->pushed < s->events_count; s->pushed++) {
        const char *line = s->events[s->pushed].line;
        if (s->events[s->pushed].id == 0 || s->events[s->pushed].id > s->after)
            (void)tg_stream_write(s->stream, line, strlen(line), &err);
    }
}

static void events(struct agent_server *s, struct tg_request *req)
{
    s->after = param(req, "after");
    s->streams++;
    if (s->stream) tg_stream_end(s->stream);
    s->stream = tg_stream_start(req, 200, "application/x-ndjson", on_stream_closed, s);
    s->pushed = 0;
    while (s->pushed < s->events_count && s->events[s->pushed].id == 0)
        s->pushed++; /* what has no number is said once */
    agent_server_flush(s);
}

void agent_server_route(struct agent_server *s, struct tg_request *req)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    size_t len = 0;
    const char *path = tg_request_path(req);
    const uint8_t *bytes = tg_request_body(req, &len);
    bool get = strcmp(tg_request_method(req), "GET") == 0;
    if (get && strcmp(path, "/agent/v1/trust") == 0) {
        trust(s, req);
    } else if (get && strcmp(path, "/agent/v1/events") == 0) {
        events(s, req);
    } else if (get || tg_wire_parse(bytes, len, &m, &err) < 0 || !tg_starts(path, "/agent/v1/") ||
               strcmp(path + 10, tg_wire_word(m->type)) != 0) {
        (void)fprintf(stderr, "agent_server: %s: %s\n", path, err.text);
        refuse(req, 400, TG_E_INPUT, "not a message of this path");
    } else if (m->type == TG_WIRE_ENROLL) {
        enroll(s, req, m);
    } else if (m->type == TG_WIRE_HELLO) {
        hello(s, req);
    } else if (m->type == TG_WIRE_RENEW) {
        renew(s, req, m);
    } else {
        report(s, req, m->type, (const char *)bytes);
    }
}
