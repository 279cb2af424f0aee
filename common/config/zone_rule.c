#include "zone_in.h"

#include "base/times.h"

static bool number(const char **p, int max, int *ret)
{
    int value = 0, digits = 0;
    while (**p >= '0' && **p <= '9' && digits < 4) {
        value = value * 10 + (*(*p)++ - '0');
        digits++;
    }
    *ret = value;
    return digits > 0 && value <= max;
}

static bool skip_name(const char **p)
{
    int length = 0;
    bool quoted = **p == '<';
    if (quoted) (*p)++;
    for (;; (*p)++, length++) {
        char c = **p;
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool extra = quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-');
        if (!letter && !extra) break;
    }
    if (quoted && *(*p)++ != '>') return false;
    return length >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool clock_time(const char **p, int max_hours, int32_t *ret)
{
    int hours, minutes = 0, seconds = 0;
    int sign = **p == '-' ? -1 : 1;
    if (**p == '-' || **p == '+') (*p)++;
    if (!number(p, max_hours, &hours)) return false;
    if (**p == ':') {
        (*p)++;
        if (!number(p, 59, &minutes)) return false;
        if (**p == ':') {
            (*p)++;
            if (!number(p, 59, &seconds)) return false;
        }
    }
    *ret = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool month_form(const char **p, struct zone_date *ret)
{
    if (!number(p, 12, &ret->month) || ret->month < 1 || *(*p)++ != '.') return false;
    if (!number(p, 5, &ret->week) || ret->week < 1 || *(*p)++ != '.') return false;
    return number(p, 6, &ret->day);
}

static bool date(const char **p, struct zone_date *ret)
{
    ret->seconds = 2 * 3600;
    if (**p == 'M') {
        ret->form = *(*p)++;
        if (!month_form(p, ret)) return false;
    } else if (**p == 'J') {
        ret->form = *(*p)++;
        if (!number(p, 365, &ret->day) || ret->day < 1) return false;
    } else {
        ret->form = 'n';
        if (!number(p, 365, &ret->day)) return false;
    }
    if (**p != '/') return true;
    (*p)++;
    return clock_time(p, 167, &ret->seconds);
}

bool zone_rule_parse(const char *text, struct zone_rule *ret)
{
    struct zone_rule rule = {.valid = true};
    const char *p = text;
    if (!skip_name(&p) || !clock_time(&p, 24, &rule.standard)) return false;
    rule.standard = -rule.standard; /* POSIX counts west */
    if (*p) {
        rule.has_dst = true;
        rule.dst = rule.standard + 3600;
        if (!skip_name(&p)) return false;
        if (*p != ',') {
            if (!clock_time(&p, 24, &rule.dst)) return false;
            rule.dst = -rule.dst;
        }
        if (*p++ != ',' || !date(&p, &rule.start)) return false;
        if (*p++ != ',' || !date(&p, &rule.end) || *p) return false;
    }
    *ret = rule;
    return true;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t midnight(int year, int month, int day)
{
    struct tg_civil c = {.year = year, .month = month, .day = day};
    return tg_civil_to(&c);
}

/* Local wall seconds at which the date falls in a year. */
static int64_t date_in(const struct zone_date *d, int year)
{
    if (d->form == 'J')
        return midnight(year, 1, 1) + (d->day - 1 + (leap(year) && d->day >= 60)) * TG_DAY +
               d->seconds;
    if (d->form == 'n') return midnight(year, 1, 1) + d->day * TG_DAY + d->seconds;
    int64_t first = midnight(year, d->month, 1);
    int64_t next = d->month == 12 ? midnight(year + 1, 1, 1) : midnight(year, d->month + 1, 1);
    struct tg_civil c;
    tg_civil_from(first, &c);
    int sunday_based = (c.weekday + 1) % 7;
    int64_t at = first + ((d->day - sunday_based + 7) % 7 + (d->week - 1) * 7) * TG_DAY;
    while (at >= next) /* week 5 means the last one */
        at -= 7 * TG_DAY;
    return at + d->seconds;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at)
{
    if (!rule->has_dst) return rule->standard;
    struct tg_civil c;
    tg_civil_from(at + rule->standard, &c);
    int64_t start = date_in(&rule->start, c.year) - rule->standard;
    int64_t end = date_in(&rule->end, c.year) - rule->dst;
    bool inside = start < end ? at >= start && at < end : at >= start || at < end;
    return inside ? rule->dst : rule->standard;
}
