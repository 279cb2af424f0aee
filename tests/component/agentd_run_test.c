// The tamga-agent program against a scripted server: whole renewals, killed, cancelled, by hand.
// uses: base loop json merkle x509 cms keystore seal seal_world net wire agent_server agent_world agent_platform agent_pending agent_job | libs: crypto ssl jansson uv threads
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static pid_t spawn(const char *const *words)
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
        int out = open(rig->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(99);
        if (!getenv("AGENTD_TEST_LOUD") && dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
            _exit(99);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(98);
    }
    return pid;
}

static int wait_exit(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define RUN(...) wait_exit(spawn((const char *const[]){__VA_ARGS__, NULL}))

/* What the last command printed with --json. */
static json_t *printed(void)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    json_t *o = NULL;
    assert_int_equal(tg_file_read(rig->out, &text, &rig->err), 0);
    if (tg_json_parse_object(text.data, text.len, TG_MAX_MESSAGE, &o, &rig->err) < 0)
        fail_msg("%s: %s", rig->err.text, tg_buf_text(&text));
    return o;
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(tg_file_replace(path, text, strlen(text), 0600, &rig->err), 0);
}

static void write_yaml(bool knows_password)
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

static void start_daemon(void)
{
    int streams = rig->server.streams;
    rig->daemon = spawn((const char *const[]){"run", NULL});
    if (!agent_server_wait_streams(&rig->server, streams + 1)) fail_msg("it never came");
}

static void stop_daemon(void)
{
    assert_int_equal(kill(rig->daemon, SIGTERM), 0);
    assert_int_equal(wait_exit(rig->daemon), 0);
    rig->daemon = 0;
}

static void kill_daemon(void)
{
    assert_int_equal(kill(rig->daemon, SIGKILL), 0);
    assert_int_equal(wait_exit(rig->daemon), 128 + SIGKILL);
    rig->daemon = 0;
}

static void begin(enum agent_world_kind kind, bool knows_password)
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

static void end(void)
{
    if (rig->daemon) stop_daemon();
    agent_server_stop(&rig->server);
    agent_server_forget(&rig->server);
    agent_world_done(&rig->world);
    temp_dir_remove(rig->dir);
    free(rig);
}

static struct tg_wire_message *report(enum tg_wire_type type, size_t nth)
{
    struct tg_wire_message *m = agent_server_report(&rig->server, type, nth);
    if (m) return m;
    m = agent_server_count(&rig->server, TG_WIRE_FAILED) > 0
            ? agent_server_report(&rig->server, TG_WIRE_FAILED, 1)
            : NULL;
    fail_msg("no %s came%s%s", tg_wire_word(type), m ? "; failed: " : "",
             m ? ((const struct tg_wire_failed *)m->body)->text : "");
    return NULL;
}

static void push_prepare(int64_t id, const char *confirm, const char *path)
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

static void refill(struct tg_buf *b, size_t max, const struct tg_wire_blob *from)
{
    tg_buf_done(b);
    tg_buf_init(b, max);
    tg_buf_add(b, from->data, from->len);
}

/* What the agent signed goes before the approver, and to the CA. */
static void approve(size_t nth)
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

static void push_install(int64_t id)
{
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    char number[TG_NUMBER];
    seal_world_bundle(&rig->world.seal, 0, &bundle);
    (void)tg_copy(number, sizeof number, rig->world.seal.apps[0].leaf.no);
    struct tg_wire_install body = {.application = number, .bundle = {bundle.data, bundle.len}};
    agent_server_push(&rig->server, TG_WIRE_INSTALL, id, &body);
}

static void certificate_hex(char ret[TG_HEX256])
{
    tg_hex(tg_cert_facts(rig->world.seal.apps[0].cert)->sha256, TG_SHA256, ret);
}

static void is_installed(size_t nth, int64_t id)
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
static void keystore_holds_the_new_one(void)
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

static void waits_for(size_t nth, const char *whom)
{
    struct tg_wire_message *m = report(TG_WIRE_FAILED, nth);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    if (!f->waits_for) fail_msg("it failed: %s", f->text);
    assert_string_equal(f->waits_for, whom);
    tg_wire_free(m);
}

static void key_path(char ret[160])
{
    assert_int_equal(agent_pending_key_path(rig->world.path, rig->world.seal.apps[0].leaf.no, ret,
                                            160, &rig->err),
                     0);
}

static void the_holder_confirms_and_the_certificate_is_renewed(void **state)
{
    (void)state;
    begin(AGENT_P12, false);
    struct tg_wire_message *m = report(TG_WIRE_INVENTORY, 1);
    const struct tg_wire_inventory *inventory = tg_wire_body(m, TG_WIRE_INVENTORY);
    const struct tg_wire_keystore *found = inventory->keystores.items;
    assert_true(inventory->complete);
    assert_int_equal(inventory->keystores.count, 1);
    assert_string_equal(found[0].path, rig->world.path);
    assert_string_equal(found[0].status, "locked");
    tg_wire_free(m);
    push_prepare(5, "holder", NULL);
    waits_for(1, "holder");
    char wrong[96];
    (void)snprintf(wrong, sizeof wrong, "%s/wrong", rig->dir);
    write_file(wrong, "battery staple");
    assert_int_equal(RUN("confirm", "--json"), 2); /* nobody is there to ask */
    assert_int_equal(RUN("confirm", "--json", "--yes", "--password-file", wrong), 1);
    assert_int_equal(agent_server_count(&rig->server, TG_WIRE_PREPARED), 0);
    assert_int_equal(RUN("confirm", "--json", "--yes", "--password-file", rig->passwords), 0);
    TG_AUTO(json) json_t *outcome = printed();
    assert_string_equal(json_string_value(json_object_get(outcome, "consent")), "key");
    approve(1);
    assert_int_equal(rig->world.seal.apps[0].leaf.consent, TG_CONSENT_KEY);
    push_install(6); /* the password is still sealed: nobody is asked again */
    is_installed(1, 6);
    keystore_holds_the_new_one();
    char path[160];
    struct stat st;
    key_path(path);
    assert_int_not_equal(stat(path, &st), 0); /* the waiting key is gone */
    push_install(7);                          /* a repeat gets the same answer */
    is_installed(2, 7);
    assert_int_equal(RUN("status", "--json"), 0);
    TG_AUTO(json) json_t *status = printed();
    assert_true(json_is_true(json_object_get(status, "connected")));
    assert_int_equal(json_array_size(json_object_get(status, "jobs")), 0);
    end();
}

static void killed_at_any_moment_it_goes_on(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", NULL);
    for (int i = 0; i < 4; i++) { /* before, during and after the job */
        (void)poll(NULL, 0, 15 * i);
        kill_daemon();
        start_daemon();
    }
    approve(1);
    push_install(6);
    for (int i = 0; i < 4; i++) {
        (void)poll(NULL, 0, 15 * i);
        kill_daemon();
        start_daemon();
    }
    is_installed(1, 6);
    keystore_holds_the_new_one();
    end();
}

static void a_repeated_prepare_gets_the_same_key_and_bytes(void **state)
{
    (void)state;
    begin(AGENT_P12_MANY, true);
    push_prepare(5, "none", NULL);
    struct tg_wire_message *one = report(TG_WIRE_PREPARED, 1);
    kill_daemon();
    start_daemon();
    push_prepare(8, "none", NULL);
    struct tg_wire_message *two = report(TG_WIRE_PREPARED, 2);
    const struct tg_wire_prepared *a = tg_wire_body(one, TG_WIRE_PREPARED);
    const struct tg_wire_prepared *b = tg_wire_body(two, TG_WIRE_PREPARED);
    assert_int_equal(two->id, 8);
    assert_int_equal(a->csr.len, b->csr.len);
    assert_memory_equal(a->csr.data, b->csr.data, a->csr.len);
    assert_int_equal(a->cms.len, b->cms.len);
    assert_memory_equal(a->cms.data, b->cms.data, a->cms.len);
    tg_wire_free(one);
    tg_wire_free(two);
    end();
}

static void an_unknown_password_is_asked_for(void **state)
{
    (void)state;
    begin(AGENT_P12, false);
    push_prepare(5, "none", NULL);
    waits_for(1, "password");
    kill_daemon(); /* what waits still waits after a crash */
    start_daemon();
    waits_for(2, "password");
    assert_int_equal(RUN("confirm", "--yes", "--password-file", rig->passwords,
                         rig->world.seal.apps[0].leaf.no),
                     0);
    tg_wire_free(report(TG_WIRE_PREPARED, 1));
    end();
}

static void a_path_outside_of_the_roots_is_refused(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", rig->passwords);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->code, "denied");
    assert_null(f->waits_for);
    tg_wire_free(m);
    end();
}

static void install_without_a_record_is_refused(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    assert_int_equal(agent_world_prepare(&rig->world, &rig->err), 0); /* not by this agent */
    agent_world_approve(&rig->world);
    push_install(6);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->code, "mismatch");
    assert_non_null(strstr(f->text, "A1"));
    tg_wire_free(m);
    end();
}

static bool gone(const char *path)
{
    struct stat st;
    for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
        if (stat(path, &st) != 0) return true;
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static void a_cancelled_application_leaves_nothing(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", NULL);
    approve(1);
    char path[160], number[TG_NUMBER];
    struct stat st;
    key_path(path);
    assert_int_equal(stat(path, &st), 0);
    (void)tg_copy(number, sizeof number, rig->world.seal.apps[0].leaf.no);
    struct tg_wire_cancel body = {.application = number};
    agent_server_push(&rig->server, TG_WIRE_CANCEL, 6, &body);
    assert_true(gone(path));
    push_install(7);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    assert_int_equal(m->id, 7);
    tg_wire_free(m);
    end();
}

/* F6: the recall is kept, and the statement's bundle is refused for ever after. */
static void a_recalled_statement_is_not_installed(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", NULL);
    approve(1);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_STATEMENT), cms = TG_BUF(TG_MAX_CMS);
    struct seal_world *w = &rig->world.seal;
    char hex[TG_HEX256], other[] = "26-004299-9";
    tg_sha256_hex(w->statement.data, w->statement.len, hex);
    assert_int_equal(tg_recall_make(tg_trust_chain_realm(w->chain), hex, w->now, &text, &rig->err),
                     0);
    seal_world_cms(&w->ceo, seal_blob(&text), &cms);
    struct tg_wire_cancel body = {.application = other,
                                  .recall = {text.data, text.len},
                                  .cms = {cms.data, cms.len}};
    agent_server_push(&rig->server, TG_WIRE_CANCEL, 6, &body);
    tg_wire_free(report(TG_WIRE_ACK, 2));
    kill_daemon();
    start_daemon();
    push_install(7);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->code, "revoked");
    tg_wire_free(m);
    end();
}

static void a_bundle_that_came_by_hand_is_installed_and_reported_later(void **state)
{
    (void)state;
    begin(AGENT_PEM_PAIR, true);
    push_prepare(5, "none", NULL);
    approve(1);
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    char file[96];
    (void)snprintf(file, sizeof file, "%s/bundle", rig->dir);
    seal_world_bundle(&rig->world.seal, 0, &bundle);
    assert_int_equal(tg_file_replace(file, bundle.data, bundle.len, 0600, &rig->err), 0);
    stop_daemon();
    assert_int_equal(RUN("install", "--bundle", file, "--json"), 0);
    keystore_holds_the_new_one();
    assert_int_equal(agent_server_count(&rig->server, TG_WIRE_INSTALLED), 0);
    start_daemon();
    is_installed(1, 0);
    assert_int_equal(RUN("install", "--bundle", file, "--json"), 0); /* through the daemon */
    is_installed(2, 0);
    end();
}

static void a_scan_is_answered_with_its_job(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    tg_wire_free(report(TG_WIRE_INVENTORY, 1));
    struct tg_wire_scan body = {.everything = false};
    agent_server_push(&rig->server, TG_WIRE_SCAN, 11, &body);
    struct tg_wire_message *m = report(TG_WIRE_INVENTORY, 2);
    const struct tg_wire_inventory *inventory = tg_wire_body(m, TG_WIRE_INVENTORY);
    const struct tg_wire_keystore *found = inventory->keystores.items;
    const struct tg_wire_entry *entries = found[0].entries.items;
    assert_int_equal(m->id, 11);
    assert_true(inventory->complete);
    assert_string_equal(found[0].status, "open");
    assert_true(entries[0].has_key);
    assert_true(entries[0].certificate.len > 100);
    tg_wire_free(m);
    tg_wire_free(report(TG_WIRE_ACK, 1));
    end();
}

int main(int argc, char **argv)
{
    agent_world_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_holder_confirms_and_the_certificate_is_renewed),
        cmocka_unit_test(killed_at_any_moment_it_goes_on),
        cmocka_unit_test(a_repeated_prepare_gets_the_same_key_and_bytes),
        cmocka_unit_test(an_unknown_password_is_asked_for),
        cmocka_unit_test(a_path_outside_of_the_roots_is_refused),
        cmocka_unit_test(install_without_a_record_is_refused),
        cmocka_unit_test(a_cancelled_application_leaves_nothing),
        cmocka_unit_test(a_recalled_statement_is_not_installed),
        cmocka_unit_test(a_bundle_that_came_by_hand_is_installed_and_reported_later),
        cmocka_unit_test(a_scan_is_answered_with_its_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
