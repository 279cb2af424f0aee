#include "keystore/install.h"

#include <string.h>

#include "base/limits.h"
#include "install_place.h"

enum { ROOM = TG_MAX_KEYSTORE + 65536 };

static int check_plan(const struct tg_install_plan *plan, struct tg_err *err)
{
    TG_CHECK(plan->path && plan->verify);
    if (plan->len == 0 || plan->len > TG_MAX_KEYSTORE)
        return TG_FAIL(err, TG_E_LIMIT, "%s: the new content is empty or larger than any keystore",
                       plan->path);
    return 0;
}

static int check_expected(const struct tg_install_plan *plan, const struct tg_place *p,
                          struct tg_err *err)
{
    if (!plan->expect) return 0;
    if (p->old.len == plan->expect_len && memcmp(p->old.data, plan->expect, plan->expect_len) == 0)
        return 0;
    return TG_FAIL(err, TG_E_STALE, "%s: it was changed since it was read; try again", plan->path);
}

static int ask(const struct tg_install_plan *plan, const struct tg_buf *got, struct tg_err *err)
{
    struct tg_err why = {0};
    int rc = plan->verify(got->data, got->len, NULL, 0, plan->data, &why);
    return rc < 0 ? TG_FAIL(err, rc, "%s: the new content does not hold: %s", plan->path, why.text)
                  : 0;
}

static int prepare(const struct tg_install_plan *plan, struct tg_place *p, struct tg_err *err)
{
    struct tg_buf got = TG_BUF(ROOM);
    TG_TRY(tg_place_load(p, err));
    TG_TRY(check_expected(plan, p, err));
    TG_TRY(tg_place_write(p, plan->bytes, plan->len, err));
    int rc = tg_place_read_temp(p, &got, err);
    if (rc == 0) rc = ask(plan, &got, err);
    tg_place_wipe(&got);
    TG_TRY(rc);
    return tg_place_back_up(p, err);
}

/* Behind the rename: what stands there now must hold, or the old file comes back. */
static int confirm(const struct tg_install_plan *plan, struct tg_place *p, struct tg_err *err)
{
    struct tg_buf got = TG_BUF(ROOM);
    int rc = tg_place_sync(p, err);
    if (rc == 0) rc = tg_place_read(p, p->name, &got, err);
    if (rc == 0) rc = ask(plan, &got, err);
    tg_place_wipe(&got);
    if (rc < 0)
        (void)tg_place_restore(p);
    else
        tg_place_keep_backup(p);
    return rc;
}

int tg_install_file(const struct tg_install_plan *plan, struct tg_err *err)
{
    struct tg_place p = TG_PLACE;
    TG_TRY(check_plan(plan, err));
    TG_TRY(tg_install_recover(plan->dir_fd, plan->path, NULL, NULL, err));
    int rc = tg_place_find(&p, plan->dir_fd, plan->path, err);
    if (rc == 0) rc = prepare(plan, &p, err);
    if (rc == 0) rc = tg_place_rename(&p, err);
    if (rc == 0) rc = confirm(plan, &p, err);
    tg_place_done(&p);
    return rc;
}
