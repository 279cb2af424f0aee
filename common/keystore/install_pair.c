#include <string.h>

#include "base/limits.h"
#include "install_journal.h"
#include "keystore/install.h"

enum { ROOM = TG_MAX_KEYSTORE + 65536 };

struct pair {
    const struct tg_install_pair *plan;
    struct tg_place first, second;
    bool journaled;
};

static int ask(const struct pair *pair, const struct tg_buf *a, const struct tg_buf *b,
               struct tg_err *err)
{
    const struct tg_install_plan *plan = &pair->plan->first;
    struct tg_err why = {0};
    int rc = plan->verify(a->data, a->len, b->data, b->len, plan->data, &why);
    return rc < 0 ? TG_FAIL(err, rc, "%s: the new pair does not hold: %s", plan->path, why.text)
                  : 0;
}

static int find(struct pair *pair, struct tg_err *err)
{
    const struct tg_install_plan *plan = &pair->plan->first;
    struct stat a, b;
    TG_TRY(tg_place_find(&pair->first, plan->dir_fd, plan->path, err));
    TG_TRY(tg_place_find(&pair->second, plan->dir_fd, pair->plan->second_path, err));
    if (fstat(pair->first.dir_fd, &a) < 0 || fstat(pair->second.dir_fd, &b) < 0)
        return TG_FAIL(err, TG_E_IO, "%s: its folder cannot be looked at", plan->path);
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return TG_FAIL(err, TG_E_UNSUPPORTED, "%s: certificate and key must stand in one folder",
                       plan->path);
    if (strcmp(pair->first.name, pair->second.name) == 0)
        return TG_FAIL(err, TG_E_INPUT, "%s: certificate and key are one file", plan->path);
    return 0;
}

static int prepare(struct pair *pair, struct tg_err *err)
{
    const struct tg_install_plan *plan = &pair->plan->first;
    struct tg_buf a = TG_BUF(ROOM), b = TG_BUF(ROOM);
    TG_TRY(tg_place_load(&pair->first, err));
    TG_TRY(tg_place_load(&pair->second, err));
    if (plan->expect && (pair->first.old.len != plan->expect_len ||
                         memcmp(pair->first.old.data, plan->expect, plan->expect_len) != 0))
        return TG_FAIL(err, TG_E_STALE, "%s: it was changed since it was read; try again",
                       plan->path);
    TG_TRY(tg_place_write(&pair->first, plan->bytes, plan->len, err));
    TG_TRY(tg_place_write(&pair->second, pair->plan->second_bytes, pair->plan->second_len, err));
    int rc = tg_place_read_temp(&pair->first, &a, err);
    if (rc == 0) rc = tg_place_read_temp(&pair->second, &b, err);
    if (rc == 0) rc = ask(pair, &a, &b, err);
    tg_place_wipe(&a);
    tg_place_wipe(&b);
    TG_TRY(rc);
    TG_TRY(tg_place_back_up(&pair->first, err));
    return tg_place_back_up(&pair->second, err);
}

static void describe(const struct tg_place *p, const void *bytes, size_t len,
                     struct tg_journal_file *ret)
{
    memcpy(ret->name, p->name, sizeof ret->name);
    memcpy(ret->temp, p->temp, sizeof ret->temp);
    memcpy(ret->backup, p->backup, sizeof ret->backup);
    tg_sha256(bytes, len, ret->fresh);
    tg_sha256(p->old.data, p->old.len, ret->old);
}

static int write_journal(struct pair *pair, struct tg_err *err)
{
    struct tg_journal journal = {0};
    describe(&pair->first, pair->plan->first.bytes, pair->plan->first.len, &journal.files[0]);
    describe(&pair->second, pair->plan->second_bytes, pair->plan->second_len, &journal.files[1]);
    TG_TRY(tg_journal_write(&pair->first, &journal, err));
    pair->journaled = true;
    return 0;
}

static int swap(struct pair *pair, struct tg_err *err)
{
    struct tg_buf a = TG_BUF(ROOM), b = TG_BUF(ROOM);
    TG_TRY(tg_place_rename(&pair->first, err));
    TG_TRY(tg_place_rename(&pair->second, err));
    TG_TRY(tg_place_sync(&pair->first, err));
    int rc = tg_place_read(&pair->first, pair->first.name, &a, err);
    if (rc == 0) rc = tg_place_read(&pair->second, pair->second.name, &b, err);
    if (rc == 0) rc = ask(pair, &a, &b, err);
    tg_place_wipe(&a);
    tg_place_wipe(&b);
    return rc;
}

/* A file whose temporary is still there was not renamed: its backup is only a second name of it.
 * False when a file could not be brought back. */
static bool undo(struct pair *pair)
{
    bool back = true;
    if (!*pair->first.temp) back = tg_place_restore(&pair->first);
    if (!*pair->second.temp) back = tg_place_restore(&pair->second) && back;
    return back;
}

/* The journal needs what it names: nothing of it is removed. */
static void leave_to_recovery(struct pair *pair)
{
    *pair->first.temp = *pair->first.backup = 0;
    *pair->second.temp = *pair->second.backup = 0;
}

/* What stays is finished or undone by the next tg_install_recover(). */
static void end(struct pair *pair, bool done)
{
    struct tg_err ignored;
    if (done) {
        tg_place_keep_backup(&pair->first);
        tg_place_keep_backup(&pair->second);
    } else if (!undo(pair) && pair->journaled) {
        leave_to_recovery(pair);
        return;
    }
    if (pair->journaled && tg_journal_remove(&pair->first, &ignored) < 0) leave_to_recovery(pair);
}

int tg_install_pair(const struct tg_install_pair *plan, struct tg_err *err)
{
    struct pair pair = {.plan = plan, .first = TG_PLACE, .second = TG_PLACE};
    TG_CHECK(plan->first.path && plan->first.verify && plan->second_path);
    if (plan->first.len == 0 || plan->second_len == 0 || plan->first.len > TG_MAX_KEYSTORE ||
        plan->second_len > TG_MAX_KEYSTORE)
        return TG_FAIL(err, TG_E_LIMIT, "%s: the new content is empty or larger than any keystore",
                       plan->first.path);
    TG_TRY(tg_install_recover(plan->first.dir_fd, plan->first.path, plan->second_path, NULL, err));
    int rc = find(&pair, err);
    if (rc == 0) rc = prepare(&pair, err);
    if (rc == 0) rc = write_journal(&pair, err);
    if (rc == 0) rc = swap(&pair, err);
    end(&pair, rc == 0);
    tg_place_done(&pair.second);
    tg_place_done(&pair.first);
    return rc;
}
