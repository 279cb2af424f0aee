/* Results: binary values by row and column. A wrong column or type is a broken contract, found by
 * the first test. */
#include <arpa/inet.h>

#include "pool.h"

static const PGresult *result_at(const struct db_results *r, size_t i)
{
    TG_CHECK(r && i < r->count);
    return r->result[i];
}

size_t db_rows(const struct db_results *r, size_t i)
{
    return (size_t)PQntuples(result_at(r, i));
}

int64_t db_affected(const struct db_results *r, size_t i)
{
    uint64_t n = 0;
    TG_CHECK(r && i < r->count);
    const char *text = PQcmdTuples(r->result[i]);
    return tg_parse_u64(text, strlen(text), INT64_MAX, &n) ? (int64_t)n : 0;
}

int db_col(const struct db_results *r, size_t i, const char *name)
{
    int col = PQfnumber(result_at(r, i), name);
    if (col < 0) tg_check_failed(name, "no such column in a result", 0);
    return col;
}

static const uint8_t *cell(const struct db_results *r, size_t i, size_t row, int col,
                           size_t *ret_len, Oid *ret_type)
{
    const PGresult *p = result_at(r, i);
    TG_CHECK(row < (size_t)PQntuples(p) && col >= 0 && col < PQnfields(p));
    *ret_type = PQftype(p, col);
    if (PQgetisnull(p, (int)row, col)) return NULL;
    *ret_len = (size_t)PQgetlength(p, (int)row, col);
    return (const uint8_t *)PQgetvalue(p, (int)row, col);
}

static int64_t big_endian(const uint8_t *at, size_t len)
{
    uint64_t v = at[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | at[i];
    return (int64_t)v;
}

bool db_is_null_at(const struct db_results *r, size_t i, size_t row, int col)
{
    size_t len;
    Oid type;
    return !cell(r, i, row, col, &len, &type);
}

int64_t db_get_i64_at(const struct db_results *r, size_t i, size_t row, int col)
{
    size_t len = 0;
    Oid type = 0;
    const uint8_t *at = cell(r, i, row, col, &len, &type);
    TG_CHECK(type == DB_OID_INT8 || type == DB_OID_INT4 || type == DB_OID_INT2 ||
             type == DB_OID_BOOL);
    return at ? big_endian(at, len) : DB_NULL_I64;
}

int64_t db_get_time_at(const struct db_results *r, size_t i, size_t row, int col)
{
    size_t len = 0;
    Oid type = 0;
    const uint8_t *at = cell(r, i, row, col, &len, &type);
    TG_CHECK(type == DB_OID_TIMESTAMPTZ || type == DB_OID_DATE);
    if (!at) return DB_NULL_I64;
    int64_t v = big_endian(at, len);
    if (type == DB_OID_DATE) return v * 86400 + DB_EPOCH;
    return v / 1000000 - (v % 1000000 < 0) + DB_EPOCH;
}

bool db_get_bool_at(const struct db_results *r, size_t i, size_t row, int col)
{
    size_t len = 0;
    Oid type = 0;
    const uint8_t *at = cell(r, i, row, col, &len, &type);
    TG_CHECK(type == DB_OID_BOOL);
    return at && at[0];
}

static const uint8_t *string_cell(const struct db_results *r, size_t i, size_t row, int col,
                                  size_t *ret_len)
{
    Oid type = 0;
    const uint8_t *at = cell(r, i, row, col, ret_len, &type);
    TG_CHECK(type == DB_OID_TEXT || type == DB_OID_BYTEA || type == DB_OID_NAME ||
             type == DB_OID_VARCHAR);
    return at;
}

const char *db_get_text_at(const struct db_results *r, size_t i, size_t row, int col)
{
    size_t len = 0;
    return (const char *)string_cell(r, i, row, col,
                                     &len); /* libpq puts a NUL behind every value */
}

struct db_slice db_get_bytes_at(const struct db_results *r, size_t i, size_t row, int col)
{
    struct db_slice s = {0};
    s.data = string_cell(r, i, row, col, &s.len);
    return s;
}

bool db_is_null_named(const struct db_results *r, size_t i, size_t row, const char *col)
{
    return db_is_null_at(r, i, row, db_col(r, i, col));
}

int64_t db_get_i64_named(const struct db_results *r, size_t i, size_t row, const char *col)
{
    return db_get_i64_at(r, i, row, db_col(r, i, col));
}

int64_t db_get_time_named(const struct db_results *r, size_t i, size_t row, const char *col)
{
    return db_get_time_at(r, i, row, db_col(r, i, col));
}

bool db_get_bool_named(const struct db_results *r, size_t i, size_t row, const char *col)
{
    return db_get_bool_at(r, i, row, db_col(r, i, col));
}

const char *db_get_text_named(const struct db_results *r, size_t i, size_t row, const char *col)
{
    return db_get_text_at(r, i, row, db_col(r, i, col));
}

struct db_slice db_get_bytes_named(const struct db_results *r, size_t i, size_t row,
                                   const char *col)
{
    return db_get_bytes_at(r, i, row, db_col(r, i, col));
}

/* Header of a one-dimensional array: dimensions, flags, type, count, lower bound: 4 bytes each. */
void db_get_array(const struct db_results *r, size_t i, size_t row, int col, struct db_array *ret)
{
    size_t len = 0;
    Oid type = 0;
    const uint8_t *at = cell(r, i, row, col, &len, &type);
    *ret = (struct db_array){0};
    if (!at || len < 12 || big_endian(at, 4) == 0) return;
    TG_CHECK(big_endian(at, 4) == 1 && len >= 20);
    ret->count = (size_t)big_endian(at + 12, 4);
    ret->at = at + 20;
    ret->end = at + len;
}

bool db_array_next(struct db_array *a, struct db_slice *ret)
{
    if (!a->at || a->end - a->at < 4) return false;
    int64_t len = big_endian(a->at, 4);
    a->at += 4;
    if (len < 0) {
        *ret = (struct db_slice){0};
        return true;
    }
    TG_CHECK(len <= a->end - a->at);
    *ret = (struct db_slice){a->at, (size_t)len};
    a->at += len;
    return true;
}

int64_t db_array_i64(struct db_slice element)
{
    return element.data ? big_endian(element.data, element.len) : DB_NULL_I64;
}
