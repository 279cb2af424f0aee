/* Scans: at the first connection, when the server asks, and once in `limits.scan-hours` at a minute
 * of this agent's own. */
#include <string.h>

#include "work_in.h"

enum { PART = 1024 * 1024, SCAN_MS = 600 * 1000, HOUR_S = 3600 };

static void next_root(struct agent_work *w);

/* The same moment every day, spread over the fleet by the agents' names. */
void scan_schedule(struct agent_work *w)
{
    uint8_t hash[TG_SHA256];
    int64_t now = work_now(w), period = (int64_t)w->o.config->scan_hours * HOUR_S;
    const char *name = w->o.identity->agent;
    tg_sha256(name, strlen(name), hash);
    int64_t minute = ((hash[0] << 16) | (hash[1] << 8) | hash[2]) % (period / 60);
    int64_t at = now - now % period + minute * 60;
    if (at <= now) at += period;
    w->next_scan = at;
    if (!w->closing) tg_deadline_start(&w->timer, (uint64_t)(at - now) * 1000, scan_timer);
}

void scan_timer(struct tg_deadline *d, void *data)
{
    struct agent_work *w = data;
    (void)d;
    if (w->link) agent_link_tick(w->link);
    if (w->scanned) scan_begin(w); /* else at the first connection */
    scan_schedule(w);
}

void scan_done(struct scanning *s)
{
    struct task *t;
    tg_list_each(t, &s->tasks, struct task, node) task_free(t);
    agent_roots_done(&s->roots);
    tg_buf_done(&s->part);
}

/* A job of the server: answered by the next scan that begins. */
void scan_run(struct task *t)
{
    struct agent_work *w = t->work;
    t->state = TASK_WAITS;
    w->running--;
    if (!w->scan.running) {
        tg_list_del(&t->node);
        tg_list_add(&w->scan.tasks, &t->node);
        scan_begin(w);
    } else {
        w->scan.again = true;
    }
}

static int flush(struct agent_work *w, bool last, struct tg_err *err)
{
    struct scanning *s = &w->scan;
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    const struct task *t = tg_list_first(&s->tasks, struct task, node);
    tg_buf_printf(&line,
                  "{\"v\":1,\"type\":\"inventory\",\"id\":%lld,\"body\":{\"scanned\":%lld,"
                  "\"complete\":%s,\"keystores\":[",
                  (long long)(last && t ? t->id : 0), (long long)s->at,
                  last && s->complete ? "true" : "false");
    tg_buf_add(&line, s->part.data, s->part.len);
    tg_buf_puts(&line, "]}}");
    tg_buf_done(&s->part);
    TG_TRY(tg_buf_ok(&line, err));
    return agent_spool_put(w->o.spool, line.data, line.len, err);
}

/* The wire knows absent fields, no null ones. */
static void add_keystore(struct agent_work *w, json_t *keystore)
{
    static const char *const optional[] = {"kind", "reason", "owner"};
    struct tg_err err = {0};
    size_t i;
    json_t *entry;
    for (i = 0; i < TG_COUNT(optional); i++)
        if (json_is_null(json_object_get(keystore, optional[i])))
            json_object_del(keystore, optional[i]);
    json_array_foreach(json_object_get(keystore, "entries"), i, entry)
    {
        if (json_is_null(json_object_get(entry, "ski"))) json_object_del(entry, "ski");
        if (json_is_null(json_object_get(entry, "friendly_name")))
            json_object_del(entry, "friendly_name");
    }
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE - PART);
    tg_json_dump(keystore, &text);
    if (tg_buf_ok(&text, &err) < 0) {
        w->scan.complete = false;
        tg_log_err(TG_LOG_WARN, "work", "keystore-too-large", &err);
        return;
    }
    if (w->scan.part.len > 0 && w->scan.part.len + text.len > PART && flush(w, false, &err) < 0) {
        w->scan.complete = false;
        tg_log_err(TG_LOG_ERROR, "work", "spool", &err);
    }
    if (w->scan.part.len > 0) tg_buf_putc(&w->scan.part, ',');
    tg_buf_add(&w->scan.part, text.data, text.len);
}

/* The jobs that this scan answered; those that came meanwhile are answered by another. */
static void finish(struct agent_work *w)
{
    struct scanning *s = &w->scan;
    struct tg_err err = {0};
    struct task *t;
    if (flush(w, true, &err) < 0) tg_log_err(TG_LOG_ERROR, "work", "spool", &err);
    tg_log(TG_LOG_INFO, "work", "scanned", "roots=%zu complete=%s", s->roots.count,
           s->complete ? "yes" : "no");
    agent_roots_done(&s->roots);
    s->running = false;
    w->last_scan = s->at;
    tg_list_each(t, &s->tasks, struct task, node) task_done(t, NULL);
    tg_list_each(t, &w->tasks, struct task, node)
    {
        if (t->type == TG_WIRE_SCAN && t->state == TASK_WAITS) t->state = TASK_READY;
    }
    if (w->link) agent_link_poke(w->link);
    if (s->again) work_soon(w);
    s->again = false;
    agent_trim();
}

static void on_scanned(const json_t *answer, const struct tg_err *err, void *data)
{
    struct agent_work *w = data;
    struct scanning *s = &w->scan;
    size_t i;
    json_t *keystore;
    s->job = NULL;
    if (w->closing) {
        work_ended(w);
        return;
    }
    if (err) {
        s->complete = false;
        tg_log(TG_LOG_WARN, "work", "scan", "root=%s code=%s why=%s", tg_q(s->roots.items[s->next]),
               tg_code_word(err->code), tg_q(err->text));
    }
    json_array_foreach(json_object_get(answer, "keystores"), i, keystore) add_keystore(w, keystore);
    s->next++;
    next_root(w);
}

static void next_root(struct agent_work *w)
{
    struct scanning *s = &w->scan;
    struct tg_err err = {0};
    for (; s->next < s->roots.count; s->next++) {
        const char *root = s->roots.items[s->next];
        TG_AUTO(json)
        json_t *request =
            json_pack("{s:[s],s:O}", "paths", root, "passwords", w->o.config->passwords);
        struct agent_job_spec spec = {.kind = "scan",
                                      .path = root,
                                      .request = request,
                                      .wait_ms = SCAN_MS};
        if (agent_job_start(&w->o.loop->uv, &spec, on_scanned, w, &s->job, &err) == 0) return;
        s->complete = false;
        tg_log(TG_LOG_WARN, "work", "scan", "root=%s code=%s why=%s", tg_q(root),
               tg_code_word(err.code), tg_q(err.text));
    }
    finish(w);
}

void scan_begin(struct agent_work *w)
{
    struct scanning *s = &w->scan;
    if (s->running || w->closing) return;
    w->scanned = true;
    s->running = s->complete = true;
    s->at = work_now(w);
    s->next = 0;
    s->part = TG_BUF(TG_MAX_MESSAGE);
    agent_config_roots(w->o.config, &s->roots);
    next_root(w);
}
