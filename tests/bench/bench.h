/* bench: one figure beside its limit: rounds of both in turn, medians, one JSON object a line.
 * Never decides what is measured. The ratio is the median of the rounds' ratios, so that a slow
 * minute of the machine hits both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

#include "base/err.h"

enum { BENCH_ROUNDS_MAX = 32 };
enum bench_goal { BENCH_VALUE_LEAST, BENCH_VALUE_MOST, BENCH_RATIO_LEAST, BENCH_RATIO_MOST };

struct bench {
    const char *name, *unit;
    enum bench_goal kind;
    double goal;
    double value[BENCH_ROUNDS_MAX], limit[BENCH_ROUNDS_MAX]; /* limit 0: it has none */
    size_t rounds;
};

static inline double bench_seconds(void)
{
    return (double)uv_hrtime() / 1e9;
}

static inline double bench_cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static inline void bench_add(struct bench *b, double value, double limit)
{
    TG_CHECK(b->rounds < BENCH_ROUNDS_MAX);
    b->value[b->rounds] = value;
    b->limit[b->rounds++] = limit;
    (void)fprintf(stderr, "%s: round %zu: %.6g %s, limit %.6g\n", b->name, b->rounds, value,
                  b->unit, limit);
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(const double *values, size_t n)
{
    double sorted[BENCH_ROUNDS_MAX];
    TG_CHECK(n > 0 && n <= BENCH_ROUNDS_MAX);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, bench_compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static inline double bench_ratio(const struct bench *b)
{
    double ratios[BENCH_ROUNDS_MAX];
    for (size_t i = 0; i < b->rounds; i++)
        ratios[i] = b->limit[i] > 0 ? b->value[i] / b->limit[i] : 0;
    return bench_median(ratios, b->rounds);
}

static inline void bench_print(const struct bench *b)
{
    double value = bench_median(b->value, b->rounds), limit = bench_median(b->limit, b->rounds);
    double ratio = bench_ratio(b);
    bool of_ratio = b->kind == BENCH_RATIO_LEAST || b->kind == BENCH_RATIO_MOST;
    bool least = b->kind == BENCH_VALUE_LEAST || b->kind == BENCH_RATIO_LEAST;
    double seen = of_ratio ? ratio : value;
    bool holds = least ? seen >= b->goal : seen <= b->goal;
    (void)printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",", b->name, value, b->unit);
    if (limit > 0)
        (void)printf("\"limit\":%.6g,\"ratio\":%.4g,", limit, ratio);
    else
        (void)printf("\"limit\":null,\"ratio\":null,");
    (void)printf("\"goal\":\"%s %s %.6g\",\"holds\":%s}\n", of_ratio ? "ratio" : "value",
                 least ? ">=" : "<=", b->goal, holds ? "true" : "false");
    (void)fflush(stdout);
}
