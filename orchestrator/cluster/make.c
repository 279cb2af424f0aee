/* A new cluster: made beside its place, synced, then renamed: what has the name is whole. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "cluster_private.h"

static const char settings[] = "# tamga's private cluster\n"
                               "listen_addresses = ''\n"
                               "unix_socket_permissions = 0700\n"
                               "max_connections = 60\n"
                               "shared_buffers = 128MB\n"
                               "max_wal_size = 2GB\n"
                               "wal_compression = on\n"
                               "jit = off\n"
                               "timezone = 'UTC'\n"
                               "log_timezone = 'UTC'\n"
                               "log_min_messages = warning\n"
                               "log_min_error_statement = panic\n"
                               "idle_in_transaction_session_timeout = 60s\n";

/* Runs in single-user mode: a statement is a line. */
static const char first_sql[] = "CREATE ROLE tamga_owner LOGIN\n"
                                "CREATE ROLE tamga_run LOGIN\n"
                                "CREATE DATABASE tamga OWNER tamga_owner\n"
                                "REVOKE CONNECT ON DATABASE tamga FROM PUBLIC\n"
                                "GRANT CONNECT ON DATABASE tamga TO tamga_run\n";

/* Peer authentication: who we are, root, and the cluster's user may be our two roles. */
int cluster_write_access(const struct cluster *c, const char *pgdata, struct tg_err *err)
{
    TG_AUTO(mem) char *hba = tg_printf("%s/pg_hba.conf", pgdata);
    TG_AUTO(mem) char *ident = tg_printf("%s/pg_ident.conf", pgdata);
    struct tg_buf b = TG_BUF(4096);
    const char *const users[] = {c->service, "root", c->user};
    for (size_t i = 0; i < TG_COUNT(users); i++)
        tg_buf_printf(&b,
                      "tamga \"%s\" tamga_owner\ntamga \"%s\" tamga_run\ntamga \"%s\" postgres\n",
                      users[i], users[i], users[i]);
    int rc = tg_buf_ok(&b, err);
    if (rc == 0) rc = cluster_write(ident, tg_buf_text(&b), c, err);
    tg_buf_done(&b);
    if (rc == 0) rc = cluster_write(hba, "local all all peer map=tamga\n", c, err);
    return rc;
}

/* Halves of earlier attempts. We hold the lock. */
static int clean_up(const struct cluster *c, struct tg_err *err)
{
    DIR *d = opendir(c->base);
    if (!d) return TG_FAIL(err, TG_E_IO, "%s: %s", c->base, strerror(errno));
    int rc = 0;
    for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (!tg_starts(e->d_name, "pgdata.new.")) continue;
        TG_AUTO(mem) char *path = tg_printf("%s/%s", c->base, e->d_name);
        rc = cluster_remove_tree(path, err);
    }
    closedir(d);
    return rc;
}

static int init(const struct cluster *c, const char *folder, struct tg_err *err)
{
    TG_AUTO(mem) char *initdb = tg_printf("%s/initdb", c->bin);
    TG_AUTO(mem) char *server = tg_printf("%s/postgres", c->bin);
    TG_AUTO(mem) char *conf = tg_printf("%s/postgresql.conf", folder);
    const char *const make[] = {initdb,
                                "-D",
                                folder,
                                "-U",
                                "postgres",
                                "--locale=C",
                                "--encoding=UTF8",
                                "--auth-local=peer",
                                "--auth-host=reject",
                                "--data-checksums",
                                "--no-sync",
                                "--no-instructions",
                                NULL};
    const char *const fill[] = {server, "--single",  "-D",       folder,
                                "-c",   "fsync=off", "postgres", NULL};
    TG_TRY(cluster_run(c, &(struct run){.argv = make, .as_user = true}, err));
    TG_TRY(cluster_write(conf, settings, c, err));
    TG_TRY(cluster_write_access(c, folder, err));
    return cluster_run(c, &(struct run){.argv = fill, .input = first_sql, .as_user = true}, err);
}

int cluster_make(struct cluster *c, struct tg_err *err)
{
    TG_AUTO(mem) char *folder = tg_printf("%s/pgdata.new.%d", c->base, (int)getpid());
    TG_TRY(clean_up(c, err));
    if (mkdir(folder, 0700) < 0 || (c->root && lchown(folder, c->uid, c->gid) < 0))
        return TG_FAIL(err, TG_E_IO, "%s: %s", folder, strerror(errno));
    TG_TRY(init(c, folder, err));
    TG_TRY(cluster_sync(folder, err));
    if (rename(folder, c->pgdata) < 0)
        return TG_FAIL(err, TG_E_IO, "%s: %s", c->pgdata, strerror(errno));
    return cluster_sync(c->base, err);
}
