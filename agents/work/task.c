/* One task: its file, its child, its report. */
#include <string.h>

#include "work_in.h"

void task_free(struct task *t)
{
    tg_list_del(&t->node);
    tg_wire_free(t->m);
    agent_pending_free(t->record);
    json_decref(t->results);
    free(t->path);
    free(t);
}

json_t *work_base64(const void *bytes, size_t len)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    tg_base64(&text, bytes, len);
    return json_string(tg_buf_text(&text));
}

int work_unbase64(const json_t *answer, const char *field, struct tg_buf *ret, struct tg_err *err)
{
    tg_buf_reset(ret);
    return tg_json_base64(answer, field, ret, err);
}

int task_load(struct task *t, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    if (t->m) return 0;
    TG_TRY(agent_folder_get(t->work->dir, "jobs", t->slot, &line, err));
    return tg_wire_parse(line.data, line.len, &t->m, err);
}

/* Memory between runs: bundles are large, most tasks wait for a person. */
static void unload(struct task *t)
{
    tg_wire_free(t->m);
    agent_pending_free(t->record);
    json_decref(t->results);
    t->m = NULL;
    t->record = NULL;
    t->results = NULL;
    t->as_root = false;
}

void task_run(struct task *t)
{
    struct tg_err err = {0};
    t->state = TASK_RUNNING;
    t->work->running++;
    t->waits_for = NULL;
    if (task_load(t, &err) < 0) {
        task_fail(t, &err);
        return;
    }
    if (t->type == TG_WIRE_PREPARE)
        prepare_run(t);
    else if (t->type == TG_WIRE_INSTALL)
        install_run(t);
    else if (t->type == TG_WIRE_RETIRE)
        retire_run(t);
    else
        scan_run(t);
}

/* Out of the running ones. */
static void stop_running(struct task *t)
{
    if (t->state == TASK_RUNNING) t->work->running--;
    t->state = TASK_READY;
}

static void tell_caller(struct task *t, json_t *outcome, const struct tg_err *err)
{
    struct agent_control_call *call = TG_TAKE(t->caller);
    if (!call)
        json_decref(outcome);
    else if (outcome)
        agent_control_answer(call, outcome);
    else
        agent_control_refuse(call, err);
}

static void cancelled_error(struct tg_err *err)
{
    (void)TG_FAIL(err, TG_E_CANCELLED, "the application was cancelled, or replaced by a newer one");
}

void task_done(struct task *t, json_t *outcome)
{
    struct agent_work *w = t->work;
    struct tg_err err = {0};
    cancelled_error(&err);
    tell_caller(t, outcome, &err);
    stop_running(t);
    if (agent_folder_drop(w->dir, "jobs", t->slot, &err) < 0)
        tg_log_err(TG_LOG_WARN, "work", "drop", &err); /* it is done again after a restart */
    bool told = t->type == TG_WIRE_PREPARE || t->type == TG_WIRE_INSTALL;
    if (w->link && (!told || t->cancelled)) agent_link_ack(w->link, t->id);
    task_free(t);
    if (w->link) agent_link_poke(w->link);
    work_soon(w);
    work_ended(w);
    agent_trim();
}

void task_again(struct task *t)
{
    struct agent_work *w = t->work;
    struct tg_err err = {0};
    (void)TG_FAIL(&err, TG_E_BUSY, "not now; the agent tries again");
    tell_caller(t, NULL, &err);
    stop_running(t);
    unload(t);
    work_rest(w);
    work_ended(w);
}

void task_report(struct task *t, enum tg_wire_type type, const void *body, json_t *outcome)
{
    struct tg_err err = {0};
    int rc = agent_spool_message(t->work->o.spool, type, t->id, body, &err);
    if (rc < 0) {
        tg_log_err(TG_LOG_ERROR, "work", "spool", &err);
        json_decref(outcome);
        task_again(t);
        return;
    }
    tg_log(TG_LOG_INFO, "work", tg_wire_word(type), "job=%lld application=%s", (long long)t->id,
           t->number);
    task_done(t, outcome);
}

static int report_failed(struct task *t, int code, const char *text, const char *waits_for,
                         struct tg_err *err)
{
    char *code_word = tg_strdup(tg_code_word(code)), *copy = tg_strdup(text);
    char *waits = waits_for ? tg_strdup(waits_for) : NULL;
    struct tg_wire_failed body = {.application = t->number,
                                  .code = code_word,
                                  .text = copy,
                                  .waits_for = waits};
    int rc = agent_spool_message(t->work->o.spool, TG_WIRE_FAILED, t->id, &body, err);
    free(code_word);
    free(copy);
    free(waits);
    return rc;
}

void task_fail(struct task *t, const struct tg_err *why)
{
    struct tg_err err = {0};
    tg_log(TG_LOG_WARN, "work", "failed", "type=%s job=%lld application=%s code=%s why=%s",
           tg_wire_word(t->type), (long long)t->id, t->number, tg_code_word(why->code),
           tg_q(why->text));
    tell_caller(t, NULL, why);
    int rc = t->type == TG_WIRE_SCAN ? 0 : report_failed(t, why->code, why->text, NULL, &err);
    if (rc == 0) {
        task_done(t, NULL);
        return;
    }
    tg_log_err(TG_LOG_ERROR, "work", "spool", &err);
    task_again(t);
}

void task_wait(struct task *t, const char *waits_for, const char *text)
{
    struct agent_work *w = t->work;
    struct tg_err err = {0}, why = {0};
    (void)TG_FAIL(&why, TG_E_LOCKED, "%s", text);
    tell_caller(t, NULL, &why);
    stop_running(t);
    unload(t);
    t->state = TASK_WAITS;
    t->waits_for = waits_for;
    tg_log(TG_LOG_INFO, "work", "waits", "job=%lld application=%s for=%s", (long long)t->id,
           t->number, waits_for);
    if (report_failed(t, TG_E_LOCKED, text, waits_for, &err) < 0)
        tg_log_err(TG_LOG_ERROR, "work", "spool", &err); /* `status` and `confirm` show it still */
    if (w->link) agent_link_poke(w->link);
    work_soon(w);
    work_ended(w);
    agent_trim();
}

int task_job(struct task *t, const struct agent_job_spec *spec, agent_job_done_fn done,
             struct tg_err *err)
{
    return agent_job_start(&t->work->o.loop->uv, spec, done, t, &t->job, err);
}

bool task_job_ended(struct task *t, const struct tg_err *err)
{
    struct agent_work *w = t->work;
    bool stopped = err && err->code == TG_E_CANCELLED;
    t->job = NULL;
    if (t->cancelled && t->type == TG_WIRE_PREPARE) {
        task_done(t, NULL);
        return true;
    }
    if (!w->closing || !stopped) return false;
    tell_caller(t, NULL, err);
    stop_running(t);
    unload(t);
    work_ended(w);
    return true;
}
