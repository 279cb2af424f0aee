/* The export in pieces. */
#include "audit_private.h"
#include "base/mem.h"

enum { PIECE_MAX = 256 * 1024 * 1024 };

struct audit_export {
    struct audit *a;
    uint64_t next;
    struct tg_buf piece;
    audit_piece_fn fn;
    void *data;
    bool busy, dropped;
};

struct audit_export *audit_export_new(struct audit *a)
{
    struct audit_export *e = TG_NEW(struct audit_export);
    e->a = a;
    tg_buf_init(&e->piece, PIECE_MAX);
    return e;
}

static void really_free(struct audit_export *e)
{
    tg_buf_done(&e->piece);
    free(e);
}

static void on_piece(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct audit_export *e = data;
    struct tg_err own = {0};
    e->busy = false;
    if (e->dropped) {
        really_free(e);
        return;
    }
    tg_buf_reset(&e->piece);
    if (err || audit_read_piece(r, e->next, &e->piece, &e->next, &own) < 0) {
        e->fn(NULL, 0, err ? err : &own, e->data);
        return;
    }
    e->fn(tg_buf_text(&e->piece), e->piece.len, NULL, e->data);
}

void audit_export_next(struct audit_export *e, audit_piece_fn fn, void *data)
{
    TG_CHECK(!e->busy);
    e->fn = fn;
    e->data = data;
    e->busy = true;
    db_unit_run(audit_ask_piece(e->a, e->next), on_piece, e);
}

void audit_export_free(struct audit_export *e)
{
    if (!e) return;
    if (e->busy) e->dropped = true;
    else really_free(e);
}
