#include "config/zone.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "zone_in.h"

enum {
    ZONE_FILE = 128 * 1024,
    ZONE_TIMES = 4096,
    ZONE_TYPES = 256,
    ZONE_FOOTER = 128,
    ZONE_HEADER = 44
};

/* The years that tg_civil knows, 0001..9999. */
#define ZONE_EARLIEST INT64_C(-62135510400)
#define ZONE_LATEST   INT64_C(253402214400)

struct tg_zone {
    char name[ZONE_NAME];
    size_t count;
    int64_t *times;   /* rising */
    int32_t *offsets; /* from times[i] on */
    int32_t first;    /* before times[0] */
    struct zone_rule rule;
};

/* The counts of a TZif header (RFC 8536 §3.1). */
struct header {
    uint8_t version;
    uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

struct cursor {
    const uint8_t *p;
    size_t left;
};

static bool take(struct cursor *c, size_t n, const uint8_t **ret)
{
    if (c->left < n) return false;
    *ret = c->p;
    c->p += n;
    c->left -= n;
    return true;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool read_header(struct cursor *c, struct header *h)
{
    const uint8_t *p;
    if (!take(c, ZONE_HEADER, &p) || memcmp(p, "TZif", 4) != 0) return false;
    *h = (struct header){.version = p[4],
                         .isutcnt = be32(p + 20),
                         .isstdcnt = be32(p + 24),
                         .leapcnt = be32(p + 28),
                         .timecnt = be32(p + 32),
                         .typecnt = be32(p + 36),
                         .charcnt = be32(p + 40)};
    return h->timecnt <= ZONE_TIMES && h->typecnt >= 1 && h->typecnt <= ZONE_TYPES &&
           h->charcnt <= 2048 && h->leapcnt <= 1024 && h->isutcnt <= ZONE_TYPES &&
           h->isstdcnt <= ZONE_TYPES;
}

static size_t block_size(const struct header *h, size_t width)
{
    return h->timecnt * (width + 1) + h->typecnt * 6 + h->charcnt + h->leapcnt * (width + 4) +
           h->isstdcnt + h->isutcnt;
}

static bool read_types(struct tg_zone *z, const struct header *h, const uint8_t *index,
                       const uint8_t *types)
{
    for (uint32_t i = 0; i < h->typecnt; i++) {
        int32_t offset = (int32_t)be32(types + 6 * (size_t)i);
        if (offset < -93600 || offset > 93600) return false; /* RFC 8536 §3.2: within 26 hours */
    }
    z->first = (int32_t)be32(types); /* type 0 (RFC 8536 §3.2) */
    for (uint32_t i = 0; i < h->timecnt; i++) {
        if (index[i] >= h->typecnt) return false;
        z->offsets[i] = (int32_t)be32(types + 6 * (size_t)index[i]);
    }
    return true;
}

static bool read_block(struct tg_zone *z, struct cursor *c, const struct header *h, size_t width)
{
    const uint8_t *times, *index, *types, *rest;
    size_t all = block_size(h, width);
    if (c->left < all) return false;
    if (!take(c, h->timecnt * width, &times) || !take(c, h->timecnt, &index) ||
        !take(c, h->typecnt * (size_t)6, &types))
        return false;
    if (!take(c, all - h->timecnt * (width + 1) - h->typecnt * (size_t)6, &rest)) return false;
    z->count = h->timecnt;
    z->times = tg_calloc(z->count + 1, sizeof(*z->times));
    z->offsets = tg_calloc(z->count + 1, sizeof(*z->offsets));
    for (size_t i = 0; i < z->count; i++) {
        z->times[i] = width == 8 ? be64(times + 8 * i) : (int32_t)be32(times + 4 * i);
        if (i && z->times[i] <= z->times[i - 1]) return false;
    }
    return read_types(z, h, index, types);
}

static bool read_footer(struct tg_zone *z, struct cursor *c)
{
    const uint8_t *p;
    if (!take(c, 1, &p) || *p != '\n') return false;
    const uint8_t *end = memchr(c->p, '\n', c->left);
    if (!end || end - c->p >= ZONE_FOOTER) return false;
    char text[ZONE_FOOTER];
    size_t len = (size_t)(end - c->p);
    memcpy(text, c->p, len);
    text[len] = '\0';
    return len == 0 || (strlen(text) == len && zone_rule_parse(text, &z->rule));
}

static bool read_zone(struct tg_zone *z, struct cursor *c)
{
    struct header h;
    const uint8_t *skipped;
    if (!read_header(c, &h)) return false;
    if (h.version < '2') return read_block(z, c, &h, 4);
    /* Versions 2 and 3 repeat everything in 64 bits; the first block is for old readers. */
    if (!take(c, block_size(&h, 4), &skipped) || !read_header(c, &h)) return false;
    return read_block(z, c, &h, 8) && read_footer(z, c);
}

static struct tg_zone *zone_new(const char *name)
{
    struct tg_zone *z = TG_NEW(struct tg_zone);
    snprintf(z->name, sizeof(z->name), "%s", name);
    return z;
}

int tg_zone_parse(const char *name, const void *bytes, size_t len, struct tg_zone **ret,
                  struct tg_err *err)
{
    TG_AUTO(zone) struct tg_zone *z = zone_new(name);
    struct cursor c = {.p = bytes, .left = len};
    if (!len || !read_zone(z, &c))
        return TG_FAIL(err, TG_E_INPUT,
                       "zone %s: not a TZif file of RFC 8536: reinstall package tzdata", z->name);
    *ret = TG_TAKE(z);
    return 0;
}

static bool good_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= ZONE_NAME || name[0] == '/' || name[len - 1] == '/') return false;
    if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") != len)
        return false;
    return strstr(name, "//") == NULL; /* and no dot at all, so no '..' */
}

static int unknown(const char *folder, const char *name, struct tg_err *err)
{
    char likely[ZONE_NAME];
    if (zone_nearest(folder, name, likely))
        return TG_FAIL(err, TG_E_NOT_FOUND, "zone %s: not in %s; did you mean '%s'?", name, folder,
                       likely);
    return TG_FAIL(err, TG_E_NOT_FOUND, "zone %s: not in %s: write it like Asia/Almaty or UTC",
                   name, folder);
}

int tg_zone_load_from(const char *folder, const char *name, struct tg_zone **ret,
                      struct tg_err *err)
{
    if (!good_name(name))
        return TG_FAIL(err, TG_E_INPUT, "zone %s: no such name: write it like Asia/Almaty or UTC",
                       name);
    if (strcmp(name, "UTC") == 0) {
        struct tg_zone *utc = zone_new(name);
        *ret = utc;
        return 0;
    }
    struct stat st;
    if (stat(folder, &st) < 0)
        return TG_FAIL(err, TG_E_NOT_FOUND, "zone %s: %s is missing: install package tzdata", name,
                       folder);
    TG_AUTO(mem) char *path = tg_printf("%s/%s", folder, name);
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) return unknown(folder, name, err);
    struct tg_buf bytes = TG_BUF(ZONE_FILE);
    int rc = tg_file_read(path, &bytes, err);
    if (rc == 0) rc = tg_zone_parse(name, bytes.data, bytes.len, ret, err);
    tg_buf_done(&bytes);
    return rc;
}

int tg_zone_load(const char *name, struct tg_zone **ret, struct tg_err *err)
{
    return tg_zone_load_from("/usr/share/zoneinfo", name, ret, err);
}

void tg_zone_free(struct tg_zone *zone)
{
    if (!zone) return;
    free(zone->times);
    free(zone->offsets);
    free(zone);
}

const char *tg_zone_name(const struct tg_zone *zone)
{
    return zone->name;
}

/* How many transitions lie at or before an instant. */
static size_t passed(const struct tg_zone *zone, int64_t at)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zone->times[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t tg_zone_offset(const struct tg_zone *zone, int64_t at)
{
    if (at < ZONE_EARLIEST) at = ZONE_EARLIEST;
    if (at > ZONE_LATEST) at = ZONE_LATEST;
    size_t n = passed(zone, at);
    if (n == zone->count && zone->rule.valid) return zone_rule_offset(&zone->rule, at);
    return n ? zone->offsets[n - 1] : zone->first;
}

/* Between low (where the clocks still show less) and high, the first instant that shows at least
 * local. */
static int64_t jump(const struct tg_zone *zone, int64_t local, int64_t low, int64_t high)
{
    while (low + 1 < high) {
        int64_t middle = low + (high - low) / 2;
        if (middle + tg_zone_offset(zone, middle) >= local)
            high = middle;
        else
            low = middle;
    }
    return high;
}

int64_t tg_zone_utc(const struct tg_zone *zone, int64_t local)
{
    if (local < ZONE_EARLIEST) local = ZONE_EARLIEST;
    if (local > ZONE_LATEST) local = ZONE_LATEST;
    int64_t before = tg_zone_offset(zone, local - 2 * 86400),
            after = tg_zone_offset(zone, local + 2 * 86400);
    int64_t early = local - (before > after ? before : after),
            late = local - (before > after ? after : before);
    if (early + tg_zone_offset(zone, early) == local) return early;
    if (late + tg_zone_offset(zone, late) == local) {
        /* Not a gap between the two, unless a third offset lies in between: the search finds the
         * first either way. */
        return early == late ? late : jump(zone, local, early - 1, late);
    }
    return jump(zone, local, early - 1, late + 86400);
}
