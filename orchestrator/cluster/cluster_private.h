/* The insides of the private cluster. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "cluster/cluster.h"

struct cluster {
    char base[PATH_MAX]; /* pgdata and socket folder live here: the state folder, or
                            /var/lib/tamga/HASH */
    char pgdata[PATH_MAX];
    char socket[PATH_MAX]; /* folder */
    char log[PATH_MAX];
    char bin[PATH_MAX];
    char user[64];    /* who runs it */
    char service[64]; /* who we are */
    uid_t uid;
    gid_t gid;
    bool root;    /* we are root: drop */
    bool adopted; /* it ran before us */
    pid_t pid;
    char *conninfo, *owner_conninfo, *said;
};

/* place.c: who runs it, and where. */
int cluster_choose_user(struct cluster *c, const struct cluster_config *config, struct tg_err *err);
int cluster_choose_place(struct cluster *c, const char *state, struct tg_err *err);
int cluster_choose_socket(struct cluster *c, struct tg_err *err);
int cluster_choose_binaries(struct cluster *c, const char *bin, struct tg_err *err);

/* make.c: initdb into pgdata.new.PID, roles, database, sync, rename. */
int cluster_make(struct cluster *c, struct tg_err *err);
int cluster_write_access(const struct cluster *c, const char *pgdata,
                         struct tg_err *err); /* pg_hba.conf, pg_ident.conf */

/* run.c */
struct run {
    const char *const *argv;
    const char *input; /* to its standard input; NULL = nothing */
    bool as_user;      /* drop to the cluster's user when we are root */
};
/* Runs to its end. TG_E_IO with the last line it wrote to standard error. */
int cluster_run(const struct cluster *c, const struct run *run, struct tg_err *err);
/* The server: own session, output to c->log. */
int cluster_spawn(const struct cluster *c, const char *const *argv, pid_t *ret, struct tg_err *err);
void cluster_pause(int wait_ms);
bool cluster_user_may_enter(const struct cluster *c, const char *path);

/* files.c */
int cluster_write(const char *path, const char *text, const struct cluster *c,
                  struct tg_err *err); /* 0600, of the cluster's user */
int cluster_remove_tree(const char *path, struct tg_err *err);
int cluster_sync(const char *path, struct tg_err *err); /* the file system that it is on */
typedef int (*cluster_file_fn)(const char *path, const char *name, unsigned mode, void *data,
                               struct tg_err *err);
/* Every regular file below root/name, in order of name; name may be a file itself. Symlinks and
 * sockets are left out. */
int cluster_each_file(const char *root, const char *name, cluster_file_fn fn, void *data,
                      struct tg_err *err);
int cluster_copy(const char *from, const char *to, unsigned mode,
                 struct tg_err *err); /* new file, fsynced; folders made */
int cluster_hash(const char *path, char ret[TG_HEX256], struct tg_err *err);
