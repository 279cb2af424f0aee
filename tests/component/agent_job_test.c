/* agent_job: the children that touch keystores, on keystores made by openssl: what they make is
 * what others can check, and a repeat changes nothing. */
// uses: base json merkle x509 cms seal seal_world agent_world agent_platform agent_job | libs: crypto jansson uv
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "agent_job.h"
#include "seal/holder.h"
#include "x509/csr.h"
#include "x509_tool.h"

/* -- the keystore by the eyes of openssl */

struct seen {
    X509 *certs[16];
    EVP_PKEY *keys[16];
    size_t certs_count, keys_count;
};

static EVP_PKEY *open_key(const char *name, const uint8_t *der, long len)
{
    if (strcmp(name, "ENCRYPTED PRIVATE KEY") != 0) return d2i_AutoPrivateKey(NULL, &der, len);
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, len);
    PKCS8_PRIV_KEY_INFO *info =
        sealed ? PKCS8_decrypt(sealed, w.password.data, (int)w.password.len) : NULL;
    EVP_PKEY *ret = info ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    X509_SIG_free(sealed);
    return ret;
}

static void look_at(const struct tg_buf *pem, struct seen *ret)
{
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
    char *name = NULL, *header = NULL;
    uint8_t *der = NULL;
    long len = 0;
    while (PEM_read_bio(bio, &name, &header, &der, &len)) {
        const uint8_t *at = der;
        if (strcmp(name, "CERTIFICATE") == 0)
            ret->certs[ret->certs_count++] = d2i_X509(NULL, &at, len);
        else if (strstr(name, "PRIVATE KEY"))
            ret->keys[ret->keys_count++] = open_key(name, der, len);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    BIO_free(bio);
}

static void look(struct seen *ret)
{
    char pass[64];
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(1 << 20);
    *ret = (struct seen){0};
    if (w.kind <= AGENT_P12_MANY) {
        (void)snprintf(pass, sizeof pass, "pass:%s", w.password.data);
        const char *argv[] = {"openssl", "pkcs12",  "-in", w.path, "-nodes",
                              "-legacy", "-passin", pass,  NULL};
        assert_int_equal(tool_run(argv, NULL, 0, &pem), 0);
    } else {
        passed(tg_file_read(w.path, &pem, &err));
        if (w.key_path[0]) {
            TG_AUTO(buf) struct tg_buf key = TG_BUF(1 << 20);
            passed(tg_file_read(w.key_path, &key, &err));
            look_at(&key, ret);
        }
    }
    look_at(&pem, ret);
}

static void looked(struct seen *s)
{
    for (size_t i = 0; i < s->certs_count; i++)
        X509_free(s->certs[i]);
    for (size_t i = 0; i < s->keys_count; i++)
        EVP_PKEY_free(s->keys[i]);
}

/* The certificate with this hash, and one of the keys is its. */
static bool has_pair(const struct seen *s, const char *hex)
{
    for (size_t i = 0; i < s->certs_count; i++) {
        uint8_t digest[TG_SHA256];
        char got[TG_HEX256];
        unsigned n = 0;
        assert_non_null(s->certs[i]);
        assert_true(X509_digest(s->certs[i], EVP_sha256(), digest, &n) && n == TG_SHA256);
        tg_hex(digest, TG_SHA256, got);
        for (size_t k = 0; strcmp(got, hex) == 0 && k < s->keys_count; k++)
            if (s->keys[k] && X509_check_private_key(s->certs[i], s->keys[k]) == 1) return true;
    }
    return false;
}

/* -- prepare */

static void check_prepared(void)
{
    const struct seal_app *a = &w.seal.apps[0];
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    char hex[TG_HEX256], old_key[TG_HEX256];
    passed(tg_holder_check(tg_trust_chain_realm(w.seal.chain), seal_blob(&a->app),
                           seal_blob(&a->holder), a->old, leaf, &err));
    passed(tg_csr_parse(a->csr.data, a->csr.len, &csr, &err));
    passed(tg_csr_verify(csr, &err));
    tg_hex(tg_csr_spki_sha256(csr), TG_SHA256, hex);
    assert_string_equal(leaf->key, hex);
    assert_string_equal(tg_csr_key_algorithm(csr), "ec-p256");
    assert_string_equal(tg_csr_subject(csr), tg_cert_facts(a->old)->subject);
    tg_key_spki_hex(a->old_key, old_key);
    assert_string_not_equal(hex, old_key);
    assert_int_equal(leaf->consent, TG_CONSENT_KEY);
    assert_string_equal(leaf->holder, "E-0000");
    free(leaf);
}

static void prepare_twice(void)
{
    char before[TG_HEX256], after[TG_HEX256], key[TG_HEX256];
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(1 << 20), again = TG_BUF(1 << 20);
    struct stat st;
    char path[200];
    const char *name = strrchr(w.path, '/') + 1;
    passed(tg_file_read(w.path, &bytes, &err));
    passed(agent_world_prepare(&w, &err));
    check_prepared();
    passed(tg_file_read(w.path, &again, &err));
    assert_int_equal(bytes.len, again.len);
    assert_memory_equal(bytes.data, again.data, bytes.len);
    (void)snprintf(path, sizeof path, "%s/.%s.tamga-%s.key", w.dir, name, w.seal.apps[0].leaf.no);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    folder_hash(before);
    (void)tg_copy(key, sizeof key, w.seal.apps[0].leaf.key);
    w.seal.apps[0].leaf.key[0] = '\0';
    passed(agent_world_prepare(&w, &err)); /* the answer was lost: the same key, not another */
    assert_string_equal(w.seal.apps[0].leaf.key, key);
    check_prepared();
    folder_hash(after);
    assert_string_equal(before, after);
}

/* -- install */

static void check_installed(void)
{
    char fresh[TG_HEX256], old[TG_HEX256];
    bool rsa = w.kind != AGENT_P12_MANY && w.kind != AGENT_PEM;
    struct seen s;
    look(&s);
    hash_of(w.seal.apps[0].cert, fresh);
    hash_of(w.seal.apps[0].old, old);
    assert_true(has_pair(&s, fresh));
    /* An RSA key with keyEncipherment deciphers old messages; a key that only signs is gone. */
    if (w.kind <= AGENT_P12_MANY) assert_int_equal(has_pair(&s, old), rsa);
    if (w.kind == AGENT_P12_MANY) assert_true(has_pair(&s, w.other));
    if (w.kind == AGENT_PEM_PAIR) assert_int_equal(s.keys_count, 2);
    looked(&s);
}

/* keytool prints SHA256: AA:BB:... of each entry. */
static void check_keytool(void)
{
    char fresh[TG_HEX256], colons[3 * TG_SHA256 + 1] = "";
    TG_AUTO(buf) struct tg_buf out = TG_BUF(1 << 20);
    const char *argv[] = {"keytool", "-J-Xshare:auto", "-list",         "-v", "-keystore",
                          w.path,    "-storepass",     w.password.data, NULL};
    int status = tool_run(argv, NULL, 0, &out);
    if (status == 127) {
        print_message("SKIPPED in part: no keytool here\n");
        return;
    }
    assert_int_equal(status, 0);
    hash_of(w.seal.apps[0].cert, fresh);
    for (size_t i = 0; i < TG_SHA256; i++) {
        char *at = colons + 3 * i;
        at[0] = fresh[2 * i] >= 'a' ? (char)(fresh[2 * i] - 32) : fresh[2 * i];
        at[1] = fresh[2 * i + 1] >= 'a' ? (char)(fresh[2 * i + 1] - 32) : fresh[2 * i + 1];
        at[2] = i + 1 < TG_SHA256 ? ':' : '\0';
    }
    assert_non_null(strstr(tg_buf_text(&out), colons));
    assert_non_null(strstr(tg_buf_text(&out), "Alias name: my key"));
    if (w.kind != AGENT_P12_MANY) return;
    assert_non_null(strstr(tg_buf_text(&out), "Alias name: another"));
    assert_non_null(strstr(tg_buf_text(&out), "trustedCertEntry"));
}

/* To the old certificate, before its key is replaced. */
static void encrypt_message(struct tg_buf *ret)
{
    size_t len = 0;
    char cert[64];
    const uint8_t *der = tg_cert_der(w.seal.apps[0].old, &len);
    assert_true(tool_file(der, len, cert));
    const char *argv[] = {"openssl", "cms",    "-encrypt", "-binary", "-outform",
                          "DER",     "-recip", cert,       NULL};
    assert_int_equal(tool_run(argv, "old secret", 10, ret), 0);
    (void)unlink(cert);
}

static void decrypt_message(const struct tg_buf *message)
{
    char pem_path[64], pass[64];
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(1 << 20), out = TG_BUF(4096);
    struct seen s;
    bool read = false;
    look(&s);
    (void)snprintf(pass, sizeof pass, "pass:%s", w.password.data);
    for (size_t i = 0; i < s.keys_count && !read; i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text = NULL;
        assert_true(PEM_write_bio_PrivateKey(bio, s.keys[i], NULL, NULL, 0, NULL, NULL));
        long len = BIO_get_mem_data(bio, &text);
        assert_true(tool_file(text, (size_t)len, pem_path));
        BIO_free(bio);
        const char *argv[] = {"openssl", "cms",    "-decrypt", "-inform",
                              "DER",     "-inkey", pem_path,   NULL};
        tg_buf_reset(&out);
        read = tool_run(argv, message->data, message->len, &out) == 0 &&
               strcmp(tg_buf_text(&out), "old secret") == 0;
        (void)unlink(pem_path);
    }
    assert_true(read);
    looked(&s);
}

static void each_kind(enum agent_world_kind kind)
{
    TG_AUTO(buf) struct tg_buf message = TG_BUF(65536);
    char first[TG_HEX256], second[TG_HEX256], old_path[200];
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(1 << 20), kept = TG_BUF(1 << 20);
    agent_world_init(&w, kind, NULL);
    bool rsa = kind == AGENT_P12 || kind == AGENT_P12_LEGACY || kind == AGENT_PEM_PAIR;
    if (rsa) encrypt_message(&message);
    passed(tg_file_read(w.path, &bytes, &err));
    prepare_twice();
    agent_world_approve(&w);
    install_once(false);
    check_installed();
    if (kind <= AGENT_P12_MANY) check_keytool();
    if (rsa) decrypt_message(&message);
    (void)snprintf(old_path, sizeof old_path, "%s.tamga-old", w.path);
    passed(tg_file_read(old_path, &kept, &err));
    assert_int_equal(bytes.len, kept.len);
    assert_memory_equal(bytes.data, kept.data, kept.len);
    folder_hash(first);
    install_once(true);
    folder_hash(second);
    assert_string_equal(first, second);
}

static void pkcs12_is_renewed(void **state)
{
    (void)state;
    each_kind(AGENT_P12);
}

static void legacy_pkcs12_is_renewed(void **state)
{
    (void)state;
    each_kind(AGENT_P12_LEGACY);
}

static void one_of_three_entries_is_renewed(void **state)
{
    (void)state;
    each_kind(AGENT_P12_MANY);
}

static void pem_is_renewed(void **state)
{
    (void)state;
    each_kind(AGENT_PEM);
}

static void pem_pair_is_renewed(void **state)
{
    (void)state;
    each_kind(AGENT_PEM_PAIR);
}

static void a_password_is_asked_for_not_guessed(void **state)
{
    (void)state;
    agent_world_init(&w, AGENT_P12, NULL);
    UNTOUCHED(agent_world_call(&w, "prepare", w.prepare, NULL, NULL, &err), TG_E_LOCKED, w.path);
    UNTOUCHED(agent_world_call(&w, "prepare", w.prepare, "wrong", NULL, &err), TG_E_PASSWORD,
              w.path);
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
    UNTOUCHED(agent_world_call(&w, "install", w.install, NULL, NULL, &err), TG_E_LOCKED, w.path);
    UNTOUCHED(agent_world_call(&w, "install", w.install, "wrong", NULL, &err), TG_E_PASSWORD,
              w.path);
    assert_null(strstr(err.text, "wrong")); /* what was typed is told to nobody */
    TG_AUTO(json) json_t *answer = NULL;
    passed(agent_world_call(&w, "details", w.prepare, NULL, &answer, &err));
    assert_true(json_is_false(json_object_get(answer, "opens")));
    refused(agent_world_call(&w, "details", w.prepare, "wrong", NULL, &err), TG_E_PASSWORD, w.path);
    install_once(false);
}

/* A person's keystore often is a link into a folder that is backed up. */
static void a_link_stays_and_its_target_is_renewed(void **state)
{
    (void)state;
    char target[200], old[TG_HEX256], archive[64];
    struct stat st;
    TG_AUTO(json) json_t *request = json_object();
    agent_world_init(&w, AGENT_PEM, NULL);
    (void)snprintf(target, sizeof target, "%s/target.pem", w.dir);
    assert_int_equal(rename(w.path, target), 0);
    assert_int_equal(symlink("target.pem", w.path), 0);
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
    install_once(false);
    check_installed();
    assert_int_equal(lstat(w.path, &st), 0);
    assert_true(S_ISLNK(st.st_mode) && there("target.pem.tamga-old"));
    hash_of(w.seal.apps[0].old, old);
    json_object_set_new(request, "certificate", json_string(old));
    passed(agent_world_call(&w, "retire", request, NULL, NULL, &err));
    (void)snprintf(archive, sizeof archive, "target.pem.tamga-archive-%.16s", old);
    assert_true(there(archive));
}

static void the_backup_is_archived_never_deleted(void **state)
{
    (void)state;
    TG_AUTO(json) json_t *request = json_object();
    char old[TG_HEX256], name[64];
    agent_world_init(&w, AGENT_PEM_PAIR, NULL);
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
    hash_of(w.seal.apps[0].old, old);
    json_object_set_new(request, "certificate", json_string(old));
    UNTOUCHED(agent_world_call(&w, "retire", request, NULL, NULL, &err), TG_E_NOT_FOUND, w.path);
    install_once(false);
    assert_true(there("cert.pem.tamga-old") && there("cert.key.tamga-old"));
    passed(agent_world_call(&w, "retire", request, NULL, NULL, &err));
    passed(agent_world_call(&w, "retire", request, NULL, NULL, &err));
    assert_false(there("cert.pem.tamga-old"));
    (void)snprintf(name, sizeof name, "cert.pem.tamga-archive-%.16s", old);
    assert_true(there(name));
}

int main(int argc, char **argv)
{
    agent_world_child(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(pkcs12_is_renewed),
        TEST(legacy_pkcs12_is_renewed),
        TEST(one_of_three_entries_is_renewed),
        TEST(pem_is_renewed),
        TEST(pem_pair_is_renewed),
        TEST(a_password_is_asked_for_not_guessed),
        TEST(a_link_stays_and_its_target_is_renewed),
        TEST(the_backup_is_archived_never_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
