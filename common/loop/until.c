#include "base/mem.h"
#include "loop/loop.h"

struct until {
    uv_timer_t limit;
    uv_prepare_t before_poll;
    tg_loop_until_fn fn;
    void *data;
    bool over;
    int closed;
};

static void on_limit(uv_timer_t *timer)
{
    tg_container_of(timer, struct until, limit)->over = true;
}

/* Timers run before the poll of the same turn: without this look the loop would sleep on a
 * fulfilled wish. */
static void on_before_poll(uv_prepare_t *prepare)
{
    struct until *u = tg_container_of(prepare, struct until, before_poll);
    if (u->over || u->fn(u->data)) uv_stop(prepare->loop);
}

static void on_closed(uv_handle_t *handle)
{
    struct until *u = handle->data;
    u->closed++;
}

static bool swept(const struct until *u)
{
    return uv_is_closing((const uv_handle_t *)&u->limit);
}

bool tg_loop_until(struct tg_loop *l, tg_loop_until_fn fn, void *data, uint64_t timeout_ms)
{
    struct until u = {.fn = fn, .data = data};
    TG_CHECK(!l->swept);
    TG_CHECK(uv_timer_init(&l->uv, &u.limit) == 0 && uv_prepare_init(&l->uv, &u.before_poll) == 0);
    u.limit.data = u.before_poll.data = &u;
    uv_update_time(&l->uv);
    TG_CHECK(uv_timer_start(&u.limit, on_limit, timeout_ms, 0) == 0);
    TG_CHECK(uv_prepare_start(&u.before_poll, on_before_poll) == 0);
    while (!fn(data) && !u.over && !swept(&u))
        (void)uv_run(&l->uv, UV_RUN_ONCE);
    if (swept(&u)) { /* the stop closed ours too; finish as tg_loop_run() does */
        (void)uv_run(&l->uv, UV_RUN_DEFAULT);
        return fn(data);
    }
    uv_close((uv_handle_t *)&u.limit, on_closed);
    uv_close((uv_handle_t *)&u.before_poll, on_closed);
    while (u.closed < 2)
        (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    return fn(data);
}
