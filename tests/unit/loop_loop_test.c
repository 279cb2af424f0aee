// The loop: deadlines, pool work, repeating jobs, and clocks.
// uses: base loop | libs: uv
#include "base/mem.h"
#include "loop/clock.h"
#include "loop/loop.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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

#define UNTIL(flag) assert_true(tg_loop_until(&loop, is_set, &(flag), PATIENCE_MS))

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

static void deadline_fires_once_and_closes_later(void **state)
{
    (void)state;
    struct timed t = {0};
    tg_deadline_init(&t.d, &loop, &t);
    tg_deadline_start(&t.d, 0, on_fired);
    assert_int_equal(t.fired, 0); /* never from inside start */
    assert_true(tg_deadline_active(&t.d));
    UNTIL(t.fired);
    assert_int_equal(t.fired, 1);
    assert_false(tg_deadline_active(&t.d));
    tg_deadline_close(&t.d, on_closed);
    assert_int_equal(t.closed, 0); /* never from inside close */
    UNTIL(t.closed);
    assert_int_equal(t.closed, 1);
}

static void stopped_or_closed_deadline_does_not_fire(void **state)
{
    (void)state;
    struct timed stopped = {0}, closed = {0}, moved = {0}, marker = {0};
    struct timed *all[] = {&stopped, &closed, &moved, &marker};
    for (size_t i = 0; i < TG_COUNT(all); i++)
        tg_deadline_init(&all[i]->d, &loop, all[i]);
    tg_deadline_start(&stopped.d, 1, on_fired);
    tg_deadline_stop(&stopped.d);
    tg_deadline_start(&closed.d, 1, on_fired);
    tg_deadline_close(&closed.d, on_closed);
    tg_deadline_start(&moved.d, 1, on_fired);
    tg_deadline_start(&moved.d, 1000000, on_fired);
    tg_deadline_start(&marker.d, 20, on_fired);
    UNTIL(marker.fired);
    assert_int_equal(stopped.fired + closed.fired + moved.fired, 0);
    assert_int_equal(closed.closed, 1);
    tg_deadline_close(&stopped.d, NULL);
    tg_deadline_close(&moved.d, NULL);
    tg_deadline_close(&marker.d, on_closed);
    UNTIL(marker.closed);
}

struct job {
    struct tg_work w;
    atomic_int ran, gate;
    int done, status;
};

static void run_job(void *data)
{
    struct job *j = data;
    while (atomic_load(&j->gate))
        (void)sched_yield();
    atomic_fetch_add(&j->ran, 1);
}

static void job_done(void *data, int status)
{
    struct job *j = data;
    j->done++;
    j->status = status;
    assert_false(tg_work_busy(&j->w));
}

static void work_runs_on_the_pool_and_is_done_on_the_loop(void **state)
{
    (void)state;
    struct job j = {0};
    assert_int_equal(tg_work_start(&j.w, &loop, run_job, job_done, &j, NULL), 0);
    assert_int_equal(j.done, 0);
    assert_true(tg_work_busy(&j.w));
    UNTIL(j.done);
    assert_int_equal(j.status, 0);
    assert_int_equal(atomic_load(&j.ran), 1);
    tg_work_cancel(&j.w); /* too late, harmless */
    assert_int_equal(j.done, 1);
}

static void cancelled_work_is_done_once_and_later(void **state)
{
    (void)state;
    enum { JOBS = 200 };
    static struct job jobs[JOBS];
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < JOBS; i++) {
        atomic_store(&jobs[i].gate, 1);
        assert_int_equal(tg_work_start(&jobs[i].w, &loop, run_job, job_done, &jobs[i], NULL), 0);
    }
    tg_work_cancel(&jobs[JOBS - 1].w); /* the pool's threads are held by the first ones */
    assert_int_equal(jobs[JOBS - 1].done, 0);
    for (int i = 0; i < JOBS; i++)
        atomic_store(&jobs[i].gate, 0);
    for (int i = 0; i < JOBS; i++)
        UNTIL(jobs[i].done);
    for (int i = 0; i < JOBS; i++) {
        bool cancelled = i == JOBS - 1;
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].status, cancelled ? TG_E_CANCELLED : 0);
        assert_int_equal(atomic_load(&jobs[i].ran), cancelled ? 0 : 1);
    }
}

struct beat {
    struct tg_repeat r;
    struct tg_deadline later;
    int runs, enough, closed, stop_after;
    int later_closed;
    bool busy;
};

static void later_closed(struct tg_deadline *d, void *data)
{
    struct beat *b = data;
    (void)d;
    b->later_closed++;
}

static void beat_closed(struct tg_repeat *r, void *data)
{
    struct beat *b = data;
    assert_ptr_equal(r, &b->r);
    b->closed++;
}

static void finish_beat(struct tg_deadline *d, void *data)
{
    struct beat *b = data;
    (void)d;
    b->busy = false;
    tg_repeat_finish(&b->r);
    if (b->runs < b->stop_after) return;
    b->enough = 1;
    tg_repeat_close(&b->r, beat_closed);
}

static void slow_beat(struct tg_repeat *r, void *data)
{
    struct beat *b = data;
    assert_ptr_equal(r, &b->r);
    assert_false(b->busy); /* never again before finish */
    b->busy = true;
    b->runs++;
    tg_repeat_now(r); /* asked for three times while it runs: */
    tg_repeat_now(r);
    tg_repeat_now(r);
    tg_deadline_start(&b->later, 5, finish_beat);
}

static void repeat_never_piles_up(void **state)
{
    (void)state;
    struct beat b = {.stop_after = 3};
    tg_deadline_init(&b.later, &loop, &b);
    tg_repeat_init(&b.r, &loop, 1000000, slow_beat, &b); /* only `now` brings the next */
    tg_repeat_start(&b.r, 0);
    assert_int_equal(b.runs, 0);
    UNTIL(b.runs);
    UNTIL(b.closed);
    assert_int_equal(b.runs, 3); /* once more each time, not three times */
    tg_deadline_close(&b.later, later_closed);
    UNTIL(b.later_closed);
}

static void quick_beat(struct tg_repeat *r, void *data)
{
    struct beat *b = data;
    if (++b->runs == b->stop_after) b->enough = 1;
    tg_repeat_finish(r); /* at once is allowed */
}

static void repeat_comes_again_by_itself(void **state)
{
    (void)state;
    struct beat b = {.stop_after = 4};
    tg_repeat_init(&b.r, &loop, 1, quick_beat, &b);
    tg_repeat_start(&b.r, 0);
    UNTIL(b.enough);
    tg_repeat_close(&b.r, beat_closed);
    UNTIL(b.closed);
    assert_int_equal(b.closed, 1);
}

static void one_beat(struct tg_repeat *r, void *data)
{
    struct beat *b = data;
    (void)r;
    b->runs++;
}

static void closing_repeat_waits_for_its_run(void **state)
{
    (void)state;
    struct beat b = {0};
    struct timed marker = {0};
    tg_repeat_init(&b.r, &loop, 1, one_beat, &b);
    tg_repeat_start(&b.r, 0);
    UNTIL(b.runs);
    tg_repeat_close(&b.r, beat_closed);
    tg_deadline_init(&marker.d, &loop, &marker);
    tg_deadline_start(&marker.d, 10, on_fired);
    UNTIL(marker.fired);
    assert_int_equal(b.closed, 0);
    tg_repeat_finish(&b.r);
    UNTIL(b.closed);
    assert_int_equal(b.runs, 1);
    tg_deadline_close(&marker.d, on_closed);
    UNTIL(marker.closed);
}

static void until_gives_up(void **state)
{
    (void)state;
    int never = 0;
    assert_false(tg_loop_until(&loop, is_set, &never, 5));
}

/* ---- clocks ---- */

static void manual_clock_stands_until_told(void **state)
{
    (void)state;
    struct tg_clock_manual m;
    struct tg_loop l;
    tg_clock_manual_init(&m, 1767225599);
    assert_int_equal(tg_loop_init(&l, &m.clock, NULL), 0);
    assert_int_equal(tg_loop_wall(&l), 1767225599);
    for (int i = 0; i < 4; i++)
        tg_clock_manual_advance(&m, 250);
    assert_int_equal(tg_loop_wall(&l), 1767225600);
    assert_int_equal(tg_loop_mono_ms(&l), 1000);
    tg_clock_manual_advance(&m, 86400 * UINT64_C(1000));
    assert_int_equal(tg_clock_wall(&m.clock), 1767225600 + 86400);
    tg_loop_done(&l);
}

/* The system clock's wall time in a child under TAMGA_CLOCK. */
static int64_t wall_under(const char *shift)
{
    int fd[2];
    int64_t at = 0;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (shift) (void)setenv("TAMGA_CLOCK", shift, 1);
        at = tg_clock_wall(tg_clock_system());
        _exit(write(fd[1], &at, sizeof at) == sizeof at ? 0 : 1);
    }
    close(fd[1]);
    assert_int_equal(read(fd[0], &at, sizeof at), sizeof at);
    close(fd[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return at;
}

static void system_clock_and_its_seam(void **state)
{
    (void)state;
    int64_t plain = wall_under(NULL), shifted = wall_under("+1000000"),
            back = wall_under("-1000000");
    assert_in_range(plain, 1700000000, 4000000000);
#ifdef TAMGA_TEST
    assert_in_range(shifted - plain, 1000000, 1000100);
    assert_in_range(plain - back, 999900, 1000000);
#else
    assert_in_range(shifted - plain, 0, 100); /* a release does not listen */
    assert_in_range(back - plain, 0, 100);
#endif
    uint64_t a = tg_clock_mono_ms(tg_clock_system()), b = tg_clock_mono_ms(tg_clock_system());
    assert_true(b >= a && a > 0);
}

#define ON_LOOP(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual_clock_stands_until_told),
        cmocka_unit_test(system_clock_and_its_seam),
        ON_LOOP(deadline_fires_once_and_closes_later),
        ON_LOOP(stopped_or_closed_deadline_does_not_fire),
        ON_LOOP(work_runs_on_the_pool_and_is_done_on_the_loop),
        ON_LOOP(cancelled_work_is_done_once_and_later),
        ON_LOOP(repeat_never_piles_up),
        ON_LOOP(repeat_comes_again_by_itself),
        ON_LOOP(closing_repeat_waits_for_its_run),
        ON_LOOP(until_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
