/* The keystore of a test workstation, by OpenSSL's command line and library, not by our writer. */
#include "make.h"

#include <sys/stat.h>

#include "base/str.h"
#include "make_keystore.h"
#include "x509/openssl.h"
#include "x509_tool.h"

enum { ITERATIONS = 2048 };

static struct tg_err make_err;

static void must(int rc)
{
    if (rc < 0) (void)fprintf(stderr, "agent_world: %s\n", make_err.text), abort();
}

/* Application 0 gets a fresh old pair, ten days before its end. */
static void make_old(struct agent_world *w, EVP_PKEY *evp)
{
    struct seal_app *a = &w->seal.apps[0];
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_identity_spec spec = {.cn = "Айгүл Тестова",
                                          .organization = "Алатау",
                                          .email = "aigul@alatau.example",
                                          .not_before = w->seal.now - 355 * TG_DAY,
                                          .not_after = w->seal.now + 10 * TG_DAY,
                                          .issuer = w->seal.issuer.cert,
                                          .issuer_key = w->seal.issuer.key};
    tg_key_free(a->old_key);
    tg_cert_unref(a->old);
    a->old_key = NULL;
    a->old = NULL;
    must(tg_key_from_evp(evp, &a->old_key, &make_err));
    spec.spki = tg_key_spki_der(a->old_key, &spec.spki_len);
    tg_serial_random(spec.serial);
    must(tg_issue_identity(&spec, &der, &make_err));
    must(tg_cert_parse(der.data, der.len, &a->old, &make_err));
}

static void put(const char *path, const struct tg_buf *text, unsigned mode)
{
    must(tg_file_replace(path, text->data, text->len, mode, &make_err));
}

/* openssl pkcs12 -export of a PEM file with key and certificate. */
static void export_p12(const struct agent_world *w, const struct tg_buf *pem, bool legacy)
{
    char pass[96], iterations[16], file[64]; /* it is read twice: no pipe */
    TG_CHECK(tool_file(pem->data, pem->len, file));
    (void)snprintf(pass, sizeof pass, "pass:%s", w->password.data);
    (void)snprintf(iterations, sizeof iterations, "%d", ITERATIONS);
    const char *argv[] =
        {"openssl",  "pkcs12", "-export", "-in",    file,    "-out",     w->path,
         "-passout", pass,     "-name",   "my key", "-iter", iterations, legacy ? "-legacy" : NULL,
         NULL};
    TG_AUTO(buf) struct tg_buf out = TG_BUF(65536);
    int status = tool_run(argv, NULL, 0, &out);
    (void)unlink(file);
    TG_CHECK(status == 0 && chmod(w->path, 0600) == 0);
}

static void many_p12(struct agent_world *w, const struct mk_pair *own)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_KEYSTORE);
    TG_AUTO(cert) struct tg_cert *other = NULL;
    struct mk_pair second = mk_pair("rsa", "Another", NULL, "critical,digitalSignature"),
                   trusted = mk_pair("ec", "Trusted CA", NULL, "critical,keyCertSign");
    const struct mk_entry entries[] = {
        {.pair = own, .name = "my key", .id = (const unsigned char *)"one", .id_len = 3},
        {.pair = &second, .name = "another", .id = (const unsigned char *)"two", .id_len = 3},
        {.pair = &trusted, .name = "trusted", .java_trusted = true},
    };
    mk_p12(&out, entries, 3, MK_MODERN, w->password.data, ITERATIONS, true);
    put(w->path, &out, 0600);
    must(tg_cert_from_x509(second.cert, &other, &make_err));
    tg_hex(tg_cert_facts(other)->sha256, TG_SHA256, w->other);
    mk_free(&second);
    mk_free(&trusted);
}

static void write_keystore(struct agent_world *w, const struct mk_pair *own)
{
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(TG_MAX_KEYSTORE), key = TG_BUF(TG_MAX_KEYSTORE);
    mk_pem_cert(&pem, own);
    mk_pem_key(&key, own, "pkcs8", w->kind == AGENT_PEM_PAIR ? w->password.data : NULL);
    if (w->kind == AGENT_P12_MANY) {
        many_p12(w, own);
    } else if (w->kind == AGENT_PEM_PAIR) {
        put(w->path, &pem, 0644);
        put(w->key_path, &key, 0600);
    } else {
        tg_buf_add(&pem, key.data, key.len);
        if (w->kind == AGENT_PEM)
            put(w->path, &pem, 0600);
        else
            export_p12(w, &pem, w->kind == AGENT_P12_LEGACY);
    }
}

void make_world_keystore(struct agent_world *w)
{
    static const char *const names[] = {"key.p12", "legacy.p12", "many.p12", "both.pem",
                                        "cert.pem"};
    bool ec = w->kind == AGENT_P12_MANY || w->kind == AGENT_PEM;
    struct mk_pair own = {.key = ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048)};
    size_t len = 0;
    TG_CHECK(own.key != NULL);
    (void)snprintf(w->path, sizeof w->path, "%s/%s", w->dir, names[w->kind]);
    if (w->kind == AGENT_PEM_PAIR)
        (void)snprintf(w->key_path, sizeof w->key_path, "%s/cert.key", w->dir);
    if (w->kind != AGENT_PEM) tg_secret_set(&w->password, "correct horse", 13);
    make_old(w, own.key);
    const uint8_t *der = tg_cert_der(w->seal.apps[0].old, &len);
    own.cert = d2i_X509(NULL, &der, (long)len);
    TG_CHECK(own.cert != NULL);
    write_keystore(w, &own);
    mk_free(&own);
}
