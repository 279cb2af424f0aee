/* fuzz: any bytes as a TZif file; offsets stay within RFC 8536's bounds, and wall time comes back.
 */
// uses: base config
#include "base/err.h"
#include "base/mem.h"
#include "config/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TG_AUTO(zone) struct tg_zone *zone = NULL;
    struct tg_err err = {0};
    if (tg_zone_parse("fuzz", data, size, &zone, &err) < 0) return 0;
    static const int64_t instants[] = {INT64_MIN,  -62135596800, -1,           0,        1700000000,
                                       1709200000, 4102444800,   253402300799, INT64_MAX};
    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        int64_t offset = tg_zone_offset(zone, instants[i]);
        TG_CHECK(offset >= -93600 && offset <= 93600);
        int64_t utc = tg_zone_utc(zone, instants[i]);
        TG_CHECK(utc >= -63000000000 && utc <= 254000000000);
    }
    return 0;
}
