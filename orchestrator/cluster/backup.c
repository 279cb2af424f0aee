/* Backup and restore: a folder with database.dump, files/..., and a manifest that names each with
 * its SHA-256. The database comes first and the files after it: what the files know beyond the
 * database (an issued certificate) is found again by reconciliation; the other way round would be a
 * loss. */
#include <errno.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/times.h"
#include "cluster_private.h"

static const char head[] = "tamga backup v1\n";
enum { MANIFEST_MAX = 64 * 1024 * 1024 };

static int program(struct cluster *c, const char *bin, struct tg_err *err)
{
    *c = (struct cluster){0};
    return cluster_choose_binaries(c, bin, err);
}

/* --- backup --- */

struct keep {
    const char *dir;
    struct tg_buf *manifest;
};

static int note(const struct keep *k, const char *name, unsigned mode, struct tg_err *err)
{
    TG_AUTO(mem) char *path = tg_printf("%s/%s", k->dir, name);
    char hash[TG_HEX256];
    if (strchr(name, '\n'))
        return TG_FAIL(err, TG_E_INPUT, "%s: a name with a line end cannot be backed up", path);
    TG_TRY(cluster_hash(path, hash, err));
    tg_buf_printf(k->manifest, "%s %03o %s\n", hash, mode, name);
    return tg_buf_ok(k->manifest, err);
}

static int keep_file(const char *path, const char *name, unsigned mode, void *data,
                     struct tg_err *err)
{
    const struct keep *k = data;
    TG_AUTO(mem) char *kept = tg_printf("files/%s", name);
    TG_AUTO(mem) char *to = tg_printf("%s/%s", k->dir, kept);
    TG_TRY(cluster_copy(path, to, mode, err));
    return note(k, kept, mode, err);
}

static int dump(const struct cluster_backup *b, struct tg_err *err)
{
    struct cluster c;
    TG_TRY(program(&c, b->bin, err));
    TG_AUTO(mem) char *pg_dump = tg_printf("%s/pg_dump", c.bin);
    TG_AUTO(mem) char *to = tg_printf("--file=%s/database.dump", b->dir);
    const char *const argv[] =
        {pg_dump, "--format=custom", "--schema=tamga", "--no-password", to, "-d", b->conninfo,
         NULL};
    return cluster_run(&c, &(struct run){.argv = argv}, err);
}

static int fill(const struct cluster_backup *b, struct tg_buf *manifest, struct tg_err *err)
{
    struct keep k = {b->dir, manifest};
    char at[TG_TIME];
    tg_time_print(b->now, at);
    tg_buf_printf(manifest, "%screated: %s\n", head, at);
    TG_TRY(dump(b, err));
    TG_TRY(note(&k, "database.dump", 0600, err));
    for (size_t i = 0; i < b->files_count; i++)
        TG_TRY(cluster_each_file(b->state, b->files[i], keep_file, &k, err));
    /* the manifest is last: a backup without one is none */
    TG_AUTO(mem) char *path = tg_printf("%s/manifest", b->dir);
    TG_TRY(tg_file_replace(path, manifest->data, manifest->len, 0600, err));
    return cluster_sync(b->dir, err);
}

int cluster_backup(const struct cluster_backup *b, struct tg_err *err)
{
    struct tg_buf manifest = TG_BUF(MANIFEST_MAX);
    if (mkdir(b->dir, 0700) < 0)
        return TG_FAIL(err, tg_code_from_errno(errno),
                       "%s: %s; name a folder that is not there yet", b->dir, strerror(errno));
    int rc = fill(b, &manifest, err);
    tg_buf_done(&manifest);
    return rc < 0 ? tg_err_wrap(err, "backup") : 0;
}

/* --- the manifest, line by line --- */

struct item {
    char hash[TG_HEX256];
    unsigned mode;
    const char *name;
};
typedef int (*item_fn)(const struct item *item, const char *dir, void *data, struct tg_err *err);

/* Names stay below the folder. */
static bool name_ok(const char *name)
{
    return *name && *name != '/' && !strstr(name, "..") &&
           (strcmp(name, "database.dump") == 0 || tg_starts(name, "files/"));
}

static bool parse_item(char *line, struct item *ret)
{
    char *space = strchr(line, ' '), *end = NULL;
    if (!space || space - line != 64 || strlen(space) < 6) return false;
    *space = '\0';
    unsigned long mode = strtoul(space + 1, &end, 8);
    if (!tg_is_hex(line, 64) || end != space + 4 || *end != ' ' || mode > 0777) return false;
    (void)tg_copy(ret->hash, sizeof ret->hash, line);
    ret->mode = (unsigned)mode;
    ret->name = end + 1;
    return name_ok(ret->name);
}

static int each_line(char *text, const char *dir, item_fn fn, void *data, struct tg_err *err)
{
    bool dump_seen = false;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        struct item item;
        if (!parse_item(line, &item))
            return TG_FAIL(err, TG_E_INPUT, "%s/manifest: line '%.80s' is malformed", dir, line);
        dump_seen = dump_seen || strcmp(item.name, "database.dump") == 0;
        TG_TRY(fn(&item, dir, data, err));
    }
    return dump_seen ? 0
                     : TG_FAIL(err, TG_E_MISMATCH, "%s/manifest: it names no database.dump", dir);
}

static int each_item(const char *dir, item_fn fn, void *data, struct tg_err *err)
{
    TG_AUTO(mem) char *path = tg_printf("%s/manifest", dir);
    struct tg_buf b = TG_BUF(MANIFEST_MAX);
    int rc = tg_file_read(path, &b, err);
    char *text = (char *)b.data;
    char *created = text && tg_starts(text, head) ? text + sizeof head - 1 : NULL,
         *end = created ? strchr(created, '\n') : NULL;
    if (rc == 0 && (!end || !tg_starts(created, "created: ")))
        rc = TG_FAIL(err, TG_E_VERSION, "%s: it is no backup of this version", path);
    else if (rc == 0)
        rc = each_line(end + 1, dir, fn, data, err);
    tg_buf_done(&b);
    return rc;
}

static int check_item(const struct item *item, const char *dir, void *data, struct tg_err *err)
{
    (void)data;
    char hash[TG_HEX256];
    TG_AUTO(mem) char *path = tg_printf("%s/%s", dir, item->name);
    if (cluster_hash(path, hash, err) < 0)
        return TG_FAIL(err, TG_E_MISMATCH, "backup: %s is named by the manifest and cannot be read",
                       path);
    if (strcmp(hash, item->hash) != 0)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "backup: %s is not what was backed up (SHA-256 %.12s..., not %.12s...)",
                       path, hash, item->hash);
    return 0;
}

int cluster_backup_check(const char *dir, struct tg_err *err)
{
    return each_item(dir, check_item, NULL, err);
}

/* --- restore --- */

static int restore_item(const struct item *item, const char *dir, void *data, struct tg_err *err)
{
    if (!tg_starts(item->name, "files/")) return 0;
    TG_AUTO(mem) char *from = tg_printf("%s/%s", dir, item->name);
    TG_AUTO(mem) char *to = tg_printf("%s/%s", (const char *)data, item->name + strlen("files/"));
    int rc = cluster_copy(from, to, item->mode, err);
    if (rc == TG_E_EXISTS)
        return tg_err_wrap(err, "restore: the state folder is not empty; name a new one");
    return rc;
}

int cluster_restore_files(const char *dir, const char *state, struct tg_err *err)
{
    TG_AUTO(mem) char *folder = tg_strdup(state); /* only passed on, never written */
    TG_TRY(cluster_backup_check(dir, err));
    if (mkdir(state, 0711) < 0 && errno != EEXIST)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", state, strerror(errno));
    TG_TRY(each_item(dir, restore_item, folder, err));
    return cluster_sync(state, err);
}

int cluster_restore_database(const char *dir, const char *owner_conninfo, const char *bin,
                             struct tg_err *err)
{
    struct cluster c;
    TG_TRY(program(&c, bin, err));
    TG_AUTO(mem) char *pg_restore = tg_printf("%s/pg_restore", c.bin);
    TG_AUTO(mem) char *dump_path = tg_printf("%s/database.dump", dir);
    const char *const argv[] = {pg_restore,
                                "--exit-on-error",
                                "--single-transaction",
                                "--no-password",
                                "-d",
                                owner_conninfo,
                                dump_path,
                                NULL};
    if (cluster_run(&c, &(struct run){.argv = argv}, err) < 0)
        return tg_err_wrap(err, "restore of %s", dump_path);
    return 0;
}
