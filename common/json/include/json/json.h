/* json: bounded JSON (RFC 8259) in, deterministic JSON out; jansson's types, never its unbounded
 * entry points. Reading refuses duplicate keys, NUL in strings, trailing bytes and depth beyond
 * TG_MAX_DEPTH. Getters name the field in their error. Trees are the caller's (TG_AUTO(json)).
 * Thread: any, no sharing. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"

TG_DEFINE_AUTO(json, json_t, json_decref);

/* One document, any value at the top. The error has line and column (of bytes). */
int tg_json_parse(const void *bytes, size_t len, size_t max_len, json_t **ret_,
                  struct tg_err *err) TG_MUST_CHECK;
/* The same, and the top must be an object. */
int tg_json_parse_object(const void *bytes, size_t len, size_t max_len, json_t **ret_,
                         struct tg_err *err) TG_MUST_CHECK;

/* Required fields of an object. Missing, null, or of another type: TG_E_INPUT "field "key": ...".
 * Pointers are borrowed from obj. _str: at most max_len bytes (TG_E_LIMIT), may be empty. */
int tg_json_str(const json_t *obj, const char *key, size_t max_len, const char **ret,
                struct tg_err *err) TG_MUST_CHECK;
int tg_json_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
                struct tg_err *err) TG_MUST_CHECK;
int tg_json_bool(const json_t *obj, const char *key, bool *ret, struct tg_err *err) TG_MUST_CHECK;
int tg_json_array(const json_t *obj, const char *key, size_t max_count, const json_t **ret,
                  struct tg_err *err) TG_MUST_CHECK;
int tg_json_object(const json_t *obj, const char *key, const json_t **ret,
                   struct tg_err *err) TG_MUST_CHECK;
/* 64 lower-case hex digits, as text (borrowed) or as bytes. */
int tg_json_hex256(const json_t *obj, const char *key, const char **ret,
                   struct tg_err *err) TG_MUST_CHECK;
int tg_json_hash(const json_t *obj, const char *key, uint8_t ret[TG_SHA256],
                 struct tg_err *err) TG_MUST_CHECK;
/* YYYY-MM-DDThh:mm:ssZ */
int tg_json_time(const json_t *obj, const char *key, int64_t *ret,
                 struct tg_err *err) TG_MUST_CHECK;
/* Padded base64, appended to ret, whose maximum is the bound. */
int tg_json_base64(const json_t *obj, const char *key, struct tg_buf *ret,
                   struct tg_err *err) TG_MUST_CHECK;

/* Optional fields: when the field is absent or null, *ret is left alone (give it its default first)
 * and 0 is returned; a present field of another type is still refused. */
int tg_json_opt_str(const json_t *obj, const char *key, size_t max_len, const char **ret,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_json_opt_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_json_opt_bool(const json_t *obj, const char *key, bool *ret,
                     struct tg_err *err) TG_MUST_CHECK;
int tg_json_opt_array(const json_t *obj, const char *key, size_t max_count, const json_t **ret,
                      struct tg_err *err) TG_MUST_CHECK;
int tg_json_opt_object(const json_t *obj, const char *key, const json_t **ret,
                       struct tg_err *err) TG_MUST_CHECK;
int tg_json_opt_time(const json_t *obj, const char *key, int64_t *ret,
                     struct tg_err *err) TG_MUST_CHECK;
bool tg_json_has(const json_t *obj, const char *key); /* present and not null */

/* A string element of an array; the error names key[index]. */
int tg_json_item_str(const json_t *array, const char *key, size_t index, size_t max_len,
                     const char **ret, struct tg_err *err) TG_MUST_CHECK;

/* No field but these; an unknown one is named, with the likely word. */
int tg_json_only_keys(const json_t *obj, const char *const *keys, size_t count,
                      struct tg_err *err) TG_MUST_CHECK;
/* tg_json_only(obj, err, "v", "type", "id") */
#define tg_json_only(obj, err, ...)                                                                \
    tg_json_only_keys((obj), (const char *const[]){__VA_ARGS__},                                   \
                      sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), (err))

/* Compact, UTF-8 as it is, members in the order of insertion. Escapes as struct tg_jw does. */
void tg_json_dump(const json_t *value, struct tg_buf *out);
/* The same with members sorted by key, bytewise, at every depth: for hashing. */
void tg_json_dump_sorted(const json_t *value, struct tg_buf *out);

/* jw: writes JSON straight into a tg_buf, commas by itself. Escapes only \" \\ and control
 * characters
 * (\u00xx); a broken UTF-8 sequence becomes U+FFFD. Misuse (a value where a key belongs) aborts. */
enum { TG_JW_DEPTH = 32 };
struct tg_jw {
    struct tg_buf *out;
    int depth;
    bool after_key;
    bool any[TG_JW_DEPTH + 1];    /* something stands at this depth: a comma comes first */
    bool object[TG_JW_DEPTH + 1]; /* this depth is an object */
};

void tg_jw_init(struct tg_jw *w, struct tg_buf *out);
void tg_jw_begin_object(struct tg_jw *w);
void tg_jw_begin_array(struct tg_jw *w);
void tg_jw_end(struct tg_jw *w); /* of the innermost object or array */
void tg_jw_key(struct tg_jw *w, const char *key);
void tg_jw_str(struct tg_jw *w, const char *text); /* NULL writes null */
void tg_jw_strn(struct tg_jw *w, const void *bytes, size_t len);
void tg_jw_int(struct tg_jw *w, int64_t value);
void tg_jw_bool(struct tg_jw *w, bool value);
void tg_jw_null(struct tg_jw *w);
void tg_jw_time(struct tg_jw *w, int64_t at);
void tg_jw_hex(struct tg_jw *w, const void *bytes, size_t len);
void tg_jw_base64(struct tg_jw *w, const void *bytes, size_t len);
void tg_jw_raw(struct tg_jw *w, const void *json, size_t len); /* ready JSON of one value */
void tg_jw_value(struct tg_jw *w, const json_t *value);
/* key and value in one call */
void tg_jw_kstr(struct tg_jw *w, const char *key, const char *text);
void tg_jw_kint(struct tg_jw *w, const char *key, int64_t value);
void tg_jw_kbool(struct tg_jw *w, const char *key, bool value);
void tg_jw_ktime(struct tg_jw *w, const char *key, int64_t at);

/* One JSON string with its quotes, as jw writes it. */
void tg_json_quote(struct tg_buf *out, const void *bytes, size_t len);
