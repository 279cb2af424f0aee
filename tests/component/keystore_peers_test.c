/* keystore_peers: renewed keystores are read back by openssl, Java's keytool and NSS's pk12util. */
// uses: base json x509 keystore | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "keystore/keystore.h"
#include "make_keystore.h"
#include "x509/openssl.h"

#define PASSWORD "Changeit-2026"

extern char **environ;

static char dir[64];
static struct mk_pair root, one, two, three, fresh;

static int make_world(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/tamga-peers-XXXXXX");
    if (!mkdtemp(dir) || chdir(dir) < 0) return -1;
    root = mk_pair("ec", "Peers CA", NULL, "critical,keyCertSign,cRLSign");
    one = mk_pair("rsa", "One", &root, "critical,digitalSignature,keyEncipherment");
    two = mk_pair("ec", "Two", &root, "critical,digitalSignature");
    three = mk_pair("ec", "Trusted", NULL, "critical,keyCertSign");
    fresh = mk_pair("ec", "One", &root, "critical,digitalSignature");
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d) (void)closedir(d);
    mk_free(&root);
    mk_free(&one);
    mk_free(&two);
    mk_free(&three);
    mk_free(&fresh);
    return chdir("/") < 0 ? -1 : rmdir(dir);
}

static bool have(const char *program)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/usr/bin/%s", program);
    if (access(path, X_OK) == 0) return true;
    print_message("SKIPPED: no %s here\n", program);
    return false;
}

/* Exit code; standard output and error in ret. */
static int run(struct tg_buf *ret, const char *const argv[])
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = -1;
    struct tg_err err;
    tg_buf_reset(ret);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(tg_file_read("output", ret, &err), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void assert_runs(struct tg_buf *out, const char *const argv[])
{
    int code = run(out, argv);
    if (code != 0) fail_msg("%s: exit %d: %s", argv[0], code, tg_buf_text(out));
}
#define RUN(out, ...) assert_runs((out), (const char *const[]){"timeout", "60", __VA_ARGS__, NULL})

static struct tg_cert *cert_of(const struct mk_pair *pair)
{
    struct tg_cert *cert = NULL;
    struct tg_err err = {0};
    assert_int_equal(tg_cert_from_x509(pair->cert, &cert, &err), 0);
    return cert;
}

/* file with the entry of `one` renewed to `fresh`, written as k.p12 */
static void renew_to_file(const struct tg_buf *file, const struct mk_pair *was,
                          const struct mk_pair *is, bool keep_old, bool compatible)
{
    struct tg_err err = {0};
    struct tg_secret secret = {0};
    struct tg_buf out = TG_BUF(1 << 20);
    TG_AUTO(cert) struct tg_cert *old = cert_of(was);
    TG_AUTO(cert) struct tg_cert *cert = cert_of(is);
    TG_AUTO(cert) struct tg_cert *ca = cert_of(&root);
    TG_AUTO(key) struct tg_key *key = NULL;
    const struct tg_cert *chain[] = {ca};
    assert_int_equal(tg_key_from_evp(is->key, &key, &err), 0);
    tg_secret_set(&secret, PASSWORD, strlen(PASSWORD));
    const struct tg_keystore_renewal renewal = {.password = &secret,
                                                .old_sha256 = tg_cert_facts(old)->sha256,
                                                .key = key,
                                                .cert = cert,
                                                .chain = chain,
                                                .chain_count = 1,
                                                .keep_old = keep_old,
                                                .compatible = compatible,
                                                .keep_iterations = true};
    int rc = tg_keystore_replace(file->data, file->len, &renewal, &out, &err);
    if (rc < 0) fail_msg("replace: %s", err.text);
    assert_int_equal(tg_file_replace("k.p12", out.data, out.len, 0600, &err), 0);
    tg_secret_done(&secret);
    tg_buf_done(&out);
}

static void make_file(struct tg_buf *file, enum mk_style style)
{
    unsigned char a[20], b[20];
    X509_digest(one.cert, EVP_sha1(), a, NULL);
    X509_digest(two.cert, EVP_sha1(), b, NULL);
    const struct mk_entry entries[] = {{.pair = &one, .name = "one", .id = a, .id_len = 20},
                                       {.pair = &two, .name = "two", .id = b, .id_len = 20},
                                       {.pair = &three, .name = "trusted", .java_trusted = true},
                                       {.pair = &root, .no_key = true}};
    mk_p12(file, entries, TG_COUNT(entries), style, PASSWORD, 2048, true);
}

static void serial_of(const struct mk_pair *pair, char ret[64])
{
    TG_AUTO(cert) struct tg_cert *cert = cert_of(pair);
    (void)snprintf(ret, 64, "%s", tg_cert_facts(cert)->serial);
}

static void openssl_reads(struct tg_buf *out)
{
    char serial[64];
    serial_of(&fresh, serial);
    RUN(out, "openssl", "pkcs12", "-in", "k.p12", "-passin", "pass:" PASSWORD, "-nodes", "-out",
        "all.pem", "-legacy");
    RUN(out, "openssl", "pkcs12", "-in", "k.p12", "-passin", "pass:" PASSWORD, "-nodes", "-clcerts",
        "-nokeys", "-legacy");
    assert_non_null(strstr(tg_buf_text(out), "friendlyName: one"));
    assert_non_null(strstr(tg_buf_text(out), "friendlyName: two"));
}

static void keytool_reads(struct tg_buf *out)
{
    RUN(out, "keytool", "-list", "-v", "-keystore", "k.p12", "-storetype", "PKCS12", "-storepass",
        PASSWORD, "-J-Duser.language=en");
    const char *text = tg_buf_text(out);
    assert_non_null(strstr(text, "Your keystore contains 3 entries"));
    assert_non_null(strstr(text, "Alias name: one"));
    assert_non_null(strstr(text, "Alias name: two"));
    assert_non_null(strstr(text, "trustedCertEntry"));
    char serial[64];
    serial_of(&fresh, serial);
    assert_non_null(strstr(text, serial));
    serial_of(&one, serial);
    assert_null(strstr(text, serial));
}

static void nss_reads(struct tg_buf *out)
{
    /* From an earlier, failed test: certutil would ask for a password for ever. */
    (void)unlink("cert9.db");
    (void)unlink("key4.db");
    (void)unlink("pkcs11.txt");
    RUN(out, "certutil", "-N", "-d", "sql:.", "--empty-password");
    RUN(out, "pk12util", "-i", "k.p12", "-W", PASSWORD, "-d", "sql:.");
    RUN(out, "certutil", "-K", "-d", "sql:.");
    assert_non_null(strstr(tg_buf_text(out), "   one\n"));
    assert_non_null(strstr(tg_buf_text(out), "   two\n"));
}

static void all_read(enum mk_style style, bool compatible)
{
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    make_file(&file, style);
    renew_to_file(&file, &one, &fresh, false, compatible);
    if (have("openssl")) openssl_reads(&out);
    if (have("keytool")) keytool_reads(&out);
    if (have("pk12util") && have("certutil")) nss_reads(&out);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

static void modern_file(void **state)
{
    (void)state;
    all_read(MK_MODERN, false);
}

static void old_file_becomes_modern(void **state)
{
    (void)state;
    all_read(MK_RC2, false);
}

static void old_file_stays_compatible(void **state)
{
    (void)state;
    all_read(MK_3DES, true);
}

/* The compatible file opens in OpenSSL's default provider, without the legacy one. */
static void compatible_needs_no_legacy_provider(void **state)
{
    (void)state;
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    if (!have("openssl")) skip();
    make_file(&file, MK_RC2);
    renew_to_file(&file, &one, &fresh, false, true);
    RUN(&out, "openssl", "pkcs12", "-in", "k.p12", "-passin", "pass:" PASSWORD, "-info", "-nodes",
        "-out", "/dev/null");
    assert_non_null(strstr(tg_buf_text(&out), "pbeWithSHA1And3-KeyTripleDES-CBC"));
    assert_null(strstr(tg_buf_text(&out), "PBES2"));
    assert_non_null(strstr(tg_buf_text(&out), "MAC: sha1"));
    tg_buf_done(&file);
    tg_buf_done(&out);
}

/* A file that keytool itself made: its two key entries and its trusted one, after one of them was
 * renewed. */
static void a_file_of_keytool(void **state)
{
    (void)state;
    struct tg_buf file = TG_BUF(1 << 20), out = TG_BUF(1 << 20);
    struct tg_secret secret = {0};
    struct tg_err err = {0};
    if (!have("keytool")) skip();
    for (int i = 0; i < 2; i++)
        RUN(&out, "keytool", "-genkeypair", "-alias", i ? "two" : "one", "-keyalg", "EC",
            "-groupname", "secp256r1", "-dname", i ? "CN=Java Two" : "CN=Java One", "-keystore",
            "j.p12", "-storetype", "PKCS12", "-storepass", PASSWORD);
    struct tg_buf pem = TG_BUF(1 << 16);
    mk_pem_cert(&pem, &three);
    assert_int_equal(tg_file_replace("three.pem", pem.data, pem.len, 0600, &err), 0);
    RUN(&out, "keytool", "-importcert", "-noprompt", "-alias", "trusted", "-file", "three.pem",
        "-keystore", "j.p12", "-storepass", PASSWORD);
    assert_int_equal(tg_file_read("j.p12", &file, &err), 0);
    tg_secret_set(&secret, PASSWORD, strlen(PASSWORD));
    TG_AUTO(keystore)
    struct tg_keystore *ks = tg_keystore_scan_bytes("j", file.data, file.len, &secret, 1);
    assert_int_equal(ks->status, TG_KEYSTORE_OPEN);
    assert_int_equal(ks->count, 3);
    const struct tg_keystore_entry *entry = NULL;
    for (size_t i = 0; i < ks->count; i++)
        if (ks->entries[i].friendly_name && strcmp(ks->entries[i].friendly_name, "one") == 0)
            entry = &ks->entries[i];
    assert_non_null(entry);
    assert_true(entry->has_key);
    struct mk_pair was = {.cert = tg_cert_x509(entry->cert, &err)};
    renew_to_file(&file, &was, &fresh, true, false);
    RUN(&out, "keytool", "-list", "-v", "-keystore", "k.p12", "-storepass", PASSWORD,
        "-J-Duser.language=en");
    const char *text = tg_buf_text(&out);
    /* keytool's certificates carry no keyUsage: every use is allowed, so the old pair stays as an
     * archive. */
    assert_non_null(strstr(text, "Your keystore contains 4 entries"));
    assert_non_null(strstr(text, "trustedCertEntry"));
    assert_non_null(strstr(text, "Alias name: one (old "));
    char serial[64];
    serial_of(&fresh, serial);
    assert_non_null(strstr(text, serial));
    tg_secret_done(&secret);
    tg_buf_done(&pem);
    tg_buf_done(&file);
    tg_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modern_file),
        cmocka_unit_test(old_file_becomes_modern),
        cmocka_unit_test(old_file_stays_compatible),
        cmocka_unit_test(compatible_needs_no_legacy_provider),
        cmocka_unit_test(a_file_of_keytool),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
