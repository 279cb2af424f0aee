/* yaml_in: what the files of the YAML reader share. */
#pragma once

#include <yaml.h>

#include "config/yaml.h"

enum {
    YAML_MAX_KEYS = 64,      /* keys of one map: more than any schema has */
    YAML_MAX_ITEMS = 256,    /* items of a list, unless its key says otherwise */
    YAML_MAX_TEXT = 1024,    /* bytes of a text, unless its key says otherwise */
    YAML_MAX_FILES = 256,    /* files read into one tg_yaml */
    YAML_MAX_SHOWN = 60,     /* bytes of an offending text that a complaint repeats */
    YAML_MAX_COMPLAINT = 400 /* bytes of a complaint */
};

struct yaml_chunk {
    struct yaml_chunk *next;
    max_align_t data[];
};

/* Where a member came from. */
struct yaml_place {
    const void *member;
    const char *key;
    unsigned file, line, column;
    bool given;  /* false: a map that stands for its absent members */
    size_t size; /* of the map's struct, 0 for a plain member */
};

struct yaml_complaint {
    unsigned file, line, column, order;
    bool warning;
    char *text;
};

struct tg_yaml {
    struct yaml_chunk *chunks;
    const char *files[YAML_MAX_FILES];
    unsigned file_count;
    struct yaml_place *places;
    size_t place_count, place_room;
    struct yaml_complaint
        complaints[2 * TG_YAML_COMPLAINTS]; /* errors and warnings, each up to the bound */
    size_t complaint_count, errors, warnings;
};

/* One file on its way from bytes to structs. */
struct yaml_reader {
    struct tg_yaml *y;
    unsigned file;
    yaml_document_t *document;
};

/* line and column as libyaml counts them, from 0. key may be NULL. suggestion may be NULL. */
void yaml_complain_at(struct yaml_reader *r, const yaml_mark_t *mark, const char *key,
                      const char *suggestion, const char *fmt, ...) TG_PRINTF(5, 6);
/* Looks at the events before a tree is built: refuses anchors, aliases, tags, depth, a second
 * document. */
bool yaml_scan(struct yaml_reader *r, const unsigned char *bytes, size_t len);
void yaml_remember(struct yaml_reader *r, const void *member, size_t size, const char *key,
                   const yaml_mark_t *mark);
void yaml_read_map(struct yaml_reader *r, yaml_node_t *node, const char *name,
                   const struct tg_yaml_map *map, char *base);
/* One scalar into *slot, which has the type of the kind (for list kinds: of one item). false:
 * complained. */
bool yaml_read_scalar(struct yaml_reader *r, yaml_node_t *node, const struct tg_yaml_key *key,
                      void *slot);
/* The value of an absent key; the schema's own text cannot be wrong. */
void yaml_default_scalar(struct tg_yaml *y, const struct tg_yaml_key *key, void *slot);
/* A printable, short, quoted-free copy of an offending text, in one of a few rotating buffers. */
const char *yaml_shown(const char *text, size_t len);
