/* state: the agent's own folder DIR and what the process asks of its kernel. DIR is 0711 so that
 * anybody may reach DIR/agent.sock; everything else in it is for the agent's user only. Blocks for
 * small files. Thread: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* DIR with pending, jobs, spool, trust, recalls. TG_E_DENIED when DIR belongs to another user or
 * others may write there. */
int agent_state_make(const char *dir, struct tg_err *err) TG_MUST_CHECK;
/* One process at a time acts on DIR. The lock ends with the process, or by close(*ret_fd).
 * TG_E_BUSY. */
int agent_state_lock(const char *dir, int *ret_fd, struct tg_err *err) TG_MUST_CHECK;

/* A folder of numbered files, each written whole or not at all. */
int agent_folder_put(const char *dir, const char *folder, int64_t number, const void *bytes,
                     size_t len, struct tg_err *err) TG_MUST_CHECK; /* fsynced */
int agent_folder_get(const char *dir, const char *folder, int64_t number, struct tg_buf *ret,
                     struct tg_err *err) TG_MUST_CHECK;
/* An absent file is fine. Not fsynced: what a crash brings back is answered once more. */
int agent_folder_drop(const char *dir, const char *folder, int64_t number,
                      struct tg_err *err) TG_MUST_CHECK;
/* Ascending; *ret is yours (free). */
int agent_folder_list(const char *dir, const char *folder, int64_t **ret, size_t *ret_count,
                      struct tg_err *err) TG_MUST_CHECK;

/* Who is at the other end of a unix socket (SO_PEERCRED). */
int agent_peer_uid(int fd, uid_t *ret, struct tg_err *err) TG_MUST_CHECK;
bool agent_terminal(void); /* a person is at standard input */
/* This host's name in lower case, cut at 63 bytes; "" when it is no [a-z0-9.-]+. */
void agent_host_name(char ret[64]);
void agent_home(char *ret, size_t size); /* of this process's user; "/" when unknown */

/* An idle agent is small: one arena, big blocks returned at once, no threads. First act of `run`.
 */
void agent_frugal(void);
void agent_trim(void); /* give back what a burst of work left */
/* Waits, for the command line. */
void agent_pause(unsigned wait_ms);
