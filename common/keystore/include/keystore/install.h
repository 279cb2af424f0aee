/* install: puts new bytes in the place of a keystore so that at every moment the old or the new
 * content stands there whole (PKI §2). Keeps mode, owner, extended attributes, ACL and a symlink;
 * keeps one backup
 * `<name>.tamga-old`. Never follows a link to another owner's file, never touches a file with
 * several hard links, never writes in place. Owns nothing after it returns. Blocks: runs in a job's
 * child, never in a loop. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Asked with the temporary file's bytes before the rename, and with the bytes read back after it. A
 * negative code refuses them: the old file stays, or comes back. bytes2 is NULL except for a pair
 * (second file). */
typedef int (*tg_install_verify_fn)(const void *bytes, size_t len, const void *bytes2, size_t len2,
                                    void *data, struct tg_err *err);

struct tg_install_plan {
    int dir_fd;       /* negative (AT_FDCWD): path is an ordinary path; else it is relative to this
                       * folder,       and no magic link is followed on its way (openat2) */
    const char *path; /* the keystore; a symlink stays, its target is replaced */
    const void *bytes;
    size_t len;
    tg_install_verify_fn verify; /* required */
    void *data;
    const void
        *expect; /* what the keystore holds now: TG_E_STALE when somebody changed it; NULL: any */
    size_t expect_len;
};

int tg_install_file(const struct tg_install_plan *plan, struct tg_err *err) TG_MUST_CHECK;

/* Two files that change together (certificate and key, same folder): the intention stands in a
 * journal, fsynced, before the first rename; tg_install_recover() finishes or undoes it. plan->path
 * and bytes are the first file; verify sees both. */
struct tg_install_pair {
    struct tg_install_plan first;
    const char *second_path; /* same folder as the first */
    const void *second_bytes;
    size_t second_len;
};
int tg_install_pair(const struct tg_install_pair *pair, struct tg_err *err) TG_MUST_CHECK;

enum tg_install_recovery { TG_RECOVERED_NOTHING, TG_RECOVERED_UNDONE, TG_RECOVERED_FINISHED };
/* After a crash, before anything else is done with this keystore: a journal's pair is finished when
 * both new files can be completed, else undone; left-over temporary files of path are removed.
 * Idempotent. second_path and ret may be NULL. */
int tg_install_recover(int dir_fd, const char *path, const char *second_path,
                       enum tg_install_recovery *ret, struct tg_err *err) TG_MUST_CHECK;
