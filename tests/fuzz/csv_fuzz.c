/* fuzz: any bytes as a staff register; rows are within their bounds and their lines rise. */
// uses: base config
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "config/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t rows, count, line;
};

static int on_row(void *data, const struct tg_csv_row *row, struct tg_err *err)
{
    (void)err;
    struct seen *seen = data;
    TG_CHECK(row->index == seen->rows++ && row->line > seen->line && row->count >= 1 &&
             row->count <= TG_CSV_FIELDS);
    TG_CHECK(row->index == 0 || row->count == seen->count);
    seen->count = row->count;
    seen->line = row->line;
    for (size_t i = 0; i < row->count; i++) {
        size_t len = strlen(row->fields[i]);
        TG_CHECK(len <= TG_CSV_FIELD && tg_utf8_valid(row->fields[i], len));
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {0};
    struct tg_err err = {0};
    int rc = tg_csv_read(data, size, on_row, &seen, &err);
    TG_CHECK(rc == 0 ? seen.rows > 0 : err.text[0] != '\0');
    return 0;
}
