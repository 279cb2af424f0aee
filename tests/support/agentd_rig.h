/* agentd_rig: the tamga-agent program as a test sees it: a workstation of agent_world, a scripted
 * server, commands, and the daemon. For cmocka programs only; TAMGA_AGENT names the program. */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/pending.h"
#include "agent_server/agent_server.h"
#include "agent_world/agent_world.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "loop/clock.h"
#include "seal/recall.h"
#include "temp_dir.h"

enum { PATIENCE_MS = 20 * 1000, ARGS = 12 };

struct rig {
    struct agent_world world;
    struct agent_server server;
    char dir[64], state[96], token[160], passwords[96], out[96];
    pid_t daemon;
    struct tg_err err;
};

static struct rig *rig;

static inline pid_t spawn(const char *const *words)
{
    const char *argv[ARGS + 4] = {TAMGA_AGENT};
    size_t n = 1;
    for (; words[n - 1]; n++)
        argv[n] = words[n - 1];
    argv[n++] = "--state";
    argv[n++] = rig->state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no process outlives its test */
        int out = open(rig->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(99);
        if (!getenv("AGENTD_TEST_LOUD") && dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
            _exit(99);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(98);
    }
    return pid;
}

static inline int wait_exit(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define RUN(...) wait_exit(spawn((const char *const[]){__VA_ARGS__, NULL}))

/* What the last command printed with --json. */
static inline json_t *printed(void)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    json_t *o = NULL;
    assert_int_equal(tg_file_read(rig->out, &text, &rig->err), 0);
    if (tg_json_parse_object(text.data, text.len, TG_MAX_MESSAGE, &o, &rig->err) < 0)
        fail_msg("%s: %s", rig->err.text, tg_buf_text(&text));
    return o;
}

static inline void write_file(const char *path, const char *text)
{
    assert_int_equal(tg_file_replace(path, text, strlen(text), 0600, &rig->err), 0);
}

static inline void write_yaml(bool knows_password)
{
    char path[128], text[1024], rule[256] = "";
    (void)snprintf(path, sizeof path, "%s/agent.yaml", rig->state);
    if (knows_password)
        (void)snprintf(rule, sizeof rule, "passwords: [{ match: \"%s/*\", file: %s }]\n",
                       rig->world.dir, rig->passwords);
    (void)snprintf(text, sizeof text,
                   "scan: [%s]\n%s"
                   "after-install: [{ run: [/usr/bin/touch, %s/after] }]\n",
                   rig->world.dir, rule, rig->world.dir);
    write_file(path, text);
}

static inline void start_daemon(void)
{
    int streams = rig->server.streams;
    rig->daemon = spawn((const char *const[]){"run", NULL});
    if (!agent_server_wait_streams(&rig->server, streams + 1)) fail_msg("it never came");
}

static inline void stop_daemon(void)
{
    assert_int_equal(kill(rig->daemon, SIGTERM), 0);
    assert_int_equal(wait_exit(rig->daemon), 0);
    rig->daemon = 0;
}

static inline void kill_daemon(void)
{
    assert_int_equal(kill(rig->daemon, SIGKILL), 0);
    assert_int_equal(wait_exit(rig->daemon), 128 + SIGKILL);
    rig->daemon = 0;
}

static inline void begin(enum agent_world_kind kind, bool knows_password)
{
    rig = TG_NEW(struct rig);
    agent_world_init(&rig->world, kind, NULL);
    temp_dir(rig->dir);
    (void)snprintf(rig->state, sizeof rig->state, "%s/state", rig->dir);
    (void)snprintf(rig->passwords, sizeof rig->passwords, "%s/password", rig->dir);
    (void)snprintf(rig->out, sizeof rig->out, "%s/out", rig->dir);
    (void)snprintf(rig->token, sizeof rig->token, "tamga1.AB12.%032d.%s", 7,
                   tg_trust_chain_realm(rig->world.seal.chain));
    if (agent_world_password(&rig->world))
        write_file(rig->passwords, agent_world_password(&rig->world));
    rig->server.script.token = rig->token;
    rig->server.script.agent = rig->world.seal.apps[0].leaf.agent;
    agent_server_start(&rig->server, &rig->world.seal, 0);
    assert_int_equal(RUN("enroll", "--server", rig->server.url, "--token", rig->token, "--host",
                         rig->world.seal.apps[0].leaf.host, "--json"),
                     0);
    write_yaml(knows_password);
    start_daemon();
}

static inline void end(void)
{
    if (rig->daemon) stop_daemon();
    agent_server_stop(&rig->server);
    agent_server_forget(&rig->server);
    agent_world_done(&rig->world);
    temp_dir_remove(rig->dir);
    free(rig);
}

static inline struct tg_wire_message *report(enum tg_wire_type type, size_t nth)
{
    struct tg_wire_message *m = agent_server_report(&rig->server, type, nth);
    if (m) return m;
    m = agent_server_count(&rig->server, TG_WIRE_FAILED) > 0
            ? agent_server_report(&rig->server, TG_WIRE_FAILED, 1)
            : NULL;
    fail_msg("no %s came%s%s", tg_wire_word(type), m ? "; failed: " : "",
             m ? ((const struct tg_wire_failed *)m->body)->text : "");
    abort(); /* never here: fail_msg() jumps */
}

static inline void push_prepare(int64_t id, const char *confirm, const char *path)
{
    TG_AUTO(buf) struct tg_buf app = TG_BUF(TG_MAX_LEAF);
    char number[TG_NUMBER], word[16], algorithm[16], where[96];
    assert_int_equal(tg_json_base64(rig->world.prepare, "app", &app, &rig->err), 0);
    (void)tg_copy(number, sizeof number, rig->world.seal.apps[0].leaf.no);
    (void)tg_copy(word, sizeof word, confirm);
    (void)tg_copy(algorithm, sizeof algorithm, "ec-p256");
    (void)tg_copy(where, sizeof where, path ? path : rig->world.path);
    struct tg_wire_prepare body = {.application = number,
                                   .path = where,
                                   .confirm = word,
                                   .algorithm = algorithm,
                                   .app = {app.data, app.len},
                                   .deadline = rig->world.seal.now + 3600};
    agent_server_push(&rig->server, TG_WIRE_PREPARE, id, &body);
}

static inline void refill(struct tg_buf *b, size_t max, const struct tg_wire_blob *from)
{
    tg_buf_done(b);
    tg_buf_init(b, max);
    tg_buf_add(b, from->data, from->len);
}

/* What the agent signed goes before the approver, and to the CA. */
static inline void approve(size_t nth)
{
    struct tg_wire_message *m = report(TG_WIRE_PREPARED, nth);
    const struct tg_wire_prepared *p = tg_wire_body(m, TG_WIRE_PREPARED);
    struct seal_app *a = &rig->world.seal.apps[0];
    agent_server_lock(&rig->server);
    refill(&a->app, TG_MAX_LEAF, &p->app);
    refill(&a->csr, TG_MAX_CSR, &p->csr);
    refill(&a->holder, TG_MAX_CMS, &p->cms);
    assert_int_equal(tg_app_parse(a->app.data, a->app.len, TG_APP_FULL, &a->leaf, &rig->err), 0);
    agent_world_approve(&rig->world);
    agent_server_unlock(&rig->server);
    tg_wire_free(m);
}

static inline void push_install(int64_t id)
{
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    char number[TG_NUMBER];
    seal_world_bundle(&rig->world.seal, 0, &bundle);
    (void)tg_copy(number, sizeof number, rig->world.seal.apps[0].leaf.no);
    struct tg_wire_install body = {.application = number, .bundle = {bundle.data, bundle.len}};
    agent_server_push(&rig->server, TG_WIRE_INSTALL, id, &body);
}

static inline void certificate_hex(char ret[TG_HEX256])
{
    tg_hex(tg_cert_facts(rig->world.seal.apps[0].cert)->sha256, TG_SHA256, ret);
}

static inline void is_installed(size_t nth, int64_t id)
{
    char hex[TG_HEX256], path[128];
    struct tg_wire_message *m = report(TG_WIRE_INSTALLED, nth);
    const struct tg_wire_installed *i = tg_wire_body(m, TG_WIRE_INSTALLED);
    const struct tg_wire_command_result *after = i->after.items;
    struct stat st;
    certificate_hex(hex);
    assert_string_equal(i->certificate, hex);
    assert_true(i->verified);
    assert_int_equal(m->id, id);
    assert_int_equal(i->after.count, 1);
    assert_string_equal(after[0].command, "/usr/bin/touch");
    assert_int_equal(after[0].exit, 0);
    (void)snprintf(path, sizeof path, "%s/after", rig->world.dir);
    assert_int_equal(stat(path, &st), 0);
    tg_wire_free(m);
}

/* Read by the program itself, as anybody would. */
static inline void keystore_holds_the_new_one(void)
{
    char hex[TG_HEX256];
    bool found = false;
    certificate_hex(hex);
    if (agent_world_password(&rig->world))
        assert_int_equal(RUN("scan", "--json", "--password-file", rig->passwords, rig->world.path),
                         0);
    else
        assert_int_equal(RUN("scan", "--json", rig->world.path), 0);
    TG_AUTO(json) json_t *o = printed();
    const json_t *store = json_array_get(json_object_get(o, "keystores"), 0);
    const json_t *entries = json_object_get(store, "entries");
    assert_string_equal(json_string_value(json_object_get(store, "status")), "open");
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *e = json_array_get(entries, i);
        const char *sha = json_string_value(json_object_get(e, "sha256"));
        found |= sha && strcmp(sha, hex) == 0 && json_is_true(json_object_get(e, "has_key"));
    }
    assert_true(found);
}

static inline void waits_for(size_t nth, const char *whom)
{
    struct tg_wire_message *m = report(TG_WIRE_FAILED, nth);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    if (!f->waits_for) fail_msg("it failed: %s", f->text);
    assert_string_equal(f->waits_for, whom);
    tg_wire_free(m);
}

static inline void key_path(char ret[160])
{
    assert_int_equal(agent_pending_key_path(rig->world.path, rig->world.seal.apps[0].leaf.no, ret,
                                            160, &rig->err),
                     0);
}
