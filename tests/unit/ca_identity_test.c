// tamgad's own CA for TLS: agents and listeners, keys that stay, files that others may not read.
// uses: base x509 ca | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/limits.h"
#include "base/times.h"
#include "ca/identity.h"
#include "temp_dir.h"
#include "x509/chain.h"
#include "x509/key.h"
#include "x509/pem.h"

enum { NOW = 1795165200 };
#define AGENT "0123456789abcdef0123456789abcdef"

static struct tg_err err;
static char dir[64];
static struct ca_identity *ci;

static int setup(void **state)
{
    (void)state;
    temp_dir(dir);
    return ca_identity_open(dir, NOW, &ci, &err);
}

static int teardown(void **state)
{
    (void)state;
    ca_identity_free(TG_TAKE(ci));
    temp_dir_remove(dir);
    return 0;
}

static struct tg_csr *csr_of(const char *algorithm)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CSR);
    struct tg_csr *csr = NULL;
    assert_int_equal(tg_key_generate(algorithm, &key, &err), 0);
    assert_int_equal(tg_csr_make_named(key, "whatever it says", &der, &err), 0);
    assert_int_equal(tg_csr_parse(der.data, der.len, &csr, &err), 0);
    return csr;
}

static void an_agent_gets_90_days_and_nothing_of_its_wishes(void **state)
{
    (void)state;
    TG_AUTO(csr) struct tg_csr *csr = csr_of("ec-p256");
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    int64_t until = 0;
    assert_int_equal(ca_identity_sign_agent(ci, csr, AGENT, "ws-1.example", NOW, &der, &until,
                                            &err),
                     0);
    assert_int_equal(tg_cert_parse(der.data, der.len, &cert, &err), 0);
    const struct tg_cert_facts *f = tg_cert_facts(cert);
    assert_string_equal(f->cn, AGENT);
    assert_int_equal(until, NOW + 90 * TG_DAY);
    assert_int_equal(f->not_after, until);
    assert_false(f->is_ca);
    assert_true(tg_cert_has_eku(cert, "1.3.6.1.5.5.7.3.2"));
    assert_false(tg_cert_has_eku(cert, "1.3.6.1.5.5.7.3.1"));
    assert_int_equal(tg_cert_signed_by(cert, ca_identity_ca(ci), &err), 0);
    assert_memory_equal(f->spki_sha256, tg_csr_spki_sha256(csr), 32);
}

static void what_is_no_agent_is_refused(void **state)
{
    (void)state;
    TG_AUTO(csr) struct tg_csr *csr = csr_of("ec-p256");
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    int64_t until = 0;
    assert_int_equal(ca_identity_sign_agent(ci, csr, "root", "ws", NOW, &der, &until, &err),
                     TG_E_INPUT);
    assert_int_equal(der.len, 0);
}

/* No agent outlives the CA that vouches for it. */
static void never_beyond_the_ca(void **state)
{
    (void)state;
    TG_AUTO(csr) struct tg_csr *csr = csr_of("ec-p256");
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    int64_t until = 0, end = tg_cert_facts(ca_identity_ca(ci))->not_after;
    assert_int_equal(ca_identity_sign_agent(ci, csr, AGENT, "ws", end - TG_DAY, &der, &until, &err),
                     0);
    assert_int_equal(until, end);
}

static int take(const struct tg_pem_block *block, void *data, struct tg_err *e)
{
    struct tg_cert **certs = data;
    return tg_cert_parse(block->der, block->der_len, certs[0] ? &certs[1] : &certs[0], e);
}

static void the_listeners_key_stays(void **state)
{
    (void)state;
    static const char *const hosts[] = {"0.0.0.0", "10.1.2.3", "tamga.example"};
    char first[TG_HEX256], second[TG_HEX256];
    for (int i = 0; i < 2; i++) {
        TG_AUTO(buf) struct tg_buf pem = TG_BUF(64 * 1024);
        TG_AUTO(secret) struct tg_secret key = {0};
        struct tg_cert *certs[2] = {NULL, NULL};
        char *spki = i ? second : first;
        assert_int_equal(ca_identity_listener(ci, hosts, TG_COUNT(hosts), NOW, &pem, &key, spki,
                                              &err),
                         0);
        assert_int_equal(tg_pem_read(pem.data, pem.len, take, certs, &err), 0);
        assert_int_equal(tg_cert_signed_by(certs[0], certs[1], &err), 0);
        assert_true(tg_cert_has_eku(certs[0], "1.3.6.1.5.5.7.3.1"));
        assert_non_null(strstr(key.data, "PRIVATE KEY"));
        tg_cert_unref(certs[0]);
        tg_cert_unref(certs[1]);
        ca_identity_free(TG_TAKE(ci)); /* a restart */
        assert_int_equal(ca_identity_open(dir, NOW + TG_DAY, &ci, &err), 0);
    }
    assert_string_equal(first, second);
}

static void files_are_the_owners_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"identity-ca.key", "listener.key"};
    for (size_t i = 0; i < TG_COUNT(names); i++) {
        char path[128];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(chmod(path, 0640), 0);
        struct ca_identity *other = NULL;
        assert_int_equal(ca_identity_open(dir, NOW, &other, &err), TG_E_DENIED);
        assert_int_equal(chmod(path, 0600), 0);
    }
}

static void a_certificate_of_another_key_is_refused(void **state)
{
    (void)state;
    char path[128];
    struct ca_identity *other = NULL;
    (void)snprintf(path, sizeof path, "%s/identity-ca.key", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ca_identity_open(dir, NOW, &other, &err), TG_E_MISMATCH);
    assert_non_null(strstr(err.text, "backup"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_agent_gets_90_days_and_nothing_of_its_wishes),
        T(what_is_no_agent_is_refused),
        T(never_beyond_the_ca),
        T(the_listeners_key_stays),
        T(files_are_the_owners_alone),
        T(a_certificate_of_another_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
