/* Answers and arguments of a call. */
#include "call.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/times.h"

static void end(struct api_call *call)
{
    tg_buf_done(&call->out);
    free(call->data);
    free(call);
}

void api_send_bytes(struct api_call *call, const char *type, const void *bytes, size_t len)
{
    tg_respond(call->req, 200, type, bytes, len);
    end(call);
}

static void free_bytes(void *bytes)
{
    free(bytes);
}

void api_send(struct api_call *call)
{
    struct tg_err err = {0};
    if (tg_buf_ok(&call->out, &err) < 0) {
        api_problem(call, &err, NULL);
        return;
    }
    size_t len = 0;
    char *bytes = tg_buf_take(&call->out, &len);
    tg_respond_static(call->req, 200, "application/json", bytes, len, free_bytes, bytes);
    end(call);
}

static int status_of(int code)
{
    static const short statuses[] = {
        [TG_I_INPUT] = 400,       [TG_I_LIMIT] = 413,     [TG_I_VERSION] = 400,
        [TG_I_USAGE] = 400,       [TG_I_NOT_FOUND] = 404, [TG_I_EXISTS] = 409,
        [TG_I_STATE] = 409,       [TG_I_STALE] = 409,     [TG_I_DENIED] = 403,
        [TG_I_SIGNATURE] = 422,   [TG_I_UNTRUSTED] = 422, [TG_I_MISMATCH] = 422,
        [TG_I_EXPIRED] = 422,     [TG_I_EARLY] = 409,     [TG_I_REVOKED] = 422,
        [TG_I_NO_TRUST] = 409,    [TG_I_PASSWORD] = 422,  [TG_I_LOCKED] = 422,
        [TG_I_UNSUPPORTED] = 422, [TG_I_IO] = 500,        [TG_I_DISK_FULL] = 507,
        [TG_I_NETWORK] = 502,     [TG_I_TIMEOUT] = 504,   [TG_I_BUSY] = 503,
        [TG_I_DB] = 503,          [TG_I_CA] = 502,        [TG_I_CANCELLED] = 503,
        [TG_I_BUG] = 500,
    };
    int index = -code;
    return index > 0 && index < (int)TG_COUNT(statuses) && statuses[index] ? statuses[index] : 500;
}

/* A bug tells its number to the client and its story to the log only. */
static void write_detail(struct tg_jw *w, const struct tg_err *err)
{
    if (tg_code_next(err->code) != TG_NEXT_BUG) {
        tg_jw_kstr(w, "detail", err->text);
        return;
    }
    char incident[17], text[96];
    uint8_t bytes[8];
    tg_random(bytes, sizeof bytes);
    tg_hex(bytes, sizeof bytes, incident);
    tg_log(TG_LOG_ERROR, "api", "bug", "incident=%s file=%s line=%d text=%s", incident,
           err->file ? err->file : "-", err->line, tg_q(err->text));
    snprintf(text, sizeof text, "an error of tamga itself; the log has it under incident %s",
             incident);
    tg_jw_kstr(w, "detail", text);
    tg_jw_kstr(w, "incident", incident);
}

static void write_complaints(struct tg_jw *w, const struct api_complaint *list, size_t count)
{
    tg_jw_key(w, "errors");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kint(w, "line", list[i].line);
        tg_jw_kstr(w, "text", list[i].text);
        tg_jw_end(w);
    }
    tg_jw_end(w);
}

static void send_problem(struct api_call *call, const struct tg_err *err, const char *subject,
                         const struct api_complaint *list, size_t count)
{
    enum { RETRY_S = 5 };
    struct tg_buf body = TG_BUF(4 * 1024 * 1024);
    struct tg_jw w;
    int status = status_of(err->code);
    tg_jw_init(&w, &body);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "type", "about:blank");
    tg_jw_kstr(&w, "title", tg_code_sentence(err->code));
    tg_jw_kint(&w, "status", status);
    write_detail(&w, err);
    tg_jw_kstr(&w, "code", tg_code_word(err->code));
    tg_jw_kstr(&w, "next", tg_next_word(tg_code_next(err->code)));
    if (subject) tg_jw_kstr(&w, "subject", subject);
    if (status == 503) {
        tg_jw_kint(&w, "retry_after", RETRY_S);
        tg_respond_header(call->req, "retry-after", "5");
    }
    if (list) write_complaints(&w, list, count);
    tg_jw_end(&w);
    tg_respond(call->req, status, "application/problem+json", body.data, body.len);
    tg_buf_done(&body);
    end(call);
}

void api_problem(struct api_call *call, const struct tg_err *err, const char *subject)
{
    send_problem(call, err, subject, NULL, 0);
}

void api_problems(struct api_call *call, const struct tg_err *err, const struct api_complaint *list,
                  size_t count)
{
    send_problem(call, err, NULL, list, count);
}

bool api_failed(struct api_call *call, const struct tg_err *err)
{
    if (!err) return false;
    api_problem(call, err, call->params[0][0] ? call->params[0] : NULL);
    return true;
}

int api_body(struct api_call *call, json_t **ret, struct tg_err *err)
{
    size_t len = 0;
    const uint8_t *body = tg_request_body(call->req, &len);
    if (len == 0) {
        *ret = json_object();
        return 0;
    }
    return tg_json_parse_object(body, len, TG_MAX_BODY, ret, err);
}

int api_number(struct api_call *call, const char *name, int64_t max, int64_t fallback, int64_t *ret,
               struct tg_err *err)
{
    char text[32];
    uint64_t value = 0;
    struct tg_err missing = {0};
    int rc = tg_request_param(call->req, name, text, sizeof text, &missing);
    *ret = fallback;
    if (rc == TG_E_NOT_FOUND) return 0;
    if (rc < 0 || !tg_parse_u64(text, strlen(text), (uint64_t)max, &value))
        return TG_FAIL(err, TG_E_INPUT, "%s: a number from 0 to %lld is expected", name,
                       (long long)max);
    *ret = (int64_t)value;
    return 0;
}

int api_time(struct api_call *call, const char *name, int64_t fallback, int64_t *ret,
             struct tg_err *err)
{
    char text[TG_TIME + 1];
    struct tg_err missing = {0};
    int rc = tg_request_param(call->req, name, text, sizeof text, &missing);
    *ret = fallback;
    if (rc == TG_E_NOT_FOUND) return 0;
    if (rc < 0 || !tg_time_parse(text, strlen(text), ret))
        return TG_FAIL(err, TG_E_INPUT, "%s: a time YYYY-MM-DDThh:mm:ssZ is expected", name);
    return 0;
}

int api_page(struct api_call *call, int64_t *ret_after, int64_t *ret_limit, struct tg_err *err)
{
    TG_TRY(api_number(call, "after", INT64_MAX, 0, ret_after, err));
    TG_TRY(api_number(call, "limit", 100000, API_PAGE, ret_limit, err));
    return *ret_limit > 0 ? 0 : TG_FAIL(err, TG_E_INPUT, "limit: at least 1 is expected");
}

void api_list_begin(struct api_call *call)
{
    tg_jw_begin_object(&call->jw);
    tg_jw_key(&call->jw, "items");
    tg_jw_begin_array(&call->jw);
}

void api_list_send(struct api_call *call, int64_t next)
{
    char cursor[24];
    tg_jw_end(&call->jw);
    snprintf(cursor, sizeof cursor, "%lld", (long long)next);
    if (next) tg_jw_kstr(&call->jw, "next", cursor);
    tg_jw_end(&call->jw);
    api_send(call);
}
