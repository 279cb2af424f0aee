/* What agents report: prepared, installed, failed. Read, check, write; the answer is stored, so
 * that a repeat gets the same. A report about another agent's application changes nothing. */
#include "report_in.h"

#include <string.h>

#include "audit/audit.h"
#include "base/limits.h"
#include "inventory/inventory.h"

void report_finish(struct report *p, const struct tg_err *err)
{
    struct dispatch *d = p->d;
    int64_t agent_id = p->agent_id;
    p->fn(err ? NULL : p->result, err ? NULL : p->text, err, p->data);
    tg_wire_free(p->m);
    tg_buf_done(&p->draft);
    tg_buf_done(&p->old);
    free(p);
    if (!err) dispatch_tell(d, agent_id);
    dispatch_end(d);
}

static void answer(struct report *p, const char *result, const char *text)
{
    (void)snprintf(p->result, sizeof p->result, "%s", result);
    (void)snprintf(p->text, sizeof p->text, "%s", text);
}

static void on_written(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct report *p = data;
    struct tg_err again;
    /* Somebody was first, perhaps this very report: asked again, it gets its answer. */
    if (err && tg_code_next(err->code) != TG_NEXT_RETRY) {
        TG_FAIL(&again, TG_E_STALE, "%s", err->text);
        err = &again;
    }
    report_finish(p, err);
}

void report_write(struct report *p, struct db_unit *u, int kind)
{
    struct dispatch_answer a = {p->m->id,  p->agent_id, p->now, tg_wire_word(p->m->type),
                                p->result, p->text};
    if (kind) dispatch_add_done(u, kind, p->id);
    if (p->m->id > 0) dispatch_add_answer(u, &a);
    db_unit_run(u, on_written, p);
}

/* Refused: the application fails where it stands, unless the report was about something that is
 * gone. */
void report_refuse(struct report *p, const struct tg_err *why)
{
    struct db_unit *u = db_unit_new(p->d->db, "report refused");
    struct audit_entry entry = {p->actor, "report.refused", p->number, NULL};
    TG_AUTO(buf) struct tg_buf body = TG_BUF(4096);
    struct tg_jw w;
    tg_jw_init(&w, &body);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "report", tg_wire_word(p->m->type));
    tg_jw_kstr(&w, "code", tg_code_word(why->code));
    tg_jw_kstr(&w, "why", why->text);
    tg_jw_end(&w);
    entry.body = tg_buf_text(&body);
    audit_append(u, p->now, &entry);
    answer(p, "refused", why->text);
    if (p->may_fail) {
        struct application_step step = {.id = p->id,
                                        .rev = p->rev,
                                        .from = p->state,
                                        .to = APPLICATION_FAILED,
                                        .now = p->now,
                                        .actor = p->actor,
                                        .code = tg_code_word(why->code),
                                        .why = why->text};
        application_add_failure(u, &step, (int)p->failures + 1);
    }
    report_write(p, u,
                 !p->may_fail                      ? 0
                 : p->state == APPLICATION_DRAFTED ? JOB_PREPARE
                                                   : JOB_INSTALL);
}

/* --- installed --- */

static void print_results(const struct tg_wire_installed *m, struct tg_buf *out)
{
    const struct tg_wire_command_result *items = m->after.items;
    struct tg_jw w;
    tg_jw_init(&w, out);
    tg_jw_begin_array(&w);
    for (size_t i = 0; i < m->after.count; i++) {
        tg_jw_begin_object(&w);
        tg_jw_kstr(&w, "command", items[i].command);
        tg_jw_kint(&w, "exit", items[i].exit);
        tg_jw_end(&w);
    }
    tg_jw_end(&w);
}

static int check_installed(const struct tg_wire_installed *m, const struct application_row *row,
                           struct tg_err *err)
{
    if (strcmp(m->certificate, row->new_certificate) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "installed: certificate %.16s... is not the issued one",
                       m->certificate);
    if (!m->verified)
        return TG_FAIL(err, TG_E_MISMATCH, "installed: the new pair was not proven by use");
    return 0;
}

static void installed(struct report *p, const struct dispatch_subject *s)
{
    const struct tg_wire_installed *m = tg_wire_body(p->m, TG_WIRE_INSTALLED);
    TG_AUTO(buf) struct tg_buf after = TG_BUF(TG_MAX_MESSAGE);
    struct tg_err why = {0};
    bool fits = check_installed(m, &s->row, &why) == 0;
    if (s->row.state == APPLICATION_INSTALLED && fits) {
        answer(p, "again", "it is installed");
        report_finish(p, NULL);
        return;
    }
    if (s->row.state != APPLICATION_ISSUED) {
        p->may_fail = false;
        TG_FAIL(&why, TG_E_STATE, "installed: the application is %s",
                application_state_word(s->row.state));
        fits = false;
    }
    if (!fits) {
        report_refuse(p, &why);
        return;
    }
    struct application_step step = {.id = p->id,
                                    .rev = p->rev,
                                    .from = APPLICATION_ISSUED,
                                    .to = APPLICATION_INSTALLED,
                                    .now = p->now,
                                    .actor = p->actor};
    int64_t keep = s->archive_after_s;
    struct db_unit *u = db_unit_new(p->d->db, "installed");
    print_results(m, &after);
    dispatch_add_installed(u, p->id, p->agent_id, tg_buf_text(&after), p->now,
                           keep < 0 ? DB_NULL_I64 : p->now + keep);
    application_add_move(u, &step);
    inventory_add_installed(u, s->row.keystore_id, s->row.certificate_id, s->new_id, p->now);
    answer(p, "done", "installed");
    report_write(p, u, JOB_INSTALL);
}

/* --- failed --- */

static void waits(struct report *p, const struct tg_wire_failed *m, const struct application_row *r)
{
    enum application_waits for_ = application_waits_from_word(m->waits_for);
    answer(p, "done", "it waits");
    if (for_ == APPLICATION_WAITS_NOTHING || r->waits_for == for_) {
        report_finish(p, NULL);
        return;
    }
    struct db_unit *u = db_unit_new(p->d->db, "waits");
    application_add_waits(u, p->id, p->rev, for_, p->now);
    db_unit_run(u, on_written, p); /* not stored: what it waits for may change */
}

static void failed(struct report *p, const struct dispatch_subject *s)
{
    const struct tg_wire_failed *m = tg_wire_body(p->m, TG_WIRE_FAILED);
    bool at_work = s->row.state == APPLICATION_DRAFTED || s->row.state == APPLICATION_ISSUED;
    if (!at_work) {
        answer(p, "done", "the application is not with the agent any more");
        report_finish(p, NULL);
        return;
    }
    if (m->waits_for && *m->waits_for) {
        waits(p, m, &s->row);
        return;
    }
    struct application_step step = {.id = p->id,
                                    .rev = p->rev,
                                    .from = s->row.state,
                                    .to = APPLICATION_FAILED,
                                    .now = p->now,
                                    .actor = p->actor,
                                    .code = tg_code_word(tg_code_from_word(m->code)),
                                    .why = m->text};
    struct db_unit *u = db_unit_new(p->d->db, "failed");
    application_add_failure(u, &step, (int)p->failures + 1);
    answer(p, "done", "it failed");
    report_write(p, u, s->row.state == APPLICATION_DRAFTED ? JOB_PREPARE : JOB_INSTALL);
}

/* --- all of them --- */

static bool stored_answer(struct report *p, const struct db_results *r)
{
    const char *stored = p->m->id > 0 ? dispatch_answer_at(r) : NULL;
    if (!stored) return false;
    size_t word = strcspn(stored, " ");
    (void)tg_copyn(p->result, sizeof p->result, stored, word);
    if (strcmp(p->result, "done") == 0) (void)tg_copy(p->result, sizeof p->result, "again");
    (void)snprintf(p->text, sizeof p->text, "%s", stored[word] ? stored + word + 1 : "");
    return true;
}

static void on_read(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct report *p = data;
    struct dispatch_subject s;
    struct tg_err why = {0};
    if (err) {
        report_finish(p, err);
        return;
    }
    if (stored_answer(p, r)) {
        report_finish(p, NULL);
        return;
    }
    if (!dispatch_subject_at(r, &s) || s.row.agent_id != p->agent_id) {
        TG_FAIL(&why, TG_E_DENIED, "application %.20s: it is none of this agent", p->number);
        report_refuse(p, &why);
        return;
    }
    p->id = s.row.id;
    p->rev = s.row.rev;
    p->state = s.row.state;
    p->failures = s.failures;
    (void)snprintf(p->actor, sizeof p->actor, "agent:%s", s.row.agent);
    p->may_fail = s.row.state == APPLICATION_DRAFTED || s.row.state == APPLICATION_ISSUED;
    if (p->m->type == TG_WIRE_PREPARED)
        report_prepared(p, r, &s);
    else if (p->m->type == TG_WIRE_INSTALLED)
        installed(p, &s);
    else
        failed(p, &s);
}

static const char *number_of(const struct tg_wire_message *m)
{
    if (m->type == TG_WIRE_PREPARED) return ((const struct tg_wire_prepared *)m->body)->application;
    if (m->type == TG_WIRE_INSTALLED)
        return ((const struct tg_wire_installed *)m->body)->application;
    TG_CHECK(m->type == TG_WIRE_FAILED);
    return ((const struct tg_wire_failed *)m->body)->application;
}

void dispatch_report(struct dispatch *d, int64_t agent_id, struct tg_wire_message *m, int64_t now,
                     dispatch_answer_fn fn, void *data)
{
    struct report *p = TG_NEW(struct report);
    uint8_t spki[TG_SHA256];
    struct dispatch_question q = {.job = m->id,
                                  .agent_id = agent_id,
                                  .kind = tg_wire_word(m->type)};
    *p = (struct report){.d = d, .agent_id = agent_id, .m = m, .now = now, .fn = fn, .data = data};
    p->draft = TG_BUF(TG_MAX_LEAF);
    (void)snprintf(p->number, sizeof p->number, "%s", number_of(m));
    (void)snprintf(p->actor, sizeof p->actor, "agent:%lld", (long long)agent_id);
    if (!tg_number_parse(p->number, &q.number))
        q.number = (struct tg_number){0}; /* found nowhere */
    if (m->type == TG_WIRE_PREPARED && report_key(m, spki)) q.spki = spki;
    dispatch_begin(d);
    struct db_unit *u = db_unit_new(d->db, "report");
    dispatch_add_question(u, &q);
    db_unit_run(u, on_read, p);
}
