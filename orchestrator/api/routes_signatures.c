/* signatures: sessions, approvals, recalls. The CMS is the authority; the login only opened the
 * door. */
#include <string.h>

#include "approval/approval.h"
#include "base/limits.h"
#include "call.h"

static void on_minted(const char *statement, const char *nonce, const struct tg_err *err,
                      void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    tg_jw_kstr(&call->jw, "statement", statement);
    tg_jw_kstr(&call->jw, "nonce", nonce);
    tg_jw_end(&call->jw);
    api_send(call);
}

static void session(struct api_call *call)
{
    TG_AUTO(json) json_t *body = NULL;
    const char *spki = NULL;
    int64_t minutes = 0;
    struct tg_err err = {0};
    if (api_body(call, &body, &err) < 0 || tg_json_only(body, &err, "spki", "minutes") < 0 ||
        tg_json_hex256(body, "spki", &spki, &err) < 0 ||
        tg_json_int(body, "minutes", 5, 60, &minutes, &err) < 0)
        api_problem(call, &err, call->params[0]);
    else
        approval_mint(call->api->rooms.approval, call->params[0], spki, (int)minutes, call->who,
                      call->now, on_minted, call);
}

static void on_accepted(const struct approval_accepted *a, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "batch", a->batch);
    tg_jw_kint(w, "approved", a->approved);
    tg_jw_kint(w, "held", a->held);
    tg_jw_kint(w, "returned", a->returned);
    tg_jw_kstr(w, "statement", a->statement);
    tg_jw_ktime(w, "release", a->release);
    tg_jw_end(w);
    api_send(call);
}

/* A text and one detached signature over it. */
struct signed_text {
    json_t *body;
    const char *text;
    struct tg_buf cms;
};

static int read_signed(struct api_call *call, const char *name, struct signed_text *ret,
                       struct tg_err *err)
{
    ret->cms = TG_BUF(TG_MAX_CMS);
    TG_TRY(api_body(call, &ret->body, err));
    TG_TRY(tg_json_only(ret->body, err, name, "cms"));
    TG_TRY(tg_json_str(ret->body, name, TG_MAX_STATEMENT, &ret->text, err));
    return tg_json_base64(ret->body, "cms", &ret->cms, err);
}

static void signed_done(struct signed_text *s)
{
    json_decref(s->body);
    tg_buf_done(&s->cms);
}

static void approve(struct api_call *call)
{
    struct signed_text s = {0};
    struct tg_err err = {0};
    if (read_signed(call, "statement", &s, &err) < 0)
        api_problem(call, &err, call->params[0]);
    else
        approval_accept(call->api->rooms.approval, call->params[0], TG_BLOB(s.text, strlen(s.text)),
                        TG_BLOB(s.cms.data, s.cms.len), call->who, call->now, on_accepted, call);
    signed_done(&s);
}

static void on_signed(struct tg_blob statement, const struct tg_blob *cms, size_t n,
                      uint32_t trust_version, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    struct tg_jw *w = &call->jw;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(w);
    tg_jw_key(w, "statement");
    tg_jw_strn(w, statement.data, statement.len);
    tg_jw_key(w, "cms");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tg_jw_base64(w, cms[i].data, cms[i].len);
    tg_jw_end(w);
    tg_jw_kint(w, "trust_version", trust_version);
    tg_jw_end(w);
    api_send(call);
}

static void signed_(struct api_call *call)
{
    approval_signed(call->api->rooms.approval, call->params[0], on_signed, call);
}

static void on_recalled(int64_t recalled, int64_t cancelled, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    tg_jw_kstr(&call->jw, "batch", call->params[0]);
    tg_jw_kint(&call->jw, "recalled", recalled);
    tg_jw_kint(&call->jw, "cancelled", cancelled);
    tg_jw_end(&call->jw);
    api_send(call);
}

static void recall(struct api_call *call)
{
    struct signed_text s = {0};
    struct tg_err err = {0};
    if (read_signed(call, "text", &s, &err) < 0)
        api_problem(call, &err, call->params[0]);
    else
        approval_recall(call->api->rooms.approval, call->params[0], TG_BLOB(s.text, strlen(s.text)),
                        TG_BLOB(s.cms.data, s.cms.len), call->who, call->now, on_recalled, call);
    signed_done(&s);
}

enum { SIGNED = 128 * 1024 };

const struct api_route routes_signatures[] = {
    {"POST", "batches/{}/session", ACCESS_BATCHES_SESSION, 4096, session},
    {"POST", "batches/{}/approval", ACCESS_BATCHES_APPROVE, SIGNED, approve},
    {"GET", "batches/{}/approval", ACCESS_BATCHES_READ, 0, signed_},
    {"POST", "batches/{}/recall", ACCESS_BATCHES_RECALL, SIGNED, recall},
    {NULL, NULL, 0, 0, NULL},
};
