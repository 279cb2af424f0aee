/* prepare: makes the NEW key beside the keystore, the CSR, and lets the OLD key sign the
 * application (TRUST F2). Runs in a job child as the keystore's owner. A repeat finds the key it
 * made before: a crash loses nothing. Blocks. */
#pragma once

#include "agent/scan.h"
#include "base/err.h"
#include "json/json.h"

/* request: application, path, algorithm, app (draft, base64), consent, agent, host, realm, secret,
 * passwords (rules). answer gets app, csr, cms (base64), key, old (hex). TG_E_LOCKED or
 * TG_E_PASSWORD: the keystore does not open. */
int agent_prepare(const json_t *request, const struct tg_secret *password, json_t *answer,
                  struct tg_err *err) TG_MUST_CHECK;

/* request: application, path. The key that waits for a cancelled application is removed. */
int agent_forget(const json_t *request, struct tg_err *err) TG_MUST_CHECK;

/* One keystore opened for work on one entry: shared by prepare and install. */
struct agent_store {
    const char *path;         /* borrowed */
    struct tg_buf bytes;      /* wiped at the end */
    struct tg_keystore *view; /* what was read */
    struct agent_passwords passwords;
    const struct tg_secret *password; /* the one that opened it; NULL: none was needed */
    char key_path[4096];              /* of a PEM pair; "" = one file */
    struct tg_buf key_bytes;
};
/* password: given by the holder, tried first; rules: of the agent's configuration. */
int agent_store_open(struct agent_store *s, const char *path, const struct tg_secret *password,
                     const json_t *rules, struct tg_err *err) TG_MUST_CHECK;
/* The same, for who is about to act: what a killed installation left beside the keystore (a
 * journal, temporary files, a second link, which would bar it for ever) is completed or removed
 * first. One job a keystore at a time. */
int agent_store_open_recovered(struct agent_store *s, const char *path,
                               const struct tg_secret *password, const json_t *rules,
                               struct tg_err *err) TG_MUST_CHECK;
void agent_store_done(struct agent_store *s);
/* The entry with this certificate and its private key (also from the file beside). TG_E_NOT_FOUND.
 */
int agent_store_pair(struct agent_store *s, const char *sha256_hex, const struct tg_cert **ret_cert,
                     struct tg_key **ret_key, struct tg_err *err) TG_MUST_CHECK;
/* The new key that waits beside the keystore. TG_E_NOT_FOUND; TG_E_MISMATCH: what waits there is
 * broken, or another key. */
int agent_new_key_load(const char *keystore, const char *number, const char *secret,
                       struct tg_key **ret, struct tg_err *err) TG_MUST_CHECK;
