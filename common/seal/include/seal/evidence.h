/* evidence: the pack of `tamga evidence NUMBER`: a bundle plus what the server checked before
 * issuing (decision line, its proof, CSR, the holder's signature). Same rules as the bundle: fixed
 * order, re-emitted and compared. Fields: v, bundle (the F4 object itself), decision, proof, csr,
 * holder. Thread: any. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "seal/bundle.h"
#include "seal/check.h"

enum { TG_EVIDENCE_MAX = TG_MAX_BUNDLE + 128 * 1024 };

struct tg_evidence {
    struct tg_bundle *bundle; /* owned after parse */
    struct tg_blob decision;
    size_t proof_count;
    struct tg_merkle_hash proof[TG_SEAL_PROOF_MAX];
    struct tg_blob csr, holder;
    uint8_t *memory; /* owned after parse */
};

int tg_evidence_print(const struct tg_evidence *e, struct tg_buf *out,
                      struct tg_err *err) TG_MUST_CHECK;
int tg_evidence_parse(const void *text, size_t len, struct tg_evidence **ret,
                      struct tg_err *err) TG_MUST_CHECK;
void tg_evidence_free(struct tg_evidence *e); /* of parse; NULL ok */

struct tg_evidence_report {
    struct tg_checked checked;
    struct tg_leaf leaf;
    bool time_proven; /* as in seal/offline.h */
};
/* V1-V5, V7, S5's evidence (CSR, F2) and A2. realm pins trust version 1 (64 hex); NULL takes the
 * pack's own word and is for looking, not for relying. The report is large (about 30 KB): do not
 * put it on a small stack. */
int tg_evidence_verify(const struct tg_evidence *e, const char *realm, int64_t now,
                       struct tg_evidence_report *ret, struct tg_err *err) TG_MUST_CHECK;

TG_DEFINE_AUTO(evidence, struct tg_evidence, tg_evidence_free);
