/* The embedded connector: tamgad's end of the pipe to the issuing process. */
#include "base/log.h"
#include "base/str.h"
#include "ca/ca.h"
#include "loop/loop.h"
#include "pipe.h"

enum {
    HANDSHAKE_MS = 15 * 1000,
    ANSWER_MS = 60 * 1000, /* a silent issuing process is ended; what it issued is on its disk */
    RESTART_FIRST_MS = 100,
    RESTART_LAST_MS = 5000,
    KIND_SHIFT = 28, /* of an id: what was asked, where nobody waits for the answer */
    ID_MASK = (1 << KIND_SHIFT) - 1,
    KIND_CALL = 0,
    KIND_HELLO = 1,
    KIND_TRUST = 2,
    KIND_RECALL = 3,
    KIND_STATEMENT = 4,
};

struct recall {
    struct tg_list node;
    struct tg_buf text, cms;
};

struct embedded {
    struct tg_loop *loop;
    char *dir, *self_exe, *organization;
    struct tg_cert *issuer;
    struct ca_pipe *pipe;
    struct tg_deadline restart, watch;
    struct tg_list calls, recalls;
    struct tg_err why; /* why it is down */
    uint32_t last_id, trust_known, trust_sent;
    uint64_t restart_ms;
    char slots[CA_SLOTS][TG_SEAL_HEX]; /* statements that this life of the process was given */
    unsigned next_slot;
    bool up, closing;
    ca_closed_fn closed;
    void *closed_data;
};

static void start(struct embedded *e);

/* --- calls --- */

static uint32_t next_id(struct embedded *e, uint32_t kind)
{
    e->last_id = (e->last_id + 1) & ID_MASK;
    return e->last_id | kind << KIND_SHIFT;
}

static void call_finish(struct ca_call *call, enum ca_outcome outcome)
{
    tg_list_del(&call->node);
    call->outcome = outcome;
    call->done(call);
}

static void fail_calls(struct embedded *e, int code, const char *text)
{
    struct tg_list calls;
    struct ca_call *call;
    tg_list_init(&calls);
    while ((call = tg_list_first(&e->calls, struct ca_call, node))) {
        tg_list_del(&call->node);
        tg_list_add(&calls, &call->node);
    }
    while ((call = tg_list_first(&calls, struct ca_call, node))) {
        (void)TG_FAIL(&call->err, code, "%s", text);
        call_finish(call, CA_REFUSED);
    }
}

static void on_silent(struct tg_deadline *d, void *data)
{
    struct embedded *e = data;
    (void)d;
    tg_log(TG_LOG_ERROR, "ca", "issuer-silent", "wait_ms=%d", ANSWER_MS);
    if (e->pipe) ca_pipe_kill(e->pipe);
}

static void watch(struct embedded *e)
{
    if (tg_list_empty(&e->calls))
        tg_deadline_stop(&e->watch);
    else
        tg_deadline_start(&e->watch, ANSWER_MS, on_silent);
}

static struct ca_call *call_of(struct embedded *e, uint32_t id)
{
    struct ca_call *call;
    tg_list_each(call, &e->calls, struct ca_call, node) if (call->id == id) return call;
    return NULL;
}

/* --- frames --- */

static void send_recall(struct embedded *e, const struct recall *r)
{
    struct tg_buf *out = ca_pipe_out(e->pipe);
    size_t begin = ca_frame_begin(out, CA_RECALL, next_id(e, KIND_RECALL));
    ca_frame_bytes(out, r->text.data, r->text.len);
    ca_frame_bytes(out, r->cms.data, r->cms.len);
    ca_frame_end(out, begin);
    ca_pipe_flush(e->pipe);
}

static int take_issuer(struct embedded *e, struct tg_blob der, struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_TRY(tg_cert_parse(der.data, der.len, &cert, err));
    if (!e->issuer) e->issuer = tg_cert_ref(cert);
    if (memcmp(tg_cert_facts(cert)->sha256, tg_cert_facts(e->issuer)->sha256, 32) == 0) return 0;
    return TG_FAIL(err, TG_E_MISMATCH, "%s: the CA became another one; restart tamgad", e->dir);
}

static void on_ready(struct embedded *e, struct ca_frame *f)
{
    struct recall *r;
    uint32_t protocol = ca_frame_get_u32(f), version = ca_frame_get_u32(f);
    (void)ca_frame_get(f, TG_SEAL_HEX); /* the realm: the process refuses another by itself */
    struct tg_blob der = ca_frame_get(f, TG_MAX_CERT);
    if (!ca_frame_done(f) || protocol != CA_PROTOCOL)
        (void)TG_FAIL(&e->why, TG_E_VERSION, "the issuing process speaks another language");
    else if (take_issuer(e, der, &e->why) == 0)
        e->up = true;
    if (!e->up) {
        tg_log_err(TG_LOG_ERROR, "ca", "issuer", &e->why);
        return;
    }
    e->trust_known = e->trust_sent = version;
    e->restart_ms = RESTART_FIRST_MS;
    tg_list_each(r, &e->recalls, struct recall, node) send_recall(e, r);
}

static void on_error(struct embedded *e, struct ca_frame *f)
{
    struct ca_call *call = call_of(e, f->id);
    struct tg_err err;
    ca_frame_get_error(f, &err);
    if (call) {
        call->err = err;
        call_finish(call, CA_REFUSED);
        return;
    }
    if (f->id >> KIND_SHIFT == KIND_TRUST) e->trust_sent = e->trust_known; /* offered again */
    /* A refused statement is told by each of its leaves; recalls come again at every start. */
    if (f->id >> KIND_SHIFT != KIND_STATEMENT)
        tg_log_err(TG_LOG_WARN, "ca", "issuer-refused", &err);
}

static void on_certificate(struct embedded *e, struct ca_frame *f)
{
    struct ca_call *call = call_of(e, f->id);
    struct tg_blob der = ca_frame_get(f, TG_MAX_CERT);
    if (!call) return;
    if (!ca_frame_done(f)) {
        (void)TG_FAIL(&call->err, TG_E_CA, "the issuing process answered something unreadable");
        call_finish(call, CA_REFUSED);
        return;
    }
    call->certificate = der;
    call_finish(call, CA_ISSUED);
}

/* A recall may have been refused for want of trust: all of them again, which costs little. */
static void on_trust_taken(struct embedded *e)
{
    struct recall *r;
    if (++e->trust_known < e->trust_sent) return;
    tg_list_each(r, &e->recalls, struct recall, node) send_recall(e, r);
}

static void on_frame(struct ca_frame *f, void *data)
{
    struct embedded *e = data;
    if (f->type == CA_READY)
        on_ready(e, f);
    else if (f->type == CA_ERROR)
        on_error(e, f);
    else if (f->type == CA_CERT)
        on_certificate(e, f);
    else if (f->type == CA_DONE && f->id >> KIND_SHIFT == KIND_TRUST)
        on_trust_taken(e);
    watch(e);
}

/* --- life of the process --- */

static void recall_free(struct recall *r)
{
    tg_list_del(&r->node);
    tg_buf_done(&r->text);
    tg_buf_done(&r->cms);
    free(r);
}

static void gone(struct embedded *e)
{
    struct recall *r;
    ca_closed_fn closed = e->closed;
    void *data = e->closed_data;
    while ((r = tg_list_first(&e->recalls, struct recall, node)))
        recall_free(r);
    tg_cert_unref(e->issuer);
    free(e->dir);
    free(e->self_exe);
    free(e->organization);
    free(e);
    if (closed) closed(data);
}

static void on_watch_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    gone(data);
}

static void on_restart_closed(struct tg_deadline *d, void *data)
{
    struct embedded *e = data;
    (void)d;
    tg_deadline_close(&e->watch, on_watch_closed);
}

static void on_restart(struct tg_deadline *d, void *data)
{
    (void)d;
    start(data);
}

static void again_later(struct embedded *e)
{
    tg_deadline_start(&e->restart, e->restart_ms, on_restart);
    e->restart_ms = e->restart_ms * 2 < RESTART_LAST_MS ? e->restart_ms * 2 : RESTART_LAST_MS;
}

static void on_ended(void *data)
{
    struct embedded *e = data;
    e->pipe = NULL;
    e->up = false;
    memset(e->slots, 0, sizeof e->slots);
    tg_deadline_stop(&e->watch);
    if (e->closing)
        fail_calls(e, TG_E_CANCELLED, "tamgad is stopping");
    else
        fail_calls(e, TG_E_CA, "the issuing process ended before it answered");
    if (e->closing)
        tg_deadline_close(&e->restart, on_restart_closed);
    else
        again_later(e);
}

static int spawn(struct embedded *e, struct tg_err *err)
{
    struct ca_pipe_config config = {.loop = e->loop,
                                    .self_exe = e->self_exe,
                                    .dir = e->dir,
                                    .organization = e->organization,
                                    .on_frame = on_frame,
                                    .on_ended = on_ended,
                                    .data = e};
    TG_TRY(ca_pipe_start(&config, &e->pipe, err));
    struct tg_buf *out = ca_pipe_out(e->pipe);
    size_t begin = ca_frame_begin(out, CA_HELLO, next_id(e, KIND_HELLO));
    ca_frame_u32(out, CA_PROTOCOL);
    ca_frame_end(out, begin);
    return 0;
}

static void start(struct embedded *e)
{
    if (e->closing) return;
    if (spawn(e, &e->why) == 0) {
        ca_pipe_flush(e->pipe);
        return;
    }
    tg_log_err(TG_LOG_ERROR, "ca", "issuer", &e->why);
    again_later(e);
}

static void embedded_close(void *self, ca_closed_fn closed, void *data)
{
    struct embedded *e = self;
    e->closing = true;
    e->closed = closed;
    e->closed_data = data;
    if (e->pipe)
        ca_pipe_end(e->pipe);
    else
        tg_deadline_close(&e->restart, on_restart_closed);
}

/* --- the table of functions --- */

static const struct tg_cert *embedded_issuer(void *self)
{
    return ((struct embedded *)self)->issuer;
}

static void embedded_trust(void *self, const struct tg_trust_chain *chain)
{
    struct embedded *e = self;
    if (!e->up) return;
    while (e->trust_sent < tg_trust_chain_version(chain)) {
        const struct tg_blob *cms = NULL;
        uint32_t version = ++e->trust_sent;
        struct tg_buf *out = ca_pipe_out(e->pipe);
        struct tg_blob text = tg_trust_chain_text(chain, version);
        size_t n = tg_trust_chain_cms(chain, version, &cms);
        size_t begin = ca_frame_begin(out, CA_TRUST, next_id(e, KIND_TRUST));
        ca_frame_bytes(out, text.data, text.len);
        ca_frame_u32(out, (uint32_t)n);
        for (size_t i = 0; i < n; i++)
            ca_frame_bytes(out, cms[i].data, cms[i].len);
        ca_frame_end(out, begin);
    }
    ca_pipe_flush(e->pipe);
}

static void embedded_recall(void *self, struct tg_blob text, struct tg_blob cms)
{
    struct embedded *e = self;
    struct recall *r;
    tg_list_each(r, &e->recalls, struct recall,
                 node) if (r->text.len == text.len &&
                           memcmp(r->text.data, text.data, text.len) == 0) return;
    r = TG_NEW(struct recall);
    tg_buf_init(&r->text, TG_MAX_STATEMENT);
    tg_buf_init(&r->cms, TG_MAX_CMS);
    tg_buf_add(&r->text, text.data, text.len);
    tg_buf_add(&r->cms, cms.data, cms.len);
    tg_list_add(&e->recalls, &r->node);
    if (e->up) send_recall(e, r);
}

static uint32_t slot_for(struct embedded *e, const struct ca_statement *st)
{
    for (uint32_t i = 0; i < CA_SLOTS; i++)
        if (strcmp(e->slots[i], st->sha256) == 0) return i;
    uint32_t at = e->next_slot++ % CA_SLOTS;
    struct tg_buf *out = ca_pipe_out(e->pipe);
    (void)tg_copy(e->slots[at], TG_SEAL_HEX, st->sha256);
    size_t begin = ca_frame_begin(out, CA_STATEMENT, next_id(e, KIND_STATEMENT));
    ca_frame_u32(out, at);
    ca_frame_bytes(out, st->signed_.text.data, st->signed_.text.len);
    ca_frame_u32(out, (uint32_t)st->signed_.cms_count);
    for (size_t i = 0; i < st->signed_.cms_count; i++)
        ca_frame_bytes(out, st->signed_.cms[i].data, st->signed_.cms[i].len);
    ca_frame_end(out, begin);
    return at;
}

static int ready_for(struct embedded *e, struct ca_call *call, struct tg_err *err)
{
    if (!e->up || e->closing)
        return TG_FAIL(err, TG_E_CA, "the issuing process is not there: %.160s",
                       e->why.code ? e->why.text : "it is being started");
    call->id = next_id(e, KIND_CALL);
    return 0;
}

static int sent(struct embedded *e, struct ca_call *call, struct tg_err *err)
{
    TG_TRY(tg_buf_ok(ca_pipe_out(e->pipe), err));
    tg_list_add(&e->calls, &call->node);
    ca_pipe_flush(e->pipe);
    watch(e);
    return 0;
}

static int embedded_submit(void *self, struct ca_call *call, const struct ca_ask *ask,
                           struct tg_err *err)
{
    struct embedded *e = self;
    TG_TRY(ready_for(e, call, err));
    uint32_t slot = slot_for(e, ask->statement);
    struct tg_buf *out = ca_pipe_out(e->pipe);
    size_t begin = ca_frame_begin(out, CA_ISSUE, call->id);
    ca_frame_u32(out, slot);
    ca_frame_u32(out, ask->place.index);
    ca_frame_bytes(out, ask->place.line.data, ask->place.line.len);
    ca_frame_bytes(out, ask->place.proof, ask->place.proof_count * sizeof *ask->place.proof);
    ca_frame_bytes(out, ask->request.decision.data, ask->request.decision.len);
    ca_frame_bytes(out, ask->request.proof, ask->request.proof_count * sizeof *ask->request.proof);
    ca_frame_bytes(out, ask->request.csr.data, ask->request.csr.len);
    ca_frame_bytes(out, ask->request.holder_cms.data, ask->request.holder_cms.len);
    ca_frame_bytes(out, ask->old.data, ask->old.len);
    ca_frame_end(out, begin);
    return sent(e, call, err);
}

static int embedded_find(void *self, struct ca_call *call, const uint8_t spki_sha256[32],
                         struct tg_err *err)
{
    struct embedded *e = self;
    TG_TRY(ready_for(e, call, err));
    struct tg_buf *out = ca_pipe_out(e->pipe);
    size_t begin = ca_frame_begin(out, CA_FIND, call->id);
    ca_frame_bytes(out, spki_sha256, 32);
    ca_frame_end(out, begin);
    return sent(e, call, err);
}

static const struct ca_ops embedded_ops = {.kind = "embedded",
                                           .checks = true,
                                           .window = CA_WINDOW,
                                           .issuer = embedded_issuer,
                                           .trust = embedded_trust,
                                           .recall = embedded_recall,
                                           .submit = embedded_submit,
                                           .find = embedded_find,
                                           .close = embedded_close};

int ca_embedded_pid(const struct ca_connector *c)
{
    TG_CHECK(c->ops == &embedded_ops);
    const struct embedded *e = c->self;
    return e->pipe ? ca_pipe_pid(e->pipe) : 0;
}

int ca_embedded_new(struct tg_loop *loop, const struct ca_embedded_config *config,
                    struct ca_connector **ret, struct tg_err *err)
{
    struct embedded *e = TG_NEW(struct embedded);
    e->loop = loop;
    e->dir = tg_strdup(config->dir);
    e->self_exe = tg_strdup(config->self_exe);
    e->organization = tg_strdup(config->organization ? config->organization : "");
    e->restart_ms = RESTART_FIRST_MS;
    tg_list_init(&e->calls);
    tg_list_init(&e->recalls);
    tg_deadline_init(&e->restart, loop, e);
    tg_deadline_init(&e->watch, loop, e);
    int rc = spawn(e, err);
    if (rc == 0) rc = ca_pipe_wait(e->pipe, HANDSHAKE_MS, err);
    if (rc == 0 && !e->up) {
        *err = e->why;
        rc = err->code;
    }
    if (rc < 0) {
        embedded_close(e, NULL, NULL); /* its handles close when the loop turns */
        return rc;
    }
    *ret = ca_connector_new(config->name, &embedded_ops, e);
    return 0;
}
