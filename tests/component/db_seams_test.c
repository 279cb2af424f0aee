// Seams of the test build: die after the n-th write, lose the n-th answer. A release ignores both.
// uses: base loop db testdb | libs: pq uv
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "testdb/testdb.h"

static int setup(void **state)
{
    struct testdb *t = TG_NEW(struct testdb);
    testdb_open(t);
    testdb_exec(t, "CREATE TABLE pair (k int PRIMARY KEY, v int NOT NULL); GRANT ALL ON pair TO "
                   "tamga_run");
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    testdb_close(*state);
    free(*state);
    return 0;
}

static const struct db_query put = {.name = "put",
                                    .caption = "test",
                                    .sql = "INSERT INTO pair VALUES ($1, $2)",
                                    .params = 2,
                                    .writes = true,
                                    .types = (const uint32_t[]){23, 23}};

#ifdef TAMGA_TEST
enum { SEAMS = 1 };
#else
enum { SEAMS = 0 };
#endif

/* A process of its own, with a seam set, that writes five units and says by its exit code how many
 * it was told of. */
static int write_five(struct testdb *t, const char *seam, const char *value, int first)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct tg_loop loop;
        struct tg_err err = {0};
        int told = 0;
        setenv(seam, value, 1);
        if (tg_loop_init(&loop, NULL, &err) < 0) _exit(100);
        struct db *db = testdb_pool(t, &loop, 1);
        for (int i = 0; i < 5; i++) {
            struct db_unit *u = db_unit_new(db, "test put");
            db_unit_add(u, &put, DB_ARGS(db_i64(first + i), db_i64(0)));
            told += testdb_wait(&loop, u, NULL, NULL, NULL) == 0;
        }
        _exit(told);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void dies_right_after_the_commit_that_was_asked_for(void **state)
{
    struct testdb *t = *state;
    assert_int_equal(write_five(t, "TAMGA_DIE_AT", "3", 100), SEAMS ? -SIGKILL : 5);
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM pair WHERE k >= 100"), SEAMS ? 3 : 5);
}

static void loses_the_answer_of_the_write_that_was_asked_for(void **state)
{
    struct testdb *t = *state;
    assert_int_equal(write_five(t, "TAMGA_LOSE_AT", "2", 200), SEAMS ? 4 : 5);
    assert_int_equal(testdb_number(t, "SELECT count(*) FROM pair WHERE k >= 200"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dies_right_after_the_commit_that_was_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(loses_the_answer_of_the_write_that_was_asked_for, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
