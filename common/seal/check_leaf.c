/* V7 and A1: one leaf, and V5's two sentences about it. */
#include "base/bytes.h"
#include "seal/check.h"
#include "text.h"

static int own_certificate(const struct tg_leaf *leaf, struct tg_err *err)
{
    return TG_FAIL(err, TG_E_DENIED, "V5: %s is the approver's own certificate", leaf->no);
}

int tg_check_approver(const struct tg_checked *c, const struct tg_leaf *leaf, struct tg_err *err)
{
    for (size_t i = 0; i < c->signers_count; i++) {
        const struct tg_signer *s = &c->signers[i];
        bool own_iin = *s->iin && tg_starts(leaf->id, "IIN") && strcmp(leaf->id + 3, s->iin) == 0;
        if (own_iin || (*leaf->old && strcmp(leaf->old, s->sha256) == 0) ||
            (*leaf->key && strcmp(leaf->key, s->spki) == 0))
            return own_certificate(leaf, err);
    }
    if (leaf->kind == TG_KIND_UNPROVEN && c->signers_count < 2)
        return TG_FAIL(err, TG_E_DENIED, "V5: %s is unproven and needs two approvers", leaf->no);
    return 0;
}

/* Of a pin only the key counts, so the certificate in the CMS may be any: the key tells too. */
static int check_approver_key(const struct tg_checked *c, const struct tg_leaf *leaf,
                              const struct tg_cert *old, struct tg_err *err)
{
    char spki[TG_HEX256];
    tg_hex(tg_cert_facts(old)->spki_sha256, TG_SHA256, spki);
    for (size_t i = 0; i < c->signers_count; i++)
        if (strcmp(c->signers[i].spki, spki) == 0) return own_certificate(leaf, err);
    return 0;
}

static int mismatch(const char *check, const char *field, struct tg_err *err)
{
    return TG_FAIL(err, TG_E_MISMATCH, "%s: %s", check, field);
}

/* The leaf's days row is there, and as it is, exactly when days is above the old lifetime. */
static int check_days(const struct tg_leaf *leaf, const struct tg_cert *old, struct tg_err *err)
{
    struct tg_change rows[TG_LEAF_CHANGES];
    size_t n = 0;
    const struct tg_change *said = NULL;
    for (size_t i = 0; i < leaf->changes_count; i++) {
        if (strcmp(leaf->changes[i].field, "days") == 0) said = &leaf->changes[i];
    }
    TG_TRY(seal_named(tg_change_days(old, (int)leaf->days, rows, &n, err), "V7: old: days", err));
    if ((n == 1) != (said != NULL) ||
        (said && (strcmp(said->old, rows[0].old) != 0 || strcmp(said->new_, rows[0].new_) != 0)))
        return mismatch("V7: old: days", "the changes do not tell the longer validity truly", err);
    return 0;
}

int tg_check_old(const struct tg_leaf *leaf, const struct tg_cert *old, struct tg_err *err)
{
    struct tg_leaf of_old;
    TG_TRY(seal_named(tg_leaf_from_old(&of_old, old, err), "V7: old", err));
    if (strcmp(leaf->old, of_old.old) != 0)
        return mismatch("V7: old: old", "another certificate than the leaf names", err);
    if (strcmp(leaf->ends, of_old.ends) != 0)
        return mismatch("V7: old: ends", "not the old certificate's notAfter", err);
    bool from_old = leaf->kind != TG_KIND_UNPROVEN; /* unproven: from the register */
    if (from_old && strcmp(leaf->name, of_old.name) != 0)
        return mismatch("V7: old: name", "not the old certificate's common name", err);
    if (from_old && strcmp(leaf->id, of_old.id) != 0)
        return mismatch("V7: old: id", "not the old certificate's IIN or BIN", err);
    TG_TRY(check_days(leaf, old, err));
    if ((leaf->flags & TG_FLAGS_OF_OLD) != tg_flags_of_old(leaf, old))
        return mismatch("V7: old: flags", "not the flags that follow from the old certificate",
                        err);
    return 0;
}

static int check_inclusion(const struct tg_checked *c, const struct tg_leaf_place *place,
                           struct tg_err *err)
{
    const struct tg_tree_line *tree = &c->statement.approve;
    struct tg_merkle_hash leaf, root;
    if (place->index >= tree->count)
        return TG_FAIL(err, TG_E_MISMATCH, "V7: index %u: only %u were approved", place->index,
                       tree->count);
    TG_CHECK(tg_unhex(tree->root, 2 * (size_t)TG_SHA256, root.b));
    tg_merkle_leaf(place->line.data, place->line.len, &leaf);
    return seal_named(tg_merkle_verify_include(&leaf, place->index, tree->count, place->proof,
                                               place->proof_count, &root, err),
                      "V7: not among the approved", err);
}

static int check_flags(const struct tg_leaf *leaf, struct tg_err *err)
{
    if ((leaf->flags & TG_FLAGS_DERIVED) != tg_flags_of_leaf(leaf))
        return mismatch("V7: flags", "not the flags that follow from the leaf", err);
    tg_flags stop = tg_flags_of_class(leaf->flags, TG_FLAG_STOP);
    if (stop)
        return TG_FAIL(err, TG_E_DENIED, "V7: flags: %s stops",
                       tg_flag_code((enum tg_flag)__builtin_ctz(stop)));
    if (leaf->kind == TG_KIND_OBSERVE)
        return TG_FAIL(err, TG_E_DENIED, "V7: kind: observe is never installed by us");
    return 0;
}

int tg_check_leaf(const struct tg_checked *c, const struct tg_leaf_place *place,
                  const struct tg_cert *old, struct tg_leaf *ret, struct tg_err *err)
{
    TG_TRY(check_inclusion(c, place, err));
    TG_TRY(seal_named(tg_leaf_parse(place->line.data, place->line.len, ret, err), "V1", err));
    TG_TRY(check_flags(ret, err));
    TG_TRY(tg_check_approver(c, ret, err));
    if (old) {
        TG_TRY(check_approver_key(c, ret, old, err));
        return tg_check_old(ret, old, err);
    }
    if (*ret->old) return mismatch("V7: old: old", "the old certificate is missing", err);
    if (ret->flags & TG_FLAGS_OF_OLD)
        return mismatch("V7: old: flags", "about an old certificate that is not there", err);
    return 0;
}

int tg_check_pending(const struct tg_pending *pending, struct tg_blob line,
                     const struct tg_leaf *leaf, struct tg_err *err)
{
    char app[TG_HEX256];
    struct tg_blob bytes = tg_leaf_app(line.data, line.len);
    tg_sha256_hex(bytes.data, bytes.len, app);
    if (strcmp(pending->agent, leaf->agent) != 0)
        return mismatch("A1: agent", "the leaf is for another agent", err);
    if (strcmp(pending->app, app) != 0)
        return mismatch("A1: app", "not the application that was prepared here", err);
    if (strcmp(pending->key, leaf->key) != 0)
        return mismatch("A1: key", "not the key that was made here", err);
    if (strcmp(pending->old, leaf->old) != 0)
        return mismatch("A1: old", "not the certificate that was to be renewed", err);
    return 0;
}
