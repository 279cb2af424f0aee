/* loop: the libuv loop of a program, its clock, deadlines, pool work, repeating jobs, and one way
 * to stop. Never blocks. Callers embed these structs; a struct lives until its close or done
 * callback has run. Every callback fires on the loop's thread, later, never from inside start,
 * stop, cancel or close. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "loop/clock.h"

struct tg_loop;

/* stop: SIGTERM, SIGINT or tg_loop_stop() start the drain. Hooks are called one after the other, in
 * the order in which they were added: the next when the one before called tg_stop_hook_done(),
 * which it may do at once or later. When all are done, or the drain deadline passes, whatever
 * handle is still open is closed (an on_close that its owner asks for only afterwards does not
 * come) and tg_loop_run() returns. A second SIGTERM or SIGINT ends the drain at once. */
struct tg_stop_hook;
typedef void (*tg_stop_fn)(struct tg_stop_hook *hook, void *data);
struct tg_stop_hook {
    struct tg_list node;
    struct tg_loop *loop;
    const char *what; /* "listener", for the log of who did not end in time */
    tg_stop_fn fn;
    void *data;
    bool called;
};
typedef void (*tg_loop_signal_fn)(int signum, void *data);

struct tg_loop {
    uv_loop_t uv;
    const struct tg_clock *clock;
    /* the rest is the loop's own */
    uv_signal_t sigterm, sigint, sighup;
    uv_async_t wake;
    uv_timer_t drain;
    struct tg_list hooks;
    tg_loop_signal_fn on_hup;
    void *hup_data;
    uint64_t drain_ms;
    _Atomic bool stop_asked;
    bool stopping, swept;
    const char *late;
};

enum { TG_LOOP_DRAIN_MS = 10 * 1000 };

/* clock NULL = the system's. Ignores SIGPIPE. TG_E_IO if the kernel refuses. */
int tg_loop_init(struct tg_loop *l, const struct tg_clock *clock, struct tg_err *err) TG_MUST_CHECK;
/* Take SIGTERM, SIGINT and SIGHUP. on_hup may be NULL (SIGHUP is then ignored). Once a process. */
int tg_loop_signals(struct tg_loop *l, tg_loop_signal_fn on_hup, void *data,
                    struct tg_err *err) TG_MUST_CHECK;
void tg_loop_set_drain(struct tg_loop *l,
                       uint64_t drain_ms); /* before the stop; default TG_LOOP_DRAIN_MS */
/* what is static. The hook leaves the list by tg_stop_hook_del(), or stays until the end. */
void tg_loop_on_stop(struct tg_loop *l, struct tg_stop_hook *hook, const char *what, tg_stop_fn fn,
                     void *data);
void tg_stop_hook_done(struct tg_stop_hook *hook); /* exactly once, only after fn was called */
void tg_stop_hook_del(struct tg_stop_hook *hook);  /* before the stop, or counts as done */

void tg_loop_run(struct tg_loop *l);  /* until stopped and every handle closed */
void tg_loop_stop(struct tg_loop *l); /* any thread; any number of times */
bool tg_loop_stopping(const struct tg_loop *l);
const char *tg_loop_late(
    const struct tg_loop *l); /* after the run: the hook that did not end in time, or NULL */
/* Aborts if a handle is still open. After tg_loop_run(), or instead of it (closes what init
 * opened). */
void tg_loop_done(struct tg_loop *l);
int64_t tg_loop_wall(const struct tg_loop *l);
uint64_t tg_loop_mono_ms(const struct tg_loop *l);

/* until: for tests and start-up: turns the loop until the predicate holds; false after timeout_ms
 * of real time. */
typedef bool (*tg_loop_until_fn)(void *data);
bool tg_loop_until(struct tg_loop *l, tg_loop_until_fn fn, void *data, uint64_t timeout_ms);

/* deadline: one timer. start again moves it. */
struct tg_deadline;
typedef void (*tg_deadline_fn)(struct tg_deadline *d, void *data);
struct tg_deadline {
    uv_timer_t timer;
    tg_deadline_fn fn, on_close;
    void *data;
    bool open;
};
void tg_deadline_init(struct tg_deadline *d, struct tg_loop *l, void *data);
void tg_deadline_start(struct tg_deadline *d, uint64_t wait_ms, tg_deadline_fn fn);
void tg_deadline_stop(struct tg_deadline *d);
bool tg_deadline_active(const struct tg_deadline *d);
/* on_close may be NULL. The memory is free only after it. Closing twice is a broken contract. */
void tg_deadline_close(struct tg_deadline *d, tg_deadline_fn on_close);

/* work: fn on a pool thread, then done on the loop: 0, or TG_E_CANCELLED if it never ran. */
struct tg_work;
typedef void (*tg_work_fn)(void *data);
typedef void (*tg_work_done_fn)(void *data, int status);
struct tg_work {
    uv_work_t req;
    struct tg_loop *loop;
    tg_work_fn fn;
    tg_work_done_fn done;
    void *data;
    bool busy;
};
/* < 0: never calls back. data belongs to fn until done; fn touches nothing of the loop. */
int tg_work_start(struct tg_work *w, struct tg_loop *l, tg_work_fn fn, tg_work_done_fn done,
                  void *data, struct tg_err *err) TG_MUST_CHECK;
/* Succeeds only before a thread took it; done is called in any case, once. */
void tg_work_cancel(struct tg_work *w);
bool tg_work_busy(const struct tg_work *w);

/* repeat: a job every so often that never piles up: the pause begins when the last run has
 * finished. */
struct tg_repeat;
typedef void (*tg_repeat_fn)(struct tg_repeat *r,
                             void *data); /* calls tg_repeat_finish(r), now or later */
struct tg_repeat {
    struct tg_deadline timer;
    uint64_t pause_ms;
    tg_repeat_fn fn, on_close;
    void *data;
    bool running, again, closing;
};
void tg_repeat_init(struct tg_repeat *r, struct tg_loop *l, uint64_t pause_ms, tg_repeat_fn fn,
                    void *data);
void tg_repeat_start(struct tg_repeat *r, uint64_t first_ms);
void tg_repeat_now(struct tg_repeat *r);    /* soon; while it runs: once more right after */
void tg_repeat_finish(struct tg_repeat *r); /* exactly once per call of fn */
/* Waits for a run that is on. on_close may be NULL. */
void tg_repeat_close(struct tg_repeat *r, tg_repeat_fn on_close);
