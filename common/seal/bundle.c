#include "seal/bundle.h"

#include "base/limits.h"
#include "json_private.h"
#include "text.h"

void tg_bundle_set_trust(struct tg_bundle *b, const struct tg_trust_chain *chain)
{
    b->trust_count = tg_trust_chain_version(chain);
    for (uint32_t v = 1; v <= b->trust_count; v++) {
        struct tg_bundle_trust *t = &b->trust[v - 1];
        const struct tg_blob *cms;
        t->text = tg_trust_chain_text(chain, v);
        t->cms_count = tg_trust_chain_cms(chain, v, &cms);
        memcpy(t->cms, cms, t->cms_count * sizeof *cms);
    }
}

static void put_field(struct tg_buf *out, const char *key, struct tg_blob bytes)
{
    tg_buf_puts(out, key);
    seal_put_base64(out, bytes);
}

static void put_list(struct tg_buf *out, const char *key, const struct tg_blob *items, size_t n)
{
    tg_buf_puts(out, key);
    seal_put_base64_list(out, items, n);
}

static void put_bundle(const struct tg_bundle *b, struct tg_buf *out)
{
    tg_buf_puts(out, "{\"v\":1,\"trust\":[");
    for (size_t i = 0; i < b->trust_count; i++) {
        put_field(out, i ? ",{\"text\":" : "{\"text\":", b->trust[i].text);
        put_list(out, ",\"cms\":", b->trust[i].cms, b->trust[i].cms_count);
        tg_buf_putc(out, '}');
    }
    put_field(out, "],\"statement\":", b->statement);
    put_list(out, ",\"cms\":", b->cms, b->cms_count);
    put_field(out, ",\"leaf\":", b->leaf);
    tg_buf_printf(out, ",\"index\":%u,\"proof\":", b->index);
    seal_put_hashes(out, b->proof, b->proof_count);
    put_field(out, ",\"certificate\":", b->certificate);
    put_field(out, ",\"old\":", b->old);
    put_list(out, ",\"chain\":", b->chain, b->chain_count);
    put_list(out, ",\"status\":", b->status, b->status_count);
    tg_buf_putc(out, '}');
}

int tg_bundle_print(const struct tg_bundle *b, struct tg_buf *out, struct tg_err *err)
{
    if (b->trust_count > TG_SEAL_TRUST_MAX || b->cms_count < 1 || b->cms_count > TG_SEAL_CMS_MAX ||
        b->proof_count > TG_SEAL_PROOF_MAX || b->chain_count > TG_SEAL_CHAIN_MAX ||
        b->status_count > TG_SEAL_STATUS_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "bundle: a list is too long, or nobody signed");
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_BUNDLE);
    put_bundle(b, &text);
    if (text.failed) return TG_FAIL(err, TG_E_LIMIT, "bundle: longer than %d bytes", TG_MAX_BUNDLE);
    tg_buf_add(out, text.data, text.len);
    return tg_buf_ok(out, err);
}

static int get_trust(struct seal_json *j, struct tg_bundle *b, struct tg_err *err)
{
    TG_TRY(seal_json_need(j, "{\"v\":1,\"trust\":[", err));
    while (!seal_json_has(j, "]")) {
        if (b->trust_count == TG_SEAL_TRUST_MAX)
            return TG_FAIL(err, TG_E_LIMIT, "bundle: more than %d trust versions",
                           TG_SEAL_TRUST_MAX);
        struct tg_bundle_trust *t = &b->trust[b->trust_count];
        if (b->trust_count) TG_TRY(seal_json_need(j, ",", err));
        TG_TRY(seal_json_need(j, "{\"text\":", err));
        TG_TRY(seal_json_base64(j, TG_MAX_TRUST, &t->text, err));
        TG_TRY(seal_json_need(j, ",\"cms\":", err));
        TG_TRY(seal_json_list(j, TG_MAX_CMS, t->cms, TG_SEAL_TRUST_CMS_MAX, &t->cms_count, err));
        TG_TRY(seal_json_need(j, "}", err));
        b->trust_count++;
    }
    return 0;
}

static int get_place(struct seal_json *j, struct tg_bundle *b, struct tg_err *err)
{
    TG_TRY(seal_json_need(j, ",\"statement\":", err));
    TG_TRY(seal_json_base64(j, TG_MAX_STATEMENT, &b->statement, err));
    TG_TRY(seal_json_need(j, ",\"cms\":", err));
    TG_TRY(seal_json_list(j, TG_MAX_CMS, b->cms, TG_SEAL_CMS_MAX, &b->cms_count, err));
    if (b->cms_count == 0) return TG_FAIL(err, TG_E_INPUT, "bundle: cms: nobody signed");
    TG_TRY(seal_json_need(j, ",\"leaf\":", err));
    TG_TRY(seal_json_base64(j, TG_MAX_LEAF, &b->leaf, err));
    TG_TRY(seal_json_need(j, ",\"index\":", err));
    TG_TRY(seal_json_number(j, TG_MAX_BATCH - 1, &b->index, err));
    TG_TRY(seal_json_need(j, ",\"proof\":", err));
    return seal_json_hashes(j, b->proof, TG_SEAL_PROOF_MAX, &b->proof_count, err);
}

static int get_certificates(struct seal_json *j, struct tg_bundle *b, struct tg_err *err)
{
    TG_TRY(seal_json_need(j, ",\"certificate\":", err));
    TG_TRY(seal_json_base64(j, TG_MAX_CERT, &b->certificate, err));
    TG_TRY(seal_json_need(j, ",\"old\":", err));
    TG_TRY(seal_json_base64(j, TG_MAX_CERT, &b->old, err));
    TG_TRY(seal_json_need(j, ",\"chain\":", err));
    TG_TRY(seal_json_list(j, TG_MAX_CERT, b->chain, TG_SEAL_CHAIN_MAX, &b->chain_count, err));
    TG_TRY(seal_json_need(j, ",\"status\":", err));
    TG_TRY(seal_json_list(j, TG_MAX_BUNDLE, b->status, TG_SEAL_STATUS_MAX, &b->status_count, err));
    TG_TRY(seal_json_need(j, "}", err));
    if (j->p == j->end) return 0;
    return TG_FAIL(err, TG_E_INPUT, "bundle: bytes after its end");
}

static int get_bundle(struct seal_json *j, struct tg_bundle *b, struct tg_err *err)
{
    if (!seal_json_has(&(struct seal_json){.p = j->p, .end = j->end}, "{\"v\":1,"))
        return TG_FAIL(err, TG_E_VERSION, "bundle: not version 1");
    TG_TRY(get_trust(j, b, err));
    TG_TRY(get_place(j, b, err));
    return get_certificates(j, b, err);
}

int tg_bundle_parse(const void *text, size_t len, struct tg_bundle **ret, struct tg_err *err)
{
    if (len > TG_MAX_BUNDLE)
        return TG_FAIL(err, TG_E_LIMIT, "bundle: %zu bytes, at most %d", len, TG_MAX_BUNDLE);
    TG_AUTO(bundle) struct tg_bundle *b = TG_NEW(struct tg_bundle);
    b->memory = tg_alloc(len + 1);
    struct seal_json j = {"bundle", text, (const char *)text + len, b->memory, len};
    TG_TRY(get_bundle(&j, b, err));
    TG_AUTO(buf) struct tg_buf again = TG_BUF(TG_MAX_BUNDLE);
    put_bundle(b, &again);
    TG_TRY(seal_same("bundle", &again, text, len, err));
    *ret = TG_TAKE(b);
    return 0;
}

void tg_bundle_free(struct tg_bundle *b)
{
    if (!b) return;
    free(b->memory);
    free(b);
}

int tg_bundle_feed(const struct tg_bundle *b, struct tg_trust_chain *chain, struct tg_err *err)
{
    for (size_t i = 0; i < b->trust_count; i++)
        TG_TRY(tg_trust_chain_add(chain, b->trust[i].text, b->trust[i].cms, b->trust[i].cms_count,
                                  err));
    return 0;
}
