#include "config/csv.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

enum { CSV_ROW = 64 * 1024 }; /* bytes of one row */

struct reader {
    const char *p, *end;
    char separator;
    size_t line; /* of p */
    struct tg_csv_row row;
    size_t header_count;
    char *store; /* the fields of the row, each with a NUL */
    size_t used;
};

static int put(struct reader *r, char c, struct tg_err *err)
{
    if (r->used + 1 >= CSV_ROW)
        return TG_FAIL(err, TG_E_LIMIT, "line %zu: the row is longer than %d bytes", r->row.line,
                       CSV_ROW);
    r->store[r->used++] = c;
    return 0;
}

static bool at_line_end(const struct reader *r)
{
    return r->p == r->end || *r->p == '\n' ||
           (*r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n');
}

static void step_line(struct reader *r)
{
    if (r->p == r->end) return;
    r->p += *r->p == '\r' ? 2 : 1;
    r->line++;
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t') && *r->p != r->separator)
        r->p++;
}

/* p stands behind the opening quote. */
static int read_quoted(struct reader *r, struct tg_err *err)
{
    size_t opened = r->line;
    for (; r->p < r->end; r->p++) {
        if (*r->p == '"') {
            if (r->p + 1 == r->end || r->p[1] != '"') {
                r->p++;
                return 0;
            }
            r->p++;
        }
        if (*r->p == '\n') r->line++;
        TG_TRY(put(r, *r->p, err));
    }
    return TG_FAIL(err, TG_E_INPUT, "line %zu: the quote \" that opens here is never closed",
                   opened);
}

static int read_bare(struct reader *r, size_t start, struct tg_err *err)
{
    while (!at_line_end(r) && *r->p != r->separator) {
        if (*r->p == '"')
            return TG_FAIL(err, TG_E_INPUT,
                           "line %zu: a quote \" inside a field: quote the whole field and double "
                           "it",
                           r->line);
        if (*r->p == '\r')
            return TG_FAIL(err, TG_E_INPUT, "line %zu: a carriage return inside a field", r->line);
        TG_TRY(put(r, *r->p++, err));
    }
    while (r->used > start && (r->store[r->used - 1] == ' ' || r->store[r->used - 1] == '\t'))
        r->used--;
    return 0;
}

static int read_field(struct reader *r, struct tg_err *err)
{
    if (r->row.count == TG_CSV_FIELDS)
        return TG_FAIL(err, TG_E_LIMIT, "line %zu: more than %d fields", r->row.line,
                       TG_CSV_FIELDS);
    size_t start = r->used;
    skip_blanks(r);
    if (r->p < r->end && *r->p == '"') {
        r->p++;
        TG_TRY(read_quoted(r, err));
        skip_blanks(r);
        if (!at_line_end(r) && *r->p != r->separator)
            return TG_FAIL(err, TG_E_INPUT, "line %zu: text after the closing quote of a field",
                           r->line);
    } else {
        TG_TRY(read_bare(r, start, err));
    }
    if (r->used - start > TG_CSV_FIELD)
        return TG_FAIL(err, TG_E_LIMIT, "line %zu: a field is longer than %d bytes", r->row.line,
                       TG_CSV_FIELD);
    TG_TRY(put(r, '\0', err));
    r->row.fields[r->row.count++] = r->store + start;
    return 0;
}

static int read_row(struct reader *r, struct tg_err *err)
{
    r->row.line = r->line;
    r->row.count = 0;
    r->used = 0;
    for (;;) {
        TG_TRY(read_field(r, err));
        if (at_line_end(r)) break;
        r->p++;
    }
    step_line(r);
    if (r->header_count && r->row.count != r->header_count)
        return TG_FAIL(err, TG_E_INPUT, "line %zu: %zu fields, but the header line names %zu",
                       r->row.line, r->row.count, r->header_count);
    return 0;
}

/* The header line decides: whichever of , and ; it has more of outside quotes. */
static char find_separator(const char *p, const char *end)
{
    size_t commas = 0, semicolons = 0;
    bool quoted = false;
    for (; p < end && (quoted || *p != '\n'); p++) {
        if (*p == '"') quoted = !quoted;
        if (quoted) continue;
        commas += *p == ',';
        semicolons += *p == ';';
    }
    return semicolons > commas ? ';' : ',';
}

static size_t bad_line(const char *p, const char *end)
{
    size_t line = 1;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        const char *next = stop ? stop + 1 : end;
        if (!tg_utf8_valid(p, (size_t)(next - p)) || memchr(p, '\0', (size_t)(next - p)))
            return line;
        p = next;
        line++;
    }
    return line;
}

static int check_bytes(const char *bytes, size_t len, struct tg_err *err)
{
    if (len > TG_MAX_CSV)
        return TG_FAIL(err, TG_E_LIMIT, "the file is larger than %d bytes", TG_MAX_CSV);
    if (memchr(bytes, '\0', len))
        return TG_FAIL(err, TG_E_INPUT, "line %zu: a NUL byte: save the file as CSV in UTF-8",
                       bad_line(bytes, bytes + len));
    if (!tg_utf8_valid(bytes, len))
        return TG_FAIL(err, TG_E_INPUT,
                       "line %zu: this is not UTF-8: save the file as CSV in UTF-8",
                       bad_line(bytes, bytes + len));
    return 0;
}

static int read_rows(struct reader *r, tg_csv_row_fn on_row, void *data, struct tg_err *err)
{
    for (;;) {
        while (r->p < r->end && at_line_end(r))
            step_line(r);
        if (r->p == r->end) break;
        TG_TRY(read_row(r, err));
        if (!r->header_count) r->header_count = r->row.count;
        TG_TRY(on_row(data, &r->row, err));
        r->row.index++;
    }
    return r->header_count
               ? 0
               : TG_FAIL(err, TG_E_INPUT, "the file is empty: its first line names the columns");
}

int tg_csv_read(const void *bytes, size_t len, tg_csv_row_fn on_row, void *data, struct tg_err *err)
{
    const char *text = len ? bytes : "";
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    TG_TRY(check_bytes(text, len, err));
    struct reader r = {.p = text,
                       .end = text + len,
                       .line = 1,
                       .separator = find_separator(text, text + len)};
    r.store = tg_alloc(CSV_ROW);
    int rc = read_rows(&r, on_row, data, err);
    free(r.store);
    return rc;
}

int tg_csv_column(const struct tg_csv_row *header, const char *name)
{
    for (size_t i = 0; i < header->count; i++)
        if (strcasecmp(header->fields[i], name) == 0) return (int)i;
    return -1;
}
