/* Migrations: blocking libpq, before the loop runs. */
#include <libpq-fe.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/times.h"
#include "db/migrate.h"

static int say(PGconn *pg, struct tg_err *err, int code, const char *what)
{
    const char *text = PQerrorMessage(pg);
    return TG_FAIL(err, code, "%s: %.*s", what, (int)strcspn(text, "\n"), text);
}

static int run(PGconn *pg, const char *sql, const char *what, struct tg_err *err)
{
    PGresult *r = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(r);
    PQclear(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0
                                                                   : say(pg, err, TG_E_DB, what);
}

/* One boolean. */
static int ask(PGconn *pg, const char *sql, bool *ret, struct tg_err *err)
{
    PGresult *r = PQexec(pg, sql);
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1;
    if (ok) *ret = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
    PQclear(r);
    return ok ? 0 : say(pg, err, TG_E_DB, "database");
}

static int need_roles(PGconn *pg, struct tg_err *err)
{
    bool there = false, member = false;
    TG_TRY(
        ask(pg,
            "SELECT to_regrole('tamga_owner') IS NOT NULL AND to_regrole('tamga_run') IS NOT NULL",
            &there, err));
    if (!there) {
        struct tg_err ignored = {0};
        (void)run(pg, "CREATE ROLE tamga_owner", "", &ignored);
        if (run(pg, "CREATE ROLE tamga_run", "", &ignored) < 0)
            return TG_FAIL(err, TG_E_DENIED,
                           "database: user %s may not create roles; as its administrator run: "
                           "CREATE ROLE tamga_owner; CREATE ROLE "
                           "tamga_run; GRANT tamga_owner, tamga_run TO %s",
                           PQuser(pg), PQuser(pg));
    }
    TG_TRY(ask(pg, "SELECT pg_has_role('tamga_owner', 'MEMBER')", &member, err));
    if (member) return 0;
    if (run(pg, "GRANT tamga_owner, tamga_run TO CURRENT_USER", "", err) < 0)
        return TG_FAIL(err, TG_E_DENIED,
                       "database: user %s is no member of tamga_owner; as its administrator run: "
                       "GRANT tamga_owner, tamga_run TO %s",
                       PQuser(pg), PQuser(pg));
    return 0;
}

static int need_schema(PGconn *pg, struct tg_err *err)
{
    bool there = false;
    TG_TRY(ask(pg, "SELECT to_regnamespace('tamga') IS NOT NULL", &there, err));
    if (!there && run(pg, "CREATE SCHEMA tamga AUTHORIZATION tamga_owner", "", err) < 0)
        return TG_FAIL(err, TG_E_DENIED,
                       "database %s: user %s may not create a schema; as its administrator run: "
                       "CREATE SCHEMA tamga AUTHORIZATION tamga_owner",
                       PQdb(pg), PQuser(pg));
    TG_TRY(run(pg, "SET ROLE tamga_owner", "database: role tamga_owner", err));
    return run(pg,
               "GRANT USAGE ON SCHEMA tamga TO tamga_run;"
               "SET search_path = tamga, pg_catalog; SET client_min_messages = warning; SET "
               "TimeZone = 'UTC';"
               "CREATE TABLE IF NOT EXISTS schema_migration (number int PRIMARY KEY, name text NOT "
               "NULL, sha256 text NOT NULL, "
               "applied_at timestamptz NOT NULL); GRANT SELECT ON schema_migration TO tamga_run",
               "database: schema_migration", err);
}

/* What is there must be a beginning of what we have, byte for byte. */
static int compare(PGconn *pg, const struct db_migration *list, size_t count, int *ret_have,
                   struct tg_err *err)
{
    PGresult *r = PQexec(pg, "SELECT number, name, sha256 FROM schema_migration ORDER BY number");
    int rc = PQresultStatus(r) == PGRES_TUPLES_OK
                 ? 0
                 : say(pg, err, TG_E_DB, "database: schema_migration");
    int have = rc < 0 ? 0 : PQntuples(r);
    if (rc == 0 && have > (int)count)
        rc =
            TG_FAIL(err, TG_E_VERSION,
                    "database: its schema is %d (%s), this program knows %zu; start a newer tamgad",
                    have, PQgetvalue(r, have - 1, 1), count);
    for (int i = 0; rc == 0 && i < have; i++) {
        char hash[TG_HEX256];
        tg_sha256_hex(list[i].sql, strlen(list[i].sql), hash);
        if (strcmp(PQgetvalue(r, i, 2), hash) != 0)
            rc = TG_FAIL(err, TG_E_MISMATCH,
                         "database: migration %s was applied with other contents (%.12s there, "
                         "%.12s here); migrations are never changed",
                         PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), hash);
    }
    PQclear(r);
    *ret_have = have;
    return rc;
}

static int record(PGconn *pg, const struct db_migration *m, int64_t now, struct tg_err *err)
{
    char hash[TG_HEX256], at[TG_TIME], number[16];
    tg_sha256_hex(m->sql, strlen(m->sql), hash);
    tg_time_print(now, at);
    snprintf(number, sizeof number, "%d", m->number);
    const char *values[] = {number, m->name, hash, at};
    PGresult *r = PQexecParams(pg, "INSERT INTO schema_migration VALUES ($1, $2, $3, $4)", 4, NULL,
                               values, NULL, NULL, 0);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    return ok ? 0 : say(pg, err, TG_E_DB, m->name);
}

static int apply(PGconn *pg, const struct db_migration *m, int64_t now, struct tg_err *err)
{
    TG_TRY(run(pg, "BEGIN", m->name, err));
    TG_TRY(run(pg, m->sql, m->name, err));
    TG_TRY(record(pg, m, now, err));
    return run(pg, "COMMIT", m->name, err);
}

static int migrate(PGconn *pg, int64_t now, const struct db_migration *list, size_t count,
                   struct db_migrated *ret, struct tg_err *err)
{
    int have = 0;
    if (PQstatus(pg) != CONNECTION_OK) return say(pg, err, TG_E_DB, "database");
    if (PQserverVersion(pg) < 150000)
        return TG_FAIL(err, TG_E_VERSION, "database: PostgreSQL 15 or later is needed, this is %d",
                       PQserverVersion(pg) / 10000);
    /* the session's lock: a second tamgad that starts waits here, and then finds all done */
    TG_TRY(run(pg, "SELECT pg_advisory_lock(500239328097)", "database: migration lock", err));
    TG_TRY(need_roles(pg, err));
    TG_TRY(need_schema(pg, err));
    TG_TRY(compare(pg, list, count, &have, err));
    for (size_t i = (size_t)have; i < count; i++)
        TG_TRY(apply(pg, &list[i], now, err));
    *ret = (struct db_migrated){have, (int)count};
    return 0;
}

int db_migrate_with(const char *conninfo, int64_t now, const struct db_migration *list,
                    size_t count, struct db_migrated *ret, struct tg_err *err)
{
    const char *const keys[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {conninfo, "tamga migrate", "UTF8", NULL};
    PGconn *pg = PQconnectdbParams(keys, values, 1);
    TG_CHECK(pg);
    int rc = migrate(pg, now, list, count, ret, err);
    PQfinish(pg);
    return rc;
}

int db_migrate(const char *conninfo, int64_t now, struct db_migrated *ret, struct tg_err *err)
{
    return db_migrate_with(conninfo, now, db_migrations, db_migrations_count, ret, err);
}
