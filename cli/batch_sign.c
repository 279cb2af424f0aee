/* tamga batch approve, statement, recall: the one signature. The order is: recompute, show, ask,
 * mint, compare the minted statement with what was shown, sign, post. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "batch.h"
#include "cli/table.h"
#include "cms/cms.h"
#include "seal/check.h"
#include "seal/recall.h"
#include "x509/cert.h"
#include "x509/key.h"

struct signing {
    struct tg_key *key;
    struct tg_cert *cert;
    char spki[TG_SEAL_HEX];
    struct batch_review review;
    struct tg_trust_chain *chain;
};

static void signing_done(struct signing *s)
{
    tg_key_free(s->key);
    tg_cert_unref(s->cert);
    batch_review_done(&s->review);
    tg_trust_chain_free(s->chain);
}

static int post_approval(struct cli *cli, const char *statement, size_t len,
                         const struct tg_buf *cms)
{
    TG_AUTO(buf) struct tg_buf b64 = TG_BUF(2 * TG_MAX_CMS);
    TG_AUTO(json) json_t *o = NULL;
    tg_base64(&b64, cms->data, cms->len);
    TG_AUTO(json)
    json_t *body = json_pack("{s:s%,s:s}", "statement", statement, len, "cms", tg_buf_text(&b64));
    TG_TRY(cli_post(cli, cli_path("/api/v1/batches/%s/approval", cli_escape(cli->words[0])), body,
                    &o));
    if (cli->json)
        cli_print_json(o);
    else
        printf("approved %lld, held %lld, returned %lld; statement %s; released %s\n",
               (long long)json_integer_value(json_object_get(o, "approved")),
               (long long)json_integer_value(json_object_get(o, "held")),
               (long long)json_integer_value(json_object_get(o, "returned")),
               json_string_value(json_object_get(o, "statement")),
               json_string_value(json_object_get(o, "release")));
    return 0;
}

/* The minted statement says exactly what was recomputed and shown here, for this batch and this
 * trust. */
static int compare(struct cli *cli, const struct signing *s, const char *text, size_t len)
{
    static struct tg_statement st;
    TG_TRY(tg_statement_parse(text, len, &st, &cli->err));
    TG_TRY(tg_check_session(&st, &s->review.totals, &cli->err));
    if (strcmp(st.batch, cli->words[0]) != 0)
        return TG_FAIL(&cli->err, TG_E_MISMATCH, "the statement is for batch %s", st.batch);
    if (strcmp(st.realm, tg_trust_chain_realm(s->chain)) != 0 ||
        st.trust != tg_trust_chain_version(s->chain))
        return TG_FAIL(&cli->err, TG_E_MISMATCH,
                       "the statement names another realm or trust version");
    return 0;
}

static int take_key(struct cli *cli, struct signing *s)
{
    TG_TRY(cli_signing_pair(cli, cli_value(cli, "--keystore"), &s->key, &s->cert));
    tg_key_spki_hex(s->key, s->spki);
    if (!tg_trust_approver(tg_trust_chain_current(s->chain), s->spki))
        return TG_FAIL(&cli->err, TG_E_UNTRUSTED,
                       "%s: this key is no approver in trust version %u; sign with the CEO's key",
                       cli_value(cli, "--keystore"), tg_trust_chain_version(s->chain));
    return 0;
}

static int mint(struct cli *cli, const char *spki, int minutes, json_t **ret_answer,
                const char **ret_text)
{
    TG_AUTO(json) json_t *body = json_pack("{s:s,s:i}", "spki", spki, "minutes", minutes);
    TG_TRY(cli_post(cli, cli_path("/api/v1/batches/%s/session", cli_escape(cli->words[0])), body,
                    ret_answer));
    return tg_json_str(*ret_answer, "statement", TG_MAX_STATEMENT, ret_text, &cli->err);
}

static int approve_here(struct cli *cli, struct signing *s)
{
    TG_AUTO(json) json_t *minted = NULL;
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    const char *text = NULL;
    TG_TRY(cli_trust_chain(cli, NULL, &s->chain));
    TG_TRY(tg_trust_chain_valid(s->chain, cli_now(), &cli->err));
    TG_TRY(batch_review_load(cli, cli->words[0], &s->review));
    if (!cli->json) batch_review_print(&s->review);
    if (s->review.totals.approve.count + s->review.totals.return_.count == 0)
        return TG_FAIL(&cli->err, TG_E_STATE, "batch %s: nothing in it is approved or returned",
                       cli->words[0]);
    if (!cli_agree(cli, "Is this what you want to sign?"))
        return TG_FAIL(&cli->err, TG_E_DENIED, "batch %s: not signed", cli->words[0]);
    TG_TRY(take_key(cli, s));
    TG_TRY(mint(cli, s->spki, TG_SIGN_MINUTES, &minted, &text));
    TG_TRY(compare(cli, s, text, strlen(text)));
    if (!cli->json) printf("%s", text);
    TG_TRY(tg_cms_sign(s->key, s->cert, text, strlen(text), &cms, &cli->err));
    return post_approval(cli, text, strlen(text), &cms);
}

static int approve_elsewhere(struct cli *cli)
{
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_STATEMENT);
    if (!cli_value(cli, "--statement"))
        return TG_FAIL(&cli->err, TG_E_USAGE,
                       "--cms needs --statement FILE: the text that was signed");
    TG_TRY(tg_file_read(cli_value(cli, "--cms"), &cms, &cli->err));
    TG_TRY(tg_file_read(cli_value(cli, "--statement"), &text, &cli->err));
    return post_approval(cli, tg_buf_text(&text), text.len, &cms);
}

enum cli_exit cmd_batch_approve(struct cli *cli)
{
    struct signing s = {0};
    bool here = cli_has(cli, "--keystore"), elsewhere = cli_has(cli, "--cms");
    if (here == elsewhere)
        return cli_usage(cli, "give --keystore FILE, or --cms FILE with --statement FILE");
    int rc = here ? approve_here(cli, &s) : approve_elsewhere(cli);
    signing_done(&s);
    return rc < 0 ? cli_fail(cli) : CLI_DONE;
}

/* After the approval: the statement, or its CMS, exactly as kept. */
static int signed_part(struct cli *cli, struct tg_buf *ret)
{
    TG_AUTO(json) json_t *o = NULL;
    TG_TRY(cli_get(cli, cli_path("/api/v1/batches/%s/approval", cli_escape(cli->words[0])), &o));
    const char *text = NULL;
    if (cli_has(cli, "--cms")) {
        text = json_string_value(json_array_get(json_object_get(o, "cms"), 0));
        if (!text)
            return TG_FAIL(&cli->err, TG_E_INPUT, "batch %s: the answer has no CMS", cli->words[0]);
        return tg_unbase64(text, strlen(text), ret, &cli->err);
    }
    TG_TRY(tg_json_str(o, "statement", TG_MAX_STATEMENT, &text, &cli->err));
    tg_buf_puts(ret, text);
    return tg_buf_ok(ret, &cli->err);
}

enum cli_exit cmd_batch_statement(struct cli *cli)
{
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_CMS);
    TG_AUTO(json) json_t *minted = NULL;
    const char *approver = cli_value(cli, "--approver"), *text = NULL;
    char spki[TG_SEAL_HEX];
    int rc = 0;
    if (approver) {
        rc = cli_spki(cli, approver, spki);
        if (rc == 0) rc = mint(cli, spki, TG_SIGN_MINUTES_FETCHED, &minted, &text);
        if (rc == 0) tg_buf_puts(&bytes, text);
    } else {
        rc = signed_part(cli, &bytes);
    }
    if (rc < 0) return cli_fail(cli);
    return cli_write(bytes.data, bytes.len) < 0 ? CLI_REFUSED : CLI_DONE;
}

static void print_recalled(json_int_t recalled, json_int_t stopped)
{
    printf("the approval is void; %lld application%s taken back, %lld installation%s stopped\n",
           (long long)recalled, cli_s(recalled), (long long)stopped, cli_s(stopped));
    if (stopped > 0) printf("an agent that is offline learns of it when it returns\n");
    if (recalled + stopped == 0)
        printf("note: nothing was left to take back; what is installed stays installed\n");
}

static int recall(struct cli *cli, struct signing *s)
{
    TG_AUTO(json) json_t *batch = NULL;
    TG_AUTO(json) json_t *o = NULL;
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_RECALL_MAX);
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    TG_AUTO(buf) struct tg_buf b64 = TG_BUF(2 * TG_MAX_CMS);
    const char *statement = NULL;
    TG_TRY(cli_trust_chain(cli, NULL, &s->chain));
    TG_TRY(cli_get(cli, cli_path("/api/v1/batches/%s", cli_escape(cli->words[0])), &batch));
    TG_TRY(tg_json_hex256(batch, "statement", &statement, &cli->err));
    TG_TRY(cli_signing_pair(cli, cli_value(cli, "--keystore"), &s->key, &s->cert));
    TG_TRY(tg_recall_make(tg_trust_chain_realm(s->chain), statement, cli_now(), &text, &cli->err));
    if (!cli->json) printf("%s", tg_buf_text(&text));
    if (!cli_agree(cli, "Take this approval back?"))
        return TG_FAIL(&cli->err, TG_E_DENIED, "not recalled");
    TG_TRY(tg_cms_sign(s->key, s->cert, text.data, text.len, &cms, &cli->err));
    tg_base64(&b64, cms.data, cms.len);
    TG_AUTO(json)
    json_t *body = json_pack("{s:s,s:s}", "text", tg_buf_text(&text), "cms", tg_buf_text(&b64));
    TG_TRY(
        cli_post(cli, cli_path("/api/v1/batches/%s/recall", cli_escape(cli->words[0])), body, &o));
    if (cli->json)
        cli_print_json(o);
    else
        print_recalled(json_integer_value(json_object_get(o, "recalled")),
                       json_integer_value(json_object_get(o, "cancelled")));
    return 0;
}

enum cli_exit cmd_batch_recall(struct cli *cli)
{
    struct signing s = {0};
    if (!cli_has(cli, "--keystore")) return cli_usage(cli, "--keystore FILE is missing");
    int rc = recall(cli, &s);
    signing_done(&s);
    return rc < 0 ? cli_fail(cli) : CLI_DONE;
}
