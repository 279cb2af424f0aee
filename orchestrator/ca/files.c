#include "files.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/times.h"
#include "x509/issue.h"
#include "x509/pem.h"

enum { KEY_FILE_MAX = 64 * 1024, ROOT_YEARS = 10, BACKDATE_S = 3600 };

static int refuse_open_key(const char *path, struct tg_err *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode) && (st.st_mode & 077) == 0) return 0;
    return TG_FAIL(err, TG_E_DENIED,
                   "%s: others may read this key: treat it as known, or chmod 600 it", path);
}

static int make_key(const char *path, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(KEY_FILE_MAX);
    TG_TRY(tg_key_generate("ec-p256", &key, err));
    int rc = tg_key_to_pem(key, NULL, 0, &pem, err);
    if (rc == 0) rc = tg_file_replace(path, pem.data, pem.len, 0600, err);
    if (pem.data) tg_wipe(pem.data, pem.len);
    if (rc == 0) *ret = TG_TAKE(key);
    return rc;
}

int ca_key_load_or_make(const char *path, struct tg_key **ret, struct tg_err *err)
{
    if (access(path, F_OK) < 0 && errno == ENOENT) return make_key(path, ret, err);
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(KEY_FILE_MAX);
    TG_TRY(refuse_open_key(path, err));
    TG_TRY(tg_file_read(path, &pem, err));
    int rc = tg_key_from_pem(tg_buf_text(&pem), pem.len, NULL, ret, err);
    if (pem.data) tg_wipe(pem.data, pem.len);
    return rc < 0 ? tg_err_wrap(err, "%s", path) : 0;
}

static int take_first(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct tg_cert **ret = data;
    if (*ret || !tg_pem_is_certificate(block->label)) return 0;
    return tg_cert_parse(block->der, block->der_len, ret, err);
}

int ca_cert_load(const char *path, struct tg_cert **ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(TG_MAX_CERT * 2);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_TRY(tg_file_read(path, &bytes, err));
    if (tg_pem_or_der_read(bytes.data, bytes.len, take_first, &cert, err) < 0)
        return tg_err_wrap(err, "%s", path);
    if (!cert) return TG_FAIL(err, TG_E_INPUT, "%s: there is no certificate in it", path);
    *ret = TG_TAKE(cert);
    return 0;
}

int ca_cert_save(const char *path, const struct tg_cert *cert, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(TG_MAX_CERT * 2);
    size_t len;
    const uint8_t *der = tg_cert_der(cert, &len);
    tg_pem_write("CERTIFICATE", der, len, &pem);
    TG_TRY(tg_buf_ok(&pem, err));
    return tg_file_replace(path, pem.data, pem.len, 0644, err);
}

static int make_root(const struct ca_root *root, const struct tg_key *key, struct tg_cert **ret,
                     struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    const char *organization = root->organization ? root->organization : "";
    char cn[65]; /* ub-common-name counts characters; bytes are at least as many */
    TG_AUTO(mem)
    char *full = tg_printf("%s %s", *organization ? organization : "tamga", root->what);
    if (!tg_copy(cn, sizeof cn, full)) (void)!tg_copy(cn, sizeof cn, root->what);
    struct tg_issue_root_spec spec = {.cn = cn,
                                      .organization = organization,
                                      .not_before = root->now - BACKDATE_S,
                                      .not_after = root->now + ROOT_YEARS * 365 * TG_DAY,
                                      .path_len = 0};
    TG_TRY(tg_issue_root(key, &spec, &der, err));
    TG_TRY(tg_cert_parse(der.data, der.len, &cert, err));
    TG_TRY(ca_cert_save(root->path, cert, err));
    *ret = TG_TAKE(cert);
    return 0;
}

int ca_root_load_or_make(const struct ca_root *root, const struct tg_key *key, struct tg_cert **ret,
                         struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    if (access(root->path, F_OK) < 0 && errno == ENOENT) return make_root(root, key, ret, err);
    TG_TRY(ca_cert_load(root->path, &cert, err));
    if (!tg_key_matches(key, cert) || !tg_cert_facts(cert)->is_ca)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "%s: it is no CA certificate of the key beside it; bring back the right one "
                       "from a backup",
                       root->path);
    *ret = TG_TAKE(cert);
    return 0;
}
