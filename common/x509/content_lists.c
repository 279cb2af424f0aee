/* content_lists: SAN, key usage, EKU and policies as lists of texts: compared, and rewritten with
 * changes. What is retained keeps its bytes and its order; what is added stands at the end. */
#include <string.h>

#include "base/str.h"
#include "content_private.h"

enum { MAX_VALUES = 64 };

const struct tg_list_kind tg_list_kinds[TG_LIST_KINDS] = {
    {"san", TG_EXT_SAN},
    {"ku", TG_EXT_KEY_USAGE},
    {"eku", TG_EXT_EKU},
    {"policies", TG_EXT_POLICIES},
};

/* RFC 5280 §4.2.1.3, bit 0 first. */
static const char *const usages[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                     "dataEncipherment", "keyAgreement",   "keyCertSign",
                                     "cRLSign",          "encipherOnly",   "decipherOnly"};

struct value {
    char text[TG_CHANGE_VALUE];
    const uint8_t *whole; /* NULL for key usage bits */
    size_t whole_len;
    bool gone;
};

struct values {
    struct value *at;
    size_t n;
};

static void tg_auto_values(struct values *v)
{
    free(v->at);
}

const struct tg_list_kind *tg_list_kind_of(const char *field)
{
    for (size_t i = 0; i < TG_LIST_KINDS; i++)
        if (strcmp(tg_list_kinds[i].field, field) == 0) return &tg_list_kinds[i];
    return NULL;
}

static bool is_ku(const struct tg_list_kind *kind)
{
    return kind->field[0] == 'k';
}

static int usage_bit(const char *name)
{
    for (size_t i = 0; i < TG_COUNT(usages); i++)
        if (strcmp(usages[i], name) == 0) return (int)i;
    return -1;
}

bool tg_list_value_valid(const struct tg_list_kind *kind, const char *value)
{
    uint8_t oid[128];
    if (is_ku(kind)) return usage_bit(value) >= 0;
    if (kind->field[0] != 's') return tg_der_oid_bytes(value, oid, sizeof oid) > 0;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(2 * TG_CHANGE_VALUE);
    return tg_utf8_clean(value, strlen(value)) && tg_san_put(value, &der) && !der.failed;
}

static bool element_text(const struct tg_list_kind *kind, const struct tg_der_item *element,
                         char ret[TG_CHANGE_VALUE])
{
    struct tg_der_item oid = *element;
    if (kind->field[0] == 's') return tg_san_text(element, ret);
    if (kind->field[0] == 'p') {
        struct tg_der inside = tg_der_inside(element);
        if (element->tag != TG_DER_SEQUENCE || !tg_der_take(&inside, TG_DER_OID, &oid))
            return false;
    }
    return oid.tag == TG_DER_OID && tg_der_oid_text(oid.content, oid.len, ret, TG_CHANGE_VALUE);
}

static bool read_usages(const struct tg_ext *ext, struct values *ret)
{
    uint16_t mask;
    if (!tg_key_usage_read(ext, &mask)) return false;
    for (size_t i = 0; i < TG_COUNT(usages); i++)
        if (mask & 1u << i) tg_copy(ret->at[ret->n++].text, TG_CHANGE_VALUE, usages[i]);
    return true;
}

static int read_values(const struct tg_list_kind *kind, const struct tg_ext *ext,
                       struct values *ret, struct tg_err *err)
{
    struct tg_der_item list, element;
    ret->at = tg_calloc(MAX_VALUES, sizeof *ret->at);
    if (!ext) return 0;
    if (is_ku(kind) && read_usages(ext, ret)) return 0;
    if (is_ku(kind) || !tg_der_whole(ext->value.content, ext->value.len, TG_DER_SEQUENCE, &list))
        return TG_FAIL(err, TG_E_MISMATCH, "extension %s (%s) is malformed", kind->oid,
                       kind->field);
    struct tg_der inside = tg_der_inside(&list);
    while (!tg_der_empty(&inside)) {
        if (ret->n == MAX_VALUES)
            return TG_FAIL(err, TG_E_LIMIT, "extension %s: more than %d values", kind->oid,
                           MAX_VALUES);
        struct value *v = &ret->at[ret->n];
        if (!tg_der_next(&inside, &element) || !element_text(kind, &element, v->text))
            return TG_FAIL(err, TG_E_MISMATCH,
                           "extension %s (%s): a value cannot be written in %d bytes", kind->oid,
                           kind->field, TG_CHANGE_VALUE - 1);
        v->whole = element.whole;
        v->whole_len = element.whole_len;
        ret->n++;
    }
    return 0;
}

static struct value *find(const struct values *v, const char *text)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->at[i].text, text) == 0) return &v->at[i];
    return NULL;
}

/* What both have stands in both in the same order with the same bytes; so nothing is there twice.
 */
static bool retained_equal(const struct values *old, const struct values *new_)
{
    size_t k = 0;
    for (size_t i = 0; i < old->n; i++) {
        if (old->at[i].gone) continue;
        while (k < new_->n && new_->at[k].gone)
            k++;
        if (k == new_->n || strcmp(old->at[i].text, new_->at[k].text) != 0) return false;
        if (old->at[i].whole_len != new_->at[k].whole_len) return false;
        if (old->at[i].whole_len &&
            memcmp(old->at[i].whole, new_->at[k].whole, old->at[i].whole_len) != 0)
            return false;
        k++;
    }
    while (k < new_->n && new_->at[k].gone)
        k++;
    return k == new_->n;
}

int tg_list_diff(const struct tg_list_kind *kind, const struct tg_ext *old,
                 const struct tg_ext *new_, struct tg_rows *rows, struct tg_err *err)
{
    __attribute__((cleanup(tg_auto_values))) struct values a = {0}, b = {0};
    size_t before = rows->n;
    if (!old && !new_) return 0;
    if (old && new_ && old->critical != new_->critical)
        return TG_FAIL(err, TG_E_MISMATCH, "extension %s (%s): criticality differs", kind->oid,
                       kind->field);
    if (old && new_ && tg_der_is(&old->value, new_->value.content, new_->value.len)) return 0;
    TG_TRY(read_values(kind, old, &a, err));
    TG_TRY(read_values(kind, new_, &b, err));
    for (size_t i = 0; i < a.n; i++) {
        a.at[i].gone = !find(&b, a.at[i].text);
        if (a.at[i].gone) TG_TRY(tg_rows_add(rows, kind->field, a.at[i].text, "", err));
    }
    for (size_t i = 0; i < b.n; i++) {
        b.at[i].gone = !find(&a, b.at[i].text);
        if (b.at[i].gone) TG_TRY(tg_rows_add(rows, kind->field, "", b.at[i].text, err));
    }
    if (rows->n == before || !retained_equal(&a, &b))
        return TG_FAIL(err, TG_E_MISMATCH, "extension %s (%s): order or encoding differs",
                       kind->oid, kind->field);
    return 0;
}

static bool put_element(const struct tg_list_kind *kind, const char *text, struct tg_buf *ret)
{
    if (kind->field[0] == 's') return tg_san_put(text, ret);
    size_t start = ret->len;
    tg_der_put_oid(ret, text);
    if (kind->field[0] == 'p') tg_der_wrap(ret, start, TG_DER_SEQUENCE);
    return true;
}

/* Named bit list: no trailing zero bits (X.690 §11.2.2). */
static void put_usages(uint16_t mask, struct tg_buf *ret)
{
    uint8_t bits[3] = {0};
    size_t len = 1;
    for (unsigned i = 0; i < 9; i++) {
        if (!(mask & 1u << i)) continue;
        bits[1 + i / 8] |= (uint8_t)(0x80 >> (i % 8));
        len = 2 + i / 8;
        bits[0] = (uint8_t)(7 - i % 8);
    }
    tg_der_put(ret, TG_DER_BITS, bits, len);
}

static int mark(const struct tg_list_kind *kind, struct values *v, const struct tg_change *changes,
                size_t n, bool *ret_any, struct tg_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct tg_change *c = &changes[i];
        if (strcmp(c->field, kind->field) != 0) continue;
        struct value *there = find(v, c->old[0] ? c->old : c->new_);
        *ret_any = true;
        if (!tg_list_value_valid(kind, c->old[0] ? c->old : c->new_))
            return TG_FAIL(err, TG_E_INPUT, "change %s: %s%s is no value of it", c->field, c->old,
                           c->new_);
        if (c->old[0] && !there)
            return TG_FAIL(err, TG_E_MISMATCH, "change %s: %s is not there to be removed", c->field,
                           c->old);
        if (c->new_[0] && there)
            return TG_FAIL(err, TG_E_MISMATCH, "change %s: %s is there already", c->field, c->new_);
        if (c->old[0]) there->gone = true;
    }
    return 0;
}

static void put_all(const struct tg_list_kind *kind, const struct values *v,
                    const struct tg_change *changes, size_t n, struct tg_buf *ret)
{
    size_t start = ret->len;
    uint16_t mask = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->at[i].gone) continue;
        if (is_ku(kind)) mask |= (uint16_t)(1u << usage_bit(v->at[i].text));
        tg_buf_add(ret, v->at[i].whole, v->at[i].whole_len);
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(changes[i].field, kind->field) != 0 || !changes[i].new_[0]) continue;
        if (is_ku(kind))
            mask |= (uint16_t)(1u << usage_bit(changes[i].new_));
        else
            put_element(kind, changes[i].new_, ret);
    }
    if (is_ku(kind) && mask) put_usages(mask, ret);
    if (!is_ku(kind) && ret->len > start) tg_der_wrap(ret, start, TG_DER_SEQUENCE);
}

int tg_list_apply(const struct tg_list_kind *kind, const struct tg_ext *old,
                  const struct tg_change *changes, size_t n, struct tg_buf *ret, struct tg_err *err)
{
    __attribute__((cleanup(tg_auto_values))) struct values v = {0};
    bool any = false;
    for (size_t i = 0; i < n && !any; i++)
        any = strcmp(changes[i].field, kind->field) == 0;
    if (!any) { /* untouched: exactly as it was, readable or not */
        if (old) tg_buf_add(ret, old->value.content, old->value.len);
        return 0;
    }
    TG_TRY(read_values(kind, old, &v, err));
    TG_TRY(mark(kind, &v, changes, n, &any, err));
    put_all(kind, &v, changes, n, ret);
    return tg_buf_ok(ret, err);
}

bool tg_list_find(const struct tg_list_kind *kind, const struct tg_cert *cert, const char *prefix,
                  char ret[TG_CHANGE_VALUE])
{
    __attribute__((cleanup(tg_auto_values))) struct values v = {0};
    struct tg_ext ext;
    if (!tg_ext_find(tg_cert_parts(cert)->extensions, kind->oid, &ext)) return false;
    if (read_values(kind, &ext, &v, NULL) < 0) return false;
    for (size_t i = 0; i < v.n; i++)
        if (tg_starts(v.at[i].text, prefix)) return tg_copy(ret, TG_CHANGE_VALUE, v.at[i].text);
    return false;
}
