// The pool against a real server: values both ways, units as transactions, errors, deadlines,
// retries, lost connections.
// uses: base loop db testdb | libs: pq uv
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/mem.h"
#include "base/times.h"
#include "testdb/testdb.h"

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db;
    struct tg_err err;
};

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    testdb_exec(&f->t, "CREATE TABLE pair (k int PRIMARY KEY, v int NOT NULL); GRANT ALL ON pair "
                       "TO tamga_run; INSERT INTO pair VALUES (1, 0), (2, 0)");
    TG_AUTO(mem)
    char *impatient = tg_printf("ALTER DATABASE %s SET deadlock_timeout = '50ms'", f->t.name);
    testdb_exec(&f->t, impatient);
    f->db = testdb_pool(&f->t, &f->loop, 2);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->db) testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    free(f);
    return 0;
}

#define QUERY(id, count, writing, text, ...)                                                       \
    static const struct db_query id = {.name = #id,                                                \
                                       .caption = "test",                                          \
                                       .sql = text,                                                \
                                       .params = count,                                            \
                                       .writes = writing,                                          \
                                       .types = (const uint32_t[]){__VA_ARGS__}}

QUERY(echo, 8, false,
      "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f, $7 AS g, $8 AS h", 20, 21, 16,
      25, 17, 1184, 1082, 23);
QUERY(arrays, 5, false, "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e", 1016, 1009, 1001,
      1185, 1005);
QUERY(put, 2, true, "INSERT INTO pair VALUES ($1, $2)", 23, 23);
QUERY(add, 2, true, "UPDATE pair SET v = v + $2 WHERE k = $1", 23, 23);
QUERY(all, 0, false, "SELECT k, v FROM pair ORDER BY k", 0);
QUERY(slow, 1, false, "SELECT pg_sleep($1::float8 / 1000) IS NULL AS x", 23);
QUERY(slow_write, 2, true, "INSERT INTO pair SELECT $1, 0 FROM pg_sleep($2::float8 / 1000)", 23,
      23);
QUERY(wrong, 0, false, "SELECT nothing FROM nowhere", 0);
QUERY(forbidden, 0, true, "DELETE FROM approval", 0);
QUERY(fails_at_commit, 1, true, "INSERT INTO child VALUES ($1)", 23);
QUERY(serialize, 1, true, "SELECT raise_once($1)", 23);

static void check_echo(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)err;
    (void)data;
    assert_int_equal(db_rows(r, 0), 1);
    assert_true(db_get_i64(r, 0, 0, "a") == INT64_MAX);
    assert_int_equal(db_get_i64(r, 0, 0, 1), -7);
    assert_true(db_get_bool(r, 0, 0, 2));
    assert_string_equal(db_get_text(r, 0, 0, "d"), "тамға");
    struct db_slice b = db_get_bytes(r, 0, 0, 4);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 3);
    assert_true(db_get_time(r, 0, 0, "f") == 1782000001);
    assert_true(db_get_time(r, 0, 0, "g") == -86400);
    assert_true(db_is_null(r, 0, 0, "h"));
    assert_true(db_get_i64(r, 0, 0, "h") == DB_NULL_I64);
}

static void values_come_back_as_they_went(void **state)
{
    struct fixture *f = *state;
    struct db_unit *u = db_unit_new(f->db, "test echo");
    db_unit_add(u, &echo,
                DB_ARGS(db_i64(INT64_MAX), db_i64(-7), db_bool(true), db_text("тамға"),
                        db_bytes("a\0b", 3), db_time(1782000001), db_time(-86400), db_null()));
    assert_int_equal(testdb_wait(&f->loop, u, check_echo, NULL, &f->err), 0);
}

static void check_arrays(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)err;
    (void)data;
    struct db_array a;
    struct db_slice s;
    db_get_array(r, 0, 0, 0, &a);
    assert_int_equal(a.count, 3);
    assert_true(db_array_next(&a, &s) && db_array_i64(s) == -5);
    assert_true(db_array_next(&a, &s) && db_array_i64(s) == DB_NULL_I64);
    assert_true(db_array_next(&a, &s) && db_array_i64(s) == 9);
    assert_false(db_array_next(&a, &s));
    db_get_array(r, 0, 0, 1, &a);
    assert_true(db_array_next(&a, &s) && s.len == 2 && memcmp(s.data, "ab", 2) == 0);
    assert_true(db_array_next(&a, &s) && !s.data);
    db_get_array(r, 0, 0, 2, &a);
    assert_true(db_array_next(&a, &s) && s.len == 0 && s.data);
    db_get_array(r, 0, 0, 3, &a);
    assert_int_equal(a.count, 1);
    db_get_array(r, 0, 0, 4, &a);
    assert_int_equal(a.count, 0);
    assert_false(db_array_next(&a, &s));
}

static void arrays_come_back_as_they_went(void **state)
{
    struct fixture *f = *state;
    struct db_unit *u = db_unit_new(f->db, "test arrays");
    db_unit_add(u, &arrays,
                DB_ARGS(db_i64_array((const int64_t[]){-5, DB_NULL_I64, 9}, 3),
                        db_text_array((const char *const[]){"ab", NULL}, 2),
                        db_bytes_array((const struct db_slice[]){{"", 0}}, 1),
                        db_time_array((const int64_t[]){5}, 1), db_i64_array(NULL, 0)));
    assert_int_equal(testdb_wait(&f->loop, u, check_arrays, NULL, &f->err), 0);
}

static void arguments_that_do_not_fit_are_named(void **state)
{
    struct fixture *f = *state;
    struct db_unit *u = db_unit_new(f->db, "test put");
    db_unit_add(u, &put, DB_ARGS(db_i64(1), db_i64(INT64_C(1) << 40)));
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_BUG);
    assert_non_null(strstr(f->err.text, "put $2"));
    u = db_unit_new(f->db, "test put");
    db_unit_add(u, &put, DB_ARGS(db_text("x"), db_i64(1)));
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_BUG);
}

static void works_as_the_runtime_role(void **state)
{
    struct fixture *f = *state;
    struct db_unit *u = db_unit_new(f->db, "test forbidden");
    db_unit_add(u, &forbidden, DB_NO_ARGS);
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_DENIED);
}

static void count_rows(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)err;
    *(size_t *)data = db_rows(r, 0);
}

static size_t rows(struct fixture *f)
{
    size_t n = 0;
    struct db_unit *u = db_unit_new(f->db, "test all");
    db_unit_add(u, &all, DB_NO_ARGS);
    assert_int_equal(testdb_wait(&f->loop, u, count_rows, &n, &f->err), 0);
    return n;
}

static void a_unit_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_unit *u = db_unit_new(f->db, "test put");
    db_unit_add(u, &put, DB_ARGS(db_i64(3), db_i64(0)));
    db_unit_add(u, &put, DB_ARGS(db_i64(4), db_i64(0)));
    db_unit_add(u, &put, DB_ARGS(db_i64(1), db_i64(0))); /* there is one */
    db_unit_add(u, &put, DB_ARGS(db_i64(5), db_i64(0)));
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_EXISTS);
    assert_non_null(strstr(f->err.text, "pair_pkey"));
    assert_int_equal(rows(f), 2);
}

static void a_commit_that_fails_is_a_failure(void **state)
{
    struct fixture *f = *state;
    testdb_exec(&f->t, "CREATE TABLE child (k int REFERENCES pair DEFERRABLE INITIALLY DEFERRED); "
                       "GRANT ALL ON child TO tamga_run");
    struct db_unit *u = db_unit_new(f->db, "test child");
    db_unit_add(u, &fails_at_commit, DB_ARGS(db_i64(99)));
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_NOT_FOUND);
    assert_int_equal(testdb_number(&f->t, "SELECT count(*) FROM child"), 0);
}

static void a_wrong_query_fails_alone_and_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        struct db_unit *u = db_unit_new(f->db, "test wrong");
        db_unit_add(u, &wrong, DB_NO_ARGS);
        assert_true(testdb_wait(&f->loop, u, NULL, NULL, &f->err) < 0);
        assert_int_equal(rows(f), 2);
    }
}

/* --- many units --- */

struct many {
    size_t told, failed, wanted;
};

static void on_many(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct many *m = data;
    m->told++;
    if (err) m->failed++;
}

static bool all_told(void *data)
{
    struct many *m = data;
    return m->told >= m->wanted;
}

static void a_thousand_units_are_each_told_once(void **state)
{
    struct fixture *f = *state;
    struct many m = {.wanted = 1000};
    for (int i = 0; i < 1000; i++) {
        struct db_unit *u = db_unit_new(f->db, "test put");
        db_unit_add(u, &put, DB_ARGS(db_i64(i % 500 + 10), db_i64(i)));
        db_unit_run(u, on_many, &m);
    }
    assert_int_equal(m.told, 0);
    assert_true(tg_loop_until(&f->loop, all_told, &m, 60000));
    assert_int_equal(m.told, 1000);
    assert_int_equal(m.failed, 500);
    assert_int_equal(rows(f), 502);
}

static void a_deadlock_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct many m = {.wanted = 10};
    for (int i = 0; i < 10; i++) {
        struct db_unit *u = db_unit_new(f->db, "test add");
        int first = i % 2 + 1;
        db_unit_add(u, &add, DB_ARGS(db_i64(first), db_i64(1)));
        db_unit_add(u, &slow, DB_ARGS(db_i64(20)));
        db_unit_add(u, &add, DB_ARGS(db_i64(3 - first), db_i64(1)));
        db_unit_run(u, on_many, &m);
    }
    assert_true(tg_loop_until(&f->loop, all_told, &m, 100000));
    assert_int_equal(m.failed, 0);
    assert_int_equal(testdb_number(&f->t, "SELECT min(v) FROM pair"), 10);
}

static void a_serialization_failure_is_tried_again(void **state)
{
    struct fixture *f = *state;
    testdb_exec(&f->t,
                "CREATE SEQUENCE tries; GRANT ALL ON SEQUENCE tries TO tamga_run;"
                "CREATE FUNCTION raise_once(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF "
                "nextval('tries') < n THEN"
                " RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF; RETURN 1; END $$");
    struct db_unit *u = db_unit_new(f->db, "test serialize");
    db_unit_add(u, &serialize, DB_ARGS(db_i64(4)));
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), 0);
    assert_int_equal(testdb_number(&f->t, "SELECT last_value FROM tries"), 4);
    u = db_unit_new(f->db, "test serialize");
    db_unit_add(u, &serialize, DB_ARGS(db_i64(1000))); /* for ever: 1 + 5 tries */
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_STALE);
    assert_int_equal(testdb_number(&f->t, "SELECT last_value FROM tries"), 10);
}

/* --- deadlines --- */

static void a_slow_unit_is_cancelled_and_the_next_one_runs(void **state)
{
    struct fixture *f = *state;
    uint64_t start_ms = tg_loop_mono_ms(&f->loop);
    struct db_unit *u = db_unit_new(f->db, "test slow");
    db_unit_add(u, &slow_write, DB_ARGS(db_i64(50), db_i64(20000)));
    db_unit_deadline(u, 200);
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_TIMEOUT);
    assert_true(tg_loop_mono_ms(&f->loop) - start_ms < 15000);
    assert_int_equal(rows(f), 2);
}

static void a_unit_without_a_connection_ends_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct many m = {.wanted = 8};
    for (int i = 0; i < 8; i++) { /* both connections and their queues are full */
        struct db_unit *u = db_unit_new(f->db, "test slow");
        db_unit_add(u, &slow, DB_ARGS(db_i64(500)));
        db_unit_run(u, on_many, &m);
    }
    struct db_unit *u = db_unit_new(f->db, "test late");
    db_unit_add(u, &all, DB_NO_ARGS);
    db_unit_deadline(u, 100);
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_TIMEOUT);
    assert_true(tg_loop_until(&f->loop, all_told, &m, 60000));
    assert_int_equal(m.failed, 0);
}

/* --- the database goes away --- */

struct states {
    int ups, downs;
    struct tg_err why;
};

static void on_state(bool up, const struct tg_err *why, void *data)
{
    struct states *s = data;
    if (up)
        s->ups++;
    else
        s->downs++;
    if (why) s->why = *why;
}

static bool is_back(void *data)
{
    return ((struct states *)data)->ups > 0;
}

static bool is_down(void *data)
{
    return ((struct states *)data)->downs > 0;
}

#define KILL_ALL                                                                                   \
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "      \
    "'test'"

/* A server that takes nobody in, so that the pool is wholly down for a while. */
static void allow_connections(struct fixture *f, bool yes)
{
    TG_AUTO(mem) char *elsewhere = tg_printf("%s dbname=postgres", f->t.conninfo);
    TG_AUTO(mem)
    char *sql =
        tg_printf("ALTER DATABASE %s ALLOW_CONNECTIONS %s", f->t.name, yes ? "true" : "false");
    PGconn *pg = PQconnectdb(elsewhere);
    PGresult *r = PQexec(pg, sql);
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
    PQfinish(pg);
}

static void says_once_that_it_is_gone_and_that_it_is_back(void **state)
{
    struct fixture *f = *state;
    struct states s = {0};
    db_on_state(f->db, on_state, &s);
    allow_connections(f, false);
    testdb_exec(&f->t, KILL_ALL);
    assert_true(tg_loop_until(&f->loop, is_down, &s, 60000));
    allow_connections(f, true);
    assert_true(tg_loop_until(&f->loop, is_back, &s, 60000));
    assert_int_equal(rows(f), 2);
    assert_int_equal(s.ups, 1);
    assert_int_equal(s.downs, 1);
    assert_non_null(strstr(s.why.text, "connection lost"));
}

static void a_write_in_flight_is_unknown_and_a_read_is_asked_again(void **state)
{
    struct fixture *f = *state;
    struct many reads = {.wanted = 1};
    struct db_unit *r = db_unit_new(f->db, "test slow");
    db_unit_add(r, &slow, DB_ARGS(db_i64(1000)));
    db_unit_run(r, on_many, &reads);
    struct many writes = {.wanted = 1};
    struct db_unit *w = db_unit_new(f->db, "test slow write");
    db_unit_add(w, &slow_write, DB_ARGS(db_i64(60), db_i64(1000)));
    db_unit_run(w, on_many, &writes);
    struct db_unit *u =
        db_unit_new(f->db, "test slow"); /* turns the loop until both are on their way */
    db_unit_add(u, &slow, DB_ARGS(db_i64(1)));
    db_unit_deadline(u, 300);
    (void)testdb_wait(&f->loop, u, NULL, NULL, NULL);
    testdb_exec(&f->t, KILL_ALL);
    assert_true(tg_loop_until(&f->loop, all_told, &writes, 60000));
    assert_int_equal(writes.failed, 1);
    assert_true(tg_loop_until(&f->loop, all_told, &reads, 60000));
    assert_int_equal(reads.failed, 0);
}

static void units_wait_for_a_connection_and_closing_tells_them(void **state)
{
    struct fixture *f = *state;
    struct many m = {.wanted = 20};
    for (int i = 0; i < 20; i++) {
        struct db_unit *u = db_unit_new(f->db, "test slow");
        db_unit_add(u, &slow, DB_ARGS(db_i64(5000)));
        db_unit_run(u, on_many, &m);
    }
    struct db_unit *u = db_unit_new(f->db, "never run");
    db_unit_drop(u);
    testdb_pool_close(f->db, &f->loop);
    f->db = NULL;
    assert_int_equal(m.told, 20);
    assert_int_equal(m.failed, 20);
}

static void a_database_that_is_not_there_is_said_once(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    struct states s = {0};
    struct db_config config = {.conninfo = "host=/nowhere dbname=x", .pool = 2};
    assert_int_equal(db_open(&f->loop, &config, &db, &f->err), 0);
    db_on_state(db, on_state, &s);
    struct db_unit *u = db_unit_new(db, "test all");
    db_unit_add(u, &all, DB_NO_ARGS);
    db_unit_deadline(u, 400);
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_DB);
    assert_int_equal(s.downs, 1);
    assert_int_equal(s.ups, 0);
    testdb_pool_close(db, &f->loop);
    config.conninfo = "no such word=1";
    assert_int_equal(db_open(&f->loop, &config, &db, &f->err), TG_E_INPUT);
}

/* --- news --- */

struct heard {
    int empty, full;
};

static void on_news(const char *channel, const char *payload, void *data)
{
    struct heard *h = data;
    assert_string_equal(channel, "test_news");
    (void)payload;
    if (h->empty == 0)
        h->empty++; /* the first says: look at everything */
    else
        h->full++;
}

static bool heard_first(void *data)
{
    return ((struct heard *)data)->empty > 0;
}

static bool heard_more(void *data)
{
    return ((struct heard *)data)->full > 0;
}

static void news_arrives_coalesced_and_again_after_a_loss(void **state)
{
    struct fixture *f = *state;
    struct heard h = {0};
    db_listen(f->db, "test_news", on_news, &h);
    assert_true(tg_loop_until(&f->loop, heard_first, &h, 60000));
    for (int i = 0; i < 100; i++)
        db_notify(f->db, "test_news");
    assert_true(tg_loop_until(&f->loop, heard_more, &h, 60000));
    assert_int_equal(h.full, 1);
    testdb_exec(&f->t, "NOTIFY test_news");
    h.full = 0;
    assert_true(tg_loop_until(&f->loop, heard_more, &h, 60000));
    testdb_exec(&f->t, KILL_ALL);
    h.full = 0;
    assert_true(tg_loop_until(&f->loop, heard_more, &h, 60000)); /* reconnected: look again */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_as_they_went),
        TEST(arrays_come_back_as_they_went),
        TEST(arguments_that_do_not_fit_are_named),
        TEST(works_as_the_runtime_role),
        TEST(a_unit_is_all_or_nothing),
        TEST(a_commit_that_fails_is_a_failure),
        TEST(a_wrong_query_fails_alone_and_again),
        TEST(a_thousand_units_are_each_told_once),
        TEST(a_deadlock_is_tried_again),
        TEST(a_serialization_failure_is_tried_again),
        TEST(a_slow_unit_is_cancelled_and_the_next_one_runs),
        TEST(a_unit_without_a_connection_ends_at_its_deadline),
        TEST(says_once_that_it_is_gone_and_that_it_is_back),
        TEST(a_write_in_flight_is_unknown_and_a_read_is_asked_again),
        TEST(units_wait_for_a_connection_and_closing_tells_them),
        TEST(a_database_that_is_not_there_is_said_once),
        TEST(news_arrives_coalesced_and_again_after_a_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
