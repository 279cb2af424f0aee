/* zone: offsets of a time zone from UTC, read from TZif files (RFC 8536, versions 1 to 3 with the
 * footer's rule for times after the last transition). Bounded; never touches TZ or the C library's
 * zone. A zone is immutable: share it between threads freely. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tg_zone;

/* By its name in /usr/share/zoneinfo, for example Asia/Almaty. "UTC" needs no file. TG_E_NOT_FOUND
 * names the zone, or the package tzdata if the folder is missing; TG_E_INPUT for an impossible
 * name. Blocks. */
int tg_zone_load(const char *name, struct tg_zone **ret, struct tg_err *err) TG_MUST_CHECK;
/* The same below another folder. */
int tg_zone_load_from(const char *folder, const char *name, struct tg_zone **ret,
                      struct tg_err *err) TG_MUST_CHECK;
/* From the bytes of a TZif file. */
int tg_zone_parse(const char *name, const void *bytes, size_t len, struct tg_zone **ret,
                  struct tg_err *err) TG_MUST_CHECK;
void tg_zone_free(struct tg_zone *zone);
static inline void tg_auto_zone(struct tg_zone **zone)
{
    tg_zone_free(*zone);
    *zone = NULL;
}

const char *tg_zone_name(const struct tg_zone *zone);
/* Seconds east of UTC at an instant. */
int64_t tg_zone_offset(const struct tg_zone *zone, int64_t at);
/* The first instant at which local clocks show `local` (seconds since 1970 as if the wall were
 * UTC); in a gap, the instant after the jump. */
int64_t tg_zone_utc(const struct tg_zone *zone, int64_t local);
