// cms_sign: our signatures, accepted by us and by the openssl command, for every kind of key.
// uses: base x509 cms | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/str.h"
#include "cms/cms.h"
#include "x509/pem.h"
#include "x509_tool.h"
#include "x509_world.h"

static const char content[] = "tamga approval statement v1\nrealm: 00\r\n\xd0\xb9\n";
static const size_t content_len = sizeof content - 1;

static struct tg_cert *self_signed(const struct tg_key *key)
{
    struct tg_err err = {0};
    struct tg_cert *cert = NULL;
    world_must(tg_cms_self_signed(key, "pin", WORLD_NOW, WORLD_NOW + TG_DAY, &cert, &err), &err);
    return cert;
}

/* `openssl cms -verify -cades` with the signer as anchor. */
static int openssl_verifies(const struct tg_buf *cms, const struct tg_cert *cert, const void *bytes,
                            size_t len)
{
    char signature[64], anchor[64], data[64];
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(65536), out = TG_BUF(65536);
    size_t der_len;
    const uint8_t *der = tg_cert_der(cert, &der_len);
    tg_pem_write("CERTIFICATE", der, der_len, &pem);
    assert_true(tool_file(cms->data, cms->len, signature) && tool_file(pem.data, pem.len, anchor) &&
                tool_file(bytes, len, data));
    const char *argv[] =
        {"openssl",  "cms",     "-verify",  "-cades",     "-binary", "-inform", "DER",
         "-in",      signature, "-content", data,         "-CAfile", anchor,    "-partial_chain",
         "-purpose", "any",     "-attime",  "1800000100", NULL};
    int status = tool_run(argv, NULL, 0, &out);
    if (status == 0) assert_int_equal(out.len, len);
    unlink(signature);
    unlink(anchor);
    unlink(data);
    return status;
}

static void every_kind_of_key_signs_and_openssl_agrees(void **state)
{
    static const char *const words[] = {"ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072"};
    struct tg_err err = {0};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(words); i++) {
        TG_AUTO(key) struct tg_key *key = NULL;
        TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
        struct tg_cms_signer signer = {0};
        char spki[65];
        assert_int_equal(tg_key_generate(words[i], &key, &err), 0);
        TG_AUTO(cert) struct tg_cert *cert = self_signed(key);
        assert_int_equal(tg_cms_sign(key, cert, content, content_len, &cms, &err), 0);
        assert_int_equal(openssl_verifies(&cms, cert, content, content_len), 0);
        assert_int_not_equal(openssl_verifies(&cms, cert, content, content_len - 1), 0);
        assert_int_equal(tg_cms_verify_under(cms.data, cms.len, content, content_len, cert, &err),
                         0);
        int rc = tg_cms_verify(cms.data, cms.len, content, content_len, TG_CMS_ROLE, &signer, &err);
        if (strcmp(words[i], "ec-p521") == 0) { /* good enough for a holder's old key only */
            assert_int_equal(rc, TG_E_UNTRUSTED);
            continue;
        }
        if (rc < 0) fail_msg("%s: %s", words[i], err.text);
        tg_key_spki_hex(key, spki);
        assert_string_equal(signer.spki, spki);
        tg_cms_signer_done(&signer);
        assert_null(signer.cert);
    }
}

static void openssl_signs_and_we_agree(void **state)
{
    char key_file[64], cert_file[64], data[64];
    struct tg_err err = {0};
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf)
    struct tg_buf key_pem = TG_BUF(65536), cert_pem = TG_BUF(65536), cms = TG_BUF(TG_MAX_CMS);
    struct tg_cms_signer signer = {0};
    size_t len;
    (void)state;
    assert_int_equal(tg_key_generate("ec-p256", &key, &err), 0);
    TG_AUTO(cert) struct tg_cert *cert = self_signed(key);
    assert_int_equal(tg_key_to_pem(key, NULL, 0, &key_pem, &err), 0);
    const uint8_t *der = tg_cert_der(cert, &len);
    tg_pem_write("CERTIFICATE", der, len, &cert_pem);
    assert_true(tool_file(key_pem.data, key_pem.len, key_file) &&
                tool_file(cert_pem.data, cert_pem.len, cert_file) &&
                tool_file(content, content_len, data));
    const char *cades[] = {"openssl", "cms",     "-sign",   "-binary", "-cades", "-in",
                           data,      "-signer", cert_file, "-inkey",  key_file, "-outform",
                           "DER",     "-md",     "sha256",  NULL};
    assert_int_equal(tool_run(cades, NULL, 0, &cms), 0);
    if (tg_cms_verify(cms.data, cms.len, content, content_len, TG_CMS_ROLE, &signer, &err) < 0)
        fail_msg("%s", err.text);
    tg_cms_signer_done(&signer);
    const char *plain[] = {"openssl", "cms",     "-sign",   "-binary", "-keyid", "-in",
                           data,      "-signer", cert_file, "-inkey",  key_file, "-outform",
                           "DER",     "-md",     "sha384",  NULL};
    tg_buf_reset(&cms);
    assert_int_equal(tool_run(plain, NULL, 0, &cms), 0);
    if (tg_cms_verify(cms.data, cms.len, content, content_len, TG_CMS_PIN, &signer, &err) < 0)
        fail_msg("%s", err.text);
    tg_cms_signer_done(&signer);
    assert_int_equal(tg_cms_verify(cms.data, cms.len, content, content_len, TG_CMS_ROLE, &signer,
                                   &err),
                     TG_E_INPUT);
    assert_non_null(strstr(err.text, "signingCertificateV2 is missing"));
    unlink(key_file);
    unlink(cert_file);
    unlink(data);
}

static void signing_refuses(void **state)
{
    struct tg_err err = {0};
    TG_AUTO(key) struct tg_key *a = NULL, *b = NULL, *ed = NULL;
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    (void)state;
    assert_int_equal(tg_key_generate("ec-p256", &a, &err), 0);
    assert_int_equal(tg_key_generate("ec-p256", &b, &err), 0);
    assert_int_equal(tg_key_generate("ed25519", &ed, &err), 0);
    TG_AUTO(cert) struct tg_cert *cert = self_signed(a);
    TG_AUTO(cert) struct tg_cert *ed_cert = self_signed(ed);
    assert_int_equal(tg_cms_sign(b, cert, "x", 1, &cms, &err), TG_E_MISMATCH);
    assert_int_equal(tg_cms_sign(ed, ed_cert, "x", 1, &cms, &err), TG_E_UNSUPPORTED);
    assert_int_equal(cms.len, 0);
}

static void every_flipped_bit_is_refused(void **state)
{
    struct tg_err err = {0};
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    struct tg_cms_signer signer = {0};
    size_t passed = 0;
    (void)state;
    assert_int_equal(tg_key_generate("ec-p256", &key, &err), 0);
    TG_AUTO(cert) struct tg_cert *cert = self_signed(key);
    assert_int_equal(tg_cms_sign(key, cert, content, content_len, &cms, &err), 0);
    for (size_t i = 0; i < cms.len; i++) {
        cms.data[i] ^= (uint8_t)(1u << (i % 8));
        if (tg_cms_verify(cms.data, cms.len, content, content_len, TG_CMS_ROLE, &signer, &err) ==
            0) {
            tg_cms_signer_done(&signer);
            passed++;
            print_message("octet %zu of %zu: flipped and accepted\n", i, cms.len);
        }
        if (tg_cms_verify_under(cms.data, cms.len, content, content_len, cert, &err) == 0) passed++;
        cms.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t cut = 0; cut < cms.len; cut++)
        assert_true(tg_cms_verify(cms.data, cut, content, content_len, TG_CMS_PIN, &signer, &err) <
                    0);
    assert_int_equal(passed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_signs_and_openssl_agrees),
        cmocka_unit_test(openssl_signs_and_we_agree),
        cmocka_unit_test(signing_refuses),
        cmocka_unit_test(every_flipped_bit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
