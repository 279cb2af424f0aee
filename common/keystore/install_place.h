/* install_place: one file being replaced: where it really stands, its temporary successor, its
 * backup. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum { PLACE_NAME = 256 };

struct tg_place {
    int dir_fd;
    char name[PLACE_NAME];   /* of the file itself, behind all symlinks */
    char tag[17];            /* first 16 hex digits of SHA-256(name): marks what belongs to it */
    char temp[PLACE_NAME];   /* "" = none */
    char backup[PLACE_NAME]; /* link or copy of the old file under a temporary name; "" = none */
    char keeps[PLACE_NAME];  /* <name>.tamga-old */
    struct stat st;          /* of the old file */
    struct tg_buf old;       /* its content */
    int temp_fd;
};

#define TG_PLACE ((struct tg_place){.dir_fd = -1, .temp_fd = -1})

/* Where path really stands; opens the folder. A symlink's target must have the owner of the link.
 */
int tg_place_find(struct tg_place *p, int dir_fd, const char *path,
                  struct tg_err *err) TG_MUST_CHECK;
/* Reads the old file: regular, one hard link. */
int tg_place_load(struct tg_place *p, struct tg_err *err) TG_MUST_CHECK;
/* A temporary file with these bytes and the old one's owner, attributes, ACL and mode, fsynced. */
int tg_place_write(struct tg_place *p, const void *bytes, size_t len,
                   struct tg_err *err) TG_MUST_CHECK;
int tg_place_read_temp(struct tg_place *p, struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
/* The old file under a second, temporary name: a hard link, or a copy where there are none. */
int tg_place_back_up(struct tg_place *p, struct tg_err *err) TG_MUST_CHECK;
int tg_place_rename(struct tg_place *p, struct tg_err *err) TG_MUST_CHECK; /* temp becomes name */
int tg_place_sync(const struct tg_place *p, struct tg_err *err) TG_MUST_CHECK;
int tg_place_read(const struct tg_place *p, const char *name, struct tg_buf *ret,
                  struct tg_err *err) TG_MUST_CHECK;
/* Backup becomes name again; false when that failed: then the backup stays for
 * tg_install_recover(). */
bool tg_place_restore(struct tg_place *p);
void tg_place_keep_backup(struct tg_place *p); /* backup becomes <name>.tamga-old */
void tg_place_done(struct tg_place *p);        /* removes what is temporary, closes */

void tg_place_wipe(struct tg_buf *buf); /* content of a keystore: wiped, then freed */

/* Temporary names: ".tamga-<what>.<tag>.<16 random hex>" */
void tg_place_temp_name(const struct tg_place *p, const char *what, char ret[PLACE_NAME]);
int tg_place_fail(struct tg_err *err, int error, const char *act,
                  const char *name); /* errno in our words */
