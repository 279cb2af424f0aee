/* store: what the issuing process never forgets: one append-only file of checksummed records
 * (certificates by public key, recalls). Put, then commit: after it everything put is on disk; one
 * fsync for as many as came together. A torn end (power cut, kill) is cut off at the next opening:
 * it was never answered. Damage before the end is refused, never skipped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "seal/blob.h"

enum {
    CA_STORE_RECORD_MAX = 256 * 1024,
    CA_STORE_GROUP_MAX =
        1024 * 1024, /* put without commit; also the longest end that may be torn */
};

struct ca_store;

/* Called for every recall while opening, in order. */
typedef void (*ca_store_recall_fn)(struct tg_blob text, struct tg_blob cms, void *data);
/* path: the file; made if missing. *ret_torn (may be NULL): bytes cut off. */
int ca_store_open(const char *path, ca_store_recall_fn on_recall, void *data, struct ca_store **ret,
                  uint64_t *ret_torn, struct tg_err *err) TG_MUST_CHECK;
void ca_store_free(struct ca_store *s); /* NULL ok; what was not committed is lost */

/* A public key is put once: find first. */
void ca_store_put_certificate(struct ca_store *s, const uint8_t spki[TG_SHA256],
                              const uint8_t leaf[TG_SHA256], struct tg_blob der);
void ca_store_put_recall(struct ca_store *s, struct tg_blob text, struct tg_blob cms);
bool ca_store_is_full(const struct ca_store *s); /* commit before the next put */
/* After a failure the store is dead: end the process and answer nobody. */
int ca_store_commit(struct ca_store *s, struct tg_err *err) TG_MUST_CHECK;

/* The certificate of a key, committed or just put: TG_E_NOT_FOUND. der is appended to. */
int ca_store_find(const struct ca_store *s, const uint8_t spki[TG_SHA256],
                  uint8_t ret_leaf[TG_SHA256], struct tg_buf *der,
                  struct tg_err *err) TG_MUST_CHECK;
uint64_t ca_store_count(const struct ca_store *s);

TG_DEFINE_AUTO(ca_store, struct ca_store, ca_store_free);
