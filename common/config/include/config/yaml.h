/* yaml: YAML in, plain structs out, against a table of keys; every complaint at once, each with
 * file, line, column and the likely word. One document, UTF-8, no anchors, aliases or foreign tags,
 * bounded depth and size. A struct tg_yaml owns everything that it read (one arena) and all its
 * complaints; several files may be read into one. It never logs and knows no program's settings.
 * Thread: any, no sharing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { TG_YAML_COMPLAINTS = 100 };

/* What a key holds, and the type of the member at its offset. */
enum tg_yaml_kind {
    TG_YAML_TEXT, /* const char *; min..max bytes (max 0: 1,024), clean UTF-8 */
    TG_YAML_INT,  /* int64_t; decimal, min..max */
    TG_YAML_BOOL, /* bool; yes no true false */
    TG_YAML_ENUM, /* int; the value of one of words; -1 when absent or wrong without `otherwise` */
    TG_YAML_DURATION,  /* int64_t seconds; 30d 1y 12h 5m (y = 365 d, m = minutes) or a bare 0;
                          min..max seconds */
    TG_YAML_PERCENT,   /* int64_t; 5% */
    TG_YAML_TEXTS,     /* struct tg_yaml_texts; a list, or one scalar; min..max bytes of each */
    TG_YAML_ENUMS,     /* uint32_t; bit i for each word of value i, 0 when the key is absent */
    TG_YAML_DURATIONS, /* struct tg_yaml_ints; a list, or one scalar */
    TG_YAML_PERCENTS,  /* struct tg_yaml_ints */
    TG_YAML_MAP,       /* the struct itself, in place, as `map` says */
    TG_YAML_MAPS       /* struct tg_yaml_list; a list of maps, items of map->size bytes */
};

struct tg_yaml_texts {
    const char **items;
    size_t count;
};
struct tg_yaml_ints {
    int64_t *items;
    size_t count;
};
struct tg_yaml_list {
    void *items;
    size_t count;
};

struct tg_yaml_word {
    const char *word;
    int value;
}; /* a table ends with a NULL word */

struct tg_yaml_key {
    const char *name; /* a table ends with TG_YAML_END */
    enum tg_yaml_kind kind;
    size_t offset;
    bool required;
    int64_t min, max;                 /* both 0: no bound but the kind's own */
    const struct tg_yaml_word *words; /* ENUM, ENUMS */
    const struct tg_yaml_map *map;    /* MAP, MAPS */
    const char *otherwise; /* scalar kinds: the value of an absent key, spelled as in YAML */
    size_t items;          /* lists: at most so many (0: 256) */
    /* TEXT, TEXTS: NULL or what is wrong with the text ("is not ..."). */
    const char *(*wrong)(const char *text);
};
/* The last line of a table of keys. */
#define TG_YAML_END                                                                                \
    {                                                                                              \
        .name = NULL                                                                               \
    }

struct tg_yaml_map {
    size_t size; /* of the struct, which starts zeroed */
    const struct tg_yaml_key *keys;
};

struct tg_yaml; /* owns arena, complaints, places */

struct tg_yaml *tg_yaml_new(void);
void tg_yaml_free(struct tg_yaml *y);
static inline void tg_auto_yaml(struct tg_yaml **y)
{
    tg_yaml_free(*y);
    *y = NULL;
}
void *tg_yaml_alloc(struct tg_yaml *y, size_t size);           /* zeroed, lives as long as y */
const char *tg_yaml_text(struct tg_yaml *y, const char *text); /* a copy that lives as long as y */

/* Read one file into *ret (map->size bytes). `file` is its name in complaints. 0, or TG_E_INPUT
 * when this file drew complaints: err then holds the first and their number. *ret is usable for
 * semantic checks even then; wrong members hold zero or their default. */
int tg_yaml_read(struct tg_yaml *y, const char *file, const void *bytes, size_t len,
                 const struct tg_yaml_map *map, void *ret, struct tg_err *err) TG_MUST_CHECK;
/* The same from disk, at most TG_MAX_YAML bytes. */
int tg_yaml_read_file(struct tg_yaml *y, const char *path, const struct tg_yaml_map *map, void *ret,
                      struct tg_err *err) TG_MUST_CHECK;

/* Semantic checks after reading: `member` is the address of a member that was read (or of the
 * struct of a map); the complaint names its key, line and column. A member that is absent is named
 * by its map's place. */
void tg_yaml_complain(struct tg_yaml *y, const void *member, const char *fmt, ...) TG_PRINTF(3, 4);
void tg_yaml_warn(struct tg_yaml *y, const void *member, const char *fmt, ...) TG_PRINTF(3, 4);
/* About a whole file: "FILE: message". */
void tg_yaml_complain_file(struct tg_yaml *y, const char *file, const char *fmt, ...)
    TG_PRINTF(3, 4);
/* "FILE:LINE" of a member, "" if it was not read. Borrowed, lives as long as y. */
const char *tg_yaml_where(struct tg_yaml *y, const void *member);

bool tg_yaml_given(const struct tg_yaml *y, const void *member); /* it stood in the file */
size_t tg_yaml_errors(const struct tg_yaml *y);
size_t tg_yaml_warnings(const struct tg_yaml *y);
/* One line each, in the order of files, lines, columns:
 *   FILE:LINE:COLUMN: key 'x': message; did you mean 'y'?      (warnings: FILE:LINE:COLUMN:
 * warning: key ...) */
void tg_yaml_print(const struct tg_yaml *y, struct tg_buf *out);
/* 0, or TG_E_INPUT with the first complaint and the number of all. */
int tg_yaml_result(const struct tg_yaml *y, struct tg_err *err) TG_MUST_CHECK;

/* Durations as above. False if the text is none. */
bool tg_duration_parse(const char *text, int64_t *ret_s);
/* The shortest exact spelling: 365d -> 1y, 90m -> 90m, 0 -> 0. Seconds that are no whole minute
 * round up. */
enum { TG_DURATION = 24 };
void tg_duration_print(int64_t seconds, char ret[TG_DURATION]);
