// One way to stop: hooks in order, the drain deadline, signals, and no handle left.
// uses: base loop | libs: uv
#include "base/mem.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { PATIENCE_MS = 30000 };

static struct tg_loop loop;

static int begin(void **state)
{
    (void)state;
    return tg_loop_init(&loop, NULL, NULL);
}

/* tg_loop_done() aborts on a handle that is still open: every test proves that it left none. */
static int end(void **state)
{
    (void)state;
    tg_loop_done(&loop);
    return 0;
}

static bool is_set(void *flag)
{
    return *(int *)flag > 0;
}

struct timed {
    struct tg_deadline d;
    int fired, closed;
};

static void on_fired(struct tg_deadline *d, void *data)
{
    struct timed *t = data;
    assert_ptr_equal(d, &t->d);
    t->fired++;
}

static void on_closed(struct tg_deadline *d, void *data)
{
    struct timed *t = data;
    assert_ptr_equal(d, &t->d);
    t->closed++;
}

struct stopper {
    struct tg_stop_hook hook;
    struct tg_deadline later;
    char *order; /* names are appended here */
    char name;
    uint64_t wait_ms; /* 0: done at once */
};

static void stopper_ready(struct tg_deadline *d, void *data)
{
    struct stopper *s = data;
    (void)d;
    tg_deadline_close(&s->later, NULL);
    tg_stop_hook_done(&s->hook);
}

static void stopper_fn(struct tg_stop_hook *hook, void *data)
{
    struct stopper *s = data;
    size_t n = strlen(s->order);
    s->order[n] = s->name;
    s->order[n + 1] = '\0';
    if (s->wait_ms == 0) {
        tg_stop_hook_done(hook);
        return;
    }
    tg_deadline_init(&s->later, &loop, s);
    tg_deadline_start(&s->later, s->wait_ms, stopper_ready);
}

static void hooks_run_one_after_the_other(void **state)
{
    (void)state;
    char order[10] = "";
    struct stopper s[4] = {{.name = 'a', .wait_ms = 20},
                           {.name = 'b'},
                           {.name = 'x'},
                           {.name = 'c', .wait_ms = 1}};
    for (size_t i = 0; i < TG_COUNT(s); i++) {
        s[i].order = order;
        tg_loop_on_stop(&loop, &s[i].hook, "stopper", stopper_fn, &s[i]);
    }
    tg_stop_hook_del(&s[2].hook);
    assert_false(tg_loop_stopping(&loop));
    tg_loop_stop(&loop);
    tg_loop_stop(&loop);
    assert_string_equal(order, ""); /* never from inside stop */
    tg_loop_run(&loop);
    assert_string_equal(order, "abc");
    assert_true(tg_loop_stopping(&loop));
    assert_null(tg_loop_late(&loop));
}

static void drain_deadline_closes_what_is_left(void **state)
{
    (void)state;
    char order[10] = "";
    struct stopper stuck = {.name = 's', .wait_ms = 1000000, .order = order};
    struct stopper after = {.name = 'n', .order = order};
    struct timed t = {0};
    uv_tcp_t forgotten;
    assert_int_equal(uv_tcp_init(&loop.uv, &forgotten), 0);
    tg_deadline_init(&t.d, &loop, &t);
    tg_deadline_start(&t.d, 1000000, on_fired);
    tg_loop_on_stop(&loop, &stuck.hook, "stuck", stopper_fn, &stuck);
    tg_loop_on_stop(&loop, &after.hook, "after", stopper_fn, &after);
    tg_loop_set_drain(&loop, 20);
    tg_loop_stop(&loop);
    tg_loop_run(&loop);
    assert_string_equal(order, "s");
    assert_string_equal(tg_loop_late(&loop), "stuck");
    tg_deadline_start(&t.d, 0, on_fired); /* swept: no more than silence */
    tg_deadline_close(&t.d, on_closed);
    tg_stop_hook_done(&stuck.hook);
    assert_int_equal(t.fired + t.closed, 0);
}

static void stop_while_waiting_for_something_else(void **state)
{
    (void)state;
    int never = 0;
    tg_loop_stop(&loop);
    assert_false(
        tg_loop_until(&loop, is_set, &never, PATIENCE_MS)); /* returns when everything is closed */
    assert_true(tg_loop_stopping(&loop));
}

static void stop_from_the_pool(void *data)
{
    (void)data;
    tg_loop_stop(&loop);
}

static void work_done(void *data, int status)
{
    int *done = data;
    assert_int_equal(status, 0);
    ++*done;
}

static void stop_comes_from_any_thread(void **state)
{
    (void)state;
    struct tg_work work;
    int done = 0;
    assert_int_equal(tg_work_start(&work, &loop, stop_from_the_pool, work_done, &done, NULL), 0);
    tg_loop_run(&loop);
    assert_int_equal(done, 1);
}

static int hups;

static void on_hup(int signum, void *data)
{
    assert_int_equal(signum, SIGHUP);
    hups++;
    if (hups == 2) (void)raise(*(int *)data);
    if (hups < 2) (void)raise(SIGHUP);
}

static void signals_stop_in_order(void **state)
{
    (void)state;
    static const int ends[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < TG_COUNT(ends); i++) {
        char order[10] = "";
        struct stopper s = {.name = 'a', .wait_ms = 1, .order = order};
        int signum = ends[i];
        hups = 0;
        assert_int_equal(tg_loop_signals(&loop, on_hup, &signum, NULL), 0);
        tg_loop_on_stop(&loop, &s.hook, "stopper", stopper_fn, &s);
        (void)raise(SIGHUP);
        (void)raise(SIGPIPE); /* ignored */
        tg_loop_run(&loop);
        assert_int_equal(hups, 2);
        assert_string_equal(order, "a");
        assert_null(tg_loop_late(&loop));
        tg_loop_done(&loop);
        assert_int_equal(tg_loop_init(&loop, NULL, NULL), 0);
    }
}

static void impatient(struct tg_stop_hook *hook, void *data)
{
    (void)hook;
    (void)data;
    (void)raise(SIGINT);
}

static void second_signal_ends_the_drain(void **state)
{
    (void)state;
    struct tg_stop_hook hook;
    assert_int_equal(tg_loop_signals(&loop, NULL, NULL, NULL), 0);
    tg_loop_set_drain(&loop, 100000000);
    tg_loop_on_stop(&loop, &hook, "endless", impatient, NULL);
    (void)raise(SIGTERM);
    tg_loop_run(&loop);
    assert_string_equal(tg_loop_late(&loop), "endless");
}

static void forgotten_handle_is_a_broken_contract(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        static struct tg_loop other;
        static struct timed t;
        close(STDERR_FILENO);
        if (tg_loop_init(&other, NULL, NULL) < 0) _exit(1);
        tg_deadline_init(&t.d, &other, &t);
        tg_loop_done(&other);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#define ON_LOOP(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgotten_handle_is_a_broken_contract),
        ON_LOOP(hooks_run_one_after_the_other),
        ON_LOOP(drain_deadline_closes_what_is_left),
        ON_LOOP(stop_while_waiting_for_something_else),
        ON_LOOP(stop_comes_from_any_thread),
        ON_LOOP(signals_stop_in_order),
        ON_LOOP(second_signal_ends_the_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
