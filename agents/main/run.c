/* tamga-agent run: the parts of the daemon, put together and taken apart. */
#include <stdio.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/control.h"
#include "agent/identity.h"
#include "agent/link.h"
#include "agent/spool.h"
#include "agent/state.h"
#include "agent/trust.h"
#include "agent/work.h"
#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"
#include "main_in.h"
#include "net/client.h"

struct daemon {
    struct tg_loop loop;
    struct agent_config *config;
    struct agent_identity *identity;
    struct agent_trust *trust;
    struct agent_spool *spool;
    struct agent_work *work;
    struct agent_link *link;
    struct agent_control *control;
    struct tg_deadline trim; /* once, when the first connection has settled */
    struct tg_stop_hook control_stop, link_stop, work_stop;
};

enum { SETTLE_MS = 2000 };

static void on_settled(struct tg_deadline *d, void *data)
{
    (void)d;
    (void)data;
    agent_trim();
}

static void on_live(void *data)
{
    struct daemon *d = data;
    agent_work_live(d->work);
    tg_deadline_start(&d->trim, SETTLE_MS, on_settled);
}

static int on_event(const struct tg_wire_message *m, void *data, struct tg_err *err)
{
    struct daemon *d = data;
    return agent_work_event(m, d->work, err);
}

static void on_request(struct agent_control_call *call, const json_t *request,
                       const struct tg_secret *password, uid_t uid, void *data)
{
    struct daemon *d = data;
    agent_work_request(call, request, password, uid, d->work);
}

static void hook_done(void *data)
{
    tg_stop_hook_done(data);
}

/* Nobody asks any more, then nobody tells, then what runs may end. */
static void stop_control(struct tg_stop_hook *hook, void *data)
{
    struct daemon *d = data;
    agent_control_close(d->control, hook_done, hook);
}

static void stop_link(struct tg_stop_hook *hook, void *data)
{
    struct daemon *d = data;
    tg_deadline_close(&d->trim, NULL);
    agent_work_unlink(d->work);
    agent_link_close(d->link, hook_done, hook);
}

static void stop_work(struct tg_stop_hook *hook, void *data)
{
    struct daemon *d = data;
    agent_work_close(d->work, hook_done, hook);
}

static int load(struct daemon *d, const char *dir, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf complaints = TG_BUF(TG_MAX_YAML);
    int rc = agent_config_load(dir, &d->config, &complaints, err);
    if (complaints.len) fputs(tg_buf_text(&complaints), stderr);
    TG_TRY(rc);
    TG_TRY(agent_identity_load(dir, &d->identity, err));
    TG_TRY(agent_trust_open(dir, d->identity->realm, &d->trust, err));
    if (agent_trust_version(d->trust) == 0)
        return TG_FAIL(err, TG_E_NO_TRUST, "%s: no trust is kept here; enroll again", dir);
    return agent_spool_open(dir, &d->spool, err);
}

static int assemble(struct daemon *d, const char *dir, struct tg_err *err)
{
    struct agent_work_opts work = {.loop = &d->loop,
                                   .dir = dir,
                                   .config = d->config,
                                   .identity = d->identity,
                                   .trust = d->trust,
                                   .spool = d->spool};
    struct agent_link_opts link = {.loop = &d->loop,
                                   .dir = dir,
                                   .server =
                                       d->config->server ? d->config->server : d->identity->server,
                                   .identity = d->identity,
                                   .trust = d->trust,
                                   .spool = d->spool,
                                   .on_event = on_event,
                                   .on_live = on_live,
                                   .data = d};
    struct agent_control_opts control = {.loop = &d->loop,
                                         .dir = dir,
                                         .on_request = on_request,
                                         .data = d};
    TG_TRY(tg_loop_signals(&d->loop, NULL, NULL, err));
    TG_TRY(agent_control_open(&control, &d->control, err));
    tg_loop_on_stop(&d->loop, &d->control_stop, "control", stop_control, d);
    TG_TRY(agent_work_new(&work, &d->work, err));
    TG_TRY(agent_link_new(&link, &d->link, err));
    tg_deadline_init(&d->trim, &d->loop, d);
    tg_loop_on_stop(&d->loop, &d->link_stop, "link", stop_link, d);
    tg_loop_on_stop(&d->loop, &d->work_stop, "jobs", stop_work, d);
    return 0;
}

static void start(struct daemon *d)
{
    if (geteuid() != 0)
        tg_log(TG_LOG_INFO, "agent", "not-root", "note=%s",
               tg_q("acts only for the keystores of its own user"));
    tg_log(TG_LOG_INFO, "agent", "start", "host=%s agent=%s trust=%u unsent=%zu", d->identity->host,
           d->identity->agent, agent_trust_version(d->trust), agent_spool_count(d->spool));
    agent_work_start(d->work, d->link);
    agent_link_start(d->link);
    agent_trim();
}

enum main_exit command_run(struct main_args *a)
{
    static struct daemon d;
    int lock = -1;
    agent_frugal();
    tg_client_frugal();
    int rc = agent_state_make(a->dir, &a->err);
    if (rc == 0) rc = agent_state_lock(a->dir, &lock, &a->err);
    if (rc == 0) rc = load(&d, a->dir, &a->err);
    if (rc == 0) rc = tg_loop_init(&d.loop, NULL, &a->err);
    if (rc < 0) return main_fail(a);
    rc = assemble(&d, a->dir, &a->err);
    if (rc < 0) return main_fail(a); /* nothing was begun: the process's end is the clean-up */
    start(&d);
    tg_loop_run(&d.loop);
    const char *late = tg_loop_late(&d.loop);
    tg_loop_done(&d.loop);
    tg_log(TG_LOG_INFO, "agent", "stop", "late=%s", late ? late : "-");
    agent_spool_free(d.spool);
    agent_trust_free(d.trust);
    agent_identity_free(d.identity);
    agent_config_free(d.config);
    close(lock);
    return MAIN_DONE;
}
