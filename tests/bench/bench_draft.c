/* bench-draft: the planner drafts 100,000 due certificates of 300,000: due scan, guards, event and
 * audit in one transaction, beside a bare INSERT of the same rows (PLATFORM §14: LIKE application,
 * primary key, same fillfactor, no triggers). Runs under scripts/with-temp-postgres, fsync on. */
#include "bench.h"
#include "fleet/fleet.h"
#include "planner/planner.h"

enum { ROUNDS = 5, WAIT_MS = 300 * 1000 };

struct run {
    bool done;
    int64_t drafted;
    uint64_t draft_ms;
};

static void on_unit(const char *what, uint64_t took_ms, bool ok, void *data)
{
    struct run *run = data;
    if (ok && strcmp(what, "planner draft") == 0) run->draft_ms = took_ms;
}

static void on_planned(const struct planner_result *result, const struct tg_err *err, void *data)
{
    struct run *run = data;
    if (err) (void)fprintf(stderr, "bench-draft: %s\n", err->text), exit(1);
    run->drafted = result->drafted;
    run->done = true;
}

static bool is_done(void *data)
{
    return ((struct run *)data)->done;
}

static void plan(struct planner *p, struct db *db, struct run *run)
{
    struct planner_request q = {.as_of = FLEET_NOW,
                                .now = FLEET_NOW,
                                .quiet = true,
                                .actor = "planner"};
    *run = (struct run){0};
    db_watch(db, on_unit, run);
    planner_run(p, &q, on_planned, run);
    TG_CHECK(tg_loop_until(db_loop(db), is_done, run, WAIT_MS));
    TG_CHECK(run->drafted == FLEET);
}

/* The rows of a first run, inserted again without guards. */
static void make_base(struct testdb *t)
{
    testdb_exec(t, "CREATE TABLE bench_rows AS SELECT * FROM application ORDER BY id");
    testdb_exec(t, "CREATE TABLE bench_bare (LIKE application) WITH (fillfactor = 50)");
    testdb_exec(t, "ALTER TABLE bench_bare ADD PRIMARY KEY (id)");
    testdb_exec(t, "ANALYZE bench_rows");
}

static double bare_insert_ms(struct testdb *t)
{
    testdb_exec(t, "TRUNCATE bench_bare");
    fleet_checkpoint(t);
    double start = bench_seconds();
    testdb_exec(t, "INSERT INTO bench_bare SELECT * FROM bench_rows");
    return (bench_seconds() - start) * 1000;
}

static void on_planner_closed(void *data)
{
    *(bool *)data = true;
}

static bool is_set(void *data)
{
    return *(bool *)data;
}

static void measure(struct testdb *t, struct planner *p, struct db *db)
{
    struct bench draft = {"draft-100k", "ms", BENCH_RATIO_MOST, 8, {0}, {0}, 0};
    struct run run;
    plan(p, db, &run); /* warm, and the base's rows */
    make_base(t);
    for (int i = 0; i < ROUNDS; i++) {
        fleet_reset(t);
        double limit = bare_insert_ms(t);
        fleet_checkpoint(t);
        double start = bench_seconds();
        plan(p, db, &run);
        (void)fprintf(stderr, "draft-100k: whole run with rules and %d prepare jobs: %.0f ms\n",
                      FLEET, (bench_seconds() - start) * 1000);
        bench_add(&draft, (double)run.draft_ms, limit);
    }
    TG_CHECK(testdb_number(t, "SELECT count(*) FROM application WHERE state = 1") == FLEET);
    TG_CHECK(testdb_number(t, "SELECT count(*) FROM audit_inbox") >= 1);
    bench_print(&draft);
}

int main(void)
{
    struct testdb t;
    struct tg_loop loop;
    struct tg_err err = {0};
    bool closed = false;
    TG_CHECK(tg_loop_init(&loop, NULL, &err) == 0);
    testdb_open(&t);
    fleet_fill(&t);
    struct db *db = testdb_pool(&t, &loop, 0);
    struct planner *p = planner_new(db);
    planner_set_policies(p, fleet_policies());
    measure(&t, p, db);
    planner_close(p, on_planner_closed, &closed);
    TG_CHECK(tg_loop_until(&loop, is_set, &closed, WAIT_MS));
    testdb_pool_close(db, &loop);
    tg_loop_done(&loop);
    testdb_close(&t);
    return 0;
}
