/* Who runs the cluster, and where it lives. */
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster_private.h"

static int path_of(char ret[PATH_MAX], const char *folder, const char *name, struct tg_err *err)
{
    if (snprintf(ret, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "%s/%s: the path is too long", folder, name);
    return 0;
}

static void name_of(uid_t uid, char ret[64])
{
    const struct passwd *p = getpwuid(uid);
    if (!p || !tg_copy(ret, 64, p->pw_name)) snprintf(ret, 64, "%u", (unsigned)uid);
}

static bool take(struct cluster *c, const struct passwd *p)
{
    if (!p || p->pw_uid == 0) return false;
    c->uid = p->pw_uid;
    c->gid = p->pw_gid;
    return tg_copy(c->user, sizeof c->user, p->pw_name);
}

/* PostgreSQL refuses to run as root: the owner of pgdata, else who was asked for, else postgres,
 * else nobody. */
int cluster_choose_user(struct cluster *c, const struct cluster_config *config, struct tg_err *err)
{
    char pgdata[PATH_MAX];
    struct stat st;
    c->root = geteuid() == 0;
    name_of(geteuid(), c->service);
    c->uid = geteuid();
    c->gid = getegid();
    (void)tg_copy(c->user, sizeof c->user, c->service);
    TG_TRY(path_of(pgdata, config->state, "pgdata", err));
    bool there = stat(pgdata, &st) == 0;
    if (!c->root) {
        if (there && st.st_uid != c->uid)
            return TG_FAIL(err, TG_E_DENIED,
                           "%s: it belongs to another user; start tamgad as that user or as root",
                           pgdata);
        return 0;
    }
    if (there) {
        if (st.st_uid == 0)
            return TG_FAIL(err, TG_E_DENIED,
                           "%s: it belongs to root, as whom PostgreSQL does not run; chown -R it "
                           "to postgres",
                           pgdata);
        c->uid = st.st_uid;
        c->gid = st.st_gid;
        name_of(st.st_uid, c->user);
        return 0;
    }
    const char *wanted = config->user ? config->user : getenv("TAMGA_PG_USER");
    if (wanted && *wanted) {
        if (take(c, getpwnam(wanted))) return 0;
        return TG_FAIL(err, TG_E_NOT_FOUND,
                       "user %.60s for PostgreSQL: there is none, or it is root", wanted);
    }
    if (take(c, getpwnam("postgres")) || take(c, getpwnam("nobody"))) return 0;
    return TG_FAIL(err, TG_E_NOT_FOUND,
                   "PostgreSQL does not run as root and there is no user postgres: name one in "
                   "TAMGA_PG_USER");
}

static void hash_of(const char *path, char ret[17])
{
    char hex[TG_HEX256];
    tg_sha256_hex(path, strlen(path), hex);
    (void)tg_copyn(ret, 17, hex, 16);
}

static int make_folder(const char *path, mode_t mode, uid_t uid, gid_t gid, struct tg_err *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0) {
        if (geteuid() == 0 && lchown(path, uid, gid) < 0)
            return TG_FAIL(err, TG_E_IO, "%s: %s", path, strerror(errno));
        return 0;
    }
    if (errno != EEXIST || lstat(path, &st) < 0)
        return TG_FAIL(err, TG_E_IO, "%s: %s", path, strerror(errno));
    /* somebody's folder or symlink under a name that we count on */
    if (!S_ISDIR(st.st_mode) || st.st_uid != uid)
        return TG_FAIL(err, TG_E_DENIED, "%s: it is not ours; remove it", path);
    return 0;
}

/* The folder beside: /var/lib/tamga/HASH, linked from STATE/pgdata. */
static int move_away(struct cluster *c, const char *state, const char *link, struct tg_err *err)
{
    char hash[17], name[32];
    hash_of(state, hash);
    snprintf(name, sizeof name, "%s", hash);
    if ((mkdir("/var/lib/tamga", 0755) < 0 && errno != EEXIST))
        return TG_FAIL(err, TG_E_IO, "/var/lib/tamga: %s", strerror(errno));
    TG_TRY(path_of(c->base, "/var/lib/tamga", name, err));
    TG_TRY(make_folder(c->base, 0711, 0, 0, err));
    TG_TRY(path_of(c->pgdata, c->base, "pgdata", err));
    if (symlink(c->pgdata, link) < 0 && errno != EEXIST)
        return TG_FAIL(err, TG_E_IO, "%s: %s", link, strerror(errno));
    c->said = tg_printf("PostgreSQL runs as user %s, who cannot enter %s: the database lives in %s",
                        c->user, state, c->pgdata);
    return 0;
}

static int follow(struct cluster *c, const char *state, const char *link, struct tg_err *err)
{
    char target[PATH_MAX];
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0 || target[0] != '/')
        return TG_FAIL(err, TG_E_INPUT, "%s: a link to nowhere; remove it, or restore a backup",
                       link);
    target[n] = '\0';
    (void)tg_copy(c->pgdata, sizeof c->pgdata, target);
    char *slash = strrchr(target, '/');
    *slash = '\0';
    (void)tg_copy(c->base, sizeof c->base, target);
    c->said = tg_printf("PostgreSQL runs as user %s: the database of %s lives in %s", c->user,
                        state, c->pgdata);
    return 0;
}

int cluster_choose_place(struct cluster *c, const char *state, struct tg_err *err)
{
    char real[PATH_MAX], link[PATH_MAX];
    struct stat st;
    if (!realpath(state, real)) return TG_FAIL(err, TG_E_IO, "%s: %s", state, strerror(errno));
    TG_TRY(path_of(link, real, "pgdata", err));
    if (lstat(link, &st) == 0 && S_ISLNK(st.st_mode)) return follow(c, real, link, err);
    /* our own folder may be entered, not listed; what is secret in it is 0600 */
    if (c->root && stat(real, &st) == 0 && st.st_uid == 0 && !cluster_user_may_enter(c, real))
        (void)chmod(real, (st.st_mode & 07777) | 0011);
    if (!cluster_user_may_enter(c, real)) return move_away(c, real, link, err);
    (void)tg_copy(c->base, sizeof c->base, real);
    (void)tg_copy(c->pgdata, sizeof c->pgdata, link);
    return 0;
}

static bool socket_fits(const char *folder)
{
    return strlen(folder) + strlen("/.s.PGSQL.5432") <
           sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

/* 107 bytes is all that a socket's path may have. */
int cluster_choose_socket(struct cluster *c, struct tg_err *err)
{
    char hash[17];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    TG_TRY(path_of(c->log, c->base, "postgres.log", err));
    TG_TRY(path_of(c->socket, c->base, "pgrun", err));
    hash_of(c->base, hash);
    if (!socket_fits(c->socket) && c->root)
        snprintf(c->socket, sizeof c->socket, "/run/tamga-%s", hash);
    else if (!socket_fits(c->socket) && runtime)
        snprintf(c->socket, sizeof c->socket, "%.80s/tamga-%s", runtime, hash);
    if (!socket_fits(c->socket))
        snprintf(c->socket, sizeof c->socket, "/tmp/tamga-%u-%s", (unsigned)c->uid, hash);
    TG_TRY(make_folder(c->socket, 0700, c->uid, c->gid, err));
    c->conninfo = tg_printf("host=%s user=tamga_run dbname=tamga", c->socket);
    c->owner_conninfo = tg_printf("host=%s user=tamga_owner dbname=tamga", c->socket);
    return 0;
}

static bool has_server(const char *bin)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/postgres", bin) < PATH_MAX && access(path, X_OK) == 0;
}

/* The binaries of the version that made the cluster; a new one is made by 15. */
int cluster_choose_binaries(struct cluster *c, const char *bin, struct tg_err *err)
{
    char path[PATH_MAX], version[8] = "15";
    struct tg_buf b = TG_BUF(64);
    struct tg_err ignored = {0};
    if (!bin) bin = getenv("TAMGA_PGBIN");
    TG_TRY(path_of(path, c->pgdata, "PG_VERSION", err));
    bool made = tg_file_read(path, &b, &ignored) == 0;
    if (made)
        (void)tg_copyn(version, sizeof version, tg_buf_text(&b), strcspn(tg_buf_text(&b), "\n"));
    tg_buf_done(&b);
    if (made && strcmp(version, "15") < 0)
        return TG_FAIL(err, TG_E_VERSION, "%s: it was made by PostgreSQL %s; 15 or later is needed",
                       c->pgdata, version);
    if (bin)
        snprintf(c->bin, sizeof c->bin, "%s", bin);
    else
        snprintf(c->bin, sizeof c->bin, "/usr/lib/postgresql/%s/bin", version);
    if (has_server(c->bin)) return 0;
    if (made)
        return TG_FAIL(err, TG_E_VERSION,
                       "%s: it was made by PostgreSQL %s, which is not in %s; install "
                       "postgresql-%s, or pg_upgrade it",
                       c->pgdata, version, c->bin, version);
    return TG_FAIL(err, TG_E_NOT_FOUND,
                   "%s: PostgreSQL is not there; apt-get install postgresql-15", c->bin);
}
