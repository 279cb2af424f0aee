#include "install_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/str.h"

#define HEAD "tamga install journal v1\n"

enum { MAX_JOURNAL = 8192 };

void tg_journal_name(const struct tg_place *first, char ret[PLACE_NAME])
{
    (void)snprintf(ret, PLACE_NAME, ".tamga-journal.%s", first->tag);
}

static void put_file(struct tg_buf *out, const struct tg_journal_file *f)
{
    tg_buf_hex(out, f->name, strlen(f->name));
    tg_buf_printf(out, " %s %s ", f->temp, f->backup);
    tg_buf_hex(out, f->fresh, sizeof f->fresh);
    tg_buf_putc(out, ' ');
    tg_buf_hex(out, f->old, sizeof f->old);
    tg_buf_putc(out, '\n');
}

int tg_journal_write(const struct tg_place *first, const struct tg_journal *journal,
                     struct tg_err *err)
{
    char name[PLACE_NAME], temp[PLACE_NAME];
    struct tg_buf text = TG_BUF(MAX_JOURNAL);
    tg_buf_puts(&text, HEAD);
    put_file(&text, &journal->files[0]);
    put_file(&text, &journal->files[1]);
    int rc = tg_buf_ok(&text, err);
    tg_journal_name(first, name);
    tg_place_temp_name(first, "jou", temp);
    int fd =
        rc < 0 ? -1 : openat(first->dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (rc == 0 && fd < 0)
        rc = tg_place_fail(err, errno, "writing the journal of the pair", first->name);
    if (rc == 0 && (write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) < 0 ||
                    renameat(first->dir_fd, temp, first->dir_fd, name) < 0)) {
        rc = tg_place_fail(err, errno, "writing the journal of the pair", first->name);
        (void)unlinkat(first->dir_fd, temp, 0);
    }
    if (fd >= 0) (void)close(fd);
    tg_buf_done(&text);
    TG_TRY(rc);
    rc = tg_place_sync(first, err);
    if (rc < 0) (void)unlinkat(first->dir_fd, name, 0);
    return rc;
}

static bool plain_name(const char *name, bool ours)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           (!ours || tg_starts(name, ".tamga-"));
}

/* One field up to the separator; advances. */
static bool field(const char **at, char end, char *ret, size_t size)
{
    const char *stop = strchr(*at, end);
    if (!stop || !tg_copyn(ret, size, *at, (size_t)(stop - *at))) return false;
    *at = stop + 1;
    return true;
}

static bool parse_file(const char **at, struct tg_journal_file *f)
{
    char name[2 * PLACE_NAME], fresh[TG_HEX256], old[TG_HEX256];
    if (!field(at, ' ', name, sizeof name) || !field(at, ' ', f->temp, sizeof f->temp) ||
        !field(at, ' ', f->backup, sizeof f->backup) || !field(at, ' ', fresh, sizeof fresh) ||
        !field(at, '\n', old, sizeof old))
        return false;
    size_t len = strlen(name);
    if (len % 2 || len / 2 >= sizeof f->name || !tg_unhex(name, len, (uint8_t *)f->name))
        return false;
    f->name[len / 2] = 0;
    return strlen(f->name) == len / 2 && plain_name(f->name, false) && plain_name(f->temp, true) &&
           plain_name(f->backup, true) && strlen(fresh) == TG_HEX256 - 1 &&
           strlen(old) == TG_HEX256 - 1 && tg_unhex(fresh, TG_HEX256 - 1, f->fresh) &&
           tg_unhex(old, TG_HEX256 - 1, f->old);
}

int tg_journal_read(const struct tg_place *first, struct tg_journal *ret, struct tg_err *err)
{
    char name[PLACE_NAME];
    struct tg_buf text = TG_BUF(1 << 20);
    *ret = (struct tg_journal){0};
    tg_journal_name(first, name);
    int rc = tg_place_read(first, name, &text, err);
    if (rc == 0) {
        const char *at = tg_buf_text(&text);
        bool ok = strlen(at) == text.len && tg_starts(at, HEAD);
        at += ok ? sizeof HEAD - 1 : 0;
        ok = ok && parse_file(&at, &ret->files[0]) && parse_file(&at, &ret->files[1]) && !*at &&
             strcmp(ret->files[0].name, first->name) == 0;
        if (!ok)
            rc = TG_FAIL(err, TG_E_INPUT,
                         "%s: the journal %s is damaged; compare both files with their backups and "
                         "remove it",
                         first->name, name);
    }
    tg_buf_done(&text);
    return rc;
}

int tg_journal_remove(const struct tg_place *first, struct tg_err *err)
{
    char name[PLACE_NAME];
    tg_journal_name(first, name);
    if (unlinkat(first->dir_fd, name, 0) < 0 && errno != ENOENT)
        return tg_place_fail(err, errno, "removing the journal of the pair", first->name);
    return tg_place_sync(first, err);
}
