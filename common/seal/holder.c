#include "seal/holder.h"

#include "base/bytes.h"
#include "cms/cms.h"
#include "text.h"

int tg_holder_text(const char *realm, struct tg_blob app, struct tg_buf *out, struct tg_err *err)
{
    if (!tg_is_hex(realm, 64))
        return TG_FAIL(err, TG_E_INPUT, "holder statement: the realm is not 64 hex digits");
    if (app.len > TG_MAX_LEAF)
        return TG_FAIL(err, TG_E_LIMIT, "holder statement: the app has %zu bytes, at most %d",
                       app.len, TG_MAX_LEAF);
    tg_buf_printf(out, TG_TEXT_HOLDER "\nrealm: %s\n", realm);
    tg_buf_add(out, app.data, app.len);
    tg_buf_putc(out, '\n');
    return tg_buf_ok(out, err);
}

int tg_holder_check(const char *realm, struct tg_blob app, struct tg_blob cms,
                    const struct tg_cert *old, struct tg_leaf *ret, struct tg_err *err)
{
    struct tg_leaf leaf;
    char old_hash[TG_HEX256];
    TG_TRY(seal_named(tg_app_parse(app.data, app.len, TG_APP_FULL, &leaf, err), "F2", err));
    tg_hex(tg_cert_facts(old)->sha256, TG_SHA256, old_hash);
    if (strcmp(leaf.old, old_hash) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "F2: old: not the certificate that is renewed");
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_LEAF + 256);
    TG_TRY(seal_named(tg_holder_text(realm, app, &text, err), "F2", err));
    TG_TRY(seal_named(tg_cms_verify_under(cms.data, cms.len, text.data, text.len, old, err), "F2",
                      err));
    if (ret) *ret = leaf;
    return 0;
}
