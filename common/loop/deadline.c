#include "loop/loop.h"

static uv_handle_t *handle_of(struct tg_deadline *d)
{
    return (uv_handle_t *)&d->timer;
}

static void on_timer(uv_timer_t *timer)
{
    struct tg_deadline *d = timer->data;
    d->fn(d, d->data);
}

static void on_closed(uv_handle_t *handle)
{
    struct tg_deadline *d = handle->data;
    if (d->on_close) d->on_close(d, d->data);
}

void tg_deadline_init(struct tg_deadline *d, struct tg_loop *l, void *data)
{
    *d = (struct tg_deadline){.data = data, .open = true};
    TG_CHECK(uv_timer_init(&l->uv, &d->timer) == 0);
    d->timer.data = d;
}

void tg_deadline_start(struct tg_deadline *d, uint64_t wait_ms, tg_deadline_fn fn)
{
    TG_CHECK(d->open);
    if (uv_is_closing(handle_of(d))) return; /* the stop swept it */
    d->fn = fn;
    uv_update_time(d->timer.loop); /* else a long callback before this would shorten the wait */
    TG_CHECK(uv_timer_start(&d->timer, on_timer, wait_ms, 0) == 0);
}

void tg_deadline_stop(struct tg_deadline *d)
{
    if (d->open) (void)uv_timer_stop(&d->timer);
}

bool tg_deadline_active(const struct tg_deadline *d)
{
    return d->open && uv_is_active((const uv_handle_t *)&d->timer);
}

void tg_deadline_close(struct tg_deadline *d, tg_deadline_fn on_close)
{
    TG_CHECK(d->open);
    d->open = false;
    if (uv_is_closing(handle_of(d))) return; /* the stop swept it */
    d->on_close = on_close;
    uv_close(handle_of(d), on_closed);
}
