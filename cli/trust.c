/* tamga trust init, show: the document that says who may approve and who may issue. Runs on the key
 * holders' own machines; only public facts (issuer, server, log key) are asked of the service. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "batch.h"
#include "cli/table.h"
#include "seal/trust.h"
#include "trust.h"
#include "x509/cert.h"

int trust_newest(struct cli *cli, const char *dir, struct tg_buf *ret, uint32_t *ret_version)
{
    *ret_version = 0;
    for (uint32_t n = 1; n <= TG_SEAL_TRUST_MAX; n++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%u.trust", dir, n);
        if (access(path, F_OK) != 0) break;
        tg_buf_reset(ret);
        TG_TRY(tg_file_read(path, ret, &cli->err));
        *ret_version = n;
    }
    return 0;
}

typedef int add_fn(struct cli *cli, struct tg_trust *t, const char *item, size_t len);

/* Comma-separated values of one option. */
static int each_value(struct cli *cli, struct tg_trust *t, const char *option, add_fn *add)
{
    const char *p = cli_value(cli, option);
    while (p && *p) {
        size_t len = strcspn(p, ",");
        TG_TRY(add(cli, t, p, len));
        p += len;
        if (*p == ',') p++;
    }
    return 0;
}

static int spki_of(struct cli *cli, const char *item, size_t len, char ret[TG_SEAL_HEX])
{
    char path[4096];
    if (!tg_copyn(path, sizeof path, item, len))
        return TG_FAIL(&cli->err, TG_E_USAGE, "a path is too long");
    return cli_spki(cli, path, ret);
}

static int too_many(struct cli *cli, const char *what)
{
    return TG_FAIL(&cli->err, TG_E_LIMIT, "too many %s for one trust document", what);
}

static int add_root(struct cli *cli, struct tg_trust *t, const char *item, size_t len)
{
    if (t->roots_count == TG_TRUST_ROOTS) return too_many(cli, "roots");
    return spki_of(cli, item, len, t->roots[t->roots_count++]);
}

static int add_issuer(struct cli *cli, struct tg_trust *t, const char *item, size_t len)
{
    if (t->issuers_count == TG_TRUST_KEYS) return too_many(cli, "issuers");
    return spki_of(cli, item, len, t->issuers[t->issuers_count++]);
}

static int add_server(struct cli *cli, struct tg_trust *t, const char *item, size_t len)
{
    if (t->servers_count == TG_TRUST_KEYS) return too_many(cli, "servers");
    return spki_of(cli, item, len, t->servers[t->servers_count++]);
}

static int add_revoked(struct cli *cli, struct tg_trust *t, const char *item, size_t len)
{
    if (t->revoked_count == TG_TRUST_REVOKED) return too_many(cli, "revoked");
    return spki_of(cli, item, len, t->revoked[t->revoked_count++]);
}

static int add_log(struct cli *cli, struct tg_trust *t, const char *item, size_t len)
{
    if (t->logs_count == TG_TRUST_KEYS) return too_many(cli, "log keys");
    if (!tg_copyn(t->logs[t->logs_count++], TG_TRUST_VKEY, item, len))
        return TG_FAIL(&cli->err, TG_E_USAGE, "--log: too long");
    return 0;
}

static int add_approver(struct cli *cli, struct tg_trust *t, const char *item, size_t len)
{
    if (t->approvers_count == TG_TRUST_APPROVERS) return too_many(cli, "approvers");
    struct tg_trust_approver *a = &t->approvers[t->approvers_count++];
    char path[4096];
    a->role = TG_APPROVER_CEO;
    a->until = t->expires;
    TG_TRY(spki_of(cli, item, len, a->spki));
    if (!tg_copyn(path, sizeof path, item, len) || tg_is_hex(path, 64)) return 0;
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_TRY(cli_certificate(cli, path, &cert));
    if (tg_cert_facts(cert)->not_after < a->until) a->until = tg_cert_facts(cert)->not_after;
    return 0;
}

static int date_option(struct cli *cli, const char *option, int64_t *ret)
{
    const char *text = cli_value(cli, option);
    if (text && !tg_date_parse(text, strlen(text), ret))
        return TG_FAIL(&cli->err, TG_E_USAGE, "%s %s: a date YYYY-MM-DD is expected", option, text);
    return 0;
}

/* What only the service knows of itself: its TLS key, its issuing CA, its log key. Given options
 * win. */
static int facts_of_service(struct cli *cli, struct tg_trust *t)
{
    TG_AUTO(json) json_t *o = NULL;
    if (t->issuers_count && t->servers_count) return 0;
    if (cli_get(cli, "/api/v1/status", &o) < 0)
        return tg_err_wrap(&cli->err, "give --issuer and --server, or let the service say them");
    const json_t *issuers = json_object_get(o, "issuers");
    size_t said = t->issuers_count ? 0 : json_array_size(issuers);
    for (size_t i = 0; i < said; i++) {
        const char *hex = json_string_value(json_array_get(issuers, i));
        if (hex) TG_TRY(add_issuer(cli, t, hex, strlen(hex)));
    }
    const char *server = json_string_value(json_object_get(o, "server_spki")),
               *log = json_string_value(json_object_get(o, "log"));
    if (t->servers_count == 0 && server) TG_TRY(add_server(cli, t, server, strlen(server)));
    if (t->logs_count == 0 && log) TG_TRY(add_log(cli, t, log, strlen(log)));
    return 0;
}

/* A list that is given replaces the earlier version's; one that is not stays. */
static int fill_document(struct cli *cli, struct tg_trust *t)
{
    uint64_t threshold = 0;
    t->created = cli_now();
    t->expires = t->created + 365 * TG_DAY;
    TG_TRY(date_option(cli, "--expires", &t->expires));
    if (cli_value(cli, "--organization") &&
        !tg_copy(t->organization, sizeof t->organization, cli_value(cli, "--organization")))
        return TG_FAIL(&cli->err, TG_E_USAGE, "--organization: at most 64 characters");
    if (!t->organization[0]) return TG_FAIL(&cli->err, TG_E_USAGE, "--organization ID is missing");
    if (cli_has(cli, "--root")) t->roots_count = 0;
    if (cli_has(cli, "--approver")) t->approvers_count = 0;
    if (cli_has(cli, "--issuer")) t->issuers_count = 0;
    if (cli_has(cli, "--server")) t->servers_count = 0;
    if (cli_has(cli, "--log")) t->logs_count = 0;
    TG_TRY(each_value(cli, t, "--root", add_root));
    TG_TRY(each_value(cli, t, "--approver", add_approver));
    TG_TRY(each_value(cli, t, "--issuer", add_issuer));
    TG_TRY(each_value(cli, t, "--server", add_server));
    TG_TRY(each_value(cli, t, "--log", add_log));
    TG_TRY(each_value(cli, t, "--revoke", add_revoked));
    for (size_t i = 0; cli_has(cli, "--until") && i < t->approvers_count; i++)
        TG_TRY(date_option(cli, "--until", &t->approvers[i].until));
    TG_TRY(cli_number(cli, "--root-threshold", TG_TRUST_ROOTS,
                      t->root_threshold ? t->root_threshold : t->roots_count / 2 + 1, &threshold));
    t->root_threshold = (unsigned)threshold;
    t->approval_threshold = 1;
    return facts_of_service(cli, t);
}

static int make_document(struct cli *cli, const char *dir, uint32_t *ret_version,
                         struct tg_buf *text)
{
    static struct tg_trust t;
    TG_AUTO(buf) struct tg_buf earlier = TG_BUF(TG_MAX_TRUST);
    char path[4096];
    if (mkdir(dir, 0755) != 0 && access(dir, W_OK) != 0)
        return TG_FAIL(&cli->err, TG_E_IO, "%s: the folder cannot be made or written", dir);
    TG_TRY(trust_newest(cli, dir, &earlier, ret_version));
    memset(&t, 0, sizeof t);
    if (*ret_version) TG_TRY(tg_trust_parse(earlier.data, earlier.len, &t, &cli->err));
    TG_TRY(fill_document(cli, &t));
    TG_TRY(tg_trust_make(&t, TG_BLOB(earlier.data, earlier.len), text, &cli->err));
    *ret_version += 1;
    if (snprintf(path, sizeof path, "%s/%u.trust", dir, *ret_version) >= (int)sizeof path)
        return TG_FAIL(&cli->err, TG_E_USAGE, "%s: the path is too long", dir);
    return tg_file_replace(path, text->data, text->len, 0644, &cli->err);
}

enum cli_exit cmd_trust_init(struct cli *cli)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    uint32_t version = 0;
    char sha256[TG_HEX256];
    if (make_document(cli, cli->words[0], &version, &text) < 0) return cli_fail(cli);
    tg_sha256_hex(text.data, text.len, sha256);
    if (cli->json) {
        json_t *o = json_pack("{s:i,s:s,s:s}", "version", (int)version, "sha256", sha256, "text",
                              tg_buf_text(&text));
        cli_print_json(o);
        json_decref(o);
        return CLI_DONE;
    }
    printf("%s%s/%u.trust, SHA-256 %s%s\nnext: each root key holder reads it and runs tamga trust "
           "sign %s --keystore ROOT.p12\n",
           tg_buf_text(&text), cli->words[0], version, sha256,
           version == 1 ? " (this is the realm: note it down)" : "", cli->words[0]);
    return CLI_DONE;
}

static void show(struct cli *cli, const struct tg_trust_chain *chain)
{
    uint32_t version = tg_trust_chain_version(chain);
    struct tg_blob text = tg_trust_chain_text(chain, version);
    if (cli->json) {
        json_t *o =
            json_pack("{s:i,s:s,s:s%}", "version", (int)version, "realm",
                      tg_trust_chain_realm(chain), "text", (const char *)text.data, text.len);
        cli_print_json(o);
        json_decref(o);
        return;
    }
    printf("%.*srealm %s\nversion %u, signed by its roots\n", (int)text.len,
           (const char *)text.data, tg_trust_chain_realm(chain), version);
}

enum cli_exit cmd_trust_show(struct cli *cli)
{
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = NULL;
    int rc = cli->words_count ? tg_trust_chain_load(cli->words[0], NULL, &chain, &cli->err)
                              : cli_trust_chain(cli, NULL, &chain);
    if (rc < 0) return cli_fail(cli);
    show(cli, chain);
    return CLI_DONE;
}
