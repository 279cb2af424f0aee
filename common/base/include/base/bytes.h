/* bytes: hex, base64, comparison, hashes, random numbers, files as byte strings. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { TG_SHA256 = 32, TG_HEX256 = 65 };

/* SHA-256 (FIPS 180-4). */
void tg_sha256(const void *bytes, size_t len, uint8_t ret[TG_SHA256]);
void tg_sha256_hex(const void *bytes, size_t len, char ret[TG_HEX256]);
/* SHA-256 over two pieces, one after the other. */
void tg_sha256_2(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t ret[TG_SHA256]);

void tg_hex(const void *bytes, size_t len, char *ret); /* 2*len+1 bytes, lower case */
bool tg_unhex(const char *hex, size_t hex_len,
              uint8_t *ret);                  /* strict lower case, ret has hex_len/2 */
bool tg_is_hex(const char *text, size_t len); /* exactly len lower-case hex digits, then NUL */
bool tg_equal(const void *a, const void *b, size_t len); /* constant time */

/* RFC 4648 §4 with padding. Decoding is strict: no white space, no missing padding, canonical. */
void tg_base64(struct tg_buf *out, const void *bytes, size_t len);
int tg_unbase64(const char *text, size_t len, struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;

void tg_random(void *ret, size_t len); /* from the kernel; aborts if there is none */
uint32_t tg_random_below(uint32_t bound);

/* Whole file, at most b->max bytes; TG_E_NOT_FOUND, TG_E_LIMIT, TG_E_IO. O_CLOEXEC, follows
 * symlinks. */
int tg_file_read(const char *path, struct tg_buf *b, struct tg_err *err) TG_MUST_CHECK;
/* Write to a temporary name, fsync, rename, fsync of the folder. A crash leaves the old or the new
 * file. */
int tg_file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
                    struct tg_err *err) TG_MUST_CHECK;
