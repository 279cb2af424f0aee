#include <string.h>

#include "base/bytes.h"
#include "kinds.h"

enum { SKI_LEAST = 20 };

/* A key's own id serves as the SKI where it can be one: the national CA writes the SKI there
 * (DOMAIN §1.1); "Time 1700000000000" or 01 00 00 00 of other makers is none. */
static void set_key_id(struct tg_keystore_entry *entry, const struct tg_p12_bag *bag)
{
    if (bag->key_id_len < SKI_LEAST || bag->key_id_len > sizeof entry->ski) return;
    memcpy(entry->ski, bag->key_id, bag->key_id_len);
    entry->ski_len = bag->key_id_len;
}

static bool full(struct tg_keystore *ks, const struct tg_keystore_entry *entry)
{
    if (!entry) tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, "too many entries");
    return !entry;
}

/* Entries of certificate bags; index[i] is the entry of bag i, or SIZE_MAX. */
static void add_certificates(struct tg_keystore *ks, const struct tg_p12 *p, size_t *index)
{
    for (size_t i = 0; i < p->bag_count; i++) {
        const struct tg_p12_bag *bag = &p->bags[i];
        struct tg_cert *cert = NULL;
        struct tg_err err = {0};
        index[i] = SIZE_MAX;
        if (bag->type != P12_CERT) continue;
        if (tg_cert_parse(bag->der, bag->der_len, &cert, &err) < 0) {
            (void)tg_err_wrap(&err, "a certificate in it");
            tg_keystore_say(ks, ks->status, err.text);
        }
        struct tg_keystore_entry *entry = tg_keystore_add(ks);
        if (full(ks, entry)) return tg_cert_unref(cert);
        index[i] = ks->count - 1;
        if (cert) tg_keystore_set_cert(entry, cert);
        if (!cert) set_key_id(entry, bag);
        if (bag->friendly_name) entry->friendly_name = tg_strdup(bag->friendly_name);
    }
}

static size_t entry_by_id(const struct tg_p12 *p, const struct tg_p12_bag *key, const size_t *index)
{
    for (size_t i = 0; i < p->bag_count; i++)
        if (index[i] != SIZE_MAX && tg_p12_same_id(&p->bags[i], key)) return index[i];
    return SIZE_MAX;
}

/* The slow way, for keys without a usable id: open the key and compare public keys. */
static size_t entry_by_spki(const struct tg_keystore *ks, struct tg_p12 *p,
                            const struct tg_p12_bag *key)
{
    TG_AUTO(key) struct tg_key *opened = NULL;
    struct tg_buf pkcs8 = TG_BUF(TG_SECRET_MAX);
    struct tg_err err;
    if (tg_p12_bag_pkcs8(p, key, &pkcs8, &err) == 0 &&
        tg_key_from_pkcs8(pkcs8.data, pkcs8.len, NULL, &opened, &err) < 0)
        opened = NULL;
    tg_pbe_wipe_buf(&pkcs8);
    for (size_t i = 0; opened && i < ks->count; i++)
        if (ks->entries[i].cert && tg_key_matches(opened, ks->entries[i].cert)) return i;
    return SIZE_MAX;
}

static bool unpaired_certificate(const struct tg_keystore *ks)
{
    for (size_t i = 0; i < ks->count; i++)
        if (ks->entries[i].cert && !ks->entries[i].has_key) return true;
    return false;
}

static void add_keys(struct tg_keystore *ks, struct tg_p12 *p, const size_t *index, bool open)
{
    for (size_t i = 0; i < p->bag_count; i++) {
        const struct tg_p12_bag *bag = &p->bags[i];
        if (!tg_p12_is_key(bag)) continue;
        size_t at = entry_by_id(p, bag, index);
        if (at == SIZE_MAX && (open || bag->type == P12_KEY) && unpaired_certificate(ks))
            at = entry_by_spki(ks, p, bag);
        if (at != SIZE_MAX) {
            ks->entries[at].has_key = true;
            continue;
        }
        struct tg_keystore_entry *entry = tg_keystore_add(ks);
        if (full(ks, entry)) return;
        entry->has_key = true;
        set_key_id(entry, bag);
        if (bag->friendly_name) entry->friendly_name = tg_strdup(bag->friendly_name);
    }
}

static void report_safes(struct tg_keystore *ks, const struct tg_p12 *p)
{
    for (size_t i = 0; i < p->safe_count; i++) {
        const struct tg_p12_safe *safe = &p->safes[i];
        if (safe->state == P12_REFUSED) tg_keystore_say(ks, TG_KEYSTORE_UNREADABLE, safe->why.text);
        if (safe->state != P12_SEALED || ks->status == TG_KEYSTORE_LOCKED) continue;
        tg_keystore_say(ks,
                        safe->why.code == TG_E_PASSWORD ? TG_KEYSTORE_LOCKED
                                                        : TG_KEYSTORE_UNREADABLE,
                        safe->why.text);
    }
}

static void scan(struct tg_keystore *ks, const uint8_t *bytes, size_t len,
                 const struct tg_secret *passwords, size_t n)
{
    struct tg_p12 p;
    struct tg_err err = {0};
    bool open = false;
    int rc = tg_p12_read(&p, bytes, len, &err);
    if (rc == 0) {
        rc = tg_p12_open(&p, passwords, n, &err);
        open = rc == 0;
        ks->password_index = p.password_index;
    }
    if (rc < 0)
        tg_keystore_say(ks, rc == TG_E_LOCKED ? TG_KEYSTORE_LOCKED : TG_KEYSTORE_UNREADABLE,
                        err.text);
    report_safes(ks, &p);
    size_t *index = tg_calloc(p.bag_count + 1, sizeof *index);
    add_certificates(ks, &p, index);
    add_keys(ks, &p, index, open);
    /* Keys may hide in a safe that stayed closed. */
    for (size_t i = 0; i < ks->count && ks->status != TG_KEYSTORE_OPEN; i++)
        if (!ks->entries[i].has_key) ks->entries[i].key_unknown = true;
    free(index);
    tg_p12_done(&p);
}

static bool cert_is(const struct tg_p12_bag *bag, const struct tg_cert *cert, const uint8_t *sha256)
{
    uint8_t digest[TG_SHA256];
    if (bag->type != P12_CERT) return false;
    tg_sha256(bag->der, bag->der_len, digest);
    return memcmp(digest, cert ? tg_cert_facts(cert)->sha256 : sha256, TG_SHA256) == 0;
}

/* Opens key bags, those with the certificate's id first, until one has the certificate's public
 * key. */
static int matching_key(struct tg_p12 *p, const struct tg_p12_bag *cert_bag,
                        const struct tg_cert *cert, struct tg_key **ret, struct tg_err *err)
{
    int rc = TG_FAIL(err, TG_E_NOT_FOUND, "no private key belongs to this certificate");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < p->bag_count; i++) {
            struct tg_p12_bag *bag = &p->bags[i];
            bool same = cert_bag && tg_p12_same_id(bag, cert_bag);
            if (!tg_p12_is_key(bag) || same != (pass == 0)) continue;
            TG_AUTO(key) struct tg_key *key = NULL;
            struct tg_buf pkcs8 = TG_BUF(TG_SECRET_MAX);
            struct tg_err why = {0};
            int opened = tg_p12_bag_pkcs8(p, bag, &pkcs8, &why);
            if (opened == 0) opened = tg_key_from_pkcs8(pkcs8.data, pkcs8.len, NULL, &key, &why);
            tg_pbe_wipe_buf(&pkcs8);
            if (opened == 0 && tg_key_matches(key, cert)) {
                *ret = TG_TAKE(key);
                return 0;
            }
            if (opened < 0 && same) rc = TG_FAIL(err, opened, "%s", why.text);
        }
    }
    return rc;
}

static int key_of(struct tg_p12 *p, const struct tg_cert *cert, const uint8_t *sha256,
                  struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *parsed = NULL;
    const struct tg_p12_bag *bag = NULL;
    for (size_t i = 0; i < p->bag_count && !bag; i++)
        if (cert_is(&p->bags[i], cert, sha256)) bag = &p->bags[i];
    if (!bag && !cert)
        return TG_FAIL(err, TG_E_NOT_FOUND, "PKCS#12: this certificate is not in it");
    if (!cert) TG_TRY(tg_cert_parse(bag->der, bag->der_len, &parsed, err));
    return matching_key(p, bag, cert ? cert : parsed, ret, err);
}

static int key(const uint8_t *bytes, size_t len, const struct tg_secret *password,
               const struct tg_cert *cert, const uint8_t sha256[TG_SHA256], struct tg_key **ret,
               struct tg_err *err)
{
    struct tg_p12 p;
    int rc = tg_p12_read(&p, bytes, len, err);
    if (rc == 0) rc = tg_p12_open(&p, password, password ? 1 : 0, err);
    if (rc == TG_E_LOCKED && password)
        rc = TG_FAIL(err, TG_E_PASSWORD, "the password does not open it");
    if (rc == 0) rc = key_of(&p, cert, sha256, ret, err);
    tg_p12_done(&p);
    return rc;
}

const struct tg_keystore_ops tg_keystore_pkcs12 = {.kind = "pkcs12",
                                                   .probe = tg_p12_probe,
                                                   .scan = scan,
                                                   .key = key,
                                                   .replace = tg_p12_replace};
