/* cluster: the private PostgreSQL below a state folder: made on first start, adopted when alive,
 * recovered after a crash, never taken for one when half-made. Unix socket only; peer
 * authentication. As root it runs as another user and says where it lives. All calls block and
 * belong before the loop runs, or after it; cluster_keep() alone is for a pool thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cluster;

struct cluster_config {
    const char *state; /* STATE/pgdata; exists */
    const char *user;  /* as root: who runs it when pgdata is not there yet; NULL = $TAMGA_PG_USER,
                          else postgres, nobody */
    const char *bin;   /* NULL = /usr/lib/postgresql/15/bin, or $TAMGA_PGBIN */
};

/* Ready to be connected to when it returns. TG_E_VERSION: made by another major version of
 * PostgreSQL. */
int cluster_start(const struct cluster_config *config, struct cluster **ret,
                  struct tg_err *err) TG_MUST_CHECK;
/* Starts the server again where it has ended without being told to. *ret_started: it had. Blocks
 * until it answers; one thread at a time, and no other call beside it. */
int cluster_keep(struct cluster *c, bool *ret_started, struct tg_err *err) TG_MUST_CHECK;
/* Fast shutdown (SIGINT), waits for its end, frees. NULL ok. An adopted server is stopped too. */
void cluster_stop(struct cluster *c);
/* Frees and lets it run on. */
void cluster_leave(struct cluster *c);

const char *cluster_conninfo(const struct cluster *c);       /* as tamga_run */
const char *cluster_owner_conninfo(const struct cluster *c); /* as tamga_owner: for db_migrate() */
const char *
cluster_said(const struct cluster *c); /* what a person should know ("lives in ..."), or "" */
int cluster_pid(const struct cluster *c);
bool cluster_was_running(const struct cluster *c); /* adopted: another program's, or a crash's */

/* --- backup: a folder with the database (pg_dump, custom format), the state's own files, and a
 * manifest of SHA-256 --- */

struct cluster_backup {
    const char *conninfo; /* as tamga_owner */
    const char *state;
    const char *dir; /* made here; must not exist */
    const char *const
        *files; /* names below state, files or folders; those that are not there are left out */
    size_t files_count;
    int64_t now;
    const char *bin; /* as in cluster_config */
};
int cluster_backup(const struct cluster_backup *b, struct tg_err *err) TG_MUST_CHECK;
/* Every file of the backup is as its manifest says, and none is missing. TG_E_MISMATCH names it. */
int cluster_backup_check(const char *dir, struct tg_err *err) TG_MUST_CHECK;
/* Checks, then copies the state's files; a file that is there already is refused. Start the cluster
 * next, then: */
int cluster_restore_files(const char *dir, const char *state, struct tg_err *err) TG_MUST_CHECK;
/* Into a database without a schema tamga. Before db_migrate(). */
int cluster_restore_database(const char *dir, const char *owner_conninfo, const char *bin,
                             struct tg_err *err) TG_MUST_CHECK;
