// x509_issue: issued certificates, roots, identities, CRLs, requests and chains, read back by the
// openssl command.
// uses: base x509 | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "x509/chain.h"
#include "x509/csr.h"
#include "x509/pem.h"
#include "x509_tool.h"
#include "x509_world.h"

static struct world w;

static void pem_file(const char *label, const uint8_t *der, size_t len, char path[64])
{
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(TG_MAX_KEYSTORE);
    tg_pem_write(label, der, len, &pem);
    assert_true(tool_file(pem.data, pem.len, path));
}

static void cert_file(const struct tg_cert *cert, char path[64])
{
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    pem_file("CERTIFICATE", der, len, path);
}

static void openssl_verifies_what_we_issue(void **state)
{
    char root[64], leaf[64];
    TG_AUTO(buf) struct tg_buf out = TG_BUF(65536);
    struct tg_issue_spec spec = world_spec(&w, w.old, NULL, 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    (void)state;
    cert_file(w.root, root);
    cert_file(fresh, leaf);
    const char *verify[] = {"openssl", "verify", "-x509_strict", "-attime", "1800000100",
                            "-CAfile", root,     leaf,           NULL};
    assert_int_equal(tool_run(verify, NULL, 0, &out), 0);
    const char *text[] = {"openssl", "x509", "-in", leaf, "-noout", "-text", NULL};
    assert_int_equal(tool_run(text, NULL, 0, &out), 0);
    assert_non_null(strstr(tg_buf_text(&out), "URI:http://crl.example/a.crl"));
    assert_non_null(strstr(tg_buf_text(&out), "CA Issuers - URI:http://crl.example/a.cer"));
    unlink(root);
    unlink(leaf);
}

static void a_certificate_answers_for_its_issuer(void **state)
{
    struct tg_err err = {0};
    struct tg_issue_spec spec = world_spec(&w, w.old, NULL, 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    const struct tg_cert *chain[] = {w.root};
    const uint8_t *anchor = tg_cert_facts(w.root)->spki_sha256;
    const uint8_t other[32] = {1};
    size_t len;
    const uint8_t *der = tg_cert_der(fresh, &len);
    TG_AUTO(mem) uint8_t *bent = tg_memdup(der, len);
    TG_AUTO(cert) struct tg_cert *forged = NULL;
    (void)state;
    assert_int_equal(tg_cert_signed_by(fresh, w.root, &err), 0);
    assert_int_equal(tg_cert_signed_by(w.root, w.root, &err), 0);
    assert_int_equal(tg_cert_signed_by(fresh, fresh, &err), TG_E_UNTRUSTED);
    assert_int_equal(tg_cert_signed_by(w.old, w.root, &err), TG_E_SIGNATURE);
    assert_int_equal(tg_cert_chain_check(fresh, chain, 1, anchor, WORLD_NOW, &err), 0);
    assert_int_equal(tg_cert_chain_check(fresh, chain, 1, other, WORLD_NOW, &err), TG_E_UNTRUSTED);
    assert_int_equal(tg_cert_chain_check(fresh, chain, 0, anchor, WORLD_NOW, &err), TG_E_UNTRUSTED);
    assert_int_equal(tg_cert_chain_check(fresh, chain, 1, anchor, WORLD_NOW - 1, &err), TG_E_EARLY);
    assert_int_equal(tg_cert_chain_check(fresh, chain, 1, anchor, WORLD_NOW + 366 * TG_DAY, &err),
                     TG_E_EXPIRED);
    bent[len - 60] ^= 1; /* inside the extensions or the signature: still DER, never valid */
    if (tg_cert_parse(bent, len, &forged, &err) == 0)
        assert_int_equal(tg_cert_signed_by(forged, w.root, &err), TG_E_SIGNATURE);
}

static void issuing_refuses(void **state)
{
    struct tg_err err = {0};
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    TG_AUTO(cert) struct tg_cert *ca = world_old_cert(&w, &(struct world_old){.ca = true});
    TG_AUTO(cert)
    struct tg_cert *twice = world_old_cert(&w, &(struct world_old){.duplicate = true});
    struct tg_issue_spec spec = world_spec(&w, ca, NULL, 0);
    (void)state;
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_MISMATCH);
    spec = world_spec(&w, twice, NULL, 0);
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_MISMATCH);
    spec = world_spec(&w, w.old, NULL, 0);
    spec.issuer_key = w.old_key;
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_STATE);
    spec = world_spec(&w, w.old, NULL, 0);
    spec.issuer = w.old;
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_STATE);
    spec = world_spec(&w, w.old, NULL, 0);
    spec.not_after = WORLD_NOW + 4000 * TG_DAY;
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_EXPIRED);
    spec = world_spec(&w, w.old, NULL, 0);
    spec.spki_len--;
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_INPUT);
    spec = world_spec(&w, w.old, NULL, 0);
    spec.serial[0] = 0x80;
    assert_int_equal(tg_issue(&spec, &der, &err), TG_E_BUG);
    assert_int_equal(der.len, 0);
}

static void identities_serve_and_call(void **state)
{
    const char *dns[] = {"tamga.example", NULL}, *ips[] = {"127.0.0.1", "::1", NULL};
    struct tg_err err = {0};
    char root[64], leaf[64];
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    TG_AUTO(buf) struct tg_buf out = TG_BUF(65536);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    struct tg_issue_identity_spec spec = {.cn = "tamgad",
                                          .dns = dns,
                                          .ips = ips,
                                          .server = true,
                                          .not_before = WORLD_NOW,
                                          .not_after = WORLD_NOW + 90 * TG_DAY,
                                          .issuer = w.root,
                                          .issuer_key = w.root_key};
    (void)state;
    spec.spki = tg_key_spki_der(w.new_key, &spec.spki_len);
    tg_serial_random(spec.serial);
    assert_int_equal(tg_issue_identity(&spec, &der, &err), 0);
    assert_int_equal(tg_cert_parse(der.data, der.len, &cert, &err), 0);
    assert_true(tg_cert_has_eku(cert, "1.3.6.1.5.5.7.3.1"));
    assert_false(tg_cert_has_eku(cert, "1.3.6.1.5.5.7.3.2"));
    assert_false(tg_cert_facts(cert)->is_ca);
    cert_file(w.root, root);
    cert_file(cert, leaf);
    const char *verify[] =
        {"openssl",       "verify",     "-x509_strict", "-purpose",  "sslserver",
         "-attime",       "1800000100", "-verify_ip",   "127.0.0.1", "-verify_hostname",
         "tamga.example", "-CAfile",    root,           leaf,        NULL};
    assert_int_equal(tool_run(verify, NULL, 0, &out), 0);
    unlink(root);
    unlink(leaf);
    const char *bad[] = {"not-an-ip", NULL};
    spec.ips = bad;
    assert_int_equal(tg_issue_identity(&spec, &der, &err), TG_E_INPUT);
}

static void openssl_reads_and_verifies_our_crl(void **state)
{
    struct tg_err err = {0};
    char root[64], list[64];
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_KEYSTORE);
    TG_AUTO(buf) struct tg_buf out = TG_BUF(65536);
    struct tg_crl_entry entries[] = {
        {(const uint8_t *)"\x01\x02", 2, WORLD_NOW - 5, 4},
        {(const uint8_t *)"\xff\x01", 2, WORLD_NOW - 4, 0},
    };
    (void)state;
    assert_int_equal(tg_crl_make(w.root, w.root_key, entries, 2, WORLD_NOW, WORLD_NOW + TG_DAY, 300,
                                 &der, &err),
                     0);
    pem_file("X509 CRL", der.data, der.len, list);
    cert_file(w.root, root);
    const char *argv[] = {"openssl", "crl",    "-in",   list,      "-CAfile",
                          root,      "-noout", "-text", "-verify", NULL};
    assert_int_equal(tool_run(argv, NULL, 0, &out), 0);
    assert_non_null(strstr(tg_buf_text(&out), "Serial Number: 0102"));
    assert_non_null(strstr(tg_buf_text(&out), "Serial Number: FF01"));
    assert_non_null(strstr(tg_buf_text(&out), "Superseded"));
    unlink(list);
    unlink(root);
    tg_buf_reset(&der);
    assert_int_equal(tg_crl_make(w.root, w.root_key, NULL, 0, WORLD_NOW, WORLD_NOW + TG_DAY, 1,
                                 &der, &err),
                     0);
    entries[0].reason = 8;
    assert_int_equal(tg_crl_make(w.root, w.root_key, entries, 1, WORLD_NOW, WORLD_NOW, 1, &der,
                                 &err),
                     TG_E_INPUT);
    assert_int_equal(tg_crl_make(w.root, w.old_key, NULL, 0, WORLD_NOW, WORLD_NOW, 1, &der, &err),
                     TG_E_STATE);
}

static void requests_carry_the_subject_and_prove_possession(void **state)
{
    static const char *const words[] = {"ec-p256", "ec-p384", "ec-p521", "ed25519", "rsa-2048"};
    struct tg_err err = {0};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(words); i++) {
        TG_AUTO(key) struct tg_key *key = NULL;
        TG_AUTO(csr) struct tg_csr *csr = NULL, *bent = NULL;
        TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CSR);
        TG_AUTO(buf) struct tg_buf out = TG_BUF(65536);
        char file[64];
        assert_int_equal(tg_key_generate(words[i], &key, &err), 0);
        assert_int_equal(tg_csr_make(key, w.old, &der, &err), 0);
        assert_int_equal(tg_csr_parse(der.data, der.len, &csr, &err), 0);
        assert_int_equal(tg_csr_verify(csr, &err), 0);
        assert_string_equal(tg_csr_subject(csr), tg_cert_facts(w.old)->subject);
        assert_string_equal(tg_csr_key_algorithm(csr), words[i]);
        assert_false(tg_csr_weak(csr));
        uint8_t hash[32];
        tg_key_spki_sha256(key, hash);
        assert_memory_equal(tg_csr_spki_sha256(csr), hash, 32);
        pem_file("CERTIFICATE REQUEST", der.data, der.len, file);
        const char *argv[] = {"openssl", "req", "-in", file, "-noout", "-verify", "-text", NULL};
        assert_int_equal(tool_run(argv, NULL, 0, &out), 0);
        assert_non_null(strstr(tg_buf_text(&out), "test@alatau.example"));
        unlink(file);
        der.data[40] ^= 1; /* a letter of the subject */
        if (tg_csr_parse(der.data, der.len, &bent, &err) == 0)
            assert_int_equal(tg_csr_verify(bent, &err), TG_E_SIGNATURE);
    }
}

static void requests_are_read_strictly(void **state)
{
    struct tg_err err = {0};
    TG_AUTO(buf)
    struct tg_buf der = TG_BUF(TG_MAX_CSR), pem = TG_BUF(TG_MAX_CSR), back = TG_BUF(TG_MAX_CSR);
    struct tg_csr *csr = NULL;
    (void)state;
    assert_int_equal(tg_csr_make_named(w.new_key, "agent", &der, &err), 0);
    tg_csr_to_pem(der.data, der.len, &pem);
    assert_int_equal(tg_csr_read(pem.data, pem.len, &back, &err), 0);
    assert_int_equal(back.len, der.len);
    assert_memory_equal(back.data, der.data, der.len);
    for (size_t cut = 0; cut < der.len; cut++)
        assert_int_equal(tg_csr_parse(der.data, cut, &csr, &err), TG_E_INPUT);
    tg_buf_putc(&der, '\0');
    assert_int_equal(tg_csr_parse(der.data, der.len, &csr, &err), TG_E_INPUT);
    assert_int_equal(tg_csr_parse(der.data, TG_MAX_CSR + 1, &csr, &err), TG_E_LIMIT);
    assert_null(csr);
}

static int setup(void **state)
{
    (void)state;
    world_init(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_done(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_verifies_what_we_issue),
        cmocka_unit_test(a_certificate_answers_for_its_issuer),
        cmocka_unit_test(issuing_refuses),
        cmocka_unit_test(identities_serve_and_call),
        cmocka_unit_test(openssl_reads_and_verifies_our_crl),
        cmocka_unit_test(requests_carry_the_subject_and_prove_possession),
        cmocka_unit_test(requests_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
