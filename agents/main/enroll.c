/* tamga-agent enroll */
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "agent/enroll.h"
#include "agent/state.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/times.h"
#include "main_in.h"

enum { WAIT_MS = 24 * 3600 * 1000 };

static void on_pending(const char *agent, void *data)
{
    (void)data;
    fprintf(stderr,
            "tamga-agent: waiting to be accepted: tamga agents accept %.8s (Ctrl-C is fine: `run` "
            "goes on waiting)\n",
            agent);
}

static int take_token(struct main_args *a, struct tg_secret *ret)
{
    const char *token = main_value(a, "--token"), *file = main_value(a, "--token-file");
    if ((token != NULL) == (file != NULL))
        return TG_FAIL(&a->err, TG_E_USAGE, "one of --token and --token-file is expected");
    if (file) return tg_secret_read_file(file, ret, &a->err);
    tg_secret_set(ret, token, strlen(token));
    /* The token is spent in a moment; until then it need not stand in the process list. */
    tg_wipe((char *)(uintptr_t)token, strlen(token));
    return 0;
}

static json_t *outcome(const struct agent_identity *id)
{
    char ends[TG_TIME] = "";
    if (id->until) tg_time_print(id->until, ends);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?}", "agent", id->agent, "host", id->host, "server",
                     id->server, "realm", id->realm, "status", id->pending ? "pending" : "active",
                     "certificate_ends", ends[0] ? ends : NULL);
}

enum main_exit command_enroll(struct main_args *a)
{
    char host[64];
    TG_AUTO(agent_config) struct agent_config *config = NULL;
    TG_AUTO(agent_identity) struct agent_identity *id = NULL;
    TG_AUTO(secret) struct tg_secret token = {0};
    const char *server = main_value(a, "--server"), *given = main_value(a, "--host");
    int lock = -1;
    agent_host_name(host);
    if (agent_config_load(a->dir, &config, NULL, &a->err) < 0) return main_fail(a);
    if (!server) server = config->server;
    if (!server) return main_usage(a, "--server URL is missing");
    if (take_token(a, &token) < 0) return main_fail(a);
    struct agent_enroll e = {.dir = a->dir,
                             .server = server,
                             .host = given ? given : host,
                             .token = token.data,
                             .wait_ms = main_value(a, "--no-wait") ? 0 : WAIT_MS,
                             .clock = tg_clock_system(),
                             .on_pending = on_pending};
    int rc = agent_state_make(a->dir, &a->err);
    if (rc == 0) rc = agent_state_lock(a->dir, &lock, &a->err);
    if (rc == 0) rc = agent_enroll(&e, &id, &a->err);
    return rc < 0 ? main_fail(a) : main_show(a, outcome(id));
}
