#include "x509/csr.h"

#include <string.h>

#include "algorithm.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "content_private.h"
#include "issue_private.h"
#include "x509/name.h"
#include "x509/openssl.h"
#include "x509/pem.h"

struct tg_csr {
    uint8_t *der;
    struct tg_der_item info, subject, spki, algorithm, signature;
    uint8_t spki_sha256[32];
    struct tg_spki_facts facts;
    char *name;
};

/* Attribute extensionRequest (RFC 2985 §5.4.2) around the extensions since start; [0] {} when there
 * are none. */
static void wrap_attributes(struct tg_buf *b, size_t start)
{
    if (b->len > start) {
        tg_der_wrap(b, start, TG_DER_SEQUENCE);
        tg_der_wrap(b, start, TG_DER_SET);
        tg_der_insert_oid(b, start, "1.2.840.113549.1.9.14");
        tg_der_wrap(b, start, TG_DER_SEQUENCE);
    }
    tg_der_wrap(b, start, TG_DER_CONSTRUCTED | 0);
}

/* SAN, KU, EKU and "no CA": what a CA may be asked for; policies and private extensions are the
 * CA's own. `openssl x509 -req -copy_extensions copy` takes just these, and A2 wants what the old
 * certificate had. */
static int put_requested(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                         struct tg_buf *b, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(TG_MAX_CSR);
    static const char *const fields[] = {"san", "ku", "eku"};
    for (size_t i = 0; i < TG_COUNT(fields); i++) {
        const struct tg_list_kind *kind = tg_list_kind_of(fields[i]);
        struct tg_ext ext;
        bool there = tg_ext_find(tg_cert_parts(old)->extensions, kind->oid, &ext);
        tg_buf_reset(&value);
        TG_TRY(tg_list_apply(kind, there ? &ext : NULL, changes, n, &value, err));
        if (value.len)
            tg_ext_put(b, kind->oid, there ? ext.critical : false, value.data, value.len);
    }
    struct tg_ext ext;
    if (!tg_cert_facts(old)->is_ca &&
        tg_ext_find(tg_cert_parts(old)->extensions, TG_EXT_BASIC_CONSTRAINTS, &ext))
        tg_ext_put(b, TG_EXT_BASIC_CONSTRAINTS, ext.critical, ext.value.content, ext.value.len);
    return tg_buf_ok(&value, err);
}

int tg_csr_make_changed(const struct tg_key *key, const struct tg_cert *old,
                        const struct tg_change *changes, size_t n, struct tg_buf *ret,
                        struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_CSR);
    tg_der_put_u64(&out, 0);
    TG_TRY(tg_subject_apply(old, changes, n, &out, err));
    tg_key_spki(key, &out);
    size_t start = out.len;
    TG_TRY(put_requested(old, changes, n, &out, err));
    wrap_attributes(&out, start);
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    TG_TRY(tg_put_signature(&out, 0, key, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}

int tg_csr_make(const struct tg_key *key, const struct tg_cert *old, struct tg_buf *ret,
                struct tg_err *err)
{
    return tg_csr_make_changed(key, old, NULL, 0, ret, err);
}

int tg_csr_make_named(const struct tg_key *key, const char *cn, struct tg_buf *ret,
                      struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_CSR);
    tg_der_put_u64(&out, 0);
    tg_put_name(&out, NULL, cn);
    tg_key_spki(key, &out);
    wrap_attributes(&out, out.len);
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    TG_TRY(tg_put_signature(&out, 0, key, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}

/* CertificationRequest ::= SEQUENCE { info, algorithm, signature } (RFC 2986 §4.2) */
static bool read_shape(struct tg_csr *csr, size_t len)
{
    struct tg_der_item whole, version, attributes;
    if (!tg_der_whole(csr->der, len, TG_DER_SEQUENCE, &whole)) return false;
    struct tg_der inside = tg_der_inside(&whole);
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &csr->info) ||
        !tg_der_take(&inside, TG_DER_SEQUENCE, &csr->algorithm) ||
        !tg_der_take(&inside, TG_DER_BITS, &csr->signature) || !tg_der_empty(&inside))
        return false;
    if (csr->signature.len < 1 || csr->signature.content[0] != 0) return false;
    inside = tg_der_inside(&csr->info);
    if (!tg_der_take(&inside, TG_DER_INTEGER, &version) || version.len != 1 ||
        version.content[0] != 0)
        return false;
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &csr->subject) ||
        !tg_der_take(&inside, TG_DER_SEQUENCE, &csr->spki))
        return false;
    /* Some tools leave [0] out when there are no attributes. */
    return tg_der_empty(&inside) ||
           (tg_der_take(&inside, TG_DER_CONSTRUCTED | 0, &attributes) && tg_der_empty(&inside) &&
            tg_der_deep(&attributes, TG_MAX_DEPTH));
}

int tg_csr_parse(const uint8_t *der, size_t len, struct tg_csr **ret, struct tg_err *err)
{
    TG_AUTO(csr) struct tg_csr *csr = TG_NEW(struct tg_csr);
    TG_AUTO(buf) struct tg_buf name = TG_BUF(8 * (size_t)TG_MAX_CSR);
    if (len > TG_MAX_CSR)
        return TG_FAIL(err, TG_E_LIMIT, "request: %zu bytes, at most %d are read", len, TG_MAX_CSR);
    csr->der = tg_memdup(len ? der : (const uint8_t *)"", len);
    if (!read_shape(csr, len))
        return TG_FAIL(err, TG_E_INPUT, "request: malformed or not DER (RFC 2986 §4)");
    TG_TRY(tg_spki_read(csr->spki.whole, csr->spki.whole_len, &csr->facts, err));
    TG_TRY(tg_name_text(csr->subject.whole, csr->subject.whole_len, &name, err));
    tg_sha256(csr->spki.whole, csr->spki.whole_len, csr->spki_sha256);
    csr->name = tg_strdup(tg_buf_text(&name));
    *ret = TG_TAKE(csr);
    return 0;
}

void tg_csr_free(struct tg_csr *csr)
{
    if (!csr) return;
    free(csr->der);
    free(csr->name);
    free(csr);
}

int tg_csr_verify(const struct tg_csr *csr, struct tg_err *err)
{
    TG_AUTO(evp_pkey) EVP_PKEY *pkey = tg_spki_evp(csr->spki.whole, csr->spki.whole_len, err);
    if (!pkey) return tg_err_wrap(err, "request: possession cannot be proved");
    if (tg_algorithm_verify(pkey, &csr->algorithm, &csr->info, &csr->signature, err) < 0)
        return tg_err_wrap(err, "request: proof of possession");
    return 0;
}

static int on_request(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    struct tg_buf *ret = data;
    if (strcmp(block->label, "CERTIFICATE REQUEST") != 0 &&
        strcmp(block->label, "NEW CERTIFICATE REQUEST") != 0)
        return 0;
    if (ret->len) return TG_FAIL(err, TG_E_INPUT, "request: several in one PEM text");
    tg_buf_add(ret, block->der, block->der_len);
    return tg_buf_ok(ret, err);
}

int tg_csr_read(const uint8_t *bytes, size_t len, struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CSR);
    if (tg_pem_looks_like(bytes, len))
        TG_TRY(tg_pem_read(bytes, len, on_request, &der, err));
    else
        tg_buf_add(&der, bytes, len);
    TG_TRY(tg_buf_ok(&der, err));
    if (der.len == 0)
        return TG_FAIL(err, TG_E_NOT_FOUND, "request: no CERTIFICATE REQUEST block in the file");
    tg_buf_add(ret, der.data, der.len);
    return tg_buf_ok(ret, err);
}

void tg_csr_to_pem(const uint8_t *der, size_t len, struct tg_buf *ret)
{
    tg_pem_write("CERTIFICATE REQUEST", der, len, ret);
}

const uint8_t *tg_csr_spki(const struct tg_csr *csr, size_t *ret_len)
{
    if (ret_len) *ret_len = csr->spki.whole_len;
    return csr->spki.whole;
}

const uint8_t *tg_csr_spki_sha256(const struct tg_csr *csr)
{
    return csr->spki_sha256;
}

const char *tg_csr_key_algorithm(const struct tg_csr *csr)
{
    return csr->facts.algorithm;
}

bool tg_csr_weak(const struct tg_csr *csr)
{
    return csr->facts.weak;
}

const char *tg_csr_subject(const struct tg_csr *csr)
{
    return csr->name;
}
