// What an agent keeps and how long it waits: the spool survives a kill, back-off has full jitter.
// uses: base json wire agent_platform agent_enroll agent_link | libs: jansson
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/backoff.h"
#include "agent/spool.h"
#include "agent/state.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "temp_dir.h"

static char dir[64], state_dir[96];
static struct tg_err err;

static int setup(void **state)
{
    (void)state;
    temp_dir(dir);
    (void)snprintf(state_dir, sizeof state_dir, "%s/state", dir);
    return agent_state_make(state_dir, &err);
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static struct agent_spool *opened(void)
{
    struct agent_spool *s = NULL;
    if (agent_spool_open(state_dir, &s, &err) < 0) fail_msg("%s", err.text);
    return s;
}

static void first_is(struct agent_spool *s, const char *text)
{
    int64_t number = 0;
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    if (agent_spool_first(s, &number, &line, &err) < 0) fail_msg("%s", err.text);
    assert_string_equal(tg_buf_text(&line), text);
    agent_spool_drop(s, number);
}

static void oldest_first_and_dropped_when_accepted(void **state)
{
    (void)state;
    struct agent_spool *s = opened();
    TG_AUTO(buf) struct tg_buf none = TG_BUF(16);
    int64_t number = 0;
    for (int i = 0; i < 12; i++) {
        char line[32];
        int n = snprintf(line, sizeof line, "line %d", i);
        assert_int_equal(agent_spool_put(s, line, (size_t)n, &err), 0);
    }
    first_is(s, "line 0");
    first_is(s, "line 1");
    agent_spool_free(s);
    s = opened();
    assert_int_equal(agent_spool_count(s), 10);
    assert_int_equal(agent_spool_put(s, "last", 4, &err), 0);
    for (int i = 2; i < 12; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "line %d", i);
        first_is(s, line);
    }
    first_is(s, "last");
    assert_int_equal(agent_spool_first(s, &number, &none, &err), TG_E_NOT_FOUND);
    agent_spool_free(s);
}

static void a_kill_right_after_put_loses_nothing(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct agent_spool *s = NULL;
        if (agent_spool_open(state_dir, &s, &err) < 0) _exit(1);
        for (int i = 0; i < 3; i++)
            if (agent_spool_put(s, "report", 6, &err) < 0) _exit(1);
        (void)raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    struct agent_spool *s = opened();
    assert_int_equal(agent_spool_count(s), 3);
    for (int i = 0; i < 3; i++)
        first_is(s, "report");
    agent_spool_free(s);
}

/* A write that was cut off before its rename is no report. */
static void files_with_other_names_are_no_reports(void **state)
{
    (void)state;
    static const char *const names[] = {"0000000000000000001.json.tmp", "x.json",
                                        "0000000000000000000.json", "000000000000000000x.json"};
    char path[160];
    for (size_t i = 0; i < TG_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/spool/%s", state_dir, names[i]);
        assert_int_equal(tg_file_replace(path, "x", 1, 0600, &err), 0);
    }
    struct agent_spool *s = opened();
    assert_int_equal(agent_spool_count(s), 0);
    agent_spool_free(s);
}

static void the_folder_is_for_the_agent_alone(void **state)
{
    (void)state;
    struct stat st;
    char path[160];
    assert_int_equal(stat(state_dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    (void)snprintf(path, sizeof path, "%s/pending", state_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(chmod(state_dir, 0777), 0);
    assert_int_equal(agent_state_make(state_dir, &err), TG_E_DENIED);
    assert_int_equal(chmod(state_dir, 0711), 0);
    int one = -1, two = -1;
    assert_int_equal(agent_state_lock(state_dir, &one, &err), 0);
    assert_int_equal(agent_state_lock(state_dir, &two, &err), TG_E_BUSY);
    close(one);
    assert_int_equal(agent_state_lock(state_dir, &two, &err), 0);
    close(two);
}

static void waits_double_up_to_ten_minutes(void **state)
{
    (void)state;
    assert_int_equal(agent_backoff_limit_ms(1), 1000);
    assert_int_equal(agent_backoff_limit_ms(2), 2000);
    assert_int_equal(agent_backoff_limit_ms(5), 16000);
    assert_int_equal(agent_backoff_limit_ms(11), 600000);
    assert_int_equal(agent_backoff_limit_ms(4000000000u), 600000);
}

static void jitter_is_full(void **state)
{
    (void)state;
    unsigned low = 0, high = 0;
    for (int i = 0; i < 4000; i++) {
        uint32_t wait = agent_backoff_ms(3, 0);
        assert_in_range(wait, 50, 4050);
        low += wait < 1050;
        high += wait > 3050;
    }
    assert_in_range(low, 800, 1200); /* a quarter of them in each quarter */
    assert_in_range(high, 800, 1200);
    for (int i = 0; i < 100; i++)
        assert_in_range(agent_backoff_ms(0, 0), 50, 50);
    uint32_t most = 0;
    for (int i = 0; i < 4000; i++) {
        uint32_t wait = agent_backoff_ms(1, 60000);
        most = wait > most ? wait : most;
        assert_in_range(wait, 50, 60050);
    }
    assert_true(most > 50000); /* the server's word, when it is the longer one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(oldest_first_and_dropped_when_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_right_after_put_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(files_with_other_names_are_no_reports, setup, teardown),
        cmocka_unit_test_setup_teardown(the_folder_is_for_the_agent_alone, setup, teardown),
        cmocka_unit_test(waits_double_up_to_ten_minutes),
        cmocka_unit_test(jitter_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
