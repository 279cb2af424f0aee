#include "base/bytes.h"
#include "base/str.h"
#include "text.h"
#include "trust_private.h"

/* What the document may hold one day and this verifier does not know yet: refused by name, so that
 * nobody relies on a rule that is not applied. */
static int unbuilt(const struct seal_text *t, struct tg_err *err, const char *what)
{
    return TG_FAIL(err, TG_E_UNSUPPORTED,
                   "trust: line %u: %s: not supported by this version of tamga", t->line, what);
}

static int get_keys(struct seal_text *t, const char *prefix, char (*ret)[TG_SEAL_HEX], size_t max,
                    size_t *ret_count, struct tg_err *err)
{
    struct seal_value v;
    size_t n = 0;
    while (seal_text_has(t, prefix, &v)) {
        if (n == max) return seal_text_bad(t, err, "too many lines of this kind");
        if (!seal_value_hex(v, 64, ret[n])) return seal_text_bad(t, err, "not a SHA-256 in hex");
        if (n && strcmp(ret[n - 1], ret[n]) >= 0)
            return seal_text_bad(t, err, "not sorted or not unique");
        n++;
    }
    *ret_count = n;
    return 0;
}

static int get_approver(struct seal_text *t, struct seal_value v, struct tg_trust_approver *ret,
                        struct tg_err *err)
{
    struct seal_value role, how, spki, until;
    if (!seal_value_word(&v, &role) || !seal_value_word(&v, &how))
        return seal_text_bad(t, err, "not an approver");
    if (seal_value_is(role, "deputy")) return unbuilt(t, err, "approver deputy");
    if (!seal_value_is(role, "ceo")) return seal_text_bad(t, err, "an approver is ceo or deputy");
    if (seal_value_is(how, "role")) return unbuilt(t, err, "approver by role");
    if (!seal_value_is(how, "pin") || !seal_value_word(&v, &spki) || !seal_value_word(&v, &until) ||
        !seal_value_is(until, "until") || !seal_value_hex(spki, 64, ret->spki) ||
        !tg_time_parse(v.p, v.len, &ret->until))
        return seal_text_bad(t, err, "not approver ceo pin SPKI until TIME");
    ret->role = TG_APPROVER_CEO;
    return 0;
}

static int get_approvers(struct seal_text *t, struct tg_trust *ret, struct tg_err *err)
{
    struct seal_value v;
    size_t n = 0;
    while (seal_text_has(t, "approver ", &v)) {
        if (n == TG_TRUST_APPROVERS) return seal_text_bad(t, err, "too many approvers");
        TG_TRY(get_approver(t, v, &ret->approvers[n], err));
        if (n && strcmp(ret->approvers[n - 1].spki, ret->approvers[n].spki) >= 0)
            return seal_text_bad(t, err, "not sorted or not unique");
        n++;
    }
    ret->approvers_count = n;
    if (n == 0) return TG_FAIL(err, TG_E_INPUT, "trust: nobody may approve");
    return 0;
}

static int get_logs(struct seal_text *t, struct tg_trust *ret, struct tg_err *err)
{
    struct seal_value v;
    size_t n = 0;
    while (seal_text_has(t, "log: ", &v)) {
        if (n == TG_TRUST_KEYS) return seal_text_bad(t, err, "too many logs");
        if (!seal_value_copy(v, ret->logs[n], sizeof ret->logs[n]) || v.len == 0 ||
            memchr(v.p, ' ', v.len))
            return seal_text_bad(t, err, "not a verifier key");
        if (n && strcmp(ret->logs[n - 1], ret->logs[n]) >= 0)
            return seal_text_bad(t, err, "not sorted or not unique");
        n++;
    }
    ret->logs_count = n;
    return 0;
}

static bool is_organization(const char *id)
{
    size_t n = strlen(id);
    return n > 0 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static int get_head(struct seal_text *t, struct tg_trust *ret, struct tg_err *err)
{
    struct seal_value v;
    uint64_t n;
    TG_TRY(seal_text_number(t, "version: ", UINT32_MAX, &n, err));
    if (n == 0) return seal_text_bad(t, err, "versions begin at 1");
    ret->version = (uint32_t)n;
    TG_TRY(seal_text_hex(t, "previous: ", 64, ret->previous, err));
    if ((n == 1) != (strcmp(ret->previous, TG_HEX_ZEROS) == 0))
        return seal_text_bad(t, err, "zeros belong to version 1 and to no other");
    TG_TRY(seal_text_time(t, "created: ", &ret->created, err));
    TG_TRY(seal_text_time(t, "expires: ", &ret->expires, err));
    if (ret->expires <= ret->created || ret->expires > tg_trust_latest_expiry(ret->created))
        return seal_text_bad(t, err, "expires is not within 18 months after created");
    TG_TRY(seal_text_need(t, "organization: ", &v, err));
    if (!seal_value_copy(v, ret->organization, sizeof ret->organization) ||
        !is_organization(ret->organization))
        return seal_text_bad(t, err, "organization is not a BIN or an ASCII id");
    return 0;
}

static int get_roots(struct seal_text *t, struct tg_trust *ret, struct tg_err *err)
{
    uint64_t n;
    TG_TRY(seal_text_number(t, "root-threshold: ", TG_TRUST_ROOTS, &n, err));
    ret->root_threshold = (unsigned)n;
    TG_TRY(get_keys(t, "root: ", ret->roots, TG_TRUST_ROOTS, &ret->roots_count, err));
    if (n == 0 || n > ret->roots_count)
        return TG_FAIL(err, TG_E_INPUT,
                       "trust: root-threshold is not from 1 to the number of roots");
    return 0;
}

static int get_threshold(struct seal_text *t, struct tg_trust *ret, struct tg_err *err)
{
    uint64_t n;
    TG_TRY(seal_text_number(t, "approval-threshold: ", TG_TRUST_APPROVERS, &n, err));
    if (n == 0) return seal_text_bad(t, err, "a threshold is at least 1");
    if (n > 1) return unbuilt(t, err, "approval-threshold above 1");
    ret->approval_threshold = 1;
    return 0;
}

/* Lines of later versions of tamga, at the places where F5 has them. */
static int refuse_unbuilt(struct seal_text *t, const char *const *keys, struct tg_err *err)
{
    for (; *keys; keys++) {
        char prefix[32];
        struct seal_value v;
        (void)snprintf(prefix, sizeof prefix, "%s: ", *keys);
        if (seal_text_has(t, prefix, &v)) return unbuilt(t, err, *keys);
    }
    return 0;
}

int tg_trust_parse(const void *text, size_t len, struct tg_trust *ret, struct tg_err *err)
{
    static const char *const after_approvers[] = {"deputy-max", NULL};
    static const char *const after_servers[] = {"tsa", NULL};
    static const char *const after_logs[] = {"witness", "witness-threshold", NULL};
    struct seal_text t;
    TG_TRY(seal_text_open(&t, "trust", (struct seal_value){text, len}, TG_MAX_TRUST, TG_TEXT_TRUST,
                          err));
    TG_TRY(get_head(&t, ret, err));
    TG_TRY(get_roots(&t, ret, err));
    TG_TRY(get_threshold(&t, ret, err));
    TG_TRY(get_approvers(&t, ret, err));
    TG_TRY(refuse_unbuilt(&t, after_approvers, err));
    TG_TRY(get_keys(&t, "issuer: ", ret->issuers, TG_TRUST_KEYS, &ret->issuers_count, err));
    TG_TRY(get_keys(&t, "server: ", ret->servers, TG_TRUST_KEYS, &ret->servers_count, err));
    TG_TRY(refuse_unbuilt(&t, after_servers, err));
    TG_TRY(get_logs(&t, ret, err));
    TG_TRY(refuse_unbuilt(&t, after_logs, err));
    TG_TRY(get_keys(&t, "revoked: ", ret->revoked, TG_TRUST_REVOKED, &ret->revoked_count, err));
    TG_TRY(seal_text_close(&t, err));
    TG_AUTO(buf) struct tg_buf again = TG_BUF(TG_MAX_TRUST);
    seal_put_trust(ret, &again);
    return seal_same("trust", &again, text, len, err);
}
