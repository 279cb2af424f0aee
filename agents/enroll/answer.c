/* What a server's answer means. */
#include <string.h>

#include "agent/enroll.h"
#include "base/limits.h"
#include "base/str.h"
#include "json/json.h"

static int code_of_status(int status)
{
    if (status == 401 || status == 403) return TG_E_DENIED;
    if (status == 404) return TG_E_NOT_FOUND;
    if (status == 409) return TG_E_STATE;
    if (status == 410) return TG_E_EXPIRED;
    if (status == 413) return TG_E_LIMIT;
    if (status == 408) return TG_E_TIMEOUT;
    return status == 429 || status >= 500 ? TG_E_BUSY : TG_E_INPUT;
}

/* RFC 9457, with our `code`. Whatever it is, it is text of the other side: bounded and quoted by
 * who logs it. */
static int problem(const struct tg_client_call *call, struct tg_err *err)
{
    TG_AUTO(json) json_t *o = NULL;
    struct tg_err ignored = {0};
    const char *code = NULL, *detail = NULL;
    if (tg_json_parse_object(call->response.data, call->response.len, TG_MAX_MESSAGE, &o,
                             &ignored) == 0) {
        code = json_string_value(json_object_get(o, "code"));
        detail = json_string_value(json_object_get(o, "detail"));
    }
    int known = code ? tg_code_from_word(code) : TG_E_BUG;
    if (known == TG_E_BUG) known = code_of_status(call->status);
    if (!detail || !tg_utf8_clean(detail, strlen(detail))) detail = tg_code_sentence(known);
    return TG_FAIL(err, known, "server: %s (%d)", detail, call->status);
}

int agent_answer(const struct tg_client_call *call, enum tg_wire_type type,
                 struct tg_wire_message **ret, struct tg_err *err)
{
    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    if (call->err.code < 0) {
        if (err) *err = call->err;
        return call->err.code;
    }
    if (call->status / 100 != 2) return problem(call, err);
    int rc = tg_wire_parse(call->response.data, call->response.len, &m, err);
    if (rc < 0) return tg_err_wrap(err, "%s: the server's answer", call->path);
    if (m->type != type)
        return TG_FAIL(err, TG_E_INPUT, "%s: the server answered with \"%s\"", call->path,
                       tg_wire_word(m->type));
    *ret = TG_TAKE(m);
    return 0;
}
