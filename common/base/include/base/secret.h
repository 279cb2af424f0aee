/* secret: bytes that are wiped when they end, live outside core files (MADV_DONTDUMP, mlock where
 * allowed) and are never formatted. Not copyable by accident: pass pointers. Thread: any, no
 * sharing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TG_SECRET_MAX = 65536 };

struct tg_secret {
    char *data; /* page-aligned, NUL after len; NULL when unset */
    size_t len;
    size_t mapped;
};

void tg_secret_set(struct tg_secret *s, const void *bytes,
                   size_t len);                        /* replaces, wipes the old value */
char *tg_secret_room(struct tg_secret *s, size_t len); /* len zero bytes to fill in */
void tg_secret_done(struct tg_secret *s);
void tg_wipe(void *bytes, size_t len);

/* One line without its end, at most 1,024 bytes. TG_E_INPUT for an empty file. */
int tg_secret_read_line(int fd, struct tg_secret *ret, struct tg_err *err) TG_MUST_CHECK;
int tg_secret_read_file(const char *path, struct tg_secret *ret,
                        struct tg_err *err) TG_MUST_CHECK; /* first line */
/* From the terminal, echo off; TG_E_UNSUPPORTED without a terminal. */
int tg_secret_prompt(const char *prompt, struct tg_secret *ret, struct tg_err *err) TG_MUST_CHECK;

/* This process: no core files of itself (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). First act of every
 * main(). */
void tg_secret_no_core(void);

static inline void tg_auto_secret(struct tg_secret *s)
{
    tg_secret_done(s);
}
