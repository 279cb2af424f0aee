/* recall: TRUST F6, an approver takes a statement back. Best effort for agents that are offline;
 * issuer and agents keep every recall they were shown. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "seal/blob.h"
#include "seal/chain.h"

enum { TG_RECALL_MAX = 512 };

struct tg_recall {
    char realm[TG_SEAL_HEX];
    char statement[TG_SEAL_HEX]; /* SHA-256 of the recalled statement */
    int64_t at;
    char nonce[33];
};

int tg_recall_parse(const void *text, size_t len, struct tg_recall *ret,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_recall_print(const struct tg_recall *r, struct tg_buf *out,
                    struct tg_err *err) TG_MUST_CHECK;
/* The text to sign: fills at and a fresh nonce, prints. */
int tg_recall_make(const char *realm, const char *statement, int64_t now, struct tg_buf *out,
                   struct tg_err *err) TG_MUST_CHECK;

/* A recall counts when its realm is ours and any one approver of the current trust version signed
 * it. An expired trust document does not stop a recall: it only ever takes away. */
int tg_recall_check(const struct tg_trust_chain *chain, struct tg_blob text, struct tg_blob cms,
                    int64_t now, struct tg_recall *ret, struct tg_err *err) TG_MUST_CHECK;
