/* The event stream: NDJSON, one LF ends one event. */
#include <string.h>

#include "agent/enroll.h"
#include "agent/state.h"
#include "base/log.h"
#include "base/str.h"
#include "link_in.h"
#include "json/json.h"

enum { PATH = 4096, SMALL = 256 };

/* DIR/events.json: the newest event that this agent has stored. */
int link_last_load(struct agent_link *l, struct tg_err *err)
{
    char path[PATH];
    TG_AUTO(buf) struct tg_buf text = TG_BUF(SMALL);
    TG_AUTO(json) json_t *o = NULL;
    if (snprintf(path, sizeof path, "%s/events.json", l->dir) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", l->dir);
    int rc = tg_file_read(path, &text, err);
    if (rc == TG_E_NOT_FOUND) {
        tg_err_clear(err);
        return 0;
    }
    TG_TRY(rc);
    TG_TRY(tg_json_parse_object(text.data, text.len, SMALL, &o, err));
    return tg_json_int(o, "last", 0, INT64_MAX, &l->last, err);
}

static int last_save(struct agent_link *l, int64_t id, struct tg_err *err)
{
    char path[PATH], text[64];
    if (id <= l->last) return 0;
    (void)snprintf(path, sizeof path, "%s/events.json", l->dir);
    int n = snprintf(text, sizeof text, "{\"last\":%lld}\n", (long long)id);
    TG_TRY(tg_file_replace(path, text, (size_t)n, 0600, err));
    l->last = id;
    return 0;
}

static int on_trust_event(struct agent_link *l, const struct tg_wire_message *m, struct tg_err *err)
{
    uint8_t pins[TG_TRUST_KEYS][TG_SHA256];
    /* A document that does not verify is refused and told; the older one goes on. */
    struct tg_err bad = {0};
    if (agent_trust_take(l->o.trust, tg_wire_body(m, TG_WIRE_TRUST), &bad) < 0) {
        tg_log_err(TG_LOG_ERROR, "link", "trust-refused", &bad);
        return 0;
    }
    size_t n = agent_trust_pins(l->o.trust, pins);
    return tg_client_set_pins(l->client, (const uint8_t(*)[TG_SHA256])pins, n, err);
}

static int on_reconnect_event(struct agent_link *l, const struct tg_wire_message *m,
                              struct tg_err *err)
{
    const struct tg_wire_reconnect *r = tg_wire_body(m, TG_WIRE_RECONNECT);
    int64_t within = r->within_s < 0 ? 0 : r->within_s > 3600 ? 3600 : r->within_s;
    l->asked_ms = (uint32_t)within * 1000;
    l->failures = 0; /* it is invited: within that time, however short this connection was */
    return TG_FAIL(err, TG_E_CANCELLED, "the server asks to reconnect within %lld s",
                   (long long)within);
}

static int on_line(struct agent_link *l, const uint8_t *text, size_t len, struct tg_err *err)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err bad = {0};
    if (len == 0) return 0; /* a sign of life */
    if (tg_wire_parse(text, len, &m, &bad) < 0) {
        /* A newer server's event is passed over: it writes what `hello` said we understand. */
        tg_log_err(TG_LOG_WARN, "link", "event-refused", &bad);
        return 0;
    }
    if (tg_wire_side_of(m->type) != TG_WIRE_SERVER) return 0;
    if (m->type == TG_WIRE_TRUST) return on_trust_event(l, m, err);
    if (m->type == TG_WIRE_RECONNECT) return on_reconnect_event(l, m, err);
    TG_TRY(l->o.on_event(m, l->o.data, err));
    return last_save(l, m->id, err);
}

/* Lines that are whole; what is left waits for its LF. */
static int split(struct agent_link *l, struct tg_err *err)
{
    size_t at = 0;
    const uint8_t *lf;
    while ((lf = memchr(l->line.data + at, '\n', l->line.len - at))) {
        size_t len = (size_t)(lf - l->line.data) - at;
        TG_TRY(on_line(l, l->line.data + at, len, err));
        at += len + 1;
    }
    if (at == l->line.len)
        tg_buf_done(&l->line); /* idle: nothing is kept */
    else
        tg_buf_shift(&l->line, at);
    return 0;
}

static int on_data(struct tg_client_call *call, const void *bytes, size_t len)
{
    struct agent_link *l = call->data;
    if (l->closing || link_now(l) != LINK_LIVE) return TG_E_CANCELLED;
    if (len == 0) return 0;
    tg_buf_add(&l->line, bytes, len);
    int rc = tg_buf_ok(&l->line, &l->stream_err);
    return rc < 0 ? rc : split(l, &l->stream_err);
}

static void on_open(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    if (l->closing || link_now(l) != LINK_LIVE || call->status / 100 != 2) return;
    l->live_at = l->since = tg_loop_wall(l->o.loop);
    tg_log(TG_LOG_INFO, "link", "live", "after=%lld", (long long)l->last);
    l->o.on_live(l->o.data);
    link_pump(l);
}

static void why_ended(struct agent_link *l, struct tg_err *ret)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    if (l->stream_err.code < 0)
        *ret = l->stream_err;
    else if (l->stream.err.code < 0)
        *ret = l->stream.err;
    else if (l->stream.status / 100 == 2)
        (void)TG_FAIL(ret, TG_E_NETWORK, "the server ended the event stream");
    else if (agent_answer(&l->stream, TG_WIRE_ACCEPTED, &m, ret) == 0)
        (void)TG_FAIL(ret, TG_E_INPUT, "the server answered something else than events");
}

static void on_done(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    struct tg_err err = {0};
    why_ended(l, &err);
    if (call->retry_after_s > 0) l->asked_ms = call->retry_after_s * 1000;
    tg_client_call_done(call);
    tg_buf_done(&l->line);
    l->streaming = false;
    if (l->closing)
        link_ended(l);
    else
        link_lost(l, &err);
}

int link_stream_start(struct agent_link *l, struct tg_err *err)
{
    (void)snprintf(l->path, sizeof l->path, "/agent/v1/events?after=%lld", (long long)l->last);
    tg_err_clear(&l->stream_err);
    tg_buf_done(&l->line);
    l->stream = (struct tg_client_call){.method = "GET",
                                        .path = l->path,
                                        .on_open = on_open,
                                        .on_data = on_data,
                                        .on_done = on_done,
                                        .data = l};
    TG_TRY(tg_client_start(l->client, &l->stream, err));
    l->streaming = true;
    return 0;
}
