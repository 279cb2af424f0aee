/* A safe without a changed bag goes over byte for byte; a changed one is put together from its old
 * bags and the new ones, and sealed anew. */
#include <string.h>

#include "base/limits.h"
#include "p12_plan.h"
#include "x509/der.h"

uint64_t tg_p12_iterations(const struct p12_plan *plan, uint64_t had)
{
    enum { LEAST = 100 * 1000 };
    return plan->renewal->keep_iterations || had > LEAST ? had : LEAST;
}

/* What a new key or safe is sealed with, given what the old one was sealed with. */
static void fresh_pbe(const struct p12_plan *plan, const struct pbe *had, struct pbe *ret)
{
    tg_pbe_fresh(ret, had->pbes2 || !plan->renewal->compatible,
                 tg_p12_iterations(plan, had->iterations));
}

static void put_cert_value(const struct tg_cert *cert, struct tg_buf *out)
{
    size_t len = 0;
    const uint8_t *der = tg_cert_der(cert, &len);
    size_t wrap = out->len;
    tg_der_put_oid(out, P12_OID_X509);
    size_t inner = out->len;
    tg_der_put(out, TG_DER_OCTETS, der, len);
    tg_der_wrap(out, inner, TG_DER_CONSTRUCTED);
    tg_der_wrap(out, wrap, TG_DER_SEQUENCE);
    tg_der_wrap(out, wrap, TG_DER_CONSTRUCTED);
}

static int put_key_value(struct p12_plan *plan, const struct tg_p12_bag *bag, struct tg_buf *out,
                         struct tg_err *err)
{
    size_t wrap = out->len;
    if (bag->type == P12_KEY) {
        tg_buf_add(out, plan->pkcs8.data, plan->pkcs8.len);
    } else {
        struct ber r = tg_ber_body(&bag->value);
        struct tg_ber_item algorithm;
        struct pbe had, fresh;
        if (!tg_ber_next(&r, &algorithm))
            return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed key bag");
        TG_TRY(tg_pbe_parse(&algorithm, &had, err));
        fresh_pbe(plan, &had, &fresh);
        TG_TRY(tg_pbe_seal_key(&fresh, &plan->p->password, (const uint8_t *)plan->pkcs8.data,
                               plan->pkcs8.len, out, err));
    }
    tg_der_wrap(out, wrap, TG_DER_CONSTRUCTED);
    return 0;
}

static int put_new_bag(struct p12_plan *plan, const struct tg_p12_bag *bag, struct tg_buf *out,
                       struct tg_err *err)
{
    size_t start = out->len;
    tg_buf_add(out, bag->oid.raw, bag->oid.raw_len);
    if (bag->type == P12_CERT)
        put_cert_value(plan->renewal->cert, out);
    else
        TG_TRY(put_key_value(plan, bag, out, err));
    tg_p12_put_new_attributes(plan, bag, out);
    tg_der_wrap(out, start, TG_DER_SEQUENCE);
    return 0;
}

/* The old bag, its type and value as they were. */
static void put_archived_bag(const struct p12_plan *plan, const struct tg_p12_bag *bag,
                             struct tg_buf *out)
{
    struct ber body = tg_ber_body(&bag->raw);
    struct tg_ber_item oid, wrap;
    size_t start = out->len;
    if (!tg_ber_next(&body, &oid) || !tg_ber_next(&body, &wrap)) return;
    tg_buf_add(out, oid.raw, oid.raw_len);
    tg_buf_add(out, wrap.raw, wrap.raw_len);
    tg_p12_put_archived_attributes(plan, bag, out);
    tg_der_wrap(out, start, TG_DER_SEQUENCE);
}

static bool already_there(const struct p12_plan *plan, const struct tg_cert *cert)
{
    size_t len = 0;
    const uint8_t *der = tg_cert_der(cert, &len);
    for (size_t i = 0; i < plan->p->bag_count; i++) {
        const struct tg_p12_bag *bag = &plan->p->bags[i];
        if (bag->type == P12_CERT && bag->der_len == len && memcmp(bag->der, der, len) == 0 &&
            plan->fates[i] == P12_KEEP)
            return true;
    }
    return false;
}

/* Chain certificates that are not there yet stand behind the new certificate, without attributes.
 */
static void put_chain(struct p12_plan *plan, struct tg_buf *out)
{
    for (size_t i = 0; i < plan->renewal->chain_count; i++) {
        const struct tg_cert *cert = plan->renewal->chain[i];
        if (already_there(plan, cert)) continue;
        size_t start = out->len;
        tg_der_put_oid(out, "1.2.840.113549.1.12.10.1.3");
        put_cert_value(cert, out);
        tg_der_wrap(out, start, TG_DER_SEQUENCE);
    }
}

static bool changes_below(const struct p12_plan *plan, size_t container)
{
    for (size_t i = 0; i < plan->p->bag_count; i++) {
        int up = plan->p->bags[i].parent;
        if (plan->fates[i] == P12_KEEP) continue;
        while (up >= 0 && (size_t)up != container)
            up = plan->p->bags[up].parent;
        if (up >= 0) return true;
    }
    return false;
}

static int put_bags(struct p12_plan *plan, size_t safe, int parent, struct tg_buf *out,
                    struct tg_err *err);

static int put_bag(struct p12_plan *plan, size_t index, struct tg_buf *out, struct tg_err *err)
{
    const struct tg_p12_bag *bag = &plan->p->bags[index];
    if (plan->fates[index] == P12_DROP) return 0;
    if (plan->fates[index] == P12_RENEW) {
        TG_TRY(put_new_bag(plan, bag, out, err));
        if (plan->archive) put_archived_bag(plan, bag, out);
        if (bag == plan->cert_bag) put_chain(plan, out);
        return 0;
    }
    if (bag->type != P12_NESTED || !changes_below(plan, index)) {
        tg_buf_add(out, bag->raw.raw, bag->raw.raw_len);
        return 0;
    }
    size_t start = out->len;
    tg_buf_add(out, bag->oid.raw, bag->oid.raw_len);
    size_t wrap = out->len;
    TG_TRY(put_bags(plan, bag->safe, (int)index, out, err));
    tg_der_wrap(out, wrap, TG_DER_CONSTRUCTED);
    if (bag->attributes.at != bag->attributes.end)
        tg_der_put(out, TG_DER_SET, bag->attributes.at,
                   (size_t)(bag->attributes.end - bag->attributes.at));
    tg_der_wrap(out, start, TG_DER_SEQUENCE);
    return 0;
}

/* SafeContents of a safe, or of a nested bag in it. Depth is bounded by P12_MAX_NESTING. */
static int put_bags(struct p12_plan *plan, size_t safe, int parent, struct tg_buf *out,
                    struct tg_err *err)
{
    size_t start = out->len;
    for (size_t i = 0; i < plan->p->bag_count; i++)
        if (plan->p->bags[i].safe == safe && plan->p->bags[i].parent == parent)
            TG_TRY(put_bag(plan, i, out, err));
    tg_der_wrap(out, start, TG_DER_SEQUENCE);
    return tg_buf_ok(out, err);
}

static int put_sealed(struct p12_plan *plan, const struct tg_p12_safe *safe,
                      const struct tg_buf *plain, struct tg_buf *out, struct tg_err *err)
{
    struct pbe fresh;
    struct tg_buf sealed = TG_BUF(plain->len + 64);
    fresh_pbe(plan, &safe->pbe, &fresh);
    int rc = tg_pbe_encrypt(&fresh, &plan->p->password, plain->data, plain->len, &sealed, err);
    size_t start = out->len;
    tg_der_put_oid(out, P12_OID_ENCRYPTED);
    size_t wrap = out->len;
    tg_der_put_u64(out, 0);
    size_t info = out->len;
    tg_der_put_oid(out, P12_OID_DATA);
    tg_pbe_put_algorithm(&fresh, out);
    tg_der_put(out, TG_DER_CONTEXT, sealed.data, sealed.len);
    tg_der_wrap(out, info, TG_DER_SEQUENCE);
    tg_der_wrap(out, wrap, TG_DER_SEQUENCE);
    tg_der_wrap(out, wrap, TG_DER_CONSTRUCTED);
    tg_der_wrap(out, start, TG_DER_SEQUENCE);
    tg_buf_done(&sealed);
    return rc;
}

static int put_safe(struct p12_plan *plan, size_t index, struct tg_buf *out, struct tg_err *err)
{
    const struct tg_p12_safe *safe = &plan->p->safes[index];
    bool changed = false;
    for (size_t i = 0; i < plan->p->bag_count; i++)
        changed |= plan->p->bags[i].safe == index && plan->fates[i] != P12_KEEP;
    if (!changed) {
        tg_buf_add(out, safe->info.raw, safe->info.raw_len);
        return 0;
    }
    struct tg_buf plain = TG_BUF(TG_MAX_KEYSTORE);
    int rc = put_bags(plan, index, -1, &plain, err);
    if (rc == 0 && safe->state == P12_OPENED) {
        rc = put_sealed(plan, safe, &plain, out, err);
    } else if (rc == 0) {
        size_t start = out->len;
        tg_der_put_oid(out, P12_OID_DATA);
        size_t wrap = out->len;
        tg_der_put(out, TG_DER_OCTETS, plain.data, plain.len);
        tg_der_wrap(out, wrap, TG_DER_CONSTRUCTED);
        tg_der_wrap(out, start, TG_DER_SEQUENCE);
    }
    tg_pbe_wipe_buf(&plain);
    return rc;
}

static int put_mac(struct p12_plan *plan, const struct tg_buf *content, struct tg_buf *out,
                   struct tg_err *err)
{
    struct tg_pbe_mac mac = plan->p->mac;
    if (!plan->p->has_mac) return 0;
    if (!plan->renewal->compatible) tg_pbe_mac_sha256(&mac);
    mac.iterations = tg_p12_iterations(plan, mac.iterations);
    return tg_pbe_mac_put(&mac, &plan->p->password, content->data, content->len, out, err);
}

int tg_p12_put_file(struct p12_plan *plan, struct tg_buf *out, struct tg_err *err)
{
    struct tg_buf content = TG_BUF(TG_MAX_KEYSTORE);
    int rc = 0;
    for (size_t i = 0; i < plan->p->safe_count && rc == 0; i++)
        rc = put_safe(plan, i, &content, err);
    if (rc == 0) {
        tg_der_wrap(&content, 0, TG_DER_SEQUENCE);
        size_t start = out->len;
        tg_der_put_u64(out, 3);
        size_t info = out->len;
        tg_der_put_oid(out, P12_OID_DATA);
        size_t wrap = out->len;
        tg_der_put(out, TG_DER_OCTETS, content.data, content.len);
        tg_der_wrap(out, wrap, TG_DER_CONSTRUCTED);
        tg_der_wrap(out, info, TG_DER_SEQUENCE);
        rc = put_mac(plan, &content, out, err);
        tg_der_wrap(out, start, TG_DER_SEQUENCE);
    }
    if (rc == 0) rc = tg_buf_ok(&content, err);
    tg_pbe_wipe_buf(&content);
    TG_TRY(rc);
    return tg_buf_ok(out, err);
}
