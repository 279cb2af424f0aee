/* tamgad: the command line, then the loop until it is told to stop. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "ca/issuer.h"
#include "config/yaml.h"

enum { DONE = 0, FAILED = 1, USAGE = 2 };

static const char help[] =
    "tamgad: the orchestrator of tamga.\n"
    "usage: tamgad --state DIR  [--listen HOST:PORT] [--agent-listen HOST:PORT] [--ready-fd N]\n"
    "       tamgad --config FILE [the same]\n"
    "       tamgad backup DIR  --state DIR | --config FILE    copy database, keys and settings to "
    "a new folder\n"
    "       tamgad restore DIR --state DIR | --config FILE    bring a backup back into an empty "
    "state folder\n"
    "       tamgad --version | --help\n"
    "\n"
    "  --state DIR     everything lives below DIR: a private PostgreSQL, the embedded CA, TLS "
    "keys, policies\n"
    "  --config FILE   tamga.yaml: version, organization, state, database, listen, policies, "
    "connectors, clients, log\n"
    "  --listen, --agent-listen   addresses of the API and of the agents' door; port 0: any free "
    "one\n"
    "  --ready-fd N    one JSON line there once everything listens: "
    "{\"api\":PORT,\"agent\":PORT,\"sock\":PATH}\n"
    "\n"
    "SIGTERM stops cleanly (exit 0), SIGHUP reads the policies again. Logs go to standard error.\n";

struct line {
    struct settings_args args;
    const char *verb, *dir;
};

static int take_value(char **argv, int *i, const char *name, const char **ret)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return 0;
    if (argv[*i][len] == '=') {
        *ret = argv[*i] + len + 1;
        return 1;
    }
    if (argv[*i][len] != '\0') return 0;
    if (!argv[*i + 1]) return -1;
    *ret = argv[++*i];
    return 1;
}

static int parse(int argc, char **argv, struct line *line)
{
    const char *ready = NULL;
    uint64_t fd = 0;
    line->args.ready_fd = -1;
    for (int i = 1; i < argc; i++) {
        int taken = take_value(argv, &i, "--config", &line->args.config);
        if (taken == 0) taken = take_value(argv, &i, "--state", &line->args.state);
        if (taken == 0) taken = take_value(argv, &i, "--listen", &line->args.listen);
        if (taken == 0) taken = take_value(argv, &i, "--agent-listen", &line->args.agent_listen);
        if (taken == 0) taken = take_value(argv, &i, "--ready-fd", &ready);
        if (taken > 0) continue;
        if (taken < 0 || argv[i][0] == '-') {
            fprintf(stderr, "tamgad: %s: unknown option, or its value is missing; see --help\n",
                    argv[i]);
            return -1;
        }
        if (!line->verb)
            line->verb = argv[i];
        else if (!line->dir)
            line->dir = argv[i];
        else
            return -1;
    }
    if (ready && !tg_parse_u64(ready, strlen(ready), 1 << 20, &fd)) return -1;
    if (ready) line->args.ready_fd = (int)fd;
    return 0;
}

static void tell_ready(const struct app *app)
{
    if (app->settings.ready_fd < 0) return;
    dprintf(app->settings.ready_fd, "{\"api\":%u,\"agent\":%u,\"sock\":\"%s/api.sock\"}\n",
            app->api_port, app->agent_port, app->settings.state);
    close(app->settings.ready_fd);
}

static int fail(const struct tg_err *err)
{
    fprintf(stderr, "tamgad: %s\n", err->text);
    return err->code == TG_E_USAGE ? USAGE : FAILED;
}

static int serve(struct app *app, struct tg_err *err)
{
    if (tg_loop_init(&app->loop, NULL, err) < 0) return fail(err);
    int rc = tg_loop_signals(&app->loop, app_on_hup, app, err);
    if (rc == 0) rc = app_start(app, err);
    if (rc == 0)
        tell_ready(app);
    else
        tg_loop_stop(&app->loop); /* what has started still stops in order */
    tg_loop_run(&app->loop);
    const char *late = tg_loop_late(&app->loop);
    if (late) tg_log(TG_LOG_WARN, "app", "late", "room=%s", late);
    tg_loop_done(&app->loop);
    if (app->cluster) cluster_stop(app->cluster);
    tg_log(TG_LOG_INFO, "app", "stopped", "clean=%s", late ? "no" : "yes");
    if (rc < 0) return fail(err);
    return late ? FAILED : DONE;
}

/* Every error of the file at once; `fail` repeats the first. */
static void print_complaints(const struct settings *s)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(1 << 20);
    if (!s->yaml || tg_yaml_errors(s->yaml) < 2) return;
    tg_yaml_print(s->yaml, &text);
    fputs(tg_buf_text(&text), stderr);
}

static int run(struct app *app, const struct line *line)
{
    struct tg_err err = {0};
    if (settings_load(&line->args, &app->settings, &err) < 0) {
        print_complaints(&app->settings);
        return fail(&err);
    }
    tg_log_setup((enum tg_log_level)app->settings.log_level,
                 (enum tg_log_format)app->settings.log_format, tg_clock_log);
    int rc = 0;
    if (line->verb && strcmp(line->verb, "restore") == 0)
        rc = app_restore(app, line->dir, &err);
    else if (line->verb)
        rc = app_backup(app, line->dir, &err);
    else
        return serve(app, &err);
    return rc < 0 ? fail(&err) : DONE;
}

int main(int argc, char **argv)
{
    static struct app app; /* large, zeroed */
    struct line line = {0};
    app.lock_fd = -1;
    signal(SIGPIPE, SIG_IGN);
    tg_secret_no_core();
    if (argc > 1 && strcmp(argv[1], "--issuer") == 0) return ca_issuer_main(argc, argv);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help") == 0)) {
        printf("%s", argv[1][2] == 'v' ? "tamgad " TAMGA_VERSION "\n" : help);
        return DONE;
    }
    bool keeps = false;
    if (parse(argc, argv, &line) == 0 && line.verb)
        keeps = line.dir && (strcmp(line.verb, "backup") == 0 || strcmp(line.verb, "restore") == 0);
    else if (!line.verb && (line.args.config || line.args.state))
        keeps = true;
    if (!keeps) {
        fprintf(stderr, "%s", help);
        return USAGE;
    }
    int code = run(&app, &line);
    settings_done(&app.settings);
    return code;
}
