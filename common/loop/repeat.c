#include "loop/loop.h"

static void on_run(struct tg_deadline *timer, void *data)
{
    struct tg_repeat *r = data;
    (void)timer;
    r->running = true;
    r->fn(r, r->data);
}

static void on_closed(struct tg_deadline *timer, void *data)
{
    struct tg_repeat *r = data;
    (void)timer;
    if (r->on_close) r->on_close(r, r->data);
}

void tg_repeat_init(struct tg_repeat *r, struct tg_loop *l, uint64_t pause_ms, tg_repeat_fn fn,
                    void *data)
{
    *r = (struct tg_repeat){.pause_ms = pause_ms, .fn = fn, .data = data};
    tg_deadline_init(&r->timer, l, r);
}

void tg_repeat_start(struct tg_repeat *r, uint64_t first_ms)
{
    TG_CHECK(!r->running && !r->closing);
    tg_deadline_start(&r->timer, first_ms, on_run);
}

void tg_repeat_now(struct tg_repeat *r)
{
    if (r->closing) return;
    if (r->running)
        r->again = true;
    else
        tg_deadline_start(&r->timer, 0, on_run);
}

void tg_repeat_finish(struct tg_repeat *r)
{
    TG_CHECK(r->running);
    r->running = false;
    if (r->closing) {
        tg_deadline_close(&r->timer, on_closed);
        return;
    }
    uint64_t wait_ms = r->again ? 0 : r->pause_ms;
    r->again = false;
    tg_deadline_start(&r->timer, wait_ms, on_run);
}

void tg_repeat_close(struct tg_repeat *r, tg_repeat_fn on_close)
{
    TG_CHECK(!r->closing);
    r->closing = true;
    r->on_close = on_close;
    if (!r->running) tg_deadline_close(&r->timer, on_closed);
}
