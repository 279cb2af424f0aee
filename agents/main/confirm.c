/* tamga-agent confirm, status, install: talk to the running agent. */
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "agent/control.h"
#include "agent/identity.h"
#include "agent/spool.h"
#include "agent/state.h"
#include "agent/trust.h"
#include "agent/work.h"
#include "base/limits.h"
#include "main_in.h"

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static void print_details(const json_t *d)
{
    size_t i;
    const json_t *change;
    fprintf(stderr,
            "application %s\n  certificate of  %s %s\n  keystore        %s\n"
            "  ends            %s\n  new key         %s, for at most %lld days\n",
            text_of(d, "application"), text_of(d, "name"), text_of(d, "id"), text_of(d, "path"),
            text_of(d, "ends"), text_of(d, "algorithm"),
            (long long)json_integer_value(json_object_get(d, "days")));
    json_array_foreach(json_object_get(d, "changes"), i, change)
        fprintf(stderr, "  changes         %s: \"%s\" becomes \"%s\"\n",
                json_string_value(json_array_get(change, 0)),
                json_string_value(json_array_get(change, 1)),
                json_string_value(json_array_get(change, 2)));
    if (strcmp(text_of(d, "waits_for"), "password") == 0)
        fprintf(stderr, "  waits for the keystore's password\n");
}

static bool agrees(struct main_args *a)
{
    char line[16] = "";
    if (main_value(a, "--yes")) return true;
    if (a->json || !agent_terminal()) {
        (void)TG_FAIL(&a->err, TG_E_USAGE, "nobody is here to ask: give --yes when it is right");
        return false;
    }
    fprintf(stderr, "Is all of this right? [y/N] ");
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y')) return true;
    (void)TG_FAIL(&a->err, TG_E_DENIED, "not confirmed: nothing was signed");
    return false;
}

static int ask(struct main_args *a, json_t *request, const struct tg_secret *password, json_t **ret)
{
    int rc = agent_control_ask(a->dir, request, password, ret, &a->err);
    json_decref(request);
    return rc;
}

/* The number given, or the only one that waits. NULL with a->err, or after a list was shown. */
static const char *pick(struct main_args *a, json_t *list)
{
    const json_t *items = json_object_get(list, "items");
    size_t i;
    const json_t *one;
    if (a->words_count == 1) return a->words[0];
    if (json_array_size(items) == 1) return text_of(json_array_get(items, 0), "application");
    if (json_array_size(items) == 0) {
        (void)TG_FAIL(&a->err, TG_E_NOT_FOUND, "nothing waits for you");
        return NULL;
    }
    json_array_foreach(items, i, one) fprintf(stderr, "%s  %s  %s\n", text_of(one, "application"),
                                              text_of(one, "name"), text_of(one, "path"));
    (void)TG_FAIL(&a->err, TG_E_USAGE, "several wait: tamga-agent confirm NUMBER");
    return NULL;
}

static int get_password(struct main_args *a, const json_t *details, struct tg_secret *ret)
{
    const char *file = main_value(a, "--password-file");
    if (file) return tg_secret_read_file(file, ret, &a->err);
    if (!json_is_true(json_object_get(details, "needs_password"))) return 0;
    char prompt[256];
    (void)snprintf(prompt, sizeof prompt, "Password of %.200s: ", text_of(details, "path"));
    return tg_secret_prompt(prompt, ret, &a->err);
}

static enum main_exit confirm_one(struct main_args *a, const char *number)
{
    TG_AUTO(json) json_t *details = NULL;
    TG_AUTO(secret) struct tg_secret password = {0};
    json_t *outcome = NULL;
    if (ask(a, json_pack("{s:s,s:s}", "do", "details", "number", number), NULL, &details) < 0)
        return main_fail(a);
    print_details(details);
    if (!agrees(a) || get_password(a, details, &password) < 0) return main_fail(a);
    if (ask(a, json_pack("{s:s,s:s}", "do", "confirm", "number", number),
            password.data ? &password : NULL, &outcome) < 0)
        return main_fail(a);
    return main_show(a, outcome);
}

enum main_exit command_confirm(struct main_args *a)
{
    TG_AUTO(json) json_t *list = NULL;
    if (ask(a, json_pack("{s:s}", "do", "list"), NULL, &list) < 0) return main_fail(a);
    if (main_value(a, "--list")) {
        size_t i;
        const json_t *one;
        if (!a->json && json_array_size(json_object_get(list, "items")) == 0)
            printf("nothing waits for you\n");
        if (a->json)
            main_print_json(json_incref(list));
        else
            json_array_foreach(json_object_get(list, "items"), i, one)
                printf("%s  %s  %s  %s\n", text_of(one, "application"), text_of(one, "waits_for"),
                       text_of(one, "name"), text_of(one, "path"));
        return MAIN_DONE;
    }
    const char *number = pick(a, list);
    return number ? confirm_one(a, number) : main_fail(a);
}

enum main_exit command_status(struct main_args *a)
{
    json_t *status = NULL;
    if (ask(a, json_pack("{s:s}", "do", "status"), NULL, &status) < 0) return main_fail(a);
    size_t i;
    json_t *job, *jobs = json_incref(json_object_get(status, "jobs"));
    enum main_exit rc = main_show(a, status);
    if (!a->json)
        json_array_foreach(jobs, i, job)
            printf("job: %s %s %s %s %s\n", text_of(job, "what"), text_of(job, "application"),
                   text_of(job, "state"), text_of(job, "waits_for"), text_of(job, "path"));
    json_decref(jobs);
    return rc;
}

static int install_here(struct main_args *a, const struct tg_buf *bundle, json_t **ret)
{
    TG_AUTO(agent_config) struct agent_config *config = NULL;
    TG_AUTO(agent_identity) struct agent_identity *id = NULL;
    TG_AUTO(agent_trust) struct agent_trust *trust = NULL;
    TG_AUTO(agent_spool) struct agent_spool *spool = NULL;
    TG_TRY(agent_config_load(a->dir, &config, NULL, &a->err));
    TG_TRY(agent_identity_load(a->dir, &id, &a->err));
    TG_TRY(agent_trust_open(a->dir, id->realm, &trust, &a->err));
    TG_TRY(agent_spool_open(a->dir, &spool, &a->err));
    struct agent_work_opts o = {.dir = a->dir,
                                .config = config,
                                .identity = id,
                                .trust = trust,
                                .spool = spool};
    return agent_work_install(&o, bundle->data, bundle->len, ret, &a->err);
}

/* A running agent does it itself: two hands on one keystore are one too many. */
static int install_there(struct main_args *a, const struct tg_buf *bundle, json_t **ret)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(2 * TG_MAX_BUNDLE);
    tg_base64(&text, bundle->data, bundle->len);
    return ask(a, json_pack("{s:s,s:s}", "do", "install", "bundle", tg_buf_text(&text)), NULL, ret);
}

enum main_exit command_install(struct main_args *a)
{
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    json_t *outcome = NULL;
    const char *file = main_value(a, "--bundle");
    int lock = -1;
    if (!file) return main_usage(a, "--bundle FILE is missing");
    if (tg_file_read(file, &bundle, &a->err) < 0) return main_fail(a);
    int rc = agent_state_lock(a->dir, &lock, &a->err);
    if (rc == 0)
        rc = install_here(a, &bundle, &outcome);
    else if (rc == TG_E_BUSY)
        rc = install_there(a, &bundle, &outcome);
    return rc < 0 ? main_fail(a) : main_show(a, outcome);
}
