/* install: record, child, record, commands, report; and retire. */
#include <string.h>

#include "work_in.h"

static void go_on(struct task *t);

int install_record(const char *dir, const char *number, struct agent_pending **ret,
                   struct tg_err *err)
{
    int rc = agent_pending_load(dir, number, ret, err);
    if (rc == TG_E_NOT_FOUND)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "A1: application %s was not prepared by this agent, or was cancelled",
                       number);
    TG_TRY(rc);
    if ((*ret)->state == AGENT_ASKED)
        return TG_FAIL(err, TG_E_STATE, "A1: application %s is not prepared yet", number);
    return 0;
}

json_t *install_request(const struct agent_work_opts *o, const struct agent_pending *record,
                        const void *bundle, size_t len)
{
    json_t *pending = json_pack("{s:s,s:s,s:s,s:s}", "agent", o->identity->agent, "app",
                                record->app_sha, "key", record->key, "old", record->old);
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:s,s:O}", "application", record->number, "bundle",
                     work_base64(bundle, len), "pending", pending, "trust",
                     agent_trust_json(o->trust), "recalled", agent_trust_recalled(o->trust),
                     "secret", record->secret, "passwords", o->config->passwords);
}

json_t *after_request(const struct agent_config *c, const char *path, bool as_root,
                      unsigned *ret_wait_ms)
{
    json_t *commands = json_array();
    unsigned wait_s = 0, n = 0;
    for (size_t i = 0; i < c->after_count; i++) {
        const struct agent_command *a = &c->after[i];
        if (a->as_root != as_root || !tg_glob(a->match, path)) continue;
        json_t *words = json_array();
        for (size_t k = 0; k < a->words_count; k++)
            json_array_append_new(words, json_string(a->words[k]));
        json_array_append_new(commands, words);
        if (a->wait_s > wait_s) wait_s = a->wait_s;
        n++;
    }
    if (n == 0) {
        json_decref(commands);
        return NULL;
    }
    *ret_wait_ms = n * wait_s * 1000 + 10 * 1000;
    return json_pack("{s:o,s:i}", "commands", commands, "wait_s", (int)wait_s);
}

int installed_report(struct agent_spool *spool, int64_t id, const char *number,
                     const char *certificate, const json_t *results, struct tg_err *err)
{
    size_t n = json_array_size(results);
    struct tg_wire_command_result *after = tg_calloc(n + 1, sizeof *after);
    char *application = tg_strdup(number), *hex = tg_strdup(certificate);
    for (size_t i = 0; i < n; i++) {
        const json_t *r = json_array_get(results, i);
        const char *command = json_string_value(json_object_get(r, "command"));
        after[i].command = (char *)(uintptr_t)(command ? command : "");
        after[i].exit = json_integer_value(json_object_get(r, "exit"));
    }
    struct tg_wire_installed body = {.application = application,
                                     .certificate = hex,
                                     .verified = true,
                                     .after = {after, n}};
    int rc = agent_spool_message(spool, TG_WIRE_INSTALLED, id, &body, err);
    free(after);
    free(application);
    free(hex);
    return rc;
}

static void finish(struct task *t)
{
    struct tg_err err = {0};
    const struct agent_pending *p = t->record;
    int rc = installed_report(t->work->o.spool, t->id, t->number, p->certificate, t->results, &err);
    if (rc < 0) {
        tg_log_err(TG_LOG_ERROR, "work", "spool", &err);
        task_again(t);
        return;
    }
    tg_log(TG_LOG_INFO, "work", "installed", "job=%lld application=%s certificate=%s",
           (long long)t->id, t->number, p->certificate);
    task_done(t, json_pack("{s:s,s:s,s:b,s:O}", "application", t->number, "certificate",
                           p->certificate, "verified", 1, "after", t->results));
}

static void on_after(const json_t *answer, const struct tg_err *job_err, void *data)
{
    struct task *t = data;
    if (task_job_ended(t, job_err)) return;
    if (job_err) {
        tg_log_err(TG_LOG_WARN, "work", "after-install", job_err);
        json_array_append_new(t->results,
                              json_pack("{s:s,s:i}", "command", "after-install", "exit", -1));
    } else {
        json_array_extend(t->results, json_object_get(answer, "results"));
    }
    go_on(t);
}

/* First the owner's commands, then root's. They never undo an install. */
static void go_on(struct task *t)
{
    struct agent_work *w = t->work;
    struct tg_err err = {0};
    unsigned wait_ms = 0;
    if (!t->results) {
        t->results = json_array();
    } else if (!t->as_root) {
        t->as_root = true;
    } else {
        finish(t);
        return;
    }
    TG_AUTO(json)
    json_t *request = after_request(w->o.config, t->record->path, t->as_root, &wait_ms);
    struct agent_job_spec spec = {.kind = "after",
                                  .path = t->as_root ? w->dir : t->record->path,
                                  .request = request,
                                  .wait_ms = wait_ms};
    int rc = request ? task_job(t, &spec, on_after, &err) : 0;
    if (rc < 0) {
        tg_log_err(TG_LOG_WARN, "work", "after-install", &err);
        json_array_append_new(t->results,
                              json_pack("{s:s,s:i}", "command", "after-install", "exit", -1));
    }
    if (!request || rc < 0) go_on(t);
}

static int take_answer(struct task *t, const json_t *answer, struct tg_err *err)
{
    struct agent_pending *p = t->record;
    const char *certificate = NULL;
    TG_TRY(tg_json_hex256(answer, "certificate", &certificate, err));
    (void)tg_copy(p->certificate, sizeof p->certificate, certificate);
    p->state = AGENT_INSTALLED;
    if (t->id > 0) p->job = t->id;
    TG_TRY(agent_pending_save(t->work->dir, p, err));
    agent_seal_drop(t->number);
    return 0;
}

static void on_installed(const json_t *answer, const struct tg_err *job_err, void *data)
{
    struct task *t = data;
    struct tg_err err = {0};
    if (task_job_ended(t, job_err)) return;
    if (job_err && (job_err->code == TG_E_LOCKED || job_err->code == TG_E_PASSWORD)) {
        agent_seal_drop(t->number);
        task_wait(t, "password", job_err->text);
    } else if (job_err) {
        task_fail(t, job_err);
    } else if (take_answer(t, answer, &err) < 0) {
        tg_log_err(TG_LOG_ERROR, "work", "record", &err);
        task_again(t); /* the job finds the new pair in place */
    } else {
        go_on(t);
    }
}

static int start(struct task *t, struct tg_err *err)
{
    const struct tg_wire_install *b = tg_wire_body(t->m, TG_WIRE_INSTALL);
    TG_AUTO(secret) struct tg_secret password = {0};
    bool sealed = agent_seal_get(t->number, &password);
    TG_AUTO(json)
    json_t *request = install_request(&t->work->o, t->record, b->bundle.data, b->bundle.len);
    struct agent_job_spec spec = {.kind = "install",
                                  .path = t->record->path,
                                  .request = request,
                                  .password = sealed ? &password : NULL};
    return task_job(t, &spec, on_installed, err);
}

void install_run(struct task *t)
{
    struct tg_err err = {0};
    int rc = install_record(t->work->dir, t->number, &t->record, &err);
    if (rc == 0 && t->record->state == AGENT_INSTALLED) {
        go_on(t);
        return;
    }
    if (rc == 0) rc = start(t, &err);
    if (rc < 0) task_fail(t, &err);
}

static void on_retired(const json_t *answer, const struct tg_err *job_err, void *data)
{
    struct task *t = data;
    (void)answer;
    if (task_job_ended(t, job_err)) return;
    if (job_err)
        task_fail(t, job_err);
    else
        task_done(t, NULL);
}

/* Only after this agent's own verified install of it, and only in the place that it remembers. */
void retire_run(struct task *t)
{
    const struct tg_wire_retire *b = tg_wire_body(t->m, TG_WIRE_RETIRE);
    struct tg_err err = {0};
    int rc = agent_pending_load(t->work->dir, t->number, &t->record, &err);
    if (rc == 0 &&
        (t->record->state != AGENT_INSTALLED || strcmp(t->record->old, b->certificate) != 0))
        rc =
            TG_FAIL(&err, TG_E_STATE, "%s: this agent did not replace that certificate", t->number);
    if (rc == 0) {
        TG_AUTO(json)
        json_t *request =
            json_pack("{s:s,s:s}", "application", t->number, "certificate", b->certificate);
        struct agent_job_spec spec = {.kind = "retire",
                                      .path = t->record->path,
                                      .request = request};
        rc = task_job(t, &spec, on_retired, &err);
    }
    if (rc < 0) task_fail(t, &err);
}
