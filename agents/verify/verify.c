/* The agent's checks in the order of TRUST §3. */
#include "agent/verify.h"

#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"

enum { RECALLS = 10000 };

struct agent_verified *agent_verified_new(void)
{
    return TG_NEW(struct agent_verified);
}

void agent_verified_free(struct agent_verified *v)
{
    if (!v) return;
    tg_bundle_free(v->bundle);
    tg_trust_chain_free(v->chain);
    tg_cert_unref(v->old);
    tg_cert_unref(v->cert);
    for (size_t i = 0; i < v->issuers_count; i++)
        tg_cert_unref(v->issuers[i]);
    free(v);
}

static int add_document(struct tg_trust_chain *chain, const json_t *d, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    struct tg_buf ders[TG_SEAL_TRUST_CMS_MAX] = {{0}};
    struct tg_blob blobs[TG_SEAL_TRUST_CMS_MAX];
    const json_t *cms = NULL;
    TG_TRY(tg_json_base64(d, "text", &text, err));
    TG_TRY(tg_json_array(d, "cms", TG_SEAL_TRUST_CMS_MAX, &cms, err));
    size_t n = json_array_size(cms);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *b64 = NULL;
        ders[i].max = TG_MAX_CMS;
        rc = tg_json_item_str(cms, "cms", i, 2 * (size_t)TG_MAX_CMS, &b64, err);
        if (rc == 0) rc = tg_unbase64(b64, strlen(b64), &ders[i], err);
        blobs[i] = TG_BLOB(ders[i].data, ders[i].len);
    }
    if (rc == 0) rc = tg_trust_chain_add(chain, TG_BLOB(text.data, text.len), blobs, n, err);
    for (size_t i = 0; i < n; i++)
        tg_buf_done(&ders[i]);
    return rc;
}

int agent_trust_from_json(const json_t *trust, struct tg_trust_chain **ret, struct tg_err *err)
{
    const char *realm = NULL;
    const json_t *documents = NULL;
    TG_TRY(tg_json_hex256(trust, "realm", &realm, err));
    TG_TRY(tg_json_array(trust, "documents", TG_SEAL_TRUST_MAX, &documents, err));
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = tg_trust_chain_new(realm);
    for (size_t i = 0; i < json_array_size(documents); i++)
        TG_TRY(add_document(chain, json_array_get(documents, i), err));
    *ret = TG_TAKE(chain);
    return 0;
}

static int read_pending(const json_t *request, struct tg_pending *ret, struct tg_err *err)
{
    const json_t *o = NULL;
    const char *agent = NULL, *app = NULL, *key = NULL, *old = NULL;
    TG_TRY(tg_json_object(request, "pending", &o, err));
    TG_TRY(tg_json_str(o, "agent", 32, &agent, err));
    TG_TRY(tg_json_hex256(o, "app", &app, err));
    TG_TRY(tg_json_hex256(o, "key", &key, err));
    TG_TRY(tg_json_hex256(o, "old", &old, err));
    (void)!tg_copy(ret->agent, sizeof ret->agent, agent);
    (void)!tg_copy(ret->app, sizeof ret->app, app);
    (void)!tg_copy(ret->key, sizeof ret->key, key);
    (void)!tg_copy(ret->old, sizeof ret->old, old);
    return 0;
}

static int read_recalled(const json_t *request, char (**ret)[TG_SEAL_HEX], size_t *ret_count,
                         struct tg_err *err)
{
    const json_t *list = NULL;
    TG_TRY(tg_json_array(request, "recalled", RECALLS, &list, err));
    size_t n = json_array_size(list);
    char(*hex)[TG_SEAL_HEX] = tg_calloc(n + 1, sizeof *hex);
    for (size_t i = 0; i < n; i++) {
        const char *text = NULL;
        int rc = tg_json_item_str(list, "recalled", i, 64, &text, err);
        if (rc < 0) {
            free(hex);
            return rc;
        }
        (void)!tg_copy(hex[i], TG_SEAL_HEX, text);
    }
    *ret = hex;
    *ret_count = n;
    return 0;
}

static int parse_certificates(struct agent_verified *v, struct tg_err *err)
{
    const struct tg_bundle *b = v->bundle;
    if (b->old.len == 0)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "A1: the bundle has no old certificate: there is nothing to renew");
    TG_TRY(tg_cert_parse(b->old.data, b->old.len, &v->old, err));
    TG_TRY(tg_cert_parse(b->certificate.data, b->certificate.len, &v->cert, err));
    for (; v->issuers_count < b->chain_count; v->issuers_count++)
        TG_TRY(tg_cert_parse(b->chain[v->issuers_count].data, b->chain[v->issuers_count].len,
                             &v->issuers[v->issuers_count], err));
    return 0;
}

static int check_all(const struct tg_knowledge *k, const struct tg_pending *pending,
                     struct agent_verified *v, struct tg_err *err)
{
    const struct tg_bundle *b = v->bundle;
    struct tg_signed statement = {.text = b->statement, .cms = b->cms, .cms_count = b->cms_count};
    struct tg_leaf_place place = {.line = b->leaf,
                                  .index = b->index,
                                  .proof = b->proof,
                                  .proof_count = b->proof_count};
    TG_TRY(tg_check_statement(k, &statement, &v->checked, err));
    TG_TRY(tg_check_window(&v->checked, k->now, err));
    TG_TRY(tg_check_leaf(&v->checked, &place, v->old, &v->leaf, err));
    TG_TRY(tg_check_pending(pending, b->leaf, &v->leaf, err));
    struct tg_issued issued = {.old = v->old,
                               .cert = v->cert,
                               .issuers = (const struct tg_cert *const *)v->issuers,
                               .issuers_count = v->issuers_count};
    TG_TRY(tg_check_certificate(k, &v->leaf, &issued, err));
    return tg_check_chain(&issued, err);
}

int agent_verify(const json_t *request, const void *bundle, size_t len, int64_t now,
                 struct agent_verified *v, struct tg_err *err)
{
    struct tg_pending pending;
    memset(&pending, 0, sizeof pending);
    const json_t *trust = NULL;
    char(*recalled)[TG_SEAL_HEX] = NULL;
    size_t recalled_count = 0;
    TG_TRY(tg_json_object(request, "trust", &trust, err));
    TG_TRY(agent_trust_from_json(trust, &v->chain, err));
    TG_TRY(read_pending(request, &pending, err));
    TG_TRY(tg_bundle_parse(bundle, len, &v->bundle, err));
    TG_TRY(tg_bundle_feed(v->bundle, v->chain, err));
    TG_TRY(parse_certificates(v, err));
    TG_TRY(read_recalled(request, &recalled, &recalled_count, err));
    struct tg_knowledge k = {.chain = v->chain,
                             .recalled = (const char(*)[TG_SEAL_HEX])recalled,
                             .recalled_count = recalled_count,
                             .now = now};
    int rc = check_all(&k, &pending, v, err);
    free(recalled);
    return rc;
}
