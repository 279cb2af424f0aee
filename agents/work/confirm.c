/* What people on this machine ask. */
#include <string.h>

#include "base/times.h"
#include "seal/leaf.h"
#include "work_in.h"

/* Of the things that wait, a person sees what is his own; root sees all. */
static int may_see(const struct task *t, uid_t uid, struct tg_err *err)
{
    struct agent_owner owner;
    if (!t->path) return TG_FAIL(err, TG_E_DENIED, "it belongs to no keystore");
    if (uid == 0) return 0;
    TG_TRY(agent_owner_of(t->path, &owner, err));
    if (owner.uid == uid) return 0;
    return TG_FAIL(err, TG_E_DENIED, "application %s: only the keystore's owner may confirm it",
                   t->number);
}

static struct task *find_waiting(struct agent_work *w, const char *number)
{
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        if (t->state == TASK_WAITS && t->waits_for && strcmp(t->number, number) == 0) return t;
    }
    return NULL;
}

/* The one that is asked about. An application that is another's looks like one that is not there.
 */
static int find_own(struct agent_work *w, const json_t *request, uid_t uid, struct task **ret,
                    struct tg_err *err)
{
    const char *number = NULL;
    struct tg_number n;
    struct tg_err ignored = {0};
    TG_TRY(tg_json_str(request, "number", TG_NUMBER, &number, err));
    if (!tg_number_parse(number, &n))
        return TG_FAIL(err, TG_E_INPUT, "%.32s: not an application number", number);
    struct task *t = find_waiting(w, number);
    if (!t || may_see(t, uid, &ignored) < 0)
        return TG_FAIL(err, TG_E_NOT_FOUND, "application %s waits for nobody here", number);
    *ret = t;
    return 0;
}

static json_t *changes_json(const struct tg_leaf *leaf)
{
    json_t *list = json_array();
    for (size_t i = 0; i < leaf->changes_count; i++)
        json_array_append_new(list, json_pack("[s,s,s]", leaf->changes[i].field,
                                              leaf->changes[i].old, leaf->changes[i].new_));
    return list;
}

/* What the holder signs, in the words of the application itself. */
static int describe(struct task *t, json_t **ret, struct tg_err *err)
{
    struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    const struct tg_wire_prepare *b = NULL;
    TG_AUTO(agent_pending) struct agent_pending *record = NULL;
    struct tg_err ignored = {0};
    int rc = task_load(t, err);
    if (rc == 0 && t->type == TG_WIRE_PREPARE) {
        b = tg_wire_body(t->m, TG_WIRE_PREPARE);
        rc = tg_app_parse(b->app.data, b->app.len, TG_APP_DRAFT, leaf, err);
    } else if (rc == 0) {
        rc = agent_pending_load(t->work->dir, t->number, &record, err);
        if (rc == 0)
            rc = tg_app_parse(record->app.data, record->app.len, TG_APP_FULL, leaf, &ignored);
    }
    if (rc == 0)
        *ret = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:o}", "application", t->number,
                         "what", t->type == TG_WIRE_PREPARE ? "renew" : "install", "waits_for",
                         t->waits_for, "path", t->path, "holder", leaf->holder, "name", leaf->name,
                         "id", leaf->id, "ends", leaf->ends, "algorithm", leaf->alg, "days",
                         (int)leaf->days, "changes", changes_json(leaf));
    tg_wire_free(t->m);
    t->m = NULL;
    free(leaf);
    return rc;
}

static void do_list(struct agent_work *w, struct agent_control_call *call, uid_t uid)
{
    json_t *items = json_array();
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        json_t *one = NULL;
        struct tg_err err = {0};
        if (t->state != TASK_WAITS || !t->waits_for || may_see(t, uid, &err) < 0) continue;
        if (describe(t, &one, &err) == 0) json_array_append_new(items, one);
    }
    agent_control_answer(call, json_pack("{s:o}", "items", items));
}

static void on_details(struct side *side, const json_t *answer, const struct tg_err *err)
{
    struct task *t = work_find(side->work, side->slot);
    json_t *details = NULL;
    struct tg_err bad = {0};
    if (err) {
        agent_control_refuse(side->call, err);
        return;
    }
    if (!t || t->state != TASK_WAITS || describe(t, &details, &bad) < 0) {
        if (!t || bad.code == 0)
            (void)TG_FAIL(&bad, TG_E_STALE, "the application does not wait any more");
        agent_control_refuse(side->call, &bad);
        return;
    }
    bool opens = json_is_true(json_object_get(answer, "opens"));
    json_object_set_new(details, "needs_password", json_boolean(!opens));
    agent_control_answer(side->call, details);
}

static void do_confirm(struct task *t, struct agent_control_call *call,
                       const struct tg_secret *password);

/* The password was tried; only one that opens the keystore is sealed. */
static void on_tried(struct side *side, const json_t *answer, const struct tg_err *err)
{
    struct task *t = work_find(side->work, side->slot);
    struct tg_err bad = {0};
    (void)answer;
    if (!t || t->state != TASK_WAITS)
        (void)TG_FAIL(&bad, TG_E_STALE, "the application does not wait any more");
    else if (!err && !json_is_true(json_object_get(answer, "opens")))
        (void)TG_FAIL(&bad, TG_E_PASSWORD, "%s: %s", t->path,
                      side->password.data ? "the password does not open it"
                                          : "a password is needed");
    if (err || bad.code < 0)
        agent_control_refuse(side->call, err ? err : &bad);
    else
        do_confirm(t, side->call, side->password.data ? &side->password : NULL);
}

static int look(struct task *t, struct agent_control_call *call, const struct tg_secret *password,
                side_fn fn, struct tg_err *err)
{
    struct side *side = NULL;
    TG_AUTO(json) json_t *request = json_pack("{s:O}", "passwords", t->work->o.config->passwords);
    struct agent_job_spec spec = {.kind = "details",
                                  .path = t->path,
                                  .request = request,
                                  .password = password};
    TG_TRY(side_start(t->work, &spec, fn, &side, err));
    side->call = call;
    side->slot = t->slot;
    if (password) tg_secret_set(&side->password, password->data, password->len);
    return 0;
}

/* The consent is durable before anything is signed with it, and for exactly this draft. */
static int keep_consent(struct task *t, struct tg_err *err)
{
    TG_AUTO(agent_pending) struct agent_pending *record = NULL;
    if (t->type != TG_WIRE_PREPARE) return 0;
    TG_TRY(agent_pending_load(t->work->dir, t->number, &record, err));
    (void)tg_copy(record->consent, sizeof record->consent, "key");
    return agent_pending_save(t->work->dir, record, err);
}

static void do_confirm(struct task *t, struct agent_control_call *call,
                       const struct tg_secret *password)
{
    struct tg_err err = {0};
    int rc = keep_consent(t, &err);
    if (rc == 0 && password) rc = agent_seal_put(t->number, password, &err);
    if (rc < 0) {
        agent_control_refuse(call, &err);
        return;
    }
    tg_log(TG_LOG_INFO, "work", "confirmed", "application=%s", t->number);
    t->caller = call; /* told when the key has signed */
    t->state = TASK_READY;
    t->waits_for = NULL;
    work_soon(t->work);
}

static void do_status(struct agent_work *w, struct agent_control_call *call, uid_t uid)
{
    char scanned[TG_TIME] = "", since[TG_TIME] = "", ends[TG_TIME] = "";
    const struct agent_identity *id = w->o.identity;
    json_t *jobs = json_array();
    struct tg_err ignored = {0};
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        static const char *const words[] = {"ready", "running", "waits"};
        if (may_see(t, uid, &ignored) < 0) continue;
        json_array_append_new(jobs, json_pack("{s:s,s:s,s:s,s:s,s:s?}", "application", t->number,
                                              "what", tg_wire_word(t->type), "path", t->path,
                                              "state", words[t->state], "waits_for", t->waits_for));
    }
    if (w->last_scan) tg_time_print(w->last_scan, scanned);
    if (w->link && agent_link_since(w->link)) tg_time_print(agent_link_since(w->link), since);
    if (id->until) tg_time_print(id->until, ends);
    const char *why = w->link ? agent_link_why(w->link) : "";
    agent_control_answer(
        call,
        json_pack("{s:b,s:s,s:s,s:s,s:s,s:i,s:b,s:b,s:s?,s:s?,s:s?,s:s?,s:i,s:o,s:s}", "running", 1,
                  "agent", id->agent, "host", id->host, "server", id->server, "realm", id->realm,
                  "trust", (int)agent_trust_version(w->o.trust), "pending", id->pending,
                  "connected", w->link && agent_link_live(w->link), "since",
                  since[0] ? since : NULL, "why", why[0] ? why : NULL, "certificate_ends",
                  ends[0] ? ends : NULL, "scanned", scanned[0] ? scanned : NULL, "unsent",
                  (int)agent_spool_count(w->o.spool), "jobs", jobs, "version", TAMGA_VERSION));
}

/* A bundle that came by hand takes the same way as one of the server. */
static int do_install(struct agent_work *w, struct agent_control_call *call, const json_t *request,
                      uid_t uid, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    char number[TG_NUMBER];
    struct task *t = NULL;
    if (uid != 0 && uid != geteuid())
        return TG_FAIL(err, TG_E_DENIED, "a bundle is installed by root");
    TG_TRY(tg_json_base64(request, "bundle", &bundle, err));
    TG_TRY(bundle_number(bundle.data, bundle.len, number, err));
    struct tg_wire_install body = {.application = number, .bundle = {bundle.data, bundle.len}};
    tg_wire_print(TG_WIRE_INSTALL, 0, &body, &line);
    TG_TRY(tg_wire_parse(line.data, line.len, &m, err));
    TG_TRY(agent_folder_put(w->dir, "jobs", w->offline_slot, line.data, line.len, err));
    TG_TRY(work_add(w, m, w->offline_slot++, &t, err));
    t->caller = call;
    work_soon(w);
    return 0;
}

static int dispatch(struct agent_work *w, struct agent_control_call *call, const json_t *request,
                    const struct tg_secret *password, uid_t uid, struct tg_err *err)
{
    const char *what = NULL;
    struct task *t = NULL;
    if (w->closing) return TG_FAIL(err, TG_E_CANCELLED, "the agent is stopping");
    TG_TRY(tg_json_str(request, "do", 16, &what, err));
    if (strcmp(what, "status") == 0) {
        do_status(w, call, uid);
        return 0;
    }
    if (strcmp(what, "list") == 0) {
        do_list(w, call, uid);
        return 0;
    }
    if (strcmp(what, "install") == 0) return do_install(w, call, request, uid, err);
    bool details = strcmp(what, "details") == 0;
    if (!details && strcmp(what, "confirm") != 0)
        return TG_FAIL(err, TG_E_INPUT, "do: \"%s\" is unknown", what);
    TG_TRY(find_own(w, request, uid, &t, err));
    return look(t, call, details ? NULL : password, details ? on_details : on_tried, err);
}

void agent_work_request(struct agent_control_call *call, const json_t *request,
                        const struct tg_secret *password, uid_t uid, void *work)
{
    struct tg_err err = {0};
    if (dispatch(work, call, request, password, uid, &err) < 0) agent_control_refuse(call, &err);
}
