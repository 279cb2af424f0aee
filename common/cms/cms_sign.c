/* cms_sign: writes SignedData itself: three signed attributes, one signer, one certificate, nothing
 * else. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "cms_private.h"
#include "x509/issue.h"

enum { MAX_SIGNATURE = 4096, MAX_ATTRIBUTES = 1024, ATTRIBUTES = 3 };

/* The digest that tg_key_sign uses with this key. */
static const struct cms_digest *digest_of(const struct tg_key *key)
{
    const char *word = tg_key_algorithm(key);
    if (strcmp(word, "ec-p384") == 0) return cms_digest_by_name("SHA384");
    if (strcmp(word, "ec-p521") == 0) return cms_digest_by_name("SHA512");
    return cms_digest_by_name("SHA256");
}

static void put_algorithm(struct tg_buf *b, const char *oid, bool null)
{
    size_t start = b->len;
    tg_der_put_oid(b, oid);
    if (null) tg_der_put(b, TG_DER_NULL, NULL, 0);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static void end_attribute(struct tg_buf *b, const char *oid)
{
    tg_der_wrap(b, 0, TG_DER_SET);
    tg_der_insert_oid(b, 0, oid);
    tg_der_wrap(b, 0, TG_DER_SEQUENCE);
}

/* SigningCertificateV2 with one ESSCertIDv2 of the default hash, SHA-256 (RFC 5035 §3). */
static void put_signing_certificate(struct tg_buf *b, const struct tg_cert *cert)
{
    tg_der_put(b, TG_DER_OCTETS, tg_cert_facts(cert)->sha256, 32);
    for (int i = 0; i < 3; i++)
        tg_der_wrap(b, 0, TG_DER_SEQUENCE); /* ESSCertIDv2, list, whole */
    end_attribute(b, CMS_SIGNING_CERT);
}

static int by_encoding(const void *a, const void *b)
{
    const struct tg_buf *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    return memcmp(x->data, y->data, n); /* lengths differ in the second octet, so never equal */
}

/* The attributes as a DER SET: sorted by encoding (X.690 §11.6). */
static void put_attributes(struct tg_buf *b, const struct cms_digest *digest,
                           const struct tg_cert *cert, const void *content, size_t len)
{
    struct tg_buf parts[ATTRIBUTES];
    uint8_t hash[EVP_MAX_MD_SIZE];
    for (int i = 0; i < ATTRIBUTES; i++)
        parts[i] = TG_BUF(MAX_ATTRIBUTES);
    tg_der_put_oid(&parts[0], CMS_DATA);
    end_attribute(&parts[0], CMS_CONTENT_TYPE);
    cms_hash(digest, content, len, hash);
    tg_der_put(&parts[1], TG_DER_OCTETS, hash, digest->len);
    end_attribute(&parts[1], CMS_MD);
    put_signing_certificate(&parts[2], cert);
    qsort(parts, ATTRIBUTES, sizeof *parts, by_encoding);
    for (int i = 0; i < ATTRIBUTES; i++) {
        tg_buf_add(b, parts[i].data, parts[i].len);
        tg_buf_done(&parts[i]);
    }
    tg_der_wrap(b, 0, TG_DER_SET);
}

static int put_signer(struct tg_buf *b, const struct tg_key *key, const struct tg_cert *cert,
                      const void *content, size_t len, struct tg_err *err)
{
    const struct cms_digest *digest = digest_of(key);
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    TG_AUTO(buf) struct tg_buf attributes = TG_BUF(MAX_ATTRIBUTES);
    TG_AUTO(buf) struct tg_buf signature = TG_BUF(MAX_SIGNATURE);
    bool rsa = memcmp(tg_key_algorithm(key), "rsa-", 4) == 0;
    size_t start = b->len, serial_len;
    const uint8_t *serial = tg_cert_serial(cert, &serial_len);
    put_attributes(&attributes, digest, cert, content, len);
    TG_TRY(tg_buf_ok(&attributes, err));
    TG_TRY(tg_key_sign(key, attributes.data, attributes.len, &signature, err));
    tg_der_put_u64(b, 1);
    size_t sid = b->len;
    tg_buf_add(b, facts->issuer_der, facts->issuer_len);
    tg_der_put(b, TG_DER_INTEGER, serial, serial_len);
    tg_der_wrap(b, sid, TG_DER_SEQUENCE);
    put_algorithm(b, digest->oid, false); /* RFC 5754 §2: parameters absent */
    size_t at = b->len;
    tg_buf_add(b, attributes.data, attributes.len);
    if (b->len > at) b->data[at] = TG_DER_CONSTRUCTED | 0;
    put_algorithm(b, rsa ? CMS_RSA : digest->ecdsa, rsa);
    tg_der_put(b, TG_DER_OCTETS, signature.data, signature.len);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    tg_der_wrap(b, start, TG_DER_SET);
    return 0;
}

int tg_cms_sign(const struct tg_key *key, const struct tg_cert *cert, const void *content,
                size_t len, struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_CMS);
    size_t der_len;
    const uint8_t *der = tg_cert_der(cert, &der_len);
    if (strcmp(tg_key_algorithm(key), "ed25519") == 0)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "CMS: an Ed25519 key cannot sign here: use P-256, P-384 or RSA");
    if (!tg_key_matches(key, cert))
        return TG_FAIL(err, TG_E_MISMATCH, "CMS: key and certificate do not belong together");
    tg_der_put_u64(&out, 1);
    put_algorithm(&out, digest_of(key)->oid, false);
    tg_der_wrap(&out, 3, TG_DER_SET); /* behind the version's three octets */
    size_t start = out.len;
    tg_der_put_oid(&out, CMS_DATA);
    tg_der_wrap(&out, start, TG_DER_SEQUENCE);
    tg_der_put(&out, TG_DER_CONSTRUCTED | 0, der, der_len);
    TG_TRY(put_signer(&out, key, cert, content, len, err));
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    tg_der_wrap(&out, 0, TG_DER_CONSTRUCTED | 0);
    tg_der_insert_oid(&out, 0, CMS_SIGNED_DATA);
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    TG_TRY(tg_buf_ok(&out, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}

int tg_cms_self_signed(const struct tg_key *key, const char *cn, int64_t not_before,
                       int64_t not_after, struct tg_cert **ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_identity_spec spec = {.cn = cn,
                                          .not_before = not_before,
                                          .not_after = not_after,
                                          .issuer_key = key};
    spec.spki = tg_key_spki_der(key, &spec.spki_len);
    tg_serial_random(spec.serial);
    TG_TRY(tg_issue_identity(&spec, &der, err));
    return tg_cert_parse(der.data, der.len, ret, err);
}
