/* Who may take a statement back: V1-V5 for a recall. */
#include "cms/cms.h"
#include "seal/recall.h"
#include "text.h"

static int check_signer(const struct tg_trust *trust, const char *spki, int64_t now,
                        struct tg_err *err)
{
    const struct tg_trust_approver *approver = tg_trust_approver(trust, spki);
    if (!approver)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V4: recall: signed by %.16s..., who is no approver",
                       spki);
    if (tg_trust_is_revoked(trust, spki))
        return TG_FAIL(err, TG_E_REVOKED, "V5: recall: the approver's key %.16s... is revoked",
                       spki);
    if (now > approver->until)
        return TG_FAIL(err, TG_E_EXPIRED, "V4: recall: the approver's pin has run out");
    return 0;
}

int tg_recall_check(const struct tg_trust_chain *chain, struct tg_blob text, struct tg_blob cms,
                    int64_t now, struct tg_recall *ret, struct tg_err *err)
{
    const struct tg_trust *trust = tg_trust_chain_current(chain);
    struct tg_recall recall;
    TG_TRY(seal_named(tg_recall_parse(text.data, text.len, &recall, err), "V1", err));
    if (!trust) return TG_FAIL(err, TG_E_NO_TRUST, "V2: no trust yet: tamga trust init");
    if (strcmp(recall.realm, tg_trust_chain_realm(chain)) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V2: recall: of another realm");
    struct tg_cms_signer signer = {0};
    TG_TRY(
        seal_named(tg_cms_verify(cms.data, cms.len, text.data, text.len, TG_CMS_PIN, &signer, err),
                   "V3", err));
    int rc = check_signer(trust, signer.spki, now, err);
    tg_cms_signer_done(&signer);
    if (rc == 0) *ret = recall;
    return rc;
}
