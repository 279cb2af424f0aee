#include "base/bytes.h"
#include "leaf_private.h"

bool seal_clean(const char *text)
{
    size_t n = 0;
    for (; text[n]; n++) {
        unsigned char c = (unsigned char)text[n];
        if (c < 0x20 || c >= 0x7f) return tg_utf8_clean(text, strlen(text));
    }
    return true;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0) return true;
    }
    return false;
}

/* min to max characters of `set` (strspn's), nothing else. */
static bool is_made_of(const char *text, const char *set, size_t min, size_t max)
{
    size_t n = strlen(text);
    return n >= min && n <= max && strspn(text, set) == n;
}

#define DIGIT "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_hash_or_empty(const char *text)
{
    return !*text || tg_is_hex(text, 64);
}

static bool is_id(const char *id)
{
    if (!*id) return true;
    if (!tg_starts(id, "IIN") && !tg_starts(id, "BIN")) return false;
    return is_made_of(id + 3, DIGIT, 12, 12);
}

static int bad(struct tg_err *err, const char *field, const char *why)
{
    return TG_FAIL(err, TG_E_INPUT, "leaf: %s: %s", field, why);
}

static int who_valid(struct tg_leaf *l, struct tg_err *err)
{
    static const char *const stores[] = {"pkcs12", "pem", "pkcs11", "nss", "windows", NULL};
    if (!tg_number_parse(l->no, &l->number)) return bad(err, "no", "not an application number");
    if (!is_made_of(l->holder, UPPER LOWER DIGIT "._-", 1, 32))
        return bad(err, "holder", "not a register key of A-Z a-z 0-9 . _ -");
    if (!seal_clean(l->name)) return bad(err, "name", "not clean UTF-8");
    if (!is_id(l->id)) return bad(err, "id", "not IIN or BIN with 12 digits");
    if (!tg_is_hex(l->agent, 32)) return bad(err, "agent", "not 32 hex digits");
    if (!is_made_of(l->host, LOWER DIGIT ".-", 1, 63))
        return bad(err, "host", "not a host name of a-z 0-9 . -");
    if (!is_one_of(l->store, stores)) return bad(err, "store", "unknown kind of keystore");
    return 0;
}

static int old_valid(struct tg_leaf *l, struct tg_err *err)
{
    l->ends_at = 0;
    if (!is_hash_or_empty(l->old)) return bad(err, "old", "not a SHA-256 in hex");
    if (!*l->old != !*l->ends) return bad(err, "ends", "goes with old: both or none");
    if (*l->ends && !tg_time_parse(l->ends, strlen(l->ends), &l->ends_at))
        return bad(err, "ends", "not a time");
    if (!*l->old && l->kind == TG_KIND_RENEW) return bad(err, "old", "a renewal needs one");
    return 0;
}

/* key, alg and issuer are empty iff observe; a draft has no key yet. */
static int new_valid(const struct tg_leaf *l, enum tg_app_form form, struct tg_err *err)
{
    static const char *const algs[] = {"ec-p256", "ec-p384", "rsa-3072", "rsa-4096", NULL};
    bool observe = l->kind == TG_KIND_OBSERVE;
    bool no_key = observe || form == TG_APP_DRAFT;
    if (no_key ? *l->key != '\0' : !tg_is_hex(l->key, 64))
        return bad(err, "key", no_key ? "must be empty here" : "not a SHA-256 in hex");
    if (observe ? *l->alg != '\0' : !is_one_of(l->alg, algs))
        return bad(err, "alg", observe ? "must be empty here" : "unknown algorithm");
    if (observe ? *l->issuer != '\0' : !tg_is_hex(l->issuer, 64))
        return bad(err, "issuer", observe ? "must be empty here" : "not a SHA-256 in hex");
    if (l->days < 1 || l->days > TG_LEAF_DAYS_MAX) return bad(err, "days", "not from 1 to 1130");
    if ((unsigned)l->consent > TG_CONSENT_NONE) return bad(err, "consent", "unknown");
    if (form == TG_APP_DRAFT && l->consent != TG_CONSENT_NONE)
        return bad(err, "consent", "must be none before the holder signs");
    /* A renewal is signed by the old key, with or without a person: key or key-unattended. */
    if (form == TG_APP_FULL && l->kind == TG_KIND_RENEW && l->consent == TG_CONSENT_NONE)
        return bad(err, "consent", "a renewal is signed by the old key");
    return 0;
}

static int changes_valid(const struct tg_leaf *l, struct tg_err *err)
{
    if (l->changes_count == 0) return 0;
    if (l->changes_count > TG_LEAF_CHANGES) return bad(err, "changes", "more than 32");
    for (size_t i = 0; i < l->changes_count; i++) {
        const struct tg_change *c = &l->changes[i];
        if (!seal_clean(c->field) || !seal_clean(c->old) || !seal_clean(c->new_))
            return bad(err, "changes", "not clean UTF-8");
        uint64_t to;
        if (strcmp(c->field, "days") == 0 &&
            (!tg_parse_u64(c->new_, strlen(c->new_), TG_LEAF_DAYS_MAX, &to) || to != l->days))
            return bad(err, "changes", "the days row is not about days");
    }
    int rc = tg_changes_valid(l->changes, l->changes_count, err);
    if (rc < 0 && err) tg_err_wrap(err, "leaf: changes");
    return rc;
}

int seal_app_valid(struct tg_leaf *leaf, enum tg_app_form form, struct tg_err *err)
{
    if ((unsigned)leaf->kind > TG_KIND_OBSERVE) return bad(err, "kind", "unknown");
    TG_TRY(who_valid(leaf, err));
    TG_TRY(old_valid(leaf, err));
    TG_TRY(new_valid(leaf, form, err));
    return changes_valid(leaf, err);
}

int seal_review_valid(const struct tg_leaf *leaf, struct tg_err *err)
{
    if (!is_made_of(leaf->policy, LOWER DIGIT "-", 1, 40))
        return bad(err, "policy", "not a name of a-z 0-9 -");
    if (!seal_clean(leaf->department)) return bad(err, "department", "not clean UTF-8");
    if (leaf->flags >> TG_FLAG_COUNT) return bad(err, "flags", "unknown flag");
    return 0;
}
