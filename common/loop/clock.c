/* The one place that asks the kernel for the time. */
#include "loop/clock.h"

#include <pthread.h>

#include "base/err.h"

#undef clock_gettime

static int64_t shift_s;

#ifdef TAMGA_TEST
static void read_shift(void)
{
    const char *text = getenv("TAMGA_CLOCK");
    if (!text || !*text) return;
    char *end;
    long long value = strtoll(text, &end, 10);
    TG_CHECK(*end == '\0' && value > -INT64_C(10000000000) && value < INT64_C(10000000000));
    shift_s = value;
}

static void apply_shift(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_shift);
}
#else
static void apply_shift(void)
{
}
#endif

static int64_t system_wall(void *ctx)
{
    (void)ctx;
    struct timespec now;
    apply_shift();
    TG_CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec + shift_s;
}

static uint64_t system_mono_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    TG_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const struct tg_clock *tg_clock_system(void)
{
    static const struct tg_clock clock = {.wall = system_wall, .mono_ms = system_mono_ms};
    return &clock;
}

int64_t tg_clock_wall(const struct tg_clock *c)
{
    return c->wall(c->ctx);
}

uint64_t tg_clock_mono_ms(const struct tg_clock *c)
{
    return c->mono_ms(c->ctx);
}

int64_t tg_clock_log(void)
{
    return system_wall(NULL);
}

static int64_t manual_wall(void *ctx)
{
    struct tg_clock_manual *m = ctx;
    return m->wall_s;
}

static uint64_t manual_mono_ms(void *ctx)
{
    struct tg_clock_manual *m = ctx;
    return m->mono_at_ms;
}

void tg_clock_manual_init(struct tg_clock_manual *m, int64_t wall_s)
{
    *m = (struct tg_clock_manual){
        .clock = {.wall = manual_wall, .mono_ms = manual_mono_ms, .ctx = m},
        .wall_s = wall_s,
    };
}

void tg_clock_manual_advance(struct tg_clock_manual *m, uint64_t by_ms)
{
    uint64_t before_s = m->mono_at_ms / 1000;
    m->mono_at_ms += by_ms;
    m->wall_s += (int64_t)(m->mono_at_ms / 1000 - before_s); /* parts of a second add up */
}
