/* S5: what stands behind an approved leaf, before a CA is asked. */
#include "base/bytes.h"
#include "seal/check.h"
#include "seal/decisions.h"
#include "seal/holder.h"
#include "text.h"
#include "x509/csr.h"

static int check_decision(const struct tg_checked *c, const struct tg_leaf_place *place,
                          const struct tg_request *r, struct tg_decision *ret, struct tg_err *err)
{
    const struct tg_tree_line *tree = &c->statement.evidence;
    struct tg_merkle_hash leaf, root;
    TG_CHECK(tg_unhex(tree->root, 2 * (size_t)TG_SHA256, root.b));
    tg_merkle_leaf(r->decision.data, r->decision.len, &leaf);
    TG_TRY(seal_named(tg_merkle_verify_include(&leaf, place->index, tree->count, r->proof,
                                               r->proof_count, &root, err),
                      "S5: decision: not in the evidence", err));
    TG_TRY(seal_named(tg_decision_parse(r->decision.data, r->decision.len, ret, err), "S5", err));
    if (ret->kind == TG_DECISION_APPROVE) return 0;
    return TG_FAIL(err, TG_E_MISMATCH, "S5: decision: not an approval");
}

static int check_hash(const char *name, struct tg_blob bytes, const char *said, struct tg_err *err)
{
    char hash[TG_HEX256] = "-";
    if (bytes.len) tg_sha256_hex(bytes.data, bytes.len, hash);
    if (strcmp(hash, said) == 0) return 0;
    return TG_FAIL(err, TG_E_MISMATCH, "S5: %s: not the one that was approved", name);
}

static int check_csr(const struct tg_leaf *leaf, struct tg_blob der, struct tg_err *err)
{
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    char spki[TG_HEX256];
    TG_TRY(seal_named(tg_csr_parse(der.data, der.len, &csr, err), "S5: CSR", err));
    TG_TRY(seal_named(tg_csr_verify(csr, err), "S5: CSR: proof of possession", err));
    tg_hex(tg_csr_spki_sha256(csr), TG_SHA256, spki);
    if (strcmp(spki, leaf->key) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "S5: CSR: its key is not the leaf's");
    if (tg_csr_weak(csr) || strcmp(tg_csr_key_algorithm(csr), leaf->alg) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "S5: CSR: its key is %s, approved is %s",
                       tg_csr_key_algorithm(csr), leaf->alg);
    return 0;
}

int tg_check_request(const struct tg_checked *c, const struct tg_leaf_place *place,
                     const struct tg_leaf *leaf, const struct tg_request *request,
                     const struct tg_cert *old, struct tg_err *err)
{
    struct tg_decision decision;
    TG_TRY(check_decision(c, place, request, &decision, err));
    TG_TRY(check_hash("CSR", request->csr, decision.csr, err));
    TG_TRY(check_hash("holder's signature", request->holder_cms, decision.cms, err));
    TG_TRY(check_csr(leaf, request->csr, err));
    if (leaf->kind == TG_KIND_UNPROVEN)
        return 0; /* no old key signed: two approvers answer for it */
    if (!old) return TG_FAIL(err, TG_E_MISMATCH, "S5: F2: the old certificate is missing");
    return seal_named(tg_holder_check(c->statement.realm,
                                      tg_leaf_app(place->line.data, place->line.len),
                                      request->holder_cms, old, NULL, err),
                      "S5", err);
}
