/* csv: a bounded RFC 4180 reader. UTF-8 with or without BOM, quoted fields with embedded line ends,
 * CRLF or LF; the separator , or ; is the one that the header line uses more. Names the line of
 * every complaint; refuses invalid UTF-8, NUL, stray quotes, rows of another length than the
 * header. Blank lines are skipped. It knows no columns: callers find theirs by name. Thread: any.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

enum { TG_CSV_FIELDS = 64, TG_CSV_FIELD = 4096 };

struct tg_csv_row {
    size_t line;  /* where the row begins, from 1 */
    size_t index; /* 0 is the header */
    size_t count;
    const char *
        fields[TG_CSV_FIELDS]; /* NUL-terminated, blanks around unquoted fields dropped; borrowed */
};

/* Called for the header first, then for every row, in order. A negative return ends the reading. */
typedef int (*tg_csv_row_fn)(void *data, const struct tg_csv_row *row, struct tg_err *err);

/* At most TG_MAX_CSV bytes. Errors: "line 17: ...". An error of the callback is passed on as it is.
 */
int tg_csv_read(const void *bytes, size_t len, tg_csv_row_fn on_row, void *data,
                struct tg_err *err) TG_MUST_CHECK;

/* Index of a column in the header row, or -1. Letter case (ASCII) does not matter. */
int tg_csv_column(const struct tg_csv_row *header, const char *name);
