/* zone_in: what the files of the zone reader share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ZONE_NAME = 64 };

/* One date of a POSIX TZ rule: Mm.w.d, Jn (1..365, never 29 February) or n (0..365). */
struct zone_date {
    char form; /* 'M' 'J' 'n' */
    int month, week, day;
    int32_t seconds; /* local time of day; RFC 8536 §3.3.1 allows -167..167 hours */
};
/* The footer's rule; valid is false when the file has none. */
struct zone_rule {
    bool valid, has_dst;
    int32_t standard, dst; /* seconds east */
    struct zone_date start, end;
};

/* POSIX TZ string with the extensions of RFC 8536 §3.3.1, for example <+05>-5 or
 * EST5EDT,M3.2.0,M11.1.0. */
bool zone_rule_parse(const char *text, struct zone_rule *ret);
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at);
/* The name of a zone that was probably meant, from the folder's zone1970.tab. */
bool zone_nearest(const char *folder, const char *name, char ret[ZONE_NAME]);
