/* Output: tables for people, JSON for programs, progress for who waits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli.h"

enum { COLUMNS = 16, CELL = 128, WIDEST = 60 };

int cli_write(const void *bytes, size_t len)
{
    const char *p = bytes;
    fflush(stdout);
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

void cli_print_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    if (text) puts(text);
    free(text);
}

/* One cell as text; arrays are joined by commas. */
static void cell_text(const json_t *v, char ret[CELL])
{
    ret[0] = '\0';
    if (json_is_string(v)) {
        if (!tg_copy(ret, CELL, json_string_value(v)))
            tg_copyn(ret, CELL, json_string_value(v), CELL - 1);
    } else if (json_is_integer(v)) {
        snprintf(ret, CELL, "%lld", (long long)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        snprintf(ret, CELL, "%s", json_is_true(v) ? "yes" : "no");
    } else if (json_is_array(v)) {
        size_t used = 0;
        for (size_t i = 0; i < json_array_size(v) && used < CELL; i++) {
            char one[CELL];
            cell_text(json_array_get(v, i), one);
            int n = snprintf(ret + used, CELL - used, "%s%s", i ? "," : "", one);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

/* Columns on a screen that a text takes: code points, good enough for Latin, Cyrillic and Kazakh.
 */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80) n++;
    return n;
}

/* Bytes of the text that fit into so many columns. */
static size_t fits(const char *text, size_t width)
{
    size_t i = 0, n = 0;
    for (; text[i]; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80 && n++ == width) break;
    }
    return i;
}

static void print_padded(const char *text, size_t width, bool last)
{
    if (!text[0]) text = "-";
    size_t columns = width_of(text);
    if (last || columns <= width) {
        fputs(text, stdout);
    } else { /* the whole of it is in --json */
        printf("%.*s\u2026", (int)fits(text, width - 1), text);
        columns = width;
    }
    for (size_t n = columns; !last && n < width + 2; n++)
        putchar(' ');
}

static void print_row(const json_t *item, const struct cli_column *columns, const size_t *widths)
{
    for (size_t c = 0; columns[c].title; c++) {
        char text[CELL];
        cell_text(json_object_get(item, columns[c].key), text);
        print_padded(text, widths[c], !columns[c + 1].title);
    }
    putchar('\n');
}

void cli_print_table(const json_t *items, const struct cli_column *columns)
{
    size_t widths[COLUMNS] = {0};
    for (size_t c = 0; columns[c].title; c++) {
        TG_CHECK(c < COLUMNS);
        widths[c] = width_of(columns[c].title);
        for (size_t i = 0; i < json_array_size(items); i++) {
            char text[CELL];
            cell_text(json_object_get(json_array_get(items, i), columns[c].key), text);
            size_t w = width_of(text);
            if (w > widths[c]) widths[c] = w < WIDEST ? w : WIDEST;
        }
    }
    for (size_t c = 0; columns[c].title; c++)
        print_padded(columns[c].title, widths[c], !columns[c + 1].title);
    putchar('\n');
    for (size_t i = 0; i < json_array_size(items); i++)
        print_row(json_array_get(items, i), columns, widths);
}

void cli_print_fields(const json_t *object, const struct cli_column *columns)
{
    size_t widest = 0;
    for (size_t c = 0; columns[c].title; c++)
        if (width_of(columns[c].title) > widest) widest = width_of(columns[c].title);
    for (size_t c = 0; columns[c].title; c++) {
        char text[CELL];
        cell_text(json_object_get(object, columns[c].key), text);
        printf("%-*s  %s\n", (int)widest, columns[c].title, text[0] ? text : "-");
    }
}

enum cli_exit cli_show_list(struct cli *cli, const json_t *answer, const struct cli_column *columns,
                            const char *noun)
{
    if (cli->json) {
        cli_print_json(answer);
        return CLI_DONE;
    }
    const json_t *items = json_object_get(answer, "items");
    if (json_array_size(items) > 0) cli_print_table(items, columns);
    printf("%zu %s\n", json_array_size(items), noun);
    return CLI_DONE;
}

void cli_progress(const char *what, uint64_t done, uint64_t total)
{
    if (!isatty(STDERR_FILENO)) return;
    if (total > 0) {
        int tenths = (int)(done * 20 / total);
        fprintf(stderr, "\r%s [%.*s%.*s] %llu/%llu", what, tenths, "####################",
                20 - tenths, "....................", (unsigned long long)done,
                (unsigned long long)total);
    } else {
        fprintf(stderr, "\r%s %llu", what, (unsigned long long)done);
    }
}

void cli_progress_end(void)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}
