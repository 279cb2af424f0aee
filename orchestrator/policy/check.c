#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "policy_in.h"

static void check_times(struct tg_yaml *y, const struct raw_policy *raw)
{
    char before[TG_DURATION], validity[TG_DURATION];
    tg_duration_print(raw->renew.before, before);
    tg_duration_print(raw->validity, validity);
    if (raw->action == POLICY_ACTION_RENEW && raw->renew.before >= raw->validity)
        tg_yaml_complain(y, &raw->renew.before,
                         "%s is not shorter than the validity %s: a new certificate would be due "
                         "at once",
                         before, validity);
    if (raw->renew.spread && raw->renew.spread >= raw->renew.before)
        tg_yaml_complain(y, &raw->renew.spread,
                         "it is not shorter than 'before' (%s): some would be drafted after they "
                         "expired",
                         before);
    if (raw->approve.deputy_after >= raw->renew.before && raw->approve.deputy_after)
        tg_yaml_complain(y, &raw->approve.deputy_after,
                         "it is not shorter than 'before' (%s): the deputy would come after the "
                         "expiry",
                         before);
}

static void check_connector(struct tg_yaml *y, const struct raw_policy *raw,
                            const struct policy_names *connectors)
{
    if (!*raw->ca) {
        if (raw->action == POLICY_ACTION_RENEW)
            tg_yaml_complain(y, &raw->action,
                             "renew needs 'ca', the name of a connector in tamga.yaml");
        return;
    }
    if (!connectors->known) return;
    for (size_t i = 0; i < connectors->count; i++)
        if (strcmp(connectors->items[i], raw->ca) == 0) return;
    const char *likely = tg_nearest(raw->ca, connectors->items, connectors->count);
    tg_yaml_complain(y, &raw->ca, "no connector is named '%s' in tamga.yaml%s%s%s", raw->ca,
                     likely ? "; did you mean '" : "", likely ? likely : "", likely ? "'?" : "");
}

/* Keys that the action never looks at: not wrong, but the writer expects something of them. */
static void check_idle(struct tg_yaml *y, const struct raw_policy *raw)
{
    const void *const idle[] =
        {&raw->key,     &raw->install, &raw->renew.window, /* these act on observe: */
         &raw->confirm, &raw->approve, &raw->ca,           &raw->validity};
    size_t count = 0;
    if (raw->action == POLICY_ACTION_WATCH) count = TG_COUNT(idle);
    if (raw->action == POLICY_ACTION_OBSERVE) count = 3;
    for (size_t i = 0; i < count; i++)
        if (tg_yaml_given(y, idle[i]))
            tg_yaml_warn(y, idle[i], "it has no effect with action %s",
                         policy_action_word((enum policy_action)raw->action));
}

/* Could this policy be the one that takes a certificate of this issuer? */
static bool may_take(const struct policy_set *set, size_t index, const char *issuer)
{
    const struct policy *policy = &set->items[index];
    if (!policy_list_takes(&policy->match.issuer, issuer)) return false;
    for (size_t i = 0; i < index; i++) {
        struct policy_match earlier = set->items[i].match;
        if (!policy_list_takes(&earlier.issuer, issuer)) continue;
        earlier.issuer = (struct policy_list){0};
        if (policy_covers(&earlier, &policy->match)) return false;
    }
    return true;
}

static bool takes_everything(const struct policy_list *issuers)
{
    for (size_t i = 0; i < issuers->count; i++)
        if (strspn(issuers->items[i], "*") == strlen(issuers->items[i])) return true;
    return issuers->count == 0;
}

static void check_national(struct policy_set *set, const struct raw_policy *raw, size_t index)
{
    const struct policy *policy = &set->items[index];
    const char *name = NULL;
    for (size_t i = 0; (name = policy_national_name(i)); i++)
        if (may_take(set, index, name)) break;
    if (!name || policy->action == POLICY_ACTION_WATCH) return;
    bool everything = takes_everything(&policy->match.issuer);
    if (policy->action == POLICY_ACTION_RENEW && !everything)
        tg_yaml_complain(set->yaml, &raw->action,
                         "it takes certificates of the national CA, which has no renewal "
                         "interface; did you mean 'observe'?");
    if (policy->confirm != POLICY_CONFIRM_NONE) return;
    if (everything)
        tg_yaml_warn(set->yaml, &raw->confirm,
                     "certificates of the national CA wait for their holder all the same");
    else
        tg_yaml_complain(set->yaml, &raw->confirm,
                         "a national key is never renewed without its holder; did you mean "
                         "'holder'?");
}

static void check_neighbours(struct policy_set *set, const struct raw_policy *raw, size_t index)
{
    const struct policy *policy = &set->items[index];
    for (size_t i = 0; i < index; i++) {
        const struct policy *earlier = &set->items[i];
        if (*policy->name && strcmp(earlier->name, policy->name) == 0)
            tg_yaml_complain(set->yaml, &raw->name, "'%s' is the name of another policy (%s)",
                             policy->name, earlier->where);
        /* A list that was refused looks empty, and an empty one takes everything: say nothing of it
         * then. */
        if (tg_yaml_errors(set->yaml) || !policy_covers(&earlier->match, &policy->match)) continue;
        tg_yaml_warn(set->yaml, raw,
                     "policy '%s' is never reached: '%s' (%s) takes all that it matches",
                     policy->name, earlier->name, earlier->where);
        return;
    }
}

void policy_check_one(struct policy_set *set, const struct raw_policy *raw, size_t index,
                      const struct policy_names *connectors)
{
    check_times(set->yaml, raw);
    check_connector(set->yaml, raw, connectors);
    check_idle(set->yaml, raw);
    check_national(set, raw, index);
    check_neighbours(set, raw, index);
}
