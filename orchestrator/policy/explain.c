#include <string.h>

#include "base/times.h"
#include "policy_in.h"

static void put_time(struct tg_buf *out, const char *label, int64_t at)
{
    char text[TG_TIME];
    tg_time_print(at, text);
    tg_buf_printf(out, "%s%s", label, text);
}

static void explain_due(const struct policy *policy, const struct policy_decision *d,
                        struct tg_buf *out)
{
    char before[TG_DURATION], spread[TG_DURATION];
    tg_duration_print(policy->before_s, before);
    tg_duration_print(policy->spread_s, spread);
    put_time(out, "due: ", d->due);
    tg_buf_printf(out, " (%s before it expires", before);
    if (policy->spread_s) tg_buf_printf(out, ", and its place in a spread of %s", spread);
    tg_buf_puts(out, ")\n");
}

static void explain_window(const struct policy *policy, const struct policy_facts *facts,
                           const struct policy_decision *d, struct tg_buf *out)
{
    const struct policy_window *w = &policy->window;
    if (!w->given) return;
    if (!d->opens) {
        tg_buf_puts(out, "window: does not open within 4 weeks\n");
        return;
    }
    put_time(out, "window: its jobs may run from ", d->opens);
    tg_buf_printf(out, " (%02d:%02d-%02d:%02d %s)%s\n", w->from_minute / 60, w->from_minute % 60,
                  w->until_minute / 60, w->until_minute % 60, w->zone_name,
                  d->opens >= facts->not_after ? ", after it has expired" : "");
}

static void explain_why(const struct policy_facts *facts, const struct policy_decision *d,
                        struct tg_buf *out)
{
    tg_buf_printf(out, "why: %s: %s", policy_why_word(d->why), policy_why_text(d->why));
    if (d->why == POLICY_WHY_OPEN) tg_buf_printf(out, " (%s)", facts->open_application);
    if (d->why == POLICY_WHY_ENDED) tg_buf_printf(out, " (%s)", facts->ended_application);
    tg_buf_putc(out, '\n');
}

static void explain_notes(const struct policy_facts *facts, const struct policy_decision *d,
                          struct tg_buf *out)
{
    if (d->action != POLICY_ACTION_RENEW) return;
    if (facts->holder == POLICY_HOLDER_LEAVE) tg_buf_puts(out, "note: its holder is on leave\n");
    if (facts->locked)
        tg_buf_puts(out,
                    "note: its keystore is locked: the application will wait for the password\n");
}

void policy_explain(const struct policy_set *set, const struct policy_facts *facts, int64_t now,
                    struct tg_buf *out)
{
    struct policy_decision d;
    policy_decide(set, facts, now, &d);
    if (d.policy < 0) {
        tg_buf_puts(out, "policy: none\n");
    } else {
        const struct policy *policy = &set->items[d.policy];
        tg_buf_printf(out, "policy: %s (%s), rule %.12s\n", policy->name, policy->where,
                      policy->hash);
    }
    tg_buf_printf(out, "action: %s\n", policy_action_word(d.action));
    put_time(out, "expires: ", facts->not_after);
    tg_buf_putc(out, '\n');
    if (d.policy >= 0 && d.action == POLICY_ACTION_RENEW && !facts->ca) {
        explain_due(&set->items[d.policy], &d, out);
        explain_window(&set->items[d.policy], facts, &d, out);
    }
    explain_why(facts, &d, out);
    explain_notes(facts, &d, out);
}
