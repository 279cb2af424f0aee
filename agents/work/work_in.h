/* work_in: what the files of this room share. */
#pragma once

#include "agent/job.h"
#include "agent/pending.h"
#include "agent/state.h"
#include "agent/work.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "wire/wire.h"

enum task_state { TASK_READY, TASK_RUNNING, TASK_WAITS };

struct task {
    struct tg_list node;
    struct agent_work *work;
    int64_t slot; /* number of its file in DIR/jobs */
    int64_t id;   /* of the server's job; 0: an offline bundle */
    enum tg_wire_type type;
    char number[TG_NUMBER];
    char *path; /* the keystore; NULL: not known, or none */
    enum task_state state;
    const char *waits_for; /* static */
    bool cancelled;        /* ends without a report */
    struct agent_job *job;
    struct agent_control_call *caller; /* who waits for the outcome */
    /* while it runs */
    struct tg_wire_message *m;
    struct agent_pending *record;
    json_t *results; /* of after-install commands */
    bool as_root;    /* which of them come next */
};

struct scanning {
    bool running, again, complete;
    int64_t at, id;
    struct agent_roots roots;
    size_t next;
    struct tg_buf part; /* keystores of a part, without brackets */
    struct agent_job *job;
    struct tg_list tasks; /* scan jobs that this run answers */
};

struct agent_work {
    struct agent_work_opts o;
    char *dir;
    struct agent_link *link; /* NULL: offline */
    struct tg_list tasks;
    struct scanning scan;
    struct tg_deadline timer; /* next scan */
    struct tg_deadline retry; /* a full disk, a busy machine */
    struct tg_list sides;
    unsigned running; /* children of tasks */
    int64_t next_scan, last_scan, offline_slot;
    bool scanned, resting, closing, timers_closed;
    unsigned open;
    void (*done)(void *data);
    void *done_data;
};

/* A job beside the queue: a look at a keystore for somebody who confirms, a clean-up. */
struct side;
typedef void (*side_fn)(struct side *side, const json_t *answer, const struct tg_err *err);
struct side {
    struct tg_list node;
    struct agent_work *work;
    struct agent_job *job;
    side_fn fn;
    struct agent_control_call *call; /* who waits */
    int64_t slot;                    /* what it is about */
    struct tg_secret password;
};

/* work.c */
void work_soon(struct agent_work *w); /* run what is ready */
void work_rest(struct agent_work *w); /* the disk or the machine cannot now: in a minute */
int side_start(struct agent_work *w, const struct agent_job_spec *spec, side_fn fn,
               struct side **ret, struct tg_err *err) TG_MUST_CHECK;
struct task *work_find(struct agent_work *w, int64_t slot);
void work_ended(struct agent_work *w);
int64_t work_now(const struct agent_work *w);
int work_add(struct agent_work *w, const struct tg_wire_message *m, int64_t slot, struct task **ret,
             struct tg_err *err) TG_MUST_CHECK;
void work_cancel_number(struct agent_work *w, const char *number, const struct task *but);

/* task.c */
int task_load(struct task *t, struct tg_err *err) TG_MUST_CHECK; /* t->m */
void task_run(struct task *t);
/* Ends a run: report `failed`, wait for somebody, be done, or (disk, stop) come again. */
void task_fail(struct task *t, const struct tg_err *err);
void task_wait(struct task *t, const char *waits_for, const char *text);
void task_done(struct task *t, json_t *outcome); /* outcome: for the caller; taken */
void task_again(struct task *t);
void task_free(struct task *t);
/* A job of this task; `done` must call task_job_ended() first. */
int task_job(struct task *t, const struct agent_job_spec *spec, agent_job_done_fn done,
             struct tg_err *err) TG_MUST_CHECK;
/* true: the task is over (cancelled, or the agent stops). */
bool task_job_ended(struct task *t, const struct tg_err *err);
void task_report(struct task *t, enum tg_wire_type type, const void *body, json_t *outcome);

/* prepare_task.c, install_task.c, scan_task.c */
void prepare_run(struct task *t);
void install_run(struct task *t);
void retire_run(struct task *t);
void scan_run(struct task *t);
void scan_begin(struct agent_work *w);
void scan_schedule(struct agent_work *w);
void scan_done(struct scanning *s);
void scan_timer(struct tg_deadline *d, void *data);
json_t *install_request(const struct agent_work_opts *o, const struct agent_pending *record,
                        const void *bundle, size_t len);
int install_record(const char *dir, const char *number, struct agent_pending **ret,
                   struct tg_err *err) TG_MUST_CHECK;
/* Commands for this keystore that run as root, or as its owner: request of the `after` job; NULL:
 * none. */
json_t *after_request(const struct agent_config *c, const char *path, bool as_root,
                      unsigned *ret_wait_ms);
int installed_report(struct agent_spool *spool, int64_t id, const char *number,
                     const char *certificate, const json_t *results,
                     struct tg_err *err) TG_MUST_CHECK;
int bundle_number(const void *bytes, size_t len, char ret[TG_NUMBER],
                  struct tg_err *err) TG_MUST_CHECK;
json_t *work_base64(const void *bytes, size_t len);
int work_unbase64(const json_t *answer, const char *field, struct tg_buf *ret,
                  struct tg_err *err) TG_MUST_CHECK;
