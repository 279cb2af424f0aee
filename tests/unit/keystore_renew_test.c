/* keystore_renew: PKCS#12 made by OpenSSL is scanned and renewed; all else in it stays as it was.
 */
// uses: base json x509 keystore | libs: crypto
#include <openssl/cms.h>

#include "renew_keystore.h"

static void three_entries(struct tg_buf *file, enum mk_style style, const char *password, bool mac)
{
    static const unsigned char ids[2][3] = {{1, 0, 0}, {2, 0, 0}};
    unsigned char digest[20];
    X509_digest(one.cert, EVP_sha1(), digest, NULL);
    const struct mk_entry entries[] = {
        {.pair = &one, .name = "один", .id = digest, .id_len = 20},
        {.pair = &two, .name = "two", .id = ids[1], .id_len = 3},
        {.pair = &three, .name = "trusted", .java_trusted = true},
        {.pair = &root, .no_key = true},
    };
    mk_p12(file, entries, TG_COUNT(entries), style, password, ITERATIONS, mac);
}

static void check_three(const struct tg_keystore *ks, const struct mk_pair *first)
{
    assert_string_equal(ks->kind, "pkcs12");
    assert_int_equal(ks->status, TG_KEYSTORE_OPEN);
    const struct tg_keystore_entry *e = entry_of(ks, first);
    assert_non_null(e);
    assert_true(e->has_key);
    assert_string_equal(e->friendly_name, "один");
    e = entry_of(ks, &two);
    assert_true(e->has_key);
    assert_string_equal(e->friendly_name, "two");
    e = entry_of(ks, &three);
    assert_false(e->has_key);
    assert_string_equal(e->friendly_name, "trusted");
    assert_non_null(entry_of(ks, &root));
}

static void every_style_is_read_and_renewed(void **state)
{
    (void)state;
    struct tg_err err = {0};
    for (int style = MK_MODERN; style <= MK_RC2; style++)
        for (int mac = 0; mac < 2; mac++)
            for (int compatible = 0; compatible < 2; compatible++) {
                struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
                three_entries(&file, (enum mk_style)style, PASSWORD, mac);
                TG_AUTO(keystore) struct tg_keystore *before = scan(&file, PASSWORD);
                check_three(before, &one);
                assert_int_equal(before->count, 4);
                assert_int_equal(renew(&file, PASSWORD, &one, false, compatible, &out, &err), 0);
                TG_AUTO(keystore) struct tg_keystore *after = scan(&out, PASSWORD);
                check_three(after, &fresh);
                assert_int_equal(after->count, 4);
                assert_null(entry_of(after, &one));
                tg_buf_done(&file);
                tg_buf_done(&out);
            }
}

/* What stands in the clear of a modern file: names and ids of sealed keys. */
static void wrong_or_no_password_is_locked_not_blank(void **state)
{
    (void)state;
    struct tg_buf file = TG_BUF(1 << 20);
    three_entries(&file, MK_MODERN, PASSWORD, true);
    const char *const words[] = {NULL, "wrong"};
    for (size_t i = 0; i < TG_COUNT(words); i++) {
        TG_AUTO(keystore) struct tg_keystore *ks = scan(&file, words[i]);
        assert_int_equal(ks->status, TG_KEYSTORE_LOCKED);
        assert_string_equal(ks->kind, "pkcs12");
        assert_true(*ks->reason);
        assert_int_equal(ks->count, 2);
        assert_string_equal(ks->entries[0].friendly_name, "один");
        assert_int_equal(ks->entries[0].ski_len, 20);
        assert_true(ks->entries[0].has_key);
        assert_null(ks->entries[0].cert);
        assert_string_equal(ks->entries[1].friendly_name, "two");
        assert_int_equal(ks->entries[1].ski_len, 0);
    }
    tg_buf_done(&file);
}

static void code_pages_open_and_are_kept(void **state)
{
    (void)state;
    static const char *const sealed[] = {
        "\xcf\xe0\xf0\xee\xeb\xfc\xe4\xe2\xe5\xf1\xf2\xe8", /* CP1251 */
        "\x8f\xa0\xe0\xae\xab\xec\xa4\xa2\xa5\xe1\xe2\xa8", /* CP866 */
    };
    struct tg_err err = {0};
    for (size_t i = 0; i < TG_COUNT(sealed); i++)
        for (int style = MK_MODERN; style <= MK_RC2; style++) {
            struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
            three_entries(&file, (enum mk_style)style, sealed[i], true);
            TG_AUTO(keystore) struct tg_keystore *ks = scan(&file, PASSWORD);
            check_three(ks, &one);
            assert_int_equal(renew(&file, PASSWORD, &one, false, false, &out, &err), 0);
            /* Its own reader still opens it with the bytes it knows. */
            const unsigned char *at = out.data;
            PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)out.len);
            assert_non_null(p12);
            assert_true(PKCS12_verify_mac(p12, sealed[i], -1));
            PKCS12_free(p12);
            tg_buf_done(&file);
            tg_buf_done(&out);
        }
}

static void without_password_everything_is_open(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    three_entries(&file, MK_MODERN, NULL, false);
    TG_AUTO(keystore) struct tg_keystore *ks = scan(&file, NULL);
    check_three(ks, &one);
    assert_int_equal(ks->password_index, -1);
    assert_int_equal(renew(&file, NULL, &two, false, false, &out, &err), 0);
    TG_AUTO(keystore) struct tg_keystore *after = scan(&out, NULL);
    assert_string_equal(entry_of(after, &fresh)->friendly_name, "two");
    tg_buf_done(&file);
    tg_buf_done(&out);
}

/* "" and no password differ (PKI §1): both are tried by themselves. */
static void empty_password_opens_by_itself(void **state)
{
    (void)state;
    struct tg_buf file = TG_BUF(1 << 20);
    three_entries(&file, MK_3DES, "", true);
    TG_AUTO(keystore) struct tg_keystore *ks = scan(&file, "something else");
    check_three(ks, &one);
    assert_int_equal(ks->password_index, -1);
    tg_buf_done(&file);
}

static void pairs_are_found_by_public_key_without_ids(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    const struct mk_entry entries[] = {{.pair = &one, .name = "a"}, {.pair = &two, .name = "b"}};
    mk_p12(&file, entries, 2, MK_3DES, PASSWORD, ITERATIONS, true);
    TG_AUTO(keystore) struct tg_keystore *ks = scan(&file, PASSWORD);
    assert_int_equal(ks->count, 2);
    assert_true(ks->entries[0].has_key && ks->entries[1].has_key);
    assert_int_equal(renew(&file, PASSWORD, &two, false, true, &out, &err), 0);
    TG_AUTO(keystore) struct tg_keystore *after = scan(&out, PASSWORD);
    assert_true(entry_of(after, &one)->has_key);
    assert_true(entry_of(after, &fresh)->has_key);
    assert_string_equal(entry_of(after, &fresh)->friendly_name, "b");
    tg_buf_done(&file);
    tg_buf_done(&out);
}

/* The plain safe with both keys is rebuilt; the other key's bag must be found in it byte for byte.
 */
static void other_bags_go_over_byte_for_byte(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    three_entries(&file, MK_MODERN, PASSWORD, true);
    assert_int_equal(renew(&file, PASSWORD, &one, false, false, &out, &err), 0);
    const unsigned char *at = file.data;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)file.len);
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
    STACK_OF(PKCS12_SAFEBAG) *bags = PKCS12_unpack_p7data(sk_PKCS7_value(safes, 1));
    assert_int_equal(sk_PKCS12_SAFEBAG_num(bags), 2);
    unsigned char *der = NULL;
    int len = i2d_PKCS12_SAFEBAG(sk_PKCS12_SAFEBAG_value(bags, 1), &der);
    assert_true(len > 200);
    assert_non_null(memmem(out.data, out.len, der, (size_t)len));
    OPENSSL_free(der);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(p12);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

static void national_style_names_follow_the_new_ski(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    TG_AUTO(cert) struct tg_cert *was = cert_of(&one);
    TG_AUTO(cert) struct tg_cert *is = cert_of(&fresh);
    char name[41], want[41];
    tg_hex(tg_cert_facts(was)->ski, 20, name);
    tg_hex(tg_cert_facts(is)->ski, 20, want);
    const struct mk_entry entry = {.pair = &one,
                                   .name = name,
                                   .id = tg_cert_facts(was)->ski,
                                   .id_len = 20};
    mk_p12(&file, &entry, 1, MK_RC2, "Qwerty12", 1024, true);
    assert_int_equal(renew(&file, "Qwerty12", &one, false, true, &out, &err), 0);
    TG_AUTO(keystore) struct tg_keystore *locked = scan(&out, NULL);
    assert_int_equal(locked->status, TG_KEYSTORE_LOCKED);
    assert_int_equal(locked->count, 1);
    assert_string_equal(locked->entries[0].friendly_name, want);
    assert_memory_equal(locked->entries[0].ski, tg_cert_facts(is)->ski, 20);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

static void encrypt_to(const struct mk_pair *pair, const char *text, struct tg_buf *out)
{
    STACK_OF(X509) *to = sk_X509_new_null();
    BIO *in = BIO_new_mem_buf(text, -1);
    sk_X509_push(to, pair->cert);
    CMS_ContentInfo *cms = CMS_encrypt(to, in, EVP_aes_256_cbc(), CMS_BINARY);
    assert_non_null(cms);
    BIO *mem = BIO_new(BIO_s_mem());
    assert_true(i2d_CMS_bio(mem, cms));
    mk_bio_take(mem, out);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    sk_X509_free(to);
}

static void assert_decrypts(const struct tg_key *key, const struct tg_buf *message,
                            const char *text)
{
    const unsigned char *at = message->data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)message->len);
    BIO *mem = BIO_new(BIO_s_mem());
    struct tg_buf got = TG_BUF(4096);
    assert_int_equal(CMS_decrypt(cms, tg_key_evp(key), one.cert, NULL, mem, CMS_BINARY), 1);
    mk_bio_take(mem, &got);
    assert_string_equal(tg_buf_text(&got), text);
    tg_buf_done(&got);
    CMS_ContentInfo_free(cms);
}

static void old_messages_can_still_be_read(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf message = TG_BUF(1 << 16);
    encrypt_to(&one, "kept", &message);
    for (int style = MK_MODERN; style <= MK_RC2; style++) {
        struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
        TG_AUTO(key) struct tg_key *old = NULL;
        uint8_t hash[TG_SHA256];
        struct tg_secret secret = {0};
        three_entries(&file, (enum mk_style)style, PASSWORD, true);
        assert_int_equal(renew(&file, PASSWORD, &one, true, style == MK_RC2, &out, &err), 0);
        TG_AUTO(keystore) struct tg_keystore *ks = scan(&out, PASSWORD);
        check_three(ks, &fresh);
        assert_int_equal(ks->count, 5);
        assert_string_equal(entry_of(ks, &one)->friendly_name, "один (old 2036-01-01)");
        assert_true(entry_of(ks, &one)->has_key);
        hash_of(&one, hash);
        tg_secret_set(&secret, PASSWORD, strlen(PASSWORD));
        assert_int_equal(tg_keystore_key(out.data, out.len, &secret, hash, &old, &err), 0);
        assert_decrypts(old, &message, "kept");
        tg_secret_done(&secret);
        tg_buf_done(&file);
        tg_buf_done(&out);
    }
    tg_buf_done(&message);
}

/* A pair whose certificate cannot decrypt is not archived even when asked to. */
static void signing_keys_are_not_archived(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    three_entries(&file, MK_MODERN, PASSWORD, true);
    assert_int_equal(renew(&file, PASSWORD, &two, true, false, &out, &err), 0);
    TG_AUTO(keystore) struct tg_keystore *ks = scan(&out, PASSWORD);
    assert_null(entry_of(ks, &two));
    assert_int_equal(ks->count, 4);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

static void refusals_name_the_reason(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    three_entries(&file, MK_MODERN, PASSWORD, true);
    assert_int_equal(renew(&file, "wrong", &one, false, false, &out, &err), TG_E_PASSWORD);
    assert_int_equal(renew(&file, NULL, &one, false, false, &out, &err), TG_E_LOCKED);
    assert_int_equal(renew(&file, PASSWORD, &fresh, false, false, &out, &err), TG_E_NOT_FOUND);
    assert_int_equal(renew(&file, PASSWORD, &three, false, false, &out, &err), TG_E_NOT_FOUND);
    assert_int_equal(out.len, 0);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

/* A file that asks for 2^31 - 1 iterations is refused before anything is derived. */
static void costs_are_bounded_before_deriving(void **state)
{
    (void)state;
    struct tg_buf file = TG_BUF(1 << 20);
    const struct mk_entry entry = {.pair = &two};
    mk_p12(&file, &entry, 1, MK_3DES, PASSWORD, ITERATIONS, true);
    /* MacData ends with the salt of 8 bytes and the INTEGER 2048: the salt gives two bytes to the
     * count. */
    uint8_t *end = file.data + file.len;
    assert_memory_equal(end - 4, "\x02\x02\x08\x00", 4);
    assert_memory_equal(end - 14, "\x04\x08", 2);
    end[-13] = 6;
    memcpy(end - 6, "\x02\x04\x7f\xff\xff\xff", 6);
    TG_AUTO(keystore) struct tg_keystore *ks = scan(&file, PASSWORD);
    assert_int_equal(ks->status, TG_KEYSTORE_UNREADABLE);
    assert_non_null(strstr(ks->reason, "2147483647 iterations"));
    tg_buf_done(&file);
}

/* No prefix and no flipped byte of a keystore may do more than be refused. */
static void damaged_files_end_as_a_status(void **state)
{
    (void)state;
    struct tg_buf file = TG_BUF(1 << 20);
    const struct mk_entry entry = {.pair = &two, .name = "x"};
    mk_p12(&file, &entry, 1, MK_3DES, PASSWORD, 1, true);
    for (size_t len = 0; len < file.len; len += 1 + len / 64) {
        uint8_t *copy = tg_memdup(file.data, len);
        TG_AUTO(keystore) struct tg_keystore *ks = tg_keystore_scan_bytes("k", copy, len, NULL, 0);
        assert_int_equal(ks->status, TG_KEYSTORE_UNREADABLE);
        assert_true(*ks->reason);
        free(copy);
    }
    struct tg_secret secret = {0};
    tg_secret_set(&secret, PASSWORD, strlen(PASSWORD));
    for (size_t i = 0; i < file.len; i += 3) {
        file.data[i] ^= 0x55;
        TG_AUTO(keystore)
        struct tg_keystore *ks = tg_keystore_scan_bytes("k", file.data, file.len, &secret, 1);
        assert_true(ks->status == TG_KEYSTORE_OPEN || *ks->reason);
        file.data[i] ^= 0x55;
    }
    tg_secret_done(&secret);
    tg_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_style_is_read_and_renewed),
        cmocka_unit_test(wrong_or_no_password_is_locked_not_blank),
        cmocka_unit_test(code_pages_open_and_are_kept),
        cmocka_unit_test(without_password_everything_is_open),
        cmocka_unit_test(empty_password_opens_by_itself),
        cmocka_unit_test(pairs_are_found_by_public_key_without_ids),
        cmocka_unit_test(other_bags_go_over_byte_for_byte),
        cmocka_unit_test(national_style_names_follow_the_new_ski),
        cmocka_unit_test(old_messages_can_still_be_read),
        cmocka_unit_test(signing_keys_are_not_archived),
        cmocka_unit_test(refusals_name_the_reason),
        cmocka_unit_test(costs_are_bounded_before_deriving),
        cmocka_unit_test(damaged_files_end_as_a_status),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
