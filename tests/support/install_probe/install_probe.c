/* install_probe: performs exactly one installation, so that a sweep can kill it, or fail it, at
 * every system call.
 *
 *   keystore_install_probe KEYSTORE PASSWORD_FILE pkcs12|pem          renew the first entry that
 * has a key keystore_install_probe CERT PASSWORD_FILE pem-pair KEY            likewise in two files
 *   keystore_install_probe --check KEYSTORE PASSWORD_FILE [KEY]       prove the pair, print its
 * SHA-256 keystore_install_probe --recover KEYSTORE [KEY]                   what a restart does
 *
 * PASSWORD_FILE - means none. Prints "old HEX" and "new HEX" before it installs. Exit 0 done, 1
 * refused, 2 usage. */
#include <fcntl.h>

#include "base/limits.h"
#include "keystore/install.h"
#include "keystore/keystore.h"
#include "make_keystore.h"
#include "x509/openssl.h"

struct probe {
    const char *path, *key_path;
    struct tg_secret password;
    bool has_password;
    struct tg_buf file, key_file, out, key_out;
    struct tg_cert *old, *cert;
    struct tg_key *key;
};

static const struct tg_secret *password_of(const struct probe *p)
{
    return p->has_password ? &p->password : NULL;
}

static int read_all(struct probe *p, const char *password_file, struct tg_err *err)
{
    p->file = p->key_file = p->out = p->key_out = TG_BUF(2 * TG_MAX_KEYSTORE);
    p->has_password = strcmp(password_file, "-") != 0;
    if (p->has_password) TG_TRY(tg_secret_read_file(password_file, &p->password, err));
    TG_TRY(tg_file_read(p->path, &p->file, err));
    return p->key_path ? tg_file_read(p->key_path, &p->key_file, err) : 0;
}

/* The first certificate whose key is there and works. */
static int find_pair(struct probe *p, struct tg_err *err)
{
    TG_AUTO(keystore)
    struct tg_keystore *ks = tg_keystore_scan_bytes(p->path, p->file.data, p->file.len,
                                                    password_of(p), p->has_password ? 1 : 0);
    for (size_t i = 0; i < ks->count; i++) {
        const struct tg_cert *cert = ks->entries[i].cert;
        if (!cert) continue;
        if (tg_keystore_prove(p->file.data, p->file.len, p->key_path ? p->key_file.data : NULL,
                              p->key_file.len, password_of(p), tg_cert_facts(cert)->sha256,
                              err) < 0)
            continue;
        p->old = tg_cert_ref(cert);
        return 0;
    }
    return TG_FAIL(err, TG_E_NOT_FOUND, "%s: no pair of certificate and key in it: %s", p->path,
                   ks->reason);
}

static int make_pair(struct probe *p, struct tg_err *err)
{
    struct mk_pair pair = mk_pair("ec", "Renewed", NULL, "critical,digitalSignature");
    int rc = tg_cert_from_x509(pair.cert, &p->cert, err);
    if (rc == 0) rc = tg_key_from_evp(pair.key, &p->key, err);
    mk_free(&pair);
    return rc;
}

static int verify(const void *bytes, size_t len, const void *bytes2, size_t len2, void *data,
                  struct tg_err *err)
{
    const struct probe *p = data;
    return tg_keystore_prove(bytes, len, bytes2, len2, password_of(p),
                             tg_cert_facts(p->cert)->sha256, err);
}

static void print_hash(const char *word, const struct tg_cert *cert)
{
    char hex[TG_HEX256];
    tg_hex(tg_cert_facts(cert)->sha256, TG_SHA256, hex);
    (void)printf("%s%s\n", word, hex);
    (void)fflush(stdout);
}

static int install(struct probe *p, struct tg_err *err)
{
    const struct tg_keystore_renewal renewal = {.password = password_of(p),
                                                .old_sha256 = tg_cert_facts(p->old)->sha256,
                                                .key = p->key,
                                                .cert = p->cert,
                                                .keep_old = true,
                                                .keep_iterations = true};
    struct tg_install_plan plan = {.dir_fd = AT_FDCWD,
                                   .path = p->path,
                                   .verify = verify,
                                   .data = p};
    plan.expect = p->file.data;
    plan.expect_len = p->file.len;
    if (!p->key_path) {
        TG_TRY(tg_keystore_replace(p->file.data, p->file.len, &renewal, &p->out, err));
        plan.bytes = p->out.data;
        plan.len = p->out.len;
        return tg_install_file(&plan, err);
    }
    TG_TRY(tg_keystore_replace_pair(p->file.data, p->file.len, p->key_file.data, p->key_file.len,
                                    &renewal, &p->out, &p->key_out, err));
    plan.bytes = p->out.data;
    plan.len = p->out.len;
    const struct tg_install_pair pair = {plan, p->key_path, p->key_out.data, p->key_out.len};
    return tg_install_pair(&pair, err);
}

static int renew(struct probe *p, const char *password_file, struct tg_err *err)
{
    TG_TRY(read_all(p, password_file, err));
    TG_TRY(find_pair(p, err));
    TG_TRY(make_pair(p, err));
    print_hash("old ", p->old);
    print_hash("new ", p->cert);
    return install(p, err);
}

static int check(struct probe *p, const char *password_file, struct tg_err *err)
{
    TG_TRY(read_all(p, password_file, err));
    TG_TRY(find_pair(p, err));
    print_hash("", p->old);
    return 0;
}

static void done(struct probe *p)
{
    tg_secret_done(&p->password);
    tg_buf_done(&p->file);
    tg_buf_done(&p->key_file);
    tg_buf_done(&p->out);
    tg_buf_done(&p->key_out);
    tg_cert_unref(p->old);
    tg_cert_unref(p->cert);
    tg_key_free(p->key);
}

int main(int argc, char **argv)
{
    struct probe p = {0};
    struct tg_err err = {0};
    int rc = TG_E_USAGE;
    if (argc >= 4 && strcmp(argv[1], "--check") == 0) {
        p.path = argv[2];
        p.key_path = argv[4];
        rc = check(&p, argv[3], &err);
    } else if (argc >= 3 && strcmp(argv[1], "--recover") == 0) {
        rc = tg_install_recover(AT_FDCWD, argv[2], argv[3], NULL, &err);
    } else if (argc == 4 || (argc == 5 && strcmp(argv[3], "pem-pair") == 0)) {
        p.path = argv[1];
        p.key_path = argv[4];
        rc = renew(&p, argv[2], &err);
    }
    done(&p);
    if (rc == 0) return 0;
    (void)fprintf(stderr, "%s\n",
                  rc == TG_E_USAGE ? "usage: see the head of install_probe.c" : err.text);
    return rc == TG_E_USAGE ? 2 : 1;
}
