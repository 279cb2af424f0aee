/* bench-issue [COUNT]: how fast approved applications become stored certificates, with all checks
 * and the audit log, against the bare signature of the same key on the same machine. Under
 * scripts/with-temp-postgres (fsync on). */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "audit/audit.h"
#include "base/log.h"
#include "base/str.h"
#include "ca_world.h"
#include "issue/issue.h"
#include "temp_dir.h"
#include "world.h"

enum { COUNT = 4000, WAIT_MS = 600 * 1000, BARE_MS = 1000 };

struct bench {
    struct bench_world b;
    struct tg_loop loop;
    struct testdb t;
    struct db *db;
    struct ca_connector *ca;
    char dir[64], home[80];
    struct ca_call *calls;
    size_t next, under_way, issued;
    double bare_cpu_us, alone_cpu_us, whole_cpu_us;
};

static struct tg_err err;

static double seconds_since(struct bench *x, uint64_t began_ms)
{
    return (double)(tg_loop_mono_ms(&x->loop) - began_ms) / 1000.0;
}

/* On a busy machine wall time tells of the others; this tells of us. who: RUSAGE_SELF,
 * RUSAGE_CHILDREN. */
static double cpu_seconds(int who)
{
    struct rusage u;
    TG_CHECK(getrusage(who, &u) == 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double bare_signatures(struct bench *x)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(1024);
    uint64_t began = tg_loop_mono_ms(&x->loop);
    double cpu = cpu_seconds(RUSAGE_SELF);
    size_t n = 0;
    for (; tg_loop_mono_ms(&x->loop) - began < BARE_MS; n++)
        TG_CHECK(tg_key_sign(x->b.w.issuer.key, "0123456789abcdef", 16, &out, &err) == 0);
    x->bare_cpu_us = (cpu_seconds(RUSAGE_SELF) - cpu) * 1e6 / (double)n;
    return (double)n / seconds_since(x, began);
}

/* --- the issuing process alone --- */

static void pump(struct bench *x);

static void on_answer(struct ca_call *call)
{
    struct bench *x = call->data;
    if (call->outcome != CA_ISSUED) (void)fprintf(stderr, "refused: %s\n", call->err.text);
    x->issued += call->outcome == CA_ISSUED;
    x->under_way--;
    pump(x);
}

static void submit(struct bench *x, size_t i)
{
    const struct bench_app *a = &x->b.apps[i];
    struct tg_merkle_proof p, q;
    struct ca_ask ask = {.reference = "bench", .statement = &x->b.signed_};
    TG_CHECK(tg_merkle_tree_include(&x->b.approved, i, &p, &err) == 0);
    TG_CHECK(tg_merkle_tree_include(&x->b.evidence, i, &q, &err) == 0);
    ask.place = (struct tg_leaf_place){seal_blob(&a->line), (uint32_t)i, p.path, p.count};
    ask.request = (struct tg_request){seal_blob(&a->decision), q.path, q.count, seal_blob(&a->csr),
                                      seal_blob(&a->holder)};
    ask.old.data = tg_cert_der(a->old, &ask.old.len);
    x->calls[i] = (struct ca_call){.done = on_answer, .data = x};
    TG_CHECK(ca_submit(x->ca, &x->calls[i], &ask, &err) == 0);
    x->under_way++;
}

static void pump(struct bench *x)
{
    while (x->next < x->b.count && x->under_way < x->ca->ops->window)
        submit(x, x->next++);
}

static bool all_issued(void *data)
{
    struct bench *x = data;
    return x->next == x->b.count && x->under_way == 0;
}

static double issuer_alone(struct bench *x)
{
    (void)snprintf(x->home, sizeof x->home, "%s/alone", x->dir);
    ca_world_home(&x->b.w, x->home);
    x->ca = ca_world_start(&x->loop, x->home);
    ca_trust(x->ca, x->b.w.chain);
    x->calls = tg_calloc(x->b.count, sizeof *x->calls);
    uint64_t began = tg_loop_mono_ms(&x->loop);
    pump(x);
    TG_CHECK(tg_loop_until(&x->loop, all_issued, x, WAIT_MS) && x->issued == x->b.count);
    double took = seconds_since(x, began);
    double cpu = cpu_seconds(RUSAGE_CHILDREN);
    ca_world_stop(&x->loop, x->ca);
    x->alone_cpu_us = (cpu_seconds(RUSAGE_CHILDREN) - cpu) * 1e6 / (double)x->b.count;
    free(x->calls);
    return (double)x->b.count / took;
}

/* --- with the database --- */

static const struct tg_trust_chain *port_chain(void *ctx)
{
    return ((struct bench *)ctx)->b.w.chain;
}

static bool is_done(void *data)
{
    struct bench *x = data;
    return testdb_number(&x->t, "SELECT count(*) FROM job WHERE kind = 21") == 0;
}

static double whole_way(struct bench *x)
{
    struct issue_ports ports = {x, port_chain};
    struct audit *audit = NULL;
    bool closed = false;
    (void)snprintf(x->home, sizeof x->home, "%s/issuer", x->dir);
    ca_world_home(&x->b.w, x->home);
    x->ca = ca_world_start(&x->loop, x->home);
    x->db = testdb_pool(&x->t, &x->loop, 4);
    TG_CHECK(audit_new(x->db, x->dir, "tamga/bench", &audit, &err) == 0);
    const struct ca_connector *connectors[] = {x->ca};
    double cpu = cpu_seconds(RUSAGE_SELF);
    uint64_t began = tg_loop_mono_ms(&x->loop);
    struct issue *issue = issue_new(x->db, &ports, connectors, 1);
    TG_CHECK(tg_loop_until(&x->loop, is_done, x, WAIT_MS));
    double took = seconds_since(x, began);
    x->whole_cpu_us = (cpu_seconds(RUSAGE_SELF) - cpu) * 1e6 / (double)x->b.count;
    issue_close(issue, ca_world_closed, &closed);
    TG_CHECK(tg_loop_until(&x->loop, ca_world_is, &closed, WAIT_MS));
    closed = false;
    audit_close(audit, ca_world_closed, &closed);
    TG_CHECK(tg_loop_until(&x->loop, ca_world_is, &closed, WAIT_MS));
    ca_world_stop(&x->loop, x->ca);
    testdb_pool_close(x->db, &x->loop);
    int64_t stored = testdb_number(&x->t, "SELECT count(*) FROM application_issue");
    TG_CHECK(stored == (int64_t)x->b.count);
    return (double)x->b.count / took;
}

int main(int argc, char **argv)
{
    static struct bench x;
    uint64_t count = COUNT;
    CA_WORLD_MAIN(argc, argv);
    if (argc > 1 && !tg_parse_u64(argv[1], strlen(argv[1]), TG_MAX_BATCH, &count)) return 2;
    TG_CHECK(tg_loop_init(&x.loop, NULL, &err) == 0);
    temp_dir(x.dir);
    bench_world_make(&x.b, count, tg_loop_wall(&x.loop));
    testdb_open(&x.t);
    bench_world_store(&x.b, &x.t);
    double bare = bare_signatures(&x);
    double alone = issuer_alone(&x), whole = whole_way(&x);
    printf("issuing %zu applications, P-256, every check made\n", x.b.count);
    printf("  bare signature                  %8.0f /s                    %6.0f us CPU\n", bare,
           x.bare_cpu_us);
    printf("  issuing process, fsynced        %8.0f /s   %.3f of bare   %6.0f us CPU\n", alone,
           alone / bare, x.alone_cpu_us);
    printf("  approved to issued and stored   %8.0f /s   %.3f of bare   %6.0f us CPU of tamgad\n",
           whole, whole / bare, x.whole_cpu_us);
    testdb_close(&x.t);
    tg_loop_done(&x.loop);
    bench_world_done(&x.b);
    temp_dir_remove(x.dir);
    return 0;
}
