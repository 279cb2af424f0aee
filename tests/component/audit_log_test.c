// The audit log on a real database: sequencing, two sequencers, checkpoints, export, and what a forger cannot hide.
// uses: base loop json merkle x509 auditlog db audit testdb | libs: pq uv
/* clang-format off: cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <sys/stat.h>

#include "audit/audit.h"
#include "base/log.h"
#include "base/mem.h"
#include "testdb/testdb.h"

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db;
    struct audit *audit;
    char state[64];
    struct tg_err err;
};

static struct audit *start(struct fixture *f, struct db *db)
{
    struct audit *a = NULL;
    struct audit_config config = {&f->loop, db, f->state, "tamga/alatau"};
    if (audit_start(&config, &a, &f->err) < 0) fail_msg("%s", f->err.text);
    return a;
}

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    tg_log_setup(TG_LOG_ERROR, TG_LOG_LOGFMT, NULL);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    snprintf(f->state, sizeof f->state, "/tmp/tamga-audit-XXXXXX");
    assert_non_null(mkdtemp(f->state));
    f->db = testdb_pool(&f->t, &f->loop, 3);
    f->audit = start(f, f->db);
    *state = f;
    return 0;
}

static void on_stopped(void *data)
{
    *(bool *)data = true;
}

static bool is_set(void *data)
{
    return *(bool *)data;
}

static void stop(struct fixture *f, struct audit *a)
{
    bool stopped = false;
    audit_stop(a, on_stopped, &stopped);
    assert_true(tg_loop_until(&f->loop, is_set, &stopped, 60000));
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stop(f, f->audit);
    testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    TG_AUTO(mem) char *key = tg_printf("%s/log.key", f->state);
    unlink(key);
    rmdir(f->state);
    free(f);
    return 0;
}

static void append(struct fixture *f, int count)
{
    struct db_unit *u = db_unit_new(f->db, "test append");
    for (int i = 0; i < count; i++) {
        struct audit_entry e = {"administrator:root", "test.done", "26-000001-9", i % 3 ? "{\"why\":\"тест\"}" : NULL};
        audit_append(u, 1782000000 + i, &e);
    }
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), 0);
}

struct waited {
    struct fixture *f;
    int64_t size;
};

static bool log_has(void *data)
{
    struct waited *w = data;
    return testdb_number(&w->f->t, "SELECT coalesce(max(size), 0) FROM audit_head") >= w->size;
}

static void until_size(struct fixture *f, int64_t size)
{
    struct waited w = {f, size};
    assert_true(tg_loop_until(&f->loop, log_has, &w, 60000));
}

/* --- the export, verified as it comes --- */

struct check {
    struct tg_audit_verify v;
    struct audit_export *export;
    char said[2000];
    bool done;
};

static void on_finding(const char *sentence, void *data)
{
    struct check *c = data;
    size_t n = strlen(c->said);
    snprintf(c->said + n, sizeof c->said - n, "%s\n", sentence);
}

static void on_piece(const char *bytes, size_t len, const struct tg_err *err, void *data)
{
    struct check *c = data;
    if (err) fail_msg("%s", err->text);
    c->done = len == 0;
    for (const char *end; len > 0; len -= (size_t)(end + 1 - bytes), bytes = end + 1) {
        end = memchr(bytes, '\n', len);
        assert_non_null(end);
        tg_audit_verify_line(&c->v, bytes, (size_t)(end - bytes));
    }
    if (!c->done) audit_export_next(c->export, on_piece, c);
}

static int verify(struct fixture *f, struct check *c)
{
    *c = (struct check){.export = audit_export_new(f->audit)};
    tg_audit_verify_init(&c->v, audit_vkey(f->audit), on_finding, c);
    audit_export_next(c->export, on_piece, c);
    bool *done = &c->done;
    assert_true(tg_loop_until(&f->loop, is_set, done, 60000));
    audit_export_free(c->export);
    return tg_audit_verify_end(&c->v, &f->err);
}

static void entries_become_a_log_under_checkpoints(void **state)
{
    struct fixture *f = *state;
    struct check c;
    append(f, 1);
    until_size(f, 1);
    append(f, 30);
    audit_wake(f->audit);
    until_size(f, 31);
    assert_int_equal(testdb_number(&f->t, "SELECT count(*) FROM audit_inbox"), 0);
    assert_int_equal(testdb_number(&f->t, "SELECT max(seq) - min(seq) + count(*) FROM audit_log"), 30 + 31);
    assert_int_equal(verify(f, &c), 0);
    assert_int_equal(c.v.covered, 31);
    assert_true(c.v.checkpoints >= 2);
}

static void many_entries_go_in_chunks_and_pieces(void **state)
{
    struct fixture *f = *state;
    struct check c;
    testdb_run(&f->t, "INSERT INTO audit_inbox (at, actor, verb, subject, body)"
                      " SELECT '2026-01-01', 'planner', 'draft', n::text, '{}' FROM generate_series(1, 25000) n");
    until_size(f, 25000);
    assert_true(testdb_number(&f->t, "SELECT count(*) FROM audit_head") <= 4);
    assert_int_equal(verify(f, &c), 0);
    assert_int_equal(c.v.covered, 25000);
}

static void what_rolls_back_leaves_no_entry(void **state)
{
    struct fixture *f = *state;
    struct db_unit *u = db_unit_new(f->db, "test append");
    struct audit_entry e = {"x", "test.done", "y", NULL}, bad = {"x", "NOT A VERB", "y", NULL};
    audit_append(u, 0, &e);
    audit_append(u, 0, &bad);
    assert_int_equal(testdb_wait(&f->loop, u, NULL, NULL, &f->err), TG_E_INPUT);
    append(f, 1);
    until_size(f, 1);
    assert_int_equal(testdb_number(&f->t, "SELECT count(*) FROM audit_log"), 1);
}

static void two_sequencers_make_one_log(void **state)
{
    struct fixture *f = *state;
    struct check c;
    struct db *db = testdb_pool(&f->t, &f->loop, 2);
    struct audit *second = start(f, db);
    assert_string_equal(audit_vkey(second), audit_vkey(f->audit)); /* one key file */
    for (int i = 0; i < 5; i++) append(f, 100);
    until_size(f, 500);
    /* the first gives its lease up; the second goes on where it ended */
    stop(f, f->audit);
    f->audit = second;
    struct db *keep = f->db;
    for (int i = 0; i < 5; i++) append(f, 100);
    until_size(f, 1000);
    assert_int_equal(verify(f, &c), 0);
    assert_int_equal(c.v.covered, 1000);
    assert_int_equal(testdb_number(&f->t, "SELECT count(*) FROM audit_log"), 1000);
    f->db = db;
    testdb_pool_close(keep, &f->loop);
    assert_true(testdb_number(&f->t, "SELECT max(epoch) FROM audit_head") > testdb_number(&f->t, "SELECT min(epoch) FROM audit_head"));
}

static void a_stale_sequencer_writes_nothing(void **state)
{
    struct fixture *f = *state;
    append(f, 3);
    until_size(f, 3);
    testdb_run(&f->t, "INSERT INTO audit_inbox (at, actor, verb, subject, body) VALUES ('2026-01-01', 'x', 'late', 'y', '{}')");
    /* another epoch; another size; ids that are gone */
#define SEQUENCE(epoch, ids, first)                                                                                    \
    "SELECT audit_sequence(" epoch ", " ids ", ARRAY[sha256('x')], " first ", '2026-01-01', sha256('r'), '', 'n')"
    testdb_refused(&f->t, "TG001", SEQUENCE("99", "ARRAY[1]::bigint[]", "3"));
    testdb_refused(&f->t, "TG001", SEQUENCE("(SELECT epoch FROM lease WHERE name = 'audit')", "ARRAY[1]::bigint[]", "2"));
    testdb_refused(&f->t, "TG001", SEQUENCE("(SELECT epoch FROM lease WHERE name = 'audit')", "ARRAY[1]::bigint[]", "(SELECT max(size) FROM audit_head)"));
    testdb_refused(&f->t, "42501", "INSERT INTO audit_head VALUES (9, 8, 1, '2026-01-01', sha256('r'), '', 'n')");
    testdb_refused(&f->t, "42501", "DELETE FROM audit_inbox");
    testdb_refused(&f->t, "42501", "UPDATE audit_inbox SET body = '{}'");
    testdb_refused_on(f->t.pg, "23505", "INSERT INTO audit_head VALUES (900, 0, 1, '2026-01-01', sha256('r'), '', 'n')"); /* a fork */
}

static void forgeries_in_the_database_are_named(void **state)
{
    struct fixture *f = *state;
    struct check c;
    append(f, 40);
    until_size(f, 40);
    testdb_exec(&f->t, "SET session_replication_role = replica; UPDATE audit_log SET subject = 'forged' WHERE seq = 17");
    assert_int_equal(verify(f, &c), TG_E_MISMATCH);
    assert_string_equal(c.said, "entry 17 was changed\n");
    testdb_exec(&f->t, "DELETE FROM audit_log WHERE seq = 21");
    assert_int_equal(verify(f, &c), TG_E_MISMATCH);
    assert_non_null(strstr(c.said, "entry 17 was changed\nentry 21 is missing\n"));
}

static void on_head(const struct audit_head *head, const struct tg_err *err, void *data)
{
    assert_null(err);
    *(uint64_t *)data = head->size + 1;
    assert_int_equal(strlen(head->root), 64);
}

static bool not_zero(void *data)
{
    return *(uint64_t *)data > 0;
}

static void the_head_is_told(void **state)
{
    struct fixture *f = *state;
    uint64_t size = 0;
    audit_head(f->audit, on_head, &size);
    assert_true(tg_loop_until(&f->loop, not_zero, &size, 60000));
    assert_int_equal(size, 1); /* empty log */
    append(f, 7);
    until_size(f, 7);
    size = 0;
    audit_head(f->audit, on_head, &size);
    assert_true(tg_loop_until(&f->loop, not_zero, &size, 60000));
    assert_int_equal(size, 8);
    struct audit_export *e = audit_export_new(f->audit);
    audit_export_next(e, on_piece, NULL);
    audit_export_free(e); /* the answer that comes finds nobody */
    append(f, 1);
    TG_AUTO(mem) char *path = tg_printf("%s/log.key", f->state);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_become_a_log_under_checkpoints), TEST(many_entries_go_in_chunks_and_pieces),
        TEST(what_rolls_back_leaves_no_entry),        TEST(two_sequencers_make_one_log),
        TEST(a_stale_sequencer_writes_nothing),       TEST(forgeries_in_the_database_are_named),
        TEST(the_head_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
