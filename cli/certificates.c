/* tamga certificates: read keystores here and report them; list and show the inventory. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/times.h"
#include "cli/table.h"
#include "config/yaml.h"
#include "keystore/keystore.h"
#include "wire/wire.h"
#include "x509/cert.h"

enum { DEPTH = 16, REPORT = 64 }; /* folders below a path; keystores in one post */

struct import {
    struct cli *cli;
    struct tg_secret passwords[TG_MAX_PASSWORDS];
    size_t passwords_count;
    struct tg_wire_keystore keystores[REPORT];
    struct tg_keystore *opened[REPORT];
    size_t count;
    uint64_t files, locked, unreadable, certificates, fresh, linked;
};

static int read_passwords(struct import *in)
{
    const char *path = cli_value(in->cli, "--password-file");
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_SECRET_MAX);
    if (!path) return 0;
    TG_TRY(tg_file_read(path, &text, &in->cli->err));
    const char *line = tg_buf_text(&text);
    while (*line && in->passwords_count < TG_MAX_PASSWORDS) {
        size_t len = strcspn(line, "\r\n");
        if (len > 0) tg_secret_set(&in->passwords[in->passwords_count++], line, len);
        line += len + strspn(line + len, "\r\n");
    }
    tg_wipe(text.data, text.len);
    return 0;
}

static void make_entries(const struct tg_keystore *ks, struct tg_wire_keystore *to)
{
    struct tg_wire_entry *entries = ks->count ? tg_calloc(ks->count, sizeof *entries) : NULL;
    for (size_t i = 0; i < ks->count; i++) {
        const struct tg_keystore_entry *e = &ks->entries[i];
        size_t len = 0;
        if (e->cert) entries[i].certificate.data = (uint8_t *)(uintptr_t)tg_cert_der(e->cert, &len);
        entries[i].certificate.len = len;
        if (e->ski_len) {
            entries[i].ski = tg_alloc(2 * e->ski_len + 1);
            tg_hex(e->ski, e->ski_len, entries[i].ski);
        }
        entries[i].friendly_name = e->friendly_name;
        entries[i].has_key = e->has_key;
    }
    to->entries = (struct tg_wire_list){entries, ks->count};
}

static void forget_report(struct import *in)
{
    for (size_t i = 0; i < in->count; i++) {
        struct tg_wire_entry *entries = in->keystores[i].entries.items;
        for (size_t k = 0; k < in->keystores[i].entries.count; k++)
            free(entries[k].ski);
        free(entries);
        tg_keystore_free(in->opened[i]);
    }
    memset(in->keystores, 0, sizeof in->keystores);
    in->count = 0;
}

static int post_report(struct import *in)
{
    struct tg_wire_inventory body = {.scanned = cli_now(), .keystores = {in->keystores, in->count}};
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_BODY);
    TG_AUTO(buf) struct tg_buf answer = {0};
    TG_AUTO(json) json_t *o = NULL;
    if (in->count == 0) return 0;
    tg_wire_print(TG_WIRE_INVENTORY, 0, &body, &text);
    TG_TRY(tg_buf_ok(&text, &in->cli->err));
    struct cli_request request = {.method = "POST",
                                  .path = "/api/v1/certificates",
                                  .body = text.data,
                                  .body_len = text.len};
    TG_TRY(cli_call(in->cli, &request, &answer));
    TG_TRY(tg_json_parse_object(answer.data, answer.len, TG_MAX_MESSAGE, &o, &in->cli->err));
    in->certificates += (uint64_t)json_integer_value(json_object_get(o, "certificates"));
    in->fresh += (uint64_t)json_integer_value(json_object_get(o, "new"));
    in->linked += (uint64_t)json_integer_value(json_object_get(o, "linked"));
    forget_report(in);
    cli_progress("importing", in->files, 0);
    return 0;
}

static int import_file(struct import *in, const char *path)
{
    struct tg_keystore *ks = tg_keystore_scan_file(path, in->passwords, in->passwords_count);
    struct tg_wire_keystore *to = &in->keystores[in->count];
    in->opened[in->count++] = ks;
    in->files++;
    if (ks->status == TG_KEYSTORE_LOCKED) in->locked++;
    if (ks->status == TG_KEYSTORE_UNREADABLE) {
        in->unreadable++;
        fprintf(stderr, "tamga: %s: %s\n", path, ks->reason);
    }
    to->path = ks->path;
    to->kind = (char *)(uintptr_t)ks->kind;
    to->storage = (char *)(uintptr_t) "file";
    to->status = (char *)(uintptr_t)tg_keystore_status_word(ks->status);
    to->reason = ks->reason[0] ? ks->reason : NULL;
    make_entries(ks, to);
    return in->count == REPORT ? post_report(in) : 0;
}

static int import_path(struct import *in, const char *path, int depth)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return TG_FAIL(&in->cli->err, TG_E_NOT_FOUND, "%s: no such file or folder", path);
    if (!S_ISDIR(st.st_mode)) return S_ISREG(st.st_mode) ? import_file(in, path) : 0;
    if (depth >= DEPTH)
        return TG_FAIL(&in->cli->err, TG_E_LIMIT, "%s: folders nest deeper than %d", path, DEPTH);
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    int rc = 0;
    for (int i = 0; i < n; i++) {
        char below[4096];
        if (rc == 0 && names[i]->d_name[0] != '.' &&
            snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name) < (int)sizeof below)
            rc = import_path(in, below, depth + 1);
        free(names[i]);
    }
    free(names);
    return rc;
}

static void print_import(const struct import *in)
{
    if (in->cli->json)
        printf("{\"files\":%llu,\"locked\":%llu,\"unreadable\":%llu,\"certificates\":%llu,\"new\":%"
               "llu,\"linked\":%llu}\n",
               (unsigned long long)in->files, (unsigned long long)in->locked,
               (unsigned long long)in->unreadable, (unsigned long long)in->certificates,
               (unsigned long long)in->fresh, (unsigned long long)in->linked);
    else
        printf("%llu file%s (%llu locked, %llu unreadable): %llu certificate%s, %llu new, %llu "
               "linked to holders\n",
               (unsigned long long)in->files, cli_s((json_int_t)in->files),
               (unsigned long long)in->locked, (unsigned long long)in->unreadable,
               (unsigned long long)in->certificates, cli_s((json_int_t)in->certificates),
               (unsigned long long)in->fresh, (unsigned long long)in->linked);
}

enum cli_exit cmd_certificates_import(struct cli *cli)
{
    static struct import in;
    in.cli = cli;
    int rc = read_passwords(&in);
    for (size_t i = 0; rc == 0 && i < cli->words_count; i++)
        rc = import_path(&in, cli->words[i], 0);
    if (rc == 0) rc = post_report(&in);
    cli_progress_end();
    forget_report(&in);
    for (size_t i = 0; i < in.passwords_count; i++)
        tg_secret_done(&in.passwords[i]);
    if (rc < 0) return cli_fail(cli);
    print_import(&in);
    return CLI_DONE;
}

static const struct cli_column list_columns[] = {
    {"id", "id"},
    {"not_after:date", "ends"},
    {"holder", "holder"},
    {"holder_name", "name"},
    {"subject:cn", "subject"},
    {"issuer:cn", "issuer"},
    {"role", "role"},
    {"key_algorithm", "key"},
    {"verifiable", "verifiable"},
    {NULL, NULL},
};
static const struct cli_column unlinked_columns[] = {
    {"id", "id"},
    {"not_after:date", "ends"},
    {"subject:cn", "subject"},
    {"likely_holder", "likely holder"},
    {"likely_why", "why"},
    {NULL, NULL},
};

enum cli_exit cmd_certificates_list(struct cli *cli)
{
    const char *within = cli_value(cli, "--expiring");
    int64_t seconds = 0;
    TG_AUTO(json) json_t *o = NULL;
    if (within && !tg_duration_parse(within, &seconds))
        return cli_usage(cli, "--expiring: a duration is expected, for example 30d");
    const char *path =
        cli_has(cli, "--unlinked") ? "/api/v1/certificates?unlinked=1" : "/api/v1/certificates";
    if (within)
        path = cli_path("%s%sexpiring_days=%lld", path, strchr(path, '?') ? "&" : "?",
                        (long long)((seconds + TG_DAY - 1) / TG_DAY));
    if (cli_get_all(cli, path, &o) < 0) return cli_fail(cli);
    return cli_show_list(cli, o, cli_has(cli, "--unlinked") ? unlinked_columns : list_columns,
                         "certificates");
}

enum cli_exit cmd_certificates_show(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"id", "id"},
        {"sha256", "SHA-256"},
        {"serial", "serial"},
        {"subject", "subject"},
        {"issuer", "issuer"},
        {"not_before", "from"},
        {"not_after", "until"},
        {"key_algorithm", "key"},
        {"role", "role"},
        {"iin", "IIN"},
        {"bin", "BIN"},
        {"email", "e-mail"},
        {"holder_name", "holder"},
        {"department", "department"},
        {"applications", "applications"},
        {NULL, NULL},
    };
    static const struct cli_column places[] = {
        {"host", "workstation"},    {"kind", "kind"},
        {"status", "status"},       {"has_key", "key"},
        {"last_seen:date", "seen"}, {"friendly_name", "name"},
        {"path", "path"},           {NULL, NULL},
    };
    TG_AUTO(json) json_t *o = NULL;
    if (cli_get(cli, cli_path("/api/v1/certificates/%s", cli_escape(cli->words[0])), &o) < 0)
        return cli_fail(cli);
    if (cli->json) {
        cli_print_json(o);
        return CLI_DONE;
    }
    cli_print_fields(o, columns);
    if (json_is_false(json_object_get(o, "verifiable")))
        printf("note: its key algorithm cannot be verified here\n");
    cli_print_table(json_object_get(o, "placements"), places);
    return CLI_DONE;
}
