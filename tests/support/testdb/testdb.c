#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/migrate.h"
#include "testdb/testdb.h"

enum { WAIT_MS = 60 * 1000 };

static char *cluster(void)
{
    const char *file = getenv("TAMGA_TEST_PG_FILE"), *direct = getenv("TAMGA_TEST_PG");
    if (!file && direct) return tg_strdup(direct);
    if (!file) fail_msg("no PostgreSQL: run this by ctest, or under scripts/with-temp-postgres");
    struct tg_buf b = TG_BUF(4096);
    struct tg_err err = {0};
    if (tg_file_read(file, &b, &err) < 0) fail_msg("%s", err.text);
    char *text = tg_buf_take(&b, NULL);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static PGconn *dial(const char *conninfo)
{
    PGconn *pg = PQconnectdb(conninfo);
    if (PQstatus(pg) != CONNECTION_OK) fail_msg("%s: %s", conninfo, PQerrorMessage(pg));
    return pg;
}

static PGresult *must(PGconn *pg, const char *sql)
{
    PGresult *r = PQexec(pg, sql);
    ExecStatusType s = PQresultStatus(r);
    if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK)
        fail_msg("%s\n%s", PQresultErrorMessage(r), sql);
    return r;
}

static void must_not_fail(PGconn *pg, const char *sql)
{
    PQclear(must(pg, sql));
}

static bool exists(PGconn *pg, const char *database)
{
    TG_AUTO(mem) char *sql = tg_printf("SELECT 1 FROM pg_database WHERE datname = '%s'", database);
    PGresult *r = must(pg, sql);
    bool yes = PQntuples(r) == 1;
    PQclear(r);
    return yes;
}

/* Named by what is in it: another build's migrations make another template. Made under a lock, once
 * per cluster. */
static char *template_of(PGconn *pg, const char *base)
{
    struct tg_buf all = TG_BUF(16 * 1024 * 1024);
    for (size_t i = 0; i < db_migrations_count; i++)
        tg_buf_puts(&all, db_migrations[i].sql);
    char hash[TG_HEX256];
    tg_sha256_hex(all.data, all.len, hash);
    tg_buf_done(&all);
    char *name = tg_printf("tamga_template_%.16s", hash);
    must_not_fail(pg, "SELECT pg_advisory_lock(4711)");
    if (!exists(pg, name)) {
        struct db_migrated done;
        struct tg_err err = {0};
        TG_AUTO(mem) char *drop = tg_printf("DROP DATABASE IF EXISTS %s_new", name);
        TG_AUTO(mem) char *create = tg_printf("CREATE DATABASE %s_new", name);
        TG_AUTO(mem) char *rename = tg_printf("ALTER DATABASE %s_new RENAME TO %s", name, name);
        TG_AUTO(mem) char *conninfo = tg_printf("%s dbname=%s_new", base, name);
        must_not_fail(pg, drop);
        must_not_fail(pg, create);
        if (db_migrate(conninfo, 1767225600, &done, &err) < 0) {
            must_not_fail(pg,
                          "SELECT pg_advisory_unlock(4711)"); /* or the next test waits for ever */
            fail_msg("%s", err.text);
        }
        must_not_fail(pg, rename);
    }
    must_not_fail(pg, "SELECT pg_advisory_unlock(4711)");
    return name;
}

static void open_from(struct testdb *t, bool empty)
{
    static unsigned counter;
    TG_AUTO(mem) char *base = cluster();
    *t = (struct testdb){0};
    PGconn *admin = dial(base);
    must_not_fail(admin, "SET client_min_messages = warning");
    TG_AUTO(mem) char *from = empty ? tg_strdup("template1") : template_of(admin, base);
    uint32_t salt;
    tg_random(&salt, sizeof salt);
    snprintf(t->name, sizeof t->name, "t_%d_%u_%x", (int)getpid(), counter++, salt);
    TG_AUTO(mem) char *create = tg_printf("CREATE DATABASE %s TEMPLATE %s", t->name, from);
    must_not_fail(admin, create);
    PQfinish(admin);
    t->conninfo = tg_printf("%s dbname=%s", base, t->name);
    t->pg = dial(t->conninfo);
    must_not_fail(t->pg, "SET search_path = tamga, pg_catalog; SET client_min_messages = warning; "
                         "SET TimeZone = 'UTC'");
    if (empty) return;
    t->run = dial(t->conninfo);
    must_not_fail(t->run, "SET search_path = tamga, pg_catalog; SET client_min_messages = warning; "
                          "SET TimeZone = 'UTC'; SET ROLE tamga_run");
}

void testdb_open(struct testdb *t)
{
    open_from(t, false);
}

void testdb_open_empty(struct testdb *t)
{
    open_from(t, true);
}

void testdb_close(struct testdb *t)
{
    TG_AUTO(mem) char *base = cluster();
    if (t->run) PQfinish(t->run);
    PQfinish(t->pg);
    PGconn *admin = dial(base);
    TG_AUTO(mem) char *drop = tg_printf("DROP DATABASE %s WITH (FORCE)", t->name);
    must_not_fail(admin, drop);
    PQfinish(admin);
    free(t->conninfo);
    *t = (struct testdb){0};
}

void testdb_exec(struct testdb *t, const char *sql)
{
    must_not_fail(t->pg, sql);
}

void testdb_run(struct testdb *t, const char *sql)
{
    must_not_fail(t->run, sql);
}

char *testdb_text(struct testdb *t, const char *sql)
{
    PGresult *r = must(t->pg, sql);
    char *text = tg_strdup(PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return text;
}

int64_t testdb_number(struct testdb *t, const char *sql)
{
    TG_AUTO(mem) char *text = testdb_text(t, sql);
    return strtoll(text, NULL, 10);
}

void testdb_refused_on(PGconn *pg, const char *sqlstate, const char *sql)
{
    PGresult *r = PQexec(pg, sql);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (!state) fail_msg("was not refused: %s", sql);
    if (strcmp(state, sqlstate) != 0)
        fail_msg("refused with %s, not %s: %s\n%s", state, sqlstate, PQresultErrorMessage(r), sql);
    PQclear(r);
    if (PQtransactionStatus(pg) != PQTRANS_IDLE) must_not_fail(pg, "ROLLBACK");
}

void testdb_refused(struct testdb *t, const char *sqlstate, const char *sql)
{
    testdb_refused_on(t->run, sqlstate, sql);
}

static bool is_up(void *data)
{
    return db_is_up(data);
}

struct db *testdb_pool(struct testdb *t, struct tg_loop *loop, unsigned pool)
{
    struct db *db = NULL;
    struct tg_err err = {0};
    struct db_config config = {.conninfo = t->conninfo,
                               .role = "tamga_run",
                               .name = "test",
                               .pool = pool ? pool : 2};
    if (db_open(loop, &config, &db, &err) < 0) fail_msg("%s", err.text);
    if (!tg_loop_until(loop, is_up, db, WAIT_MS))
        fail_msg("the pool did not connect to %s", t->conninfo);
    return db;
}

static bool is_set(void *data)
{
    return *(bool *)data;
}

static void set_closed(void *data)
{
    *(bool *)data = true;
}

void testdb_pool_close(struct db *db, struct tg_loop *loop)
{
    bool closed = false;
    db_close(db, set_closed, &closed);
    if (!tg_loop_until(loop, is_set, &closed, WAIT_MS)) fail_msg("the pool did not close");
}

struct waiting {
    bool done; /* first: is_set() looks at it */
    db_done_fn each;
    void *data;
    struct tg_err err;
};

static void on_done(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct waiting *w = data;
    if (w->done) fail_msg("a unit was told twice");
    w->done = true;
    if (err)
        w->err = *err;
    else if (w->each)
        w->each(r, NULL, w->data);
}

int testdb_wait(struct tg_loop *loop, struct db_unit *u, db_done_fn each, void *data,
                struct tg_err *ret)
{
    struct waiting w = {.each = each, .data = data};
    db_unit_run(u, on_done, &w);
    if (w.done) fail_msg("a unit was told inside run");
    if (!tg_loop_until(loop, is_set, &w.done, WAIT_MS)) fail_msg("a unit was never told");
    if (ret) *ret = w.err;
    return w.err.code;
}
