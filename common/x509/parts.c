#include "parts.h"

#include "base/limits.h"

static bool take_validity(struct tg_der *tbs, struct tg_cert_parts *ret)
{
    struct tg_der_item validity;
    if (!tg_der_take(tbs, TG_DER_SEQUENCE, &validity)) return false;
    struct tg_der inside = tg_der_inside(&validity);
    return tg_der_next(&inside, &ret->not_before) && tg_der_next(&inside, &ret->not_after) &&
           tg_der_empty(&inside);
}

static bool take_version(struct tg_der *tbs, struct tg_cert_parts *ret)
{
    struct tg_der_item outer, number;
    ret->version = 0;
    if (!tg_der_take(tbs, TG_DER_CONSTRUCTED | 0, &outer)) return true;
    struct tg_der inside = tg_der_inside(&outer);
    if (!tg_der_take(&inside, TG_DER_INTEGER, &number) || number.len != 1) return false;
    ret->version = number.content[0];
    return tg_der_empty(&inside) && ret->version < 0x80;
}

/* issuerUniqueID, subjectUniqueID, extensions. */
static bool take_tail(struct tg_der *tbs, struct tg_cert_parts *ret)
{
    struct tg_der_item skipped, outer, list;
    tg_der_take(tbs, TG_DER_CONTEXT | 1, &skipped);
    tg_der_take(tbs, TG_DER_CONTEXT | 2, &skipped);
    ret->extensions = (struct tg_der){tbs->end, tbs->end};
    if (tg_der_empty(tbs)) return true;
    if (!tg_der_take(tbs, TG_DER_CONSTRUCTED | 3, &outer) || !tg_der_empty(tbs)) return false;
    struct tg_der inside = tg_der_inside(&outer);
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &list) || !tg_der_empty(&inside)) return false;
    ret->extensions = tg_der_inside(&list);
    struct tg_der run = ret->extensions;
    struct tg_ext ext;
    while (!tg_der_empty(&run))
        if (!tg_ext_next(&run, &ext)) return false;
    return true;
}

static const char *read_tbs(struct tg_cert_parts *ret)
{
    struct tg_der tbs = tg_der_inside(&ret->tbs);
    if (!take_version(&tbs, ret)) return "version";
    if (!tg_der_take(&tbs, TG_DER_INTEGER, &ret->serial) || ret->serial.len == 0)
        return "serial number";
    if (!tg_der_take(&tbs, TG_DER_SEQUENCE, &ret->inner_algorithm)) return "signature algorithm";
    if (!tg_der_take(&tbs, TG_DER_SEQUENCE, &ret->issuer)) return "issuer";
    if (!take_validity(&tbs, ret)) return "validity";
    if (!tg_der_take(&tbs, TG_DER_SEQUENCE, &ret->subject)) return "subject";
    if (!tg_der_take(&tbs, TG_DER_SEQUENCE, &ret->spki)) return "public key";
    return take_tail(&tbs, ret) ? NULL : "extensions";
}

bool tg_parts_read(const uint8_t *der, size_t len, struct tg_cert_parts *ret, const char **ret_why)
{
    struct tg_der_item whole;
    *ret_why = "outer shape";
    if (!tg_der_whole(der, len, TG_DER_SEQUENCE, &whole)) return false;
    struct tg_der inside = tg_der_inside(&whole);
    if (!tg_der_take(&inside, TG_DER_SEQUENCE, &ret->tbs) ||
        !tg_der_take(&inside, TG_DER_SEQUENCE, &ret->algorithm) ||
        !tg_der_take(&inside, TG_DER_BITS, &ret->signature) || !tg_der_empty(&inside))
        return false;
    if (ret->signature.len < 1 || ret->signature.content[0] != 0) {
        *ret_why = "signature";
        return false;
    }
    *ret_why = read_tbs(ret);
    return *ret_why == NULL;
}

bool tg_ext_next(struct tg_der *run, struct tg_ext *ret)
{
    struct tg_der_item whole, critical;
    if (!tg_der_take(run, TG_DER_SEQUENCE, &whole)) return false;
    struct tg_der inside = tg_der_inside(&whole);
    if (!tg_der_take(&inside, TG_DER_OID, &ret->oid)) return false;
    ret->critical = false;
    if (tg_der_take(&inside, TG_DER_BOOLEAN, &critical)) {
        if (critical.len != 1) return false;
        ret->critical = critical.content[0] != 0;
    }
    if (!tg_der_take(&inside, TG_DER_OCTETS, &ret->value) || !tg_der_empty(&inside)) return false;
    ret->whole = whole.whole;
    ret->whole_len = whole.whole_len;
    return true;
}

bool tg_ext_find(struct tg_der run, const char *oid, struct tg_ext *ret)
{
    uint8_t wanted[32];
    size_t len = tg_der_oid_bytes(oid, wanted, sizeof wanted);
    TG_CHECK(len > 0);
    struct tg_ext ext;
    while (tg_ext_next(&run, &ext)) {
        if (!tg_der_is(&ext.oid, wanted, len)) continue;
        *ret = ext;
        return true;
    }
    return false;
}

bool tg_key_usage_read(const struct tg_ext *ext, uint16_t *ret)
{
    struct tg_der_item bits;
    if (!tg_der_whole(ext->value.content, ext->value.len, TG_DER_BITS, &bits)) return false;
    if (bits.len < 1 || bits.len > 3 || bits.content[0] > 7) return false;
    uint16_t mask = 0;
    for (unsigned i = 0; i < 9; i++) {
        size_t octet = 1 + i / 8;
        if (octet < bits.len && bits.content[octet] & (0x80 >> (i % 8)))
            mask |= (uint16_t)(1u << i);
    }
    *ret = mask;
    return true;
}
