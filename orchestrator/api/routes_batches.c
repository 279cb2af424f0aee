/* batches: what the approver sees and signs. */
#include <string.h>

#include "approval/approval.h"
#include "base/limits.h"
#include "call.h"

static void on_opened(const struct approval_opened *opened, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "batch", opened->batch);
    tg_jw_kint(w, "count", opened->count);
    tg_jw_kint(w, "approve", opened->approve);
    tg_jw_kint(w, "hold", opened->hold);
    tg_jw_key(w, "exceptions");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < opened->exception_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "code", opened->exceptions[i].code);
        tg_jw_kstr(w, "class", opened->exceptions[i].class_);
        tg_jw_kint(w, "count", opened->exceptions[i].count);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    tg_jw_end(w);
    api_send(call);
}

static void open_batch(struct api_call *call)
{
    approval_open(call->api->rooms.approval, call->who, call->now, on_opened, call);
}

static void on_list(const struct approval_batch *rows, size_t count, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_list_begin(call);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(&call->jw);
        approval_print_batch(&call->jw, &rows[i]);
        tg_jw_end(&call->jw);
    }
    api_list_send(call, next);
}

static void list(struct api_call *call)
{
    int64_t after = 0, limit = 0;
    struct tg_err err = {0};
    if (api_page(call, &after, &limit, &err) < 0)
        api_problem(call, &err, NULL);
    else
        approval_list(call->api->rooms.approval, after, limit, on_list, call);
}

static void on_show(const struct approval_detail *detail, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    approval_print_detail(&call->jw, detail);
    tg_jw_end(&call->jw);
    api_send(call);
}

static void show(struct api_call *call)
{
    approval_show(call->api->rooms.approval, call->params[0], on_show, call);
}

static void on_decided(const struct approval_decided *d, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "batch", d->batch);
    tg_jw_kint(w, "rev", d->rev);
    tg_jw_kint(w, "changed", d->changed);
    tg_jw_kint(w, "approve", d->approve);
    tg_jw_kint(w, "hold", d->hold);
    tg_jw_kint(w, "return", d->return_);
    tg_jw_end(w);
    api_send(call);
}

static void decide(struct api_call *call, enum approval_verb verb, bool needs_what, bool needs_why)
{
    TG_AUTO(json) json_t *body = NULL;
    const char *what = "", *why = "";
    struct tg_err err = {0};
    if (api_body(call, &body, &err) == 0 && tg_json_only(body, &err, "what", "why") == 0 &&
        tg_json_opt_str(body, "what", 64, &what, &err) == 0 &&
        tg_json_opt_str(body, "why", 512, &why, &err) == 0) {
        if (needs_what && !what[0])
            (void)TG_FAIL(&err, TG_E_INPUT, "what: a number or an exception is expected");
        if (needs_why && !why[0])
            (void)TG_FAIL(&err, TG_E_INPUT, "why: a reason is expected; the approver signs it");
    }
    if (err.code < 0)
        api_problem(call, &err, call->params[0]);
    else
        approval_decide(call->api->rooms.approval, call->params[0], verb, what, why, call->who,
                        call->now, on_decided, call);
}

static void hold(struct api_call *call)
{
    decide(call, APPROVAL_HOLD, true, false);
}

static void include(struct api_call *call)
{
    decide(call, APPROVAL_INCLUDE, true, false);
}

static void return_(struct api_call *call)
{
    decide(call, APPROVAL_RETURN, true, true);
}

static void discard(struct api_call *call)
{
    decide(call, APPROVAL_DISCARD, false, false);
}

static void on_text(const void *bytes, size_t len, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_send_bytes(call, "text/plain; charset=utf-8", bytes, len);
}

static void snapshot(struct api_call *call)
{
    approval_snapshot(call->api->rooms.approval, call->params[0], on_text, call);
}

static void decisions(struct api_call *call)
{
    approval_decisions(call->api->rooms.approval, call->params[0], on_text, call);
}

const struct api_route routes_batches[] = {
    {"POST", "batches", ACCESS_BATCHES_OPEN, 4096, open_batch},
    {"GET", "batches", ACCESS_BATCHES_READ, 0, list},
    {"GET", "batches/{}", ACCESS_BATCHES_READ, 0, show},
    {"POST", "batches/{}/hold", ACCESS_BATCHES_DECIDE, 4096, hold},
    {"POST", "batches/{}/include", ACCESS_BATCHES_DECIDE, 4096, include},
    {"POST", "batches/{}/return", ACCESS_BATCHES_DECIDE, 4096, return_},
    {"POST", "batches/{}/discard", ACCESS_BATCHES_DISCARD, 4096, discard},
    {"GET", "batches/{}/snapshot", ACCESS_BATCHES_READ, 0, snapshot},
    {"GET", "batches/{}/decisions", ACCESS_BATCHES_READ, 0, decisions},
    {NULL, NULL, 0, 0, NULL},
};
