/* events: one stream per agent. News from dispatch makes the door ask for that agent's next
 * messages and write them; nothing is kept here that a restart would lose: an agent resumes by the
 * last id that it handled. */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "call.h"
#include "dispatch/dispatch.h"

static struct tg_list *bucket(struct agent_api *api, int64_t agent_id)
{
    return &api->sessions[(uint64_t)agent_id % SESSION_BUCKETS];
}

static struct session *find(struct agent_api *api, int64_t agent_id)
{
    struct session *s;
    tg_list_each(s, bucket(api, agent_id), struct session, node)
    {
        if (s->agent_id == agent_id) return s;
    }
    return NULL;
}

/* Out of the list, so that nobody finds it any more; the memory waits for an answer that is on its
 * way. */
static void forget(struct session *s)
{
    tg_list_del(&s->node);
    fleet_connected(s->api->rooms.fleet, s->agent_id, false);
    s->stream = NULL;
    s->dead = true;
    if (!s->pulling) free(s);
}

static void on_stream_close(struct tg_stream *stream, void *data)
{
    (void)stream;
    forget(data);
}

static void pull(struct session *s);

static bool write_lines(struct session *s, const struct dispatch_line *lines, size_t count)
{
    struct tg_err err = {0};
    for (size_t i = 0; i < count; i++) {
        if (lines[i].id <= s->last) continue;
        /* Too slow a reader: the stream closes by itself, and the agent comes back and resumes. */
        if (tg_stream_write(s->stream, lines[i].text, lines[i].len, &err) < 0) return false;
        s->last = lines[i].id;
    }
    return true;
}

static void on_next(const struct dispatch_line *lines, size_t count, const struct tg_err *err,
                    void *data)
{
    struct session *s = data;
    s->pulling = false;
    if (s->dead) {
        free(s);
        return;
    }
    if (err) {
        /* The next news or the poll asks again. What was claimed may have been committed without
         * our knowing: then it is leased to this agent, and only starting anew brings it again. */
        tg_log_err(TG_LOG_WARN, "agent-api", "events", err);
        s->anew = true;
        return;
    }
    s->anew = false;
    if (!write_lines(s, lines, count)) return;
    if (s->again || count > 0) pull(s);
}

/* A stream may outlive the certificate that opened it; its agent renews at half life, or not. */
static bool is_over(const struct session *s)
{
    const struct agent_api_rooms *rooms = &s->api->rooms;
    const struct fleet_agent *agent = fleet_by_id(rooms->fleet, s->agent_id);
    return !agent || fleet_identity_over(agent, tg_loop_wall(rooms->loop));
}

static void pull(struct session *s)
{
    if (is_over(s)) {
        session_drop(s->api, s->agent_id);
        return;
    }
    if (s->pulling) {
        s->again = true;
        return;
    }
    s->pulling = true;
    s->again = false;
    dispatch_next(s->api->rooms.dispatch, s->agent_id, s->anew ? 0 : s->last,
                  tg_loop_wall(s->api->rooms.loop), on_next, s);
}

static void pull_all(struct agent_api *api)
{
    for (size_t b = 0; b < SESSION_BUCKETS; b++) {
        struct session *s;
        tg_list_each(s, &api->sessions[b], struct session, node)
        {
            pull(s);
        }
    }
}

static void on_news(int64_t agent_id, void *data)
{
    struct agent_api *api = data;
    if (agent_id == 0) {
        pull_all(api);
        return;
    }
    struct session *s = find(api, agent_id);
    if (s) pull(s);
}

void sessions_init(struct agent_api *api)
{
    for (size_t b = 0; b < SESSION_BUCKETS; b++)
        tg_list_init(&api->sessions[b]);
    dispatch_on_news(api->rooms.dispatch, on_news, api);
}

static void end_session(struct session *s)
{
    struct tg_stream *stream = s->stream;
    forget(s);
    tg_stream_end(stream);
}

void session_drop(struct agent_api *api, int64_t agent_id)
{
    struct session *s = find(api, agent_id);
    if (!s) return;
    struct tg_conn *conn = tg_stream_conn(s->stream);
    end_session(s);
    tg_conn_close(conn);
}

void sessions_end(struct agent_api *api)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(1024);
    struct tg_wire_reconnect body = {.within_s = fleet_reconnect_s(api->rooms.fleet)};
    struct tg_err ignored = {0};
    tg_wire_print(TG_WIRE_RECONNECT, 0, &body, &line);
    tg_buf_putc(&line, '\n');
    for (size_t b = 0; b < SESSION_BUCKETS; b++) {
        struct session *s;
        tg_list_each(s, &api->sessions[b], struct session, node)
        {
            (void)tg_stream_write(s->stream, line.data, line.len, &ignored);
            end_session(s);
        }
    }
}

/* GET events?after=ID */
void agent_route_events(struct agent_call *call)
{
    struct agent_api *api = call->api;
    char text[24] = "";
    uint64_t after = 0;
    struct tg_err err = {0};
    int rc = tg_request_param(call->req, "after", text, sizeof text, &err);
    if (rc != TG_E_NOT_FOUND && (rc < 0 || !tg_parse_u64(text, strlen(text), INT64_MAX, &after)))
        (void)TG_FAIL(&err, TG_E_INPUT, "after: the id of the last event is expected");
    else if (api->stopping)
        (void)TG_FAIL(&err, TG_E_BUSY, "the service is stopping");
    else
        err.code = 0;
    if (err.code < 0) {
        agent_refuse(call, &err);
        return;
    }
    struct session *older = find(api, call->agent_id);
    if (older) end_session(older);
    struct session *s = TG_NEW(struct session);
    s->api = api;
    s->agent_id = call->agent_id;
    s->last = (int64_t)after;
    s->stream = tg_stream_start(call->req, 200, "application/x-ndjson", on_stream_close, s);
    call->req = NULL;
    free(call);
    if (!s->stream) {
        free(s);
        return;
    }
    tg_list_add(bucket(api, s->agent_id), &s->node);
    fleet_connected(api->rooms.fleet, s->agent_id, true);
    pull(s);
}
