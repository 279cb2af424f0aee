// Migrations: from nothing, again, newer than the program, changed; and the whole SQL catalogue
// against the schema.
// uses: base loop db testdb | libs: pq uv
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <glob.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/lease.h"
#include "db/migrate.h"
#include "testdb/testdb.h"

static int setup_empty(void **state)
{
    struct testdb *t = TG_NEW(struct testdb);
    testdb_open_empty(t);
    *state = t;
    return 0;
}

static int setup(void **state)
{
    struct testdb *t = TG_NEW(struct testdb);
    testdb_open(t);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    testdb_close(*state);
    free(*state);
    return 0;
}

static const struct db_migration small[] = {
    {1, "0001_one.sql", "CREATE TABLE one (k int)"},
    {2, "0002_two.sql", "CREATE TABLE two (k int); INSERT INTO two VALUES (2)"},
    {3, "0003_bad.sql", "CREATE TABLE three (k int); SELECT 1/0"},
};

static void migrates_from_nothing_once(void **state)
{
    struct testdb *t = *state;
    struct db_migrated m;
    struct tg_err err = {0};
    assert_int_equal(db_migrate_with(t->conninfo, 1782000000, small, 1, &m, &err), 0);
    assert_int_equal(m.from, 0);
    assert_int_equal(m.to, 1);
    assert_int_equal(db_migrate_with(t->conninfo, 1782000000, small, 2, &m, &err), 0);
    assert_int_equal(m.from, 1);
    assert_int_equal(db_migrate_with(t->conninfo, 1782000000, small, 2, &m, &err), 0);
    assert_int_equal(m.from, 2);
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM two"), 1);
    TG_AUTO(mem)
    char *at = testdb_text(t, "SELECT applied_at::text FROM schema_migration WHERE number = 1");
    assert_string_equal(at, "2026-06-21 00:00:00+00");
}

static void a_migration_that_fails_leaves_nothing(void **state)
{
    struct testdb *t = *state;
    struct db_migrated m;
    struct tg_err err = {0};
    assert_int_equal(db_migrate_with(t->conninfo, 0, small, 3, &m, &err), TG_E_DB);
    assert_non_null(strstr(err.text, "0003_bad.sql"));
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM schema_migration"), 2);
    assert_int_equal(testdb_number(t, "SELECT (to_regclass('tamga.three') IS NULL)::int"), 1);
}

static void a_newer_schema_is_refused(void **state)
{
    struct testdb *t = *state;
    struct db_migrated m;
    struct tg_err err = {0};
    assert_int_equal(db_migrate_with(t->conninfo, 0, small, 2, &m, &err), 0);
    assert_int_equal(db_migrate_with(t->conninfo, 0, small, 1, &m, &err), TG_E_VERSION);
    assert_non_null(strstr(err.text, "start a newer tamgad"));
}

static void a_changed_migration_is_refused(void **state)
{
    struct testdb *t = *state;
    struct db_migrated m;
    struct tg_err err = {0};
    struct db_migration changed[] = {{1, "0001_one.sql", "CREATE TABLE one (k bigint)"}, small[1]};
    assert_int_equal(db_migrate_with(t->conninfo, 0, small, 1, &m, &err), 0);
    assert_int_equal(db_migrate_with(t->conninfo, 0, changed, 2, &m, &err), TG_E_MISMATCH);
    assert_non_null(strstr(err.text, "0001_one.sql"));
}

static void no_server_is_said(void **state)
{
    (void)state;
    struct db_migrated m;
    struct tg_err err = {0};
    assert_int_equal(db_migrate("host=/nowhere", 0, &m, &err), TG_E_DB);
}

/* --- the catalogue --- */

/* How many params the second line names. */
static int params_of(const char *text, const char *path)
{
    const char *line = strchr(text, '\n');
    if (!line || strncmp(line, "\n-- params: ", 12) != 0) fail_msg("%s: line 2", path);
    line += 12;
    if (strncmp(line, "none\n", 5) == 0) return 0;
    int n = 1;
    for (; *line != '\n'; line++)
        n += *line == ',';
    return n;
}

static const char *type_word(const char *word)
{
    return strcmp(word, "int") == 0 ? "integer" : word;
}

/* PREPARE with the declared types; PostgreSQL's own count and types must be the same. */
static void prepare_one(struct testdb *t, const char *path)
{
    struct tg_buf b = TG_BUF(1024 * 1024);
    struct tg_buf list = TG_BUF(4096);
    struct tg_err err = {0};
    assert_int_equal(tg_file_read(path, &b, &err), 0);
    int want = params_of(tg_buf_text(&b), path);
    char *line = strchr((char *)b.data, '\n') + 12;
    char *sql = strchr(line, '\n');
    *sql++ = '\0';
    for (char *save = NULL, *item = want ? strtok_r(line, ",", &save) : NULL; item;
         item = strtok_r(NULL, ",", &save)) {
        char name[64], type[32];
        assert_int_equal(sscanf(item, " %63s %31s", name, type), 2);
        tg_buf_printf(&list, "%s%s", list.len ? ", " : "", type_word(type));
    }
    TG_AUTO(mem)
    char *prepare = tg_printf("PREPARE q%s%s%s AS %s", want ? " (" : "", tg_buf_text(&list),
                              want ? ")" : "", sql);
    PGresult *r = PQexec(t->run, prepare);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s: %s", path, PQresultErrorMessage(r));
    PQclear(r);
    /* without the declared types PostgreSQL must find as many parameters */
    r = PQprepare(t->run, "bare", sql, 0, NULL);
    if (PQresultStatus(r) == PGRES_COMMAND_OK) {
        PGresult *d = PQdescribePrepared(t->run, "bare");
        if (PQnparams(d) != want)
            fail_msg("%s: names %d parameters, PostgreSQL counts %d", path, want, PQnparams(d));
        PQclear(d);
        testdb_run(t, "DEALLOCATE bare");
    }
    PQclear(r);
    testdb_run(t, "DEALLOCATE q");
    tg_buf_done(&b);
    tg_buf_done(&list);
}

static void every_query_prepares_as_the_runtime_role(void **state)
{
    struct testdb *t = *state;
    glob_t found;
    assert_int_equal(glob(SOURCE_ROOT "/schema/queries/*/*.sql", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        prepare_one(t, found.gl_pathv[i]);
    assert_true(found.gl_pathc >= 9);
    globfree(&found);
}

static void no_query_reads_a_clock(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(SOURCE_ROOT "/schema/*/*.sql", 0, NULL, &found), 0);
    assert_int_equal(glob(SOURCE_ROOT "/schema/queries/*/*.sql", GLOB_APPEND, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct tg_buf b = TG_BUF(1024 * 1024);
        struct tg_err err = {0};
        assert_int_equal(tg_file_read(found.gl_pathv[i], &b, &err), 0);
        static const char *const clocks[] = {"now()",
                                             "clock_timestamp",
                                             "statement_timestamp",
                                             "transaction_timestamp",
                                             "current_timestamp",
                                             "current_date"};
        for (size_t k = 0; k < TG_COUNT(clocks); k++)
            if (strcasestr(tg_buf_text(&b), clocks[k]))
                fail_msg("%s: %s: time is a parameter", found.gl_pathv[i], clocks[k]);
        tg_buf_done(&b);
    }
    globfree(&found);
}

/* --- leases --- */

struct leader {
    struct db_lease lease;
    bool held, closed;
};

static void on_lease(bool held, void *data)
{
    ((struct leader *)data)->held = held;
}

static void on_closed(void *data)
{
    ((struct leader *)data)->closed = true;
}

static bool is_held(void *data)
{
    return ((struct leader *)data)->held;
}

static bool is_closed(void *data)
{
    return ((struct leader *)data)->closed;
}

static bool is_lost(void *data)
{
    return !((struct leader *)data)->held;
}

static void one_leader_at_a_time_and_epochs_grow(void **state)
{
    struct testdb *t = *state;
    struct tg_loop loop;
    struct tg_err err = {0};
    struct leader a = {0}, b = {0};
    assert_int_equal(tg_loop_init(&loop, NULL, &err), 0);
    struct db *db = testdb_pool(t, &loop, 2);
    db_lease_start(&a.lease, db, "work", 3, on_lease, &a);
    assert_true(tg_loop_until(&loop, is_held, &a, 60000));
    assert_int_equal(db_lease_epoch(&a.lease), 1);
    db_lease_start(&b.lease, db, "work", 3, on_lease, &b);
    assert_false(tg_loop_until(&loop, is_held, &b, 1500)); /* a renews */
    assert_true(db_lease_epoch(&a.lease) == 1);
    db_lease_close(&a.lease, on_closed);
    assert_true(tg_loop_until(&loop, is_closed, &a, 60000));
    assert_true(tg_loop_until(&loop, is_held, &b, 60000));
    assert_int_equal(db_lease_epoch(&b.lease), 2);
    /* taken away behind its back: it learns that it is none */
    testdb_exec(t, "UPDATE lease SET owner = 'thief', epoch = 3, until = '2099-01-01'");
    assert_true(tg_loop_until(&loop, is_lost, &b, 60000));
    assert_int_equal(db_lease_epoch(&b.lease), 0);
    db_lease_close(&b.lease, on_closed);
    assert_true(tg_loop_until(&loop, is_closed, &b, 60000));
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM lease WHERE owner = 'thief' AND until "
                                      "> '2098-01-01'"),
                     1);
    testdb_pool_close(db, &loop);
    tg_loop_done(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(migrates_from_nothing_once, setup_empty, teardown),
        cmocka_unit_test_setup_teardown(a_migration_that_fails_leaves_nothing, setup_empty,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, setup_empty, teardown),
        cmocka_unit_test_setup_teardown(a_changed_migration_is_refused, setup_empty, teardown),
        cmocka_unit_test(no_server_is_said),
        cmocka_unit_test_setup_teardown(every_query_prepares_as_the_runtime_role, setup, teardown),
        cmocka_unit_test(no_query_reads_a_clock),
        cmocka_unit_test_setup_teardown(one_leader_at_a_time_and_epochs_grow, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
