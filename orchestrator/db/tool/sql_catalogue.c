/* sql_catalogue: turns schema/queries/<room>/<verb>.sql into a room's catalogue, and
 * schema/migrations/ into embedded text. Runs at build time only. A query without its caption or
 * params line, or whose $n do not match the params line, is a build error. */
#include <ctype.h>
#include <libgen.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"

enum { SQL_MAX = 1024 * 1024, PARAMS_MAX = 64 };

static const struct {
    const char *word;
    unsigned oid;
} types[] = {
    {"bool", 16},      {"bytea", 17},           {"int8", 20},          {"bigint", 20},
    {"int2", 21},      {"smallint", 21},        {"int4", 23},          {"int", 23},
    {"text", 25},      {"date", 1082},          {"timestamptz", 1184}, {"bool[]", 1000},
    {"bytea[]", 1001}, {"int2[]", 1005},        {"smallint[]", 1005},  {"int4[]", 1007},
    {"int[]", 1007},   {"text[]", 1009},        {"int8[]", 1016},      {"bigint[]", 1016},
    {"date[]", 1182},  {"timestamptz[]", 1185},
};

struct query {
    char verb[64];
    char *caption;
    char *sql; /* borrowed from text */
    unsigned oid[PARAMS_MAX];
    unsigned params;
    bool writes;
    struct tg_buf text;
};

static noreturn void die(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

static void read_all(const char *path, struct tg_buf *b)
{
    struct tg_err err = {0};
    *b = TG_BUF(SQL_MAX);
    if (tg_file_read(path, b, &err) < 0) die(path, err.text);
    if (b->len == 0) die(path, "is empty");
}

/* "subject.sql" -> "subject"; only what may stand in a C name. */
static void verb_of(const char *path, char *ret, size_t size)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    size_t len = strlen(name);
    if (len < 5 || strcmp(name + len - 4, ".sql") != 0 || len - 4 >= size)
        die(path, "the name must be <verb>.sql");
    tg_copyn(ret, size, name, len - 4);
    for (const char *p = ret; *p; p++)
        if (!(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_'))
            die(path, "the verb must be lower case with underscores");
}

static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end) return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static unsigned type_of(const char *path, const char *word)
{
    for (size_t i = 0; i < TG_COUNT(types); i++)
        if (strcmp(types[i].word, word) == 0) return types[i].oid;
    fprintf(stderr, "%s: type '%s' is not known to the catalogue\n", path, word);
    exit(1);
}

static void parse_params(const char *path, char *list, struct query *q)
{
    if (strcmp(list, "none") == 0) return;
    for (char *save = NULL, *item = strtok_r(list, ",", &save); item;
         item = strtok_r(NULL, ",", &save)) {
        char name[64] = "", type[32] = "", rest[2] = "";
        if (sscanf(item, " %63s %31s %1s", name, type, rest) != 2)
            die(path, "params: wants `name type, name type`");
        if (q->params == PARAMS_MAX) die(path, "too many params");
        q->oid[q->params++] = type_of(path, type);
    }
}

/* The highest $n of the text must be the number of params, and each must occur. */
static void check_places(const char *path, const struct query *q)
{
    bool seen[PARAMS_MAX + 1] = {false};
    for (const char *p = strchr(q->sql, '$'); p; p = strchr(p + 1, '$')) {
        unsigned long n = strtoul(p + 1, NULL, 10);
        if (n == 0) continue;
        if (n > q->params) die(path, "uses a $n beyond its params line");
        seen[n] = true;
    }
    for (unsigned n = 1; n <= q->params; n++)
        if (!seen[n]) die(path, "does not use one of its params");
}

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = strcasestr(text, word); p; p = strcasestr(p + 1, word))
        if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[len]))
            return true;
    return false;
}

static void parse_query(const char *path, struct query *q)
{
    read_all(path, &q->text);
    verb_of(path, q->verb, sizeof q->verb);
    char *at = (char *)q->text.data;
    char *caption = take_line(&at), *params = take_line(&at);
    if (!caption || !tg_starts(caption, "-- ") || tg_starts(caption, "-- params:"))
        die(path, "line 1 must be its caption: -- what it does");
    if (!params || !tg_starts(params, "-- params: "))
        die(path, "line 2 must be: -- params: name type, ... (or none)");
    q->caption = caption + 3;
    parse_params(path, params + 11, q);
    q->sql = at;
    check_places(path, q);
    q->writes = has_word(at, "insert") || has_word(at, "update") || has_word(at, "delete") ||
                has_word(q->caption, "writes");
}

/* A C string literal, one line of source per line of text. */
static void put_literal(FILE *f, const char *text)
{
    fputs("\n    \"", f);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs(p[1] ? "\\n\"\n    \"" : "\\n", f);
        else if (c == '\t')
            fputs("\\t", f);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(f, "\\%03o", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) die(path, "cannot be written");
    return f;
}

static void finish(FILE *f, const char *path)
{
    if (ferror(f) | fclose(f)) die(path, "cannot be written");
}

static void upper(const char *text, char *ret)
{
    size_t i = 0;
    for (; text[i]; i++)
        ret[i] = (char)toupper((unsigned char)text[i]);
    ret[i] = '\0';
}

static void write_header(const char *room, const char *path, const struct query *q, int count)
{
    char up_room[64], up_verb[64];
    upper(room, up_room);
    FILE *f = create(path);
    fprintf(f,
            "/* Generated from schema/queries/%s/: only %s_store.c files include this. */\n#pragma "
            "once\n\n",
            room, room);
    fprintf(f,
            "#include \"db/db.h\"\n\nextern const struct db_query %s_queries[];\nenum { %s_QUERIES "
            "= %d };\n\n",
            room, up_room, count);
    for (int i = 0; i < count; i++) {
        upper(q[i].verb, up_verb);
        fprintf(f, "#define Q_%s_%s (&%s_queries[%d]) /* %s */\n", up_room, up_verb, room, i,
                q[i].caption);
    }
    finish(f, path);
}

static void write_table(const char *room, const char *path, const struct query *q, int count)
{
    FILE *f = create(path);
    fprintf(f, "/* Generated from schema/queries/%s/. */\n#include \"%s_queries.h\"\n\n", room,
            room);
    for (int i = 0; i < count; i++) {
        if (q[i].params == 0) continue;
        fprintf(f, "static const uint32_t types_%s[] = {", q[i].verb);
        for (unsigned p = 0; p < q[i].params; p++)
            fprintf(f, "%s%u", p ? ", " : "", q[i].oid[p]);
        fputs("};\n", f);
    }
    fprintf(f, "\nconst struct db_query %s_queries[] = {\n", room);
    for (int i = 0; i < count; i++) {
        fprintf(f, "{.name = \"%s_%s\", .params = %u, .writes = %s, .types = ", room, q[i].verb,
                q[i].params, q[i].writes ? "true" : "false");
        if (q[i].params)
            fprintf(f, "types_%s", q[i].verb);
        else
            fputs("NULL", f);
        fputs(",\n .caption =", f);
        put_literal(f, q[i].caption);
        fputs(",\n .sql =", f);
        put_literal(f, q[i].sql);
        fputs("},\n", f);
    }
    fputs("{.name = NULL}};\n", f);
    finish(f, path);
}

static int queries(const char *room, const char *folder, char **paths, int count)
{
    struct query *q = tg_calloc((size_t)count + 1, sizeof *q);
    for (int i = 0; i < count; i++)
        parse_query(paths[i], &q[i]);
    TG_AUTO(mem) char *header = tg_printf("%s/%s_queries.h", folder, room);
    TG_AUTO(mem) char *table = tg_printf("%s/%s_queries.c", folder, room);
    write_header(room, header, q, count);
    write_table(room, table, q, count);
    for (int i = 0; i < count; i++)
        tg_buf_done(&q[i].text);
    free(q);
    return 0;
}

static int migrations(const char *out, char **paths, int count)
{
    FILE *f = create(out);
    fputs("/* Generated from schema/migrations/. */\n#include \"db/migrate.h\"\n\nconst struct "
          "db_migration db_migrations[] = {\n",
          f);
    for (int i = 0; i < count; i++) {
        struct tg_buf text;
        read_all(paths[i], &text);
        const char *name = basename(paths[i]);
        long number = strtol(name, NULL, 10);
        if (number != i + 1 || strlen(name) < 6 || name[4] != '_')
            die(paths[i], "migrations are named NNNN_subject.sql, without a gap");
        if (strlen((const char *)text.data) != text.len) die(paths[i], "has a NUL byte");
        fprintf(f, "{.number = %ld, .name = \"%s\", .sql =", number, name);
        put_literal(f, (const char *)text.data);
        fputs("},\n", f);
        tg_buf_done(&text);
    }
    fprintf(f, "};\nconst size_t db_migrations_count = %d;\n", count);
    finish(f, out);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "queries") == 0)
        return queries(argv[2], argv[3], argv + 4, argc - 4);
    if (argc >= 3 && strcmp(argv[1], "migrations") == 0)
        return migrations(argv[2], argv + 3, argc - 3);
    fputs("usage: sql_catalogue queries ROOM FOLDER FILE... | migrations OUT FILE...\n", stderr);
    return 2;
}
