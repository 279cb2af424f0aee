/* applications: renewals one by one. */
#include "application/application.h"
#include "approval/approval.h"
#include "call.h"

static void on_list(const struct application_row *rows, size_t count, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_list_begin(call);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(&call->jw);
        application_print_json(&call->jw, &rows[i]);
        tg_jw_end(&call->jw);
    }
    api_list_send(call, next);
}

static int no_such_state(const char *word, struct tg_err *err)
{
    const char *words[APPLICATION_STATE_END];
    size_t n = 0;
    for (int s = APPLICATION_DRAFTED; s < APPLICATION_STATE_END; s++)
        words[n++] = application_state_word((enum application_state)s);
    const char *near = tg_nearest(word, words, n);
    return TG_FAIL(err, TG_E_INPUT, "state: \"%s\" is no state of an application; %s%s%s", word,
                   near ? "did you mean \"" : "tamga status names them all", near ? near : "",
                   near ? "\"?" : "");
}

static int read_filter(struct api_call *call, struct application_filter *filter, struct tg_err *err)
{
    char state[16] = "";
    struct tg_err missing = {0};
    TG_TRY(api_page(call, &filter->after, &filter->limit, err));
    int rc = tg_request_param(call->req, "state", state, sizeof state, &missing);
    if (rc == TG_E_NOT_FOUND) return 0;
    filter->state = rc == 0 ? application_state_from_word(state) : APPLICATION_NONE;
    if (filter->state == APPLICATION_NONE) return no_such_state(state, err);
    return 0;
}

static void list(struct api_call *call)
{
    struct application_filter filter = {.state = APPLICATION_NONE};
    struct tg_err err = {0};
    if (read_filter(call, &filter, &err) < 0)
        api_problem(call, &err, NULL);
    else
        application_list(call->api->rooms.db, &filter, on_list, call);
}

static void on_show(const struct application_detail *detail, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    application_print_detail(&call->jw, detail);
    tg_jw_end(&call->jw);
    api_send(call);
}

static void show(struct api_call *call)
{
    application_show(call->api->rooms.db, call->params[0], on_show, call);
}

static void on_done(const char *number, enum application_state state, const struct tg_err *err,
                    void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    tg_jw_kstr(&call->jw, "number", number);
    tg_jw_kstr(&call->jw, "state", application_state_word(state));
    tg_jw_end(&call->jw);
    api_send(call);
}

static void correct(struct api_call *call)
{
    TG_AUTO(json) json_t *body = NULL;
    const char *field = NULL, *value = NULL;
    struct tg_err err = {0};
    if (api_body(call, &body, &err) < 0 || tg_json_only(body, &err, "field", "value") < 0 ||
        tg_json_str(body, "field", 32, &field, &err) < 0 ||
        tg_json_str(body, "value", 4095, &value, &err) < 0)
        api_problem(call, &err, call->params[0]);
    else
        application_correct(call->api->rooms.db, call->params[0], field, value, call->who,
                            call->now, on_done, call);
}

static void cancel(struct api_call *call)
{
    TG_AUTO(json) json_t *body = NULL;
    const char *why = NULL;
    struct tg_err err = {0};
    if (api_body(call, &body, &err) < 0 || tg_json_only(body, &err, "why") < 0 ||
        tg_json_str(body, "why", 512, &why, &err) < 0)
        api_problem(call, &err, call->params[0]);
    else
        application_cancel(call->api->rooms.db, call->params[0], call->who, why, call->now, on_done,
                           call);
}

static void retry(struct api_call *call)
{
    application_retry(call->api->rooms.db, call->params[0], call->who, call->now, on_done, call);
}

static void on_bytes(const void *bytes, size_t len, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    api_send_bytes(call, "application/json", bytes, len);
}

static void bundle(struct api_call *call)
{
    approval_bundle(call->api->rooms.approval, call->params[0], on_bytes, call);
}

static void evidence(struct api_call *call)
{
    approval_evidence(call->api->rooms.approval, call->params[0], on_bytes, call);
}

const struct api_route routes_applications[] = {
    {"GET", "applications", ACCESS_APPLICATIONS_READ, 0, list},
    {"GET", "applications/{}", ACCESS_APPLICATIONS_READ, 0, show},
    {"POST", "applications/{}/correct", ACCESS_APPLICATIONS_CORRECT, 8192, correct},
    {"POST", "applications/{}/cancel", ACCESS_APPLICATIONS_CANCEL, 4096, cancel},
    {"POST", "applications/{}/retry", ACCESS_APPLICATIONS_RETRY, 4096, retry},
    {"GET", "applications/{}/bundle", ACCESS_APPLICATIONS_BUNDLE, 0, bundle},
    {"GET", "applications/{}/evidence", ACCESS_EVIDENCE_READ, 0, evidence},
    {NULL, NULL, 0, 0, NULL},
};
