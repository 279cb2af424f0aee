/* offline: `tamga batch verify`: V1-V5 and S3 from files alone. Without a time stamp T is now. When
 * the trust document or the approver's pin has run out meanwhile, the signature may still be good,
 * but nobody can prove that it was made in time: then the answer is "signature good, time
 * unproven". Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "seal/blob.h"
#include "seal/chain.h"
#include "seal/check.h"

struct tg_offline {
    struct tg_blob snapshot, decisions;
    struct tg_signed statement;
    struct tg_knowledge knowledge; /* chain, recalls, now */
};

struct tg_offline_report {
    struct tg_checked checked;
    struct tg_totals totals;
    bool time_proven; /* false: "signature good, time unproven", exit 1 */
    char line[64];    /* "valid at 2026-11-20T09:00:00Z" or "signature good, time unproven" */
};

/* 0 for both answers (look at time_proven); a refusal is negative and begins with the check's name.
 */
int tg_offline_verify(const struct tg_offline *in, struct tg_offline_report *ret,
                      struct tg_err *err) TG_MUST_CHECK;
/* The signature part alone: V1-V5 at now, or, where only time refuses, at the statement's sign-by.
 */
int tg_offline_statement(const struct tg_knowledge *k, const struct tg_signed *s,
                         struct tg_checked *ret, bool *ret_time_proven,
                         struct tg_err *err) TG_MUST_CHECK;
