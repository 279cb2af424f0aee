// The audit log on a real database: sequencing, two sequencers, checkpoints, export, and what a
// forger cannot hide.
// uses: base loop json merkle x509 auditlog db audit testdb | libs: pq uv
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <sys/stat.h>

#include "audit/audit.h"
#include "auditlog/auditlog.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
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
    if (audit_new(db, f->state, "tamga/alatau", &a, &f->err) < 0) fail_msg("%s", f->err.text);
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
    audit_close(a, on_stopped, &stopped);
    assert_true(tg_loop_until(&f->loop, is_set, &stopped, 60000));
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stop(f, f->audit);
    testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    TG_AUTO(mem) char *key = tg_printf("%s/audit/log.key", f->state);
    TG_AUTO(mem) char *folder = tg_printf("%s/audit", f->state);
    unlink(key);
    rmdir(folder);
    rmdir(f->state);
    free(f);
    return 0;
}

static void append(struct fixture *f, int count)
{
    struct db_unit *u = db_unit_new(f->db, "test append");
    for (int i = 0; i < count; i++) {
        struct audit_entry e = {"administrator:root", "test.done", "26-000001-9",
                                i % 3 ? "{\"why\":\"тест\"}" : NULL};
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
    struct audit *audit;
    char said[2000];
    int pages;
    bool done;
};

static void on_finding(const char *sentence, void *data)
{
    struct check *c = data;
    size_t n = strlen(c->said);
    snprintf(c->said + n, sizeof c->said - n, "%s\n", sentence);
}

static void on_page(const char *bytes, size_t len, const struct audit_cursor *next, bool more,
                    const struct tg_err *err, void *data)
{
    struct check *c = data;
    if (err) fail_msg("%s", err->text);
    c->pages++;
    for (const char *end; len > 0; len -= (size_t)(end + 1 - bytes), bytes = end + 1) {
        end = memchr(bytes, '\n', len);
        assert_non_null(end);
        tg_audit_verify_line(&c->v, bytes, (size_t)(end - bytes));
    }
    c->done = !more;
    if (more) audit_page(c->audit, next, on_page, c);
}

static void verify_begins(struct fixture *f, struct check *c)
{
    *c = (struct check){.audit = f->audit};
    tg_audit_verify_init(&c->v, audit_vkey(f->audit), on_finding, c);
}

static int verify_ends(struct fixture *f, struct check *c)
{
    static const struct audit_cursor beginning = {0};
    audit_page(f->audit, &beginning, on_page, c);
    bool *done = &c->done;
    assert_true(tg_loop_until(&f->loop, is_set, done, 60000));
    return tg_audit_verify_end(&c->v, &f->err);
}

static int verify(struct fixture *f, struct check *c)
{
    verify_begins(f, c);
    return verify_ends(f, c);
}

static bool never(void *data)
{
    (void)data;
    return false;
}

/* Several turns of the sequencer. */
static void settle(struct fixture *f)
{
    audit_wake(f->audit);
    (void)tg_loop_until(&f->loop, never, NULL, 2500);
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
    assert_int_equal(testdb_number(&f->t, "SELECT max(seq) - min(seq) + count(*) FROM audit_log"),
                     30 + 31);
    assert_int_equal(verify(f, &c), 0);
    assert_int_equal(c.v.covered, 31);
    assert_true(c.v.checkpoints >= 2);
}

static void many_entries_go_in_chunks_and_pieces(void **state)
{
    struct fixture *f = *state;
    struct check c;
    testdb_run(&f->t, "INSERT INTO audit_inbox (at, actor, verb, subject, body)"
                      " SELECT '2026-01-01', 'planner', 'draft', n::text, '{}' FROM "
                      "generate_series(1, 25000) n");
    until_size(f, 25000);
    assert_true(testdb_number(&f->t, "SELECT count(*) FROM audit_head") <= 4);
    assert_int_equal(verify(f, &c), 0);
    assert_int_equal(c.v.covered, 25000);
    assert_true(c.pages >= 3);
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
    for (int i = 0; i < 5; i++)
        append(f, 100);
    until_size(f, 500);
    /* the first gives its lease up; the second goes on where it ended */
    stop(f, f->audit);
    f->audit = second;
    struct db *keep = f->db;
    for (int i = 0; i < 5; i++)
        append(f, 100);
    until_size(f, 1000);
    assert_int_equal(verify(f, &c), 0);
    assert_int_equal(c.v.covered, 1000);
    assert_int_equal(testdb_number(&f->t, "SELECT count(*) FROM audit_log"), 1000);
    f->db = db;
    testdb_pool_close(keep, &f->loop);
    assert_true(testdb_number(&f->t, "SELECT max(epoch) FROM audit_head") >
                testdb_number(&f->t, "SELECT min(epoch) FROM audit_head"));
}

static void a_stale_sequencer_writes_nothing(void **state)
{
    struct fixture *f = *state;
    append(f, 3);
    until_size(f, 3);
    testdb_run(&f->t, "INSERT INTO audit_inbox (at, actor, verb, subject, body) VALUES "
                      "('2026-01-01', 'x', 'late', 'y', '{}')");
    /* another epoch; another size; ids that are gone */
#define SEQUENCE(epoch, ids, first)                                                                \
    "SELECT audit_sequence(" epoch ", " ids ", ARRAY[sha256('x')], " first                         \
    ", '2026-01-01', sha256('r'), '', 'n')"
    testdb_refused(&f->t, "TG001", SEQUENCE("99", "ARRAY[1]::bigint[]", "3"));
    testdb_refused(&f->t, "TG001",
                   SEQUENCE("(SELECT epoch FROM lease WHERE name = 'audit')", "ARRAY[1]::bigint[]",
                            "2"));
    testdb_refused(&f->t, "TG001",
                   SEQUENCE("(SELECT epoch FROM lease WHERE name = 'audit')", "ARRAY[1]::bigint[]",
                            "(SELECT max(size) FROM audit_head)"));
    testdb_refused(&f->t, "42501",
                   "INSERT INTO audit_head VALUES (9, 8, 1, '2026-01-01', sha256('r'), '', 'n')");
    testdb_refused(&f->t, "42501", "DELETE FROM audit_inbox");
    testdb_refused(&f->t, "42501", "UPDATE audit_inbox SET body = '{}'");
    testdb_refused_on(f->t.pg, "23505",
                      "INSERT INTO audit_head VALUES (900, 0, 1, '2026-01-01', sha256('r'), '', "
                      "'n')"); /* a fork */
}

static void forgeries_in_the_database_are_named(void **state)
{
    struct fixture *f = *state;
    struct check c;
    append(f, 40);
    until_size(f, 40);
    testdb_exec(&f->t, "SET session_replication_role = replica; UPDATE audit_log SET subject = "
                       "'forged' WHERE seq = 17");
    assert_int_equal(verify(f, &c), TG_E_MISMATCH);
    assert_string_equal(c.said,
                        "entry 17 was changed: it is not what the checkpoint over 40 signed\n");
    testdb_exec(&f->t, "DELETE FROM audit_log WHERE seq = 21");
    assert_int_equal(verify(f, &c), TG_E_MISMATCH);
    assert_non_null(
        strstr(c.said, "entry 17 was changed: it is not what the checkpoint over 40 signed\nentry "
                       "21 is missing: the checkpoint over 40 signed it\n"));
}

#define FORGED(f, sql) testdb_exec(&(f)->t, "SET session_replication_role = replica; " sql)

static void a_forged_hash_is_told_from_a_forged_entry(void **state)
{
    struct fixture *f = *state;
    struct check c;
    append(f, 9);
    until_size(f, 9);
    FORGED(f, "UPDATE audit_log SET leaf_hash = sha256('x') WHERE seq = 3");
    assert_int_equal(verify(f, &c), TG_E_MISMATCH);
    assert_string_equal(c.said, "entry 3: the hash stored beside it was changed; the entry is what "
                                "the checkpoint over 9 signed\n");
}

static void exchanged_and_renumbered_rows_are_named(void **state)
{
    struct fixture *f = *state;
    struct check c;
    append(f, 9);
    until_size(f, 9);
    FORGED(f, "UPDATE audit_log SET seq = 1000 WHERE seq = 4; UPDATE audit_log SET seq = 4 WHERE "
              "seq = 5; UPDATE audit_log SET seq = 5 WHERE seq = 1000");
    assert_int_equal(verify(f, &c), TG_E_MISMATCH);
    assert_string_equal(c.said, "entry 4 was changed: it is not what the checkpoint over 9 signed\n"
                                "entry 5 was changed: it is not what the checkpoint over 9 signed\n"
                                "an entry of 0 to 8 is not what the checkpoint over 9 signed\n");
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
    TG_AUTO(mem) char *path = tg_printf("%s/audit/log.key", f->state);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* What the sequencer would sign next grows from the stored head: a forged one is not signed over.
 */
static void a_forged_head_is_not_signed_over(void **state)
{
    struct fixture *f = *state;
    append(f, 5);
    until_size(f, 5);
    stop(f, f->audit);
    FORGED(f, "UPDATE audit_head SET frontier = decode('0000000000000005', 'hex') || sha256('a') "
              "|| sha256('b')");
    f->audit = start(f, f->db);
    append(f, 1);
    settle(f);
    assert_int_equal(testdb_number(&f->t, "SELECT max(size) FROM audit_head"), 5);
    assert_int_equal(testdb_number(&f->t, "SELECT count(*) FROM audit_inbox"), 1);
}

/* Rolled back under a running service: its next root would be a fork of what it signed before. */
static void a_log_that_was_cut_is_not_signed_anew(void **state)
{
    struct fixture *f = *state;
    append(f, 5);
    until_size(f, 5);
    append(f, 5);
    until_size(f, 10);
    settle(f);
    FORGED(f, "DELETE FROM audit_log WHERE seq >= 5; DELETE FROM audit_head WHERE size > 5");
    append(f, 1);
    settle(f);
    assert_int_equal(testdb_number(&f->t, "SELECT max(size) FROM audit_head"), 5);
}

static void a_new_key_goes_on_and_the_old_one_still_proves(void **state)
{
    struct fixture *f = *state;
    struct check c;
    char old[TG_AUDIT_VKEY_MAX];
    append(f, 5);
    until_size(f, 5);
    (void)!tg_copy(old, sizeof old, audit_vkey(f->audit));
    stop(f, f->audit);
    TG_AUTO(mem) char *path = tg_printf("%s/audit/log.key", f->state);
    unlink(path);
    f->audit = start(f, f->db);
    append(f, 5);
    until_size(f, 10);
    assert_int_equal(verify(f, &c),
                     TG_E_MISMATCH); /* the first checkpoint is of a key that nobody named */
    verify_begins(f, &c);
    assert_int_equal(tg_audit_verify_key(&c.v, old, &f->err), 0);
    assert_int_equal(verify_ends(f, &c), 0);
    assert_int_equal(c.v.covered, 10);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_become_a_log_under_checkpoints),
        TEST(many_entries_go_in_chunks_and_pieces),
        TEST(what_rolls_back_leaves_no_entry),
        TEST(two_sequencers_make_one_log),
        TEST(a_stale_sequencer_writes_nothing),
        TEST(forgeries_in_the_database_are_named),
        TEST(the_head_is_told),
        TEST(a_forged_hash_is_told_from_a_forged_entry),
        TEST(exchanged_and_renumbered_rows_are_named),
        TEST(a_forged_head_is_not_signed_over),
        TEST(a_log_that_was_cut_is_not_signed_anew),
        TEST(a_new_key_goes_on_and_the_old_one_still_proves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
