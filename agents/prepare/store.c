/* Opening one keystore for work on one of its entries. */
#include <string.h>

#include "agent/pending.h"
#include "agent/platform.h"
#include "agent/prepare.h"
#include "base/bytes.h"
#include "keystore/install.h"
#include "keystore/keystore.h"
#include "x509/cert.h"
#include "x509/key.h"

int agent_store_open(struct agent_store *s, const char *path, const struct tg_secret *password,
                     const json_t *rules, struct tg_err *err)
{
    memset(s, 0, sizeof *s);
    s->path = path;
    s->bytes = TG_BUF(TG_MAX_KEYSTORE);
    s->key_bytes = TG_BUF(TG_MAX_KEYSTORE);
    if (password && password->len) agent_passwords_add(&s->passwords, password);
    agent_passwords_for(rules, path, &s->passwords);
    TG_TRY(agent_read_file(path, &s->bytes, err));
    s->view = tg_keystore_scan_bytes(path, s->bytes.data, s->bytes.len, s->passwords.items,
                                     s->passwords.count);
    if (s->view->status == TG_KEYSTORE_LOCKED)
        return TG_FAIL(err, s->passwords.count ? TG_E_PASSWORD : TG_E_LOCKED, "%s: %s", path,
                       password && password->len ? "the password that was given does not open it"
                       : s->passwords.count      ? "no known password opens it"
                                                 : "no password is known for it");
    if (s->view->status == TG_KEYSTORE_UNREADABLE)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "%s: %s", path, s->view->reason);
    if (s->view->password_index >= 0) s->password = &s->passwords.items[s->view->password_index];
    return 0;
}

/* Of a pair in two files: what is left beside the key. */
static int recover_beside(const struct agent_store *s, const struct tg_cert *cert,
                          struct tg_err *err)
{
    char key_path[4096];
    for (size_t i = 0; i <= s->passwords.count; i++) {
        struct tg_err ignored = {0};
        const struct tg_secret *one = i ? &s->passwords.items[i - 1] : NULL;
        if (agent_find_key_linked(s->path, cert, one, key_path, &ignored) == 0)
            return tg_install_recover(-1, s->path, key_path, NULL, err);
    }
    return 0;
}

int agent_store_open_recovered(struct agent_store *s, const char *path,
                               const struct tg_secret *password, const json_t *rules,
                               struct tg_err *err)
{
    struct tg_buf bytes = TG_BUF(TG_MAX_KEYSTORE);
    memset(s, 0, sizeof *s);
    int rc = agent_read_linked(path, &bytes, err); /* ours at all? Nothing is touched before */
    if (bytes.data) tg_wipe(bytes.data, bytes.len);
    tg_buf_done(&bytes);
    TG_TRY(rc);
    TG_TRY(tg_install_recover(-1, path, NULL, NULL, err));
    TG_TRY(agent_store_open(s, path, password, rules, err));
    for (size_t i = 0; i < s->view->count; i++)
        if (strcmp(s->view->kind, "pem") == 0 && s->view->entries[i].cert &&
            !s->view->entries[i].has_key)
            TG_TRY(recover_beside(s, s->view->entries[i].cert, err));
    return 0;
}

void agent_store_done(struct agent_store *s)
{
    if (s->bytes.data) tg_wipe(s->bytes.data, s->bytes.len);
    if (s->key_bytes.data) tg_wipe(s->key_bytes.data, s->key_bytes.len);
    tg_buf_done(&s->bytes);
    tg_buf_done(&s->key_bytes);
    tg_keystore_free(s->view);
    agent_passwords_done(&s->passwords);
}

/* A key in a file of its own may be encrypted although the certificate's file is not: try what is
 * known. */
static int key_beside(struct agent_store *s, const struct tg_cert *cert, struct tg_key **ret,
                      struct tg_err *err)
{
    for (size_t i = 0; i <= s->passwords.count; i++) {
        const struct tg_secret *one = i ? &s->passwords.items[i - 1] : NULL;
        struct tg_err ignored = {0};
        tg_buf_reset(&s->key_bytes);
        if (agent_find_key_file(s->path, cert, one, s->key_path, &s->key_bytes, &ignored) < 0)
            continue;
        s->password = one;
        return tg_keystore_key_for(s->key_bytes.data, s->key_bytes.len, one, cert, ret, err);
    }
    s->key_path[0] = '\0';
    return TG_FAIL(err, TG_E_NOT_FOUND, "%s: its private key is neither in it nor beside it",
                   s->path);
}

int agent_store_pair(struct agent_store *s, const char *sha256_hex, const struct tg_cert **ret_cert,
                     struct tg_key **ret_key, struct tg_err *err)
{
    uint8_t sha256[TG_SHA256];
    if (!tg_is_hex(sha256_hex, 64) || !tg_unhex(sha256_hex, 64, sha256))
        return TG_FAIL(err, TG_E_INPUT, "\"%.64s\": not a SHA-256", sha256_hex);
    const struct tg_keystore_entry *entry = tg_keystore_find(s->view, sha256);
    if (!entry)
        return TG_FAIL(err, TG_E_NOT_FOUND, "%s: the certificate %.16s... is no longer in it",
                       s->path, sha256_hex);
    if (entry->has_key)
        TG_TRY(tg_keystore_key(s->bytes.data, s->bytes.len, s->password, sha256, ret_key, err));
    else
        TG_TRY(key_beside(s, entry->cert, ret_key, err));
    *ret_cert = entry->cert;
    return 0;
}

int agent_new_key_load(const char *keystore, const char *number, const char *secret,
                       struct tg_key **ret, struct tg_err *err)
{
    char path[4096];
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_SECRET_MAX);
    TG_AUTO(secret) struct tg_secret seal = {0};
    TG_TRY(agent_pending_key_path(keystore, number, path, sizeof path, err));
    TG_TRY(agent_read_file(path, &der, err));
    tg_secret_set(&seal, secret, strlen(secret));
    struct tg_err why = {0};
    TG_AUTO(key) struct tg_key *plain = NULL;
    if (tg_key_from_pkcs8(der.data, der.len, NULL, &plain, &why) == 0)
        return TG_FAIL(err, TG_E_MISMATCH, "%s: not the key that was made here: it is not sealed",
                       path);
    if (tg_key_from_pkcs8(der.data, der.len, &seal, ret, &why) < 0)
        /* Never TG_E_PASSWORD or TG_E_LOCKED: no holder can help with a secret of ours. */
        return TG_FAIL(err, TG_E_MISMATCH, "%s: not the key that was made here: %s", path,
                       why.text);
    return 0;
}
