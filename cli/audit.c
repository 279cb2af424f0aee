/* tamga audit: the log as an outsider checks it: every entry against its hash, every checkpoint
 * against the log's key, all of it against what somebody kept. The export is read line by line and
 * never held whole. */
#include <stdio.h>
#include <string.h>

#include "auditlog/auditlog.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "batch.h"
#include "cli/table.h"
#include "seal/statement.h"

/* Lines of the export, one by one; the paging line of the API is not one of them. */
typedef int line_fn(void *data, const char *line, size_t len, struct tg_err *err);

struct job {
    struct cli *cli;
    struct tg_audit_verify verify;
    struct tg_trust_chain *chain; /* its texts are the keys */
    json_t *status, *findings;
    uint64_t entries;
};

/* ---- where the lines come from ---- */

static int lines_of_page(const struct tg_buf *page, line_fn *fn, void *data, char *next,
                         size_t size, struct tg_err *err)
{
    const char *p = tg_buf_text(page), *end = p + page->len;
    next[0] = '\0';
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        if (!lf) return TG_FAIL(err, TG_E_INPUT, "audit export: the service's page ends in a line");
        size_t len = (size_t)(lf - p);
        int got = 0;
        if (lf + 1 == end && len < size &&
            sscanf(p, "{\"next\":\"%79[0-9.]\"}%n", next, &got) == 1 && (size_t)got == len)
            return 0;
        next[0] = '\0';
        TG_TRY(fn(data, p, len, err));
        p = lf + 1;
    }
    return 0;
}

static int lines_of_service(struct cli *cli, line_fn *fn, void *data)
{
    char next[80] = "", before[80];
    do {
        TG_AUTO(buf) struct tg_buf page = {0};
        snprintf(before, sizeof before, "%s", next);
        TG_TRY(cli_get_text(cli,
                            cli_path("/api/v1/audit/export%s%s", next[0] ? "?after=" : "", next),
                            &page));
        TG_TRY(lines_of_page(&page, fn, data, next, sizeof next, &cli->err));
        if (next[0] && strcmp(next, before) == 0)
            return TG_FAIL(&cli->err, TG_E_INPUT, "audit export: the service repeats a page");
    } while (next[0]);
    return 0;
}

static int lines_of_stream(struct cli *cli, FILE *f, const char *path, line_fn *fn, void *data)
{
    TG_AUTO(mem) char *line = tg_alloc(TG_AUDIT_LINE_MAX + 2);
    while (fgets(line, TG_AUDIT_LINE_MAX + 2, f)) {
        size_t len = strlen(line);
        bool whole = len > 0 && line[len - 1] == '\n';
        if (!whole && len == TG_AUDIT_LINE_MAX + 1)
            return TG_FAIL(&cli->err, TG_E_LIMIT, "%s: a line is longer than %d bytes", path,
                           TG_AUDIT_LINE_MAX);
        TG_TRY(fn(data, line, len - whole, &cli->err));
    }
    if (ferror(f)) return TG_FAIL(&cli->err, TG_E_IO, "%s: it cannot be read", path);
    return 0;
}

static int lines_of_file(struct cli *cli, const char *path, line_fn *fn, void *data)
{
    FILE *f = fopen(path, "re");
    if (!f) return TG_FAIL(&cli->err, TG_E_NOT_FOUND, "%s: it cannot be opened", path);
    int rc = lines_of_stream(cli, f, path, fn, data);
    (void)fclose(f);
    return rc;
}

/* ---- verify ---- */

static void on_finding(const char *sentence, void *data)
{
    struct job *job = data;
    cli_progress_end();
    if (job->cli->json)
        json_array_append_new(job->findings, json_string(sentence));
    else
        printf("%s\n", sentence);
}

static int verify_line(void *data, const char *line, size_t len, struct tg_err *err)
{
    struct job *job = data;
    (void)err;
    tg_audit_verify_line(&job->verify, line, len);
    if (++job->entries % 10000 == 0) cli_progress("entries", job->entries, 0);
    return 0;
}

/* --log, else the trust document's log lines, else what the service says of itself. */
static int find_keys(struct job *job)
{
    struct cli *cli = job->cli;
    const char *given = cli_value(cli, "--log"), *said = NULL;
    if (given) return tg_audit_verify_key(&job->verify, given, &cli->err);
    int rc = cli_trust_chain(cli, NULL, &job->chain);
    const struct tg_trust *t = rc == 0 ? tg_trust_chain_current(job->chain) : NULL;
    for (size_t i = 0; t && i < t->logs_count; i++)
        TG_TRY(tg_audit_verify_key(&job->verify, t->logs[i], &cli->err));
    if (t && t->logs_count) return 0;
    tg_err_clear(&cli->err);
    if (cli_get(cli, "/api/v1/status", &job->status) < 0)
        return tg_err_wrap(&cli->err, "give the log's key by --log, or let the service say it");
    TG_TRY(tg_json_str(job->status, "log", TG_AUDIT_VKEY_MAX, &said, &cli->err));
    fprintf(stderr, "tamga: the log's key is the service's own word; give --log to rely on this\n");
    return tg_audit_verify_key(&job->verify, said, &cli->err);
}

/* A kept checkpoint, signed by the log; or an approval statement, whose audit line is one. */
static int keep(struct job *job, const char *path)
{
    struct cli *cli = job->cli;
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_STATEMENT);
    TG_TRY(tg_file_read(path, &text, &cli->err));
    static const char first[] = "tamga approval statement ";
    struct tg_merkle_hash root;
    if (text.len > sizeof first && memcmp(text.data, first, sizeof first - 1) == 0) {
        TG_AUTO(mem) struct tg_statement *st = TG_NEW(struct tg_statement);
        if (tg_statement_parse(text.data, text.len, st, &cli->err) < 0)
            return tg_err_wrap(&cli->err, "%s", path);
        (void)tg_unhex(st->audit_root, 2 * TG_SHA256, root.b);
        return tg_audit_verify_expect(&job->verify, st->audit_size, &root, "the approval statement",
                                      &cli->err);
    }
    struct tg_audit_checkpoint c;
    int rc = TG_E_UNTRUSTED;
    for (size_t i = 0; i < job->verify.vkeys_count && rc == TG_E_UNTRUSTED; i++)
        rc = tg_audit_note_parse(tg_buf_text(&text), text.len, job->verify.vkeys[i], &c, &cli->err);
    if (rc < 0) return tg_err_wrap(&cli->err, "%s", path);
    tg_err_clear(&cli->err);
    return tg_audit_verify_expect(&job->verify, c.size, &c.root, "the kept checkpoint", &cli->err);
}

static void print_verdict(const struct job *job, bool good)
{
    const struct tg_audit_verify *v = &job->verify;
    char root[TG_HEX256];
    unsigned long long beyond = v->next - v->covered;
    tg_hex(v->root.b, sizeof v->root.b, root);
    if (job->cli->json) {
        json_t *o =
            json_pack("{s:b,s:I,s:I,s:s,s:I,s:O}", "valid", good, "verified",
                      (json_int_t)v->covered, "checkpoints", (json_int_t)v->checkpoints, "root",
                      root, "beyond", (json_int_t)beyond, "findings", job->findings);
        cli_print_json(o);
        json_decref(o);
        return;
    }
    if (good)
        printf("verified %llu entries under %llu checkpoints\nroot %s\n",
               (unsigned long long)v->covered, (unsigned long long)v->checkpoints, root);
    else if (v->broken)
        printf("only the first %llu entries could be verified\n", (unsigned long long)v->covered);
    if (beyond && good)
        printf("%llu entries stand after the last checkpoint: nothing is claimed of them\n",
               beyond);
}

static int verify(struct job *job)
{
    struct cli *cli = job->cli;
    const char *file = cli_value(cli, "--file"), *kept = cli_value(cli, "--checkpoint");
    tg_audit_verify_init(&job->verify, NULL, on_finding, job);
    TG_TRY(find_keys(job));
    if (kept) TG_TRY(keep(job, kept));
    TG_TRY(file ? lines_of_file(cli, file, verify_line, job)
                : lines_of_service(cli, verify_line, job));
    cli_progress_end();
    if (file && job->verify.line == 0)
        return TG_FAIL(&cli->err, TG_E_STATE, "%s: it is empty, not an export", file);
    int rc = tg_audit_verify_end(&job->verify, &cli->err);
    print_verdict(job, rc == 0);
    return rc;
}

enum cli_exit cmd_audit_verify(struct cli *cli)
{
    static struct job job;
    job.cli = cli;
    job.findings = json_array();
    int rc = verify(&job);
    json_decref(job.findings);
    json_decref(job.status);
    tg_trust_chain_free(job.chain);
    return rc < 0 ? cli_fail(cli) : CLI_DONE;
}

/* ---- export ---- */

static int print_line(void *data, const char *line, size_t len, struct tg_err *err)
{
    (void)data;
    if (fwrite(line, 1, len, stdout) != len || putchar('\n') == EOF)
        return TG_FAIL(err, TG_E_IO, "standard output: it cannot be written");
    return 0;
}

enum cli_exit cmd_audit_export(struct cli *cli)
{
    int rc = lines_of_service(cli, print_line, NULL);
    if (rc == 0 && fflush(stdout) != 0)
        rc = TG_FAIL(&cli->err, TG_E_IO, "standard output: it cannot be written");
    return rc < 0 ? cli_fail(cli) : CLI_DONE;
}
