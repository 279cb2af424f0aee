// The private cluster: first start, second start, recovery from kill -9, halves, versions, places;
// backup and restore.
// uses: base loop db cluster | libs: pq uv
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <ftw.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/cluster.h"
#include "db/migrate.h"

struct fixture {
    char state[64];
    struct cluster *c;
    struct tg_err err;
};

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    snprintf(f->state, sizeof f->state, "/tmp/tamga-cluster-XXXXXX");
    assert_non_null(mkdtemp(f->state));
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cluster_stop(f->c);
    remove_tree(f->state);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    struct cluster_config config = {.state = f->state};
    if (cluster_start(&config, &f->c, &f->err) < 0) fail_msg("%s", f->err.text);
}

static void stop(struct fixture *f)
{
    cluster_stop(f->c);
    f->c = NULL;
}

static void sql(const char *conninfo, const char *text)
{
    PGconn *pg = PQconnectdb(conninfo);
    if (PQstatus(pg) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(pg));
    PGresult *r = PQexec(pg, text);
    if (PQresultStatus(r) == PGRES_FATAL_ERROR) fail_msg("%s", PQresultErrorMessage(r));
    PQclear(r);
    PQfinish(pg);
}

static int number(const char *conninfo, const char *text)
{
    PGconn *pg = PQconnectdb(conninfo);
    if (PQstatus(pg) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(pg));
    PGresult *r = PQexec(pg, text);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) fail_msg("%s", PQresultErrorMessage(r));
    int n = (int)strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    PQfinish(pg);
    return n;
}

static char *below(const struct fixture *f, const char *name)
{
    return tg_printf("%s/%s", f->state, name);
}

static void starts_from_nothing_and_again(void **state)
{
    struct fixture *f = *state;
    struct db_migrated m;
    start(f);
    assert_string_equal(cluster_said(f->c), "");
    assert_false(cluster_was_running(f->c));
    assert_int_equal(db_migrate(cluster_owner_conninfo(f->c), 0, &m, &f->err), 0);
    assert_int_equal(number(cluster_conninfo(f->c), "SELECT count(*) FROM tamga.application"), 0);
    sql(cluster_conninfo(f->c), "INSERT INTO tamga.setting VALUES ('x', 'y', '2026-01-01')");
    assert_int_equal(number(cluster_conninfo(f->c),
                            "SELECT (current_user = 'tamga_run' AND NOT usesuper)::int FROM "
                            "pg_user WHERE usename = current_user"),
                     1);
    struct stat st;
    TG_AUTO(mem) char *pgdata = below(f, "pgdata");
    assert_int_equal(stat(pgdata, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    if (geteuid() == 0) assert_true(st.st_uid != 0); /* root dropped */
    int first = cluster_pid(f->c);
    stop(f);
    assert_true(kill(first, 0) < 0 && errno == ESRCH);
    start(f);
    assert_int_equal(number(cluster_conninfo(f->c), "SELECT count(*) FROM tamga.setting"), 1);
}

static void adopts_one_that_is_alive(void **state)
{
    struct fixture *f = *state;
    start(f);
    int pid = cluster_pid(f->c);
    cluster_leave(f->c);
    start(f);
    assert_true(cluster_was_running(f->c));
    assert_int_equal(cluster_pid(f->c), pid);
    stop(f);
}

static void recovers_from_a_killed_postmaster(void **state)
{
    struct fixture *f = *state;
    struct db_migrated m;
    start(f);
    assert_int_equal(db_migrate(cluster_owner_conninfo(f->c), 0, &m, &f->err), 0);
    for (int round = 0; round < 2; round++) {
        TG_AUTO(mem)
        char *insert =
            tg_printf("INSERT INTO tamga.setting VALUES ('round%d', 'y', '2026-01-01')", round);
        sql(cluster_conninfo(f->c), insert);
        PGconn *busy = PQconnectdb(
            cluster_conninfo(f->c)); /* an orphan that holds the shared memory for a while */
        assert_int_equal(PQsendQuery(busy,
                                     "DO $$ BEGIN FOR i IN 1..40000000 LOOP END LOOP; END $$"),
                         1);
        int pid = cluster_pid(f->c);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        cluster_leave(f->c);
        f->c = NULL;
        start(f);
        assert_false(cluster_was_running(f->c));
        PQfinish(busy);
        assert_int_equal(number(cluster_conninfo(f->c), "SELECT count(*) FROM tamga.setting"),
                         round + 1);
    }
}

static void halves_are_never_taken_for_a_cluster(void **state)
{
    struct fixture *f = *state;
    TG_AUTO(mem) char *half = below(f, "pgdata.new.12345");
    TG_AUTO(mem) char *version = tg_printf("%s/PG_VERSION", half);
    assert_int_equal(mkdir(half, 0700), 0);
    assert_int_equal(tg_file_replace(version, "15\n", 3, 0600, &f->err), 0);
    start(f);
    struct stat st;
    assert_true(stat(half, &st) < 0); /* cleaned up */
    assert_int_equal(number(cluster_conninfo(f->c), "SELECT 1"), 1);
}

static void two_starters_make_one_cluster(void **state)
{
    struct fixture *f = *state;
    pid_t other = fork();
    if (other == 0) {
        struct cluster *c = NULL;
        struct cluster_config config = {.state = f->state};
        int rc = cluster_start(&config, &c, &f->err);
        cluster_leave(c);
        _exit(rc == 0 ? 0 : 1);
    }
    start(f);
    int status = 0;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(number(cluster_conninfo(f->c), "SELECT 1"), 1);
}

static void another_version_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    struct cluster_config config = {.state = f->state};
    TG_AUTO(mem) char *pgdata = below(f, "pgdata");
    TG_AUTO(mem) char *version = tg_printf("%s/PG_VERSION", pgdata);
    assert_int_equal(mkdir(pgdata, 0700), 0);
    assert_int_equal(tg_file_replace(version, "99\n", 3, 0600, &f->err), 0);
    const struct passwd *p = getpwnam("nobody");
    if (geteuid() == 0) assert_int_equal(chown(pgdata, p->pw_uid, p->pw_gid), 0);
    assert_int_equal(cluster_start(&config, &f->c, &f->err), TG_E_VERSION);
    assert_non_null(strstr(f->err.text, "postgresql-99"));
}

static void a_long_path_gets_a_short_socket(void **state)
{
    struct fixture *f = *state;
    char name[101];
    memset(name, 'x', 100);
    name[100] = '\0';
    TG_AUTO(mem) char *deep = below(f, name);
    assert_int_equal(mkdir(deep, 0711), 0);
    if (geteuid() == 0) assert_int_equal(chmod(f->state, 0711), 0);
    struct cluster_config config = {.state = deep};
    if (cluster_start(&config, &f->c, &f->err) < 0) fail_msg("%s", f->err.text);
    assert_int_equal(number(cluster_conninfo(f->c), "SELECT 1"), 1);
    char socket[128];
    assert_int_equal(sscanf(cluster_conninfo(f->c), "host=%127s", socket), 1);
    assert_true(strlen(socket) < 93);
    stop(f);
    remove_tree(socket);
}

static void a_closed_ancestor_moves_the_cluster_and_says_so(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip(); /* only root can close a folder to the cluster's user and enter it itself */
    TG_AUTO(mem) char *inner = below(f, "inner");
    assert_int_equal(mkdir(inner, 0711), 0);
    assert_int_equal(chmod(f->state, 0700), 0);
    struct cluster_config config = {.state = inner};
    if (cluster_start(&config, &f->c, &f->err) < 0) fail_msg("%s", f->err.text);
    assert_non_null(strstr(cluster_said(f->c), "lives in /var/lib/tamga/"));
    TG_AUTO(mem) char *link = tg_printf("%s/pgdata", inner);
    char target[256] = "";
    assert_true(readlink(link, target, sizeof target - 1) > 0);
    stop(f);
    if (cluster_start(&config, &f->c, &f->err) < 0)
        fail_msg("%s", f->err.text); /* found again by the link */
    assert_int_equal(number(cluster_conninfo(f->c), "SELECT 1"), 1);
    stop(f);
    *strrchr(target, '/') = '\0';
    assert_true(tg_starts(target, "/var/lib/tamga/"));
    remove_tree(target);
}

static void guards_are_back(const struct cluster *c)
{
    PGconn *pg = PQconnectdb(cluster_owner_conninfo(c));
    PGresult *r = PQexec(pg, "DELETE FROM tamga.trust_document");
    assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "TG002");
    PQclear(r);
    PQfinish(pg);
    pg = PQconnectdb(cluster_conninfo(c));
    r = PQexec(pg, "UPDATE tamga.trust_document SET version = 2");
    assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "42501");
    PQclear(r);
    PQfinish(pg);
}

static void backup_and_restore_bring_everything_back(void **state)
{
    struct fixture *f = *state;
    struct db_migrated m;
    TG_AUTO(mem) char *issuer = below(f, "issuer");
    TG_AUTO(mem) char *key = tg_printf("%s/ca.key", issuer);
    TG_AUTO(mem) char *log = below(f, "log.key");
    TG_AUTO(mem) char *dir = tg_printf("%s.backup", f->state);
    TG_AUTO(mem) char *second = tg_printf("%s.second", f->state);
    static const char *const files[] = {"issuer", "log.key", "not-there"};
    assert_int_equal(mkdir(issuer, 0700), 0);
    assert_int_equal(tg_file_replace(key, "secret", 6, 0600, &f->err), 0);
    assert_int_equal(tg_file_replace(log, "log", 3, 0640, &f->err), 0);
    start(f);
    assert_int_equal(db_migrate(cluster_owner_conninfo(f->c), 0, &m, &f->err), 0);
    sql(cluster_conninfo(f->c), "INSERT INTO tamga.setting VALUES ('realm', 'abc', '2026-01-01');"
                                "INSERT INTO tamga.trust_document VALUES (1, 'one', sha256('one'), "
                                "sha256('0'), '2027-01-01', '2026-01-01')");
    struct cluster_backup b =
        {cluster_owner_conninfo(f->c), f->state, dir, files, 3, 1782000000, NULL};
    if (cluster_backup(&b, &f->err) < 0) fail_msg("%s", f->err.text);
    assert_int_equal(cluster_backup(&b, &f->err), TG_E_EXISTS);
    assert_int_equal(cluster_backup_check(dir, &f->err), 0);
    stop(f);

    /* one changed byte is named, and nothing is restored */
    TG_AUTO(mem) char *kept = tg_printf("%s/files/issuer/ca.key", dir);
    assert_int_equal(tg_file_replace(kept, "sEcret", 6, 0600, &f->err), 0);
    assert_int_equal(cluster_restore_files(dir, second, &f->err), TG_E_MISMATCH);
    assert_non_null(strstr(f->err.text, "files/issuer/ca.key"));
    assert_true(access(second, F_OK) < 0);
    assert_int_equal(tg_file_replace(kept, "secret", 6, 0600, &f->err), 0);

    if (cluster_restore_files(dir, second, &f->err) < 0) fail_msg("%s", f->err.text);
    struct cluster_config config = {.state = second};
    if (cluster_start(&config, &f->c, &f->err) < 0) fail_msg("%s", f->err.text);
    if (cluster_restore_database(dir, cluster_owner_conninfo(f->c), NULL, &f->err) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(db_migrate(cluster_owner_conninfo(f->c), 0, &m, &f->err), 0);
    assert_int_equal(m.from, m.to);
    assert_int_equal(number(cluster_conninfo(f->c),
                            "SELECT count(*) FROM tamga.setting WHERE value = 'abc'"),
                     1);
    guards_are_back(f->c);
    TG_AUTO(mem) char *back = tg_printf("%s/issuer/ca.key", second);
    struct tg_buf text = TG_BUF(64);
    assert_int_equal(tg_file_read(back, &text, &f->err), 0);
    assert_string_equal(tg_buf_text(&text), "secret");
    tg_buf_done(&text);
    struct stat st;
    TG_AUTO(mem) char *back_log = tg_printf("%s/log.key", second);
    assert_int_equal(stat(back_log, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(cluster_restore_files(dir, second, &f->err),
                     TG_E_EXISTS); /* never over what is there */
    stop(f);
    remove_tree(second);
    remove_tree(dir);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_from_nothing_and_again),
        TEST(adopts_one_that_is_alive),
        TEST(recovers_from_a_killed_postmaster),
        TEST(halves_are_never_taken_for_a_cluster),
        TEST(two_starters_make_one_cluster),
        TEST(another_version_is_refused_by_name),
        TEST(a_long_path_gets_a_short_socket),
        TEST(a_closed_ancestor_moves_the_cluster_and_says_so),
        TEST(backup_and_restore_bring_everything_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
