#include <string.h>

#include "base/limits.h"
#include "pem_file.h"

static bool add_certificates(struct tg_keystore *ks, struct tg_pem_file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!f->parts[i].cert) continue;
        struct tg_keystore_entry *entry = tg_keystore_add(ks);
        if (!entry) {
            tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, "too many entries");
            return false;
        }
        tg_keystore_set_cert(entry, tg_cert_ref(f->parts[i].cert));
    }
    return true;
}

/* A key without a certificate in this file: its certificate may stand in another one. */
static void add_lone_key(struct tg_keystore *ks, const struct tg_key *key)
{
    struct tg_keystore_entry *entry = tg_keystore_add(ks);
    struct tg_spki_facts facts;
    size_t len = 0;
    if (!entry) {
        tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, "too many entries");
        return;
    }
    entry->has_key = true;
    if (!key) return;
    const uint8_t *spki = tg_key_spki_der(key, &len);
    if (tg_spki_read(spki, len, &facts, NULL) < 0) return;
    tg_keystore_sha1(facts.bit_string, facts.bit_string_len, entry->ski);
    entry->ski_len = TG_KEYSTORE_SHA1;
}

static bool pair(struct tg_keystore *ks, const struct tg_key *key)
{
    bool any = false;
    for (size_t i = 0; i < ks->count; i++) {
        struct tg_keystore_entry *entry = &ks->entries[i];
        if (!entry->cert || !tg_key_matches(key, entry->cert)) continue;
        entry->has_key = any = true;
    }
    return any;
}

static void scan_key(struct tg_keystore *ks, const struct tg_pem_file *f,
                     const struct tg_pem_part *part, const struct tg_secret *passwords, size_t n,
                     struct tg_pbe_budget *budget)
{
    struct tg_pem_opened opened;
    struct tg_err err = {0};
    int rc = tg_pem_open_key(f, part, passwords, n, budget, &opened, &err);
    TG_AUTO(key) struct tg_key *key = rc == 0 ? opened.key : NULL;
    if (rc == 0 && part->encrypted) ks->password_index = opened.password_index;
    if (rc == TG_E_LOCKED) tg_keystore_say(ks, TG_KEYSTORE_LOCKED, err.text);
    if (rc < 0 && rc != TG_E_LOCKED) {
        (void)tg_err_wrap(&err, "a private key in it");
        tg_keystore_say(ks, ks->status, err.text);
    }
    if (!key || !pair(ks, key)) add_lone_key(ks, key);
}

static void scan(struct tg_keystore *ks, const uint8_t *bytes, size_t len,
                 const struct tg_secret *passwords, size_t n)
{
    struct tg_pem_file f;
    struct tg_err err = {0};
    struct tg_pbe_budget budget = {TG_MAX_KDF_BUDGET};
    if (tg_pem_file_read(&f, bytes, len, &err) < 0)
        tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, err.text);
    bool room = add_certificates(ks, &f);
    for (size_t i = 0; i < f.count && room; i++)
        if (f.parts[i].is_key) scan_key(ks, &f, &f.parts[i], passwords, n, &budget);
    if (f.bad.code)
        tg_keystore_say(ks, ks->count ? ks->status : TG_KEYSTORE_UNREADABLE, f.bad.text);
    for (size_t i = 0; i < ks->count && ks->status == TG_KEYSTORE_LOCKED; i++)
        if (!ks->entries[i].has_key) ks->entries[i].key_unknown = true;
    tg_pem_file_done(&f);
}

static const struct tg_cert *cert_by_hash(const struct tg_pem_file *f, const uint8_t *sha256)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->parts[i].cert &&
            memcmp(tg_cert_facts(f->parts[i].cert)->sha256, sha256, TG_SHA256) == 0)
            return f->parts[i].cert;
    return NULL;
}

static int key_in(const struct tg_pem_file *f, const struct tg_secret *password,
                  const struct tg_cert *cert, struct tg_key **ret, struct tg_err *err)
{
    struct tg_pbe_budget budget = {TG_MAX_KDF_BUDGET};
    int rc = TG_FAIL(err, TG_E_NOT_FOUND, "PEM: no private key belongs to this certificate");
    for (size_t i = 0; i < f->count; i++) {
        struct tg_pem_opened opened;
        struct tg_err why = {0};
        if (!f->parts[i].is_key) continue;
        int got =
            tg_pem_open_key(f, &f->parts[i], password, password ? 1 : 0, &budget, &opened, &why);
        if (got == 0 && tg_key_matches(opened.key, cert)) {
            *ret = opened.key;
            return 0;
        }
        if (got == 0) tg_key_free(opened.key);
        if (got == TG_E_LOCKED && password) got = TG_E_PASSWORD;
        if (got < 0) rc = TG_FAIL(err, got, "PEM: %s", why.text);
    }
    return rc;
}

static int key(const uint8_t *bytes, size_t len, const struct tg_secret *password,
               const struct tg_cert *cert, const uint8_t sha256[TG_SHA256], struct tg_key **ret,
               struct tg_err *err)
{
    struct tg_pem_file f;
    int rc = tg_pem_file_read(&f, bytes, len, err);
    if (rc == 0 && !cert && !(cert = cert_by_hash(&f, sha256)))
        rc = TG_FAIL(err, TG_E_NOT_FOUND, "PEM: this certificate is not in it");
    if (rc == 0) rc = key_in(&f, password, cert, ret, err);
    tg_pem_file_done(&f);
    return rc;
}

const struct tg_keystore_ops tg_keystore_pem = {.kind = "pem",
                                                .probe = tg_pem_probe,
                                                .scan = scan,
                                                .key = key,
                                                .replace = tg_pem_replace};
