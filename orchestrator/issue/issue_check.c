/* The checks of one application, on a pool thread; every one of them is seal's. */
#include "issue_in.h"

int issue_place(const struct issue_check *c, const struct issue_item *item,
                struct tg_merkle_proof proofs[2], struct ca_ask *ret, struct tg_err *err)
{
    TG_TRY(tg_merkle_tree_include(c->approved, item->index, &proofs[0], err));
    TG_TRY(tg_merkle_tree_include(c->evidence, item->index, &proofs[1], err));
    ret->reference = item->reference;
    ret->place = (struct tg_leaf_place){item->line, item->index, proofs[0].path, proofs[0].count};
    ret->request = (struct tg_request){.decision = item->decision,
                                       .proof = proofs[1].path,
                                       .proof_count = proofs[1].count,
                                       .csr = item->csr,
                                       .holder_cms = item->cms};
    ret->old = item->old_der;
    return 0;
}

static void refuse(struct issue_item *item)
{
    item->fate = ISSUE_REFUSED;
    (void)tg_err_wrap(&item->err, "%s", item->number);
}

static int check_issuer(const struct issue_check *c, const struct issue_item *item,
                        struct tg_err *err)
{
    const char *spki = ca_issuer_spki(item->connector);
    if (spki && strcmp(c->leaf->issuer, spki) == 0) return 0;
    return TG_FAIL(err, TG_E_MISMATCH, "A2: issuer: approved for another CA than connector %s",
                   item->connector->name);
}

static int check_request(const struct issue_check *c, const struct issue_item *item,
                         struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *old = NULL;
    struct tg_merkle_proof proofs[2];
    struct ca_ask ask = {0};
    if (item->old_der.len) TG_TRY(tg_cert_parse(item->old_der.data, item->old_der.len, &old, err));
    TG_TRY(issue_place(c, item, proofs, &ask, err));
    TG_TRY(tg_check_leaf(c->checked, &ask.place, old, c->leaf, err));
    TG_TRY(tg_check_request(c->checked, &ask.place, c->leaf, &ask.request, old, err));
    return check_issuer(c, item, err);
}

void issue_check_request(const struct issue_check *c, struct issue_item *item)
{
    if (check_request(c, item, &item->err) < 0) refuse(item);
}

static int check_answer(const struct issue_check *c, struct issue_item *item, struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *old = NULL;
    const struct tg_cert *issuers[] = {ca_issuer(item->connector)};
    TG_TRY(tg_leaf_parse(item->line.data, item->line.len, c->leaf, err));
    if (!item->cert) TG_TRY(tg_cert_parse(item->answer, item->answer_len, &item->cert, err));
    if (item->old_der.len) TG_TRY(tg_cert_parse(item->old_der.data, item->old_der.len, &old, err));
    struct tg_issued issued = {old, item->cert, issuers, issuers[0] ? 1 : 0};
    return tg_check_certificate(c->knowledge, c->leaf, &issued, err);
}

void issue_check_answer(const struct issue_check *c, struct issue_item *item)
{
    item->fate = ISSUE_GOT;
    if (check_answer(c, item, &item->err) < 0) refuse(item);
}
