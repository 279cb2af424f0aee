/* keystore_samples: every sample file is accounted for: read, locked or refused with a reason, as
 * the golden table tests/snapshots/keystore_samples.txt says; where samples are absent, it says so.
 */
// uses: base json x509 keystore | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "keystore/keystore.h"
#include "x509/cert.h"
#include "json/json.h"

enum { MAX_FILES = 200 };

static char *paths[MAX_FILES];
static size_t path_count;

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_F && !strstr(path, "SOURCES.md") && path_count < MAX_FILES)
        paths[path_count++] = tg_strdup(path + strlen(SAMPLES_DIR "/"));
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool have_samples(void)
{
    if (access(SAMPLES_DIR, R_OK) == 0) return true;
    print_message("SKIPPED: no samples at %s\n", SAMPLES_DIR);
    return false;
}

/* Passwords of SOURCES.md. */
static size_t all_passwords(struct tg_secret secrets[4])
{
    static const char *const words[] = {"Qwerty12", "Aa123456", "password", "1234"};
    for (size_t i = 0; i < TG_COUNT(words); i++)
        tg_secret_set(&secrets[i], words[i], strlen(words[i]));
    return TG_COUNT(words);
}

static void put_line(struct tg_buf *out, const char *path, const struct tg_keystore *ks)
{
    tg_buf_printf(out, "%s %s %s %zu", path, ks->kind ? ks->kind : "-",
                  tg_keystore_status_word(ks->status), ks->count);
    for (size_t i = 0; i < ks->count; i++) {
        const struct tg_keystore_entry *e = &ks->entries[i];
        const struct tg_cert_facts *facts = e->cert ? tg_cert_facts(e->cert) : NULL;
        tg_buf_printf(out, " [%s|%s|%s", e->friendly_name ? e->friendly_name : "-",
                      e->key_unknown ? "key?"
                      : e->has_key   ? "key"
                                     : "-",
                      facts ? facts->key_algorithm : "-");
        if (facts && facts->role != TG_ROLE_NONE)
            tg_buf_printf(out, "|%s", tg_role_word(facts->role));
        if (!facts && e->ski_len) {
            tg_buf_puts(out, "|ski ");
            tg_buf_hex(out, e->ski, e->ski_len);
        }
        tg_buf_puts(out, "]");
    }
    if (*ks->reason) tg_buf_printf(out, " %s", ks->reason);
    tg_buf_putc(out, '\n');
}

static void scan_all(struct tg_buf *out, const struct tg_secret *secrets, size_t n)
{
    for (size_t i = 0; i < path_count; i++) {
        char *full = tg_printf("%s/%s", SAMPLES_DIR, paths[i]);
        TG_AUTO(keystore) struct tg_keystore *ks = tg_keystore_scan_file(full, secrets, n);
        assert_non_null(ks);
        if (ks->status == TG_KEYSTORE_UNREADABLE) assert_true(*ks->reason);
        put_line(out, paths[i], ks);
        free(full);
    }
}

static void every_sample_is_accounted_for(void **state)
{
    (void)state;
    struct tg_secret secrets[4] = {0};
    struct tg_buf got = TG_BUF(1 << 20), want = TG_BUF(1 << 20);
    struct tg_err err = {0};
    if (!have_samples()) skip();
    assert_int_equal(nftw(SAMPLES_DIR, on_file, 16, FTW_PHYS), 0);
    qsort(paths, path_count, sizeof paths[0], by_text);
    assert_true(path_count >= 80);
    size_t n = all_passwords(secrets);
    tg_buf_puts(&got, "# with the passwords that SOURCES.md names\n");
    scan_all(&got, secrets, n);
    tg_buf_puts(&got, "# without any password\n");
    scan_all(&got, NULL, 0);
    assert_int_equal(tg_file_read(TESTS_DIR "/snapshots/keystore_samples.txt", &want, &err), 0);
    if (strcmp(tg_buf_text(&got), tg_buf_text(&want)) != 0) {
        const char *actual = "/tmp/keystore_samples.actual.txt";
        (void)!tg_file_replace(actual, got.data, got.len, 0644, &err);
        print_message("differs from the golden table; what was found: %s\n", actual);
    }
    assert_string_equal(tg_buf_text(&got), tg_buf_text(&want));
    for (size_t i = 0; i < n; i++)
        tg_secret_done(&secrets[i]);
    for (size_t i = 0; i < path_count; i++)
        free(paths[i]);
    tg_buf_done(&got);
    tg_buf_done(&want);
}

static void locked_national_keystore_tells_its_ski(void **state)
{
    (void)state;
    if (!have_samples()) skip();
    TG_AUTO(keystore)
    struct tg_keystore *ks =
        tg_keystore_scan_file(SAMPLES_DIR "/kz/gost2015/2026_head_valid.p12", NULL, 0);
    struct tg_buf out = TG_BUF(65536);
    struct tg_jw jw;
    assert_int_equal(ks->status, TG_KEYSTORE_LOCKED);
    assert_int_equal(ks->count, 1);
    tg_jw_init(&jw, &out);
    tg_keystore_print_json(&jw, ks);
    assert_non_null(
        strstr(tg_buf_text(&out),
               "\"kind\":\"pkcs12\",\"status\":\"locked\",\"reason\":\"no password is known for "
               "it\","
               "\"entries\":[{\"sha256\":null,\"ski\":\"303eebdf17969f3edede9bd9828fb1355aabbe4e\","
               "\"serial\":null,\"subject\":null,\"issuer\":null,\"not_before\":null,"
               "\"not_after\":null,\"key_algorithm\":null,\"has_key\":true,"
               "\"friendly_name\":\"303eebdf17969f3edede9bd9828fb1355aabbe4e\",\"role\":null,"
               "\"iin\":null,\"bin\":null}]}"));
    tg_buf_done(&out);
}

static void gost_certificate_is_a_full_member(void **state)
{
    (void)state;
    if (!have_samples()) skip();
    struct tg_secret secret = {0};
    struct tg_buf out = TG_BUF(65536);
    struct tg_jw jw;
    tg_secret_set(&secret, "Qwerty12", 8);
    TG_AUTO(keystore)
    struct tg_keystore *ks =
        tg_keystore_scan_file(SAMPLES_DIR "/kz/gost2015/2026_head_valid.p12", &secret, 1);
    assert_int_equal(ks->status, TG_KEYSTORE_OPEN);
    assert_int_equal(ks->count, 1);
    assert_false(tg_cert_facts(ks->entries[0].cert)->decodable);
    tg_jw_init(&jw, &out);
    tg_keystore_print_json(&jw, ks);
    assert_non_null(strstr(tg_buf_text(&out),
                           "\"key_algorithm\":\"gost2015-512\",\"has_key\":true,\"friendly_name\":"
                           "\"303eebdf17969f3edede9bd9828fb1355aabbe4e\",\"role\":\"ceo\","
                           "\"iin\":\"123456789011\",\"bin\":\"123456789021\"}]}"));
    tg_buf_done(&out);
    tg_secret_done(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_accounted_for),
        cmocka_unit_test(locked_national_keystore_tells_its_ski),
        cmocka_unit_test(gost_certificate_is_a_full_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
