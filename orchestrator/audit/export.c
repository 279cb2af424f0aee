/* The export, a page for each question: nobody holds the whole log. */
#include "audit_private.h"
#include "base/mem.h"

enum { PAGE_MAX = 64 * 1024 * 1024 }; /* 8 MB of bodies, escaped at worst */

struct ask {
    struct audit_cursor cursor;
    audit_page_fn fn;
    void *data;
};

static void on_page(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct ask *ask = data;
    struct tg_err own = {0};
    struct tg_buf page = TG_BUF(PAGE_MAX);
    bool more = false;
    if (!err && audit_read_page(r, &ask->cursor, &page, &more, &own) < 0) err = &own;
    if (err)
        ask->fn(NULL, 0, &ask->cursor, false, err, ask->data);
    else
        ask->fn(tg_buf_text(&page), page.len, &ask->cursor, more, NULL, ask->data);
    tg_buf_done(&page);
    free(ask);
}

void audit_page(struct audit *a, const struct audit_cursor *from, audit_page_fn fn, void *data)
{
    struct ask *ask = TG_NEW(struct ask);
    *ask = (struct ask){*from, fn, data};
    db_unit_run(audit_ask_page(a, from), on_page, ask);
}
