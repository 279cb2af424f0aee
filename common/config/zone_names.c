#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/zone.h"
#include "zone_in.h"

enum { TABLE_BYTES = 256 * 1024, TABLE_ROWS = 1024 };

/* Third column of a line `KZ<tab>+4315+07657<tab>Asia/Almaty<tab>...`, cut out in place; NULL for a
 * comment. */
static char *third_column(char *line)
{
    if (*line == '#') return NULL;
    char *at = line;
    for (int i = 0; i < 2; i++) {
        at = strchr(at, '\t');
        if (!at) return NULL;
        at++;
    }
    at[strcspn(at, "\t")] = '\0';
    return at;
}

bool zone_nearest(const char *folder, const char *name, char ret[ZONE_NAME])
{
    TG_AUTO(mem) char *path = tg_printf("%s/zone1970.tab", folder);
    TG_AUTO(buf) struct tg_buf table = TG_BUF(TABLE_BYTES);
    const char *names[TABLE_ROWS];
    size_t count = 0;
    struct tg_err ignored; /* without the table there is no suggestion */
    if (tg_file_read(path, &table, &ignored) < 0 || !table.len) return false;
    for (char *line = (char *)table.data, *next; line && count < TABLE_ROWS; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        char *zone = third_column(line);
        if (zone) names[count++] = zone;
    }
    const char *likely = tg_nearest(name, names, count);
    return likely && tg_copy(ret, ZONE_NAME, likely);
}
