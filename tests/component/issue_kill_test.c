// Killed after each durable write, or cut off from the database after it: every application ends
// with exactly one certificate, and the issuing process has issued no other.
// uses: base loop config json merkle x509 cms seal wire policy db ca application approval dispatch issue seal_world testdb flow_world | libs: pq uv jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "ca_world.h"
#include "flow_world/flow_world.h"
#include "issue/issue.h"
#include "temp_dir.h"

enum { COUNT = 3, SERVE_MS = 40 * 1000, WRITES_MAX = 12, LOSSES = 5 };

extern char **environ;

/* --- the service: this program again, with the real issuing process --- */

struct service {
    struct tg_loop loop;
    struct db *db;
    struct tg_trust_chain *chain;
    struct ca_connector *ca;
    struct issue *issue;
    PGconn *look;
    bool closed;
};

static const struct tg_trust_chain *port_chain(void *ctx)
{
    return ((struct service *)ctx)->chain;
}

static bool is_done(void *data)
{
    struct service *s = data;
    PGresult *r = PQexec(s->look, "SELECT count(*) FROM tamga.job WHERE kind = 21");
    bool done = strcmp(PQgetvalue(r, 0, 0), "0") == 0;
    PQclear(r);
    return done;
}

static int serve(const char *conninfo, const char *dir)
{
    struct service s = {0};
    struct tg_err err = {0};
    char path[256];
    struct db_config config = {.conninfo = conninfo, .role = "tamga_run"};
    struct issue_ports ports = {&s, port_chain};
    (void)snprintf(path, sizeof path, "%s/trust", dir);
    TG_CHECK(tg_loop_init(&s.loop, NULL, &err) == 0);
    TG_CHECK(tg_trust_chain_load(path, NULL, &s.chain, &err) == 0);
    TG_CHECK(db_open(&s.loop, &config, &s.db, &err) == 0);
    (void)snprintf(path, sizeof path, "%s/issuer", dir);
    s.look = PQconnectdb(conninfo);
    s.ca = ca_world_start(&s.loop, path);
    const struct ca_connector *connectors[] = {s.ca};
    s.issue = issue_new(s.db, &ports, connectors, 1);
    bool done = tg_loop_until(&s.loop, is_done, &s, SERVE_MS);
    issue_close(s.issue, ca_world_closed, &s.closed);
    TG_CHECK(tg_loop_until(&s.loop, ca_world_is, &s.closed, SERVE_MS));
    ca_world_stop(&s.loop, s.ca);
    s.closed = false;
    db_close(s.db, ca_world_closed, &s.closed);
    TG_CHECK(tg_loop_until(&s.loop, ca_world_is, &s.closed, SERVE_MS));
    tg_loop_done(&s.loop);
    tg_trust_chain_free(s.chain);
    PQfinish(s.look);
    return done ? 0 : 3;
}

/* --- the test --- */

struct fixture {
    struct flow f;
    char dir[64], home[80];
    int64_t now;
};

static void begin(struct fixture *f)
{
    char path[128];
    temp_dir(f->dir);
    flow_init(&f->f, COUNT, true);
    flow_prepare_all(&f->f);
    assert_int_equal(flow_open(&f->f), 0);
    assert_int_equal(flow_mint(&f->f), 0);
    flow_sign(&f->f, &f->f.w.ceo);
    assert_int_equal(flow_accept(&f->f), 0);
    (void)snprintf(f->home, sizeof f->home, "%s/issuer", f->dir);
    ca_world_home(&f->f.w, f->home);
    (void)snprintf(path, sizeof path, "%s/trust", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(tg_trust_chain_save(f->f.w.chain, path, &f->f.err), 0);
    f->now = f->f.w.now + 600;
}

static void end(struct fixture *f)
{
    flow_done(&f->f);
    temp_dir_remove(f->dir);
}

/* How it ended: 0, or the signal. */
static int run(struct fixture *f, const char *seam, int at)
{
    char number[16], shell_word[] = "--serve";
    char *args[] = {program_invocation_name, shell_word, f->f.t.conninfo, f->dir, NULL};
    pid_t pid;
    int status = 0;
    (void)snprintf(number, sizeof number, "%d", at);
    if (at) (void)setenv(seam, number, 1);
    ca_world_clock(f->now);
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ), 0);
    (void)unsetenv(seam);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    f->now += 300; /* its lease has run out when the next one comes */
    if (WIFSIGNALED(status)) return WTERMSIG(status);
    assert_int_equal(WEXITSTATUS(status), 0);
    return 0;
}

static void one_certificate_each(struct fixture *f)
{
    struct flow *w = &f->f;
    struct ca_world_call call = {0};
    for (size_t i = 0; i < COUNT; i++) {
        if (flow_state(w, i) != 6)
            fail_msg("application %zu is in state %d", i + 1, (int)flow_state(w, i));
    }
    assert_int_equal(flow_count(w, "SELECT count(*) FROM application_issue"), COUNT);
    assert_int_equal(flow_count(w, "SELECT count(*) FROM ca_request"), COUNT);
    assert_int_equal(flow_count(w, "SELECT count(*) FROM certificate"), 2 * COUNT);
    assert_int_equal(flow_count(w, "SELECT count(*) FROM job WHERE kind IN (3, 23)"), COUNT);
    /* The issuing process knows exactly these. */
    ca_world_clock(f->now);
    struct ca_connector *ca = ca_world_start(&w->loop, f->home);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t spki[TG_SHA256];
        char hex[TG_HEX256];
        tg_key_spki_sha256(w->w.apps[i].new_key, spki);
        ca_world_find(ca, spki, &call);
        ca_world_wait(&w->loop, &call);
        assert_int_equal(call.outcome, CA_ISSUED);
        tg_hex(tg_cert_facts(call.cert)->sha256, TG_SHA256, hex);
        TG_AUTO(mem)
        char *sql = tg_printf("SELECT count(*) FROM certificate WHERE sha256 = '\\x%s'", hex);
        assert_int_equal(flow_count(w, sql), 1);
        tg_cert_unref(call.cert);
    }
    ca_world_stop(&w->loop, ca);
}

static void sweep(const char *seam, bool dies)
{
    struct fixture *f = TG_NEW(struct fixture);
    int died = 0;
    for (int at = 1; at <= (dies ? WRITES_MAX : LOSSES); at++) {
        begin(f);
        int how = run(f, seam, at);
        if (dies && how == SIGKILL) {
            died++;
            assert_int_equal(run(f, seam, 0), 0);
        }
        assert_true(how == 0 || how == SIGKILL);
        one_certificate_each(f);
        end(f);
        if (dies && how == 0) break;
    }
    if (dies && (died < 4 || died == WRITES_MAX))
        fail_msg("died %d times: the sweep does not fit", died);
    free(f);
}

static void killed_after_each_write(void **state)
{
    (void)state;
    sweep("TAMGA_DIE_AT", true);
}

static void cut_off_after_each_write(void **state)
{
    (void)state;
    sweep("TAMGA_LOSE_AT", false);
}

int main(int argc, char **argv)
{
    CA_WORLD_MAIN(argc, argv);
    if (argc > 3 && strcmp(argv[1], "--serve") == 0) return serve(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_after_each_write),
        cmocka_unit_test(cut_off_after_each_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
