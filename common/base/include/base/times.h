/* times: UTC instants as int64 seconds since 1970, and their one spelling YYYY-MM-DDThh:mm:ssZ. No
 * clock here: time is always a parameter (loop/clock.h). Proleptic Gregorian calendar, years
 * 0001..9999. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TG_TIME = 21, TG_DATE = 11 };
#define TG_DAY INT64_C(86400)

void tg_time_print(int64_t at, char ret[TG_TIME]); /* clamped to the range of years */
bool tg_time_parse(const char *text, size_t len,
                   int64_t *ret);                  /* exactly 20 characters; no leap second */
void tg_date_print(int64_t at, char ret[TG_DATE]); /* YYYY-MM-DD in UTC */
bool tg_date_parse(const char *text, size_t len, int64_t *ret); /* midnight UTC */

struct tg_civil {
    int year, month, day, hour, minute, second; /* month and day from 1 */
    int weekday;                                /* 0 = Monday */
};
void tg_civil_from(int64_t at, struct tg_civil *ret);
int64_t tg_civil_to(const struct tg_civil *c); /* weekday ignored */
