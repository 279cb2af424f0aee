/* pipe: one life of the issuing process: the child, the pipe to it, and what is written but not yet
 * taken. Knows frames, not what they mean. Callbacks on the loop's thread; `ended` comes last, and
 * then the pipe is gone. */
#pragma once

#include "base/buf.h"
#include "frame.h"
#include "loop/loop.h"

struct ca_pipe;

struct ca_pipe_config {
    struct tg_loop *loop;
    const char *self_exe, *dir, *organization;
    void (*on_frame)(struct ca_frame *f, void *data);
    void (*on_ended)(void *data);
    void *data;
};

/* Starts the process; < 0: nothing was started and on_ended never comes. */
int ca_pipe_start(const struct ca_pipe_config *config, struct ca_pipe **ret,
                  struct tg_err *err) TG_MUST_CHECK;
/* Before the loop runs: waits until one frame came, and gives it to on_frame. */
int ca_pipe_wait(struct ca_pipe *p, int wait_ms, struct tg_err *err) TG_MUST_CHECK;
/* Append frames here, then flush. */
struct tg_buf *ca_pipe_out(struct ca_pipe *p);
void ca_pipe_flush(struct ca_pipe *p);
void ca_pipe_end(
    struct ca_pipe *p); /* closes; the process ends by itself, or is killed after 5 s */
void ca_pipe_kill(struct ca_pipe *p); /* at once */
int ca_pipe_pid(const struct ca_pipe *p);
