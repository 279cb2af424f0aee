// x509_samples: every odd certificate of the sample collection, beside what the openssl command
// says of it.
// uses: base x509 | libs: crypto
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/times.h"
#include "x509/cert.h"
#include "x509/pem.h"
#include "x509_tool.h"

static int keep_first(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct tg_buf *ret = data;
    (void)err;
    if (ret->len == 0) tg_buf_add(ret, block->der, block->der_len);
    return 0;
}

static void line_of(const char *text, const char *key, char *ret, size_t size)
{
    const char *at = strstr(text, key);
    ret[0] = '\0';
    if (!at) return;
    at += strlen(key);
    (void)tg_copyn(ret, size, at, strcspn(at, "\n"));
}

static void lower_serial(const char *text, char *ret, size_t size)
{
    bool negative = text[0] == '-';
    text += negative;
    while (text[0] == '0' && text[1])
        text++;
    snprintf(ret, size, "%s%s", negative ? "-" : "", text);
    for (char *c = ret; *c; c++)
        if (*c >= 'A' && *c <= 'F') *c = (char)(*c - 'A' + 'a');
}

/* "Jun 29 19:11:14 2016 GMT" */
static int64_t openssl_time(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4] = "";
    struct tg_civil c = {0};
    if (sscanf(text, "%3s %d %d:%d:%d %d", month, &c.day, &c.hour, &c.minute, &c.second, &c.year) !=
        6)
        return -1;
    c.month = (int)(strstr(months, month) - months) / 3 + 1;
    return tg_civil_to(&c);
}

static int compared;

static void compare_with_openssl(const char *path, const struct tg_cert *cert)
{
    static char text[300000], wanted[200000];
    const char *argv[] = {"openssl",
                          "x509",
                          "-inform",
                          "der",
                          "-noout",
                          "-serial",
                          "-subject",
                          "-issuer",
                          "-dates",
                          "-nameopt",
                          "RFC2253,-esc_msb,utf8",
                          NULL};
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    TG_AUTO(buf) struct tg_buf out = TG_BUF(sizeof text);
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    char file[64];
    assert_true(tool_file(der, len, file));
    const char *with_file[16];
    size_t n = 0;
    for (; argv[n]; n++)
        with_file[n] = argv[n];
    with_file[n++] = "-in";
    with_file[n++] = file;
    with_file[n] = NULL;
    assert_int_equal(tool_run(with_file, NULL, 0, &out), 0);
    unlink(file);
    const char *said = tg_buf_text(&out);
    line_of(said, "serial=", text, sizeof text);
    lower_serial(text, wanted, sizeof wanted);
    if (strcmp(facts->serial, wanted) != 0)
        fail_msg("%s: serial %s, openssl %s", path, facts->serial, wanted);
    line_of(said, "subject=", wanted, sizeof wanted);
    if (strcmp(facts->subject, wanted) != 0)
        fail_msg("%s: subject %.200s, openssl %.200s", path, facts->subject, wanted);
    line_of(said, "issuer=", wanted, sizeof wanted);
    if (strcmp(facts->issuer, wanted) != 0)
        fail_msg("%s: issuer %.200s, openssl %.200s", path, facts->issuer, wanted);
    line_of(said, "notAfter=", wanted, sizeof wanted);
    if (facts->times_ok && facts->not_after != openssl_time(wanted))
        fail_msg("%s: notAfter %lld, openssl %s", path, (long long)facts->not_after, wanted);
    compared++;
}

static struct tg_cert *read_sample(const char *path, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf file = TG_BUF(TG_MAX_KEYSTORE);
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_cert *cert = NULL;
    assert_int_equal(tg_file_read(path, &file, err), 0);
    if (tg_pem_or_der_read(file.data, file.len, keep_first, &der, err) < 0) return NULL;
    if (tg_cert_parse(der.data, der.len, &cert, err) < 0) return NULL;
    return cert;
}

static void check_folder(const char *folder, const char *suffix)
{
    char path[512];
    struct tg_err err = {0};
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.' || (suffix && !tg_ends(e->d_name, suffix))) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        TG_AUTO(cert) struct tg_cert *cert = read_sample(path, &err);
        if (!cert) fail_msg("%s: %s", path, err.text);
        compare_with_openssl(path, cert);
    }
    closedir(dir);
}

static bool have_samples(void)
{
    if (access(SAMPLES_DIR "/x509", R_OK) == 0) return true;
    print_message("no samples at " SAMPLES_DIR ": skipped\n");
    return false;
}

static void names_serials_and_times_are_what_openssl_reads(void **state)
{
    (void)state;
    if (!have_samples()) skip();
    check_folder(SAMPLES_DIR "/x509", NULL);
    check_folder(SAMPLES_DIR "/kz/ca", NULL);
    check_folder(SAMPLES_DIR "/kz/legacy2022", ".cer");
    assert_true(compared >= 40);
}

static void kinds_of_keys_and_people_are_named(void **state)
{
    static const struct {
        const char *path, *key, *role, *iin, *bin;
        bool decodable;
    } table[] = {
        {"kz/ca/nca_gost2022_test.cer", "gost2015-512", "", "", "", false},
        {"kz/ca/prod2015_root_gost.crt", "gost2004", "", "", "", false},
        {"kz/ca/prod2015_nca_rsa.crt", "rsa-4096", "", "", "", true},
        {"kz/legacy2022/ceo_valid_sign_2004_gost.cer", "gost2004", "ceo", "123456789011",
         "123456789021", false},
        {"kz/legacy2022/individual_valid_sign_2004_rsa.cer", "rsa-2048", "individual",
         "123456789011", "", true},
        {"x509/zlint_ecdsaP521.pem", "ec-p521", "", "", "", true},
        {"x509/zlint_ed25519_strict_valid_ku_august_2023.pem", "ed25519", "", "", "", true},
        {"x509/zlint_rsassapssInSPKI.pem", "1.2.840.113549.1.1.10", "", "", "", true},
        {"x509/zlint_dsaCert.pem", "dsa-1024", "", "", "", true},
    };
    char path[512];
    struct tg_err err = {0};
    (void)state;
    if (!have_samples()) skip();
    for (size_t i = 0; i < TG_COUNT(table); i++) {
        snprintf(path, sizeof path, SAMPLES_DIR "/%s", table[i].path);
        TG_AUTO(cert) struct tg_cert *cert = read_sample(path, &err);
        if (!cert) fail_msg("%s: %s", path, err.text);
        const struct tg_cert_facts *facts = tg_cert_facts(cert);
        assert_string_equal(facts->key_algorithm, table[i].key);
        assert_string_equal(tg_role_word(facts->role), table[i].role);
        assert_string_equal(facts->iin, table[i].iin);
        assert_string_equal(facts->bin, table[i].bin);
        assert_int_equal(facts->decodable, table[i].decodable);
        assert_true(facts->times_ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_serials_and_times_are_what_openssl_reads),
        cmocka_unit_test(kinds_of_keys_and_people_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
