#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "install_journal.h"
#include "keystore/install.h"

enum { ROOM = TG_MAX_KEYSTORE + 65536, MAX_LEFT = 256 };

/* A link of the file itself is nothing; the file before it becomes the backup. */
static void settle_backup(struct tg_place *p, const char *left)
{
    struct stat st, now;
    if (fstatat(p->dir_fd, left, &st, AT_SYMLINK_NOFOLLOW) < 0) return;
    if (fstatat(p->dir_fd, p->name, &now, AT_SYMLINK_NOFOLLOW) < 0) {
        (void)renameat(p->dir_fd, left, p->dir_fd, p->name);
    } else if (st.st_ino == now.st_ino) {
        (void)unlinkat(p->dir_fd, left, 0);
    } else {
        (void)renameat(p->dir_fd, left, p->dir_fd, p->keeps);
    }
}

static void sweep_one(struct tg_place *p, const char *left)
{
    char prefix[PLACE_NAME];
    (void)snprintf(prefix, sizeof prefix, ".tamga-bak.%s.", p->tag);
    if (tg_starts(left, prefix)) settle_backup(p, left);
    (void)snprintf(prefix, sizeof prefix, ".tamga-new.%s.", p->tag);
    if (tg_starts(left, prefix)) (void)unlinkat(p->dir_fd, left, 0);
    (void)snprintf(prefix, sizeof prefix, ".tamga-jou.%s.", p->tag);
    if (tg_starts(left, prefix)) (void)unlinkat(p->dir_fd, left, 0);
}

/* What a killed installation left beside this file. */
static int sweep(struct tg_place *p, struct tg_err *err)
{
    int fd = openat(p->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int error = errno;
        if (fd >= 0) (void)close(fd);
        return tg_place_fail(err, error, "looking through its folder", p->name);
    }
    char *left[MAX_LEFT];
    size_t count = 0;
    for (struct dirent *e = readdir(dir); e && count < MAX_LEFT; e = readdir(dir))
        if (tg_starts(e->d_name, ".tamga-") && strstr(e->d_name, p->tag) &&
            !tg_starts(e->d_name, ".tamga-journal."))
            left[count++] = tg_strdup(e->d_name);
    (void)closedir(dir);
    for (size_t i = 0; i < count; i++) {
        sweep_one(p, left[i]);
        free(left[i]);
    }
    return 0;
}

enum content { IS_OLD, IS_NEW, IS_OTHER };

static enum content content_of(const struct tg_place *p, const char *name,
                               const struct tg_journal_file *f)
{
    struct tg_buf got = TG_BUF(ROOM);
    uint8_t digest[TG_SHA256];
    enum content ret = IS_OTHER;
    if (tg_place_read(p, name, &got, NULL) == 0) {
        tg_sha256(got.data, got.len, digest);
        if (memcmp(digest, f->fresh, TG_SHA256) == 0)
            ret = IS_NEW;
        else if (memcmp(digest, f->old, TG_SHA256) == 0)
            ret = IS_OLD;
    }
    tg_place_wipe(&got);
    return ret;
}

static int rename_in(const struct tg_place *p, const char *from, const char *to, struct tg_err *err)
{
    return renameat(p->dir_fd, from, p->dir_fd, to) < 0
               ? tg_place_fail(err, errno, "recovering it", to)
               : 0;
}

/* Forward: files that are still old get their waiting successor. */
static int finish(const struct tg_place *p, const struct tg_journal *journal,
                  const enum content is[2], struct tg_err *err)
{
    for (int i = 0; i < 2; i++)
        if (is[i] == IS_OLD)
            TG_TRY(rename_in(p, journal->files[i].temp, journal->files[i].name, err));
    TG_TRY(tg_place_sync(p, err));
    for (int i = 0; i < 2; i++) {
        char keeps[PLACE_NAME];
        const struct tg_journal_file *f = &journal->files[i];
        if (snprintf(keeps, sizeof keeps, "%s.tamga-old", f->name) < (int)sizeof keeps)
            (void)renameat(p->dir_fd, f->backup, p->dir_fd, keeps);
    }
    return tg_journal_remove(p, err);
}

/* Back: files that are new already get their backup again. */
static int undo(const struct tg_place *p, const struct tg_journal *journal,
                const enum content is[2], struct tg_err *err)
{
    for (int i = 0; i < 2; i++) {
        const struct tg_journal_file *f = &journal->files[i];
        if (is[i] != IS_NEW) continue;
        if (content_of(p, f->backup, f) != IS_OLD)
            return TG_FAIL(err, TG_E_IO,
                           "%s: neither its successor nor its backup is whole; restore both files "
                           "of the pair",
                           f->name);
        TG_TRY(rename_in(p, f->backup, f->name, err));
    }
    TG_TRY(tg_place_sync(p, err));
    for (int i = 0; i < 2; i++) {
        (void)unlinkat(p->dir_fd, journal->files[i].temp, 0);
        (void)unlinkat(p->dir_fd, journal->files[i].backup, 0);
    }
    return tg_journal_remove(p, err);
}

static int recover_pair(const struct tg_place *p, const struct tg_journal *journal,
                        enum tg_install_recovery *ret, struct tg_err *err)
{
    enum content is[2];
    bool whole = true;
    for (int i = 0; i < 2; i++) {
        const struct tg_journal_file *f = &journal->files[i];
        is[i] = content_of(p, f->name, f);
        if (is[i] == IS_OTHER)
            return TG_FAIL(err, TG_E_MISMATCH,
                           "%s: somebody changed it in the middle of an installation; check the "
                           "pair and remove the journal",
                           f->name);
        whole &= is[i] == IS_NEW || content_of(p, f->temp, f) == IS_NEW;
    }
    *ret = whole ? TG_RECOVERED_FINISHED : TG_RECOVERED_UNDONE;
    return whole ? finish(p, journal, is, err) : undo(p, journal, is, err);
}

static int recover_second(int dir_fd, const char *path, struct tg_err *err)
{
    struct tg_place p = TG_PLACE;
    int rc = tg_place_find(&p, dir_fd, path, err);
    if (rc == 0) rc = sweep(&p, err);
    tg_place_done(&p);
    return rc;
}

int tg_install_recover(int dir_fd, const char *path, const char *second_path,
                       enum tg_install_recovery *ret, struct tg_err *err)
{
    struct tg_place p = TG_PLACE;
    struct tg_journal journal;
    enum tg_install_recovery outcome = TG_RECOVERED_NOTHING;
    int rc = tg_place_find(&p, dir_fd, path, err);
    if (rc == 0) {
        rc = tg_journal_read(&p, &journal, err);
        if (rc == 0)
            rc = recover_pair(&p, &journal, &outcome, err);
        else if (rc == TG_E_NOT_FOUND)
            rc = 0;
    }
    if (rc == 0) rc = sweep(&p, err);
    tg_place_done(&p);
    if (rc == 0 && second_path) rc = recover_second(dir_fd, second_path, err);
    if (rc == 0 && ret) *ret = outcome;
    if (rc == 0) tg_err_clear(err);
    return rc;
}
