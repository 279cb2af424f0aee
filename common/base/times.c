#include "base/times.h"

#include <string.h>

#include "base/err.h"

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define FIRST INT64_C(-62135596800)
#define LAST  INT64_C(253402300799)

/* Days of a year that starts in March: the leap day then is its last one, and months follow one
 * rule. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct tg_civil *ret)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    ret->day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    ret->month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    ret->year = (int)(year_of_era + era * 400 + (ret->month <= 2));
}

void tg_civil_from(int64_t at, struct tg_civil *ret)
{
    if (at < FIRST) at = FIRST;
    if (at > LAST) at = LAST;
    int64_t days = at / TG_DAY, rest = at % TG_DAY;
    if (rest < 0) {
        rest += TG_DAY;
        days--;
    }
    civil_from_days(days, ret);
    ret->hour = (int)(rest / 3600);
    ret->minute = (int)(rest / 60 % 60);
    ret->second = (int)(rest % 60);
    ret->weekday = (int)(((days + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

int64_t tg_civil_to(const struct tg_civil *c)
{
    int64_t days = days_from_civil(c->year, c->month, c->day);
    return days * TG_DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

/* By hand: a list prints 100,000 of these, and printf is ten times slower. */
static void put(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void put_date(const struct tg_civil *c, char *ret)
{
    put(ret, c->year, 4);
    ret[4] = ret[7] = '-';
    put(ret + 5, c->month, 2);
    put(ret + 8, c->day, 2);
}

void tg_time_print(int64_t at, char ret[TG_TIME])
{
    struct tg_civil c;
    tg_civil_from(at, &c);
    put_date(&c, ret);
    ret[10] = 'T';
    put(ret + 11, c.hour, 2);
    ret[13] = ret[16] = ':';
    put(ret + 14, c.minute, 2);
    put(ret + 17, c.second, 2);
    ret[19] = 'Z';
    ret[20] = '\0';
}

void tg_date_print(int64_t at, char ret[TG_DATE])
{
    struct tg_civil c;
    tg_civil_from(at, &c);
    put_date(&c, ret);
    ret[10] = '\0';
}

static bool get(const char *at, int width, int least, int most, int *ret)
{
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        value = value * 10 + (at[i] - '0');
    }
    *ret = value;
    return value >= least && value <= most;
}

static bool get_date(const char *text, struct tg_civil *c)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (text[4] != '-' || text[7] != '-') return false;
    if (!get(text, 4, 1, 9999, &c->year) || !get(text + 5, 2, 1, 12, &c->month)) return false;
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    int days = month_days[c->month - 1] + (c->month == 2 && leap);
    return get(text + 8, 2, 1, days, &c->day);
}

bool tg_time_parse(const char *text, size_t len, int64_t *ret)
{
    struct tg_civil c = {0};
    if (len != TG_TIME - 1 || !get_date(text, &c)) return false;
    if (text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z') return false;
    if (!get(text + 11, 2, 0, 23, &c.hour) || !get(text + 14, 2, 0, 59, &c.minute) ||
        !get(text + 17, 2, 0, 59, &c.second))
        return false;
    *ret = tg_civil_to(&c);
    return true;
}

bool tg_date_parse(const char *text, size_t len, int64_t *ret)
{
    struct tg_civil c = {0};
    if (len != TG_DATE - 1 || !get_date(text, &c)) return false;
    *ret = tg_civil_to(&c);
    return true;
}
