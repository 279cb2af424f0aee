#include <string.h>

#include "base/str.h"
#include "policy_in.h"

int32_t policy_jitter(const uint8_t sha256[TG_SHA256])
{
    uint32_t first = (uint32_t)sha256[0] << 24 | (uint32_t)sha256[1] << 16 |
                     (uint32_t)sha256[2] << 8 | sha256[3];
    return (int32_t)(first >> 1);
}

int64_t policy_due(const struct policy *policy, int64_t not_after, int32_t jitter)
{
    return not_after - policy->before_s + (jitter * policy->spread_s >> 31);
}

/* What speaks against a draft, whatever the date; POLICY_WHY_DUE if nothing does. */
static enum policy_why obstacle(const struct policy *policy, const struct policy_facts *f,
                                int64_t now)
{
    if (f->superseded) return POLICY_WHY_SUPERSEDED;
    if (f->revoked) return POLICY_WHY_REVOKED;
    if (f->not_after <= now) return POLICY_WHY_EXPIRED;
    if (f->holder == POLICY_HOLDER_LEFT) return POLICY_WHY_LEFT;
    if (f->holder == POLICY_HOLDER_NONE) return POLICY_WHY_NO_HOLDER;
    if (!f->verifiable) return POLICY_WHY_UNVERIFIABLE;
    if (!f->key_known) return POLICY_WHY_NO_KEY;
    if (*f->open_application) return POLICY_WHY_OPEN;
    if (*f->ended_application && strcmp(f->ended_hash, policy->hash) == 0) return POLICY_WHY_ENDED;
    return POLICY_WHY_DUE;
}

static enum policy_why why(const struct policy *policy, const struct policy_facts *facts,
                           int64_t now, int64_t due)
{
    if (policy->action == POLICY_ACTION_WATCH) return POLICY_WHY_WATCH;
    if (facts->ca) return POLICY_WHY_CA;
    if (policy->action == POLICY_ACTION_OBSERVE) return POLICY_WHY_OBSERVE;
    enum policy_why against = obstacle(policy, facts, now);
    if (against != POLICY_WHY_DUE) return against;
    return now < due ? POLICY_WHY_EARLY : POLICY_WHY_DUE;
}

void policy_decide(const struct policy_set *set, const struct policy_facts *facts, int64_t now,
                   struct policy_decision *ret)
{
    *ret =
        (struct policy_decision){.policy = policy_match(set, facts), .why = POLICY_WHY_NO_POLICY};
    if (ret->policy < 0) return;
    const struct policy *policy = &set->items[ret->policy];
    ret->action = policy->action;
    ret->confirm = policy_is_national(facts->issuer) ? POLICY_CONFIRM_HOLDER : policy->confirm;
    if (policy->action == POLICY_ACTION_RENEW) {
        ret->due = policy_due(policy, facts->not_after, policy_jitter(facts->sha256));
        ret->opens = policy_window_next(&policy->window, now > ret->due ? now : ret->due);
    }
    ret->why = why(policy, facts, now, ret->due);
    ret->draft = ret->why == POLICY_WHY_DUE;
}

enum policy_key policy_new_key(const struct policy *policy, const char *old)
{
    if (policy->key != POLICY_KEY_KEEP) return policy->key;
    if (strcmp(old, "ec-p384") == 0 || strcmp(old, "ec-p521") == 0) return POLICY_KEY_EC_P384;
    uint64_t bits;
    if (!tg_starts(old, "rsa-") || !tg_parse_u64(old + 4, strlen(old + 4), 65536, &bits))
        return POLICY_KEY_EC_P256;
    return bits <= 3072 ? POLICY_KEY_RSA_3072 : POLICY_KEY_RSA_4096;
}

int64_t policy_longest_before(const struct policy_set *set)
{
    int64_t longest = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].action == POLICY_ACTION_RENEW && set->items[i].before_s > longest)
            longest = set->items[i].before_s;
    return longest;
}
