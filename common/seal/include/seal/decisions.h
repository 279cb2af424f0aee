/* decisions: TRUST F9, what was decided about each line of a snapshot. Line i decides snapshot line
 * i. The line of an approval is the leaf of the evidence tree. Strict, no allocation. Thread: any.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "seal/blob.h"

enum { TG_REASON_MAX = 512, TG_DECISION_MAX = 7 + 2 * TG_REASON_MAX + 2 };

enum tg_decision_kind { TG_DECISION_APPROVE, TG_DECISION_HOLD, TG_DECISION_RETURN };

struct tg_decision {
    enum tg_decision_kind kind;
    /* approve: SHA-256 in hex of the CSR, the holder's CMS, the old certificate's status; "-" =
     * none */
    char csr[TG_SEAL_HEX], cms[TG_SEAL_HEX], status[TG_SEAL_HEX];
    char reason[TG_REASON_MAX + 1]; /* return: 1..512 bytes of clean UTF-8 */
};

/* One line without LF. TG_E_INPUT "decision: ...". */
int tg_decision_parse(const void *line, size_t len, struct tg_decision *ret,
                      struct tg_err *err) TG_MUST_CHECK;
int tg_decision_print(const struct tg_decision *d, struct tg_buf *out,
                      struct tg_err *err) TG_MUST_CHECK;
