/* pem: reads bundles, PEM (RFC 7468, with text between the blocks) or one bare DER, block by block
 * and bounded; writes PEM. Says nothing about what the blocks mean. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* One block, valid during the callback only; der is wiped afterwards. */
struct tg_pem_block {
    const char *label; /* CERTIFICATE, PRIVATE KEY, ...; X509/TRUSTED CERTIFICATE come under their
                          own label */
    const uint8_t *der;
    size_t der_len;
    const char *text; /* the block as it stands, BEGIN to END line; NULL for bare DER */
    size_t text_len;
    size_t offset;  /* of text in the input */
    bool encrypted; /* has a Proc-Type header, or is an ENCRYPTED PRIVATE KEY */
};
/* 0 goes on; negative ends the reading with that code. */
typedef int (*tg_pem_fn)(const struct tg_pem_block *block, void *data, struct tg_err *err);

bool tg_pem_looks_like(const uint8_t *bytes, size_t len); /* a BEGIN line is in there */
/* Every block of a PEM text of at most TG_MAX_KEYSTORE bytes and TG_MAX_ENTRIES blocks. TG_E_INPUT
 * for a block that is cut off or not base64 (names the line), TG_E_NOT_FOUND without any block. */
int tg_pem_read(const uint8_t *bytes, size_t len, tg_pem_fn on_block, void *data,
                struct tg_err *err) TG_MUST_CHECK;
/* PEM bundle, or one bare DER certificate (label CERTIFICATE). */
int tg_pem_or_der_read(const uint8_t *bytes, size_t len, tg_pem_fn on_block, void *data,
                       struct tg_err *err) TG_MUST_CHECK;
void tg_pem_write(const char *label, const uint8_t *der, size_t len,
                  struct tg_buf *ret);         /* 64 columns, final LF */
bool tg_pem_is_certificate(const char *label); /* CERTIFICATE, X509 CERTIFICATE */
bool tg_pem_is_key(const char *label);         /* ... PRIVATE KEY */
