/* crl: a full CRL, version 2 (RFC 5280 §5). */
#include "content_private.h"
#include "issue_private.h"
#include "x509/issue.h"

/* 1,000,000 entries of 40 octets. */
enum { MAX_CRL = 64 * 1024 * 1024, REMOVE_FROM_CRL = 8, MAX_REASON = 10 };

static int put_entry(struct tg_buf *b, const struct tg_crl_entry *e, struct tg_err *err)
{
    size_t start = b->len;
    if (e->serial_len == 0 || e->serial_len > 32 || e->reason < 0 || e->reason > MAX_REASON ||
        e->reason == REMOVE_FROM_CRL || e->reason == 7)
        return TG_FAIL(err, TG_E_INPUT, "CRL: an entry's serial number or reason is out of range");
    tg_der_put_integer(b, e->serial, e->serial_len);
    tg_der_put_time(b, e->revoked_at);
    if (e->reason > 0) {
        uint8_t value[] = {0x0a, 0x01, (uint8_t)e->reason};
        size_t list = b->len;
        tg_ext_put(b, "2.5.29.21", false, value, sizeof value);
        tg_der_wrap(b, list, TG_DER_SEQUENCE);
    }
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    return 0;
}

static void put_crl_extensions(struct tg_buf *b, const struct tg_cert_facts *issuer,
                               uint64_t number)
{
    size_t start = b->len;
    TG_AUTO(buf) struct tg_buf value = TG_BUF(16);
    tg_put_aki(b, issuer->ski, issuer->ski_len);
    tg_der_put_u64(&value, number);
    tg_ext_put(b, "2.5.29.20", false, value.data, value.len);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    tg_der_wrap(b, start, TG_DER_CONSTRUCTED | 0);
}

int tg_crl_make(const struct tg_cert *issuer, const struct tg_key *key,
                const struct tg_crl_entry *entries, size_t n, int64_t this_update,
                int64_t next_update, uint64_t number, struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(MAX_CRL);
    const struct tg_cert_facts *facts = tg_cert_facts(issuer);
    if (!tg_key_matches(key, issuer))
        return TG_FAIL(err, TG_E_STATE, "CRL: the CA's key does not belong to its certificate");
    tg_der_put_u64(&out, 1); /* v2 */
    tg_put_algorithm(&out, key);
    tg_buf_add(&out, facts->subject_der, facts->subject_len);
    tg_der_put_time(&out, this_update);
    tg_der_put_time(&out, next_update);
    size_t list = out.len;
    for (size_t i = 0; i < n; i++)
        TG_TRY(put_entry(&out, &entries[i], err));
    if (n) tg_der_wrap(&out, list, TG_DER_SEQUENCE); /* absent when empty (§5.1.2.6) */
    put_crl_extensions(&out, facts, number);
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    TG_TRY(tg_put_signature(&out, 0, key, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}
