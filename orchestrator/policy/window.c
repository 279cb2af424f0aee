#include "policy/policy.h"

enum { SEARCH_DAYS = 28 };

/* Days since 1970 of the local wall clock, also before 1970. */
static int64_t local_day(const struct policy_window *w, int64_t at)
{
    int64_t local = at + tg_zone_offset(w->zone, at);
    return local >= 0 ? local / 86400 : -((-local + 86399) / 86400);
}

/* The window that opens on a local day. Both ends are wall times, so a clock change lengthens or
 * shortens it; false if no window opens that day, or a jump of the clock swallowed it. */
static bool on_day(const struct policy_window *w, int64_t day, int64_t *start, int64_t *end)
{
    int64_t weekday = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    if (!(w->days >> weekday & 1)) return false;
    int64_t last = w->until_minute <= w->from_minute ? day + 1 : day;
    *start = tg_zone_utc(w->zone, day * 86400 + w->from_minute * 60);
    *end = tg_zone_utc(w->zone, last * 86400 + w->until_minute * 60);
    return *start < *end;
}

int64_t policy_window_next(const struct policy_window *window, int64_t at)
{
    if (!window->given) return at;
    if (!window->zone) return 0;
    /* A window of yesterday may still be open after midnight. */
    int64_t today = local_day(window, at);
    for (int64_t day = today - 2; day <= today + SEARCH_DAYS; day++) {
        int64_t start, end;
        if (!on_day(window, day, &start, &end) || end <= at) continue;
        return start > at ? start : at;
    }
    return 0;
}

bool policy_window_open(const struct policy_window *window, int64_t at)
{
    return policy_window_next(window, at) == at;
}
