/* The approver's own look at a batch: fetch the exact bytes, recompute every number, print
 * exceptions first. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "batch.h"
#include "seal/blob.h"

enum { EXCEPTIONS_SHOWN = 200 };

int batch_review_load(struct cli *cli, const char *batch, struct batch_review *r)
{
    *r = (struct batch_review){0};
    TG_TRY(cli_get_text(cli, cli_path("/api/v1/batches/%s/snapshot", cli_escape(batch)),
                        &r->snapshot));
    TG_TRY(cli_get_text(cli, cli_path("/api/v1/batches/%s/decisions", cli_escape(batch)),
                        &r->decisions));
    r->session = tg_session_new();
    if (tg_session_read(r->session, TG_BLOB(r->snapshot.data, r->snapshot.len),
                        TG_BLOB(r->decisions.data, r->decisions.len), &cli->err) < 0)
        return tg_err_wrap(&cli->err,
                           "batch %s: what the service sent does not add up; do not sign", batch);
    tg_session_totals(r->session, &r->totals);
    return 0;
}

void batch_review_done(struct batch_review *r)
{
    tg_buf_done(&r->snapshot);
    tg_buf_done(&r->decisions);
    tg_session_free(r->session);
    *r = (struct batch_review){0};
}

static const char *line_end(const char *p, const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    return lf ? lf : end;
}

static void print_exception(const struct tg_leaf *leaf, const char *decision, size_t len)
{
    size_t word = 0;
    while (word < len && decision[word] != ' ')
        word++;
    printf("  %s  %-8.*s %-24s %-16s", leaf->no, (int)word, decision, leaf->name, leaf->department);
    for (int f = 0; f < TG_FLAG_COUNT; f++)
        if (leaf->flags & TG_FLAG_BIT(f))
            printf(" %s(%s)", tg_flag_code(f), tg_flag_class_word(tg_flag_class(f)));
    putchar('\n');
    for (size_t i = 0; i < leaf->changes_count; i++)
        printf("      %s: \"%s\" -> \"%s\"\n", leaf->changes[i].field, leaf->changes[i].old,
               leaf->changes[i].new_);
}

static size_t print_exceptions(const struct batch_review *r)
{
    static struct tg_leaf leaf; /* about 19 KB */
    const char *line = (const char *)r->snapshot.data, *end = line + r->snapshot.len;
    const char *decision = (const char *)r->decisions.data, *last = decision + r->decisions.len;
    size_t shown = 0;
    while (line < end && decision < last) {
        const char *stop = line_end(line, end), *halt = line_end(decision, last);
        struct tg_err ignored = {0};
        if (tg_leaf_parse(line, (size_t)(stop - line), &leaf, &ignored) == 0 && leaf.flags &&
            shown++ < EXCEPTIONS_SHOWN)
            print_exception(&leaf, decision, (size_t)(halt - decision));
        line = stop + 1;
        decision = halt + 1;
    }
    return shown;
}

void batch_review_print(const struct batch_review *r)
{
    const struct tg_totals *t = &r->totals;
    char date[TG_DATE] = "-";
    printf("exceptions (recomputed here; copied-key, first-on-workstation, holder-left, "
           "unconfirmed are the service's word):\n");
    size_t shown = print_exceptions(r);
    if (shown == 0) printf("  none\n");
    if (shown > EXCEPTIONS_SHOWN)
        printf("  ... and %zu more: tamga batch snapshot\n", shown - EXCEPTIONS_SHOWN);
    if (t->first_expiry != TG_NO_DATE) tg_date_print(t->first_expiry, date);
    printf("of %u applications: approve %u, return %u, hold %u; first expiry %s\n",
           t->snapshot.count, t->approve.count, t->return_.count, t->hold, date);
    for (int f = 0; f < TG_FLAG_COUNT; f++)
        if (t->flags[f])
            printf("  approved with %s: %u (%s)\n", tg_flag_code(f), t->flags[f], tg_flag_words(f));
    for (size_t i = 0; i < t->policies_count; i++)
        printf("  approved by policy %s: %u\n", t->policies[i].name, t->policies[i].count);
}

int cli_trust_chain(struct cli *cli, const char *realm, struct tg_trust_chain **ret)
{
    TG_AUTO(json) json_t *o = NULL;
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = tg_trust_chain_new(realm);
    TG_TRY(cli_get(cli, "/api/v1/trust", &o));
    const json_t *documents = json_object_get(o, "documents");
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *d = json_array_get(documents, i), *cms = json_object_get(d, "cms");
        struct tg_buf ders[TG_SEAL_TRUST_CMS_MAX] = {{0}};
        struct tg_blob blobs[TG_SEAL_TRUST_CMS_MAX];
        const char *text = json_string_value(json_object_get(d, "text"));
        size_t n = json_array_size(cms);
        int rc = text && n <= TG_SEAL_TRUST_CMS_MAX
                     ? 0
                     : TG_FAIL(&cli->err, TG_E_INPUT, "trust: the answer is malformed");
        for (size_t k = 0; rc == 0 && k < n; k++) {
            const char *b64 = json_string_value(json_array_get(cms, k));
            ders[k].max = TG_MAX_CMS;
            rc = b64 ? tg_unbase64(b64, strlen(b64), &ders[k], &cli->err)
                     : TG_FAIL(&cli->err, TG_E_INPUT, "trust: a CMS is not text");
            blobs[k] = TG_BLOB(ders[k].data, ders[k].len);
        }
        if (rc == 0)
            rc = tg_trust_chain_add(chain, TG_BLOB(text, strlen(text)), blobs, n, &cli->err);
        for (size_t k = 0; k < TG_SEAL_TRUST_CMS_MAX; k++)
            tg_buf_done(&ders[k]);
        if (rc < 0) return rc;
    }
    if (tg_trust_chain_version(chain) == 0)
        return TG_FAIL(&cli->err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    *ret = TG_TAKE(chain);
    return 0;
}
