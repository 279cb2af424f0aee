/* exchange: requests out, certificates in, for a CA without an interface. */
#include <string.h>

#include "base/limits.h"
#include "call.h"
#include "issue/issue.h"

static void on_list(const struct issue_request *rows, size_t count, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    api_list_begin(call);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "number", rows[i].number);
        tg_jw_kstr(w, "batch", rows[i].batch);
        tg_jw_kstr(w, "subject", rows[i].subject);
        tg_jw_kint(w, "days", rows[i].days);
        tg_jw_key(w, "csr");
        tg_jw_base64(w, rows[i].csr.data, rows[i].csr.len);
        tg_jw_end(w);
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
        issue_exchange_list(call->api->rooms.issue, after, limit, on_list, call);
}

static void on_imported(const struct issue_imported *imported, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_key(w, "matched");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < imported->matched_count; i++)
        tg_jw_str(w, imported->matched[i]);
    tg_jw_end(w);
    tg_jw_key(w, "refused");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < imported->refused_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "reason", imported->refused[i]);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    tg_jw_end(w);
    api_send(call);
}

static int read_certificates(const json_t *list, struct tg_buf *bytes, size_t *offsets,
                             struct tg_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *b64 = NULL;
        offsets[i] = bytes->len;
        TG_TRY(tg_json_item_str(list, "certificates", i, 2 * (size_t)TG_MAX_CERT, &b64, err));
        TG_TRY(tg_unbase64(b64, strlen(b64), bytes, err));
    }
    offsets[json_array_size(list)] = bytes->len;
    return 0;
}

static int import_body(struct api_call *call, const json_t *body, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_BODY);
    const json_t *list = NULL;
    TG_TRY(tg_json_only(body, err, "certificates"));
    TG_TRY(tg_json_array(body, "certificates", TG_MAX_BATCH, &list, err));
    size_t n = json_array_size(list);
    size_t *offsets = tg_calloc(n + 1, sizeof *offsets);
    int rc = read_certificates(list, &bytes, offsets, err);
    struct tg_blob *ders = tg_calloc(n + 1, sizeof *ders);
    for (size_t i = 0; rc == 0 && i < n; i++)
        ders[i] = TG_BLOB(bytes.data + offsets[i], offsets[i + 1] - offsets[i]);
    if (rc == 0)
        issue_exchange_import(call->api->rooms.issue, ders, n, call->who, call->now, on_imported,
                              call);
    free(offsets);
    free(ders);
    return rc;
}

static void import(struct api_call *call)
{
    TG_AUTO(json) json_t *body = NULL;
    struct tg_err err = {0};
    if (api_body(call, &body, &err) < 0 || import_body(call, body, &err) < 0)
        api_problem(call, &err, NULL);
}

const struct api_route routes_exchange[] = {
    {"GET", "exchange", ACCESS_EXCHANGE_EXPORT, 0, list},
    {"POST", "exchange", ACCESS_EXCHANGE_IMPORT, TG_MAX_BODY, import},
    {NULL, NULL, 0, 0, NULL},
};
