#include "p12.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_SAFES = 1024 };

#define OID_BAG "1.2.840.113549.1.12.10.1."

static enum tg_p12_bag_type bag_type(const struct tg_ber_item *oid)
{
    static const char *const words[] = {[P12_KEY] = OID_BAG "1",
                                        [P12_SHROUDED] = OID_BAG "2",
                                        [P12_CERT] = OID_BAG "3",
                                        [P12_NESTED] = OID_BAG "6"};
    for (size_t i = 0; i < TG_COUNT(words); i++)
        if (tg_ber_oid_is(oid, words[i])) return (enum tg_p12_bag_type)i;
    return P12_OTHER;
}

/* BMPString to UTF-8; NULL when it is none or holds a zero. */
static char *bmp_text(const struct tg_ber_item *item)
{
    struct tg_buf out = TG_BUF(4096);
    const uint8_t *p = item->body;
    for (size_t i = 0; i + 1 < item->body_len; i += 2) {
        uint32_t cp = (uint32_t)p[i] << 8 | p[i + 1];
        if (cp >= 0xd800 && cp < 0xdc00 && i + 3 < item->body_len) {
            uint32_t low = (uint32_t)p[i + 2] << 8 | p[i + 3];
            if (low >= 0xdc00 && low < 0xe000) {
                cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        char text[4];
        if (cp == 0 && i + 2 >= item->body_len) break; /* Windows ends its names with a zero */
        if (cp == 0) cp = 0xfffd;
        int n = tg_utf8_put(cp, text);
        if (n == 0) n = tg_utf8_put(0xfffd, text);
        tg_buf_add(&out, text, (size_t)n);
    }
    char *ret = out.failed ? NULL : tg_strdup(tg_buf_text(&out));
    tg_buf_done(&out);
    return ret;
}

static char *name_text(const struct tg_ber_item *value)
{
    if (value->tag == BER_BMP) return bmp_text(value);
    /* UTF8String and the ASCII types, as some makers write them. */
    bool text = value->tag == 0x0c || value->tag == 0x13 || value->tag == 0x16;
    if (!text || value->body_len > 4096 || !tg_utf8_valid(value->body, value->body_len) ||
        (value->body_len && memchr(value->body, 0, value->body_len)))
        return NULL;
    return tg_strndup((const char *)value->body, value->body_len);
}

/* Attributes that make no sense are carried over and otherwise ignored. */
static void read_attributes(struct tg_p12_bag *bag)
{
    struct ber attrs = bag->attributes, attr, values;
    while (tg_ber_enter(&attrs, BER_SEQUENCE, &attr)) {
        struct tg_ber_item oid, value;
        if (!tg_ber_take(&attr, BER_OID, &oid) || !tg_ber_enter(&attr, BER_SET, &values)) continue;
        bool any = tg_ber_next(&values, &value);
        if (tg_ber_oid_is(&oid, P12_OID_JAVA_TRUSTED)) bag->java_trusted = true;
        if (any && !bag->friendly_name && tg_ber_oid_is(&oid, P12_OID_FRIENDLY_NAME)) {
            bag->friendly_name = name_text(&value);
        } else if (any && value.tag == BER_OCTETS && tg_ber_oid_is(&oid, P12_OID_LOCAL_KEY_ID)) {
            bag->key_id = value.body;
            bag->key_id_len = value.body_len;
        }
    }
}

/* CertBag ::= SEQUENCE { certId, certValue [0] EXPLICIT }; other kinds than X.509 are left alone.
 */
static void read_cert(struct tg_p12_bag *bag)
{
    struct ber body = tg_ber_body(&bag->value), wrap;
    struct tg_ber_item oid, octets;
    bag->type = P12_OTHER;
    if (bag->value.tag != BER_SEQUENCE || !tg_ber_take(&body, BER_OID, &oid) ||
        !tg_ber_oid_is(&oid, P12_OID_X509) || !tg_ber_enter(&body, BER_CONTEXT0, &wrap) ||
        !tg_ber_next(&wrap, &octets))
        return;
    if (octets.tag == BER_OCTETS) {
        bag->der = octets.body;
        bag->der_len = octets.body_len;
        bag->type = P12_CERT;
        return;
    }
    struct tg_buf joined = TG_BUF(TG_MAX_CERT);
    if (tg_ber_octets(&octets, BER_OCTETS, &joined) && joined.len) {
        bag->der = bag->der_own = tg_memdup(joined.data, joined.len);
        bag->der_len = joined.len;
        bag->type = P12_CERT;
    }
    tg_buf_done(&joined);
}

static struct tg_p12_bag *add_bag(struct tg_p12 *p)
{
    if (p->bag_count == TG_MAX_ENTRIES) return NULL;
    if (p->bag_count == p->bag_cap) {
        p->bag_cap = p->bag_cap ? 2 * p->bag_cap : 8;
        p->bags = tg_realloc(p->bags, p->bag_cap * sizeof *p->bags);
    }
    return memset(&p->bags[p->bag_count++], 0, sizeof *p->bags);
}

static int read_bag(struct tg_p12 *p, struct ber *r, size_t safe, int parent, struct tg_err *err)
{
    struct ber body, wrap;
    int depth = parent < 0 ? 0 : p->bags[parent].depth + 1;
    struct tg_p12_bag *bag = add_bag(p);
    if (!bag) return TG_FAIL(err, TG_E_LIMIT, "PKCS#12: more than %d bags", TG_MAX_ENTRIES);
    bag->safe = safe;
    bag->parent = parent;
    bag->depth = depth;
    if (!tg_ber_take(r, BER_SEQUENCE, &bag->raw))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed bag");
    body = tg_ber_body(&bag->raw);
    if (!tg_ber_take(&body, BER_OID, &bag->oid) || !tg_ber_enter(&body, BER_CONTEXT0, &wrap) ||
        !tg_ber_next(&wrap, &bag->value))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed bag");
    if (!tg_ber_done(&body) && !tg_ber_enter(&body, BER_SET, &bag->attributes))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed bag attributes");
    bag->type = bag_type(&bag->oid);
    read_attributes(bag);
    if (bag->type == P12_CERT) read_cert(bag);
    if (bag->type == P12_NESTED && depth >= P12_MAX_NESTING)
        return TG_FAIL(err, TG_E_LIMIT, "PKCS#12: bags nested deeper than %d", P12_MAX_NESTING);
    return 0;
}

static int read_bags(struct tg_p12 *p, const struct tg_ber_item *contents, size_t safe, int parent,
                     struct tg_err *err)
{
    struct ber r = tg_ber_body(contents);
    if (contents->tag != BER_SEQUENCE) return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed safe");
    while (!tg_ber_done(&r))
        TG_TRY(read_bag(p, &r, safe, parent, err));
    return 0;
}

int tg_p12_walk_safe(struct tg_p12 *p, size_t safe, struct tg_err *err)
{
    struct ber r = tg_ber_over(p->safes[safe].plain.data, p->safes[safe].plain.len);
    struct tg_ber_item contents;
    size_t first = p->bag_count;
    if (!tg_ber_next(&r, &contents)) return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed safe");
    TG_TRY(read_bags(p, &contents, safe, -1, err));
    /* Nested contents append behind; the list itself is the queue, so that nothing recurses. */
    for (size_t i = first; i < p->bag_count; i++) {
        struct tg_ber_item value = p->bags[i].value;
        if (p->bags[i].type == P12_NESTED) TG_TRY(read_bags(p, &value, safe, (int)i, err));
    }
    return 0;
}

/* EncryptedData ::= SEQUENCE { version, SEQUENCE { type, algorithm, [0] IMPLICIT OCTET STRING } }
 */
static int read_sealed(struct tg_p12_safe *safe, struct ber *wrap, struct tg_err *err)
{
    struct ber data, info;
    struct tg_ber_item version, type, algorithm, content;
    if (!tg_ber_enter(wrap, BER_SEQUENCE, &data) || !tg_ber_take(&data, BER_INTEGER, &version) ||
        !tg_ber_enter(&data, BER_SEQUENCE, &info) || !tg_ber_take(&info, BER_OID, &type) ||
        !tg_ber_take(&info, BER_SEQUENCE, &algorithm) || !tg_ber_next(&info, &content))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed encrypted safe");
    safe->sealed = TG_BUF(content.body_len);
    if (!tg_ber_octets(&content, 0x80, &safe->sealed))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed encrypted safe");
    safe->state = P12_SEALED;
    if (tg_pbe_parse(&algorithm, &safe->pbe, &safe->why) < 0) safe->state = P12_REFUSED;
    return 0;
}

static int read_safe(struct tg_p12 *p, struct ber *r, struct tg_err *err)
{
    struct ber body, wrap;
    struct tg_ber_item oid, octets;
    size_t index = p->safe_count;
    if (index == MAX_SAFES)
        return TG_FAIL(err, TG_E_LIMIT, "PKCS#12: more than %d safes", MAX_SAFES);
    struct tg_p12_safe *safe = &p->safes[p->safe_count++];
    struct ber peek = *r;
    if (!tg_ber_take(&peek, BER_SEQUENCE, &safe->info) || !tg_ber_enter(r, BER_SEQUENCE, &body) ||
        !tg_ber_take(&body, BER_OID, &oid) || !tg_ber_enter(&body, BER_CONTEXT0, &wrap))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed safe");
    if (tg_ber_oid_is(&oid, P12_OID_ENCRYPTED)) return read_sealed(safe, &wrap, err);
    if (!tg_ber_oid_is(&oid, P12_OID_DATA)) {
        safe->state = P12_REFUSED;
        (void)TG_FAIL(&safe->why, TG_E_UNSUPPORTED,
                      "PKCS#12: a safe sealed for a public key is not supported");
        return 0;
    }
    if (!tg_ber_next(&wrap, &octets)) return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed safe");
    safe->plain = TG_BUF(octets.body_len);
    if (!tg_ber_octets(&octets, BER_OCTETS, &safe->plain))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed safe");
    return tg_p12_walk_safe(p, index, err);
}

/* PFX ::= SEQUENCE { version 3, ContentInfo data, macData OPTIONAL } */
static int read_outside(struct tg_p12 *p, const uint8_t *bytes, size_t len, struct tg_err *err)
{
    struct ber r = tg_ber_over(bytes, len), pfx, info, wrap;
    struct tg_ber_item version, oid, octets, mac;
    uint64_t number = 0;
    if (!tg_ber_enter(&r, BER_SEQUENCE, &pfx))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: cut off or malformed");
    if (!tg_ber_take(&pfx, BER_INTEGER, &version) || !tg_ber_uint(&version, 255, &number) ||
        number != 3)
        return TG_FAIL(err, TG_E_VERSION, "PKCS#12: not version 3");
    if (!tg_ber_enter(&pfx, BER_SEQUENCE, &info) || !tg_ber_take(&info, BER_OID, &oid) ||
        !tg_ber_enter(&info, BER_CONTEXT0, &wrap))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: cut off or malformed");
    if (!tg_ber_oid_is(&oid, P12_OID_DATA))
        return TG_FAIL(err, TG_E_UNSUPPORTED, "PKCS#12: integrity by signature is not supported");
    p->content = TG_BUF(len);
    if (!tg_ber_next(&wrap, &octets) || !tg_ber_octets(&octets, BER_OCTETS, &p->content))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: cut off or malformed");
    if (tg_ber_done(&pfx)) return 0;
    if (!tg_ber_next(&pfx, &mac)) return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed MAC");
    p->has_mac = true;
    return tg_pbe_mac_parse(&mac, &p->mac, err);
}

int tg_p12_read(struct tg_p12 *p, const uint8_t *bytes, size_t len, struct tg_err *err)
{
    *p = (struct tg_p12){.password_index = -1, .budget = {TG_MAX_KDF_BUDGET}};
    TG_TRY(read_outside(p, bytes, len, err));
    struct ber r = tg_ber_over(p->content.data, p->content.len), safes;
    if (!tg_ber_enter(&r, BER_SEQUENCE, &safes))
        return TG_FAIL(err, TG_E_INPUT, "PKCS#12: malformed contents");
    p->safes = tg_calloc(MAX_SAFES, sizeof *p->safes);
    while (!tg_ber_done(&safes))
        TG_TRY(read_safe(p, &safes, err));
    return 0;
}

void tg_p12_done(struct tg_p12 *p)
{
    for (size_t i = 0; i < p->bag_count; i++) {
        free(p->bags[i].friendly_name);
        free(p->bags[i].der_own);
    }
    for (size_t i = 0; i < p->safe_count; i++) {
        tg_buf_done(&p->safes[i].sealed);
        tg_pbe_wipe_buf(&p->safes[i].plain);
    }
    tg_password_done(&p->password);
    tg_pbe_wipe_buf(&p->content);
    free(p->bags);
    free(p->safes);
    *p = (struct tg_p12){.password_index = -1};
}

bool tg_p12_probe(const uint8_t *bytes, size_t len)
{
    struct ber r = tg_ber_over(bytes, len);
    struct tg_ber_item version, type;
    /* Headers only: a file that is cut off is still a PKCS#12, and says so. */
    if (len < 8 || bytes[0] != BER_SEQUENCE) return false;
    size_t head = bytes[1] & 0x80 ? 2 + (size_t)(bytes[1] & 0x7f) : 2;
    if (head > 6 || len < head + 5) return false;
    r.at += head;
    if (!tg_ber_take(&r, BER_INTEGER, &version) || version.body_len != 1 || version.body[0] != 3)
        return false;
    type = (struct tg_ber_item){0};
    size_t inner = r.end - r.at < 2 ? 0 : r.at[1] & 0x80 ? 2 + (size_t)(r.at[1] & 0x7f) : 2;
    if (!tg_ber_peek(&r, BER_SEQUENCE) || (size_t)(r.end - r.at) < inner) return false;
    r.at += inner;
    return tg_ber_take(&r, BER_OID, &type);
}

bool tg_p12_same_id(const struct tg_p12_bag *a, const struct tg_p12_bag *b)
{
    return a->key_id_len && a->key_id_len == b->key_id_len &&
           memcmp(a->key_id, b->key_id, a->key_id_len) == 0;
}
