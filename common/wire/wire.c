/* Reader and writer, driven by the field tables of messages.c. */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"

enum { VERSION = 1, PATH = 200 };

static int read_struct(const json_t *from, const struct tg_wire_shape *shape, const char *path,
                       void *to, struct tg_err *err);

/* Members of one struct, as typed pointers into it. */
static void *member(const void *structure, const struct tg_wire_field *f)
{
    return (char *)(uintptr_t)structure + f->offset;
}

static int wrong(const char *path, const char *what, struct tg_err *err)
{
    return TG_FAIL(err, TG_E_INPUT, "%s: %s", path, what);
}

static int read_text(const json_t *v, const struct tg_wire_field *f, const char *path, char **to,
                     struct tg_err *err)
{
    if (!json_is_string(v)) return wrong(path, "text expected", err);
    size_t len = json_string_length(v);
    if (len > f->max)
        return TG_FAIL(err, TG_E_LIMIT, "%s: %zu bytes, at most %zu", path, len, f->max);
    *to = tg_strndup(json_string_value(v), len);
    return 0;
}

static int read_blob(const json_t *v, const struct tg_wire_field *f, const char *path,
                     struct tg_wire_blob *to, struct tg_err *err)
{
    if (!json_is_string(v)) return wrong(path, "base64 expected", err);
    struct tg_buf bytes = TG_BUF(f->max);
    int rc = tg_unbase64(json_string_value(v), json_string_length(v), &bytes, err);
    if (rc < 0) {
        tg_buf_done(&bytes);
        return tg_err_wrap(err, "%s", path);
    }
    to->data = (uint8_t *)tg_buf_take(&bytes, &to->len);
    return 0;
}

static int read_list(const json_t *v, const struct tg_wire_field *f, const char *path,
                     struct tg_wire_list *to, struct tg_err *err)
{
    if (!json_is_array(v)) return wrong(path, "array expected", err);
    size_t count = json_array_size(v);
    if (count > f->max)
        return TG_FAIL(err, TG_E_LIMIT, "%s: %zu items, at most %zu", path, count, f->max);
    if (count == 0) return 0;
    to->items = tg_calloc(count, f->shape->size);
    to->count = count;
    for (size_t i = 0; i < count; i++) {
        char at[PATH + 32];
        snprintf(at, sizeof at, "%.*s[%zu]", PATH, path, i);
        TG_TRY(read_struct(json_array_get(v, i), f->shape, at,
                           (char *)to->items + i * f->shape->size, err));
    }
    return 0;
}

static int read_value(const json_t *v, const struct tg_wire_field *f, const char *path, void *to,
                      struct tg_err *err)
{
    switch (f->kind) {
    case TG_WIRE_K_TEXT:
        return read_text(v, f, path, to, err);
    case TG_WIRE_K_BLOB:
        return read_blob(v, f, path, to, err);
    case TG_WIRE_K_LIST:
        return read_list(v, f, path, to, err);
    case TG_WIRE_K_INT:
        if (!json_is_integer(v)) return wrong(path, "integer expected", err);
        *(int64_t *)to = json_integer_value(v);
        return 0;
    case TG_WIRE_K_BOOL:
        if (!json_is_boolean(v)) return wrong(path, "true or false expected", err);
        *(bool *)to = json_is_true(v);
        return 0;
    }
    return TG_FAIL(err, TG_E_BUG, "%s: field kind %d", path, (int)f->kind);
}

static const struct tg_wire_field *find_field(const struct tg_wire_shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->count; i++)
        if (strcmp(shape->fields[i].name, name) == 0) return &shape->fields[i];
    return NULL;
}

static int read_struct(const json_t *from, const struct tg_wire_shape *shape, const char *path,
                       void *to, struct tg_err *err)
{
    if (shape->fields[0].name[0] == '\0')
        return read_value(from, &shape->fields[0], path, member(to, &shape->fields[0]), err);
    if (!json_is_object(from)) return wrong(path, "object expected", err);
    for (size_t i = 0; i < shape->count; i++) {
        const struct tg_wire_field *f = &shape->fields[i];
        const json_t *v = json_object_get(from, f->name);
        char at[PATH + 32];
        snprintf(at, sizeof at, "%.*s.%s", PATH, path, f->name);
        if (!v && f->optional) continue;
        if (!v) return wrong(at, "missing", err);
        TG_TRY(read_value(v, f, at, member(to, f), err));
    }
    const char *key;
    json_t *ignored;
    json_object_foreach((json_t *)(uintptr_t)from, key,
                        ignored) if (!find_field(shape,
                                                 key)) return TG_FAIL(err, TG_E_INPUT,
                                                                      "%s: unknown field \"%.64s\"",
                                                                      path, key);
    return 0;
}

static void free_struct(void *from, const struct tg_wire_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct tg_wire_field *f = &shape->fields[i];
        void *at = member(from, f);
        if (f->kind == TG_WIRE_K_TEXT) free(*(char **)at);
        if (f->kind == TG_WIRE_K_BLOB) free(((struct tg_wire_blob *)at)->data);
        if (f->kind != TG_WIRE_K_LIST) continue;
        struct tg_wire_list *list = at;
        for (size_t k = 0; k < list->count; k++)
            free_struct((char *)list->items + k * f->shape->size, f->shape);
        free(list->items);
    }
}

void tg_wire_free(struct tg_wire_message *m)
{
    if (!m) return;
    if (m->body) {
        free_struct(m->body, tg_wire_shape_of(m->type));
        free(m->body);
    }
    free(m);
}

static int type_of(const char *word, enum tg_wire_type *ret, struct tg_err *err)
{
    for (enum tg_wire_type t = 0; t < TG_WIRE_TYPES; t++) {
        if (strcmp(tg_wire_word(t), word) == 0) {
            *ret = t;
            return 0;
        }
    }
    return TG_FAIL(err, TG_E_VERSION, "type: unknown message \"%.64s\"; the other side is newer",
                   word);
}

int tg_wire_parse(const void *bytes, size_t len, struct tg_wire_message **ret, struct tg_err *err)
{
    TG_AUTO(json) json_t *root = NULL;
    TG_TRY(tg_json_parse_object(bytes, len, TG_MAX_MESSAGE, &root, err));
    TG_TRY(tg_json_only(root, err, "v", "type", "id", "body"));
    int64_t version = 0;
    int64_t id = 0;
    const char *word = NULL;
    const json_t *body = NULL;
    TG_TRY(tg_json_int(root, "v", 0, INT32_MAX, &version, err));
    if (version != VERSION)
        return TG_FAIL(err, TG_E_VERSION, "v: message version %lld, this program speaks %d",
                       (long long)version, VERSION);
    TG_TRY(tg_json_str(root, "type", 64, &word, err));
    TG_TRY(tg_json_int(root, "id", 0, INT64_MAX, &id, err));
    TG_TRY(tg_json_object(root, "body", &body, err));
    TG_AUTO(wire) struct tg_wire_message *m = TG_NEW(struct tg_wire_message);
    TG_TRY(type_of(word, &m->type, err));
    m->id = id;
    m->body = tg_alloc(tg_wire_shape_of(m->type)->size);
    TG_TRY(read_struct(body, tg_wire_shape_of(m->type), "body", m->body, err));
    *ret = TG_TAKE(m);
    return 0;
}

static void write_struct(struct tg_jw *w, const void *from, const struct tg_wire_shape *shape);

static void write_value(struct tg_jw *w, const void *at, const struct tg_wire_field *f)
{
    const struct tg_wire_blob *blob = at;
    const struct tg_wire_list *list = at;
    switch (f->kind) {
    case TG_WIRE_K_TEXT:
        TG_CHECK(*(char *const *)at); /* a required text was not set */
        tg_jw_str(w, *(char *const *)at);
        break;
    case TG_WIRE_K_BLOB:
        tg_jw_base64(w, blob->data, blob->len);
        break;
    case TG_WIRE_K_INT:
        tg_jw_int(w, *(const int64_t *)at);
        break;
    case TG_WIRE_K_BOOL:
        tg_jw_bool(w, *(const bool *)at);
        break;
    case TG_WIRE_K_LIST:
        tg_jw_begin_array(w);
        for (size_t i = 0; i < list->count; i++)
            write_struct(w, (const char *)list->items + i * f->shape->size, f->shape);
        tg_jw_end(w);
        break;
    }
}

static bool is_absent(const void *at, const struct tg_wire_field *f)
{
    if (!f->optional) return false;
    if (f->kind == TG_WIRE_K_TEXT) return *(char *const *)at == NULL;
    return f->kind == TG_WIRE_K_BLOB && ((const struct tg_wire_blob *)at)->len == 0;
}

static void write_struct(struct tg_jw *w, const void *from, const struct tg_wire_shape *shape)
{
    if (shape->fields[0].name[0] == '\0') {
        write_value(w, member(from, &shape->fields[0]), &shape->fields[0]);
        return;
    }
    tg_jw_begin_object(w);
    for (size_t i = 0; i < shape->count; i++) {
        const struct tg_wire_field *f = &shape->fields[i];
        if (is_absent(member(from, f), f)) continue;
        tg_jw_key(w, f->name);
        write_value(w, member(from, f), f);
    }
    tg_jw_end(w);
}

void tg_wire_print(enum tg_wire_type type, int64_t id, const void *body, struct tg_buf *out)
{
    struct tg_jw w;
    tg_jw_init(&w, out);
    tg_jw_begin_object(&w);
    tg_jw_kint(&w, "v", VERSION);
    tg_jw_kstr(&w, "type", tg_wire_word(type));
    tg_jw_kint(&w, "id", id);
    tg_jw_key(&w, "body");
    write_struct(&w, body, tg_wire_shape_of(type));
    tg_jw_end(&w);
}

void tg_wire_enroll_text(const uint8_t exporter[32], struct tg_buf *out)
{
    tg_buf_puts(out, "tamga enroll v1\nexporter: ");
    tg_buf_hex(out, exporter, 32);
    tg_buf_puts(out, "\n");
}

const void *tg_wire_body(const struct tg_wire_message *m, enum tg_wire_type type)
{
    TG_CHECK(m->type == type);
    return m->body;
}
