/* work: turns a message of the server into jobs, and their answers into reports. Everything that
 * was asked is a file in DIR/jobs until its report is in the spool, so a crash at any point only
 * does it again, and doing it again gives the same answer. Runs at most `limits.jobs` children, one
 * a keystore. Never opens a keystore itself. Thread: the loop's. */
#pragma once

#include <stdint.h>

#include "agent/config.h"
#include "agent/control.h"
#include "agent/identity.h"
#include "agent/link.h"
#include "agent/spool.h"
#include "agent/trust.h"
#include "loop/loop.h"

struct agent_work;

struct agent_work_opts {
    struct tg_loop *loop;
    const char *dir;
    const struct agent_config *config;
    const struct agent_identity *identity;
    struct agent_trust *trust;
    struct agent_spool *spool;
};

/* Reads what an earlier process left in DIR/jobs. */
int agent_work_new(const struct agent_work_opts *opts, struct agent_work **ret,
                   struct tg_err *err) TG_MUST_CHECK;
void agent_work_start(struct agent_work *w, struct agent_link *link);
/* Before the link is closed: what comes out from now on waits in the spool. */
void agent_work_unlink(struct agent_work *w);
/* Of agent/link.h. */
int agent_work_event(const struct tg_wire_message *m, void *work, struct tg_err *err) TG_MUST_CHECK;
void agent_work_live(void *work);
/* Of agent/control.h: {"do": status | list | details | confirm | install, "number" or "bundle"}. */
void agent_work_request(struct agent_control_call *call, const json_t *request,
                        const struct tg_secret *password, uid_t uid, void *work);
/* Installs end by themselves, other jobs are stopped (they come again); then done (may be NULL). */
void agent_work_close(struct agent_work *w, void (*done)(void *data), void *data);

/* `install --bundle` without a daemon: the same record, checks and report. Blocks. *ret gets
 * {"application","certificate","verified","again","after":[]}; yours. */
int agent_work_install(const struct agent_work_opts *opts, const void *bundle, size_t len,
                       json_t **ret, struct tg_err *err) TG_MUST_CHECK;
