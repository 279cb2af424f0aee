/* content_subject: what may change in a subject, and the subject with changes. An unchanged RDN
 * keeps its bytes and its place; a changed one keeps its place; an added one stands at the end. */
#include <string.h>

#include "base/bytes.h"
#include "base/str.h"
#include "content_private.h"

enum { MAX_RDNS = 64, MAX_TYPE = 128 };

struct rdn {
    struct tg_der_item set, type, value;
    bool alone; /* one attribute in its RDN, and its type once in the name: it may change */
};

struct subject {
    struct rdn at[MAX_RDNS];
    size_t n;
};

static bool same_type(const struct tg_der_item *a, const struct tg_der_item *b)
{
    return tg_der_is(a, b->content, b->len);
}

static bool read_rdn(const struct tg_der_item *set, struct rdn *ret)
{
    struct tg_der rdn = tg_der_inside(set);
    struct tg_der_item pair;
    if (!tg_der_take(&rdn, TG_DER_SEQUENCE, &pair)) return false;
    struct tg_der inside = tg_der_inside(&pair);
    *ret = (struct rdn){.set = *set, .alone = tg_der_empty(&rdn)};
    return tg_der_take(&inside, TG_DER_OID, &ret->type) && tg_der_next(&inside, &ret->value);
}

/* Does the type stand anywhere else in the name, also inside a multi-valued RDN? */
static bool repeated(const struct subject *s, const struct rdn *rdn)
{
    struct tg_der_item pair, type;
    for (size_t i = 0; i < s->n; i++) {
        struct tg_der set = tg_der_inside(&s->at[i].set);
        while (&s->at[i] != rdn && tg_der_take(&set, TG_DER_SEQUENCE, &pair)) {
            struct tg_der inside = tg_der_inside(&pair);
            if (tg_der_take(&inside, TG_DER_OID, &type) && same_type(&type, &rdn->type))
                return true;
        }
    }
    return false;
}

static int read_subject(const struct tg_cert *cert, struct subject *ret, struct tg_err *err)
{
    struct tg_der rdns = tg_der_inside(&tg_cert_parts(cert)->subject);
    struct tg_der_item set;
    ret->n = 0;
    while (!tg_der_empty(&rdns)) {
        if (ret->n == MAX_RDNS)
            return TG_FAIL(err, TG_E_LIMIT, "subject: more than %d RDNs cannot be compared",
                           MAX_RDNS);
        if (!tg_der_take(&rdns, TG_DER_SET, &set) || !read_rdn(&set, &ret->at[ret->n]))
            return TG_FAIL(err, TG_E_INPUT, "subject: malformed");
        ret->n++;
    }
    for (size_t i = 0; i < ret->n; i++)
        ret->at[i].alone = ret->at[i].alone && !repeated(ret, &ret->at[i]);
    return 0;
}

static struct rdn *find(struct subject *s, const struct tg_der_item *type)
{
    for (size_t i = 0; i < s->n; i++)
        if (same_type(&s->at[i].type, type)) return &s->at[i];
    return NULL;
}

static void field_of(const struct rdn *rdn, char ret[TG_CHANGE_FIELD])
{
    char dotted[MAX_TYPE] = "?";
    tg_der_oid_text(rdn->type.content, rdn->type.len, dotted, sizeof dotted);
    snprintf(ret, TG_CHANGE_FIELD, "subject.%.*s", TG_CHANGE_FIELD - 9, dotted);
}

/* A value that a row can hold: plain text, not empty ("" means absent there). */
static bool plain_text(const struct rdn *rdn, char ret[TG_CHANGE_VALUE])
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_CHANGE_VALUE - 1);
    if (!tg_der_text(&rdn->value, &text) || text.failed || text.len == 0) return false;
    return tg_utf8_clean(text.data, text.len) &&
           tg_copyn(ret, TG_CHANGE_VALUE, text.data, text.len);
}

static int row(struct tg_rows *rows, const struct rdn *old, const struct rdn *new_,
               struct tg_err *err)
{
    char field[TG_CHANGE_FIELD], before[TG_CHANGE_VALUE] = "", after[TG_CHANGE_VALUE] = "";
    field_of(old ? old : new_, field);
    if ((old && !old->alone) || (new_ && !new_->alone))
        return TG_FAIL(err, TG_E_MISMATCH,
                       "%s: repeated or multi-valued, it can only be carried whole", field);
    if ((old && !plain_text(old, before)) || (new_ && !plain_text(new_, after)))
        return TG_FAIL(err, TG_E_MISMATCH, "%s: not a plain text of at most %d bytes", field,
                       TG_CHANGE_VALUE - 1);
    if (strcmp(before, after) == 0)
        return TG_FAIL(err, TG_E_MISMATCH, "%s: the same text in another encoding", field);
    return tg_rows_add(rows, field, before, after, err);
}

static bool same_set(const struct rdn *a, const struct rdn *b)
{
    return tg_der_is(&a->set, b->set.content, b->set.len);
}

static int displaced(const struct rdn *rdn, struct tg_err *err)
{
    char field[TG_CHANGE_FIELD];
    field_of(rdn, field);
    return TG_FAIL(err, TG_E_MISMATCH,
                   "%s: it stands in another place, or a different number of times", field);
}

/* Old without the removed, then the added: types in the same places. Rows were made for the rest.
 */
static int same_order(struct subject *a, struct subject *b, struct tg_err *err)
{
    size_t k = 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct rdn *old = &a->at[i];
        if (old->alone && !find(b, &old->type)) continue;
        if (k == b->n) return displaced(old, err);
        bool same = old->alone ? same_type(&old->type, &b->at[k].type) : same_set(old, &b->at[k]);
        if (!same) return displaced(&b->at[k], err);
        k++;
    }
    for (; k < b->n; k++)
        if (find(a, &b->at[k].type)) return displaced(&b->at[k], err);
    return 0;
}

int tg_subject_diff(const struct tg_cert *old, const struct tg_cert *new_, struct tg_rows *rows,
                    struct tg_err *err)
{
    const struct tg_cert_facts *fa = tg_cert_facts(old), *fb = tg_cert_facts(new_);
    struct subject a, b;
    if (fa->subject_len == fb->subject_len &&
        memcmp(fa->subject_der, fb->subject_der, fa->subject_len) == 0)
        return 0;
    TG_TRY(read_subject(old, &a, err));
    TG_TRY(read_subject(new_, &b, err));
    for (size_t i = 0; i < a.n; i++) {
        struct rdn *other = find(&b, &a.at[i].type);
        if (!a.at[i].alone) continue; /* same_order compares its bytes */
        if (!other || !same_set(&a.at[i], other)) TG_TRY(row(rows, &a.at[i], other, err));
    }
    for (size_t i = 0; i < b.n; i++)
        if (!find(&a, &b.at[i].type)) TG_TRY(row(rows, NULL, &b.at[i], err));
    return same_order(&a, &b, err);
}

/* X.520 and PKCS#9 leave no choice for these; all other types are UTF8String. */
static unsigned string_type(const char *oid)
{
    if (strcmp(oid, "1.2.840.113549.1.9.1") == 0) return TG_DER_IA5;
    if (strcmp(oid, "0.9.2342.19200300.100.1.25") == 0) return TG_DER_IA5;
    if (strcmp(oid, "2.5.4.6") == 0 || strcmp(oid, "2.5.4.5") == 0) return TG_DER_PRINTABLE;
    return TG_DER_UTF8;
}

static int put_rdn(const struct tg_change *c, struct tg_buf *ret, struct tg_err *err)
{
    const char *oid = c->field + strlen("subject.");
    unsigned tag = string_type(oid);
    size_t start = ret->len;
    for (const char *at = c->new_; tag != TG_DER_UTF8 && *at; at++)
        if ((unsigned char)*at >= 0x80)
            return TG_FAIL(err, TG_E_INPUT, "change %s: only ASCII can stand there", c->field);
    tg_der_put_oid(ret, oid);
    tg_der_put(ret, tag, c->new_, strlen(c->new_));
    tg_der_wrap(ret, start, TG_DER_SEQUENCE);
    tg_der_wrap(ret, start, TG_DER_SET);
    return 0;
}

static int type_of(const struct tg_change *c, uint8_t oid[MAX_TYPE], struct tg_der_item *ret,
                   struct tg_err *err)
{
    size_t len = tg_der_oid_bytes(c->field + strlen("subject."), oid, MAX_TYPE);
    if (len == 0) return TG_FAIL(err, TG_E_INPUT, "change %s: no OID", c->field);
    *ret = (struct tg_der_item){.tag = TG_DER_OID, .content = oid, .len = len};
    return 0;
}

/* Each row finds its RDN, or the place at the end; ret_row[i] is the row of RDN i. */
static int assign(struct subject *s, const struct tg_change *changes, size_t n,
                  const struct tg_change *ret_row[MAX_RDNS], struct tg_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct tg_change *c = &changes[i];
        uint8_t oid[MAX_TYPE];
        struct tg_der_item type = {0};
        char text[TG_CHANGE_VALUE];
        if (!tg_starts(c->field, "subject.")) continue;
        TG_TRY(type_of(c, oid, &type, err));
        struct rdn *rdn = find(s, &type);
        if (!rdn && c->old[0])
            return TG_FAIL(err, TG_E_MISMATCH, "change %s: the subject has no such attribute",
                           c->field);
        if (!rdn) continue;
        if (!rdn->alone)
            return TG_FAIL(err, TG_E_MISMATCH,
                           "change %s: repeated or multi-valued, carried whole only", c->field);
        if (!plain_text(rdn, text) || strcmp(text, c->old) != 0)
            return TG_FAIL(err, TG_E_MISMATCH, "change %s: the subject has another value",
                           c->field);
        ret_row[rdn - s->at] = c;
    }
    return 0;
}

/* A type that hides inside a multi-valued RDN must not be added a second time. */
static bool hidden(const struct tg_cert *old, const char *oid)
{
    const struct tg_cert_facts *facts = tg_cert_facts(old);
    uint8_t wanted[MAX_TYPE];
    size_t len = tg_der_oid_bytes(oid, wanted, sizeof wanted);
    struct tg_der_item name, set, pair, type;
    if (!tg_der_whole(facts->subject_der, facts->subject_len, TG_DER_SEQUENCE, &name)) return false;
    struct tg_der rdns = tg_der_inside(&name);
    while (tg_der_take(&rdns, TG_DER_SET, &set)) {
        struct tg_der rdn = tg_der_inside(&set);
        while (tg_der_take(&rdn, TG_DER_SEQUENCE, &pair)) {
            struct tg_der inside = tg_der_inside(&pair);
            if (tg_der_take(&inside, TG_DER_OID, &type) && tg_der_is(&type, wanted, len))
                return true;
        }
    }
    return false;
}

int tg_subject_apply(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                     struct tg_buf *ret, struct tg_err *err)
{
    const struct tg_cert_facts *facts = tg_cert_facts(old);
    struct subject s;
    const struct tg_change *rows[MAX_RDNS] = {0};
    size_t start = ret->len, i = 0;
    while (i < n && !tg_starts(changes[i].field, "subject."))
        i++;
    if (i == n) { /* unchanged: byte for byte, whatever it holds */
        tg_buf_add(ret, facts->subject_der, facts->subject_len);
        return tg_buf_ok(ret, err);
    }
    TG_TRY(read_subject(old, &s, err));
    TG_TRY(assign(&s, changes, n, rows, err));
    for (i = 0; i < s.n; i++) {
        if (!rows[i]) tg_buf_add(ret, s.at[i].set.whole, s.at[i].set.whole_len);
        if (rows[i] && rows[i]->new_[0]) TG_TRY(put_rdn(rows[i], ret, err));
    }
    for (i = 0; i < n; i++) {
        const struct tg_change *c = &changes[i];
        if (!tg_starts(c->field, "subject.") || c->old[0]) continue;
        if (hidden(old, c->field + strlen("subject.")))
            return TG_FAIL(err, TG_E_MISMATCH, "change %s: the subject has it already", c->field);
        TG_TRY(put_rdn(c, ret, err));
    }
    tg_der_wrap(ret, start, TG_DER_SEQUENCE);
    return tg_buf_ok(ret, err);
}

bool tg_subject_text(const struct tg_cert *old, const char *oid, char ret[TG_CHANGE_VALUE])
{
    uint8_t wanted[MAX_TYPE];
    struct subject s;
    struct tg_der_item type = {.content = wanted,
                               .len = tg_der_oid_bytes(oid, wanted, sizeof wanted)};
    if (read_subject(old, &s, NULL) < 0) return false;
    struct rdn *rdn = find(&s, &type);
    return rdn && rdn->alone && plain_text(rdn, ret);
}
