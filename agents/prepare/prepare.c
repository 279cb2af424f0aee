/* The prepare job: new key, CSR, the old key's signature. */
#include "agent/prepare.h"

#include <string.h>

#include "agent/pending.h"
#include "agent/platform.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "cms/cms.h"
#include "keystore/keystore.h"
#include "seal/holder.h"
#include "seal/leaf.h"
#include "x509/cert.h"
#include "x509/csr.h"
#include "x509/key.h"

enum { SEAL_ITERATIONS = 10000 }; /* the secret has 256 random bits: stretching it adds nothing */

struct prepare {
    const char *number, *path, *algorithm, *consent, *agent, *host, *realm, *secret;
    struct tg_leaf leaf; /* the application as asked, then filled in */
    struct agent_store store;
    const struct tg_cert *old;
    struct tg_key *old_key, *new_key;
};

static int read_request(const json_t *r, struct prepare *p, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf app = TG_BUF(TG_MAX_LEAF);
    TG_TRY(tg_json_str(r, "application", TG_NUMBER, &p->number, err));
    TG_TRY(tg_json_str(r, "path", 4095, &p->path, err));
    TG_TRY(tg_json_str(r, "algorithm", 16, &p->algorithm, err));
    TG_TRY(tg_json_str(r, "consent", 16, &p->consent, err));
    TG_TRY(tg_json_str(r, "agent", 32, &p->agent, err));
    TG_TRY(tg_json_str(r, "host", 63, &p->host, err));
    TG_TRY(tg_json_hex256(r, "realm", &p->realm, err));
    TG_TRY(tg_json_str(r, "secret", 64, &p->secret, err));
    TG_TRY(tg_json_base64(r, "app", &app, err));
    return tg_app_parse(app.data, app.len, TG_APP_DRAFT, &p->leaf, err);
}

static int differs(const char *field, const char *asked, const char *here, struct tg_err *err)
{
    if (strcmp(asked, here) == 0) return 0;
    return TG_FAIL(err, TG_E_MISMATCH, "the application's %s is \"%s\", here it is \"%s\"", field,
                   asked, here);
}

/* What the application says about this machine and this keystore must be what is here (TRUST F2).
 */
static int compare(struct prepare *p, struct tg_err *err)
{
    struct tg_leaf *here = TG_NEW(struct tg_leaf);
    const struct tg_leaf *asked = &p->leaf;
    int rc = tg_leaf_from_old(here, p->old, err);
    if (rc == 0) rc = differs("no", asked->no, p->number, err);
    if (rc == 0) rc = differs("agent", asked->agent, p->agent, err);
    if (rc == 0) rc = differs("host", asked->host, p->host, err);
    if (rc == 0)
        rc = differs("store", asked->store, p->store.view->kind ? p->store.view->kind : "", err);
    if (rc == 0) rc = differs("old", asked->old, here->old, err);
    if (rc == 0) rc = differs("ends", asked->ends, here->ends, err);
    if (rc == 0) rc = differs("name", asked->name, here->name, err);
    if (rc == 0) rc = differs("id", asked->id, here->id, err);
    if (rc == 0) rc = differs("alg", asked->alg, p->algorithm, err);
    if (rc == 0 && asked->kind != TG_KIND_RENEW)
        rc = TG_FAIL(err, TG_E_UNSUPPORTED, "kind %s: this agent only renews",
                     tg_leaf_kind_word(asked->kind));
    free(here);
    return rc;
}

/* The key of an earlier run of this job, or a new one, durable before anything is signed with it.
 */
static int new_key(struct prepare *p, struct tg_err *err)
{
    char path[4096];
    struct tg_err none = {0};
    if (agent_new_key_load(p->path, p->number, p->secret, &p->new_key, &none) == 0) return 0;
    TG_TRY(agent_pending_key_path(p->path, p->number, path, sizeof path, err));
    if (none.code != TG_E_NOT_FOUND && none.code != TG_E_MISMATCH && none.code != TG_E_DENIED &&
        none.code != TG_E_LIMIT)
        return TG_FAIL(err, none.code, "%s", none.text); /* it may be good, and read next time */
    if (none.code != TG_E_NOT_FOUND)
        TG_TRY(
            agent_remove(path, err)); /* half-written, foreign, or of a lost record: never used */
    TG_TRY(tg_key_generate(p->algorithm, &p->new_key, err));
    struct tg_buf der = TG_BUF(TG_SECRET_MAX);
    TG_AUTO(secret) struct tg_secret seal = {0};
    tg_secret_set(&seal, p->secret, strlen(p->secret));
    int rc = tg_key_to_pkcs8(p->new_key, &seal, SEAL_ITERATIONS, &der, err);
    if (rc == 0) rc = agent_write_new(path, der.data, der.len, err);
    tg_buf_done(&der);
    return rc;
}

static void put_base64(json_t *answer, const char *name, const struct tg_buf *bytes)
{
    TG_AUTO(buf) struct tg_buf b64 = TG_BUF(TG_MAX_MESSAGE);
    tg_base64(&b64, bytes->data, bytes->len);
    json_object_set_new(answer, name, json_string(tg_buf_text(&b64)));
}

static int sign(struct prepare *p, json_t *answer, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf app = TG_BUF(TG_MAX_LEAF);
    TG_AUTO(buf) struct tg_buf csr = TG_BUF(TG_MAX_CSR);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(2 * TG_MAX_LEAF);
    TG_AUTO(buf) struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    tg_key_spki_hex(p->new_key, p->leaf.key);
    if (!tg_leaf_consent_from_word(p->consent, &p->leaf.consent))
        return TG_FAIL(err, TG_E_INPUT, "consent \"%s\" is unknown", p->consent);
    TG_TRY(tg_app_print(&p->leaf, TG_APP_FULL, &app, err));
    TG_TRY(
        tg_csr_make_changed(p->new_key, p->old, p->leaf.changes, p->leaf.changes_count, &csr, err));
    TG_TRY(tg_holder_text(p->realm, TG_BLOB(app.data, app.len), &text, err));
    TG_TRY(tg_cms_sign(p->old_key, p->old, text.data, text.len, &cms, err));
    put_base64(answer, "app", &app);
    put_base64(answer, "csr", &csr);
    put_base64(answer, "cms", &cms);
    json_object_set_new(answer, "key", json_string(p->leaf.key));
    json_object_set_new(answer, "old", json_string(p->leaf.old));
    return 0;
}

static int run(struct prepare *p, const json_t *request, const struct tg_secret *password,
               json_t *answer, struct tg_err *err)
{
    TG_TRY(read_request(request, p, err));
    TG_TRY(agent_store_open_recovered(&p->store, p->path, password,
                                      json_object_get(request, "passwords"), err));
    TG_TRY(agent_store_pair(&p->store, p->leaf.old, &p->old, &p->old_key, err));
    TG_TRY(compare(p, err));
    TG_TRY(new_key(p, err));
    if (tg_key_weak(p->new_key) || strcmp(tg_key_algorithm(p->new_key), p->algorithm) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "the key that waits is %s, the application asks for %s",
                       tg_key_algorithm(p->new_key), p->algorithm);
    return sign(p, answer, err);
}

int agent_prepare(const json_t *request, const struct tg_secret *password, json_t *answer,
                  struct tg_err *err)
{
    struct prepare *p = TG_NEW(struct prepare);
    int rc = run(p, request, password, answer, err);
    agent_store_done(&p->store);
    tg_key_free(p->old_key);
    tg_key_free(p->new_key);
    free(p);
    return rc;
}

int agent_forget(const json_t *request, struct tg_err *err)
{
    char key_path[4096];
    const char *number = NULL, *path = NULL;
    TG_TRY(tg_json_str(request, "application", TG_NUMBER, &number, err));
    TG_TRY(tg_json_str(request, "path", 4095, &path, err));
    TG_TRY(agent_pending_key_path(path, number, key_path, sizeof key_path, err));
    return agent_remove(key_path, err);
}
