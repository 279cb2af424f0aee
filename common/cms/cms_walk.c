/* cms_walk: RFC 5652 §5 by hand. OpenSSL accepts a CMS without signedAttrs even when CAdES is asked
 * for, so that a signature over attributes can pass as one over content (TRUST V3): here every
 * piece is looked at. */
#include <string.h>

#include "base/limits.h"
#include "cms_private.h"

enum { DEPTH = 24 }; /* certificates nest deep; recursion stays small */

static bool is_oid(const struct tg_der_item *item, const char *dotted)
{
    uint8_t wanted[32];
    size_t len = tg_der_oid_bytes(dotted, wanted, sizeof wanted);
    return item->tag == TG_DER_OID && tg_der_is(item, wanted, len);
}

void cms_algorithm(const struct tg_der_item *algorithm, char ret[TG_ALGORITHM])
{
    struct tg_der inside = tg_der_inside(algorithm);
    struct tg_der_item oid;
    if (!tg_der_take(&inside, TG_DER_OID, &oid) ||
        !tg_der_oid_text(oid.content, oid.len, ret, TG_ALGORITHM))
        memcpy(ret, "?", 2);
}

/* ContentInfo down to SignedData's content. */
static int enter(const uint8_t *der, size_t len, struct tg_der *ret, struct tg_err *err)
{
    struct tg_der_item whole, oid, explicit_, data;
    if (len > TG_MAX_CMS)
        return TG_FAIL(err, TG_E_LIMIT, "CMS: %zu bytes, at most %d are read", len, TG_MAX_CMS);
    if (!tg_der_whole(der, len, TG_DER_SEQUENCE, &whole) || !tg_der_deep(&whole, DEPTH))
        return TG_FAIL(err, TG_E_INPUT, "CMS: not DER (BER, PEM, cut off, or something follows)");
    struct tg_der inside = tg_der_inside(&whole);
    if (!tg_der_take(&inside, TG_DER_OID, &oid) || !is_oid(&oid, CMS_SIGNED_DATA))
        return TG_FAIL(err, TG_E_INPUT, "CMS: its type is not id-signedData");
    if (!tg_der_take(&inside, TG_DER_CONSTRUCTED | 0, &explicit_) || !tg_der_empty(&inside) ||
        !tg_der_whole(explicit_.content, explicit_.len, TG_DER_SEQUENCE, &data))
        return TG_FAIL(err, TG_E_INPUT, "CMS: SignedData is malformed (RFC 5652 §5.1)");
    *ret = tg_der_inside(&data);
    return 0;
}

static int check_content(const struct tg_der_item *encapsulated, struct tg_err *err)
{
    struct tg_der inside = tg_der_inside(encapsulated);
    struct tg_der_item type;
    if (!tg_der_take(&inside, TG_DER_OID, &type) || !is_oid(&type, CMS_DATA))
        return TG_FAIL(err, TG_E_INPUT, "CMS: its content type is not id-data");
    if (!tg_der_empty(&inside))
        return TG_FAIL(err, TG_E_INPUT,
                       "CMS: it carries its content (eContent); a detached one is needed");
    return 0;
}

static int one_signer(const struct tg_der_item *signers, struct tg_der_item *ret,
                      struct tg_err *err)
{
    struct tg_der inside = tg_der_inside(signers);
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, ret))
        return TG_FAIL(err, TG_E_INPUT, "CMS: no SignerInfo, exactly one is needed");
    if (!tg_der_empty(&inside))
        return TG_FAIL(err, TG_E_INPUT, "CMS: more than one SignerInfo, exactly one is needed");
    return 0;
}

/* The single value of an attribute that must stand once with one value. */
static int single(struct tg_der values, struct tg_der_item *ret, const char *name,
                  struct tg_err *err)
{
    if (ret->content)
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute %s is there twice", name);
    if (!tg_der_next(&values, ret) || !tg_der_empty(&values))
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute %s has not exactly one value", name);
    return 0;
}

static int read_attribute(const struct tg_der_item *attribute, struct cms_attributes *ret,
                          struct tg_der_item *content_type, struct tg_err *err)
{
    struct tg_der inside = tg_der_inside(attribute);
    struct tg_der_item type, values;
    if (!tg_der_take(&inside, TG_DER_OID, &type) || !tg_der_take(&inside, TG_DER_SET, &values) ||
        !tg_der_empty(&inside))
        return TG_FAIL(err, TG_E_INPUT, "CMS: a signed attribute is malformed (RFC 5652 §5.3)");
    if (is_oid(&type, CMS_CONTENT_TYPE))
        return single(tg_der_inside(&values), content_type, "contentType", err);
    if (is_oid(&type, CMS_MD))
        return single(tg_der_inside(&values), &ret->message_digest, "messageDigest", err);
    if (is_oid(&type, CMS_SIGNING_CERT))
        return single(tg_der_inside(&values), &ret->signing_certificate, "signingCertificateV2",
                      err);
    return 0;
}

static int read_attributes(struct cms_attributes *ret, struct tg_err *err)
{
    struct tg_der inside = tg_der_inside(&ret->whole);
    struct tg_der_item attribute, content_type = {0};
    while (!tg_der_empty(&inside)) {
        if (!tg_der_take(&inside, TG_DER_SEQUENCE, &attribute))
            return TG_FAIL(err, TG_E_INPUT, "CMS: signedAttrs are malformed (RFC 5652 §5.3)");
        TG_TRY(read_attribute(&attribute, ret, &content_type, err));
    }
    if (!content_type.content)
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute contentType is missing");
    if (!is_oid(&content_type, CMS_DATA))
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute contentType is not id-data");
    if (!ret->message_digest.content || ret->message_digest.tag != TG_DER_OCTETS)
        return TG_FAIL(err, TG_E_INPUT, "CMS: signed attribute messageDigest is missing");
    return 0;
}

/* Versions are not signed, so they have one value: RFC 5652 §5.1 and §5.3 give 1 for a signer named
 * by issuer and serial number and 3 for one named by key identifier, with id-data and plain
 * certificates in both places. */
static bool is_version(const struct tg_der_item *version, const struct tg_der_item *sid)
{
    uint8_t expected = sid->tag == TG_DER_SEQUENCE ? 1 : 3;
    return version->len == 1 && version->content[0] == expected;
}

/* SignerInfo (RFC 5652 §5.3). */
static int read_signer(const struct tg_der_item *signer, struct cms_parts *ret, struct tg_err *err)
{
    struct tg_der inside = tg_der_inside(signer);
    struct tg_der_item version, unsigned_;
    if (!tg_der_take(&inside, TG_DER_INTEGER, &version) || !tg_der_next(&inside, &ret->sid) ||
        !tg_der_take(&inside, TG_DER_SEQUENCE, &ret->digest_algorithm))
        return TG_FAIL(err, TG_E_INPUT, "CMS: SignerInfo is malformed (RFC 5652 §5.3)");
    if (!is_version(&version, &ret->sid))
        return TG_FAIL(err, TG_E_INPUT,
                       "CMS: version of SignerInfo is not its form's (RFC 5652 §5.3)");
    if (!tg_der_take(&inside, TG_DER_CONSTRUCTED | 0, &ret->attributes.whole))
        return TG_FAIL(err, TG_E_INPUT,
                       "CMS: signedAttrs are missing: the signature could be over anything");
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &ret->signature_algorithm) ||
        !tg_der_take(&inside, TG_DER_OCTETS, &ret->signature))
        return TG_FAIL(err, TG_E_INPUT, "CMS: SignerInfo is malformed (RFC 5652 §5.3)");
    (void)tg_der_take(&inside, TG_DER_CONSTRUCTED | 1, &unsigned_); /* time stamps: not signed */
    if (!tg_der_empty(&inside))
        return TG_FAIL(err, TG_E_INPUT, "CMS: something follows in SignerInfo");
    return read_attributes(&ret->attributes, err);
}

static bool is_gost(const char *oid)
{
    return strncmp(oid, "1.2.398.3.10.", 13) == 0;
}

/* SHA-2, and the same in digestAlgorithms, digestAlgorithm and the signature's algorithm. */
static int check_digests(struct cms_parts *parts, struct tg_err *err)
{
    char signer[TG_ALGORITHM], listed[TG_ALGORITHM], signature[TG_ALGORITHM];
    struct tg_der set = tg_der_inside(&parts->digests);
    struct tg_der_item one;
    cms_algorithm(&parts->digest_algorithm, signer);
    cms_algorithm(&parts->signature_algorithm, signature);
    if (is_gost(signer) || is_gost(signature))
        return TG_FAIL(err, TG_E_UNSUPPORTED, "CMS: GOST signatures cannot be verified here");
    parts->digest = cms_digest_by_oid(signer);
    if (!parts->digest)
        return TG_FAIL(err, TG_E_INPUT, "CMS: digest %s is not SHA-256, SHA-384 or SHA-512",
                       signer);
    if (!tg_der_take(&set, TG_DER_SEQUENCE, &one) || !tg_der_empty(&set))
        return TG_FAIL(err, TG_E_INPUT, "CMS: digestAlgorithms has not exactly one entry");
    cms_algorithm(&one, listed);
    if (strcmp(listed, signer) != 0)
        return TG_FAIL(err, TG_E_INPUT, "CMS: digestAlgorithms says %s, the signer %s", listed,
                       signer);
    if (strcmp(signature, CMS_RSA) == 0 || strcmp(signature, parts->digest->rsa) == 0 ||
        strcmp(signature, parts->digest->ecdsa) == 0)
        return 0;
    return TG_FAIL(err, TG_E_INPUT, "CMS: signature algorithm %s does not go with digest %s",
                   signature, parts->digest->name);
}

int cms_walk(const uint8_t *der, size_t len, struct cms_parts *ret, struct tg_err *err)
{
    struct tg_der data;
    struct tg_der_item version, encapsulated, crls, signers, signer;
    *ret = (struct cms_parts){0};
    TG_TRY(enter(der, len, &data, err));
    if (!tg_der_take(&data, TG_DER_INTEGER, &version) ||
        !tg_der_take(&data, TG_DER_SET, &ret->digests) ||
        !tg_der_take(&data, TG_DER_SEQUENCE, &encapsulated))
        return TG_FAIL(err, TG_E_INPUT, "CMS: SignedData is malformed (RFC 5652 §5.1)");
    TG_TRY(check_content(&encapsulated, err));
    (void)tg_der_take(&data, TG_DER_CONSTRUCTED | 0, &ret->certificates);
    (void)tg_der_take(&data, TG_DER_CONSTRUCTED | 1, &crls);
    if (!tg_der_take(&data, TG_DER_SET, &signers) || !tg_der_empty(&data))
        return TG_FAIL(err, TG_E_INPUT, "CMS: SignedData is malformed (RFC 5652 §5.1)");
    TG_TRY(one_signer(&signers, &signer, err));
    TG_TRY(read_signer(&signer, ret, err));
    if (!is_version(&version, &ret->sid))
        return TG_FAIL(err, TG_E_INPUT,
                       "CMS: version of SignedData is not its form's (RFC 5652 §5.1)");
    return check_digests(ret, err);
}
