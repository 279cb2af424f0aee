/* Files and people at the terminal: keystores, certificates, passwords, consent. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "keystore/keystore.h"
#include "x509/cert.h"
#include "x509/key.h"
#include "x509/pem.h"

int cli_password(struct cli *cli, const char *keystore, struct tg_secret *ret)
{
    const char *file = cli_value(cli, "--password-file");
    if (file) return tg_secret_read_file(file, ret, &cli->err);
    char prompt[300];
    snprintf(prompt, sizeof prompt, "Password of %.200s: ", keystore);
    return tg_secret_prompt(prompt, ret, &cli->err);
}

/* The one entry to sign with: has a key, and bears the wanted name where one is given. */
static const struct tg_keystore_entry *pick_entry(struct cli *cli, const struct tg_keystore *ks)
{
    const char *name = cli_value(cli, "--name");
    const struct tg_keystore_entry *found = NULL;
    for (size_t i = 0; i < ks->count; i++) {
        const struct tg_keystore_entry *e = &ks->entries[i];
        if (!e->cert || !e->has_key) continue;
        if (name && (!e->friendly_name || strcmp(e->friendly_name, name) != 0)) continue;
        if (found) {
            (void)TG_FAIL(&cli->err, TG_E_USAGE,
                          "%s: several keys; choose one with --name FRIENDLY-NAME", ks->path);
            return NULL;
        }
        found = e;
    }
    if (!found)
        (void)TG_FAIL(&cli->err, TG_E_NOT_FOUND, "%s: no certificate with its private key%s%s",
                      ks->path, name ? " named " : "", name ? name : "");
    return found;
}

static int open_pair(struct cli *cli, const char *path, const struct tg_buf *bytes,
                     struct tg_secret *password, struct tg_key **ret_key, struct tg_cert **ret_cert)
{
    TG_AUTO(keystore)
    struct tg_keystore *ks =
        tg_keystore_scan_bytes(path, bytes->data, bytes->len, password, password ? 1 : 0);
    if (ks->status == TG_KEYSTORE_LOCKED)
        return TG_FAIL(&cli->err, password ? TG_E_PASSWORD : TG_E_LOCKED, "%s: %s", path,
                       password ? "the password does not open it" : "it needs a password");
    if (ks->status == TG_KEYSTORE_UNREADABLE)
        return TG_FAIL(&cli->err, TG_E_INPUT, "%s: %s", path, ks->reason);
    const struct tg_keystore_entry *entry = pick_entry(cli, ks);
    if (!entry) return cli->err.code;
    TG_TRY(tg_keystore_key(bytes->data, bytes->len, password, tg_cert_facts(entry->cert)->sha256,
                           ret_key, &cli->err));
    *ret_cert = tg_cert_ref(entry->cert);
    return 0;
}

int cli_signing_pair(struct cli *cli, const char *path, struct tg_key **ret_key,
                     struct tg_cert **ret_cert)
{
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_KEYSTORE);
    TG_TRY(tg_file_read(path, &bytes, &cli->err));
    int rc = open_pair(cli, path, &bytes, NULL, ret_key, ret_cert);
    if (rc != TG_E_LOCKED && rc != TG_E_PASSWORD) {
        tg_wipe(bytes.data, bytes.len);
        return rc;
    }
    TG_AUTO(secret) struct tg_secret password = {0};
    TG_TRY(cli_password(cli, path, &password));
    return open_pair(cli, path, &bytes, &password, ret_key, ret_cert);
}

static int first_certificate(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct tg_cert **to = data;
    if (*to || !tg_pem_is_certificate(block->label)) return 0;
    return tg_cert_parse(block->der, block->der_len, to, err);
}

int cli_certificate(struct cli *cli, const char *path, struct tg_cert **ret)
{
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_KEYSTORE);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_TRY(tg_file_read(path, &bytes, &cli->err));
    if (tg_pem_or_der_read(bytes.data, bytes.len, first_certificate, &cert, &cli->err) < 0)
        return tg_err_wrap(&cli->err, "%s", path);
    if (!cert) return TG_FAIL(&cli->err, TG_E_NOT_FOUND, "%s: no certificate in it", path);
    *ret = TG_TAKE(cert);
    return 0;
}

int cli_spki(struct cli *cli, const char *hex_or_file, char ret[65])
{
    if (tg_is_hex(hex_or_file, 64)) {
        (void)!tg_copy(ret, 65, hex_or_file);
        return 0;
    }
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_TRY(cli_certificate(cli, hex_or_file, &cert));
    tg_hex(tg_cert_facts(cert)->spki_sha256, TG_SHA256, ret);
    return 0;
}

bool cli_agree(struct cli *cli, const char *question)
{
    char answer[16] = "";
    if (cli_has(cli, "--yes")) return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "tamga: nobody at the terminal to ask; --yes agrees beforehand\n");
        return false;
    }
    fflush(stdout);
    fprintf(stderr, "%s [yes/no] ", question); /* standard output may be a program's */
    return fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
}
