/* The queue: what was asked, in order, one job a keystore. */
#include "work_in.h"

#include <string.h>

enum { RETRY_MS = 60 * 1000, DRAIN_JOBS_MS = 8 * 1000 };
/* Numbers of our own, for bundles that came by hand: above any of the server's. */
#define OFFLINE_SLOTS (INT64_C(1) << 60)

int64_t work_now(const struct agent_work *w)
{
    return tg_loop_wall(w->o.loop);
}

/* What a message is about; NULL for none. */
static const char *number_of(const struct tg_wire_message *m)
{
    if (m->type == TG_WIRE_PREPARE) return ((const struct tg_wire_prepare *)m->body)->application;
    if (m->type == TG_WIRE_INSTALL) return ((const struct tg_wire_install *)m->body)->application;
    if (m->type == TG_WIRE_RETIRE) return ((const struct tg_wire_retire *)m->body)->application;
    if (m->type == TG_WIRE_CANCEL) return ((const struct tg_wire_cancel *)m->body)->application;
    return NULL;
}

/* The keystore: of the request when it is being prepared, afterwards only of our own record. */
static char *path_of(const struct agent_work *w, const struct tg_wire_message *m,
                     const char *number)
{
    TG_AUTO(agent_pending) struct agent_pending *record = NULL;
    struct tg_err ignored = {0};
    if (m->type == TG_WIRE_PREPARE)
        return tg_strdup(((const struct tg_wire_prepare *)m->body)->path);
    if (m->type != TG_WIRE_INSTALL && m->type != TG_WIRE_RETIRE) return NULL;
    if (agent_pending_load(w->dir, number, &record, &ignored) < 0) return NULL;
    return tg_strdup(record->path);
}

int work_add(struct agent_work *w, const struct tg_wire_message *m, int64_t slot, struct task **ret,
             struct tg_err *err)
{
    struct tg_number n;
    const char *number = number_of(m);
    if (number && !tg_number_parse(number, &n))
        return TG_FAIL(err, TG_E_INPUT, "%.32s: not an application number", number);
    struct task *t = TG_NEW(struct task);
    t->work = w;
    t->slot = slot;
    t->id = m->id;
    t->type = m->type;
    if (number) (void)tg_copy(t->number, sizeof t->number, number);
    t->path = path_of(w, m, t->number);
    tg_list_add(&w->tasks, &t->node);
    if (ret) *ret = t;
    return 0;
}

struct task *work_find(struct agent_work *w, int64_t slot)
{
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        if (t->slot == slot) return t;
    }
    return NULL;
}

static bool keystore_busy(const struct agent_work *w, const struct task *t)
{
    const struct task *other;
    tg_list_each(other, &w->tasks, struct task, node)
    {
        if (other != t && other->state == TASK_RUNNING && other->path && t->path &&
            strcmp(other->path, t->path) == 0)
            return true;
    }
    return false;
}

static void pump(struct agent_work *w)
{
    struct task *t;
    bool went = true;
    /* A task that ends at once changes the list; one that asks for a rest ends the round. */
    while (went && !w->closing && !w->resting) {
        went = false;
        tg_list_each(t, &w->tasks, struct task, node)
        {
            bool child = t->type != TG_WIRE_SCAN;
            if (t->state != TASK_READY || keystore_busy(w, t) ||
                (child && w->running >= w->o.config->jobs))
                continue;
            went = true;
            task_run(t);
            break;
        }
    }
}

static void on_retry(struct tg_deadline *d, void *data)
{
    struct agent_work *w = data;
    (void)d;
    w->resting = false;
    pump(w);
}

/* From the loop, never from inside a connection's or a job's call back. */
void work_soon(struct agent_work *w)
{
    if (!w->closing && !tg_deadline_active(&w->retry)) tg_deadline_start(&w->retry, 0, on_retry);
}

void work_rest(struct agent_work *w)
{
    w->resting = true;
    if (!w->closing) tg_deadline_start(&w->retry, RETRY_MS, on_retry);
}

static void on_side(const json_t *answer, const struct tg_err *err, void *data)
{
    struct side *side = data;
    struct agent_work *w = side->work;
    tg_list_del(&side->node);
    side->fn(side, answer, err);
    tg_secret_done(&side->password);
    free(side);
    work_ended(w);
}

int side_start(struct agent_work *w, const struct agent_job_spec *spec, side_fn fn,
               struct side **ret, struct tg_err *err)
{
    struct side *side = TG_NEW(struct side);
    side->work = w;
    side->fn = fn;
    int rc = agent_job_start(&w->o.loop->uv, spec, on_side, side, &side->job, err);
    if (rc < 0) {
        free(side);
        return rc;
    }
    tg_list_add(&w->sides, &side->node);
    if (ret) *ret = side;
    return 0;
}

void work_cancel_number(struct agent_work *w, const char *number, const struct task *but)
{
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        if (t == but || t->type == TG_WIRE_SCAN || strcmp(t->number, number) != 0) continue;
        if (t->state == TASK_RUNNING && t->type != TG_WIRE_PREPARE) continue; /* let it be whole */
        t->cancelled = true;
        if (t->job)
            agent_job_cancel(t->job);
        else
            task_done(t, NULL);
    }
}

static void on_forgotten(struct side *side, const json_t *answer, const struct tg_err *err)
{
    (void)answer;
    (void)side;
    if (err) tg_log_err(TG_LOG_WARN, "work", "forget", err);
}

/* The record goes first: without its secret the key beside the keystore is only noise. */
static void forget(struct agent_work *w, const char *number)
{
    TG_AUTO(agent_pending) struct agent_pending *record = NULL;
    struct tg_err err = {0};
    if (agent_pending_load(w->dir, number, &record, &err) < 0 || record->state == AGENT_INSTALLED)
        return;
    agent_seal_drop(number);
    int rc = agent_pending_remove(w->dir, number, &err);
    TG_AUTO(json) json_t *request = json_pack("{s:s}", "application", number);
    struct agent_job_spec spec = {.kind = "forget", .path = record->path, .request = request};
    if (rc == 0) rc = side_start(w, &spec, on_forgotten, NULL, &err);
    if (rc < 0) tg_log_err(TG_LOG_WARN, "work", "forget", &err);
}

static int on_cancel(struct agent_work *w, const struct tg_wire_message *m, struct tg_err *err)
{
    const struct tg_wire_cancel *c = tg_wire_body(m, TG_WIRE_CANCEL);
    struct tg_number n;
    if (c->recall.len > 0) {
        struct tg_err bad = {0};
        int rc = agent_trust_recall(w->o.trust, &c->recall, &c->cms, work_now(w), &bad);
        if (rc < 0) tg_log_err(TG_LOG_WARN, "work", "recall-refused", &bad);
        if (rc < 0 && tg_code_next(rc) == TG_NEXT_RETRY) {
            *err = bad; /* it could not be kept: it must come again */
            return rc;
        }
    }
    if (tg_number_parse(c->application, &n)) {
        work_cancel_number(w, c->application, NULL);
        forget(w, c->application);
    }
    if (w->link) agent_link_ack(w->link, m->id);
    return 0;
}

/* A newer request for the same application takes the place of one that only waits. */
static void supersede(struct agent_work *w, const struct task *by)
{
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        if (t == by || t->type != by->type || t->state == TASK_RUNNING || !by->number[0] ||
            strcmp(t->number, by->number) != 0)
            continue;
        t->cancelled = true;
        task_done(t, NULL);
    }
}

int agent_work_event(const struct tg_wire_message *m, void *work, struct tg_err *err)
{
    struct agent_work *w = work;
    struct task *t = NULL;
    if (w->closing) return TG_FAIL(err, TG_E_CANCELLED, "the agent is stopping");
    tg_log(TG_LOG_INFO, "work", "event", "type=%s job=%lld", tg_wire_word(m->type),
           (long long)m->id);
    if (m->type == TG_WIRE_CANCEL) return on_cancel(w, m, err);
    if (m->type != TG_WIRE_PREPARE && m->type != TG_WIRE_INSTALL && m->type != TG_WIRE_RETIRE &&
        m->type != TG_WIRE_SCAN)
        return 0;
    if (work_find(w, m->id)) return 0; /* it came before and is not done */
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(m->type, m->id, m->body, &line);
    TG_TRY(tg_buf_ok(&line, err));
    TG_TRY(agent_folder_put(w->dir, "jobs", m->id, line.data, line.len, err));
    struct tg_err bad = {0};
    if (work_add(w, m, m->id, &t, &bad) < 0) {
        tg_log_err(TG_LOG_WARN, "work", "event-refused", &bad);
        return agent_folder_drop(w->dir, "jobs", m->id, err);
    }
    supersede(w, t);
    if (w->link && (m->type == TG_WIRE_PREPARE || m->type == TG_WIRE_INSTALL))
        agent_link_ack(w->link, m->id);
    work_soon(w);
    return 0;
}

static int load_one(struct agent_work *w, int64_t slot, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    TG_TRY(agent_folder_get(w->dir, "jobs", slot, &line, err));
    TG_TRY(tg_wire_parse(line.data, line.len, &m, err));
    return work_add(w, m, slot, NULL, err);
}

static int load_all(struct agent_work *w, struct tg_err *err)
{
    int64_t *slots = NULL;
    size_t n = 0;
    TG_TRY(agent_folder_list(w->dir, "jobs", &slots, &n, err));
    for (size_t i = 0; i < n; i++) {
        struct tg_err bad = {0};
        if (load_one(w, slots[i], &bad) < 0) tg_log_err(TG_LOG_ERROR, "work", "job-lost", &bad);
        if (slots[i] >= w->offline_slot) w->offline_slot = slots[i] + 1;
    }
    free(slots);
    return 0;
}

int agent_work_new(const struct agent_work_opts *opts, struct agent_work **ret, struct tg_err *err)
{
    struct agent_work *w = TG_NEW(struct agent_work);
    w->o = *opts;
    w->dir = tg_strdup(opts->dir);
    w->offline_slot = OFFLINE_SLOTS;
    w->scan.part = TG_BUF(TG_MAX_MESSAGE);
    tg_list_init(&w->tasks);
    tg_list_init(&w->scan.tasks);
    tg_list_init(&w->sides);
    int rc = load_all(w, err);
    if (rc < 0) {
        free(w->dir);
        free(w);
        return rc;
    }
    tg_deadline_init(&w->timer, opts->loop, w);
    tg_deadline_init(&w->retry, opts->loop, w);
    w->open = 2;
    *ret = w;
    return 0;
}

void agent_work_start(struct agent_work *w, struct agent_link *link)
{
    w->link = link;
    scan_schedule(w);
    work_soon(w);
}

void agent_work_unlink(struct agent_work *w)
{
    w->link = NULL;
}

void agent_work_live(void *work)
{
    struct agent_work *w = work;
    /* At the first connection, and when a sleeping machine slept over its hour. */
    if (!w->scanned || work_now(w) >= w->next_scan) scan_begin(w);
    scan_schedule(w);
}

static void free_all(struct agent_work *w)
{
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node) task_free(t);
    scan_done(&w->scan);
    free(w->dir);
    free(w);
}

static void on_timer_closed(struct tg_deadline *d, void *data)
{
    struct agent_work *w = data;
    (void)d;
    w->open--;
    work_ended(w);
}

void work_ended(struct agent_work *w)
{
    if (!w->closing || w->running > 0 || w->scan.job || !tg_list_empty(&w->sides)) return;
    if (!w->timers_closed) {
        w->timers_closed = true;
        tg_deadline_close(&w->timer, on_timer_closed);
        tg_deadline_close(&w->retry, on_timer_closed);
        return;
    }
    if (w->open > 0) return;
    void (*done)(void *) = w->done;
    void *data = w->done_data;
    free_all(w);
    if (done) done(data);
}

static void cancel_jobs(struct agent_work *w, bool installs)
{
    struct task *t;
    tg_list_each(t, &w->tasks, struct task, node)
    {
        if (t->job && (installs || t->type != TG_WIRE_INSTALL)) agent_job_cancel(t->job);
    }
    if (w->scan.job) agent_job_cancel(w->scan.job);
    struct side *side;
    tg_list_each(side, &w->sides, struct side, node) agent_job_cancel(side->job);
}

static void on_drained(struct tg_deadline *d, void *data)
{
    (void)d;
    cancel_jobs(data, true);
}

void agent_work_close(struct agent_work *w, void (*done)(void *data), void *data)
{
    TG_CHECK(!w->closing);
    w->closing = true;
    w->link = NULL;
    w->done = done;
    w->done_data = data;
    tg_deadline_stop(&w->timer);
    tg_deadline_start(&w->retry, DRAIN_JOBS_MS, on_drained);
    cancel_jobs(w, false);
    work_ended(w);
}
