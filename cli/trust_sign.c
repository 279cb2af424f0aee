/* tamga trust key, sign, publish: root and approver keys arise on their holders' machines, never in
 * the service. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "batch.h"
#include "cli/table.h"
#include "cms/cms.h"
#include "keystore/make.h"
#include "seal/trust.h"
#include "trust.h"
#include "x509/cert.h"
#include "x509/key.h"
#include "x509/pem.h"

static int make_key(struct cli *cli, struct tg_cert **ret_cert)
{
    const char *out = cli->words[0], *name = cli_value(cli, "--name");
    TG_AUTO(secret) struct tg_secret password = {0};
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf) struct tg_buf p12 = TG_BUF(TG_MAX_KEYSTORE);
    uint64_t years = 0;
    if (access(out, F_OK) == 0)
        return TG_FAIL(&cli->err, TG_E_EXISTS, "%s: exists already; a key is never overwritten",
                       out);
    TG_TRY(cli_number(cli, "--years", 20, 5, &years));
    TG_TRY(cli_password(cli, out, &password));
    TG_TRY(tg_key_generate("ec-p256", &key, &cli->err));
    int64_t now = cli_now();
    TG_TRY(tg_cms_self_signed(key, name, now - 300, now + (int64_t)years * 365 * TG_DAY, ret_cert,
                              &cli->err));
    TG_TRY(tg_keystore_make(key, *ret_cert, name, &password, &p12, &cli->err));
    return tg_file_replace(out, p12.data, p12.len, 0600, &cli->err);
}

enum cli_exit cmd_trust_key(struct cli *cli)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(TG_MAX_CERT * 2);
    char spki[TG_HEX256];
    if (!cli_value(cli, "--name")) return cli_usage(cli, "--name NAME is missing");
    if (make_key(cli, &cert) < 0) return cli_fail(cli);
    size_t len = 0;
    const uint8_t *der = tg_cert_der(cert, &len);
    tg_pem_write("CERTIFICATE", der, len, &pem);
    const char *file = cli_value(cli, "--cert");
    if (file && tg_file_replace(file, pem.data, pem.len, 0644, &cli->err) < 0) return cli_fail(cli);
    tg_hex(tg_cert_facts(cert)->spki_sha256, TG_SHA256, spki);
    if (cli->json)
        printf("{\"spki\":\"%s\"}\n", spki);
    else
        printf("%s: SPKI %s\nkeep this file and its password apart from each other, and offline\n",
               cli->words[0], spki);
    return CLI_DONE;
}

static bool is_root(const struct tg_trust *t, const char *spki)
{
    for (size_t i = 0; i < t->roots_count; i++)
        if (strcmp(t->roots[i], spki) == 0) return true;
    return false;
}

/* A root of this document, or of the one before it: nobody else's signature counts. */
static int check_root(struct cli *cli, const struct tg_trust *t, uint32_t version, const char *spki)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    TG_AUTO(mem) struct tg_trust *before = NULL;
    char path[4096];
    if (is_root(t, spki)) return 0;
    snprintf(path, sizeof path, "%s/%u.trust", cli->words[0], version - 1);
    if (version > 1) {
        before = TG_NEW(struct tg_trust);
        TG_TRY(tg_file_read(path, &text, &cli->err));
        TG_TRY(tg_trust_parse(text.data, text.len, before, &cli->err));
        if (is_root(before, spki)) return 0;
    }
    return TG_FAIL(&cli->err, TG_E_UNTRUSTED,
                   "%s: this key is no root in version %u; sign with a root key",
                   cli_value(cli, "--keystore"), version);
}

/* The next free N.K.p7s; one root's second signature would make the whole document invalid. */
static int find_place(struct cli *cli, const struct tg_buf *text, uint32_t version,
                      const char *spki, char path[4096], size_t *ret_nth)
{
    for (*ret_nth = 1; *ret_nth <= TG_SEAL_TRUST_CMS_MAX; ++*ret_nth) {
        TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
        struct tg_cms_signer signer = {0};
        if (snprintf(path, 4096, "%s/%u.%zu.p7s", cli->words[0], version, *ret_nth) >= 4096)
            return TG_FAIL(&cli->err, TG_E_USAGE, "%s: the path is too long", cli->words[0]);
        if (access(path, F_OK) != 0) return 0;
        TG_TRY(tg_file_read(path, &cms, &cli->err));
        if (tg_cms_verify(cms.data, cms.len, text->data, text->len, TG_CMS_PIN, &signer,
                          &cli->err) < 0)
            return tg_err_wrap(&cli->err, "%s: not a signature of this document; remove it", path);
        bool mine = strcmp(signer.spki, spki) == 0;
        tg_cms_signer_done(&signer);
        if (mine)
            return TG_FAIL(&cli->err, TG_E_EXISTS, "%s: this key has signed version %u already",
                           path, version);
    }
    return TG_FAIL(&cli->err, TG_E_LIMIT, "%s: %u.trust has %d signatures already", cli->words[0],
                   version, TG_SEAL_TRUST_CMS_MAX);
}

static int sign_document(struct cli *cli, struct tg_buf *text, uint32_t version,
                         char spki[TG_HEX256], size_t *ret_nth)
{
    static struct tg_trust t;
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    char path[4096];
    TG_TRY(tg_trust_parse(text->data, text->len, &t, &cli->err));
    TG_TRY(cli_signing_pair(cli, cli_value(cli, "--keystore"), &key, &cert));
    tg_key_spki_hex(key, spki);
    TG_TRY(check_root(cli, &t, version, spki));
    TG_TRY(find_place(cli, text, version, spki, path, ret_nth));
    if (!cli->json) printf("%s", tg_buf_text(text));
    if (!cli_agree(cli, "Sign this trust document?"))
        return TG_FAIL(&cli->err, TG_E_DENIED, "%s/%u.trust: not signed", cli->words[0], version);
    TG_TRY(tg_cms_sign(key, cert, text->data, text->len, &cms, &cli->err));
    return tg_file_replace(path, cms.data, cms.len, 0644, &cli->err);
}

enum cli_exit cmd_trust_sign(struct cli *cli)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    uint32_t version = 0;
    size_t nth = 0;
    char spki[TG_HEX256];
    if (!cli_has(cli, "--keystore")) return cli_usage(cli, "--keystore FILE is missing");
    if (trust_newest(cli, cli->words[0], &text, &version) < 0) return cli_fail(cli);
    if (version == 0) {
        (void)TG_FAIL(&cli->err, TG_E_NO_TRUST, "%s: no 1.trust here; first tamga trust init",
                      cli->words[0]);
        return cli_fail(cli);
    }
    if (sign_document(cli, &text, version, spki, &nth) < 0) return cli_fail(cli);
    if (cli->json)
        printf("{\"version\":%u,\"signature\":%zu,\"spki\":\"%s\"}\n", version, nth, spki);
    else
        printf("%s/%u.%zu.p7s: signature %zu, by %s\n", cli->words[0], version, nth, nth, spki);
    return CLI_DONE;
}

/* Publishing checks the whole chain here first: a document that agents would refuse must not leave
 * this desk. */
static int publish(struct cli *cli, const struct tg_trust_chain *chain, uint32_t from, json_t **ret)
{
    for (uint32_t v = from; v <= tg_trust_chain_version(chain); v++) {
        const struct tg_blob *cms = NULL;
        size_t n = tg_trust_chain_cms(chain, v, &cms);
        struct tg_blob text = tg_trust_chain_text(chain, v);
        TG_AUTO(json)
        json_t *body = json_pack("{s:s%,s:[]}", "text", (const char *)text.data, text.len, "cms");
        for (size_t i = 0; i < n; i++) {
            TG_AUTO(buf) struct tg_buf b64 = TG_BUF(2 * TG_MAX_CMS);
            tg_base64(&b64, cms[i].data, cms[i].len);
            json_array_append_new(json_object_get(body, "cms"), json_string(tg_buf_text(&b64)));
        }
        json_decref(*ret);
        *ret = NULL;
        TG_TRY(cli_post(cli, "/api/v1/trust", body, ret));
    }
    return 0;
}

enum cli_exit cmd_trust_publish(struct cli *cli)
{
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = NULL;
    TG_AUTO(json) json_t *have = NULL;
    TG_AUTO(json) json_t *o = NULL;
    if (tg_trust_chain_load(cli->words[0], NULL, &chain, &cli->err) < 0) return cli_fail(cli);
    if (cli_get(cli, "/api/v1/trust", &have) < 0) return cli_fail(cli);
    uint32_t from = (uint32_t)json_array_size(json_object_get(have, "documents")) + 1;
    if (from > tg_trust_chain_version(chain)) {
        (void)TG_FAIL(&cli->err, TG_E_EXISTS,
                      "the service has version %u already; %s holds nothing newer", from - 1,
                      cli->words[0]);
        return cli_fail(cli);
    }
    if (publish(cli, chain, from, &o) < 0) return cli_fail(cli);
    if (cli->json)
        cli_print_json(o);
    else
        printf("trust version %u is in force; realm %s\n", tg_trust_chain_version(chain),
               tg_trust_chain_realm(chain));
    return CLI_DONE;
}
