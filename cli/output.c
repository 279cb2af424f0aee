/* Output: tables for people, JSON for programs, progress for who waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

enum { COLUMNS = 16, CELL = 512, SHORTEST = 12, GAP = 2, DATE = 10 };

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

/* The first common name of an RFC 4514 name, else all of it. */
static void common_name(const char *name, char ret[CELL])
{
    const char *at = strncmp(name, "CN=", 3) == 0 ? name : strstr(name, ",CN=");
    if (!at) {
        (void)!tg_copyn(ret, CELL, name, strnlen(name, CELL - 1));
        return;
    }
    at += *at == ',' ? 4 : 3;
    size_t n = 0;
    for (; *at && *at != ',' && *at != '+' && n + 1 < CELL; at++) {
        if (*at == '\\' && at[1]) at++;
        ret[n++] = *at;
    }
    ret[n] = '\0';
}

/* One cell as text; arrays are joined by commas. */
static void cell_text(const json_t *v, char ret[CELL])
{
    ret[0] = '\0';
    if (json_is_string(v)) {
        if (!tg_copy(ret, CELL, json_string_value(v)))
            (void)!tg_copyn(ret, CELL, json_string_value(v), CELL - 1);
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

/* The cell of one column: its key may say how to shorten it. */
static void column_text(const json_t *item, const char *key, char ret[CELL])
{
    char name[64];
    const char *how = strchr(key, ':');
    (void)!tg_copyn(name, sizeof name, key, how ? (size_t)(how - key) : strlen(key));
    const json_t *v = json_object_get(item, name);
    if (how && strcmp(how, ":cn") == 0 && json_is_string(v)) {
        common_name(json_string_value(v), ret);
        return;
    }
    cell_text(v, ret);
    if (how && strcmp(how, ":date") == 0 && strlen(ret) > DATE) ret[DATE] = '\0';
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

/* What came from a certificate or a file name may hold control characters; a terminal obeys them.
 */
static void put_visible(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        putchar((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
}

static void print_padded(const char *text, size_t width, bool last)
{
    if (!text[0]) text = "-";
    size_t columns = width_of(text);
    if (last || columns <= width) {
        put_visible(text, strlen(text));
    } else { /* the whole of it is in --json */
        put_visible(text, fits(text, width - 1));
        fputs("\u2026", stdout);
        columns = width;
    }
    for (size_t n = columns; !last && n < width + GAP; n++)
        putchar(' ');
}

static void print_row(const json_t *item, const struct cli_column *columns, const size_t *widths)
{
    for (size_t c = 0; columns[c].title; c++) {
        char text[CELL];
        column_text(item, columns[c].key, text);
        print_padded(text, widths[c], !columns[c + 1].title);
    }
    putchar('\n');
}

static size_t width_of_output(void)
{
    struct winsize size;
    const char *given = getenv("COLUMNS");
    uint64_t n = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        n = size.ws_col;
    else if (!given || !tg_parse_u64(given, strlen(given), 10000, &n))
        n = CLI_WIDTH;
    return n < CLI_NARROWEST ? CLI_NARROWEST : (size_t)n;
}

static bool never_cut(const struct cli_column *column)
{
    const char *how = strchr(column->key, ':');
    return how && (strcmp(how, ":whole") == 0 || strcmp(how, ":date") == 0);
}

/* Takes from the widest column, one by one, until a row fits; nothing is cut below SHORTEST. */
static void shrink(const struct cli_column *columns, size_t *widths, size_t room)
{
    for (;;) {
        size_t sum = 0, widest = COLUMNS;
        for (size_t c = 0; columns[c].title; c++) {
            sum += widths[c] + (columns[c + 1].title ? GAP : 0);
            bool may = columns[c + 1].title && !never_cut(&columns[c]) && widths[c] > SHORTEST &&
                       widths[c] > width_of(columns[c].title);
            if (may && (widest == COLUMNS || widths[c] > widths[widest])) widest = c;
        }
        if (sum <= room || widest == COLUMNS) return;
        widths[widest]--;
    }
}

void cli_print_table(const json_t *items, const struct cli_column *columns)
{
    size_t widths[COLUMNS] = {0};
    for (size_t c = 0; columns[c].title; c++) {
        TG_CHECK(c < COLUMNS);
        widths[c] = width_of(columns[c].title);
        for (size_t i = 0; i < json_array_size(items); i++) {
            char text[CELL];
            column_text(json_array_get(items, i), columns[c].key, text);
            size_t w = width_of(text);
            if (w > widths[c]) widths[c] = w;
        }
    }
    shrink(columns, widths, width_of_output());
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
        column_text(object, columns[c].key, text);
        printf("%-*s  ", (int)widest, columns[c].title);
        print_padded(text, 0, true);
        putchar('\n');
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
    size_t n = json_array_size(items);
    /* "certificates" of one is "certificate"; "batches" of one is "batch". */
    size_t len = strlen(noun),
           cut = n == 1 ? (len > 3 && strcmp(noun + len - 3, "hes") == 0 ? 2 : 1) : 0;
    printf("%zu %.*s\n", n, (int)(len - cut), noun);
    return CLI_DONE;
}

const char *cli_s(json_int_t count)
{
    return count == 1 ? "" : "s";
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
