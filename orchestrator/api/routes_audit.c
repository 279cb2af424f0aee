/* audit: the log for whoever wants to check it: the newest checkpoint, and the export page by page.
 */
#include <string.h>

#include "audit/audit.h"
#include "base/str.h"
#include "call.h"

static void on_head(const struct audit_head *head, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_kint(w, "size", (int64_t)head->size);
    tg_jw_kstr(w, "root", head->root);
    tg_jw_kstr(w, "checkpoint", head->note);
    tg_jw_end(w);
    api_send(call);
}

static void head(struct api_call *call)
{
    audit_head(call->api->rooms.audit, on_head, call);
}

/* A page that is not the last ends with {"next":"SEQ.SIZE.UNTIL"}: give it as ?after= for the next.
 */
static void on_page(const char *bytes, size_t len, const struct audit_cursor *next, bool more,
                    const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_buf_add(&call->out, bytes, len);
    if (more)
        tg_buf_printf(&call->out, "{\"next\":\"%lld.%lld.%lld\"}\n", (long long)next->seq,
                      (long long)next->size, (long long)next->until);
    struct tg_err full = {0};
    if (tg_buf_ok(&call->out, &full) < 0)
        api_problem(call, &full, NULL);
    else
        api_send_bytes(call, "application/x-ndjson", tg_buf_text(&call->out), call->out.len);
}

static int read_cursor(struct api_call *call, struct audit_cursor *ret, struct tg_err *err)
{
    char text[80];
    struct tg_err missing = {0};
    int64_t *const fields[] = {&ret->seq, &ret->size, &ret->until};
    int rc = tg_request_param(call->req, "after", text, sizeof text, &missing);
    if (rc == TG_E_NOT_FOUND) return 0;
    const char *p = rc < 0 ? "" : text;
    for (size_t i = 0; i < TG_COUNT(fields); i++) {
        size_t n = strcspn(p, ".");
        uint64_t value = 0;
        bool last = i + 1 == TG_COUNT(fields);
        if (!tg_parse_u64(p, n, INT64_MAX, &value) || last != (p[n] == '\0'))
            return TG_FAIL(err, TG_E_INPUT, "after: the `next` of the page before is expected");
        *fields[i] = (int64_t)value;
        p += n + (last ? 0 : 1);
    }
    return 0;
}

static void export(struct api_call *call)
{
    struct audit_cursor from = {0};
    struct tg_err err = {0};
    if (read_cursor(call, &from, &err) < 0)
        api_problem(call, &err, NULL);
    else
        audit_page(call->api->rooms.audit, &from, on_page, call);
}

const struct api_route routes_audit[] = {
    {"GET", "audit/head", ACCESS_AUDIT_READ, 0, head},
    {"GET", "audit/export", ACCESS_AUDIT_READ, 0, export},
    {NULL, NULL, 0, 0, NULL},
};
