/* The next messages of one agent: claim jobs, read what they are about, print. What cannot be sent
 * now is put back, with when and why. */
#include "dispatch_in.h"

#include <string.h>

#include "base/limits.h"
#include "policy/policy.h"

enum {
    JOBS = 16, /* at once: DISPATCH_IN_FLIGHT, and those of a connection that was lost */
    SENT_S = 10 * 60,
    AGAIN_S = 60,
    LINE_BYTES = 2 * TG_MAX_BUNDLE,
    OFFLINE_S = 30 * 24 * 3600, /* a prepare job that an agent kept longer is void */
};

enum { ROWS, CHANGES, DETAILS }; /* statements */

struct item {
    struct dispatch_job job;
    char number[TG_NUMBER];
    int64_t application, rev, failures;
    struct tg_buf line;
    bool wants_bundle;
};

struct next {
    struct dispatch *d;
    int64_t agent_id, now;
    struct item items[JOBS];
    size_t count, at;
    struct db_unit *back; /* jobs put back, dropped, applications failed */
    struct tg_err err;
    dispatch_next_fn fn;
    void *data;
};

static void finish(struct next *n)
{
    struct dispatch *d = n->d;
    struct dispatch_line lines[JOBS];
    size_t count = 0;
    for (size_t i = 0; i < n->count; i++) {
        const struct tg_buf *line = &n->items[i].line;
        if (line->len && !line->failed)
            lines[count++] =
                (struct dispatch_line){n->items[i].job.id, (const char *)line->data, line->len};
    }
    if (n->err.code < 0)
        n->fn(NULL, 0, &n->err, n->data);
    else
        n->fn(lines, count, NULL, n->data);
    for (size_t i = 0; i < n->count; i++)
        tg_buf_done(&n->items[i].line);
    free(n);
    dispatch_end(d);
}

/* Somebody may have moved the application meanwhile: then the job comes again after its lease. */
static void on_back(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    (void)err;
    finish(data);
}

static struct db_unit *back(struct next *n)
{
    if (!n->back) n->back = db_unit_new(n->d->db, "dispatch");
    return n->back;
}

static void print(struct item *item, enum tg_wire_type type, const void *body)
{
    tg_wire_print(type, item->job.id, body, &item->line);
    tg_buf_putc(&item->line, '\n');
}

/* --- what cannot be sent --- */

static void fail_application(struct next *n, struct item *item, enum application_state from,
                             const struct tg_err *why)
{
    struct application_step step = {.id = item->application,
                                    .rev = item->rev,
                                    .from = from,
                                    .to = APPLICATION_FAILED,
                                    .now = n->now,
                                    .actor = "dispatch",
                                    .code = tg_code_word(why->code),
                                    .why = why->text};
    application_add_failure(back(n), &step, (int)item->failures + 1);
    dispatch_add_drop(back(n), item->job.id);
}

static void trouble(struct next *n, struct item *item, enum application_state from,
                    const struct tg_err *why)
{
    if (tg_code_next(why->code) == TG_NEXT_RETRY)
        dispatch_add_later(back(n), item->job.id, n->now + AGAIN_S);
    else
        fail_application(n, item, from, why);
}

/* The window of its policy is closed: later, and it is said. */
static bool is_closed(struct next *n, struct item *item, const struct application_row *row)
{
    const struct policy_set *set = n->d->ports.policies(n->d->ports.ctx);
    int index = set ? policy_index(set, row->policy) : -1;
    if (index < 0) return false;
    const struct policy_window *window = &policy_at(set, (size_t)index)->window;
    if (policy_window_open(window, n->now)) return false;
    int64_t opens = policy_window_next(window, n->now);
    dispatch_add_later(back(n), item->job.id, opens > n->now ? opens : n->now + TG_DAY);
    if (row->waits_for != APPLICATION_WAITS_WINDOW)
        application_add_waits(back(n), row->id, row->rev, APPLICATION_WAITS_WINDOW, n->now);
    return true;
}

/* --- messages --- */

static char *text_of(const char *text)
{
    return (
        char *)(uintptr_t)text; /* the wire's structs own texts when read; printing only reads */
}

static struct tg_wire_blob blob_of(const void *bytes, size_t len)
{
    return (struct tg_wire_blob){(uint8_t *)(uintptr_t)bytes, len};
}

static void send_prepare(struct next *n, struct item *item, const struct db_results *r,
                         const struct application_row *row, const struct dispatch_details *details)
{
    TG_AUTO(buf) struct tg_buf app = TG_BUF(TG_MAX_LEAF);
    struct tg_err err = {0};
    if (row->state != APPLICATION_DRAFTED || row->agent_id != n->agent_id) {
        dispatch_add_drop(back(n), item->job.id);
        return;
    }
    if (is_closed(n, item, row)) return;
    if (dispatch_draft(n->d, r, CHANGES, row, details->old_der, &app, &err) < 0) {
        trouble(n, item, APPLICATION_DRAFTED, &err);
        return;
    }
    int64_t deadline = n->now + OFFLINE_S;
    struct tg_wire_prepare body = {
        .application = text_of(row->number),
        .path = text_of(row->path),
        .confirm = text_of(row->confirm ? "holder" : "none"),
        .algorithm = text_of(row->algorithm),
        .app = blob_of(app.data, app.len),
        .deadline = row->not_after < deadline ? row->not_after : deadline,
    };
    if (row->waits_for == APPLICATION_WAITS_WINDOW)
        application_add_waits(back(n), row->id, row->rev,
                              row->confirm ? APPLICATION_WAITS_HOLDER : APPLICATION_WAITS_NOTHING,
                              n->now);
    print(item, TG_WIRE_PREPARE, &body);
}

static void plan_install(struct next *n, struct item *item, const struct application_row *row,
                         const struct dispatch_details *details)
{
    if (row->state != APPLICATION_ISSUED)
        dispatch_add_drop(back(n), item->job.id);
    else if (details->release > n->now)
        dispatch_add_later(back(n), item->job.id, details->release);
    else
        item->wants_bundle = !is_closed(n, item, row);
}

static void send_cancel(struct item *item, const struct application_row *row,
                        const struct dispatch_details *details)
{
    struct tg_wire_cancel body = {.application = text_of(row->number),
                                  .recall = blob_of(details->recall.data, details->recall.len),
                                  .cms =
                                      blob_of(details->recall_cms.data, details->recall_cms.len)};
    print(item, TG_WIRE_CANCEL, &body);
}

static void send_retire(struct item *item, const struct application_row *row)
{
    struct tg_wire_retire body = {.application = text_of(row->number),
                                  .path = text_of(row->path),
                                  .certificate = text_of(row->certificate)};
    print(item, TG_WIRE_RETIRE, &body);
}

static void send_trust(struct next *n, struct item *item)
{
    const struct tg_trust_chain *chain = dispatch_chain(n->d);
    uint32_t versions = chain ? tg_trust_chain_version(chain) : 0;
    TG_AUTO(mem)
    struct tg_wire_trust_item *documents = tg_calloc(versions + 1, sizeof *documents);
    TG_AUTO(mem)
    struct tg_wire_item *items =
        tg_calloc((size_t)(versions + 1) * TG_SEAL_TRUST_CMS_MAX, sizeof *items);
    for (uint32_t v = 1; v <= versions; v++) {
        const struct tg_blob *cms = NULL;
        size_t count = tg_trust_chain_cms(chain, v, &cms);
        struct tg_blob text = tg_trust_chain_text(chain, v);
        struct tg_wire_item *of = &items[(size_t)v * TG_SEAL_TRUST_CMS_MAX];
        for (size_t i = 0; i < count; i++)
            of[i].bytes = blob_of(cms[i].data, cms[i].len);
        documents[v - 1] = (struct tg_wire_trust_item){blob_of(text.data, text.len), {of, count}};
    }
    struct tg_wire_trust body = {text_of(chain ? tg_trust_chain_realm(chain) : ""),
                                 {documents, versions}};
    print(item, TG_WIRE_TRUST, &body);
}

static void make(struct next *n, struct item *item, const struct db_results *r)
{
    struct application_row row = {0};
    struct dispatch_details details = {0};
    for (size_t i = 0; i < db_rows(r, ROWS) && row.id != item->job.subject; i++)
        application_row_at(r, ROWS, i, &row);
    if (row.id != item->job.subject ||
        !dispatch_details_of(r, DETAILS, item->job.subject, &details)) {
        dispatch_add_drop(back(n), item->job.id);
        return;
    }
    item->application = row.id;
    item->rev = row.rev;
    item->failures = details.failures;
    memcpy(item->number, row.number, sizeof item->number);
    if (item->job.kind == JOB_PREPARE) send_prepare(n, item, r, &row, &details);
    if (item->job.kind == JOB_INSTALL) plan_install(n, item, &row, &details);
    if (item->job.kind == JOB_CANCEL) send_cancel(item, &row, &details);
    if (item->job.kind == JOB_RETIRE) send_retire(item, &row);
}

static bool is_about_application(const struct dispatch_job *job)
{
    return job->kind >= JOB_PREPARE && job->kind <= JOB_CANCEL;
}

static void make_plain(struct next *n, struct item *item)
{
    struct tg_wire_scan scan = {.everything = true};
    if (item->job.kind == JOB_SCAN)
        print(item, TG_WIRE_SCAN, &scan);
    else if (item->job.kind == JOB_TRUST && dispatch_chain(n->d))
        send_trust(n, item);
    else
        dispatch_add_drop(back(n), item->job.id);
}

/* --- bundles, one after the other --- */

static void next_bundle(struct next *n);

static void on_bundle(const void *bytes, size_t len, const struct tg_err *err, void *data)
{
    struct next *n = data;
    struct item *item = &n->items[n->at++];
    struct tg_wire_install body = {.application = text_of(item->number),
                                   .bundle = blob_of(bytes, len)};
    if (err)
        trouble(n, item, APPLICATION_ISSUED, err);
    else
        print(item, TG_WIRE_INSTALL, &body);
    next_bundle(n);
}

static void next_bundle(struct next *n)
{
    while (n->at < n->count && !n->items[n->at].wants_bundle)
        n->at++;
    if (n->at < n->count)
        n->d->ports.bundle(n->d->ports.ctx, n->items[n->at].number, on_bundle, n);
    else if (n->back)
        db_unit_run(TG_TAKE(n->back), on_back, n);
    else
        finish(n);
}

static void on_read(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct next *n = data;
    if (err) {
        n->err = *err;
        finish(n);
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        if (is_about_application(&n->items[i].job))
            make(n, &n->items[i], r);
        else
            make_plain(n, &n->items[i]);
    }
    next_bundle(n);
}

static void on_claimed(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct next *n = data;
    int64_t ids[JOBS];
    if (err) n->err = *err;
    size_t rows = err ? 0 : db_rows(r, 0);
    for (size_t i = 0; i < rows && i < JOBS; i++) {
        struct item *item = &n->items[n->count];
        dispatch_job_at(r, 0, i, &item->job);
        item->line = TG_BUF(LINE_BYTES);
        ids[n->count++] = item->job.subject;
    }
    if (n->count == 0) {
        finish(n);
        return;
    }
    struct db_unit *u = db_unit_new(n->d->db, "dispatch");
    application_add_read(u, ids, n->count);
    application_add_changes(u, ids, n->count);
    dispatch_add_details(u, ids, n->count);
    db_unit_run(u, on_read, n);
}

void dispatch_next(struct dispatch *d, int64_t agent_id, int64_t after, int64_t now,
                   dispatch_next_fn fn, void *data)
{
    struct next *n = TG_NEW(struct next);
    struct dispatch_claim claim = {.agent_id = agent_id,
                                   .after = after,
                                   .now = now,
                                   .until = now + SENT_S,
                                   .trust = dispatch_chain(d) != NULL};
    *n = (struct next){.d = d, .agent_id = agent_id, .now = now, .fn = fn, .data = data};
    dispatch_begin(d);
    struct db_unit *u = db_unit_new(d->db, "dispatch claim");
    dispatch_add_claim(u, &claim);
    db_unit_run(u, on_claimed, n);
}

/* --- ack --- */

struct ack {
    struct dispatch *d;
    int64_t agent_id, now;
    int64_t *ids;
    size_t n;
    dispatch_done_fn fn;
    void *data;
};

static void ack_finish(struct ack *a, const struct tg_err *err)
{
    struct dispatch *d = a->d;
    int64_t agent_id = a->agent_id;
    a->fn(err, a->data);
    free(a->ids);
    free(a);
    if (!err) dispatch_tell(d, agent_id); /* the flow has room again */
    dispatch_end(d);
}

static void on_acked(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    ack_finish(data, err);
}

/* An issued application that was recalled ends when its agent knows of the recall. */
static void on_recalled(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct ack *a = data;
    if (err) {
        ack_finish(a, err);
        return;
    }
    struct db_unit *u = db_unit_new(a->d->db, "dispatch ack");
    for (size_t i = 0; i < db_rows(r, 0); i++) {
        struct application_step step = {.from = APPLICATION_ISSUED,
                                        .to = APPLICATION_CANCELLED,
                                        .now = a->now,
                                        .actor = "dispatch",
                                        .why = "recalled before it was installed"};
        dispatch_recalled_at(r, i, &step.id, &step.rev);
        application_add_move(u, &step);
    }
    dispatch_add_ack(u, a->agent_id, a->ids, a->n, a->now);
    db_unit_run(u, on_acked, a);
}

void dispatch_ack(struct dispatch *d, int64_t agent_id, const int64_t *ids, size_t n, int64_t now,
                  dispatch_done_fn fn, void *data)
{
    struct ack *a = TG_NEW(struct ack);
    *a = (struct ack){.d = d, .agent_id = agent_id, .now = now, .n = n, .fn = fn, .data = data};
    a->ids = tg_calloc(n + 1, sizeof *a->ids);
    if (n) memcpy(a->ids, ids, n * sizeof *ids);
    dispatch_begin(d);
    struct db_unit *u = db_unit_new(d->db, "dispatch ack");
    dispatch_add_recalled(u, agent_id, a->ids, n);
    db_unit_run(u, on_recalled, a);
}
