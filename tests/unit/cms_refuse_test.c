// cms_refuse: every condition of TRUST V3 broken once, in a signature that is otherwise right, and
// refused by name.
// uses: base x509 cms | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/str.h"
#include "cms/cms.h"
#include "x509/pem.h"
#include "x509_tool.h"
#include "x509_world.h"

#define DATA   "1.2.840.113549.1.7.1"
#define SHA256 "2.16.840.1.101.3.4.2.1"
#define ECDSA  "1.2.840.10045.4.3.2"

static const char content[] = "tamga approval statement v1\n";
enum { CONTENT = sizeof content - 1 };

static struct tg_key *key;
static struct tg_cert *cert, *other;

/* How the hostile signer departs from what is right. All signatures are real ones by the key. */
struct hostile {
    const char *type, *econtent_type, *digests, *digest, *signature_oid, *content_type;
    const char *econtent;
    const char *cms_content; /* content whose hash is signed */
    const struct tg_key *key;
    const struct tg_cert *cert;
    int signers;                          /* of them; 0 = one, -1 = none */
    int content_types, digests_attr, ess; /* how many such attributes; 0 = one, -1 = none */
    int content_values;                   /* values in contentType */
    bool no_attributes, no_certificate, other_certificate, ess_of_other, ess_broken, unsorted, tail,
        version;
    bool second_digest;
    const uint8_t *raw_signed; /* no attributes: what is signed instead of content */
    size_t raw_len;
};

static void put_type(struct tg_buf *b, const char *oid)
{
    size_t start = b->len;
    tg_der_put_oid(b, oid);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static const char * or (const char *text, const char *usual)
{
    return text ? text : usual;
}

static int by_bytes(const void *a, const void *b)
{
    const struct tg_buf *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->data, y->data, n);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void end_attribute(struct tg_buf *b, const char *oid)
{
    tg_der_wrap(b, 0, TG_DER_SET);
    tg_der_insert_oid(b, 0, oid);
    tg_der_wrap(b, 0, TG_DER_SEQUENCE);
}

static void content_type(const struct hostile *h, struct tg_buf *b)
{
    tg_der_put_oid(b, or (h->content_type, DATA));
    if (h->content_values > 1) tg_der_put_oid(b, "1.2.840.113549.1.7.2");
    end_attribute(b, "1.2.840.113549.1.9.3");
}

static void message_digest(const struct hostile *h, struct tg_buf *b)
{
    uint8_t hash[32];
    const char *bytes = or (h->cms_content, content);
    tg_sha256(bytes, strlen(bytes), hash);
    tg_der_put(b, TG_DER_OCTETS, hash, 32);
    end_attribute(b, "1.2.840.113549.1.9.4");
}

static void signing_certificate(const struct hostile *h, struct tg_buf *b)
{
    const struct tg_cert *named = h->ess_of_other ? other : h->cert ? h->cert : cert;
    tg_der_put(b, h->ess_broken ? TG_DER_UTF8 : TG_DER_OCTETS, tg_cert_facts(named)->sha256, 32);
    for (int i = 0; i < 3; i++)
        tg_der_wrap(b, 0, TG_DER_SEQUENCE);
    end_attribute(b, "1.2.840.113549.1.9.16.2.47");
}

static int times(int n)
{
    return n < 0 ? 0 : n ? n : 1;
}

static void put_attributes(const struct hostile *h, struct tg_buf *b)
{
    struct tg_buf parts[12];
    int n = 0;
    for (size_t i = 0; i < TG_COUNT(parts); i++)
        parts[i] = TG_BUF(1024);
    for (int i = 0; i < times(h->content_types); i++)
        content_type(h, &parts[n++]);
    for (int i = 0; i < times(h->digests_attr); i++)
        message_digest(h, &parts[n++]);
    for (int i = 0; i < times(h->ess); i++)
        signing_certificate(h, &parts[n++]);
    qsort(parts, (size_t)n, sizeof *parts, by_bytes);
    for (int i = 0; i < n; i++) {
        int k = h->unsorted ? n - 1 - i : i;
        tg_buf_add(b, parts[k].data, parts[k].len);
    }
    for (int i = 0; i < n; i++)
        tg_buf_done(&parts[i]);
    tg_der_wrap(b, 0, TG_DER_SET);
}

static void put_signer(const struct hostile *h, struct tg_buf *b)
{
    const struct tg_cert *who = h->cert ? h->cert : cert;
    const struct tg_cert_facts *facts = tg_cert_facts(who);
    TG_AUTO(buf) struct tg_buf attributes = TG_BUF(8192), signature = TG_BUF(4096);
    struct tg_err err = {0};
    size_t start = b->len, serial_len;
    const uint8_t *serial = tg_cert_serial(who, &serial_len);
    const void *bytes = h->raw_signed ? h->raw_signed : (const uint8_t *)content;
    size_t len = h->raw_signed ? h->raw_len : CONTENT;
    put_attributes(h, &attributes);
    if (!h->no_attributes) bytes = attributes.data, len = attributes.len;
    world_must(tg_key_sign(h->key ? h->key : key, bytes, len, &signature, &err), &err);
    tg_der_put_u64(b, h->version ? 3 : 1);
    size_t sid = b->len;
    tg_buf_add(b, facts->issuer_der, facts->issuer_len);
    tg_der_put(b, TG_DER_INTEGER, serial, serial_len);
    tg_der_wrap(b, sid, TG_DER_SEQUENCE);
    put_type(b, or (h->digest, SHA256));
    size_t at = b->len;
    if (!h->no_attributes) {
        tg_buf_add(b, attributes.data, attributes.len);
        b->data[at] = 0xa0;
    }
    put_type(b, or (h->signature_oid, ECDSA));
    tg_der_put(b, TG_DER_OCTETS, signature.data, signature.len);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static void build(const struct hostile *h, struct tg_buf *b)
{
    const struct tg_cert *embedded = h->other_certificate ? other : h->cert ? h->cert : cert;
    size_t len;
    const uint8_t *der = tg_cert_der(embedded, &len);
    tg_buf_reset(b);
    tg_der_put_u64(b, 1);
    size_t start = b->len;
    put_type(b, or (h->digests, SHA256));
    if (h->second_digest) put_type(b, "2.16.840.1.101.3.4.2.2");
    tg_der_wrap(b, start, TG_DER_SET);
    start = b->len;
    tg_der_put_oid(b, or (h->econtent_type, DATA));
    if (h->econtent) {
        size_t inner = b->len;
        tg_der_put(b, TG_DER_OCTETS, h->econtent, strlen(h->econtent));
        tg_der_wrap(b, inner, 0xa0);
    }
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    if (!h->no_certificate) tg_der_put(b, 0xa0, der, len);
    start = b->len;
    for (int i = 0; i < times(h->signers); i++)
        put_signer(h, b);
    tg_der_wrap(b, start, TG_DER_SET);
    tg_der_wrap(b, 0, TG_DER_SEQUENCE);
    tg_der_wrap(b, 0, 0xa0);
    tg_der_insert_oid(b, 0, or (h->type, "1.2.840.113549.1.7.2"));
    tg_der_wrap(b, 0, TG_DER_SEQUENCE);
    if (h->tail) tg_buf_putc(b, 0);
}

static int verify(const struct tg_buf *cms, const void *bytes, size_t len, enum tg_cms_rules rules,
                  struct tg_err *err)
{
    struct tg_cms_signer signer = {0};
    int rc = tg_cms_verify(cms->data, cms->len, bytes, len, rules, &signer, err);
    tg_cms_signer_done(&signer);
    return rc;
}

static void refused(const struct hostile *h, int code, const char *reason)
{
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(2 * TG_MAX_CMS);
    struct tg_err err = {0};
    build(h, &cms);
    int rc = verify(&cms, content, CONTENT, TG_CMS_ROLE, &err);
    if (rc == 0) fail_msg("accepted, though: %s", reason);
    if (!strstr(err.text, reason)) fail_msg("'%s' is not '%s'", err.text, reason);
    assert_int_equal(rc, code);
}

static void the_builder_builds_what_is_accepted(void **state)
{
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    struct tg_err err = {0};
    (void)state;
    build(&(struct hostile){0}, &cms);
    if (verify(&cms, content, CONTENT, TG_CMS_ROLE, &err) < 0) fail_msg("%s", err.text);
    if (verify(&cms, content, CONTENT, TG_CMS_PIN, &err) < 0) fail_msg("%s", err.text);
}

static void shapes_are_refused_by_name(void **state)
{
    (void)state;
    refused(&(struct hostile){.type = "1.2.840.113549.1.7.3"}, TG_E_INPUT, "not id-signedData");
    refused(&(struct hostile){.econtent = content}, TG_E_INPUT, "carries its content");
    refused(&(struct hostile){.econtent = ""}, TG_E_INPUT, "carries its content");
    refused(&(struct hostile){.econtent_type = "1.2.840.113549.1.9.16.1.4"}, TG_E_INPUT,
            "not id-data");
    refused(&(struct hostile){.signers = -1}, TG_E_INPUT, "no SignerInfo");
    refused(&(struct hostile){.signers = 2}, TG_E_INPUT, "more than one SignerInfo");
    refused(&(struct hostile){.no_attributes = true}, TG_E_INPUT, "signedAttrs are missing");
    refused(&(struct hostile){.version = true}, TG_E_INPUT, "version of SignerInfo");
    refused(&(struct hostile){.tail = true}, TG_E_INPUT, "not DER");
    refused(&(struct hostile){.unsorted = true}, TG_E_INPUT, "encoding it again");
    refused(&(struct hostile){.no_certificate = true}, TG_E_INPUT, "not embedded");
    refused(&(struct hostile){.other_certificate = true}, TG_E_INPUT, "not embedded");
}

static void attributes_are_refused_by_name(void **state)
{
    (void)state;
    refused(&(struct hostile){.content_types = -1}, TG_E_INPUT, "contentType is missing");
    refused(&(struct hostile){.content_types = 2}, TG_E_INPUT, "contentType is there twice");
    refused(&(struct hostile){.content_values = 2}, TG_E_INPUT,
            "contentType has not exactly one value");
    refused(&(struct hostile){.content_type = "1.2.840.113549.1.7.2"}, TG_E_INPUT,
            "contentType is not id-data");
    refused(&(struct hostile){.digests_attr = -1}, TG_E_INPUT, "messageDigest is missing");
    refused(&(struct hostile){.digests_attr = 2}, TG_E_INPUT, "messageDigest is there twice");
    refused(&(struct hostile){.cms_content = "tamga sign-in v1\n"}, TG_E_SIGNATURE,
            "other content");
    refused(&(struct hostile){.ess = -1}, TG_E_INPUT, "signingCertificateV2 is missing");
    refused(&(struct hostile){.ess = 2}, TG_E_INPUT, "signingCertificateV2 is there twice");
    refused(&(struct hostile){.ess_of_other = true}, TG_E_SIGNATURE, "names another certificate");
    refused(&(struct hostile){.ess_broken = true}, TG_E_INPUT, "signingCertificateV2 is malformed");
}

static void algorithms_are_refused_by_name(void **state)
{
    (void)state;
    refused(&(struct hostile){.digest = "1.3.14.3.2.26", .digests = "1.3.14.3.2.26"}, TG_E_INPUT,
            "not SHA-256");
    refused(&(struct hostile){.digests = "2.16.840.1.101.3.4.2.2"}, TG_E_INPUT,
            "digestAlgorithms says");
    refused(&(struct hostile){.second_digest = true}, TG_E_INPUT, "exactly one entry");
    refused(&(struct hostile){.signature_oid = "1.2.840.10045.4.3.3"}, TG_E_INPUT,
            "does not go with digest");
    refused(&(struct hostile){.signature_oid = "1.2.840.113549.1.1.10"}, TG_E_INPUT,
            "does not go with digest");
    refused(&(struct hostile){.signature_oid = "1.2.840.113549.1.1.11"}, TG_E_INPUT,
            "is not of a key");
    refused(&(struct hostile){.digest = "1.2.398.3.10.1.3.3",
                              .digests = "1.2.398.3.10.1.3.3",
                              .signature_oid = "1.2.398.3.10.1.1.2.3.2"},
            TG_E_UNSUPPORTED, "GOST");
}

static struct tg_cert *certificate_of(const struct tg_key *whose)
{
    struct tg_err err = {0};
    struct tg_cert *ret = NULL;
    world_must(tg_cms_self_signed(whose, "pin", WORLD_NOW, WORLD_NOW + TG_DAY, &ret, &err), &err);
    return ret;
}

/* A key that OpenSSL makes and we never would: its size is the only fault. */
static struct tg_key *weak_key(const char *const *argv)
{
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(65536);
    struct tg_err err = {0};
    struct tg_key *ret = NULL;
    assert_int_equal(tool_run(argv, NULL, 0, &pem), 0);
    world_must(tg_key_from_pem((char *)pem.data, pem.len, NULL, &ret, &err), &err);
    return ret;
}

static void weak_keys_sign_their_last_act_and_nothing_else(void **state)
{
    const char *rsa[] = {"openssl", "genpkey",  "-algorithm",
                         "RSA",     "-pkeyopt", "rsa_keygen_bits:1024",
                         NULL};
    const char *tiny[] = {"openssl", "genpkey",  "-algorithm",
                          "RSA",     "-pkeyopt", "rsa_keygen_bits:768",
                          NULL};
    const char *p224[] = {"openssl", "genpkey",  "-algorithm",
                          "EC",      "-pkeyopt", "ec_paramgen_curve:P-224",
                          NULL};
    const char *koblitz[] = {"openssl", "genpkey",  "-algorithm",
                             "EC",      "-pkeyopt", "ec_paramgen_curve:secp256k1",
                             NULL};
    const char *const *argvs[] = {rsa, p224, tiny, koblitz};
    struct tg_err err = {0};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(argvs); i++) {
        TG_AUTO(key) struct tg_key *weak = weak_key(argvs[i]);
        TG_AUTO(cert) struct tg_cert *of_weak = certificate_of(weak);
        TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
        world_must(tg_cms_sign(weak, of_weak, content, CONTENT, &cms, &err), &err);
        assert_int_equal(verify(&cms, content, CONTENT, TG_CMS_PIN, &err), TG_E_UNTRUSTED);
        assert_non_null(strstr(err.text, "may not sign this"));
        int rc = tg_cms_verify_under(cms.data, cms.len, content, CONTENT, of_weak, &err);
        assert_int_equal(rc, i < 2 ? 0 : TG_E_UNTRUSTED);
    }
}

static void the_old_keys_statement_is_of_the_old_key(void **state)
{
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    struct tg_err err = {0};
    (void)state;
    build(&(struct hostile){.ess = -1}, &cms);
    assert_int_equal(tg_cms_verify_under(cms.data, cms.len, content, CONTENT, cert, &err), 0);
    assert_int_equal(tg_cms_verify_under(cms.data, cms.len, content, CONTENT, other, &err),
                     TG_E_UNTRUSTED);
    assert_int_equal(tg_cms_verify_under(cms.data, cms.len, content, CONTENT - 1, cert, &err),
                     TG_E_SIGNATURE);
    build(&(struct hostile){.ess_of_other = true}, &cms);
    assert_int_equal(tg_cms_verify_under(cms.data, cms.len, content, CONTENT, cert, &err),
                     TG_E_SIGNATURE);
}

/* A signer who only ever signed attributes has, without attributes, signed the bytes of those
 * attributes. */
static void attributes_replayed_as_content_are_refused(void **state)
{
    TG_AUTO(buf) struct tg_buf attributes = TG_BUF(8192), cms = TG_BUF(TG_MAX_CMS);
    struct tg_err err = {0};
    (void)state;
    put_attributes(&(struct hostile){0}, &attributes);
    build(&(struct hostile){.no_attributes = true,
                            .raw_signed = attributes.data,
                            .raw_len = attributes.len},
          &cms);
    for (int rules = TG_CMS_PIN; rules <= TG_CMS_HOLDER; rules++) {
        assert_int_equal(verify(&cms, attributes.data, attributes.len, (enum tg_cms_rules)rules,
                                &err),
                         TG_E_INPUT);
        assert_non_null(strstr(err.text, "signedAttrs are missing"));
    }
}

/* A signature by another key under our signer's name and certificate. */
static void a_forged_signature_is_refused(void **state)
{
    TG_AUTO(key) struct tg_key *stranger = NULL;
    struct tg_err err = {0};
    (void)state;
    assert_int_equal(tg_key_generate("ec-p256", &stranger, &err), 0);
    refused(&(struct hostile){.key = stranger}, TG_E_SIGNATURE, "the signature does not verify");
}

static void sizes_and_ber_are_refused(void **state)
{
    static const uint8_t ber[] = {0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                  0x01, 0x07, 0x02, 0xa0, 0x80, 0x00, 0x00, 0x00, 0x00};
    TG_AUTO(buf) struct tg_buf big = TG_BUF(TG_MAX_CMS + 16);
    struct tg_cms_signer signer = {0};
    struct tg_err err = {0};
    (void)state;
    assert_non_null(tg_buf_grow(&big, TG_MAX_CMS + 1));
    memset(big.data, 0, big.len);
    assert_int_equal(tg_cms_verify(big.data, big.len, "", 0, TG_CMS_PIN, &signer, &err),
                     TG_E_LIMIT);
    assert_int_equal(tg_cms_verify(ber, sizeof ber, "", 0, TG_CMS_PIN, &signer, &err), TG_E_INPUT);
    assert_non_null(strstr(err.text, "not DER"));
    assert_int_equal(tg_cms_verify(NULL, 0, "", 0, TG_CMS_PIN, &signer, &err), TG_E_INPUT);
}

static void samples_of_others_are_refused_with_a_reason(void **state)
{
    static const char *const files[] = {"rust_apple_mdm_signature_der.bin", "rust_scep_der.bin",
                                        "rust_cms_ber.bin",
                                        "rust_signer_info_sequence_not_set.bin"};
    struct tg_err err = {0};
    (void)state;
    if (access(SAMPLES_DIR "/cms", R_OK) != 0) {
        print_message("no samples at " SAMPLES_DIR ": skipped\n");
        skip();
    }
    for (size_t i = 0; i < TG_COUNT(files); i++) {
        TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_KEYSTORE);
        char path[512];
        snprintf(path, sizeof path, SAMPLES_DIR "/cms/%s", files[i]);
        assert_int_equal(tg_file_read(path, &cms, &err), 0);
        assert_true(verify(&cms, "", 0, TG_CMS_PIN, &err) < 0);
        assert_true(err.text[0]);
    }
}

static int setup(void **state)
{
    struct tg_err err = {0};
    TG_AUTO(key) struct tg_key *second = NULL;
    (void)state;
    world_must(tg_key_generate("ec-p256", &key, &err), &err);
    world_must(tg_key_generate("ec-p256", &second, &err), &err);
    cert = certificate_of(key);
    other = certificate_of(second);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tg_cert_unref(cert);
    tg_cert_unref(other);
    tg_key_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_builder_builds_what_is_accepted),
        cmocka_unit_test(shapes_are_refused_by_name),
        cmocka_unit_test(attributes_are_refused_by_name),
        cmocka_unit_test(algorithms_are_refused_by_name),
        cmocka_unit_test(weak_keys_sign_their_last_act_and_nothing_else),
        cmocka_unit_test(the_old_keys_statement_is_of_the_old_key),
        cmocka_unit_test(attributes_replayed_as_content_are_refused),
        cmocka_unit_test(a_forged_signature_is_refused),
        cmocka_unit_test(sizes_and_ber_are_refused),
        cmocka_unit_test(samples_of_others_are_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
