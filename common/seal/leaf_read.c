#include <stddef.h>

#include "leaf_private.h"

bool seal_in_has(struct seal_in *in, const char *literal)
{
    size_t n = strlen(literal);
    if ((size_t)(in->end - in->p) < n || memcmp(in->p, literal, n) != 0) return false;
    in->p += n;
    return true;
}

static int expected(const struct seal_in *in, const char *what, struct tg_err *err)
{
    return TG_FAIL(err, TG_E_INPUT, "%s: \"%s\" is expected here", in->what, what);
}

/* Only \" and \\ are escapes; every other character stands for itself, so that a text has one
 * spelling. */
int seal_in_string(struct seal_in *in, const char *field, char *ret, size_t size,
                   struct tg_err *err)
{
    if (!seal_in_has(in, "\""))
        return TG_FAIL(err, TG_E_INPUT, "%s: %s: not a string", in->what, field);
    size_t n = 0;
    for (; in->p < in->end && *in->p != '"'; in->p++) {
        if (*in->p == '\\') {
            in->p++;
            if (in->p == in->end || (*in->p != '"' && *in->p != '\\'))
                return TG_FAIL(err, TG_E_INPUT, "%s: %s: only \\\" and \\\\ are escapes", in->what,
                               field);
        }
        if ((unsigned char)*in->p < 0x20)
            return TG_FAIL(err, TG_E_INPUT, "%s: %s: a control character", in->what, field);
        if (n + 1 >= size)
            return TG_FAIL(err, TG_E_LIMIT, "%s: %s: longer than %zu bytes", in->what, field,
                           size - 1);
        ret[n++] = *in->p;
    }
    ret[n] = '\0';
    if (seal_in_has(in, "\"")) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: %s: the string does not end", in->what, field);
}

struct text_field {
    const char *key; /* with the punctuation before it */
    const char *name;
    size_t offset, size;
};

#define TEXT_FIELD(key, member)                                                                    \
    {                                                                                              \
        key "\"" #member "\":", #member, offsetof(struct tg_leaf, member),                         \
            sizeof(((struct tg_leaf *)0)->member)                                                  \
    }

static const struct text_field before_kind[] = {TEXT_FIELD("{", no)};
static const struct text_field after_kind[] = {TEXT_FIELD(",", holder), TEXT_FIELD(",", name),
                                               TEXT_FIELD(",", id),     TEXT_FIELD(",", agent),
                                               TEXT_FIELD(",", host),   TEXT_FIELD(",", store),
                                               TEXT_FIELD(",", old),    TEXT_FIELD(",", ends),
                                               TEXT_FIELD(",", key),    TEXT_FIELD(",", alg),
                                               TEXT_FIELD(",", issuer)};
static const struct text_field before_flags[] = {TEXT_FIELD("{", policy),
                                                 TEXT_FIELD(",", department)};

static int in_texts(struct seal_in *in, const struct text_field *fields, size_t n,
                    struct tg_leaf *leaf, struct tg_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct text_field *f = &fields[i];
        if (!seal_in_has(in, f->key)) return expected(in, f->name, err);
        TG_TRY(seal_in_string(in, f->name, (char *)leaf + f->offset, f->size, err));
    }
    return 0;
}

static int in_kind(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    char word[16];
    if (!seal_in_has(in, ",\"kind\":")) return expected(in, "kind", err);
    TG_TRY(seal_in_string(in, "kind", word, sizeof word, err));
    if (tg_leaf_kind_from_word(word, &leaf->kind)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: kind: not renew, unproven or observe", in->what);
}

static int in_consent(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    char word[16];
    if (!seal_in_has(in, ",\"consent\":")) return expected(in, "consent", err);
    TG_TRY(seal_in_string(in, "consent", word, sizeof word, err));
    if (tg_leaf_consent_from_word(word, &leaf->consent)) return 0;
    return TG_FAIL(err, TG_E_INPUT, "%s: consent: not key, key-unattended or none", in->what);
}

static int in_days(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    if (!seal_in_has(in, ",\"days\":")) return expected(in, "days", err);
    const char *from = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9')
        in->p++;
    uint64_t days;
    if (!tg_parse_u64(from, (size_t)(in->p - from), TG_LEAF_DAYS_MAX, &days))
        return TG_FAIL(err, TG_E_INPUT, "%s: days: not a number from 1 to %d", in->what,
                       TG_LEAF_DAYS_MAX);
    leaf->days = (unsigned)days;
    return 0;
}

static int in_change(struct seal_in *in, struct tg_change *c, struct tg_err *err)
{
    if (!seal_in_has(in, "[")) return expected(in, "[field,old,new]", err);
    TG_TRY(seal_in_string(in, "changes", c->field, sizeof c->field, err));
    if (!seal_in_has(in, ",")) return expected(in, "[field,old,new]", err);
    TG_TRY(seal_in_string(in, "changes", c->old, sizeof c->old, err));
    if (!seal_in_has(in, ",")) return expected(in, "[field,old,new]", err);
    TG_TRY(seal_in_string(in, "changes", c->new_, sizeof c->new_, err));
    return seal_in_has(in, "]") ? 0 : expected(in, "[field,old,new]", err);
}

static int in_changes(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    leaf->changes_count = 0;
    if (!seal_in_has(in, ",\"changes\":[")) return expected(in, "changes", err);
    while (!seal_in_has(in, "]")) {
        if (leaf->changes_count == TG_LEAF_CHANGES)
            return TG_FAIL(err, TG_E_LIMIT, "%s: changes: more than %d", in->what, TG_LEAF_CHANGES);
        if (leaf->changes_count && !seal_in_has(in, ",")) return expected(in, ",", err);
        TG_TRY(in_change(in, &leaf->changes[leaf->changes_count], err));
        leaf->changes_count++;
    }
    return 0;
}

int seal_in_app(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    TG_TRY(in_texts(in, before_kind, TG_COUNT(before_kind), leaf, err));
    TG_TRY(in_kind(in, leaf, err));
    TG_TRY(in_texts(in, after_kind, TG_COUNT(after_kind), leaf, err));
    TG_TRY(in_days(in, leaf, err));
    TG_TRY(in_changes(in, leaf, err));
    TG_TRY(in_consent(in, leaf, err));
    return seal_in_has(in, "}") ? 0 : expected(in, "}", err);
}

/* Sorted and unique: each code comes after the one before it, and the table is in the order of the
 * codes. */
static int in_flags(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    leaf->flags = 0;
    if (!seal_in_has(in, ",\"flags\":[")) return expected(in, "flags", err);
    for (int last = -1; !seal_in_has(in, "]");) {
        char code[32];
        enum tg_flag flag;
        if (last >= 0 && !seal_in_has(in, ",")) return expected(in, ",", err);
        TG_TRY(seal_in_string(in, "flags", code, sizeof code, err));
        if (!tg_flag_from_code(code, strlen(code), &flag))
            return TG_FAIL(err, TG_E_INPUT, "%s: flags: unknown code", in->what);
        if ((int)flag <= last)
            return TG_FAIL(err, TG_E_INPUT, "%s: flags: not sorted or not unique", in->what);
        leaf->flags |= TG_FLAG_BIT(flag);
        last = (int)flag;
    }
    return 0;
}

int seal_in_review(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err)
{
    TG_TRY(in_texts(in, before_flags, TG_COUNT(before_flags), leaf, err));
    TG_TRY(in_flags(in, leaf, err));
    return seal_in_has(in, "}") ? 0 : expected(in, "}", err);
}
