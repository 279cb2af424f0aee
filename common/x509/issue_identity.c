/* issue_identity: certificates that carry nothing over: CA roots, and identities for TLS. */
#include <arpa/inet.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "content_private.h"
#include "issue_private.h"
#include "x509/issue.h"

static const uint8_t v3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

/* BIT STRING of the first octet's usages. */
static void put_key_usage(struct tg_buf *b, uint8_t bits)
{
    uint8_t value[4] = {TG_DER_BITS, 2, 0, bits};
    while (!(bits & 1u << value[2]))
        value[2]++;
    tg_ext_put(b, TG_EXT_KEY_USAGE, true, value, sizeof value);
}

static void put_basic_constraints(struct tg_buf *b, bool ca, int path_len)
{
    static const uint8_t yes = 0xff;
    TG_AUTO(buf) struct tg_buf value = TG_BUF(64);
    if (ca) tg_der_put(&value, TG_DER_BOOLEAN, &yes, 1);
    if (ca && path_len >= 0) tg_der_put_u64(&value, (uint64_t)path_len);
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_ext_put(b, TG_EXT_BASIC_CONSTRAINTS, true, value.data, value.len);
}

int tg_issue_root(const struct tg_key *key, const struct tg_issue_root_spec *spec,
                  struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_CERT);
    struct tg_spki_facts spki;
    uint8_t serial[TG_SERIAL], ski[20];
    size_t spki_len;
    const uint8_t *spki_der = tg_key_spki_der(key, &spki_len);
    TG_TRY(tg_spki_read(spki_der, spki_len, &spki, err));
    tg_serial_random(serial);
    tg_ski_of(&spki, ski);
    tg_buf_add(&out, v3, sizeof v3);
    tg_der_put_integer(&out, serial, sizeof serial);
    tg_put_algorithm(&out, key);
    tg_put_name(&out, spec->organization, spec->cn);
    tg_put_validity(&out, spec->not_before, spec->not_after);
    tg_put_name(&out, spec->organization, spec->cn);
    tg_buf_add(&out, spki_der, spki_len);
    size_t start = out.len;
    put_basic_constraints(&out, true, spec->path_len);
    put_key_usage(&out, 0x06); /* keyCertSign, cRLSign */
    tg_put_ski(&out, ski, sizeof ski);
    tg_put_aki(&out, ski, sizeof ski);
    tg_der_wrap(&out, start, TG_DER_SEQUENCE);
    tg_der_wrap(&out, start, TG_DER_CONSTRUCTED | 3);
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    TG_TRY(tg_put_signature(&out, 0, key, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}

static void put_eku(const struct tg_issue_identity_spec *spec, struct tg_buf *b)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(128);
    if (spec->server) tg_der_put_oid(&value, "1.3.6.1.5.5.7.3.1");
    if (spec->client) tg_der_put_oid(&value, "1.3.6.1.5.5.7.3.2");
    if (!spec->server && !spec->client) tg_der_put_oid(&value, "1.3.6.1.5.5.7.3.4");
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_ext_put(b, TG_EXT_EKU, false, value.data, value.len);
}

static int put_san(const struct tg_issue_identity_spec *spec, struct tg_buf *b, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(16 * 1024);
    uint8_t address[16];
    for (const char *const *dns = spec->dns; dns && *dns; dns++)
        tg_der_put(&value, TG_DER_CONTEXT | 2, *dns, strlen(*dns));
    for (const char *const *ip = spec->ips; ip && *ip; ip++) {
        bool v4 = inet_pton(AF_INET, *ip, address) == 1;
        if (!v4 && inet_pton(AF_INET6, *ip, address) != 1)
            return TG_FAIL(err, TG_E_INPUT, "certificate: %s is no IP address", *ip);
        tg_der_put(&value, TG_DER_CONTEXT | 7, address, v4 ? 4 : 16);
    }
    if (spec->email && spec->email[0])
        tg_der_put(&value, TG_DER_CONTEXT | 1, spec->email, strlen(spec->email));
    if (value.len == 0) return 0;
    tg_der_wrap(&value, 0, TG_DER_SEQUENCE);
    tg_ext_put(b, TG_EXT_SAN, false, value.data, value.len);
    return tg_buf_ok(&value, err);
}

static int put_identity_extensions(const struct tg_issue_identity_spec *spec,
                                   const struct tg_spki_facts *spki, struct tg_buf *b,
                                   struct tg_err *err)
{
    size_t start = b->len;
    uint8_t ski[20];
    bool rsa = memcmp(spki->algorithm, "rsa-", 4) == 0;
    bool message = !spec->server && !spec->client;
    put_basic_constraints(b, false, -1);
    put_key_usage(b, (uint8_t)(0x80 | (message ? 0x40 : 0) | (rsa ? 0x20 : 0)));
    put_eku(spec, b);
    TG_TRY(put_san(spec, b, err));
    tg_ski_of(spki, ski);
    tg_put_ski(b, ski, sizeof ski);
    if (spec->issuer)
        tg_put_aki(b, tg_cert_facts(spec->issuer)->ski, tg_cert_facts(spec->issuer)->ski_len);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
    tg_der_wrap(b, start, TG_DER_CONSTRUCTED | 3);
    return 0;
}

int tg_issue_identity(const struct tg_issue_identity_spec *spec, struct tg_buf *ret,
                      struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_CERT);
    struct tg_spki_facts spki;
    const struct tg_cert_facts *issuer = spec->issuer ? tg_cert_facts(spec->issuer) : NULL;
    TG_TRY(tg_spki_read(spec->spki, spec->spki_len, &spki, err));
    if (issuer && !tg_key_matches(spec->issuer_key, spec->issuer))
        return TG_FAIL(err, TG_E_STATE, "issue: the CA's key does not belong to its certificate");
    if (spec->serial[0] & 0x80)
        return TG_FAIL(err, TG_E_BUG, "issue: the serial number is not positive");
    tg_buf_add(&out, v3, sizeof v3);
    tg_der_put_integer(&out, spec->serial, TG_SERIAL);
    tg_put_algorithm(&out, spec->issuer_key);
    if (issuer)
        tg_buf_add(&out, issuer->subject_der, issuer->subject_len);
    else
        tg_put_name(&out, spec->organization, spec->cn);
    tg_put_validity(&out, spec->not_before, spec->not_after);
    tg_put_name(&out, spec->organization, spec->cn);
    tg_buf_add(&out, spec->spki, spec->spki_len);
    TG_TRY(put_identity_extensions(spec, &spki, &out, err));
    tg_der_wrap(&out, 0, TG_DER_SEQUENCE);
    TG_TRY(tg_put_signature(&out, 0, spec->issuer_key, err));
    tg_buf_add(ret, out.data, out.len);
    return tg_buf_ok(ret, err);
}
