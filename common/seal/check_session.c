/* S3: what was recomputed from snapshot and decisions is what the statement says. */
#include "seal/check.h"

static int same_tree(const char *name, const struct tg_tree_line *said,
                     const struct tg_tree_line *found, struct tg_err *err)
{
    if (said->count != found->count)
        return TG_FAIL(err, TG_E_MISMATCH, "S3: %s: the statement says %u, there are %u", name,
                       said->count, found->count);
    if (strcmp(said->root, found->root) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "S3: %s: the root is another one", name);
    return 0;
}

static int same_policies(const struct tg_statement *st, const struct tg_totals *t,
                         struct tg_err *err)
{
    if (st->policies_count != t->policies_count)
        return TG_FAIL(err, TG_E_MISMATCH, "S3: policy: the statement says %zu, there are %zu",
                       st->policies_count, t->policies_count);
    for (size_t i = 0; i < t->policies_count; i++) {
        if (strcmp(st->policies[i].name, t->policies[i].name) != 0 ||
            st->policies[i].count != t->policies[i].count)
            return TG_FAIL(err, TG_E_MISMATCH, "S3: policy %s: there are %u", t->policies[i].name,
                           t->policies[i].count);
    }
    return 0;
}

int tg_check_session(const struct tg_statement *st, const struct tg_totals *totals,
                     struct tg_err *err)
{
    TG_TRY(same_tree("snapshot", &st->snapshot, &totals->snapshot, err));
    TG_TRY(same_tree("approve", &st->approve, &totals->approve, err));
    TG_TRY(same_tree("return", &st->return_, &totals->return_, err));
    TG_TRY(same_tree("evidence", &st->evidence, &totals->evidence, err));
    if (st->hold != totals->hold)
        return TG_FAIL(err, TG_E_MISMATCH, "S3: hold: the statement says %u, there are %u",
                       st->hold, totals->hold);
    if (st->first_expiry != totals->first_expiry)
        return TG_FAIL(err, TG_E_MISMATCH, "S3: first-expiry: it is another day");
    for (unsigned i = 0; i < TG_FLAG_COUNT; i++) {
        if (st->flags[i] != totals->flags[i])
            return TG_FAIL(err, TG_E_MISMATCH, "S3: flag %s: the statement says %u, there are %u",
                           tg_flag_code((enum tg_flag)i), st->flags[i], totals->flags[i]);
    }
    return same_policies(st, totals, err);
}
