/* chain: all versions of a trust document, each accepted by V2: the realm is fixed, `previous`
 * matches, the thresholds of both N's and N+1's roots signed, and the version never goes down.
 * Holds the exact texts and CMS, for bundles and for the next reader. Whoever has a chain that
 * reads only needs no lock; adding does. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "seal/blob.h"
#include "seal/trust.h"

struct tg_trust_chain;

/* realm: lower-case hex that version 1 must hash to (an agent's token, an issuer's memory), or
 * NULL. */
struct tg_trust_chain *tg_trust_chain_new(const char *realm);
void tg_trust_chain_free(struct tg_trust_chain *chain); /* NULL ok */

/* Accept the next version, or one that is there already if its text is the same (then nothing
 * changes). TG_E_UNTRUSTED, TG_E_SIGNATURE, TG_E_STALE (lower, or a gap) with "V2: trust N: ...".
 * Copies everything. */
int tg_trust_chain_add(struct tg_trust_chain *chain, struct tg_blob text, const struct tg_blob *cms,
                       size_t cms_count, struct tg_err *err) TG_MUST_CHECK;
/* N.trust and N.K.p7s for N = 1, 2, 3... of a folder. TG_E_NO_TRUST if there is no 1.trust. */
int tg_trust_chain_load(const char *dir, const char *realm, struct tg_trust_chain **ret,
                        struct tg_err *err) TG_MUST_CHECK;
/* Writes the missing files of the chain into the folder, CMS before text, so that a text is never
 * without. */
int tg_trust_chain_save(const struct tg_trust_chain *chain, const char *dir,
                        struct tg_err *err) TG_MUST_CHECK;

/* Questions. Version 0 = empty chain; current and the texts are borrowed and live until the chain
 * ends. */
uint32_t tg_trust_chain_version(const struct tg_trust_chain *chain);
const struct tg_trust *
tg_trust_chain_current(const struct tg_trust_chain *chain); /* NULL when empty */
const char *
tg_trust_chain_realm(const struct tg_trust_chain *chain); /* "" when empty and unpinned */
struct tg_blob tg_trust_chain_text(const struct tg_trust_chain *chain, uint32_t version);
size_t tg_trust_chain_cms(const struct tg_trust_chain *chain, uint32_t version,
                          const struct tg_blob **ret);
/* V2's last sentence: there is a current version and it has not expired. TG_E_NO_TRUST,
 * TG_E_EXPIRED. */
int tg_trust_chain_valid(const struct tg_trust_chain *chain, int64_t now,
                         struct tg_err *err) TG_MUST_CHECK;

TG_DEFINE_AUTO(trust_chain, struct tg_trust_chain, tg_trust_chain_free);
