#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "yaml_in.h"

struct tg_yaml *tg_yaml_new(void)
{
    return TG_NEW(struct tg_yaml);
}

void tg_yaml_free(struct tg_yaml *y)
{
    if (!y) return;
    for (struct yaml_chunk *chunk = y->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    for (size_t i = 0; i < y->complaint_count; i++)
        free(y->complaints[i].text);
    free(y->places);
    free(y);
}

void *tg_yaml_alloc(struct tg_yaml *y, size_t size)
{
    struct yaml_chunk *chunk = tg_alloc(sizeof(*chunk) + (size ? size : 1));
    chunk->next = y->chunks;
    y->chunks = chunk;
    return chunk->data;
}

const char *tg_yaml_text(struct tg_yaml *y, const char *text)
{
    size_t len = strlen(text);
    char *copy = tg_yaml_alloc(y, len + 1);
    memcpy(copy, text, len);
    return copy;
}

static void keep(struct tg_yaml *y, bool warning, unsigned file, unsigned line, unsigned column,
                 char *text)
{
    size_t *count = warning ? &y->warnings : &y->errors;
    if (++*count > TG_YAML_COMPLAINTS) {
        free(text);
        return;
    }
    y->complaints[y->complaint_count] =
        (struct yaml_complaint){.file = file,
                                .line = line,
                                .column = column,
                                .warning = warning,
                                .order = (unsigned)y->complaint_count,
                                .text = text};
    y->complaint_count++;
}

static void complain(struct tg_yaml *y, bool warning, const struct yaml_place *at,
                     const char *suggestion, const char *fmt, va_list args) TG_PRINTF(5, 0);
static void complain(struct tg_yaml *y, bool warning, const struct yaml_place *at,
                     const char *suggestion, const char *fmt, va_list args)
{
    struct tg_buf text = TG_BUF(YAML_MAX_COMPLAINT);
    if (at->key && *at->key) tg_buf_printf(&text, "key '%s': ", at->key);
    char body[YAML_MAX_COMPLAINT / 2];
    vsnprintf(body, sizeof(body), fmt, args);
    tg_buf_puts(&text, body);
    if (suggestion) tg_buf_printf(&text, "; did you mean '%s'?", suggestion);
    keep(y, warning, at->file, at->line, at->column, tg_strdup(tg_buf_text(&text)));
    tg_buf_done(&text);
}

void yaml_complain_at(struct yaml_reader *r, const yaml_mark_t *mark, const char *key,
                      const char *suggestion, const char *fmt, ...)
{
    struct yaml_place at = {.key = key,
                            .file = r->file,
                            .line = (unsigned)mark->line + 1,
                            .column = (unsigned)mark->column + 1};
    va_list args;
    va_start(args, fmt);
    complain(r->y, false, &at, suggestion, fmt, args);
    va_end(args);
}

void yaml_remember(struct yaml_reader *r, const void *member, size_t size, const char *key,
                   const yaml_mark_t *mark)
{
    struct tg_yaml *y = r->y;
    if (y->place_count == y->place_room) {
        y->place_room = y->place_room ? 2 * y->place_room : 64;
        y->places = tg_realloc(y->places, y->place_room * sizeof(*y->places));
    }
    y->places[y->place_count++] = (struct yaml_place){.member = member,
                                                      .key = key,
                                                      .file = r->file,
                                                      .line = (unsigned)mark->line + 1,
                                                      .column = (unsigned)mark->column + 1,
                                                      .given = true,
                                                      .size = size};
}

/* The member itself, or else the innermost map that holds it (the last remembered one that does). A
 * map's first member shares the map's address: the plain member is the better answer. */
static const struct yaml_place *find(const struct tg_yaml *y, const void *member, bool exact)
{
    const struct yaml_place *outer = NULL;
    for (size_t i = 0; i < y->place_count; i++) {
        const struct yaml_place *place = &y->places[i];
        const char *base = place->member;
        if (base == member && !place->size) return place;
        if (place->size && (const char *)member >= base &&
            (const char *)member < base + place->size && (!outer || place->size <= outer->size))
            outer = place;
    }
    return !exact || (outer && outer->member == member) ? outer : NULL;
}

static void complain_member(struct tg_yaml *y, bool warning, const void *member, const char *fmt,
                            va_list args) TG_PRINTF(4, 0);
static void complain_member(struct tg_yaml *y, bool warning, const void *member, const char *fmt,
                            va_list args)
{
    static const struct yaml_place nowhere = {.key = NULL};
    const struct yaml_place *place = find(y, member, false);
    complain(y, warning, place ? place : &nowhere, NULL, fmt, args);
}

void tg_yaml_complain(struct tg_yaml *y, const void *member, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain_member(y, false, member, fmt, args);
    va_end(args);
}

void tg_yaml_warn(struct tg_yaml *y, const void *member, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain_member(y, true, member, fmt, args);
    va_end(args);
}

static unsigned file_index(struct tg_yaml *y, const char *file)
{
    for (unsigned i = 0; i < y->file_count; i++)
        if (strcmp(y->files[i], file) == 0) return i;
    if (y->file_count == YAML_MAX_FILES) return YAML_MAX_FILES - 1;
    y->files[y->file_count] = tg_yaml_text(y, file);
    return y->file_count++;
}

void tg_yaml_complain_file(struct tg_yaml *y, const char *file, const char *fmt, ...)
{
    struct yaml_place at = {.file = file_index(y, file)};
    va_list args;
    va_start(args, fmt);
    complain(y, false, &at, NULL, fmt, args);
    va_end(args);
}

const char *tg_yaml_where(struct tg_yaml *y, const void *member)
{
    const struct yaml_place *place = find(y, member, false);
    if (!place) return "";
    struct tg_buf text = TG_BUF(4096);
    tg_buf_printf(&text, "%s:%u", y->files[place->file], place->line);
    const char *where = tg_yaml_text(y, tg_buf_text(&text));
    tg_buf_done(&text);
    return where;
}

bool tg_yaml_given(const struct tg_yaml *y, const void *member)
{
    return find(y, member, true) != NULL;
}

size_t tg_yaml_errors(const struct tg_yaml *y)
{
    return y->errors;
}

size_t tg_yaml_warnings(const struct tg_yaml *y)
{
    return y->warnings;
}

static int by_place(const void *left, const void *right)
{
    const struct yaml_complaint *a = left, *b = right;
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    if (a->column != b->column) return a->column < b->column ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void print_one(const struct tg_yaml *y, const struct yaml_complaint *c, struct tg_buf *out)
{
    if (y->file_count) tg_buf_puts(out, y->files[c->file]);
    if (c->line) tg_buf_printf(out, ":%u:%u", c->line, c->column);
    tg_buf_printf(out, ": %s%s", c->warning ? "warning: " : "", c->text);
}

/* A sorted copy: complaints are found map by map, people read from the top. */
static struct yaml_complaint *sorted(const struct tg_yaml *y)
{
    struct yaml_complaint *all = tg_calloc(y->complaint_count + 1, sizeof(*all));
    memcpy(all, y->complaints, y->complaint_count * sizeof(*all));
    qsort(all, y->complaint_count, sizeof(*all), by_place);
    return all;
}

void tg_yaml_print(const struct tg_yaml *y, struct tg_buf *out)
{
    struct yaml_complaint *all = sorted(y);
    for (size_t i = 0; i < y->complaint_count; i++) {
        print_one(y, &all[i], out);
        tg_buf_putc(out, '\n');
    }
    free(all);
    if (y->errors > TG_YAML_COMPLAINTS || y->warnings > TG_YAML_COMPLAINTS)
        tg_buf_printf(out, "and more: the first %d are shown, correct these first\n",
                      TG_YAML_COMPLAINTS);
}

int tg_yaml_result(const struct tg_yaml *y, struct tg_err *err)
{
    if (!y->errors) return 0;
    struct yaml_complaint *all = sorted(y);
    struct tg_buf text = TG_BUF(4096);
    size_t i = 0;
    while (all[i].warning)
        i++;
    print_one(y, &all[i], &text);
    if (y->errors > 1) tg_buf_printf(&text, " (and %zu more)", y->errors - 1);
    int rc = TG_FAIL(err, TG_E_INPUT, "%s", tg_buf_text(&text));
    tg_buf_done(&text);
    free(all);
    return rc;
}

/* ---- reading ---- */

static void read_root(struct yaml_reader *r, const struct tg_yaml_map *map, char *ret)
{
    yaml_node_t *root = yaml_document_get_root_node(r->document);
    static const yaml_mark_t start;
    if (!root) {
        yaml_complain_at(r, &start, NULL, NULL, "the file is empty");
        return;
    }
    yaml_read_map(r, root, "", map, ret);
}

static void read_tree(struct yaml_reader *r, const unsigned char *bytes, size_t len,
                      const struct tg_yaml_map *map, char *ret)
{
    yaml_parser_t parser;
    yaml_document_t document;
    TG_CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, bytes, len);
    if (yaml_parser_load(&parser, &document)) {
        r->document = &document;
        read_root(r, map, ret);
        yaml_document_delete(&document);
    } else {
        /* The scan has seen every event, so this is libyaml's loader refusing, for example, a
         * duplicate anchor. */
        yaml_complain_at(r, &parser.problem_mark, NULL, NULL, "%s",
                         parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
}

int tg_yaml_read(struct tg_yaml *y, const char *file, const void *bytes, size_t len,
                 const struct tg_yaml_map *map, void *ret, struct tg_err *err)
{
    memset(ret, 0, map->size);
    struct yaml_reader r = {.y = y, .file = file_index(y, file)};
    size_t before = y->errors;
    static const yaml_mark_t start;
    const unsigned char *text = len ? bytes : (const unsigned char *)"";
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (len > TG_MAX_YAML)
        yaml_complain_at(&r, &start, NULL, NULL, "the file is larger than %d bytes", TG_MAX_YAML);
    else if (yaml_scan(&r, text, len))
        read_tree(&r, text, len, map, ret);
    return y->errors == before ? 0 : tg_yaml_result(y, err);
}

int tg_yaml_read_file(struct tg_yaml *y, const char *path, const struct tg_yaml_map *map, void *ret,
                      struct tg_err *err)
{
    struct tg_buf bytes = TG_BUF(TG_MAX_YAML);
    struct tg_err why = {0};
    int rc = tg_file_read(path, &bytes, &why);
    if (rc < 0) {
        memset(ret, 0, map->size);
        size_t named = strlen(path); /* the complaint begins with the path by itself */
        bool twice = strncmp(why.text, path, named) == 0 && strncmp(why.text + named, ": ", 2) == 0;
        tg_yaml_complain_file(y, path, "%s", twice ? why.text + named + 2 : why.text);
        rc = tg_yaml_result(y, err);
    } else {
        rc = tg_yaml_read(y, path, bytes.data, bytes.len, map, ret, err);
    }
    tg_buf_done(&bytes);
    return rc;
}
