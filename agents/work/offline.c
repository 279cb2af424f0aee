/* install --bundle while no daemon runs: step by step, waiting. */
#include <string.h>

#include "seal/bundle.h"
#include "seal/leaf.h"
#include "work_in.h"

int bundle_number(const void *bytes, size_t len, char ret[TG_NUMBER], struct tg_err *err)
{
    struct tg_bundle *bundle = NULL;
    if (tg_bundle_parse(bytes, len, &bundle, err) < 0) return tg_err_wrap(err, "V1");
    struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    int rc = tg_leaf_parse(bundle->leaf.data, bundle->leaf.len, leaf, err);
    if (rc < 0) rc = tg_err_wrap(err, "V1");
    if (rc == 0) (void)tg_copy(ret, TG_NUMBER, leaf->no);
    free(leaf);
    tg_bundle_free(bundle);
    return rc;
}

static int install(const struct agent_work_opts *o, struct agent_pending *p, const void *bytes,
                   size_t len, struct tg_err *err)
{
    TG_AUTO(secret) struct tg_secret password = {0};
    TG_AUTO(json) json_t *request = install_request(o, p, bytes, len);
    TG_AUTO(json) json_t *answer = NULL;
    const char *certificate = NULL;
    bool sealed = agent_seal_get(p->number, &password);
    struct agent_job_spec spec = {.kind = "install",
                                  .path = p->path,
                                  .request = request,
                                  .password = sealed ? &password : NULL};
    TG_TRY(agent_job_call(&spec, &answer, err));
    TG_TRY(tg_json_hex256(answer, "certificate", &certificate, err));
    (void)tg_copy(p->certificate, sizeof p->certificate, certificate);
    p->state = AGENT_INSTALLED;
    TG_TRY(agent_pending_save(o->dir, p, err));
    agent_seal_drop(p->number);
    return 0;
}

static void run_commands(const struct agent_work_opts *o, const char *path, bool as_root,
                         json_t *results)
{
    unsigned wait_ms = 0;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *answer = NULL;
    TG_AUTO(json) json_t *request = after_request(o->config, path, as_root, &wait_ms);
    struct agent_job_spec spec = {.kind = "after",
                                  .path = as_root ? o->dir : path,
                                  .request = request,
                                  .wait_ms = wait_ms};
    if (!request) return;
    if (agent_job_call(&spec, &answer, &err) == 0)
        json_array_extend(results, json_object_get(answer, "results"));
    else
        json_array_append_new(results,
                              json_pack("{s:s,s:i}", "command", "after-install", "exit", -1));
}

int agent_work_install(const struct agent_work_opts *o, const void *bundle, size_t len,
                       json_t **ret, struct tg_err *err)
{
    char number[TG_NUMBER];
    TG_AUTO(agent_pending) struct agent_pending *p = NULL;
    TG_TRY(bundle_number(bundle, len, number, err));
    TG_TRY(install_record(o->dir, number, &p, err));
    bool again = p->state == AGENT_INSTALLED;
    if (!again) TG_TRY(install(o, p, bundle, len, err));
    TG_AUTO(json) json_t *results = json_array();
    run_commands(o, p->path, false, results);
    run_commands(o, p->path, true, results);
    TG_TRY(installed_report(o->spool, 0, number, p->certificate, results, err));
    *ret = json_pack("{s:s,s:s,s:b,s:b,s:O}", "application", number, "certificate", p->certificate,
                     "verified", 1, "again", again, "after", results);
    return 0;
}
