// x509_key: private keys in and out, encrypted or not, and what is refused before it costs time.
// uses: base x509 | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "x509/pem.h"
#include "x509_tool.h"
#include "x509_world.h"

static struct world w;

static struct tg_secret secret(const char *text)
{
    struct tg_secret s = {0};
    tg_secret_set(&s, text, strlen(text));
    return s;
}

static void every_kind_goes_out_and_comes_back(void **state)
{
    static const char *const words[] = {"ec-p256", "ec-p384",  "ec-p521",
                                        "ed25519", "rsa-2048", "rsa-3072"};
    TG_AUTO(secret) struct tg_secret password = secret("Құпия сөз 7");
    TG_AUTO(secret) struct tg_secret wrong = secret("password");
    struct tg_err err = {0};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(words); i++) {
        TG_AUTO(key) struct tg_key *key = NULL, *plain = NULL, *sealed = NULL, *pem = NULL;
        TG_AUTO(buf) struct tg_buf der = TG_BUF(65536), enc = TG_BUF(65536), text = TG_BUF(65536);
        struct tg_key *none = NULL;
        uint8_t a[32], b[32];
        assert_int_equal(tg_key_generate(words[i], &key, &err), 0);
        assert_string_equal(tg_key_algorithm(key), words[i]);
        tg_key_spki_sha256(key, a);
        assert_int_equal(tg_key_to_pkcs8(key, NULL, 0, &der, &err), 0);
        assert_int_equal(tg_key_from_pkcs8(der.data, der.len, NULL, &plain, &err), 0);
        tg_key_spki_sha256(plain, b);
        assert_memory_equal(a, b, 32);
        assert_int_equal(tg_key_to_pkcs8(key, &password, 2048, &enc, &err), 0);
        assert_int_equal(tg_key_from_pkcs8(enc.data, enc.len, &password, &sealed, &err), 0);
        tg_key_spki_sha256(sealed, b);
        assert_memory_equal(a, b, 32);
        assert_int_equal(tg_key_from_pkcs8(enc.data, enc.len, &wrong, &none, &err), TG_E_PASSWORD);
        assert_int_equal(tg_key_from_pkcs8(enc.data, enc.len, NULL, &none, &err), TG_E_LOCKED);
        assert_int_equal(tg_key_to_pem(key, &password, 2048, &text, &err), 0);
        assert_int_equal(tg_key_from_pem((char *)text.data, text.len, &password, &pem, &err), 0);
        assert_int_equal(tg_key_from_pem((char *)text.data, text.len, NULL, &none, &err),
                         TG_E_LOCKED);
        assert_null(none);
    }
}

static void openssl_opens_our_encrypted_key_and_we_its_traditional_ones(void **state)
{
    TG_AUTO(secret) struct tg_secret password = secret("secret1");
    TG_AUTO(buf) struct tg_buf text = TG_BUF(65536), out = TG_BUF(65536);
    TG_AUTO(key) struct tg_key *back = NULL;
    struct tg_key *none = NULL;
    struct tg_err err = {0};
    char file[64];
    uint8_t a[32], b[32];
    (void)state;
    assert_int_equal(tg_key_to_pem(w.old_key, &password, 2048, &text, &err), 0);
    assert_true(tool_file(text.data, text.len, file));
    const char *argv[] = {"openssl",      "ec",      "-in",      file,           "-passin",
                          "pass:secret1", "-aes128", "-passout", "pass:secret1", NULL};
    assert_int_equal(tool_run(argv, NULL, 0, &out), 0);
    unlink(file);
    assert_non_null(strstr(tg_buf_text(&out), "DEK-Info"));
    assert_int_equal(tg_key_from_pem((char *)out.data, out.len, NULL, &none, &err), TG_E_LOCKED);
    TG_AUTO(secret) struct tg_secret wrong = secret("secret2");
    assert_int_equal(tg_key_from_pem((char *)out.data, out.len, &wrong, &none, &err),
                     TG_E_PASSWORD);
    assert_int_equal(tg_key_from_pem((char *)out.data, out.len, &password, &back, &err), 0);
    tg_key_spki_sha256(w.old_key, a);
    tg_key_spki_sha256(back, b);
    assert_memory_equal(a, b, 32);
}

/* The file's maker chose the iterations: a bomb is refused before deriving. */
static void iteration_bomb_is_refused_at_once(void **state)
{
    TG_AUTO(secret) struct tg_secret password = secret("x");
    TG_AUTO(buf) struct tg_buf enc = TG_BUF(65536);
    struct tg_key *none = NULL;
    struct tg_err err = {0};
    (void)state;
    assert_int_equal(tg_key_to_pkcs8(w.old_key, &password, 0x112233, &enc, &err), 0);
    uint8_t *count = memmem(enc.data, enc.len, "\x02\x03\x11\x22\x33", 5);
    assert_non_null(count);
    /* Four octets for the count: the salt before it gives one up, both lengths stay true. */
    uint8_t *salt = count - 18;
    assert_int_equal(salt[0], 0x04);
    assert_int_equal(salt[1], 16);
    salt[1] = 15;
    memcpy(salt + 17, "\x02\x04\x7f\xff\xff\xff", 6);
    assert_int_equal(tg_key_from_pkcs8(enc.data, enc.len, &password, &none, &err), TG_E_LIMIT);
    assert_int_equal(tg_key_to_pkcs8(w.old_key, &password, 20000000, &enc, &err), TG_E_LIMIT);
}

static void broken_keys_are_refused(void **state)
{
    static const char no_key[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    TG_AUTO(buf) struct tg_buf der = TG_BUF(65536);
    struct tg_key *none = NULL;
    struct tg_err err = {0};
    (void)state;
    assert_int_equal(tg_key_to_pkcs8(w.old_key, NULL, 0, &der, &err), 0);
    for (size_t cut = 0; cut < der.len; cut++)
        assert_true(tg_key_from_pkcs8(der.data, cut, NULL, &none, &err) < 0);
    assert_int_equal(tg_key_generate("rsa-1024", &none, &err), TG_E_UNSUPPORTED);
    assert_int_equal(tg_key_from_pem(no_key, strlen(no_key), NULL, &none, &err), TG_E_NOT_FOUND);
    tg_wipe(der.data, der.len);
    assert_null(none);
}

static void a_pair_is_proved_by_use(void **state)
{
    struct tg_err err = {0};
    TG_AUTO(buf) struct tg_buf signature = TG_BUF(4096);
    (void)state;
    assert_true(tg_key_matches(w.old_key, w.old));
    assert_false(tg_key_matches(w.new_key, w.old));
    assert_int_equal(tg_key_prove(w.old_key, w.old, &err), 0);
    assert_int_equal(tg_key_prove(w.new_key, w.old, &err), TG_E_SIGNATURE);
    assert_int_equal(tg_key_sign(w.old_key, "abc", 3, &signature, &err), 0);
    assert_int_equal(tg_cert_verify_signature(w.old, "abc", 3, signature.data, signature.len, &err),
                     0);
    assert_int_equal(tg_cert_verify_signature(w.old, "abd", 3, signature.data, signature.len, &err),
                     TG_E_SIGNATURE);
    assert_int_equal(tg_cert_verify_signature(w.old, "abc", 3, signature.data, signature.len - 1,
                                              &err),
                     TG_E_SIGNATURE);
}

static int count_blocks(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    (void)block;
    (void)err;
    ++*(int *)data;
    return 0;
}

static void pem_bundles_are_bounded_and_strict(void **state)
{
    static const char good[] = "text\n-----BEGIN A-----\r\nQUJD\r\n-----END A-----\r\n more\n"
                               "-----BEGIN B-----\nQUJD\n-----END B-----";
    static const char *const bad[] = {
        "-----BEGIN A-----\nQUJD\n",
        "-----BEGIN A-----\nQUJD\n-----END B-----\n",
        "-----BEGIN A-----\nQ!JD\n-----END A-----\n",
        "-----BEGIN A-----\n-----END A-----\n",
        "-----BEGIN A-----\nQUJ\n-----END A-----\n",
    };
    struct tg_err err = {0};
    int n = 0;
    (void)state;
    assert_int_equal(tg_pem_read((const uint8_t *)good, strlen(good), count_blocks, &n, &err), 0);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        if (tg_pem_read((const uint8_t *)bad[i], strlen(bad[i]), count_blocks, &n, &err) !=
            TG_E_INPUT)
            fail_msg("bad %zu was read", i);
    assert_int_equal(tg_pem_read((const uint8_t *)"no", 2, count_blocks, &n, &err), TG_E_NOT_FOUND);
    TG_AUTO(buf) struct tg_buf many = TG_BUF(TG_MAX_KEYSTORE);
    for (int i = 0; i <= TG_MAX_ENTRIES; i++)
        tg_pem_write("A", (const uint8_t *)"ABC", 3, &many);
    assert_int_equal(tg_pem_read(many.data, many.len, count_blocks, &n, &err), TG_E_LIMIT);
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
        cmocka_unit_test(every_kind_goes_out_and_comes_back),
        cmocka_unit_test(openssl_opens_our_encrypted_key_and_we_its_traditional_ones),
        cmocka_unit_test(iteration_bomb_is_refused_at_once),
        cmocka_unit_test(broken_keys_are_refused),
        cmocka_unit_test(a_pair_is_proved_by_use),
        cmocka_unit_test(pem_bundles_are_bounded_and_strict),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
