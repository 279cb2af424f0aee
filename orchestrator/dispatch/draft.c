/* The draft of an application's app object (TRUST F1, key empty): recomputed, never stored. */
#include "dispatch_in.h"

#include <string.h>

#include "base/limits.h"
#include "x509/content.h"

static bool fill_texts(const struct application_row *row, const char *issuer, struct tg_leaf *l)
{
    return tg_copy(l->no, sizeof l->no, row->number) &&
           tg_copy(l->holder, sizeof l->holder, row->holder) &&
           tg_copy(l->agent, sizeof l->agent, row->agent) &&
           tg_copy(l->host, sizeof l->host, row->host) &&
           tg_copy(l->store, sizeof l->store, row->store) &&
           tg_copy(l->alg, sizeof l->alg, row->algorithm) &&
           tg_copy(l->issuer, sizeof l->issuer, issuer);
}

int dispatch_draft(const struct dispatch *d, const struct db_results *r, size_t changes_at,
                   const struct application_row *row, struct db_slice old_der, struct tg_buf *out,
                   struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *old = NULL;
    TG_AUTO(mem) struct tg_leaf *l = TG_NEW(struct tg_leaf);
    const char *issuer = d->ports.issuer_spki(d->ports.ctx, row->connector);
    if (row->kind != APPLICATION_RENEW)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "unproven: its old key cannot sign (Ed25519, or it is not there), and two "
                       "approvers are not supported yet");
    if (!issuer)
        return TG_FAIL(err, TG_E_CA, "connector %.40s: its CA is not known yet", row->connector);
    if (!old_der.data) return TG_FAIL(err, TG_E_NOT_FOUND, "the old certificate is not stored");
    TG_TRY(tg_cert_parse(old_der.data, old_der.len, &old, err));
    TG_TRY(tg_leaf_from_old(l, old, err));
    if (!fill_texts(row, issuer, l))
        return TG_FAIL(err, TG_E_LIMIT, "a field of the application is too long");
    l->number = row->no;
    l->kind = TG_KIND_RENEW;
    l->consent = TG_CONSENT_NONE;
    l->days = (unsigned)row->days;
    TG_TRY(application_changes_at(r, changes_at, row->id, old, l->changes, &l->changes_count, err));
    TG_TRY(tg_change_days(old, row->days, l->changes, &l->changes_count, err));
    return tg_app_print(l, TG_APP_DRAFT, out, err);
}
