/* agent_platform: commands end with themselves, files are only one's own, links on the way are
 * looked at; agent_pending: what becomes part of a path is a number. */
// uses: base agent_platform agent_pending
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/pending.h"
#include "agent/platform.h"

static char dir[64];
static struct tg_err err;

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/tamga-platform-XXXXXX");
    return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/rm", "-rf", dir, NULL};
    int status = -1;
    if (chdir("/") != 0) return -1;
    return agent_run(argv, 5000, NULL, &status, &err) == 0 && status == 0 ? 0 : -1;
}

static int shell(const char *script, unsigned wait_ms, struct tg_buf *out, int *ret)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return agent_run(argv, wait_ms, out, ret, &err);
}

static void a_command_tells_its_output_and_status(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(65536);
    int status = -1;
    assert_int_equal(shell("echo $HOME; exit 3", 5000, &out, &status), 0);
    assert_string_equal(tg_buf_text(&out), "/\n"); /* an environment of its own */
    assert_int_equal(status, 3);
    tg_buf_reset(&out);
    assert_int_equal(shell("i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i+1)); done",
                           20000, &out, &status),
                     0);
    assert_int_equal(out.len, 22000);
    assert_int_equal(shell("kill -9 $$", 5000, NULL, &status), 0);
    assert_int_equal(status, 128 + SIGKILL);
    const char *const relative[] = {"sh", NULL}, *const missing[] = {"/nowhere/sh", NULL};
    assert_int_equal(agent_run(relative, 100, NULL, &status, &err), TG_E_INPUT);
    assert_int_equal(agent_run(missing, 100, NULL, &status, &err), TG_E_IO);
}

static void a_daemon_left_behind_does_not_hold_the_command(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(64);
    int status = -1;
    assert_int_equal(shell("sleep 5 & echo started", 3000, &out, &status), 0);
    assert_string_equal(tg_buf_text(&out), "started\n");
    assert_int_equal(status, 0);
}

static void a_command_that_does_not_end_is_ended(void **state)
{
    (void)state;
    int status = -1;
    assert_int_equal(shell("sleep 60", 100, NULL, &status), TG_E_TIMEOUT);
    assert_int_equal(shell("exec >&-; sleep 60", 100, NULL, &status), TG_E_TIMEOUT);
}

static void only_ones_own_single_regular_file_is_read(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf got = TG_BUF(64);
    assert_int_equal(agent_write_new("f", "text", 4, &err), 0);
    assert_int_equal(agent_write_new("f", "text", 4, &err), TG_E_EXISTS);
    assert_int_equal(agent_read_file("f", &got, &err), 0);
    assert_string_equal(tg_buf_text(&got), "text");
    assert_int_equal(link("f", "g"), 0);
    assert_int_equal(agent_read_file("f", &got, &err), TG_E_DENIED);
    tg_buf_reset(&got);
    assert_int_equal(agent_read_linked("f", &got, &err), 0);
    assert_int_equal(agent_read_file("/proc/self/fd/0", &got, &err), TG_E_IO); /* a magic link */
    assert_int_equal(agent_read_file(".", &got, &err), TG_E_DENIED);
    assert_int_equal(agent_read_file("/dev/null", &got, &err), TG_E_DENIED);
    assert_int_equal(agent_remove("nothing", &err), 0);
    tg_buf_reset(&got);
    got.max = 3;
    assert_int_equal(unlink("g"), 0);
    assert_int_equal(agent_read_file("f", &got, &err), TG_E_LIMIT);
}

static void the_way_to_a_file_is_looked_at(void **state)
{
    (void)state;
    struct agent_owner owner;
    assert_int_equal(agent_write_new("f", "x", 1, &err), 0);
    assert_int_equal(mkdir("a", 0700) | symlink(".", "here") | symlink("loop", "loop"), 0);
    assert_int_equal(agent_owner_of("f", &owner, &err), 0);
    assert_int_equal(owner.uid, geteuid());
    assert_int_equal(agent_owner_of("a/../here/here//./f", &owner, &err), 0);
    assert_int_equal(agent_owner_of("/", &owner, &err), 0);
    assert_int_equal(owner.uid, 0);
    assert_int_equal(agent_owner_of("here/g", &owner, &err), TG_E_NOT_FOUND);
    assert_int_equal(agent_owner_of("loop", &owner, &err), 0); /* the link itself */
    assert_int_equal(agent_owner_of("loop/f", &owner, &err), TG_E_IO);
    assert_int_equal(agent_owner_of("f/f", &owner, &err), TG_E_IO);
    if (geteuid() != 0) return;
    assert_int_equal(lchown("here", 23456, 23456), 0);
    assert_int_equal(agent_owner_of("here/f", &owner, &err), TG_E_DENIED);
    assert_int_equal(lchown("f", 23456, 23456), 0);
    assert_int_equal(agent_owner_of("here/f", &owner, &err), 0);
    assert_int_equal(owner.uid, 23456);
    assert_string_equal(owner.name, "23456");
    assert_int_equal(symlink("here", "second"), 0);
    assert_int_equal(lchown("second", 23457, 23457), 0);
    assert_int_equal(agent_owner_of("second/f", &owner, &err), TG_E_DENIED);
}

static void a_record_comes_back_as_it_was(void **state)
{
    (void)state;
    TG_AUTO(agent_pending)
    struct agent_pending *p = agent_pending_new("26-004217-4", 7, "/k/a.p12");
    TG_AUTO(agent_pending) struct agent_pending *back = NULL;
    struct stat st;
    assert_int_equal(mkdir("pending", 0700), 0);
    p->app = p->csr = p->cms = TG_BUF(64);
    tg_buf_puts(&p->csr, "csr");
    p->state = AGENT_MADE;
    assert_int_equal(agent_pending_save(dir, p, &err), 0);
    assert_int_equal(stat("pending/26-004217-4.json", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(agent_pending_load(dir, "26-004217-4", &back, &err), 0);
    assert_string_equal(back->secret, p->secret);
    assert_int_equal(strlen(back->secret), 64);
    assert_string_equal(back->path, "/k/a.p12");
    assert_string_equal(tg_buf_text(&back->csr), "csr");
    assert_int_equal(back->state, AGENT_MADE);
    assert_int_equal(agent_pending_remove(dir, "26-004217-4", &err), 0);
    struct agent_pending *none = NULL;
    assert_int_equal(agent_pending_load(dir, "26-004217-4", &none, &err), TG_E_NOT_FOUND);
}

static void no_number_climbs(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "../../x", "26-004217-5", "26-004217-4/", "a"};
    struct agent_pending *p = NULL;
    char path[200];
    for (size_t i = 0; i < TG_COUNT(wrong); i++) {
        assert_int_equal(agent_pending_load(dir, wrong[i], &p, &err), TG_E_INPUT);
        assert_int_equal(agent_pending_remove(dir, wrong[i], &err), TG_E_INPUT);
        assert_int_equal(agent_pending_key_path("/k/a.p12", wrong[i], path, sizeof path, &err),
                         TG_E_INPUT);
    }
    assert_int_equal(agent_pending_key_path("/k/a.p12", "26-004217-4", path, sizeof path, &err), 0);
    assert_string_equal(path, "/k/.a.p12.tamga-26-004217-4.key");
    assert_int_equal(agent_pending_key_path("/k/a.p12", "26-004217-4", path, 20, &err), TG_E_LIMIT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_tells_its_output_and_status),
        TEST(a_daemon_left_behind_does_not_hold_the_command),
        TEST(a_command_that_does_not_end_is_ended),
        TEST(only_ones_own_single_regular_file_is_read),
        TEST(the_way_to_a_file_is_looked_at),
        TEST(a_record_comes_back_as_it_was),
        TEST(no_number_climbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
