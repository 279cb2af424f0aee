/* renew_keystore: a small world of pairs (a CA, two holders, a trusted stranger, a successor) and
 * the renewal of keystores around it. Include once a program; libs: crypto, uses: base json x509
 * keystore. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keystore/keystore.h"
#include "make_keystore.h"
#include "x509/cert.h"
#include "x509/key.h"
#include "x509/openssl.h"

#define PASSWORD "Парольдвести"

enum { ITERATIONS = 2048 };

static struct mk_pair root, one, two, three, fresh;

static inline int make_world(void **state)
{
    (void)state;
    root = mk_pair("ec", "Сынақ CA", NULL, "critical,keyCertSign,cRLSign");
    one = mk_pair("rsa", "Один", &root, "critical,digitalSignature,keyEncipherment");
    two = mk_pair("ec", "Two", &root, "critical,digitalSignature");
    three = mk_pair("ec", "Trusted", NULL, "critical,keyCertSign");
    fresh = mk_pair("ec", "Один", &root, "critical,digitalSignature");
    return 0;
}

static inline int end_world(void **state)
{
    (void)state;
    mk_free(&root);
    mk_free(&one);
    mk_free(&two);
    mk_free(&three);
    mk_free(&fresh);
    return 0;
}

static inline struct tg_cert *cert_of(const struct mk_pair *pair)
{
    struct tg_cert *cert = NULL;
    struct tg_err err = {0};
    assert_int_equal(tg_cert_from_x509(pair->cert, &cert, &err), 0);
    return cert;
}

static inline void hash_of(const struct mk_pair *pair, uint8_t ret[TG_SHA256])
{
    struct tg_cert *cert = cert_of(pair);
    memcpy(ret, tg_cert_facts(cert)->sha256, TG_SHA256);
    tg_cert_unref(cert);
}

static inline struct tg_keystore *scan(const struct tg_buf *file, const char *password)
{
    struct tg_secret secret = {0};
    if (password) tg_secret_set(&secret, password, strlen(password));
    struct tg_keystore *ks =
        tg_keystore_scan_bytes("k", file->data, file->len, &secret, password ? 1 : 0);
    tg_secret_done(&secret);
    return ks;
}

static inline const struct tg_keystore_entry *entry_of(const struct tg_keystore *ks,
                                                       const struct mk_pair *pair)
{
    uint8_t hash[TG_SHA256];
    hash_of(pair, hash);
    return tg_keystore_find(ks, hash);
}

/* Renews `old` in file with `fresh`; the result. */
static inline int renew(const struct tg_buf *file, const char *password, const struct mk_pair *old,
                        bool keep_old, bool compatible, struct tg_buf *out, struct tg_err *err)
{
    struct tg_secret secret = {0};
    uint8_t hash[TG_SHA256];
    TG_AUTO(cert) struct tg_cert *cert = cert_of(&fresh);
    TG_AUTO(cert) struct tg_cert *ca = cert_of(&root);
    TG_AUTO(key) struct tg_key *key = NULL;
    const struct tg_cert *chain[] = {ca};
    assert_int_equal(tg_key_from_evp(fresh.key, &key, err), 0);
    if (password) tg_secret_set(&secret, password, strlen(password));
    hash_of(old, hash);
    const struct tg_keystore_renewal renewal = {.password = password ? &secret : NULL,
                                                .old_sha256 = hash,
                                                .key = key,
                                                .cert = cert,
                                                .chain = chain,
                                                .chain_count = 1,
                                                .keep_old = keep_old,
                                                .compatible = compatible,
                                                .keep_iterations = true};
    int rc = tg_keystore_replace(file->data, file->len, &renewal, out, err);
    if (rc == 0) {
        hash_of(&fresh, hash);
        assert_int_equal(tg_keystore_prove(out->data, out->len, NULL, 0, password ? &secret : NULL,
                                           hash, err),
                         0);
    }
    tg_secret_done(&secret);
    return rc;
}
