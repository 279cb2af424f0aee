/* bundle: TRUST F4, all that an agent needs to install one certificate without trusting who sent
 * it. JSON in one fixed order, no optional fields; the reader re-emits and compares bytes. Sizes
 * and roots come only from the statement, never from here. Thread: any. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "merkle/merkle.h"
#include "seal/blob.h"
#include "seal/chain.h"

struct tg_bundle_trust {
    struct tg_blob text;
    size_t cms_count;
    struct tg_blob cms[TG_SEAL_TRUST_CMS_MAX];
};

/* Everything is borrowed: by print from the caller, after parse from `memory`. */
struct tg_bundle {
    size_t trust_count;
    struct tg_bundle_trust trust[TG_SEAL_TRUST_MAX];
    struct tg_blob statement;
    size_t cms_count;
    struct tg_blob cms[TG_SEAL_CMS_MAX];
    struct tg_blob leaf; /* the line without LF */
    uint32_t index;      /* among the approved */
    size_t proof_count;
    struct tg_merkle_hash proof[TG_SEAL_PROOF_MAX];
    struct tg_blob certificate; /* the new one, DER */
    struct tg_blob old;         /* len 0 = there is none */
    size_t chain_count;
    struct tg_blob chain[TG_SEAL_CHAIN_MAX]; /* issuer upward */
    size_t status_count;
    struct tg_blob status[TG_SEAL_STATUS_MAX];
    uint8_t *memory; /* owned after parse */
};

/* Borrow all versions of a chain. */
void tg_bundle_set_trust(struct tg_bundle *b, const struct tg_trust_chain *chain);
int tg_bundle_print(const struct tg_bundle *b, struct tg_buf *out,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_bundle_parse(const void *text, size_t len, struct tg_bundle **ret,
                    struct tg_err *err) TG_MUST_CHECK;
void tg_bundle_free(struct tg_bundle *b); /* of parse; NULL ok */
/* Offer every version of the bundle to a chain (V2): those it has must be equal, the rest are
 * added. */
int tg_bundle_feed(const struct tg_bundle *b, struct tg_trust_chain *chain,
                   struct tg_err *err) TG_MUST_CHECK;

TG_DEFINE_AUTO(bundle, struct tg_bundle, tg_bundle_free);
