#include "seal/offline.h"

#include "base/times.h"
#include "text.h"

int tg_offline_statement(const struct tg_knowledge *k, const struct tg_signed *s,
                         struct tg_checked *ret, bool *ret_time_proven, struct tg_err *err)
{
    int rc = tg_check_statement(k, s, ret, err);
    *ret_time_proven = rc == 0;
    if (rc != TG_E_EXPIRED) return rc;
    /* Only time refused. Was the signature good when it had to be made? */
    struct tg_statement st;
    struct tg_err second = {0};
    struct tg_knowledge then = *k;
    TG_TRY(seal_named(tg_statement_parse(s->text.data, s->text.len, &st, err), "V1", err));
    then.now = st.sign_by;
    if (tg_check_statement(&then, s, ret, &second) == 0) return 0;
    if (err) *err = second;
    return second.code;
}

static int ask_approver(const struct tg_leaf *leaf, const struct tg_decision *decision, void *data,
                        struct tg_err *err)
{
    (void)decision;
    return tg_check_approver(data, leaf, err);
}

int tg_offline_verify(const struct tg_offline *in, struct tg_offline_report *ret,
                      struct tg_err *err)
{
    TG_AUTO(session) struct tg_session *session = tg_session_new();
    TG_TRY(tg_offline_statement(&in->knowledge, &in->statement, &ret->checked, &ret->time_proven,
                                err));
    tg_session_on_approved(session, ask_approver, &ret->checked);
    TG_TRY(seal_named(tg_session_read(session, in->snapshot, in->decisions, err), "S3", err));
    tg_session_totals(session, &ret->totals);
    TG_TRY(tg_check_session(&ret->checked.statement, &ret->totals, err));
    char at[TG_TIME];
    tg_time_print(ret->checked.at, at);
    if (ret->time_proven)
        (void)snprintf(ret->line, sizeof ret->line, "valid at %s", at);
    else
        (void)snprintf(ret->line, sizeof ret->line, "signature good, time unproven");
    return 0;
}
