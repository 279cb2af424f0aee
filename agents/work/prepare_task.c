/* prepare: the record first, then the child, then the record again, then the report. */
#include <string.h>

#include "seal/leaf.h"
#include "work_in.h"

static const struct tg_wire_prepare *body_of(const struct task *t)
{
    return tg_wire_body(t->m, TG_WIRE_PREPARE);
}

/* Is what was made still what is asked? A correction keeps the number but changes the draft: then
 * the old key signs again. */
static bool made_from(const struct agent_pending *p, const struct tg_wire_blob *draft)
{
    struct tg_leaf *asked = TG_NEW(struct tg_leaf), *made = TG_NEW(struct tg_leaf);
    struct tg_err ignored = {0};
    struct tg_buf again = TG_BUF(TG_MAX_LEAF);
    bool same = tg_app_parse(draft->data, draft->len, TG_APP_DRAFT, asked, &ignored) == 0 &&
                tg_app_parse(p->app.data, p->app.len, TG_APP_FULL, made, &ignored) == 0;
    if (same) {
        (void)tg_copy(asked->key, sizeof asked->key, made->key);
        asked->consent = made->consent;
        same = tg_app_print(asked, TG_APP_FULL, &again, &ignored) == 0 && again.len == p->app.len &&
               memcmp(again.data, p->app.data, again.len) == 0;
    }
    tg_buf_done(&again);
    free(asked);
    free(made);
    return same;
}

static bool same_draft(const struct agent_pending *p, const struct tg_wire_blob *draft)
{
    return p->app.len == draft->len && memcmp(p->app.data, draft->data, draft->len) == 0;
}

/* The record of an earlier try, made fit for this request, or a new one. While it is `asked` its
 * app holds the draft, so that a consent is only ever for what the holder saw. */
static int make_record(struct task *t, struct tg_err *err)
{
    const struct tg_wire_prepare *b = body_of(t);
    int rc = agent_pending_load(t->work->dir, t->number, &t->record, err);
    if (rc < 0 && rc != TG_E_NOT_FOUND) return rc;
    if (rc == TG_E_NOT_FOUND) t->record = agent_pending_new(t->number, t->id, b->path);
    struct agent_pending *p = t->record;
    if (p->state == AGENT_INSTALLED) return 0;
    bool keep = p->state == AGENT_MADE ? made_from(p, &b->app) : same_draft(p, &b->app);
    if (p->state == AGENT_MADE && keep && strcmp(p->path, b->path) == 0) return 0;
    if (!keep) p->consent[0] = '\0';
    p->state = AGENT_ASKED;
    p->job = t->id;
    free(p->path);
    p->path = tg_strdup(b->path);
    p->app.max = TG_MAX_LEAF;
    tg_buf_reset(&p->app);
    tg_buf_add(&p->app, b->app.data, b->app.len);
    return agent_pending_save(t->work->dir, p, err);
}

static void report(struct task *t)
{
    const struct agent_pending *p = t->record;
    struct tg_wire_prepared body = {.application = t->number,
                                    .app = {p->app.data, p->app.len},
                                    .csr = {p->csr.data, p->csr.len},
                                    .cms = {p->cms.data, p->cms.len}};
    task_report(t, TG_WIRE_PREPARED, &body,
                json_pack("{s:s,s:s,s:s}", "application", t->number, "state", "prepared", "consent",
                          p->consent));
}

static int take_answer(struct task *t, const json_t *answer, struct tg_err *err)
{
    struct agent_pending *p = t->record;
    const char *key = NULL, *old = NULL;
    p->csr.max = TG_MAX_CSR;
    p->cms.max = TG_MAX_CMS;
    TG_TRY(tg_json_hex256(answer, "key", &key, err));
    TG_TRY(tg_json_hex256(answer, "old", &old, err));
    TG_TRY(work_unbase64(answer, "app", &p->app, err));
    TG_TRY(work_unbase64(answer, "csr", &p->csr, err));
    TG_TRY(work_unbase64(answer, "cms", &p->cms, err));
    (void)tg_copy(p->key, sizeof p->key, key);
    (void)tg_copy(p->old, sizeof p->old, old);
    tg_sha256_hex(p->app.data, p->app.len, p->app_sha);
    p->state = AGENT_MADE;
    return agent_pending_save(t->work->dir, p, err);
}

static void on_prepared(const json_t *answer, const struct tg_err *job_err, void *data)
{
    struct task *t = data;
    struct tg_err err = {0};
    if (task_job_ended(t, job_err)) return;
    if (job_err && (job_err->code == TG_E_LOCKED || job_err->code == TG_E_PASSWORD)) {
        agent_seal_drop(t->number); /* what was sealed does not open it (any more) */
        task_wait(t, "password", job_err->text);
    } else if (job_err) {
        task_fail(t, job_err);
    } else if (take_answer(t, answer, &err) < 0) {
        tg_log_err(TG_LOG_ERROR, "work", "record", &err);
        task_again(t); /* the key beside the keystore is found again */
    } else {
        report(t);
    }
}

static int start(struct task *t, struct tg_err *err)
{
    const struct tg_wire_prepare *b = body_of(t);
    const struct agent_work_opts *o = &t->work->o;
    struct agent_pending *p = t->record;
    TG_AUTO(secret) struct tg_secret password = {0};
    TG_AUTO(json) json_t *request = NULL;
    if (!p->consent[0]) (void)tg_copy(p->consent, sizeof p->consent, "key-unattended");
    bool sealed = agent_seal_get(t->number, &password);
    request =
        json_pack("{s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:s,s:O}", "application", t->number, "algorithm",
                  b->algorithm, "app", work_base64(b->app.data, b->app.len), "consent", p->consent,
                  "agent", o->identity->agent, "host", o->identity->host, "realm",
                  o->identity->realm, "secret", p->secret, "passwords", o->config->passwords);
    struct agent_job_spec spec = {.kind = "prepare",
                                  .path = p->path,
                                  .request = request,
                                  .password = sealed ? &password : NULL};
    return task_job(t, &spec, on_prepared, err);
}

static int check(const struct task *t, struct tg_err *err)
{
    const struct tg_wire_prepare *b = body_of(t);
    if (b->deadline > 0 && work_now(t->work) > b->deadline)
        return TG_FAIL(err, TG_E_EXPIRED, "%s: the request's time is over", t->number);
    /* What may be opened is this machine's word (TRUST §6). */
    if (!agent_config_covers(t->work->o.config, b->path))
        return TG_FAIL(err, TG_E_DENIED, "%s: lies under none of this agent's scan roots", b->path);
    return 0;
}

void prepare_run(struct task *t)
{
    struct tg_err err = {0};
    int rc = check(t, &err);
    if (rc == 0) {
        rc = make_record(t, &err);
        if (rc < 0 && tg_code_next(rc) == TG_NEXT_RETRY) {
            tg_log_err(TG_LOG_ERROR, "work", "record", &err);
            task_again(t);
            return;
        }
    }
    bool made = rc == 0 && t->record->state != AGENT_ASKED;
    if (made) {
        report(t);
        return;
    }
    if (rc == 0 && strcmp(body_of(t)->confirm, "none") != 0 &&
        strcmp(t->record->consent, "key") != 0) {
        task_wait(t, "holder", "the holder confirms: tamga-agent confirm");
        return;
    }
    if (rc == 0) rc = start(t, &err);
    if (rc < 0) task_fail(t, &err);
}
