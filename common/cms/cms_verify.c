#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "cms_private.h"
#include "x509/issue.h"
#include "x509/openssl.h"

enum {
    MAX_CERTIFICATES = 8,
    DIGITAL_SIGNATURE_MASK = TG_KU_DIGITAL_SIGNATURE | TG_KU_NON_REPUDIATION
};

TG_DEFINE_AUTO(cms, CMS_ContentInfo, CMS_ContentInfo_free);
TG_DEFINE_AUTO(md_ctx, EVP_MD_CTX, EVP_MD_CTX_free);
TG_DEFINE_AUTO(store, X509_STORE, X509_STORE_free);

/* SET OF out of order, a default that is written out: what re-encoding changes is not DER. */
static int check_reencoded(const uint8_t *der, size_t len, struct tg_err *err)
{
    const uint8_t *at = der;
    unsigned char *again = NULL;
    CMS_ContentInfo *fresh = CMS_ContentInfo_new_ex(tg_openssl_null_ctx(), NULL);
    TG_CHECK(fresh);
    TG_AUTO(cms) CMS_ContentInfo *cms = d2i_CMS_ContentInfo(&fresh, &at, (long)len);
    if (!cms) return tg_openssl_fail(err, TG_E_INPUT, "CMS: OpenSSL cannot read it");
    int n = i2d_CMS_ContentInfo(cms, &again);
    bool same = n >= 0 && (size_t)n == len && memcmp(again, der, len) == 0;
    OPENSSL_free(again);
    ERR_clear_error();
    return same ? 0 : TG_FAIL(err, TG_E_INPUT, "CMS: not DER: encoding it again gives other bytes");
}

/* sid: IssuerAndSerialNumber, or [0] SubjectKeyIdentifier. */
static bool is_signer(const struct tg_der_item *sid, const struct tg_cert *cert)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    struct tg_der inside = tg_der_inside(sid);
    struct tg_der_item name, serial;
    size_t len;
    const uint8_t *number = tg_cert_serial(cert, &len);
    if (sid->tag == (TG_DER_CONTEXT | 0)) return tg_der_is(sid, facts->ski, facts->ski_len);
    if (sid->tag != TG_DER_SEQUENCE || !tg_der_take(&inside, TG_DER_SEQUENCE, &name) ||
        !tg_der_take(&inside, TG_DER_INTEGER, &serial) || !tg_der_empty(&inside))
        return false;
    return name.whole_len == facts->issuer_len &&
           memcmp(name.whole, facts->issuer_der, facts->issuer_len) == 0 &&
           tg_der_is(&serial, number, len);
}

static int find_signer(const struct cms_parts *parts, struct tg_cert **ret, struct tg_err *err)
{
    struct tg_der inside = tg_der_inside(&parts->certificates);
    struct tg_der_item item;
    for (int n = 0; parts->certificates.content && !tg_der_empty(&inside); n++) {
        TG_AUTO(cert) struct tg_cert *cert = NULL;
        if (n == MAX_CERTIFICATES)
            return TG_FAIL(err, TG_E_LIMIT, "CMS: more than %d certificates", MAX_CERTIFICATES);
        if (!tg_der_take(&inside, TG_DER_SEQUENCE, &item))
            return TG_FAIL(err, TG_E_INPUT, "CMS: something else than certificates among them");
        if (tg_cert_parse(item.whole, item.whole_len, &cert, err) < 0)
            return tg_err_wrap(err, "CMS: an embedded certificate");
        if (!is_signer(&parts->sid, cert)) continue;
        *ret = TG_TAKE(cert);
        return 0;
    }
    return TG_FAIL(err, TG_E_INPUT, "CMS: the signer's certificate is not embedded");
}

static bool key_allowed(const struct tg_cert *cert, enum tg_cms_rules rules)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    struct tg_spki_facts spki;
    if (!facts->decodable || tg_spki_read(facts->spki_der, facts->spki_len, &spki, NULL) < 0)
        return false;
    bool rsa = memcmp(facts->key_algorithm, "rsa-", 4) == 0;
    if (rules == TG_CMS_HOLDER) return rsa ? facts->key_bits >= 1024 : spki.nist;
    return rsa ? facts->key_bits >= 2048
               : strcmp(facts->key_algorithm, "ec-p256") == 0 ||
                     strcmp(facts->key_algorithm, "ec-p384") == 0;
}

static int check_key(const struct cms_parts *parts, const struct tg_cert *cert,
                     enum tg_cms_rules rules, struct tg_err *err)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    char algorithm[TG_ALGORITHM];
    cms_algorithm(&parts->signature_algorithm, algorithm);
    bool ecdsa = strcmp(algorithm, parts->digest->ecdsa) == 0;
    bool rsa = memcmp(facts->key_algorithm, "rsa-", 4) == 0;
    if (memcmp(facts->key_algorithm, "gost", 4) == 0)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "CMS: GOST signatures cannot be verified here");
    if (!key_allowed(cert, rules))
        return TG_FAIL(err, TG_E_UNTRUSTED,
                       "CMS: a key %s may not sign this: RSA from %d bits, or %s",
                       facts->key_algorithm, rules == TG_CMS_HOLDER ? 1024 : 2048,
                       rules == TG_CMS_HOLDER ? "a NIST curve" : "P-256, P-384");
    if (rsa == ecdsa)
        return TG_FAIL(err, TG_E_INPUT, "CMS: signature algorithm %s is not of a key %s", algorithm,
                       facts->key_algorithm);
    return 0;
}

/* ESSCertIDv2 (RFC 5035 §4): the first certificate named is the signer's. */
static int check_signing_certificate(const struct cms_parts *parts, const struct tg_cert *cert,
                                     enum tg_cms_rules rules, struct tg_err *err)
{
    const struct tg_der_item *value = &parts->attributes.signing_certificate;
    const struct cms_digest *digest = cms_digest_by_name("SHA256"); /* DEFAULT */
    struct tg_der_item ids, id, algorithm, hash;
    uint8_t wanted[EVP_MAX_MD_SIZE];
    char oid[TG_ALGORITHM];
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    if (!value->content && rules != TG_CMS_ROLE) return 0;
    if (!value->content)
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute signingCertificateV2 is missing");
    struct tg_der inside = tg_der_inside(value);
    bool ok = value->tag == TG_DER_SEQUENCE && tg_der_take(&inside, TG_DER_SEQUENCE, &ids);
    if (ok) inside = tg_der_inside(&ids);
    ok = ok && tg_der_take(&inside, TG_DER_SEQUENCE, &id);
    if (ok) inside = tg_der_inside(&id);
    if (ok && tg_der_take(&inside, TG_DER_SEQUENCE, &algorithm)) {
        cms_algorithm(&algorithm, oid);
        digest = cms_digest_by_oid(oid);
    }
    if (!ok || !digest || !tg_der_take(&inside, TG_DER_OCTETS, &hash))
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute signingCertificateV2 is malformed");
    cms_hash(digest, der, len, wanted);
    if (!tg_der_is(&hash, wanted, digest->len))
        return TG_FAIL(err, TG_E_SIGNATURE, "CMS: signingCertificateV2 names another certificate");
    return 0;
}

static int check_digest(const struct cms_parts *parts, const void *content, size_t len,
                        struct tg_err *err)
{
    uint8_t wanted[EVP_MAX_MD_SIZE];
    cms_hash(parts->digest, content, len, wanted);
    if (tg_der_is(&parts->attributes.message_digest, wanted, parts->digest->len)) return 0;
    return TG_FAIL(err, TG_E_SIGNATURE,
                   "CMS: it was made over other content (messageDigest differs)");
}

/* The signature is over the attributes with the tag of a SET (RFC 5652 §5.4). */
static int check_signature(const struct cms_parts *parts, const struct tg_cert *signer,
                           struct tg_err *err)
{
    const struct tg_der_item *attributes = &parts->attributes.whole;
    TG_AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    TG_AUTO(mem) uint8_t *signed_ = tg_memdup(attributes->whole, attributes->whole_len);
    EVP_PKEY *pkey = tg_cert_pkey(signer, err);
    if (!pkey) return TG_E_UNSUPPORTED;
    TG_CHECK(ctx);
    signed_[0] = TG_DER_SET;
    bool ok =
        EVP_DigestVerifyInit_ex(ctx, NULL, parts->digest->name, NULL, NULL, pkey, NULL) == 1 &&
        EVP_DigestVerify(ctx, parts->signature.content, parts->signature.len, signed_,
                         attributes->whole_len) == 1;
    ERR_clear_error();
    return ok ? 0 : TG_FAIL(err, TG_E_SIGNATURE, "CMS: the signature does not verify");
}

/* Anchor is the signer itself: who may sign is decided by SPKI or by V4, never by a store. Purpose
 * ANY, since the default purpose (S/MIME) refuses signers with other EKUs (PKI §3). */
static X509_STORE *store_of(X509 *signer)
{
    TG_AUTO(store) X509_STORE *store = X509_STORE_new();
    TG_CHECK(store);
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME |
                                           X509_V_FLAG_IGNORE_CRITICAL);
    X509_VERIFY_PARAM_set_auth_level(param, 0);
    if (X509_STORE_set_purpose(store, X509_PURPOSE_ANY) != 1 ||
        X509_STORE_add_cert(store, signer) != 1)
        return NULL;
    return TG_TAKE(store);
}

/* The same once more by OpenSSL, with CAdES where the attribute is there: two readers must agree.
 */
static int check_openssl(const uint8_t *der, size_t der_len, const struct cms_parts *parts,
                         const void *content, size_t len, const struct tg_cert *signer,
                         struct tg_err *err)
{
    const uint8_t *at = der;
    unsigned flags = CMS_BINARY | CMS_DETACHED;
    X509 *x509 = tg_cert_x509(signer, err);
    if (!x509) return TG_E_INPUT;
    if (parts->attributes.signing_certificate.content) flags |= CMS_CADES;
    TG_AUTO(cms) CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der_len);
    TG_AUTO(bio) BIO *data = BIO_new_mem_buf(len ? content : "", (int)len);
    TG_AUTO(store) X509_STORE *store = store_of(x509);
    TG_CHECK(data);
    if (!cms || !store || CMS_verify(cms, NULL, store, data, NULL, flags) != 1)
        return tg_openssl_fail(err, TG_E_SIGNATURE, "CMS: OpenSSL refuses the signature");
    ERR_clear_error();
    return 0;
}

/* PKI §3: with purpose ANY a keyAgreement-only certificate would pass. */
static int check_usage(const struct tg_cert *signer, struct tg_err *err)
{
    uint16_t usage = tg_cert_facts(signer)->key_usage;
    if (usage && !(usage & DIGITAL_SIGNATURE_MASK))
        return TG_FAIL(err, TG_E_UNTRUSTED,
                       "CMS: the signer's certificate is not for signatures (keyUsage)");
    return 0;
}

static int verify_walked(const struct cms_parts *parts, const void *content, size_t len,
                         const struct tg_cert *signer, enum tg_cms_rules rules, struct tg_err *err)
{
    TG_TRY(check_key(parts, signer, rules, err));
    TG_TRY(check_signing_certificate(parts, signer, rules, err));
    TG_TRY(check_digest(parts, content, len, err));
    return check_signature(parts, signer, err);
}

int tg_cms_verify(const uint8_t *der, size_t len, const void *content, size_t content_len,
                  enum tg_cms_rules rules, struct tg_cms_signer *ret, struct tg_err *err)
{
    struct cms_parts parts;
    TG_AUTO(cert) struct tg_cert *signer = NULL;
    TG_CHECK(content_len <= INT32_MAX);
    TG_TRY(cms_walk(der, len, &parts, err));
    TG_TRY(check_reencoded(der, len, err));
    TG_TRY(find_signer(&parts, &signer, err));
    /* A pin counts by its SPKI alone; of all others the certificate must allow signing. */
    if (rules == TG_CMS_ROLE) TG_TRY(check_usage(signer, err));
    TG_TRY(verify_walked(&parts, content, content_len, signer, rules, err));
    /* Holders' statements come by the hundred thousand, and their key is the old certificate's: the
     * walk and the arithmetic above are the whole of V3; OpenSSL's own reading would cost 400 us.
     */
    if (rules != TG_CMS_HOLDER)
        TG_TRY(check_openssl(der, len, &parts, content, content_len, signer, err));
    tg_hex(tg_cert_facts(signer)->spki_sha256, 32, ret->spki);
    ret->cert = TG_TAKE(signer);
    return 0;
}

int tg_cms_verify_under(const uint8_t *der, size_t len, const void *content, size_t content_len,
                        const struct tg_cert *old, struct tg_err *err)
{
    struct cms_parts parts;
    TG_AUTO(cert) struct tg_cert *signer = NULL;
    TG_TRY(cms_walk(der, len, &parts, err));
    TG_TRY(check_reencoded(der, len, err));
    TG_TRY(find_signer(&parts, &signer, err));
    if (memcmp(tg_cert_facts(signer)->spki_sha256, tg_cert_facts(old)->spki_sha256, 32) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED, "CMS: it is not signed by the old certificate's key");
    return verify_walked(&parts, content, content_len, signer, TG_CMS_HOLDER, err);
}

void tg_cms_signer_done(struct tg_cms_signer *signer)
{
    tg_cert_unref(signer->cert);
    *signer = (struct tg_cms_signer){0};
}
