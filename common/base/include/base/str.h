/* str: bounded text. UTF-8 checks (RFC 3629), numbers, and the application number. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool tg_utf8_valid(const void *bytes, size_t len);
/* TRUST F1 strings: valid UTF-8 without control, bidi, zero-width or noncharacters. Exactly these
 * are refused: 0000-001F 007F-009F 00AD 034F 061C 180E 200B-200F 2028-202E 2060-206F FDD0-FDEF FEFF
 * FFF9-FFFB E0000-E007F and every xxFFFE, xxFFFF. */
bool tg_utf8_clean(const void *bytes, size_t len);
/* Next code point of valid UTF-8; advances *p. 0xFFFD on a broken sequence (one byte consumed). */
uint32_t tg_utf8_next(const char **p, const char *end);
int tg_utf8_put(uint32_t cp, char ret[4]); /* number of bytes, 0 if not encodable */

/* Copy with bound; false if it did not fit (ret then holds ""). */
bool tg_copy(char *ret, size_t size, const char *text);
bool tg_copyn(char *ret, size_t size, const void *bytes, size_t len);

/* Decimal without sign, blanks or leading zeros. */
bool tg_parse_u64(const char *text, size_t len, uint64_t max, uint64_t *ret);
bool tg_starts(const char *text, const char *prefix);
bool tg_ends(const char *text, const char *suffix);
/* Shell-like match: '*' any run, '?' one byte; no other wildcards. */
bool tg_glob(const char *pattern, const char *text);
/* The candidate nearest to word (edit distance <= 1 + len/4), or NULL: "did you mean". */
const char *tg_nearest(const char *word, const char *const *candidates, size_t count);

/* Application number `26-004217-4`: year, sequence of 6 to 8 digits, Damm check digit over both. */
enum { TG_NUMBER = 16 };
struct tg_number {
    unsigned year;     /* 0..99 */
    uint32_t sequence; /* 1..99999999 */
};
unsigned tg_damm(const char *digits, size_t len); /* check digit; table of Damm's thesis */
void tg_number_print(struct tg_number n, char ret[TG_NUMBER]);
bool tg_number_parse(
    const char *text,
    struct tg_number *ret); /* refuses a wrong check digit, leading zeros beyond 6 digits */
