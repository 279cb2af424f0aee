#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "policy_in.h"

static const char *const day_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
enum { DAY_COUNT = 7, ALL_DAYS = (1 << DAY_COUNT) - 1, DAY_MINUTES = 24 * 60 };

static int day_index(const char *text, size_t len)
{
    for (int i = 0; i < DAY_COUNT; i++)
        if (strlen(day_words[i]) == len && memcmp(day_words[i], text, len) == 0) return i;
    return -1;
}

/* "wed" or "fri-mon". */
static bool parse_days(const char *text, uint32_t *days)
{
    const char *dash = strchr(text, '-');
    size_t len = strlen(text);
    int first = day_index(text, dash ? (size_t)(dash - text) : len);
    int last = dash ? day_index(dash + 1, strlen(dash + 1)) : first;
    if (first < 0 || last < 0) return false;
    for (int day = first;; day = (day + 1) % DAY_COUNT) {
        *days |= UINT32_C(1) << day;
        if (day == last) return true;
    }
}

static bool parse_minute(const char *text, int32_t *ret)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9') return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *ret = hour * 60 + minute;
    return minute < 60 && *ret <= DAY_MINUTES;
}

static bool parse_hours(const char *text, int32_t *from, int32_t *until)
{
    if (strlen(text) != 11 || text[5] != '-') return false;
    return parse_minute(text, from) && parse_minute(text + 6, until) && *from != *until &&
           *from < DAY_MINUTES;
}

/* "9:00-18:00" -> "09:00-18:00". */
static void complain_hours(struct tg_yaml *y, const char *const *member)
{
    unsigned a, b, c, d;
    char rest;
    if (sscanf(*member, "%2u:%2u-%2u:%2u%c", &a, &b, &c, &d, &rest) == 4 && a < 24 && b < 60 &&
        c < 25 && d < 60 && (a != c || b != d) && strlen(*member) < 11)
        tg_yaml_complain(y, member, "'%s' are no hours; did you mean '%02u:%02u-%02u:%02u'?",
                         *member, a, b, c, d);
    else
        tg_yaml_complain(y, member,
                         "'%s' are no hours: write them like 09:00-18:00; 22:00-06:00 goes over "
                         "midnight",
                         *member);
}

static const struct tg_zone *load_zone(struct policy_set *set, const char *const *member)
{
    for (size_t i = 0; i < set->zone_count; i++)
        if (strcmp(tg_zone_name(set->zones[i]), *member) == 0) return set->zones[i];
    struct tg_err err = {0};
    struct tg_zone *zone = NULL;
    if (set->zone_count == POLICY_MAX || tg_zone_load(*member, &zone, &err) < 0) {
        tg_yaml_complain(set->yaml, member, "%s", err.text);
        return NULL;
    }
    set->zones[set->zone_count++] = zone;
    return zone;
}

static void build_window(struct policy_set *set, const struct raw_window *raw,
                         struct policy_window *ret)
{
    ret->given = tg_yaml_given(set->yaml, raw);
    if (!ret->given) return;
    for (size_t i = 0; i < raw->days.count; i++) {
        if (parse_days(raw->days.items[i], &ret->days)) continue;
        const char *likely = tg_nearest(raw->days.items[i], day_words, DAY_COUNT);
        tg_yaml_complain(set->yaml, &raw->days,
                         "'%s' are no days: mon tue wed thu fri sat sun, or mon-fri%s%s%s",
                         raw->days.items[i], likely ? "; did you mean '" : "", likely ? likely : "",
                         likely ? "'?" : "");
    }
    if (!raw->days.count) ret->days = ALL_DAYS;
    if (!parse_hours(raw->hours, &ret->from_minute, &ret->until_minute))
        complain_hours(set->yaml, &raw->hours);
    ret->zone_name = raw->zone;
    if (*raw->zone) ret->zone = load_zone(set, &raw->zone);
}

static struct policy_numbers numbers(const struct tg_yaml_ints *raw)
{
    return (struct policy_numbers){raw->items, raw->count};
}

static struct policy_list list(const struct tg_yaml_texts *raw)
{
    return (struct policy_list){raw->items, raw->count};
}

static void build_install(struct policy_set *set, const struct raw_install *raw, struct policy *ret)
{
    static const char prefix[] = "archive-after-";
    static int64_t at_once[] = {100};
    ret->wave = numbers(&raw->wave);
    if (!ret->wave.count) ret->wave = (struct policy_numbers){at_once, 1};
    for (size_t i = 0; i < raw->wave.count; i++)
        if (raw->wave.items[i] <= (i ? raw->wave.items[i - 1] : 0))
            tg_yaml_complain(set->yaml, &raw->wave, "%lld%% does not exceed the step before it",
                             (long long)raw->wave.items[i]);
    if (raw->wave.count && raw->wave.items[raw->wave.count - 1] != 100)
        tg_yaml_complain(set->yaml, &raw->wave,
                         "the last step is not 100%%: some keystores would never be renewed");
    ret->stop_at_failures = raw->stop_at_failures;
    ret->keep_decryption_keys = raw->keep_decryption_keys;
    if (strcmp(raw->retire, "keep") == 0)
        ret->archive_after_s = -1;
    else if (!tg_starts(raw->retire, prefix) ||
             !tg_duration_parse(raw->retire + sizeof(prefix) - 1, &ret->archive_after_s))
        tg_yaml_complain(set->yaml, &raw->retire,
                         "'%s' is none of keep, archive-after-7d (any duration)", raw->retire);
}

static void build_notices(struct policy_set *set, const struct tg_yaml_list *raw,
                          struct policy *ret)
{
    const struct raw_notice *from = raw->items;
    struct policy_notice *to = tg_yaml_alloc(set->yaml, (raw->count + 1) * sizeof(*to));
    for (size_t i = 0; i < raw->count; i++)
        to[i] = (struct policy_notice){(enum policy_channel)from[i].channel,
                                       (enum policy_to)from[i].to, numbers(&from[i].at)};
    ret->notify = to;
    ret->notify_count = raw->count;
}

void policy_build(struct policy_set *set, const struct raw_policy *raw, struct policy *ret)
{
    *ret = (struct policy){
        .name = raw->name,
        .action = (enum policy_action)raw->action,
        .match = {.storage = raw->match.storage,
                  .role = raw->match.role,
                  .issuer = list(&raw->match.issuer),
                  .department = list(&raw->match.department)},
        .before_s = raw->renew.before,
        .spread_s = raw->renew.spread,
        .key = (enum policy_key)raw->key.algorithm,
        .validity_s = raw->validity,
        .confirm = (enum policy_confirm)raw->confirm,
        .by = (enum policy_by)raw->approve.by,
        .batch = (enum policy_batch)raw->approve.batch,
        .deputy_after_s = raw->approve.deputy_after,
        .recall_s = raw->approve.recall,
        .ca = raw->ca,
        .where = tg_yaml_where(set->yaml, raw),
    };
    build_window(set, &raw->renew.window, &ret->window);
    build_install(set, &raw->install, ret);
    build_notices(set, &raw->notify, ret);
}
