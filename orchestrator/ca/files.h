/* files: keys and certificates of this room as files: made once, key before certificate, owner
 * only. */
#pragma once

#include "base/err.h"
#include "x509/cert.h"
#include "x509/key.h"

/* The key at path, or a new P-256 key put there (0600, fsynced). TG_E_DENIED when others may read
 * it. */
int ca_key_load_or_make(const char *path, struct tg_key **ret, struct tg_err *err) TG_MUST_CHECK;
/* One certificate, PEM or DER. */
int ca_cert_load(const char *path, struct tg_cert **ret, struct tg_err *err) TG_MUST_CHECK;
int ca_cert_save(const char *path, const struct tg_cert *cert, struct tg_err *err) TG_MUST_CHECK;

/* The self-signed CA certificate of key at path, or a new one: "CN=<organization> <what>", ten
 * years. */
struct ca_root {
    const char *path, *organization, *what;
    int64_t now;
};
int ca_root_load_or_make(const struct ca_root *root, const struct tg_key *key, struct tg_cert **ret,
                         struct tg_err *err) TG_MUST_CHECK;
