/* keystore_pem: PEM files, one or two, are scanned and renewed; blocks and comments around stay. */
// uses: base json x509 keystore | libs: crypto
#include "renew_keystore.h"

static void pem_is_spliced(void **state)
{
    (void)state;
    struct tg_err err = {0};
    static const struct {
        const char *style, *password;
    } rows[] = {{"pkcs8", NULL},
                {"pkcs8", PASSWORD},
                {"traditional", NULL},
                {"traditional", PASSWORD}};
    for (size_t i = 0; i < TG_COUNT(rows); i++) {
        struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
        tg_buf_puts(&file, "# head\n");
        mk_pem_key(&file, &two, rows[i].style, rows[i].password);
        tg_buf_puts(&file, "# between\n");
        mk_pem_cert(&file, &two);
        mk_pem_cert(&file, &root);
        tg_buf_puts(&file, "# other\n");
        mk_pem_cert(&file, &three);
        tg_buf_puts(&file, "# tail");
        TG_AUTO(keystore) struct tg_keystore *before = scan(&file, rows[i].password);
        assert_string_equal(before->kind, "pem");
        assert_int_equal(before->status, TG_KEYSTORE_OPEN);
        assert_int_equal(before->count, 3);
        assert_true(entry_of(before, &two)->has_key);
        assert_false(entry_of(before, &root)->has_key);
        assert_int_equal(renew(&file, rows[i].password, &two, false, false, &out, &err), 0);
        const char *text = tg_buf_text(&out);
        assert_true(strncmp(text, "# head\n-----BEGIN ", 18) == 0);
        const char *between = strstr(text, "# between\n-----BEGIN CERTIFICATE-----\n");
        const char *other = strstr(text, "# other\n-----BEGIN CERTIFICATE-----\n");
        assert_true(between && other && between < other);
        assert_true(strcmp(text + out.len - 6, "# tail") == 0);
        assert_true((strstr(text, "ENCRYPTED PRIVATE KEY") != NULL) == (rows[i].password != NULL));
        TG_AUTO(keystore) struct tg_keystore *after = scan(&out, rows[i].password);
        assert_int_equal(after->count, 3);
        assert_true(entry_of(after, &fresh)->has_key);
        assert_non_null(entry_of(after, &root));
        assert_non_null(entry_of(after, &three));
        if (rows[i].password) {
            TG_AUTO(keystore) struct tg_keystore *locked = scan(&out, NULL);
            assert_int_equal(locked->status, TG_KEYSTORE_LOCKED);
            assert_true(entry_of(locked, &fresh)->key_unknown);
        }
        tg_buf_done(&file);
        tg_buf_done(&out);
    }
}

static void pem_keeps_crlf_and_old_decryption_key(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf unix_file = TG_BUF(1 << 20), file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    mk_pem_cert(&unix_file, &one);
    mk_pem_key(&unix_file, &one, "pkcs8", NULL);
    for (size_t i = 0; i < unix_file.len; i++) {
        if (unix_file.data[i] == '\n') tg_buf_putc(&file, '\r');
        tg_buf_putc(&file, (char)unix_file.data[i]);
    }
    assert_int_equal(renew(&file, NULL, &one, true, false, &out, &err), 0);
    for (size_t i = 1; i < out.len; i++)
        assert_true(out.data[i] != '\n' || out.data[i - 1] == '\r');
    TG_AUTO(cert) struct tg_cert *cert = cert_of(&one);
    TG_AUTO(key) struct tg_key *old = NULL;
    assert_int_equal(tg_keystore_key_for(out.data, out.len, NULL, cert, &old, &err), 0);
    TG_AUTO(keystore) struct tg_keystore *ks = scan(&out, NULL);
    assert_int_equal(ks->count, 3); /* the new certificate, its issuer, the old key */
    tg_buf_done(&unix_file);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

static void pem_pair_in_two_files(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf certs = TG_BUF(1 << 20), keys = TG_BUF(1 << 20), new_certs = TG_BUF(1 << 20),
                  new_keys = TG_BUF(1 << 20);
    mk_pem_cert(&certs, &two);
    mk_pem_cert(&certs, &root);
    mk_pem_key(&keys, &two, "traditional", NULL);
    uint8_t hash[TG_SHA256];
    hash_of(&two, hash);
    TG_AUTO(cert) struct tg_cert *cert = cert_of(&fresh);
    TG_AUTO(key) struct tg_key *key = NULL;
    assert_int_equal(tg_key_from_evp(fresh.key, &key, &err), 0);
    const struct tg_keystore_renewal renewal = {.old_sha256 = hash, .key = key, .cert = cert};
    assert_int_equal(tg_keystore_replace_pair(certs.data, certs.len, keys.data, keys.len, &renewal,
                                              &new_certs, &new_keys, &err),
                     0);
    hash_of(&fresh, hash);
    assert_int_equal(tg_keystore_prove(new_certs.data, new_certs.len, new_keys.data, new_keys.len,
                                       NULL, hash, &err),
                     0);
    /* Old key, new certificate: no pair. */
    assert_int_equal(tg_keystore_prove(new_certs.data, new_certs.len, keys.data, keys.len, NULL,
                                       hash, &err),
                     TG_E_NOT_FOUND);
    tg_buf_done(&certs);
    tg_buf_done(&keys);
    tg_buf_done(&new_certs);
    tg_buf_done(&new_keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pem_is_spliced),
        cmocka_unit_test(pem_keeps_crlf_and_old_decryption_key),
        cmocka_unit_test(pem_pair_in_two_files),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
