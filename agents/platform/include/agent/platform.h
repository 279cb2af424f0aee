/* platform: the only room of the agent with OS calls: who owns a file, becoming that owner for
 * good, opening what a hostile user may have prepared, commands without a shell, sealed passwords.
 * TRUST §6: the root part never opens anything below a home; a child that became the owner does.
 * Linux. Blocks: for job children, except where said. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct agent_owner {
    uid_t uid;
    gid_t gid;
    char name[64]; /* login name, or the number where there is none */
};

/* Of the path itself, a last symlink not followed; a symlink before that must belong to root or to
 * the same owner (TG_E_DENIED). Any thread, does not open the file. */
int agent_owner_of(const char *path, struct agent_owner *ret, struct tg_err *err) TG_MUST_CHECK;
void agent_owner_name(uid_t uid, char ret[64]);
/* May this process act for that owner? Root may for everybody, others for themselves. */
int agent_may_act_for(const struct agent_owner *owner, const char *path,
                      struct tg_err *err) TG_MUST_CHECK;
/* This process becomes the owner and nothing else, for good: groups, gid, uid, no new privileges,
 * no core files, bounded memory and time. A process that is the owner already only gets the limits.
 */
int agent_become(const struct agent_owner *owner, struct tg_err *err) TG_MUST_CHECK;
bool agent_is_root(void);
/* run in a child that became the owner; what it wrote into its buffer arrives in ret, its error in
 * err. Only for a process of one thread. */
int agent_run_as(const struct agent_owner *owner,
                 int (*run)(void *data, struct tg_buf *out, struct tg_err *err), void *data,
                 struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;

/* A regular file of this process's user with one link, reached without magic links (openat2);
 * bounded by ret->max. A symlink's target must have the same owner. TG_E_DENIED names what is
 * wrong. */
int agent_read_file(const char *path, struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
/* The same, with any number of links: a killed installation leaves a second one. Only to find out
 * what must be recovered. */
int agent_read_linked(const char *path, struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
/* A new file, 0600, O_EXCL; file and folder fsynced. TG_E_EXISTS. A failure leaves nothing. */
int agent_write_new(const char *path, const void *bytes, size_t len,
                    struct tg_err *err) TG_MUST_CHECK;
/* unlink + fsync of the folder; an absent file is fine. */
int agent_remove(const char *path, struct tg_err *err) TG_MUST_CHECK;
/* rename within one folder + fsync of the folder. */
int agent_rename(const char *from, const char *to, struct tg_err *err) TG_MUST_CHECK;

enum { AGENT_COMMAND_WORDS = 32 };
/* Runs argv (NULL-terminated, absolute path first) without a shell, with an empty environment but
 * PATH, HOME and LANG; killed after wait_ms. out may be NULL; else it gets standard output.
 * TG_E_TIMEOUT, TG_E_IO. */
int agent_run(const char *const *argv, unsigned wait_ms, struct tg_buf *out, int *ret_exit,
              struct tg_err *err) TG_MUST_CHECK;

/* Passwords that a holder gave for one application, until install: in the kernel's keyring with a
 * time limit, else in this process's locked memory (they are lost when it ends: the holder is asked
 * again). Root part only. */
enum { AGENT_SEAL_S = 72 * 3600 };
int agent_seal_put(const char *number, const struct tg_secret *password,
                   struct tg_err *err) TG_MUST_CHECK;
bool agent_seal_get(const char *number, struct tg_secret *ret);
void agent_seal_drop(const char *number);
