/* x509_world: a small CA and an old certificate of a made-up employee, written with all the
 * extensions that a national certificate has; made at run time, so that no key is ever stored. Test
 * support. */
#pragma once

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/times.h"
#include "x509/cert.h"
#include "x509/der.h"
#include "x509/issue.h"
#include "x509/key.h"

#define WORLD_NOW INT64_C(1800000000)

struct world {
    struct tg_key *root_key, *old_key, *new_key;
    struct tg_cert *root, *old;
};

/* What a test may bend of the old certificate. */
struct world_old {
    const char *locality; /* NULL: Алматы */
    bool printable_cn;    /* CN as PrintableString */
    bool two_ou;          /* a second OU */
    bool joined;          /* CN and UID in one RDN */
    bool no_san;
    bool eku_critical;
    bool extra;     /* an unknown extension */
    bool duplicate; /* EKU twice */
    bool ca;
    int days;                 /* 0: 365 */
    const struct tg_key *key; /* NULL: the world's old key */
};

static inline void world_attribute(struct tg_buf *b, const char *oid, unsigned tag,
                                   const char *text)
{
    size_t start = b->len;
    tg_der_put_oid(b, oid);
    tg_der_put(b, tag, text, strlen(text));
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static inline void world_rdn(struct tg_buf *b, const char *oid, unsigned tag, const char *text)
{
    size_t start = b->len;
    world_attribute(b, oid, tag, text);
    tg_der_wrap(b, start, TG_DER_SET);
}

static inline void world_subject(struct tg_buf *b, const struct world_old *o)
{
    size_t start = b->len, rdn = b->len;
    world_attribute(b, "2.5.4.3", o->printable_cn ? TG_DER_PRINTABLE : TG_DER_UTF8,
                    o->printable_cn ? "TESTOV TEST" : "ТЕСТОВ ТЕСТ");
    if (o->joined) world_attribute(b, "0.9.2342.19200300.100.1.1", TG_DER_UTF8, "ttestov");
    tg_der_wrap(b, rdn, TG_DER_SET);
    world_rdn(b, "2.5.4.4", TG_DER_UTF8, "ТЕСТОВ");
    world_rdn(b, "2.5.4.5", TG_DER_PRINTABLE, "IIN123456789011");
    world_rdn(b, "2.5.4.6", TG_DER_PRINTABLE, "KZ");
    world_rdn(b, "2.5.4.7", TG_DER_UTF8, o->locality ? o->locality : "Алматы");
    world_rdn(b, "2.5.4.10", TG_DER_UTF8, "ТОО \"Алатау, Пример\"");
    world_rdn(b, "2.5.4.11", TG_DER_UTF8, "BIN123456789021");
    if (o->two_ou) world_rdn(b, "2.5.4.11", TG_DER_UTF8, "Бухгалтерия");
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static inline void world_extension(struct tg_buf *b, const char *oid, bool critical,
                                   const void *value, size_t len)
{
    static const uint8_t yes = 0xff;
    size_t start = b->len;
    tg_der_put_oid(b, oid);
    if (critical) tg_der_put(b, TG_DER_BOOLEAN, &yes, 1);
    tg_der_put(b, TG_DER_OCTETS, value, len);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static inline void world_eku(struct tg_buf *b, bool critical)
{
    TG_AUTO(buf) struct tg_buf v = TG_BUF(512);
    tg_der_put_oid(&v, "1.3.6.1.5.5.7.3.4");
    tg_der_put_oid(&v, "1.2.398.3.3.4.1.2");
    tg_der_put_oid(&v, "1.2.398.3.3.4.1.2.5");
    tg_der_wrap(&v, 0, TG_DER_SEQUENCE);
    world_extension(b, "2.5.29.37", critical, v.data, v.len);
}

static inline void world_san(struct tg_buf *b)
{
    TG_AUTO(buf) struct tg_buf v = TG_BUF(512);
    tg_der_put(&v, TG_DER_CONTEXT | 1, "test@alatau.example", 19);
    tg_der_put(&v, TG_DER_CONTEXT | 2, "ws7.alatau.example", 18);
    tg_der_put(&v, TG_DER_CONTEXT | 7, "\x0a\x00\x00\x07", 4);
    tg_der_put(&v, TG_DER_CONTEXT | 6, "urn:tamga:7", 11);
    size_t upn = v.len;
    tg_der_put_oid(&v, "1.3.6.1.4.1.311.20.2.3");
    size_t inner = v.len;
    tg_der_put(&v, TG_DER_UTF8, "тест@alatau", 15);
    tg_der_wrap(&v, inner, TG_DER_CONSTRUCTED | 0);
    tg_der_wrap(&v, upn, TG_DER_CONSTRUCTED | 0);
    tg_der_wrap(&v, 0, TG_DER_SEQUENCE);
    world_extension(b, "2.5.29.17", false, v.data, v.len);
}

static inline void world_policies(struct tg_buf *b)
{
    TG_AUTO(buf) struct tg_buf v = TG_BUF(512);
    tg_der_put_oid(&v, "1.2.398.3.3.2");
    size_t qualifiers = v.len;
    tg_der_put_oid(&v, "1.3.6.1.5.5.7.2.1");
    tg_der_put(&v, TG_DER_IA5, "http://cps.example/", 19);
    tg_der_wrap(&v, qualifiers, TG_DER_SEQUENCE);
    tg_der_wrap(&v, qualifiers, TG_DER_SEQUENCE);
    tg_der_wrap(&v, 0, TG_DER_SEQUENCE);
    tg_der_wrap(&v, 0, TG_DER_SEQUENCE);
    world_extension(b, "2.5.29.32", false, v.data, v.len);
}

static inline void world_extensions(struct tg_buf *b, const struct world_old *o)
{
    static const uint8_t usage[] = {0x03, 0x02, 0x03, 0xc8}, ca[] = {0x30, 0x03, 0x01, 0x01, 0xff};
    TG_AUTO(buf) struct tg_buf v = TG_BUF(128);
    size_t start = b->len;
    world_eku(b, o->eku_critical);
    if (o->duplicate) world_eku(b, o->eku_critical);
    world_policies(b);
    world_extension(b, "2.5.29.15", true, usage, sizeof usage);
    if (!o->no_san) world_san(b);
    tg_der_put_oid(&v, "1.2.398.3.3.5.1.1");
    tg_der_wrap(&v, 0, TG_DER_SEQUENCE);
    world_extension(b, "1.2.398.3.3.5", false, v.data, v.len);
    if (o->extra) world_extension(b, "1.2.3.4.5", false, "\x05\x00", 2);
    if (o->ca) world_extension(b, "2.5.29.19", true, ca, sizeof ca);
    world_extension(b, "2.5.29.14", false, "\x04\x04\x01\x02\x03\x04", 6);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    tg_der_wrap(b, start, TG_DER_CONSTRUCTED | 3);
}

/* Signs nothing: an old certificate is only read. */
static inline struct tg_cert *world_old_cert(const struct world *w, const struct world_old *o)
{
    static const uint8_t head[] = {0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x07, 0x30, 0x0a,
                                   0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    TG_AUTO(buf) struct tg_buf b = TG_BUF(TG_MAX_CERT);
    const struct tg_cert_facts *root = tg_cert_facts(w->root);
    struct tg_cert *cert = NULL;
    struct tg_err err = {0};
    tg_buf_add(&b, head, sizeof head);
    tg_buf_add(&b, root->subject_der, root->subject_len);
    size_t start = b.len;
    tg_der_put_time(&b, WORLD_NOW - 300 * TG_DAY);
    tg_der_put_time(&b, WORLD_NOW + ((o->days ? o->days : 365) - 300) * TG_DAY);
    tg_der_wrap(&b, start, TG_DER_SEQUENCE);
    world_subject(&b, o);
    tg_key_spki(o->key ? o->key : w->old_key, &b);
    world_extensions(&b, o);
    tg_der_wrap(&b, 0, TG_DER_SEQUENCE);
    tg_buf_add(&b, head + 8, 12);
    tg_der_put(&b, TG_DER_BITS, "\0\1\2\3", 4);
    tg_der_wrap(&b, 0, TG_DER_SEQUENCE);
    if (tg_cert_parse(b.data, b.len, &cert, &err) < 0)
        fprintf(stderr, "world: %s\n", err.text), abort();
    return cert;
}

static inline void world_must(int rc, const struct tg_err *err)
{
    if (rc < 0) fprintf(stderr, "world: %s\n", err->text), abort();
}

static inline void world_init(struct world *w)
{
    struct tg_err err = {0};
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_root_spec root = {.cn = "Alatau Root",
                                      .organization = "Алатау",
                                      .not_before = WORLD_NOW - 1000 * TG_DAY,
                                      .not_after = WORLD_NOW + 3000 * TG_DAY,
                                      .path_len = 0};
    *w = (struct world){0};
    world_must(tg_key_generate("ec-p256", &w->root_key, &err), &err);
    world_must(tg_key_generate("ec-p256", &w->old_key, &err), &err);
    world_must(tg_key_generate("ec-p256", &w->new_key, &err), &err);
    world_must(tg_issue_root(w->root_key, &root, &der, &err), &err);
    world_must(tg_cert_parse(der.data, der.len, &w->root, &err), &err);
    w->old = world_old_cert(w, &(struct world_old){0});
}

static inline void world_done(struct world *w)
{
    tg_cert_unref(w->root);
    tg_cert_unref(w->old);
    tg_key_free(w->root_key);
    tg_key_free(w->old_key);
    tg_key_free(w->new_key);
}

/* A spec for a renewal of old for the new key, one year from WORLD_NOW. */
static inline struct tg_issue_spec world_spec(const struct world *w, const struct tg_cert *old,
                                              const struct tg_change *changes, size_t n)
{
    struct tg_issue_spec spec = {.old = old,
                                 .changes = changes,
                                 .n = n,
                                 .not_before = WORLD_NOW,
                                 .not_after = WORLD_NOW + 365 * TG_DAY,
                                 .issuer = w->root,
                                 .issuer_key = w->root_key,
                                 .crl_url = "http://crl.example/a.crl",
                                 .aia_url = "http://crl.example/a.cer"};
    spec.spki = tg_key_spki_der(w->new_key, &spec.spki_len);
    tg_serial_random(spec.serial);
    return spec;
}

static inline struct tg_cert *world_issue(const struct tg_issue_spec *spec)
{
    struct tg_err err = {0};
    struct tg_cert *cert = NULL;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    world_must(tg_issue(spec, &der, &err), &err);
    world_must(tg_cert_parse(der.data, der.len, &cert, &err), &err);
    return cert;
}
