/* changes: the rows of TRUST F1 themselves: order, validity, and how a correction becomes rows. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "content_private.h"

#define EMAIL_OID    "1.2.840.113549.1.9.1"
#define LOCALITY_OID "2.5.4.7"

int tg_rows_add(struct tg_rows *rows, const char *field, const char *old, const char *new_,
                struct tg_err *err)
{
    if (rows->n == rows->max)
        return TG_FAIL(err, TG_E_LIMIT, "more than %zu changes, the last is %s", rows->max, field);
    struct tg_change *c = &rows->rows[rows->n];
    if (!tg_copy(c->field, sizeof c->field, field) || !tg_copy(c->old, sizeof c->old, old) ||
        !tg_copy(c->new_, sizeof c->new_, new_))
        return TG_FAIL(err, TG_E_LIMIT, "change %s: a value has more than %d bytes", field,
                       TG_CHANGE_VALUE - 1);
    rows->n++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct tg_change *x = a, *y = b;
    int order = strcmp(x->field, y->field);
    if (order == 0) order = strcmp(x->old, y->old);
    return order ? order : strcmp(x->new_, y->new_);
}

void tg_changes_sort(struct tg_change *changes, size_t n)
{
    if (n) qsort(changes, n, sizeof *changes, compare);
}

static bool days_valid(const struct tg_change *c)
{
    uint64_t before, after;
    return tg_parse_u64(c->old, strlen(c->old), 4000000, &before) &&
           tg_parse_u64(c->new_, strlen(c->new_), 4000000, &after) && after > before;
}

static bool row_valid(const struct tg_change *c)
{
    uint8_t oid[128];
    const struct tg_list_kind *kind = tg_list_kind_of(c->field);
    if (!tg_utf8_clean(c->old, strlen(c->old)) || !tg_utf8_clean(c->new_, strlen(c->new_)))
        return false;
    if (strcmp(c->old, c->new_) == 0) return false;
    if (strcmp(c->field, "days") == 0) return days_valid(c);
    if (kind)
        return (!c->old[0] || !c->new_[0]) &&
               tg_list_value_valid(kind, c->old[0] ? c->old : c->new_);
    return tg_starts(c->field, "subject.") &&
           tg_der_oid_bytes(c->field + strlen("subject."), oid, sizeof oid) > 0;
}

/* subject.X and days stand once; a list value is not both removed and added. */
static bool contradicts(const struct tg_change *a, const struct tg_change *b)
{
    if (strcmp(a->field, b->field) != 0) return false;
    if (!tg_list_kind_of(a->field)) return true;
    return (a->old[0] && strcmp(a->old, b->new_) == 0) ||
           (b->old[0] && strcmp(b->old, a->new_) == 0);
}

int tg_changes_valid(const struct tg_change *changes, size_t n, struct tg_err *err)
{
    if (n > TG_MAX_CHANGES)
        return TG_FAIL(err, TG_E_LIMIT, "%zu changes, at most %d", n, TG_MAX_CHANGES);
    for (size_t i = 0; i < n; i++) {
        if (!row_valid(&changes[i]))
            return TG_FAIL(err, TG_E_INPUT, "change %zu (%s): not a change of TRUST F1", i + 1,
                           changes[i].field);
        if (i && compare(&changes[i - 1], &changes[i]) >= 0)
            return TG_FAIL(err, TG_E_INPUT, "change %zu (%s): not sorted, or there twice", i + 1,
                           changes[i].field);
        for (size_t k = 0; k < i; k++)
            if (contradicts(&changes[k], &changes[i]))
                return TG_FAIL(err, TG_E_INPUT, "change %zu (%s): contradicts change %zu", i + 1,
                               changes[i].field, k + 1);
    }
    return 0;
}

int tg_changes_fit(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                   struct tg_err *err)
{
    size_t der_len;
    tg_cert_der(old, &der_len);
    TG_AUTO(buf) struct tg_buf scratch = TG_BUF(2 * der_len + 32 * 1024);
    TG_TRY(tg_changes_valid(changes, n, err));
    TG_TRY(tg_subject_apply(old, changes, n, &scratch, err));
    return tg_extensions_apply(old, changes, n, &scratch, err);
}

static bool drop_row(const struct tg_change *c, const char *field)
{
    if (strcmp(field, "email") == 0)
        return strcmp(c->field, "subject." EMAIL_OID) == 0 ||
               (strcmp(c->field, "san") == 0 &&
                (tg_starts(c->old, "email:") || tg_starts(c->new_, "email:")));
    if (strcmp(field, "locality") == 0) return strcmp(c->field, "subject." LOCALITY_OID) == 0;
    return strcmp(c->field, field) == 0;
}

static void drop_rows(struct tg_change *changes, size_t *n, const char *field)
{
    size_t k = 0;
    for (size_t i = 0; i < *n; i++)
        if (!drop_row(&changes[i], field)) changes[k++] = changes[i];
    *n = k;
}

static int subject_row(const struct tg_cert *old, const char *oid, const char *value,
                       struct tg_rows *rows, struct tg_err *err)
{
    char field[TG_CHANGE_FIELD], before[TG_CHANGE_VALUE] = "";
    snprintf(field, sizeof field, "subject.%s", oid);
    if (!tg_subject_text(old, oid, before)) before[0] = '\0';
    if (strcmp(before, value) == 0) return 0;
    return tg_rows_add(rows, field, before, value, err);
}

static bool email_ok(const char *value)
{
    const char *at = strchr(value, '@');
    if (!at || at == value || !at[1] || strchr(at + 1, '@') || strlen(value) > 240) return false;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c > 0x7e) return false;
    return true;
}

static int email_rows(const struct tg_cert *old, const char *value, struct tg_rows *rows,
                      struct tg_err *err)
{
    const struct tg_list_kind *san = tg_list_kind_of("san");
    char before[TG_CHANGE_VALUE], after[TG_CHANGE_VALUE], in_subject[TG_CHANGE_VALUE],
        same[TG_CHANGE_VALUE];
    snprintf(after, sizeof after, "email:%s", value);
    bool has_san = tg_list_find(san, old, "email:", before);
    bool has_subject = tg_subject_text(old, EMAIL_OID, in_subject);
    bool there = tg_list_find(san, old, after, same) && strcmp(same, after) == 0;
    if (has_san && strcmp(before, after) != 0) {
        TG_TRY(tg_rows_add(rows, "san", before, "", err));
        if (!there) TG_TRY(tg_rows_add(rows, "san", "", after, err));
    }
    if (has_subject) return subject_row(old, EMAIL_OID, value, rows, err);
    return has_san ? 0 : tg_rows_add(rows, "san", "", after, err);
}

int tg_change_subject(const struct tg_cert *old, const char *field, const char *value,
                      struct tg_change *changes, size_t *n, struct tg_err *err)
{
    struct tg_change draft[TG_MAX_CHANGES];
    struct tg_rows rows = {.rows = draft, .max = TG_MAX_CHANGES, .n = *n};
    TG_CHECK(*n <= TG_MAX_CHANGES);
    if (!value[0] || !tg_utf8_clean(value, strlen(value)))
        return TG_FAIL(err, TG_E_INPUT, "%s: empty, or not plain text", field);
    if (*n) memcpy(draft, changes, *n * sizeof *changes);
    drop_rows(draft, &rows.n, field);
    if (strcmp(field, "email") == 0) {
        if (!email_ok(value)) return TG_FAIL(err, TG_E_INPUT, "email: %s is no address", value);
        TG_TRY(email_rows(old, value, &rows, err));
    } else if (strcmp(field, "locality") == 0) {
        TG_TRY(subject_row(old, LOCALITY_OID, value, &rows, err));
    } else {
        return TG_FAIL(err, TG_E_INPUT, "%s: only email and locality can be corrected", field);
    }
    tg_changes_sort(draft, rows.n);
    TG_TRY(tg_changes_fit(old, draft, rows.n, err));
    memcpy(changes, draft, rows.n * sizeof *changes);
    *n = rows.n;
    return 0;
}

int tg_change_days(const struct tg_cert *old, int days, struct tg_change *changes, size_t *n,
                   struct tg_err *err)
{
    struct tg_rows rows = {.rows = changes, .max = TG_MAX_CHANGES, .n = *n};
    char before[16], after[16];
    int had = tg_cert_days(old);
    drop_rows(changes, &rows.n, "days");
    if (days > had) {
        snprintf(before, sizeof before, "%d", had);
        snprintf(after, sizeof after, "%d", days);
        TG_TRY(tg_rows_add(&rows, "days", before, after, err));
    }
    tg_changes_sort(changes, rows.n);
    *n = rows.n;
    return 0;
}
