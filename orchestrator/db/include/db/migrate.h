/* migrate: brings a database to this program's schema, as the owner role, before the loop runs (it
 * blocks). Files are embedded; each is one transaction under an advisory lock, recorded with its
 * SHA-256. A database that is newer than the program, or that was made by other files, is refused
 * by name. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db_migration {
    int number;
    const char *name; /* "0005_applications.sql" */
    const char *sql;
};
extern const struct db_migration db_migrations[]; /* embedded, ascending */
extern const size_t db_migrations_count;

struct db_migrated {
    int from, to; /* schema numbers before and after; 0 = empty */
};

/* The login must be tamga_owner, a member of it, or somebody who may create roles and schemas: then
 * roles tamga_owner, tamga_run and schema tamga are made on the way. */
int db_migrate(const char *conninfo, int64_t now, struct db_migrated *ret,
               struct tg_err *err) TG_MUST_CHECK;
int db_migrate_with(const char *conninfo, int64_t now, const struct db_migration *list,
                    size_t count, struct db_migrated *ret, struct tg_err *err) TG_MUST_CHECK;
