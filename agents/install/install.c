/* The install job: A1-A3. */
#include "agent/install.h"

#include <string.h>

#include "agent/pending.h"
#include "agent/platform.h"
#include "agent/prepare.h"
#include "agent/verify.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "keystore/install.h"
#include "keystore/keystore.h"
#include "loop/clock.h"
#include "x509/key.h"

struct install {
    const char *number, *path, *secret;
    struct agent_verified *checked;
    struct agent_store store;
    struct tg_key *key;
};

/* What the installer asks of the bytes before and after the rename. */
static int prove(const void *bytes, size_t len, const void *bytes2, size_t len2, void *data,
                 struct tg_err *err)
{
    const struct install *in = data;
    return tg_keystore_prove(bytes, len, bytes2, len2, in->store.password,
                             tg_cert_facts(in->checked->cert)->sha256, err);
}

static int read_request(const json_t *r, struct install *in, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    TG_TRY(tg_json_str(r, "application", TG_NUMBER, &in->number, err));
    TG_TRY(tg_json_str(r, "path", 4095, &in->path, err));
    TG_TRY(tg_json_str(r, "secret", 64, &in->secret, err));
    TG_TRY(tg_json_base64(r, "bundle", &bundle, err));
    in->checked = agent_verified_new();
    TG_TRY(agent_verify(r, bundle.data, bundle.len, tg_clock_wall(tg_clock_system()), in->checked,
                        err));
    if (strcmp(in->checked->leaf.no, in->number) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "A1: the bundle is for application %s",
                       in->checked->leaf.no);
    return 0;
}

/* A run that died after its rename left the new pair in place: nothing to do but to prove it. */
static bool installed_before(struct install *in)
{
    struct tg_err ignored = {0};
    TG_AUTO(key) struct tg_key *key = NULL;
    const struct tg_cert *cert = NULL;
    char hex[TG_HEX256];
    tg_hex(tg_cert_facts(in->checked->cert)->sha256, TG_SHA256, hex);
    return agent_store_pair(&in->store, hex, &cert, &key, &ignored) == 0 &&
           tg_key_prove(key, cert, &ignored) == 0;
}

static int load_key(struct install *in, struct tg_err *err)
{
    char hex[TG_HEX256];
    TG_TRY(agent_new_key_load(in->path, in->number, in->secret, &in->key, err));
    tg_key_spki_hex(in->key, hex);
    if (strcmp(hex, in->checked->leaf.key) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "A1: the key that waits beside the keystore is another");
    return tg_key_prove(in->key, in->checked->cert, err);
}

static int replace_one(struct install *in, const struct tg_keystore_renewal *renewal,
                       struct tg_err *err)
{
    struct tg_buf out = TG_BUF(2 * (size_t)TG_MAX_KEYSTORE);
    int rc = tg_keystore_replace(in->store.bytes.data, in->store.bytes.len, renewal, &out, err);
    struct tg_install_plan plan = {.dir_fd = -1,
                                   .path = in->path,
                                   .bytes = out.data,
                                   .len = out.len,
                                   .verify = prove,
                                   .data = in,
                                   .expect = in->store.bytes.data,
                                   .expect_len = in->store.bytes.len};
    if (rc == 0) rc = tg_install_file(&plan, err);
    if (out.data) tg_wipe(out.data, out.len);
    tg_buf_done(&out);
    return rc;
}

static int replace_pair(struct install *in, const struct tg_keystore_renewal *renewal,
                        struct tg_err *err)
{
    struct tg_buf cert = TG_BUF(2 * (size_t)TG_MAX_KEYSTORE),
                  key = TG_BUF(2 * (size_t)TG_MAX_KEYSTORE);
    const struct tg_buf *a = &in->store.bytes, *b = &in->store.key_bytes;
    int rc = tg_keystore_replace_pair(a->data, a->len, b->data, b->len, renewal, &cert, &key, err);
    struct tg_install_pair pair = {
        .first = {.dir_fd = -1,
                  .path = in->path,
                  .bytes = cert.data,
                  .len = cert.len,
                  .verify = prove,
                  .data = in,
                  .expect = a->data,
                  .expect_len = a->len},
        .second_path = in->store.key_path,
        .second_bytes = key.data,
        .second_len = key.len,
    };
    if (rc == 0) rc = tg_install_pair(&pair, err);
    if (key.data) tg_wipe(key.data, key.len);
    tg_buf_done(&key);
    tg_buf_done(&cert);
    return rc;
}

/* A1's last word: the old pair is still in place; then exactly this entry is replaced. */
static int replace(struct install *in, bool keep_iterations, struct tg_err *err)
{
    const struct tg_cert *old = NULL;
    TG_AUTO(key) struct tg_key *old_key = NULL;
    TG_TRY(load_key(in, err));
    if (agent_store_pair(&in->store, in->checked->leaf.old, &old, &old_key, err) < 0)
        return tg_err_wrap(err, "A1");
    struct tg_keystore_renewal renewal = {
        .password = in->store.password,
        .old_sha256 = tg_cert_facts(old)->sha256,
        .key = in->key,
        .cert = in->checked->cert,
        .chain = (const struct tg_cert *const *)in->checked->issuers,
        .chain_count = in->checked->issuers_count,
        .keep_old = true, /* old messages must stay readable */
        .keep_iterations = keep_iterations,
    };
    return in->store.key_path[0] ? replace_pair(in, &renewal, err) : replace_one(in, &renewal, err);
}

static int run(struct install *in, const json_t *request, const struct tg_secret *password,
               json_t *answer, struct tg_err *err)
{
    char path[4096], hex[TG_HEX256];
    TG_TRY(read_request(request, in, err));
    TG_TRY(agent_store_open_recovered(&in->store, in->path, password,
                                      json_object_get(request, "passwords"), err));
    bool again = installed_before(in);
    if (!again) TG_TRY(replace(in, json_is_true(json_object_get(request, "keep_iterations")), err));
    TG_TRY(agent_pending_key_path(in->path, in->number, path, sizeof path, err));
    TG_TRY(agent_remove(path, err));
    tg_hex(tg_cert_facts(in->checked->cert)->sha256, TG_SHA256, hex);
    json_object_set_new(answer, "certificate", json_string(hex));
    json_object_set_new(answer, "verified", json_true());
    json_object_set_new(answer, "again", json_boolean(again));
    return 0;
}

int agent_install(const json_t *request, const struct tg_secret *password, json_t *answer,
                  struct tg_err *err)
{
    struct install *in = TG_NEW(struct install);
    int rc = run(in, request, password, answer, err);
    agent_store_done(&in->store);
    agent_verified_free(in->checked);
    tg_key_free(in->key);
    free(in);
    return rc;
}
