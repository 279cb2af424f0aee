/* issue_private: pieces of certificates, requests and revocation lists that we write. Private to
 * x509. */
#pragma once

#include "base/buf.h"
#include "x509/cert.h"
#include "x509/key.h"

/* AlgorithmIdentifier of key's signatures. */
void tg_put_algorithm(struct tg_buf *b, const struct tg_key *key);
/* What was written since start is the DER to be signed: becomes SEQUENCE { it, algorithm, signature
 * }. */
int tg_put_signature(struct tg_buf *b, size_t start, const struct tg_key *key,
                     struct tg_err *err) TG_MUST_CHECK;
/* One RDN of one attribute; tag is the string type. */
void tg_put_rdn(struct tg_buf *b, const char *oid, unsigned tag, const char *text);
/* Name of CN and O (each may be NULL or ""). */
void tg_put_name(struct tg_buf *b, const char *organization, const char *cn);
void tg_put_validity(struct tg_buf *b, int64_t not_before, int64_t not_after);
void tg_put_ski(struct tg_buf *b, const uint8_t *ski, size_t len);
void tg_put_aki(struct tg_buf *b, const uint8_t *ski, size_t len);
