#include "loop/loop.h"

static void on_pool(uv_work_t *req)
{
    struct tg_work *w = req->data;
    w->fn(w->data);
}

static void on_done(uv_work_t *req, int status)
{
    struct tg_work *w = req->data;
    w->busy = false; /* before done: it may start the next work or free w */
    w->done(w->data, status == UV_ECANCELED ? TG_E_CANCELLED : 0);
}

int tg_work_start(struct tg_work *w, struct tg_loop *l, tg_work_fn fn, tg_work_done_fn done,
                  void *data, struct tg_err *err)
{
    *w = (struct tg_work){.loop = l, .fn = fn, .done = done, .data = data};
    w->req.data = w;
    int rc = uv_queue_work(&l->uv, &w->req, on_pool, on_done);
    if (rc < 0) return TG_FAIL(err, TG_E_IO, "pool: %s", uv_strerror(rc));
    w->busy = true;
    return 0;
}

void tg_work_cancel(struct tg_work *w)
{
    if (w->busy) (void)uv_cancel((uv_req_t *)&w->req); /* EBUSY: it runs, and done will come */
}

bool tg_work_busy(const struct tg_work *w)
{
    return w->busy;
}
