/* blob: borrowed bytes, and the first line of every text that a key of ours ever signs (TRUST §2:
 * the first line is the domain separation). Owns nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tg_blob {
    const uint8_t *data;
    size_t len;
};

#define TG_BLOB(bytes, length) ((struct tg_blob){(const uint8_t *)(bytes), (length)})

#define TG_TEXT_STATEMENT "tamga approval statement v1" /* F3 */
#define TG_TEXT_HOLDER    "tamga holder statement v1"   /* F2 */
#define TG_TEXT_TRUST     "tamga trust v1"              /* F5 */
#define TG_TEXT_RECALL    "tamga recall statement v1"   /* F6 */
#define TG_TEXT_SIGN_IN   "tamga sign-in v1"            /* F8: can never be a statement */

enum {
    TG_SEAL_HEX = 65,           /* SHA-256 in hex and its NUL */
    TG_SEAL_CMS_MAX = 4,        /* CMS of one statement (F4) */
    TG_SEAL_TRUST_CMS_MAX = 16, /* CMS of one trust document: 8 old and 8 new roots */
    TG_SEAL_TRUST_MAX = 64,     /* versions of a trust document (F4) */
    TG_SEAL_PROOF_MAX = 17,     /* hashes of an inclusion proof among 100,000 leaves */
    TG_SEAL_CHAIN_MAX = 4,      /* certificates above the issued one */
    TG_SEAL_STATUS_MAX = 8,     /* revocation answers */
};
