/* Start, adopt, recover, stop. */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster_private.h"

enum {
    STEP_MS = 50,
    READY_MS = 180 * 1000,
    STOP_MS = 120 * 1000,
    ORPHANS_MS = 60 * 1000,
    ORPHAN_STEP_MS = 500
};

/* The postmaster that its pid file names, if it is alive and of the cluster's user; 0 else. Also
 * tells its socket folder. */
static pid_t running(struct cluster *c)
{
    TG_AUTO(mem) char *path = tg_printf("%s/postmaster.pid", c->pgdata);
    struct tg_buf b = TG_BUF(8192);
    struct tg_err ignored = {0};
    uint64_t pid = 0;
    struct stat st;
    char proc[64];
    if (tg_file_read(path, &b, &ignored) == 0) {
        const char *text = tg_buf_text(&b);
        if (!tg_parse_u64(text, strcspn(text, "\n"), INT32_MAX, &pid)) pid = 0;
    }
    tg_buf_done(&b);
    if (pid == 0 || (kill((pid_t)pid, 0) < 0 && errno == ESRCH)) return 0;
    snprintf(proc, sizeof proc, "/proc/%llu", (unsigned long long)pid);
    if (stat(proc, &st) == 0 && st.st_uid != c->uid) return 0; /* a number used again */
    return (pid_t)pid;
}

static PGPing ask(const struct cluster *c)
{
    return PQping(c->conninfo);
}

/* Ours is reaped, an adopted one vanishes; one that this process started, left and adopted again is
 * both. */
static bool has_ended(const struct cluster *c)
{
    return waitpid(c->pid, NULL, WNOHANG) == c->pid || (kill(c->pid, 0) < 0 && errno == ESRCH);
}

static bool log_says(const struct cluster *c, const char *what, char *ret_last, size_t size)
{
    struct tg_buf b = TG_BUF(1024 * 1024);
    struct tg_err ignored = {0};
    if (tg_file_read(c->log, &b, &ignored) < 0) tg_buf_reset(&b);
    const char *text = tg_buf_text(&b), *fatal = strstr(text, "FATAL:");
    if (!fatal) fatal = text;
    (void)tg_copyn(ret_last, size, fatal,
                   strcspn(fatal, "\n") < size ? strcspn(fatal, "\n") : size - 1);
    bool says = strstr(text, what) != NULL;
    tg_buf_done(&b);
    return says;
}

static int spawn(struct cluster *c, struct tg_err *err)
{
    TG_AUTO(mem) char *server = tg_printf("%s/postgres", c->bin);
    const char *const argv[] = {server, "-D", c->pgdata, "-k", c->socket, "-h", "", NULL};
    return cluster_spawn(c, argv, &c->pid, err);
}

/* 0 ready; 1 it ended and may be started again; < 0 it ended for good. */
static int await(struct cluster *c, struct tg_err *err)
{
    char last[160] = "";
    for (int waited_ms = 0; waited_ms < READY_MS; waited_ms += STEP_MS) {
        if (ask(c) == PQPING_OK) return 0;
        bool ended = has_ended(c);
        if (ended && c->adopted) return 1;
        if (ended && log_says(c, "pre-existing shared memory block", last, sizeof last)) return 1;
        if (ended && log_says(c, "lock file \"postmaster.pid\" already exists", last, sizeof last))
            return 1;
        if (ended)
            return TG_FAIL(err, TG_E_DB, "PostgreSQL in %s did not start: %s; see %s", c->pgdata,
                           last, c->log);
        cluster_pause(STEP_MS);
    }
    return TG_FAIL(err, TG_E_TIMEOUT, "PostgreSQL in %s is not ready after %d s; see %s", c->pgdata,
                   READY_MS / 1000, c->log);
}

/* After a SIGKILL of the postmaster its orphans hold the shared memory for a while: wait for them,
 * never delete postmaster.pid. */
static int bring_up(struct cluster *c, struct tg_err *err)
{
    for (int waited_ms = 0; waited_ms <= ORPHANS_MS; waited_ms += ORPHAN_STEP_MS) {
        c->pid = running(c);
        c->adopted = c->pid > 0;
        if (!c->adopted) TG_TRY(spawn(c, err));
        int rc = await(c, err);
        if (rc <= 0) return rc;
        cluster_pause(ORPHAN_STEP_MS);
    }
    return TG_FAIL(err, TG_E_DB,
                   "PostgreSQL in %s: processes of a killed server hold its memory; see %s",
                   c->pgdata, c->log);
}

static int start_locked(struct cluster *c, struct tg_err *err)
{
    struct stat st;
    if (stat(c->pgdata, &st) < 0) TG_TRY(cluster_make(c, err));
    if (running(c) == 0) TG_TRY(cluster_write_access(c, c->pgdata, err));
    return bring_up(c, err);
}

/* One starter at a time; what comes second finds it running. */
static int start_alone(struct cluster *c, struct tg_err *err)
{
    TG_AUTO(mem) char *path = tg_printf("%s/pgdata.lock", c->base);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) {
        if (lock >= 0) close(lock);
        return TG_FAIL(err, TG_E_IO, "%s: %s", path, strerror(errno));
    }
    int rc = start_locked(c, err);
    close(lock);
    return rc;
}

static int start(struct cluster *c, const struct cluster_config *config, struct tg_err *err)
{
    TG_TRY(cluster_choose_user(c, config, err));
    TG_TRY(cluster_choose_place(c, config->state, err));
    TG_TRY(cluster_choose_binaries(c, config->bin, err));
    TG_TRY(cluster_choose_socket(c, err));
    return start_alone(c, err);
}

int cluster_keep(struct cluster *c, bool *ret_started, struct tg_err *err)
{
    *ret_started = false;
    if (c->pid > 0 && !has_ended(c)) return 0;
    TG_TRY(start_alone(c, err));
    *ret_started = !c->adopted;
    return 0;
}

static void free_cluster(struct cluster *c)
{
    free(c->conninfo);
    free(c->owner_conninfo);
    free(c->said);
    free(c);
}

int cluster_start(const struct cluster_config *config, struct cluster **ret, struct tg_err *err)
{
    struct cluster *c = TG_NEW(struct cluster);
    int rc = start(c, config, err);
    if (rc < 0) {
        free_cluster(c);
        return rc;
    }
    *ret = c;
    return 0;
}

/* SIGINT is the fast shutdown; SIGTERM would wait for every client. */
void cluster_stop(struct cluster *c)
{
    if (!c) return;
    if (c->pid > 0 && kill(c->pid, SIGINT) == 0)
        for (int waited_ms = 0; waited_ms < STOP_MS; waited_ms += STEP_MS) {
            if (has_ended(c)) break;
            cluster_pause(STEP_MS);
        }
    free_cluster(c);
}

void cluster_leave(struct cluster *c)
{
    if (c) free_cluster(c);
}

bool cluster_was_running(const struct cluster *c)
{
    return c->adopted;
}

const char *cluster_conninfo(const struct cluster *c)
{
    return c->conninfo;
}

const char *cluster_owner_conninfo(const struct cluster *c)
{
    return c->owner_conninfo;
}

const char *cluster_said(const struct cluster *c)
{
    return c->said ? c->said : "";
}

int cluster_pid(const struct cluster *c)
{
    return (int)c->pid;
}
