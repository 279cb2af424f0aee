/* Reports from the spool, one at a time and in order; acks go when no report waits. */
#include <string.h>

#include "agent/backoff.h"
#include "agent/enroll.h"
#include "base/log.h"
#include "link_in.h"

static void on_posted(struct tg_client_call *call);

void link_resend(struct tg_deadline *d, void *data)
{
    (void)d;
    link_pump(data);
}

static void later(struct agent_link *l, uint32_t asked_ms)
{
    l->post_failures++;
    tg_deadline_start(&l->resend, agent_backoff_ms(l->post_failures, asked_ms), link_resend);
}

/* Bytes that are no message cannot be posted anywhere; they would block all that follow. */
static bool read_report(struct agent_link *l, enum tg_wire_type *ret_type)
{
    struct tg_err err = {0};
    while (agent_spool_count(l->o.spool) > 0) {
        TG_AUTO(wire) struct tg_wire_message *m = NULL;
        tg_buf_done(&l->post_body);
        int rc = agent_spool_first(l->o.spool, &l->posted, &l->post_body, &err);
        if (rc < 0) break;
        rc = tg_wire_parse(l->post_body.data, l->post_body.len, &m, &err);
        if (rc == 0 && tg_wire_side_of(m->type) == TG_WIRE_AGENT) {
            *ret_type = m->type;
            return true;
        }
        tg_log_err(TG_LOG_ERROR, "link", "spool-unreadable", &err);
        agent_spool_drop(l->o.spool, l->posted);
    }
    return false;
}

static void make_acks(struct agent_link *l)
{
    struct tg_wire_int *ids = tg_calloc(l->acks_count, sizeof *ids);
    for (size_t i = 0; i < l->acks_count; i++)
        ids[i].value = l->acks[i];
    struct tg_wire_ack body = {.ids = {ids, l->acks_count}};
    tg_buf_done(&l->post_body);
    tg_wire_print(TG_WIRE_ACK, 0, &body, &l->post_body);
    l->posted = 0;
    l->acks_sent = l->acks_count;
    free(ids);
}

void link_pump(struct agent_link *l)
{
    enum tg_wire_type type = TG_WIRE_ACK;
    struct tg_err err = {0};
    if (!agent_link_live(l) || l->posting || l->closing || tg_deadline_active(&l->resend)) return;
    if (!read_report(l, &type)) {
        tg_buf_done(&l->post_body);
        if (l->acks_count == 0) return;
        make_acks(l);
    }
    (void)snprintf(l->post_path, sizeof l->post_path, "/agent/v1/%s", tg_wire_word(type));
    l->post = (struct tg_client_call){.method = "POST",
                                      .path = l->post_path,
                                      .body = l->post_body.data,
                                      .body_len = l->post_body.len,
                                      .on_done = on_posted,
                                      .data = l,
                                      .total_ms = LINK_CALL_MS};
    if (tg_client_start(l->client, &l->post, &err) < 0)
        later(l, 0);
    else
        l->posting = true;
}

static void settle(struct agent_link *l)
{
    if (l->posted > 0) {
        agent_spool_drop(l->o.spool, l->posted);
        return;
    }
    memmove(l->acks, l->acks + l->acks_sent, (l->acks_count - l->acks_sent) * sizeof l->acks[0]);
    l->acks_count -= l->acks_sent;
    l->acks_sent = 0;
}

/* Accepted, or refused for good: gone. Anything else stays and is sent again. `denied` stays too: a
 * ban may be lifted, a report is never lost for it. */
static bool is_settled(int rc)
{
    return rc == 0 || (tg_code_next(rc) == TG_NEXT_REFUSE && rc != TG_E_DENIED);
}

static void on_posted(struct tg_client_call *call)
{
    struct agent_link *l = call->data;
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    int rc = agent_answer(call, TG_WIRE_ACCEPTED, &m, &err);
    /* A 2xx whose text we cannot read was accepted all the same. */
    if (call->err.code == 0 && call->status / 100 == 2) rc = 0;
    uint32_t asked_ms = call->retry_after_s * 1000;
    l->posting = false;
    tg_client_call_done(call);
    tg_buf_done(&l->post_body);
    if (l->closing) {
        link_ended(l);
        return;
    }
    if (rc < 0)
        tg_log(TG_LOG_WARN, "link", is_settled(rc) ? "report-refused" : "report-later",
               "code=%s why=%s", tg_code_word(rc), tg_q(err.text));
    if (is_settled(rc)) {
        settle(l);
        l->post_failures = 0;
        link_pump(l);
    } else if (agent_link_live(l)) {
        later(l, asked_ms);
    }
}

void agent_link_poke(struct agent_link *l)
{
    link_pump(l);
}

void agent_link_ack(struct agent_link *l, int64_t id)
{
    if (id <= 0) return;
    if (l->acks_count < LINK_ACKS) l->acks[l->acks_count++] = id; /* else it comes again */
    link_pump(l);
}
