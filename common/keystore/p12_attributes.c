#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "base/times.h"
#include "p12_plan.h"
#include "x509/der.h"

static bool is_hex_of(const char *text, const uint8_t *bytes, size_t len)
{
    char hex[2 * 64 + 1];
    if (len == 0 || len > 64) return false;
    tg_hex(bytes, len, hex);
    return strcasecmp(text, hex) == 0;
}

/* The new localKeyID in the style found. False: an arbitrary mark of another maker, which is kept.
 */
static bool styled_id(const struct p12_plan *plan, const struct tg_p12_bag *bag, uint8_t *ret,
                      size_t *ret_len)
{
    const struct tg_cert_facts *was = tg_cert_facts(plan->old),
                               *is = tg_cert_facts(plan->renewal->cert);
    uint8_t digest[TG_KEYSTORE_SHA1];
    size_t der_len = 0;
    const uint8_t *der = tg_cert_der(plan->old, &der_len);
    tg_keystore_sha1(der, der_len, digest);
    if (bag->key_id_len == sizeof digest && memcmp(bag->key_id, digest, sizeof digest) == 0) {
        der = tg_cert_der(plan->renewal->cert, &der_len);
        tg_keystore_sha1(der, der_len, ret);
        *ret_len = TG_KEYSTORE_SHA1;
        return true;
    }
    if (bag->key_id_len && bag->key_id_len == was->ski_len &&
        memcmp(bag->key_id, was->ski, was->ski_len) == 0) {
        memcpy(ret, is->ski, is->ski_len);
        *ret_len = is->ski_len;
        return true;
    }
    return false;
}

/* The new friendlyName: the SKI's hex where it was the SKI's hex (DOMAIN §1.1), else as it was. */
static void styled_name(const struct p12_plan *plan, const char *name, char *ret, size_t size)
{
    const struct tg_cert_facts *was = tg_cert_facts(plan->old),
                               *is = tg_cert_facts(plan->renewal->cert);
    (void)tg_copy(ret, size, name);
    if (!is_hex_of(name, was->ski, was->ski_len) || 2 * is->ski_len + 1 > size) return;
    bool upper = false;
    for (const char *c = name; *c; c++)
        upper |= isupper((unsigned char)*c) != 0;
    tg_hex(is->ski, is->ski_len, ret);
    for (char *c = ret; upper && *c; c++)
        *c = (char)toupper((unsigned char)*c);
}

static void archived_name(const struct p12_plan *plan, const char *name, char *ret, size_t size)
{
    char date[TG_DATE];
    tg_date_print(tg_cert_facts(plan->old)->not_after, date);
    (void)snprintf(ret, size, "%.900s%s(old %s)", name, *name ? " " : "", date);
}

static void put_name(struct tg_buf *out, const char *name)
{
    size_t attr = out->len;
    tg_der_put_oid(out, P12_OID_FRIENDLY_NAME);
    size_t set = out->len, text = out->len;
    const char *p = name, *end = name + strlen(name);
    while (p < end) {
        uint32_t cp = tg_utf8_next(&p, end);
        uint32_t units[2] = {cp, 0};
        if (cp >= 0x10000) {
            units[0] = 0xd800 + ((cp - 0x10000) >> 10);
            units[1] = 0xdc00 + ((cp - 0x10000) & 0x3ff);
        }
        for (int i = 0; i < (cp >= 0x10000 ? 2 : 1); i++) {
            tg_buf_putc(out, (char)(units[i] >> 8));
            tg_buf_putc(out, (char)(units[i] & 0xff));
        }
    }
    tg_der_wrap(out, text, TG_DER_BMP);
    tg_der_wrap(out, set, TG_DER_SET);
    tg_der_wrap(out, attr, TG_DER_SEQUENCE);
}

static void put_key_id(struct tg_buf *out, const uint8_t *id, size_t len)
{
    size_t attr = out->len;
    tg_der_put_oid(out, P12_OID_LOCAL_KEY_ID);
    size_t set = out->len;
    tg_der_put(out, TG_DER_OCTETS, id, len);
    tg_der_wrap(out, set, TG_DER_SET);
    tg_der_wrap(out, attr, TG_DER_SEQUENCE);
}

/* A Windows CSP name binds the key to a kind of key. */
static bool drop_attribute(const struct p12_plan *plan, const struct tg_ber_item *oid)
{
    const char *was = tg_cert_facts(plan->old)->key_algorithm;
    const char *is = tg_cert_facts(plan->renewal->cert)->key_algorithm;
    return tg_ber_oid_is(oid, P12_OID_MS_CSP) && strncmp(was, is, 3) != 0;
}

/* The attributes of a bag with new name and id; NULL leaves one as it was. All others go over as
 * they are. */
static void put_attributes(const struct p12_plan *plan, const struct tg_p12_bag *bag,
                           const char *name, const uint8_t *id, size_t id_len, bool archive,
                           struct tg_buf *out)
{
    struct ber attrs = bag->attributes;
    struct tg_ber_item attr, oid;
    size_t set = out->len;
    if (name && *name) put_name(out, name);
    if (id) put_key_id(out, id, id_len);
    while (tg_ber_next(&attrs, &attr)) {
        struct ber body = tg_ber_body(&attr);
        bool known = attr.tag == BER_SEQUENCE && tg_ber_take(&body, BER_OID, &oid);
        if (known && name && tg_ber_oid_is(&oid, P12_OID_FRIENDLY_NAME)) continue;
        if (known && id && tg_ber_oid_is(&oid, P12_OID_LOCAL_KEY_ID)) continue;
        if (known && !archive && drop_attribute(plan, &oid)) continue;
        tg_buf_add(out, attr.raw, attr.raw_len);
    }
    if (out->len > set) tg_der_wrap(out, set, TG_DER_SET);
}

void tg_p12_put_new_attributes(const struct p12_plan *plan, const struct tg_p12_bag *bag,
                               struct tg_buf *out)
{
    char name[1024] = "";
    uint8_t id[64];
    size_t id_len = 0;
    bool new_id = styled_id(plan, bag, id, &id_len);
    if (bag->friendly_name) styled_name(plan, bag->friendly_name, name, sizeof name);
    put_attributes(plan, bag, *name ? name : NULL, new_id ? id : NULL, id_len, false, out);
}

void tg_p12_put_archived_attributes(const struct p12_plan *plan, const struct tg_p12_bag *bag,
                                    struct tg_buf *out)
{
    char name[1024];
    uint8_t id[64], digest[TG_KEYSTORE_SHA1];
    size_t id_len = 0, der_len = 0;
    const uint8_t *der = tg_cert_der(plan->old, &der_len);
    bool new_one_differs = styled_id(plan, bag, id, &id_len);
    tg_keystore_sha1(der, der_len, digest);
    archived_name(plan, bag->friendly_name ? bag->friendly_name : "", name, sizeof name);
    put_attributes(plan, bag, name, new_one_differs ? NULL : digest, sizeof digest, true, out);
}
