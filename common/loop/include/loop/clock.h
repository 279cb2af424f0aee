/* clock: the only door to time. A table of functions: the system's clock, and a manual one for
 * tests. Under -DTAMGA_TEST the environment variable TAMGA_CLOCK=+-seconds shifts the wall time; a
 * release ignores it. Wall time is for dates that people see, monotonic time for waiting. Thread:
 * any for the system clock. */
#pragma once

#include <stdint.h>

struct tg_clock {
    int64_t (*wall)(void *ctx);     /* seconds since 1970, UTC */
    uint64_t (*mono_ms)(void *ctx); /* milliseconds, never back */
    void *ctx;
};

const struct tg_clock *tg_clock_system(void); /* static */
int64_t tg_clock_wall(const struct tg_clock *c);
uint64_t tg_clock_mono_ms(const struct tg_clock *c);
int64_t tg_clock_log(void); /* system wall seconds, for tg_log_setup() */

/* A clock that stands still until it is told. Give &m->clock to whoever needs a clock. */
struct tg_clock_manual {
    struct tg_clock clock;
    int64_t wall_s;
    uint64_t mono_at_ms;
};
void tg_clock_manual_init(struct tg_clock_manual *m, int64_t wall_s);
void tg_clock_manual_advance(struct tg_clock_manual *m,
                             uint64_t by_ms); /* both; wall in whole seconds */
