// uses: base config
/* The CSV reader: separators, quotes, line ends, and the line number of every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/csv.h"

static int show(void *data, const struct tg_csv_row *row, struct tg_err *err)
{
    (void)err;
    struct tg_buf *out = data;
    tg_buf_printf(out, "%zu/%zu:", row->line, row->index);
    for (size_t i = 0; i < row->count; i++)
        tg_buf_printf(out, "[%s]", row->fields[i]);
    tg_buf_putc(out, '\n');
    return 0;
}

static void good(const char *text, size_t len, const char *expected)
{
    struct tg_buf out = TG_BUF(10000);
    struct tg_err err = {0};
    assert_int_equal(tg_csv_read(text, len, show, &out, &err), 0);
    assert_string_equal(tg_buf_text(&out), expected);
    tg_buf_done(&out);
}

static void bad(const char *text, size_t len, int code, const char *expected)
{
    struct tg_buf out = TG_BUF(10000000);
    struct tg_err err = {0};
    assert_int_equal(tg_csv_read(text, len, show, &out, &err), code);
    assert_string_equal(err.text, expected);
    tg_buf_done(&out);
}

#define GOOD(text, expected) good(text, sizeof(text) - 1, expected)
#define BAD(text, expected)  bad(text, sizeof(text) - 1, TG_E_INPUT, expected)

static void rows(void **state)
{
    (void)state;
    GOOD("a,b\n1,2\n", "1/0:[a][b]\n2/1:[1][2]\n");
    GOOD("\xef\xbb\xbf"
         "a;b,c;d\r\n1;2,5;3\r\n",
         "1/0:[a][b,c][d]\n2/1:[1][2,5][3]\n");
    GOOD("\"a;;;\",b\nx,y", "1/0:[a;;;][b]\n2/1:[x][y]\n");
    GOOD("a,b\n\n\r\n\"one\ntwo\",\"say \"\"hi\"\"\"\nlast,\n",
         "1/0:[a][b]\n4/1:[one\ntwo][say \"hi\"]\n6/2:[last][]\n");
    GOOD("a,b\n  x  , \" y \" \n", "1/0:[a][b]\n2/1:[x][ y ]\n");
    GOOD("имя\nАйгүл\n", "1/0:[имя]\n2/1:[Айгүл]\n");
}

static void refusals_name_the_line(void **state)
{
    (void)state;
    BAD("", "the file is empty: its first line names the columns");
    BAD("a,b\n1\n", "line 2: 1 fields, but the header line names 2");
    BAD("a\n\"x\n\ny", "line 2: the quote \" that opens here is never closed");
    BAD("a\nx\"y\n", "line 2: a quote \" inside a field: quote the whole field and double it");
    BAD("a\n\"x\"y\n", "line 2: text after the closing quote of a field");
    BAD("a\nx\ry\n", "line 2: a carriage return inside a field");
    BAD("a\nok\n\xcf\xf0\xe8\xe2\xe5\xf2\n",
        "line 3: this is not UTF-8: save the file as CSV in UTF-8");
    BAD("a\nx\0y\n", "line 2: a NUL byte: save the file as CSV in UTF-8");
}

static void bounds(void **state)
{
    (void)state;
    char *text = tg_alloc(200000);
    memset(text, ',', TG_CSV_FIELDS);
    bad(text, TG_CSV_FIELDS, TG_E_LIMIT, "line 1: more than 64 fields");
    memset(text, 'x', TG_CSV_FIELD + 1);
    bad(text, TG_CSV_FIELD + 1, TG_E_LIMIT, "line 1: a field is longer than 4096 bytes");
    memset(text, 'x', 200000);
    bad(text, 200000, TG_E_LIMIT, "line 1: the row is longer than 65536 bytes");
    free(text);
}

static int refuse_third(void *data, const struct tg_csv_row *row, struct tg_err *err)
{
    size_t *calls = data;
    ++*calls;
    return row->index < 2 ? 0 : TG_FAIL(err, TG_E_EXISTS, "line %zu: no", row->line);
}

static void callback_ends_it(void **state)
{
    (void)state;
    size_t calls = 0;
    struct tg_err err = {0};
    assert_int_equal(tg_csv_read("a\n1\n2\n3\n", 8, refuse_third, &calls, &err), TG_E_EXISTS);
    assert_int_equal(calls, 3);
    assert_string_equal(err.text, "line 3: no");
}

static void columns_by_name(void **state)
{
    (void)state;
    struct tg_csv_row header = {.count = 2, .fields = {"Number", "e-mail"}};
    assert_int_equal(tg_csv_column(&header, "number"), 0);
    assert_int_equal(tg_csv_column(&header, "E-Mail"), 1);
    assert_int_equal(tg_csv_column(&header, "iin"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(refusals_name_the_line),
        cmocka_unit_test(bounds),
        cmocka_unit_test(callback_ends_it),
        cmocka_unit_test(columns_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
