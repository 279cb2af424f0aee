/* A trust folder: N.trust and N.K.p7s (TRUST F5). */
#include "base/bytes.h"
#include "seal/chain.h"
#include "text.h"

static char *text_path(const char *dir, uint32_t version)
{
    return tg_printf("%s/%u.trust", dir, version);
}

static char *cms_path(const char *dir, uint32_t version, size_t k)
{
    return tg_printf("%s/%u.%zu.p7s", dir, version, k);
}

/* K counts from 1 without gaps; the first that is missing ends them. */
static int load_cms(const char *dir, uint32_t version, struct tg_buf *bufs, size_t *ret_count,
                    struct tg_err *err)
{
    for (size_t k = 0; k < TG_SEAL_TRUST_CMS_MAX; k++) {
        TG_AUTO(mem) char *path = cms_path(dir, version, k + 1);
        int rc = tg_file_read(path, &bufs[k], err);
        if (rc == TG_E_NOT_FOUND) return 0;
        TG_TRY(rc);
        *ret_count = k + 1;
    }
    return 0;
}

static int load_version(struct tg_trust_chain *chain, const char *dir, struct tg_blob text,
                        struct tg_err *err)
{
    struct tg_buf bufs[TG_SEAL_TRUST_CMS_MAX];
    struct tg_blob cms[TG_SEAL_TRUST_CMS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < TG_SEAL_TRUST_CMS_MAX; i++)
        tg_buf_init(&bufs[i], TG_MAX_CMS);
    int rc = load_cms(dir, tg_trust_chain_version(chain) + 1, bufs, &count, err);
    for (size_t i = 0; i < count; i++)
        cms[i] = TG_BLOB(bufs[i].data, bufs[i].len);
    if (rc == 0) rc = tg_trust_chain_add(chain, text, cms, count, err);
    for (size_t i = 0; i < TG_SEAL_TRUST_CMS_MAX; i++)
        tg_buf_done(&bufs[i]);
    return rc;
}

/* *ret_more false: there is no file for the next version. */
static int load_next(struct tg_trust_chain *chain, const char *dir, bool *ret_more,
                     struct tg_err *err)
{
    uint32_t version = tg_trust_chain_version(chain) + 1;
    TG_AUTO(mem) char *path = text_path(dir, version);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    int rc = tg_file_read(path, &text, err);
    *ret_more = rc != TG_E_NOT_FOUND;
    if (!*ret_more) return 0;
    TG_TRY(rc);
    rc = load_version(chain, dir, TG_BLOB(text.data, text.len), err);
    if (rc == 0 && tg_trust_chain_version(chain) != version)
        rc = TG_FAIL(err, TG_E_INPUT, "V1: %s: this file holds another version", path);
    return rc;
}

int tg_trust_chain_load(const char *dir, const char *realm, struct tg_trust_chain **ret,
                        struct tg_err *err)
{
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = tg_trust_chain_new(realm);
    for (bool more = true; more;)
        TG_TRY(load_next(chain, dir, &more, err));
    if (tg_trust_chain_version(chain) == 0)
        return TG_FAIL(err, TG_E_NO_TRUST, "V2: %s: no 1.trust there", dir);
    *ret = TG_TAKE(chain);
    return 0;
}

/* Existing files are left alone: a folder may already hold this version. */
static int save_file(const char *path, struct tg_blob bytes, struct tg_err *err)
{
    if (access(path, F_OK) == 0) return 0;
    return tg_file_replace(path, bytes.data, bytes.len, 0644, err);
}

static int save_version(const struct tg_trust_chain *chain, const char *dir, uint32_t version,
                        struct tg_err *err)
{
    const struct tg_blob *cms;
    size_t count = tg_trust_chain_cms(chain, version, &cms);
    for (size_t k = 0; k < count; k++) {
        TG_AUTO(mem) char *path = cms_path(dir, version, k + 1);
        TG_TRY(save_file(path, cms[k], err));
    }
    TG_AUTO(mem) char *path = text_path(dir, version);
    return save_file(path, tg_trust_chain_text(chain, version), err);
}

int tg_trust_chain_save(const struct tg_trust_chain *chain, const char *dir, struct tg_err *err)
{
    for (uint32_t v = 1; v <= tg_trust_chain_version(chain); v++)
        TG_TRY(save_version(chain, dir, v, err));
    return 0;
}
