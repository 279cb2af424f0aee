// x509_facts: DER, OIDs, times, names, identity numbers: the pieces below a certificate's facts.
// uses: base x509 | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "x509/name.h"
#include "x509_world.h"

static void oids_go_both_ways(void **state)
{
    static const char *const good[] = {"1.2.398.3.3.4.1.2.5", "2.5.4.3",
                                       "0.9.2342.19200300.100.1.25", "2.999.1",
                                       "1.3.6.1.4.1.311.20.2.3"};
    static const char *const bad[] = {"",
                                      "1",
                                      "1.",
                                      "3.1",
                                      "1.40",
                                      ".1.2",
                                      "1.2.",
                                      "1..2",
                                      "1.02",
                                      "1.2.x",
                                      "1.2.999999999999999999999999"};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(good); i++) {
        uint8_t bytes[64];
        char text[64];
        size_t len = tg_der_oid_bytes(good[i], bytes, sizeof bytes);
        assert_true(len > 0 && tg_der_oid_text(bytes, len, text, sizeof text));
        assert_string_equal(text, good[i]);
        assert_false(tg_der_oid_text(bytes, len, text, 7));
        assert_int_equal(tg_der_oid_bytes(good[i], bytes, len - 1), 0);
    }
    for (size_t i = 0; i < TG_COUNT(bad); i++) {
        uint8_t bytes[64];
        if (tg_der_oid_bytes(bad[i], bytes, sizeof bytes)) fail_msg("%s was taken", bad[i]);
    }
    char text[64];
    assert_false(
        tg_der_oid_text((const uint8_t *)"\x55\x80\x01", 3, text, sizeof text)); /* not minimal */
    assert_false(tg_der_oid_text((const uint8_t *)"\x55\x84", 2, text, sizeof text)); /* cut off */
}

static void lengths_are_der(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool good;
    } table[] = {
        {"\x30\x00", 2, true},
        {"\x30\x80\x00\x00", 4, false},
        {"\x30\x81\x01\x00", 4, false},
        {"\x30\x01", 2, false},
        {"\x30", 1, false},
        {"\x30\x82\x00\x80", 4, false},
        {"\x3f\x81\x00\x00", 4, false},
        {"\x30\x85\x01\x00\x00\x00\x00", 7, false},
        {"\x30\x84\xff\xff\xff\xff", 6, false},
        {"\x30\x00\x00", 3, false},
    };
    struct tg_der_item item;
    (void)state;
    for (size_t i = 0; i < TG_COUNT(table); i++)
        if (tg_der_whole((const uint8_t *)table[i].bytes, table[i].len, TG_DER_SEQUENCE, &item) !=
            table[i].good)
            fail_msg("length %zu", i);
    assert_false(tg_der_whole(NULL, 0, TG_DER_SEQUENCE, &item));
}

static bool time_of(unsigned tag, const char *text, int64_t *ret)
{
    struct tg_der_item item = {.tag = (uint8_t)tag,
                               .content = (const uint8_t *)text,
                               .len = strlen(text)};
    return tg_der_time(&item, ret);
}

static void old_spellings_of_time_are_understood(void **state)
{
    int64_t exact, other;
    static const char *const bad[] = {"",
                                      "Z",
                                      "260229120000Z",
                                      "261301120000Z",
                                      "260101240000Z",
                                      "260101120060Z",
                                      "260101120000",
                                      "260101120000+1",
                                      "260101120000Zx",
                                      "2601011200001Z",
                                      "26010112000Z",
                                      "260101120000.5Z"};
    (void)state;
    assert_true(time_of(TG_DER_UTCTIME, "260101060000Z", &exact));
    assert_true(time_of(TG_DER_UTCTIME, "2601010600Z", &other) && other == exact);
    assert_true(time_of(TG_DER_UTCTIME, "260101110000+0500", &other) && other == exact);
    assert_true(time_of(TG_DER_UTCTIME, "2601010100-0500", &other) && other == exact);
    assert_true(time_of(TG_DER_GENTIME, "20260101060000Z", &other) && other == exact);
    assert_true(time_of(TG_DER_GENTIME, "20260101060000.25Z", &other) && other == exact);
    assert_true(time_of(TG_DER_UTCTIME, "500101000000Z", &other) && other < 0); /* 1950 */
    assert_true(time_of(TG_DER_GENTIME, "99981130000000Z", &other));
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        if (time_of(TG_DER_UTCTIME, bad[i], &other)) fail_msg("%s was taken", bad[i]);
}

static void name_is(const char *value, unsigned tag, const char *oid, const char *wanted)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(4096), text = TG_BUF(4096);
    struct tg_err err = {0};
    world_rdn(&der, oid, tag, value);
    tg_der_wrap(&der, 0, TG_DER_SEQUENCE);
    assert_int_equal(tg_name_text(der.data, der.len, &text, &err), 0);
    assert_string_equal(tg_buf_text(&text), wanted);
}

static void names_are_rfc_4514(void **state)
{
    (void)state;
    name_is("ТЕСТ", TG_DER_UTF8, "2.5.4.3", "CN=ТЕСТ");
    name_is("#a,b+c\"d\\e<f>g;h=i", TG_DER_UTF8, "2.5.4.3",
            "CN=\\#a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i");
    name_is(" a b ", TG_DER_UTF8, "2.5.4.10", "O=\\ a b\\ ");
    name_is(" ", TG_DER_UTF8, "2.5.4.10", "O=\\ ");
    name_is("a\nb\x7f", TG_DER_UTF8, "2.5.4.11", "OU=a\\0Ab\\7F");
    name_is("", TG_DER_UTF8, "2.5.4.3", "CN=");
    name_is("x", TG_DER_UTF8, "1.2.3.4.99", "1.2.3.4.99=#0C0178");
    name_is("x", TG_DER_OCTETS, "2.5.4.3", "CN=#040178");
    name_is("\xff\xfe", TG_DER_UTF8, "2.5.4.3", "CN=#0C02FFFE");
    name_is("\xe9", TG_DER_T61, "2.5.4.3", "CN=\xc3\xa9");
    name_is("a@b", TG_DER_IA5, "1.2.840.113549.1.9.1", "emailAddress=a@b");
}

static void identity_numbers_are_checked_and_never_refused(void **state)
{
    struct world w;
    (void)state;
    assert_false(tg_iin_ok("123456789011")); /* the national test identity */
    assert_false(tg_iin_ok("12345678901"));
    assert_false(tg_iin_ok("1234567890123"));
    assert_false(tg_iin_ok(""));
    assert_true(tg_iin_ok("000000000010"));  /* 1 * 11 = 0 mod 11 */
    assert_true(tg_iin_ok("100000000001"));  /* 1 * 1 */
    assert_false(tg_iin_ok("100000000002")); /* another check digit */
    assert_true(tg_iin_ok("000000000101"));  /* 1 * 10 = 10: the second weights give 1 */
    assert_false(tg_iin_ok("000000000100"));
    for (char check = '0'; check <= '9'; check++) { /* 10 under both weights: no digit is right */
        char both[13] = "000000002810";
        both[11] = check;
        assert_false(tg_iin_ok(both));
    }
    world_init(&w);
    const struct tg_cert_facts *facts = tg_cert_facts(w.old);
    assert_string_equal(facts->iin, "123456789011");
    assert_string_equal(facts->bin, "123456789021");
    assert_false(facts->iin_ok);
    assert_false(facts->bin_ok);
    world_done(&w);
}

static void facts_of_a_national_certificate(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    const struct tg_cert_facts *facts = tg_cert_facts(w.old);
    assert_string_equal(facts->subject,
                        "OU=BIN123456789021,O=ТОО \\\"Алатау\\, Пример\\\",L=Алматы,C=KZ,"
                        "serialNumber=IIN123456789011,SN=ТЕСТОВ,CN=ТЕСТОВ ТЕСТ");
    assert_string_equal(facts->issuer, "CN=Alatau Root,O=Алатау");
    assert_string_equal(facts->serial, "7");
    assert_string_equal(facts->cn, "ТЕСТОВ ТЕСТ");
    assert_string_equal(facts->organization, "ТОО \"Алатау, Пример\"");
    assert_string_equal(facts->key_algorithm, "ec-p256");
    assert_string_equal(facts->signature_algorithm, "ecdsa-sha256");
    assert_int_equal(facts->role, TG_ROLE_EMPLOYEE);
    assert_int_equal(facts->storage, TG_STORAGE_FILE);
    assert_int_equal(facts->key_usage,
                     TG_KU_DIGITAL_SIGNATURE | TG_KU_NON_REPUDIATION | TG_KU_KEY_AGREEMENT);
    assert_int_equal(facts->ski_len, 4);
    assert_int_equal(tg_cert_days(w.old), 365);
    for (enum tg_role role = TG_ROLE_INDIVIDUAL; role <= TG_ROLE_INFORMATION_SYSTEM; role++) {
        enum tg_role back;
        assert_true(tg_role_from_word(tg_role_word(role), &back) && back == role);
    }
    world_done(&w);
}

static void cut_and_bent_certificates_are_refused_or_read(void **state)
{
    struct world w;
    struct tg_err err = {0};
    size_t len;
    (void)state;
    world_init(&w);
    const uint8_t *der = tg_cert_der(w.old, &len);
    TG_AUTO(mem) uint8_t *copy = tg_memdup(der, len);
    struct tg_cert *cert = NULL;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(tg_cert_parse(copy, cut, &cert, &err), TG_E_INPUT);
    for (size_t i = 0; i < 8 * len; i++) {
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (tg_cert_parse(copy, len, &cert, &err) == 0) tg_cert_unref(cert);
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    TG_AUTO(mem) uint8_t *big = tg_alloc(TG_MAX_CERT + 1);
    assert_int_equal(tg_cert_parse(big, TG_MAX_CERT + 1, &cert, &err), TG_E_LIMIT);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oids_go_both_ways),
        cmocka_unit_test(lengths_are_der),
        cmocka_unit_test(old_spellings_of_time_are_understood),
        cmocka_unit_test(names_are_rfc_4514),
        cmocka_unit_test(identity_numbers_are_checked_and_never_refused),
        cmocka_unit_test(facts_of_a_national_certificate),
        cmocka_unit_test(cut_and_bent_certificates_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
