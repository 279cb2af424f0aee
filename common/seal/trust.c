#include "seal/trust.h"

#include "base/bytes.h"
#include "base/str.h"
#include "trust_private.h"

enum { MONTHS_OF_YEAR = 12 };

int64_t tg_trust_latest_expiry(int64_t created)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct tg_civil c;
    tg_civil_from(created, &c);
    int months = c.month - 1 + TG_TRUST_MONTHS;
    c.year += months / MONTHS_OF_YEAR;
    c.month = months % MONTHS_OF_YEAR + 1;
    bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
    int last = c.month == 2 && leap ? 29 : days[c.month - 1];
    if (c.day > last) c.day = last;
    return tg_civil_to(&c);
}

static void put_keys(struct tg_buf *out, const char *prefix, const char (*keys)[TG_SEAL_HEX],
                     size_t n)
{
    for (size_t i = 0; i < n; i++)
        tg_buf_printf(out, "%s%s\n", prefix, keys[i]);
}

void seal_put_trust(const struct tg_trust *t, struct tg_buf *out)
{
    char created[TG_TIME], expires[TG_TIME], until[TG_TIME];
    tg_time_print(t->created, created);
    tg_time_print(t->expires, expires);
    tg_buf_printf(out, TG_TEXT_TRUST "\nversion: %u\nprevious: %s\ncreated: %s\nexpires: %s\n",
                  t->version, t->previous, created, expires);
    tg_buf_printf(out, "organization: %s\nroot-threshold: %u\n", t->organization,
                  t->root_threshold);
    put_keys(out, "root: ", t->roots, t->roots_count);
    tg_buf_printf(out, "approval-threshold: %u\n", t->approval_threshold);
    for (size_t i = 0; i < t->approvers_count; i++) {
        tg_time_print(t->approvers[i].until, until);
        tg_buf_printf(out, "approver %s pin %s until %s\n",
                      tg_approver_role_word(t->approvers[i].role), t->approvers[i].spki, until);
    }
    put_keys(out, "issuer: ", t->issuers, t->issuers_count);
    put_keys(out, "server: ", t->servers, t->servers_count);
    for (size_t i = 0; i < t->logs_count; i++)
        tg_buf_printf(out, "log: %s\n", t->logs[i]);
    put_keys(out, "revoked: ", t->revoked, t->revoked_count);
}

int tg_trust_print(const struct tg_trust *t, struct tg_buf *out, struct tg_err *err)
{
    if (t->roots_count > TG_TRUST_ROOTS || t->approvers_count > TG_TRUST_APPROVERS ||
        t->issuers_count > TG_TRUST_KEYS || t->servers_count > TG_TRUST_KEYS ||
        t->logs_count > TG_TRUST_KEYS || t->revoked_count > TG_TRUST_REVOKED)
        return TG_FAIL(err, TG_E_LIMIT, "trust: a list is too long");
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    seal_put_trust(t, &text);
    TG_TRY(tg_buf_ok(&text, err));
    struct tg_trust again;
    TG_TRY(tg_trust_parse(text.data, text.len, &again, err));
    tg_buf_add(out, text.data, text.len);
    return tg_buf_ok(out, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int by_spki(const void *a, const void *b)
{
    const struct tg_trust_approver *x = a, *y = b;
    return strcmp(x->spki, y->spki);
}

static void sort_lists(struct tg_trust *t)
{
    qsort(t->roots, t->roots_count, sizeof t->roots[0], by_text);
    qsort(t->approvers, t->approvers_count, sizeof t->approvers[0], by_spki);
    qsort(t->issuers, t->issuers_count, sizeof t->issuers[0], by_text);
    qsort(t->servers, t->servers_count, sizeof t->servers[0], by_text);
    qsort(t->logs, t->logs_count, sizeof t->logs[0], by_text);
    qsort(t->revoked, t->revoked_count, sizeof t->revoked[0], by_text);
}

int tg_trust_make(struct tg_trust *draft, struct tg_blob earlier, struct tg_buf *out,
                  struct tg_err *err)
{
    draft->version = 1;
    (void)tg_copy(draft->previous, sizeof draft->previous, TG_HEX_ZEROS);
    if (earlier.len) {
        struct tg_trust before;
        TG_TRY(tg_trust_parse(earlier.data, earlier.len, &before, err));
        draft->version = before.version + 1;
        tg_sha256_hex(earlier.data, earlier.len, draft->previous);
    }
    sort_lists(draft);
    return tg_trust_print(draft, out, err);
}

bool tg_trust_alarm(const struct tg_trust *t, int64_t now, char *ret, size_t size)
{
    enum { TRUST_DAYS = 90, PIN_DAYS = 60 };
    char when[TG_TIME];
    for (size_t i = 0; i < t->approvers_count; i++) {
        const struct tg_trust_approver *a = &t->approvers[i];
        if (a->until >= now + PIN_DAYS * TG_DAY || a->until >= t->expires ||
            tg_trust_is_revoked(t, a->spki))
            continue;
        tg_time_print(a->until, when);
        (void)snprintf(ret, size,
                       "approver %.16s... signs until %s; publish the next trust version", a->spki,
                       when);
        return true;
    }
    if (t->expires >= now + TRUST_DAYS * TG_DAY) return false;
    tg_time_print(t->expires, when);
    (void)snprintf(ret, size, "trust version %u ends at %s; publish the next", t->version, when);
    return true;
}

static bool has(const char (*keys)[TG_SEAL_HEX], size_t n, const char *hex)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i], hex) == 0) return true;
    }
    return false;
}

bool tg_trust_has_root(const struct tg_trust *t, const char *spki)
{
    return has(t->roots, t->roots_count, spki);
}

bool tg_trust_has_issuer(const struct tg_trust *t, const char *spki)
{
    return has(t->issuers, t->issuers_count, spki);
}

bool tg_trust_has_server(const struct tg_trust *t, const char *spki)
{
    return has(t->servers, t->servers_count, spki);
}

bool tg_trust_is_revoked(const struct tg_trust *t, const char *hex)
{
    return has(t->revoked, t->revoked_count, hex);
}

const struct tg_trust_approver *tg_trust_approver(const struct tg_trust *t, const char *spki)
{
    for (size_t i = 0; i < t->approvers_count; i++) {
        if (strcmp(t->approvers[i].spki, spki) == 0) return &t->approvers[i];
    }
    return NULL;
}
