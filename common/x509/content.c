#include "x509/content.h"

#include <string.h>

#include "base/str.h"
#include "content_private.h"

enum { MAX_EXTENSIONS = 64, EARLY_S = 300 };

struct extensions {
    struct tg_ext at[MAX_EXTENSIONS];
    size_t n;
};

static bool is_oid(const struct tg_ext *ext, const char *oid)
{
    uint8_t wanted[64];
    size_t len = tg_der_oid_bytes(oid, wanted, sizeof wanted);
    return tg_der_is(&ext->oid, wanted, len);
}

bool tg_ext_aside(const struct tg_ext *ext)
{
    return is_oid(ext, TG_EXT_SKI) || is_oid(ext, TG_EXT_AKI) || is_oid(ext, TG_EXT_CRL_POINTS) ||
           is_oid(ext, TG_EXT_AIA);
}

static void oid_of(const struct tg_ext *ext, char ret[128])
{
    if (!tg_der_oid_text(ext->oid.content, ext->oid.len, ret, 128))
        tg_copy(ret, 128, "(unreadable)");
}

static const struct tg_ext *same_oid(const struct extensions *list, const struct tg_ext *ext)
{
    for (size_t i = 0; i < list->n; i++)
        if (tg_der_is(&list->at[i].oid, ext->oid.content, ext->oid.len)) return &list->at[i];
    return NULL;
}

static int read_extensions(const struct tg_cert *cert, struct extensions *ret, struct tg_err *err)
{
    struct tg_der run = tg_cert_parts(cert)->extensions;
    struct tg_ext ext;
    char oid[128];
    ret->n = 0;
    while (tg_ext_next(&run, &ext)) {
        oid_of(&ext, oid);
        if (ret->n == MAX_EXTENSIONS)
            return TG_FAIL(err, TG_E_LIMIT, "certificate: more than %d extensions", MAX_EXTENSIONS);
        if (same_oid(ret, &ext))
            return TG_FAIL(err, TG_E_MISMATCH, "extension %s stands there twice (RFC 5280 §4.2)",
                           oid);
        ret->at[ret->n++] = ext;
    }
    return 0;
}

static bool may_change(const struct tg_ext *ext)
{
    for (size_t i = 0; i < TG_LIST_KINDS; i++)
        if (is_oid(ext, tg_list_kinds[i].oid)) return true;
    return false;
}

/* Every extension of `a` that can neither change nor stand aside is in `b`, equal. */
static int all_equal(const struct extensions *a, const struct extensions *b, const char *gone,
                     struct tg_err *err)
{
    char oid[128];
    for (size_t i = 0; i < a->n; i++) {
        const struct tg_ext *ext = &a->at[i], *other = same_oid(b, ext);
        if (may_change(ext) || tg_ext_aside(ext)) continue;
        oid_of(ext, oid);
        if (!other) return TG_FAIL(err, TG_E_MISMATCH, "extension %s %s", oid, gone);
        if (other->critical != ext->critical)
            return TG_FAIL(err, TG_E_MISMATCH, "extension %s: criticality differs", oid);
        if (!tg_der_is(&other->value, ext->value.content, ext->value.len))
            return TG_FAIL(err, TG_E_MISMATCH, "extension %s: value differs", oid);
    }
    return 0;
}

static const struct tg_ext *of_kind(const struct extensions *list, const struct tg_list_kind *kind)
{
    for (size_t i = 0; i < list->n; i++)
        if (is_oid(&list->at[i], kind->oid)) return &list->at[i];
    return NULL;
}

int tg_cert_days(const struct tg_cert *cert)
{
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    if (!facts->times_ok || facts->not_after <= facts->not_before) return 0;
    int64_t days = (facts->not_after - facts->not_before + 86399) / 86400;
    return days > 4000000 ? 4000000 : (int)days;
}

static int days_diff(const struct tg_cert *old, const struct tg_cert *new_, struct tg_rows *rows,
                     struct tg_err *err)
{
    char before[16], after[16];
    int a = tg_cert_days(old), b = tg_cert_days(new_);
    if (b <= a) return 0;
    snprintf(before, sizeof before, "%d", a);
    snprintf(after, sizeof after, "%d", b);
    return tg_rows_add(rows, "days", before, after, err);
}

int tg_cert_diff(const struct tg_cert *old, const struct tg_cert *new_, struct tg_change *ret,
                 size_t max, size_t *ret_n, struct tg_err *err)
{
    struct extensions a, b;
    struct tg_rows rows = {.rows = ret, .max = max};
    TG_TRY(read_extensions(old, &a, err));
    TG_TRY(read_extensions(new_, &b, err));
    TG_TRY(all_equal(&a, &b, "is missing in the new certificate", err));
    TG_TRY(all_equal(&b, &a, "is not in the old certificate", err));
    TG_TRY(tg_subject_diff(old, new_, &rows, err));
    for (size_t i = 0; i < TG_LIST_KINDS; i++)
        TG_TRY(tg_list_diff(&tg_list_kinds[i], of_kind(&a, &tg_list_kinds[i]),
                            of_kind(&b, &tg_list_kinds[i]), &rows, err));
    TG_TRY(days_diff(old, new_, &rows, err));
    tg_changes_sort(ret, rows.n);
    *ret_n = rows.n;
    return 0;
}

static size_t without_days(const struct tg_change *changes, size_t n,
                           struct tg_change ret[TG_MAX_CHANGES])
{
    size_t k = 0;
    for (size_t i = 0; i < n && k < TG_MAX_CHANGES; i++)
        if (strcmp(changes[i].field, "days") != 0) ret[k++] = changes[i];
    return k;
}

static bool same_row(const struct tg_change *a, const struct tg_change *b)
{
    return strcmp(a->field, b->field) == 0 && strcmp(a->old, b->old) == 0 &&
           strcmp(a->new_, b->new_) == 0;
}

static int same_rows(const struct tg_change *wanted, size_t wanted_n, const struct tg_change *found,
                     size_t found_n, struct tg_err *err)
{
    for (size_t i = 0; i < found_n; i++)
        if (i >= wanted_n || !same_row(&wanted[i], &found[i]))
            return TG_FAIL(err, TG_E_MISMATCH, "%s: '%s' became '%s', which was not approved",
                           found[i].field, found[i].old, found[i].new_);
    if (found_n < wanted_n)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "%s: approved as '%s', but the certificate does not say it",
                       wanted[found_n].field, wanted[found_n].new_);
    return 0;
}

static int times_fit(const struct tg_cert *new_, int max_days, int64_t now, struct tg_err *err)
{
    const struct tg_cert_facts *facts = tg_cert_facts(new_);
    if (!facts->times_ok || facts->not_after <= facts->not_before)
        return TG_FAIL(err, TG_E_MISMATCH, "new certificate: its validity is unreadable or empty");
    if (facts->not_before > now + EARLY_S)
        return TG_FAIL(err, TG_E_EARLY,
                       "new certificate: not valid before %lld, more than 5 minutes ahead",
                       (long long)facts->not_before);
    if (facts->not_after - facts->not_before > (int64_t)max_days * 86400)
        return TG_FAIL(err, TG_E_MISMATCH, "new certificate: lives %d days, approved are %d",
                       tg_cert_days(new_), max_days);
    return 0;
}

int tg_cert_content_is(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                       const struct tg_cert *new_, int max_days, int64_t now, struct tg_err *err)
{
    struct tg_change found[TG_MAX_CHANGES], wanted[TG_MAX_CHANGES], plain[TG_MAX_CHANGES];
    size_t found_n;
    if (tg_cert_facts(new_)->is_ca)
        return TG_FAIL(err, TG_E_MISMATCH, "new certificate: it is a CA certificate");
    TG_TRY(times_fit(new_, max_days, now, err));
    TG_TRY(tg_cert_diff(old, new_, found, TG_MAX_CHANGES, &found_n, err));
    size_t wanted_n = without_days(changes, n, wanted);
    size_t plain_n = without_days(found, found_n, plain);
    return same_rows(wanted, wanted_n, plain, plain_n, err);
}

void tg_ext_put(struct tg_buf *b, const char *oid, bool critical, const void *value, size_t len)
{
    static const uint8_t yes = 0xff;
    size_t start = b->len;
    tg_der_put_oid(b, oid);
    if (critical) tg_der_put(b, TG_DER_BOOLEAN, &yes, 1);
    tg_der_put(b, TG_DER_OCTETS, value, len);
    tg_der_wrap(b, start, TG_DER_SEQUENCE);
}

static const struct tg_list_kind *kind_of(const struct tg_ext *ext)
{
    for (size_t i = 0; i < TG_LIST_KINDS; i++)
        if (is_oid(ext, tg_list_kinds[i].oid)) return &tg_list_kinds[i];
    return NULL;
}

int tg_extensions_apply(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                        struct tg_buf *ret, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf value = TG_BUF(ret->max);
    struct extensions list;
    TG_TRY(read_extensions(old, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        const struct tg_list_kind *kind = kind_of(&list.at[i]);
        if (tg_ext_aside(&list.at[i])) continue;
        if (!kind) {
            tg_buf_add(ret, list.at[i].whole, list.at[i].whole_len);
            continue;
        }
        tg_buf_reset(&value);
        TG_TRY(tg_list_apply(kind, &list.at[i], changes, n, &value, err));
        if (value.len) tg_ext_put(ret, kind->oid, list.at[i].critical, value.data, value.len);
    }
    for (size_t i = 0; i < TG_LIST_KINDS; i++) { /* kinds that old did not have */
        const struct tg_list_kind *kind = &tg_list_kinds[i];
        tg_buf_reset(&value);
        if (of_kind(&list, kind)) continue;
        TG_TRY(tg_list_apply(kind, NULL, changes, n, &value, err));
        bool critical = strcmp(kind->field, "ku") == 0; /* RFC 5280 §4.2.1.3: should be */
        if (value.len) tg_ext_put(ret, kind->oid, critical, value.data, value.len);
    }
    return tg_buf_ok(ret, err);
}
