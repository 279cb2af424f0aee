#include <string.h>

#include "policy_in.h"

/* Every value that reaches this text is an integer printed by %d or %lld: names stay in the
 * dictionary and in here. The last check makes sure of it. */

struct writer {
    struct tg_buf *out;
    size_t terms; /* of the current condition */
};

static void and_term(struct writer *w)
{
    if (w->terms++) tg_buf_puts(w->out, " AND ");
}

static void put_bits(struct writer *w, const char *column, uint32_t bits)
{
    if (!bits) return;
    and_term(w);
    tg_buf_printf(w->out, "c.%s = ANY('{", column);
    for (int i = 0, n = 0; i < 32; i++)
        if (bits >> i & 1) tg_buf_printf(w->out, "%s%d", n++ ? "," : "", i);
    tg_buf_puts(w->out, "}'::smallint[])");
}

/* Globs become the ids of the names that they take today; the caller compiles again when a name is
 * added. */
static void put_names(struct writer *w, const char *column, const struct policy_list *globs,
                      const struct policy_word_id *words, size_t count)
{
    if (!globs->count) return;
    and_term(w);
    tg_buf_printf(w->out, "c.%s = ANY('{", column);
    for (size_t i = 0, n = 0; i < count; i++)
        if (*words[i].name && policy_list_takes(globs, words[i].name))
            tg_buf_printf(w->out, "%s%d", n++ ? "," : "", (int)words[i].id);
    tg_buf_puts(w->out, "}'::int[])");
}

static void put_match(struct tg_buf *out, const struct policy_match *m,
                      const struct policy_dictionary *d)
{
    struct writer w = {.out = out};
    put_bits(&w, "storage", m->storage);
    put_bits(&w, "role", m->role);
    put_names(&w, "issuer_id", &m->issuer, d->issuers, d->issuer_count);
    put_names(&w, "department_id", &m->department, d->departments, d->department_count);
    if (!w.terms) tg_buf_puts(out, "true");
}

/* Nothing but our own words, digits and these signs: no name of a person, issuer or department got
 * in. */
static void check_text(const struct tg_buf *out, size_t from)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,=(){}':[]-";
    TG_CHECK(out->failed || strspn(tg_buf_text(out) + from, allowed) == out->len - from);
}

int policy_case_sql(const struct policy_set *set, const struct policy_dictionary *dictionary,
                    struct tg_buf *out, struct tg_err *err)
{
    size_t from = out->len;
    tg_buf_puts(out, "CASE");
    for (size_t i = 0; i < set->count; i++) {
        tg_buf_puts(out, " WHEN ");
        put_match(out, &set->items[i].match, dictionary);
        tg_buf_printf(out, " THEN %zu", i);
    }
    /* CASE without WHEN is no SQL. */
    tg_buf_puts(out, set->count ? " END" : " WHEN false THEN 0 END");
    check_text(out, from);
    return tg_buf_ok(out, err);
}

int policy_values_sql(const struct policy_set *set, struct tg_buf *out, struct tg_err *err)
{
    size_t from = out->len;
    for (size_t i = 0; i < set->count; i++) {
        const struct policy *p = &set->items[i];
        tg_buf_printf(out, "%s(%zu,%d,%lld,%lld)", i ? "," : "", i, (int)p->action,
                      (long long)p->before_s, (long long)p->spread_s);
    }
    if (!set->count) tg_buf_puts(out, "(-1,0,0,0)");
    check_text(out, from);
    return tg_buf_ok(out, err);
}
