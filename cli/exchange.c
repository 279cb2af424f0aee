/* tamga exchange: a CA without an interface gets a folder of files and gives certificates back. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/table.h"
#include "x509/cert.h"
#include "x509/pem.h"

static const char read_me[] =
    "Certificate requests approved in tamga, one file each; list.csv says for whom.\n"
    "\n"
    "Issue each request with the CA's own tools, for DAYS days (column days of list.csv), for "
    "example:\n"
    "\n"
    "  openssl x509 -req -in NUMBER.csr -CA ca.pem -CAkey ca.key -days DAYS -copy_extensions copy "
    "-out NUMBER.pem\n"
    "  openssl ca -config openssl.cnf -in NUMBER.csr -days DAYS -out NUMBER.pem\n"
    "  certreq -submit -config \"HOST\\CA-NAME\" NUMBER.csr NUMBER.cer      (Microsoft AD CS)\n"
    "  certreq -retrieve -config \"HOST\\CA-NAME\" REQUEST-ID NUMBER.cer    (after a CA manager "
    "approved it)\n"
    "\n"
    "Bring the certificates back with: tamga exchange import FILE-OR-FOLDER...\n"
    "Names of the answers do not matter: they are matched by public key, and each is compared with "
    "what was approved.\n";

static int write_file(struct cli *cli, const char *dir, const char *name,
                      const struct tg_buf *bytes)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return TG_FAIL(&cli->err, TG_E_USAGE, "%s: the path is too long", dir);
    TG_TRY(tg_buf_ok(bytes, &cli->err));
    return tg_file_replace(path, bytes->data, bytes->len, 0644, &cli->err);
}

static void csv_cell(struct tg_buf *out, const char *text, bool last)
{
    tg_buf_putc(out, '"');
    for (; text && *text; text++) {
        if (*text == '"') tg_buf_putc(out, '"');
        tg_buf_putc(out, *text);
    }
    tg_buf_puts(out, last ? "\"\r\n" : "\",");
}

static int write_request(struct cli *cli, const char *dir, const json_t *item, struct tg_buf *list)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CSR);
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(2 * TG_MAX_CSR);
    const char *number = NULL, *subject = NULL, *batch = NULL;
    int64_t days = 0;
    TG_TRY(tg_json_str(item, "number", 16, &number, &cli->err));
    TG_TRY(tg_json_str(item, "subject", 8192, &subject, &cli->err));
    TG_TRY(tg_json_str(item, "batch", 16, &batch, &cli->err));
    TG_TRY(tg_json_int(item, "days", 1, 1130, &days, &cli->err));
    TG_TRY(tg_json_base64(item, "csr", &der, &cli->err));
    tg_pem_write("CERTIFICATE REQUEST", der.data, der.len, &pem);
    TG_TRY(write_file(cli, dir, cli_path("%s.csr", number), &pem));
    csv_cell(list, number, false);
    csv_cell(list, cli_path("%s.csr", number), false);
    csv_cell(list, subject, false);
    csv_cell(list, cli_path("%lld", (long long)days), false);
    csv_cell(list, batch, true);
    return 0;
}

enum cli_exit cmd_exchange_export(struct cli *cli)
{
    const char *dir = cli->words[0];
    TG_AUTO(json) json_t *o = NULL;
    TG_AUTO(buf) struct tg_buf list = TG_BUF(TG_MAX_BODY);
    TG_AUTO(buf) struct tg_buf guide = TG_BUF(sizeof read_me);
    if (cli_get_all(cli, "/api/v1/exchange", &o) < 0) return cli_fail(cli);
    const json_t *items = json_object_get(o, "items");
    if (mkdir(dir, 0755) != 0 && access(dir, W_OK) != 0) {
        (void)TG_FAIL(&cli->err, TG_E_IO, "%s: the folder cannot be made or written", dir);
        return cli_fail(cli);
    }
    tg_buf_puts(&list, "number,file,subject,days,batch\r\n");
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (write_request(cli, dir, json_array_get(items, i), &list) < 0) return cli_fail(cli);
        cli_progress("writing", i + 1, json_array_size(items));
    }
    cli_progress_end();
    tg_buf_puts(&guide, read_me);
    if (write_file(cli, dir, "list.csv", &list) < 0 ||
        write_file(cli, dir, "README.txt", &guide) < 0)
        return cli_fail(cli);
    if (cli->json)
        printf("{\"requests\":%zu}\n", json_array_size(items));
    else
        printf("%zu request%s, list.csv and README.txt in %s\n", json_array_size(items),
               cli_s((json_int_t)json_array_size(items)), dir);
    return CLI_DONE;
}

struct answers {
    struct cli *cli;
    json_t *certificates;
};

static int take_answer(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct answers *to = data;
    TG_AUTO(buf) struct tg_buf b64 = TG_BUF(2 * TG_MAX_CERT);
    if (!tg_pem_is_certificate(block->label)) return 0;
    tg_base64(&b64, block->der, block->der_len);
    TG_TRY(tg_buf_ok(&b64, err));
    json_array_append_new(to->certificates, json_string(tg_buf_text(&b64)));
    return 0;
}

static int take_file(struct answers *to, const char *path)
{
    struct cli *cli = to->cli;
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_KEYSTORE);
    TG_TRY(tg_file_read(path, &bytes, &cli->err));
    if (tg_pem_or_der_read(bytes.data, bytes.len, take_answer, to, &cli->err) < 0)
        return tg_err_wrap(&cli->err, "%s", path);
    return 0;
}

static int is_answer(const struct dirent *entry)
{
    static const char *const endings[] = {".pem", ".crt", ".cer", ".der"};
    size_t len = strlen(entry->d_name);
    for (size_t i = 0; i < TG_COUNT(endings); i++)
        if (len > 4 && strcasecmp(entry->d_name + len - 4, endings[i]) == 0) return 1;
    return 0;
}

/* A file, or every file of a folder that is named like a certificate. */
static int take_path(struct answers *to, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return take_file(to, path);
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_answer, alphasort), rc = 0;
    for (int i = 0; i < n; i++) {
        char below[4096];
        if (rc == 0 &&
            snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name) < (int)sizeof below)
            rc = take_file(to, below);
        free(names[i]);
    }
    free(names);
    return rc;
}

enum cli_exit cmd_exchange_import(struct cli *cli)
{
    static const struct cli_column columns[] = {{"reason", "refused because"}, {NULL, NULL}};
    TG_AUTO(json) json_t *body = json_pack("{s:[]}", "certificates");
    TG_AUTO(json) json_t *o = NULL;
    struct answers to = {.cli = cli, .certificates = json_object_get(body, "certificates")};
    for (size_t i = 0; i < cli->words_count; i++)
        if (take_path(&to, cli->words[i]) < 0) return cli_fail(cli);
    size_t brought = json_array_size(to.certificates);
    if (brought == 0) {
        (void)TG_FAIL(&cli->err, TG_E_NOT_FOUND,
                      "%s: no certificate in it; PEM and DER are read, in a folder .pem .crt .cer "
                      ".der",
                      cli->words[0]);
        return cli_fail(cli);
    }
    if (cli_post(cli, "/api/v1/exchange", body, &o) < 0) return cli_fail(cli);
    const json_t *refused = json_object_get(o, "refused");
    size_t matched = json_array_size(json_object_get(o, "matched"));
    if (cli->json) {
        cli_print_json(o);
    } else {
        if (json_array_size(refused)) cli_print_table(refused, columns);
        printf("%zu certificate%s matched, %zu refused\n", matched, cli_s((json_int_t)matched),
               json_array_size(refused));
        if (matched + json_array_size(refused) == 0)
            printf("none of the %zu that were brought has the public key of an open request; see "
                   "tamga "
                   "exchange export\n",
                   brought);
    }
    return json_array_size(refused) || matched == 0 ? CLI_REFUSED : CLI_DONE;
}
