/* The staff register from CSV: every wrong line named, all or nothing. The text is read on a pool
 * thread. */
#include "inventory_in.h"

#include <string.h>

#include "base/secret.h"
#include "base/str.h"
#include "base/times.h"
#include "config/csv.h"

enum { COMPLAINTS = 200 };

static const char *const names[COL_COUNT] = {"number",  "name",       "iin",         "email",
                                             "phone",   "department", "position",    "locality",
                                             "manager", "status",     "leave-until", "locale"};

/* bytes: at most; F1 bounds name and department, the rest is generous. */
static const size_t bounds[COL_COUNT] = {32, 128, 12, 254, 64, 64, 128, 128, 32, 16, 10, 2};

struct importing {
    struct db *db;
    char *csv, *actor;
    size_t len;
    int64_t now;
    int columns[COL_COUNT];
    struct inventory_register reg;
    struct inventory_complaint errors[COMPLAINTS], warnings[COMPLAINTS];
    size_t error_count, warning_count;
    struct tg_work work;
    struct tg_deadline later;
    struct tg_err err;
    inventory_imported_fn fn;
    void *data;
};

static void complain(struct importing *m, bool is_error, size_t line, const char *text)
{
    size_t *count = is_error ? &m->error_count : &m->warning_count;
    struct inventory_complaint *list = is_error ? m->errors : m->warnings;
    if (*count < COMPLAINTS) list[(*count)++] = (struct inventory_complaint){line, tg_strdup(text)};
}

static void complainf(struct importing *m, bool is_error, size_t line, const char *fmt, ...)
    TG_PRINTF(4, 5);
static void complainf(struct importing *m, bool is_error, size_t line, const char *fmt, ...)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(1024);
    va_list args;
    va_start(args, fmt);
    tg_buf_vprintf(&text, fmt, args);
    va_end(args);
    complain(m, is_error, line, tg_buf_text(&text));
}

static bool is_number(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *text && text[strspn(text, allowed)] == '\0';
}

static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at != text && at[1] && !strchr(at + 1, '@') && !strpbrk(text, " <>,;\"");
}

static int64_t status_of(const char *word)
{
    static const struct {
        const char *word;
        int64_t status;
    } words[] = {{"", 1},         {"active", 1}, {"leave", 2},    {"on-leave", 2},
                 {"on leave", 2}, {"left", 3},   {"dismissed", 3}};
    for (size_t i = 0; i < TG_COUNT(words); i++)
        if (strcasecmp(words[i].word, word) == 0) return words[i].status;
    return 0;
}

static int read_header(struct importing *m, const struct tg_csv_row *row)
{
    for (int c = 0; c < COL_COUNT; c++)
        m->columns[c] = tg_csv_column(row, names[c]);
    for (int c = COL_NUMBER; c <= COL_NAME; c++)
        if (m->columns[c] < 0) complainf(m, true, row->line, "there is no column `%s`", names[c]);
    for (size_t f = 0; f < row->count; f++) {
        bool known = false;
        for (int c = 0; c < COL_COUNT; c++)
            known = known || m->columns[c] == (int)f;
        const char *likely = known ? NULL : tg_nearest(row->fields[f], names, COL_COUNT);
        if (!known)
            complainf(m, false, row->line, "column `%.60s` is not known and left out%s%s",
                      row->fields[f], likely ? "; did you mean " : "", likely ? likely : "");
    }
    return 0;
}

static void check_shapes(struct importing *m, size_t line, const char *const f[COL_COUNT])
{
    for (int c = 0; c < COL_COUNT; c++) {
        size_t len = strlen(f[c]);
        if (len > bounds[c])
            complainf(m, true, line, "%s: longer than %zu bytes", names[c], bounds[c]);
        else if (!tg_utf8_clean(f[c], len))
            complainf(m, true, line, "%s: has control, direction or invisible characters",
                      names[c]);
    }
    if (!is_number(f[COL_NUMBER]))
        complainf(m, true, line,
                  "number: `%.40s` is none; letters, digits, dot, dash, underscore, at most 32",
                  f[COL_NUMBER]);
    if (!*f[COL_NAME]) complain(m, true, line, "name: is empty");
    bool digits = strspn(f[COL_IIN], "0123456789") == 12 && strlen(f[COL_IIN]) == 12;
    if (*f[COL_IIN] && !digits) complain(m, true, line, "iin: must have 12 digits");
    if (digits && !tg_iin_ok(f[COL_IIN]))
        complain(m, false, line, "iin: its check digit does not fit");
    if (*f[COL_EMAIL] && !is_email(f[COL_EMAIL]))
        complainf(m, true, line, "email: `%.60s` is no address", f[COL_EMAIL]);
    if (*f[COL_MANAGER] && !is_number(f[COL_MANAGER]))
        complainf(m, true, line, "manager: `%.40s` is no register number", f[COL_MANAGER]);
    if (!status_of(f[COL_STATUS]))
        complainf(m, true, line, "status: `%.20s` is none of active, leave, left", f[COL_STATUS]);
    static const char *const locales[] = {"", "kk", "ru", "en"};
    bool locale = false;
    for (size_t i = 0; i < TG_COUNT(locales); i++)
        locale = locale || strcmp(locales[i], f[COL_LOCALE]) == 0;
    if (!locale) complainf(m, true, line, "locale: `%.10s` is none of kk, ru, en", f[COL_LOCALE]);
}

static void grow(struct inventory_register *reg)
{
    if (reg->count < reg->cap) return;
    reg->cap = reg->cap ? reg->cap * 2 : 256;
    for (int c = 0; c < COL_COUNT; c++)
        reg->text[c] = tg_realloc(reg->text[c], reg->cap * sizeof(char *));
    reg->statuses = tg_realloc(reg->statuses, reg->cap * sizeof(int64_t));
    reg->leaves = tg_realloc(reg->leaves, reg->cap * sizeof(int64_t));
}

static int on_row(void *data, const struct tg_csv_row *row, struct tg_err *err)
{
    struct importing *m = data;
    (void)err;
    if (row->index == 0) return read_header(m, row);
    if (m->columns[COL_NUMBER] < 0 || m->columns[COL_NAME] < 0) return 0; /* said of the header */
    const char *f[COL_COUNT];
    int64_t leave = DB_NULL_I64;
    for (int c = 0; c < COL_COUNT; c++)
        f[c] = m->columns[c] < 0 ? "" : row->fields[m->columns[c]];
    check_shapes(m, row->line, f);
    if (*f[COL_LEAVE] && !tg_date_parse(f[COL_LEAVE], strlen(f[COL_LEAVE]), &leave))
        complainf(m, true, row->line, "leave-until: `%.20s` is no date; write YYYY-MM-DD",
                  f[COL_LEAVE]);
    struct inventory_register *reg = &m->reg;
    grow(reg);
    for (int c = 0; c < COL_COUNT; c++)
        reg->text[c][reg->count] = tg_strdup(c == COL_LOCALE && !*f[c] ? "ru" : f[c]);
    reg->statuses[reg->count] = status_of(f[COL_STATUS]);
    reg->leaves[reg->count] = leave;
    reg->count++;
    return 0;
}

/* --- the same number twice: found by sorting --- */

struct numbered {
    const char *number;
    size_t index;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int order = strcmp(x->number, y->number);
    return order ? order : x->index < y->index ? -1 : 1;
}

static void find_twice(struct importing *m)
{
    size_t n = m->reg.count;
    TG_AUTO(mem) struct numbered *all = tg_calloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct numbered){m->reg.text[COL_NUMBER][i], i};
    qsort(all, n, sizeof *all, by_number);
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i - 1].number, all[i].number) == 0)
            complainf(m, true, 0, "number %.32s stands in the rows %zu and %zu", all[i].number,
                      all[i - 1].index + 1, all[i].index + 1);
}

static void on_parse(void *data)
{
    struct importing *m = data;
    if (tg_csv_read(m->csv, m->len, on_row, m, &m->err) < 0) complain(m, true, 0, m->err.text);
    find_twice(m);
}

/* --- life --- */

static void end(struct importing *m, struct inventory_imported *imported, const struct tg_err *err)
{
    bool refused = m->error_count > 0;
    imported->complaints = refused ? m->errors : m->warnings;
    imported->complaint_count = refused ? m->error_count : m->warning_count;
    m->fn(err && !refused ? NULL : imported, err, m->data);
    for (size_t i = 0; i < m->error_count; i++)
        free((void *)(uintptr_t)m->errors[i].text);
    for (size_t i = 0; i < m->warning_count; i++)
        free((void *)(uintptr_t)m->warnings[i].text);
    for (int c = 0; c < COL_COUNT; c++) {
        for (size_t i = 0; i < m->reg.count; i++)
            free((void *)(uintptr_t)m->reg.text[c][i]);
        free(m->reg.text[c]);
    }
    free(m->reg.statuses);
    free(m->reg.leaves);
    tg_wipe(m->csv, m->len);
    free(m->csv);
    free(m->actor);
    free(m);
}

static void on_committed(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct importing *m = data;
    struct inventory_imported imported = {.imported = (int64_t)m->reg.count};
    if (!err) inventory_read_imported(r, &imported);
    end(m, &imported, err);
}

static void on_parsed(void *data, int status)
{
    struct importing *m = data;
    struct inventory_imported imported = {0};
    struct tg_err err = {0};
    if (status < 0) {
        TG_FAIL(&err, TG_E_CANCELLED, "employees: the service stops");
        end(m, &imported, &err);
        return;
    }
    if (m->error_count) {
        const struct inventory_complaint *first = &m->errors[0];
        if (first->line)
            TG_FAIL(&err, TG_E_INPUT,
                    "employees: line %zu: %s (%zu errors in all, nothing was imported)",
                    first->line, first->text, m->error_count);
        else
            TG_FAIL(&err, TG_E_INPUT, "employees: %s (%zu errors in all, nothing was imported)",
                    first->text, m->error_count);
        end(m, &imported, &err);
        return;
    }
    struct db_unit *u = db_unit_new(m->db, "employees import");
    db_unit_deadline(u, 300 * 1000);
    inventory_add_import(u, &m->reg, m->actor, m->now);
    db_unit_run(u, on_committed, m);
}

static void on_later(struct tg_deadline *d, void *data)
{
    (void)d;
    struct importing *m = data;
    struct inventory_imported imported = {0};
    end(m, &imported, &m->err);
}

void inventory_import_holders(struct db *db, const void *csv, size_t len, const char *actor,
                              int64_t now, inventory_imported_fn fn, void *data)
{
    struct importing *m = TG_NEW(struct importing);
    m->db = db;
    m->csv = tg_memdup(csv, len);
    m->len = len;
    m->actor = tg_strdup(actor);
    m->now = now;
    m->fn = fn;
    m->data = data;
    if (tg_work_start(&m->work, db_loop(db), on_parse, on_parsed, m, &m->err) == 0) return;
    tg_deadline_init(&m->later, db_loop(db), m);
    tg_deadline_close(&m->later, on_later);
}
