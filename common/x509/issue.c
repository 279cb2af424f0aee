/* issue: the employee's new certificate, carried over from the old one. */
#include "x509/issue.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "content_private.h"
#include "issue_private.h"

void tg_serial_random(uint8_t ret[TG_SERIAL])
{
    tg_random(ret, TG_SERIAL);
    ret[0] = (uint8_t)((ret[0] & 0x3f) |
                       0x40); /* positive, and all 20 octets count (RFC 5280 §4.1.2.2) */
}

const uint8_t *tg_cert_serial(const struct tg_cert *cert, size_t *ret_len)
{
    const struct tg_der_item *serial = &tg_cert_parts(cert)->serial;
    *ret_len = serial->len;
    return serial->content;
}

static bool serial_ok(const uint8_t serial[TG_SERIAL])
{
    bool zero = true;
    for (size_t i = 0; i < TG_SERIAL; i++)
        zero = zero && serial[i] == 0;
    return !zero && !(serial[0] & 0x80);
}

static int check_issuer(const struct tg_issue_spec *spec, struct tg_err *err)
{
    const struct tg_cert_facts *issuer = tg_cert_facts(spec->issuer);
    if (!serial_ok(spec->serial))
        return TG_FAIL(err, TG_E_BUG, "issue: the serial number is not positive");
    if (!issuer->is_ca)
        return TG_FAIL(err, TG_E_STATE, "issue: %s is no CA certificate", issuer->subject);
    if (!tg_key_matches(spec->issuer_key, spec->issuer))
        return TG_FAIL(err, TG_E_STATE, "issue: the CA's key does not belong to its certificate");
    if (spec->not_after <= spec->not_before)
        return TG_FAIL(err, TG_E_INPUT, "issue: the validity is empty");
    if (issuer->times_ok && spec->not_after > issuer->not_after)
        return TG_FAIL(err, TG_E_EXPIRED,
                       "issue: the certificate would outlive its CA: renew the CA first");
    return 0;
}

/* CRLDistributionPoints with one URI. */
static void put_crl_point(struct tg_buf *b, const char *url)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(4096);
    tg_der_put(&value, TG_DER_CONTEXT | 6, url, strlen(url));
    tg_der_wrap(&value, 0, TG_DER_CONSTRUCTED | 0); /* fullName */
    tg_der_wrap(&value, 0, TG_DER_CONSTRUCTED | 0); /* distributionPoint */
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_ext_put(b, TG_EXT_CRL_POINTS, false, value.data, value.len);
}

static void put_aia(struct tg_buf *b, const char *url)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(4096);
    tg_der_put_oid(&value, "1.3.6.1.5.5.7.48.2"); /* caIssuers */
    tg_der_put(&value, TG_DER_CONTEXT | 6, url, strlen(url));
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_ext_put(b, TG_EXT_AIA, false, value.data, value.len);
}

static int put_extensions(const struct tg_issue_spec *spec, const struct tg_spki_facts *spki,
                          struct tg_buf *b, struct tg_err *err)
{
    const struct tg_cert_facts *issuer = tg_cert_facts(spec->issuer);
    size_t start = b->len;
    uint8_t ski[20];
    TG_TRY(tg_extensions_apply(spec->old, spec->changes, spec->n, b, err));
    tg_ski_of(spki, ski);
    tg_put_ski(b, ski, sizeof ski);
    tg_put_aki(b, issuer->ski, issuer->ski_len);
    if (spec->crl_url && spec->crl_url[0]) put_crl_point(b, spec->crl_url);
    if (spec->aia_url && spec->aia_url[0]) put_aia(b, spec->aia_url);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    tg_der_wrap(b, start, TG_DER_CONSTRUCTED | 3);
    return 0;
}

static int put_tbs(const struct tg_issue_spec *spec, const struct tg_spki_facts *spki,
                   struct tg_buf *b, struct tg_err *err)
{
    static const uint8_t v3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
    const struct tg_cert_facts *issuer = tg_cert_facts(spec->issuer);
    size_t start = b->len;
    tg_buf_add(b, v3, sizeof v3);
    tg_der_put_integer(b, spec->serial, TG_SERIAL);
    tg_put_algorithm(b, spec->issuer_key);
    tg_buf_add(b, issuer->subject_der, issuer->subject_len);
    tg_put_validity(b, spec->not_before, spec->not_after);
    TG_TRY(tg_subject_apply(spec->old, spec->changes, spec->n, b, err));
    tg_buf_add(b, spec->spki, spec->spki_len);
    TG_TRY(put_extensions(spec, spki, b, err));
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    return 0;
}

int tg_issue(const struct tg_issue_spec *spec, struct tg_buf *ret, struct tg_err *err)
{
    struct tg_spki_facts spki;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_CERT);
    if (tg_cert_facts(spec->old)->is_ca)
        return TG_FAIL(err, TG_E_MISMATCH, "issue: a CA certificate is not renewed here");
    TG_TRY(check_issuer(spec, err));
    TG_TRY(tg_spki_read(spec->spki, spec->spki_len, &spki, err));
    TG_TRY(put_tbs(spec, &spki, &out, err));
    TG_TRY(tg_put_signature(&out, 0, spec->issuer_key, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}
