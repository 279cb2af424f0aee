/* trust: the documents as they were published, and the next one. */
#include <string.h>

#include "approval/approval.h"
#include "base/limits.h"
#include "call.h"
#include "seal/chain.h"

static void write_document(struct tg_jw *w, const struct tg_trust_chain *chain, uint32_t version)
{
    const struct tg_blob *cms = NULL;
    size_t n = tg_trust_chain_cms(chain, version, &cms);
    struct tg_blob text = tg_trust_chain_text(chain, version);
    tg_jw_begin_object(w);
    tg_jw_kint(w, "version", version);
    tg_jw_key(w, "text");
    tg_jw_strn(w, text.data, text.len);
    tg_jw_key(w, "cms");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tg_jw_base64(w, cms[i].data, cms[i].len);
    tg_jw_end(w);
    tg_jw_end(w);
}

static void read_trust(struct api_call *call)
{
    const struct tg_trust_chain *chain = approval_chain(call->api->rooms.approval);
    struct tg_jw *w = &call->jw;
    struct tg_err err = {0};
    int64_t after = 0;
    if (api_number(call, "after", UINT32_MAX, 0, &after, &err) < 0) {
        api_problem(call, &err, NULL);
        return;
    }
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "realm", approval_realm(call->api->rooms.approval));
    tg_jw_key(w, "documents");
    tg_jw_begin_array(w);
    for (uint32_t v = (uint32_t)after + 1; chain && v <= tg_trust_chain_version(chain); v++)
        write_document(w, chain, v);
    tg_jw_end(w);
    tg_jw_end(w);
    api_send(call);
}

static void on_published(uint32_t version, const char *realm, const struct tg_err *err, void *data)
{
    struct api_call *call = data;
    if (api_failed(call, err)) return;
    tg_jw_begin_object(&call->jw);
    tg_jw_kint(&call->jw, "version", version);
    tg_jw_kstr(&call->jw, "realm", realm);
    tg_jw_end(&call->jw);
    api_send(call);
}

static int publish_body(struct api_call *call, const json_t *body, struct tg_err *err)
{
    struct tg_buf ders[TG_SEAL_TRUST_CMS_MAX] = {{0}};
    struct tg_blob blobs[TG_SEAL_TRUST_CMS_MAX];
    const char *text = NULL;
    const json_t *cms = NULL;
    TG_TRY(tg_json_only(body, err, "text", "cms"));
    TG_TRY(tg_json_str(body, "text", TG_MAX_TRUST, &text, err));
    TG_TRY(tg_json_array(body, "cms", TG_SEAL_TRUST_CMS_MAX, &cms, err));
    size_t n = json_array_size(cms);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *b64 = NULL;
        ders[i].max = TG_MAX_CMS;
        rc = tg_json_item_str(cms, "cms", i, 2 * (size_t)TG_MAX_CMS, &b64, err);
        if (rc == 0) rc = tg_unbase64(b64, strlen(b64), &ders[i], err);
        blobs[i] = TG_BLOB(ders[i].data, ders[i].len);
    }
    if (rc == 0)
        approval_publish(call->api->rooms.approval, TG_BLOB(text, strlen(text)), blobs, n,
                         call->who, call->now, on_published, call);
    for (size_t i = 0; i < n; i++)
        tg_buf_done(&ders[i]);
    return rc;
}

static void publish(struct api_call *call)
{
    TG_AUTO(json) json_t *body = NULL;
    struct tg_err err = {0};
    if (api_body(call, &body, &err) < 0 || publish_body(call, body, &err) < 0)
        api_problem(call, &err, NULL);
}

const struct api_route routes_trust[] = {
    {"GET", "trust", ACCESS_TRUST_READ, 0, read_trust},
    {"POST", "trust", ACCESS_TRUST_PUBLISH, 1024 * 1024, publish},
    {NULL, NULL, 0, 0, NULL},
};
