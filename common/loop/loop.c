#include "loop/loop.h"

#include <signal.h>
#include <stdatomic.h>

#include "base/mem.h"

/* Every handle that is left, ours too: the loop then runs out of work and uv_run() returns. */
static void close_one(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void sweep(struct tg_loop *l)
{
    if (l->swept) return;
    l->swept = true;
    struct tg_stop_hook *waiting = tg_list_first(&l->hooks, struct tg_stop_hook, node);
    if (waiting) l->late = waiting->what;
    uv_walk(&l->uv, close_one, NULL);
}

static void on_drain_over(uv_timer_t *timer)
{
    sweep(tg_container_of(timer, struct tg_loop, drain));
}

static void advance_stop(struct tg_loop *l)
{
    if (l->swept) return;
    if (!l->stopping) {
        l->stopping = true;
        uv_update_time(&l->uv);
        TG_CHECK(uv_timer_start(&l->drain, on_drain_over, l->drain_ms, 0) == 0);
    }
    struct tg_stop_hook *hook = tg_list_first(&l->hooks, struct tg_stop_hook, node);
    if (!hook) {
        sweep(l);
    } else if (!hook->called) {
        hook->called = true;
        hook->fn(hook, hook->data);
    }
}

/* Woken by tg_loop_stop() and by every finished hook: the next hook never starts on the stack of
 * the last. */
static void on_wake(uv_async_t *wake)
{
    struct tg_loop *l = tg_container_of(wake, struct tg_loop, wake);
    if (atomic_load(&l->stop_asked)) advance_stop(l);
}

static void on_end_signal(uv_signal_t *handle, int signum)
{
    struct tg_loop *l = handle->data;
    (void)signum;
    if (l->stopping)
        sweep(l);
    else
        tg_loop_stop(l);
}

static void on_hup_signal(uv_signal_t *handle, int signum)
{
    struct tg_loop *l = handle->data;
    if (l->on_hup) l->on_hup(signum, l->hup_data);
}

int tg_loop_init(struct tg_loop *l, const struct tg_clock *clock, struct tg_err *err)
{
    *l = (struct tg_loop){.clock = clock ? clock : tg_clock_system(), .drain_ms = TG_LOOP_DRAIN_MS};
    tg_list_init(&l->hooks);
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = uv_loop_init(&l->uv);
    if (rc < 0) return TG_FAIL(err, TG_E_IO, "event loop: %s", uv_strerror(rc));
    rc = uv_async_init(&l->uv, &l->wake, on_wake);
    if (rc < 0) {
        TG_CHECK(uv_loop_close(&l->uv) == 0);
        return TG_FAIL(err, TG_E_IO, "event loop: %s", uv_strerror(rc));
    }
    TG_CHECK(uv_timer_init(&l->uv, &l->drain) == 0);
    return 0;
}

int tg_loop_signals(struct tg_loop *l, tg_loop_signal_fn on_hup, void *data, struct tg_err *err)
{
    const struct {
        uv_signal_t *handle;
        uv_signal_cb fn;
        int signum;
    } rows[] = {{&l->sigterm, on_end_signal, SIGTERM},
                {&l->sigint, on_end_signal, SIGINT},
                {&l->sighup, on_hup_signal, SIGHUP}};
    l->on_hup = on_hup;
    l->hup_data = data;
    for (size_t i = 0; i < TG_COUNT(rows); i++) {
        int rc = uv_signal_init(&l->uv, rows[i].handle);
        if (rc == 0) {
            rows[i].handle->data = l;
            rc = uv_signal_start(rows[i].handle, rows[i].fn, rows[i].signum);
        }
        if (rc < 0)
            return TG_FAIL(err, TG_E_IO, "signal %d cannot be taken: %s", rows[i].signum,
                           uv_strerror(rc));
    }
    return 0;
}

void tg_loop_set_drain(struct tg_loop *l, uint64_t drain_ms)
{
    TG_CHECK(!l->stopping);
    l->drain_ms = drain_ms;
}

void tg_loop_on_stop(struct tg_loop *l, struct tg_stop_hook *hook, const char *what, tg_stop_fn fn,
                     void *data)
{
    *hook = (struct tg_stop_hook){.loop = l, .what = what, .fn = fn, .data = data};
    tg_list_add(&l->hooks, &hook->node);
}

void tg_stop_hook_done(struct tg_stop_hook *hook)
{
    TG_CHECK(hook->called && !tg_list_empty(&hook->node));
    tg_stop_hook_del(hook);
}

void tg_stop_hook_del(struct tg_stop_hook *hook)
{
    struct tg_loop *l = hook->loop;
    tg_list_del(&hook->node);
    if (l && l->stopping && !l->swept) TG_CHECK(uv_async_send(&l->wake) == 0);
}

void tg_loop_stop(struct tg_loop *l)
{
    atomic_store(&l->stop_asked, true);
    (void)uv_async_send(&l->wake);
}

bool tg_loop_stopping(const struct tg_loop *l)
{
    return l->stopping;
}

const char *tg_loop_late(const struct tg_loop *l)
{
    return l->late;
}

void tg_loop_run(struct tg_loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    TG_CHECK(l->swept);
}

static void close_own(uv_handle_t *handle, void *data)
{
    struct tg_loop *l = data;
    const void *own[] = {&l->wake, &l->drain, &l->sigterm, &l->sigint, &l->sighup};
    for (size_t i = 0; i < TG_COUNT(own); i++)
        if (handle == own[i]) close_one(handle, NULL);
}

void tg_loop_done(struct tg_loop *l)
{
    uv_walk(&l->uv, close_own, l);
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    TG_CHECK(uv_loop_close(&l->uv) == 0);
}

int64_t tg_loop_wall(const struct tg_loop *l)
{
    return tg_clock_wall(l->clock);
}

uint64_t tg_loop_mono_ms(const struct tg_loop *l)
{
    return tg_clock_mono_ms(l->clock);
}
