/* Arguments and their binary encoding. */
#include "args.h"

struct db_arg db_null(void)
{
    return (struct db_arg){.kind = DB_ARG_NULL};
}

struct db_arg db_i64(int64_t value)
{
    return value == DB_NULL_I64 ? db_null() : (struct db_arg){.kind = DB_ARG_I64, .number = value};
}

struct db_arg db_bool(bool value)
{
    return (struct db_arg){.kind = DB_ARG_I64, .number = value};
}

struct db_arg db_time(int64_t at)
{
    return at == DB_NULL_I64 ? db_null() : (struct db_arg){.kind = DB_ARG_TIME, .number = at};
}

struct db_arg db_textn(const char *text, size_t len)
{
    return text ? (struct db_arg){.kind = DB_ARG_BYTES, .data = text, .count = len} : db_null();
}

struct db_arg db_text(const char *text)
{
    return db_textn(text, text ? strlen(text) : 0);
}

struct db_arg db_bytes(const void *bytes, size_t len)
{
    return bytes ? (struct db_arg){.kind = DB_ARG_BYTES, .data = bytes, .count = len} : db_null();
}

struct db_arg db_i64_array(const int64_t *values, size_t count)
{
    return (struct db_arg){.kind = DB_ARG_I64S, .data = values, .count = count};
}

struct db_arg db_time_array(const int64_t *values, size_t count)
{
    return (struct db_arg){.kind = DB_ARG_TIMES, .data = values, .count = count};
}

struct db_arg db_text_array(const char *const *texts, size_t count)
{
    return (struct db_arg){.kind = DB_ARG_TEXTS, .data = texts, .count = count};
}

struct db_arg db_bytes_array(const struct db_slice *slices, size_t count)
{
    return (struct db_arg){.kind = DB_ARG_SLICES, .data = slices, .count = count};
}

static void put_be(struct tg_buf *out, int64_t value, size_t size)
{
    uint8_t *at = tg_buf_grow(out, size);
    if (!at) return;
    uint64_t bits = (uint64_t)value;
    for (size_t i = size; i-- > 0; bits >>= 8)
        at[i] = (uint8_t)bits;
}

static int bad(struct tg_err *err, const char *what, uint32_t type)
{
    return TG_FAIL(err, TG_E_BUG, "database parameter: %s does not fit type %u", what, type);
}

/* One integer or instant in the width of its type. */
static int put_number(int64_t v, bool is_time, uint32_t type, struct tg_buf *out,
                      struct tg_err *err)
{
    if (is_time && type == DB_OID_TIMESTAMPTZ) {
        int64_t us;
        if (__builtin_mul_overflow(v - DB_EPOCH, INT64_C(1000000), &us))
            return bad(err, "an instant", type);
        put_be(out, us, 8);
        return 0;
    }
    if (is_time && type == DB_OID_DATE) {
        int64_t s = v - DB_EPOCH;
        put_be(out, s / 86400 - (s % 86400 < 0), 4);
        return 0;
    }
    if (is_time) return bad(err, "an instant", type);
    size_t size = type == DB_OID_INT8   ? 8
                  : type == DB_OID_INT4 ? 4
                  : type == DB_OID_INT2 ? 2
                  : type == DB_OID_BOOL ? 1
                                        : 0;
    int64_t max = type == DB_OID_BOOL ? 1
                  : size == 8         ? INT64_MAX
                  : size == 4         ? INT32_MAX
                                      : INT16_MAX;
    if (size == 0 || v > max || v < (type == DB_OID_BOOL ? 0 : -max - 1))
        return bad(err, "an integer", type);
    put_be(out, v, size);
    return 0;
}

static uint32_t element_type(uint32_t array)
{
    switch (array) {
    case 1000:
        return DB_OID_BOOL;
    case 1001:
        return DB_OID_BYTEA;
    case 1005:
        return DB_OID_INT2;
    case 1007:
        return DB_OID_INT4;
    case 1009:
        return DB_OID_TEXT;
    case 1016:
        return DB_OID_INT8;
    case 1182:
        return DB_OID_DATE;
    case 1185:
        return DB_OID_TIMESTAMPTZ;
    default:
        return 0;
    }
}

static struct db_slice slice_of(const struct db_arg *arg, size_t i)
{
    if (arg->kind == DB_ARG_SLICES) return ((const struct db_slice *)arg->data)[i];
    const char *text = ((const char *const *)arg->data)[i];
    return (struct db_slice){text, text ? strlen(text) : 0};
}

static int put_element(const struct db_arg *arg, size_t i, uint32_t type, struct tg_buf *out,
                       struct tg_err *err)
{
    bool text = arg->kind == DB_ARG_TEXTS || arg->kind == DB_ARG_SLICES;
    if (text) {
        if (type != DB_OID_TEXT && type != DB_OID_BYTEA)
            return bad(err, "an array of strings", type);
        struct db_slice s = slice_of(arg, i);
        put_be(out, s.data ? (int64_t)s.len : -1, 4);
        if (s.data) tg_buf_add(out, s.data, s.len);
        return 0;
    }
    int64_t v = ((const int64_t *)arg->data)[i];
    if (v == DB_NULL_I64) {
        put_be(out, -1, 4);
        return 0;
    }
    size_t at = out->len;
    put_be(out, 0, 4);
    TG_TRY(put_number(v, arg->kind == DB_ARG_TIMES, type, out, err));
    if (!out->failed) out->data[at + 3] = (uint8_t)(out->len - at - 4);
    return 0;
}

static int put_array(const struct db_arg *arg, uint32_t type, struct tg_buf *out,
                     struct tg_err *err)
{
    uint32_t element = element_type(type);
    if (element == 0) return bad(err, "an array", type);
    put_be(out, arg->count ? 1 : 0, 4); /* dimensions */
    put_be(out, 1, 4);                  /* may hold NULLs */
    put_be(out, element, 4);
    if (arg->count) {
        put_be(out, (int64_t)arg->count, 4);
        put_be(out, 1, 4); /* lower bound */
    }
    for (size_t i = 0; i < arg->count; i++)
        TG_TRY(put_element(arg, i, element, out, err));
    return 0;
}

int db_arg_encode(const struct db_arg *arg, uint32_t type, struct tg_buf *out, int *ret_len,
                  struct tg_err *err)
{
    size_t start = out->len;
    switch (arg->kind) {
    case DB_ARG_NULL:
        *ret_len = -1;
        return 0;
    case DB_ARG_I64:
    case DB_ARG_TIME:
        TG_TRY(put_number(arg->number, arg->kind == DB_ARG_TIME, type, out, err));
        break;
    case DB_ARG_BYTES:
        if (type != DB_OID_TEXT && type != DB_OID_BYTEA) return bad(err, "a string", type);
        tg_buf_add(out, arg->data, arg->count);
        break;
    case DB_ARG_I64S:
    case DB_ARG_TIMES:
    case DB_ARG_TEXTS:
    case DB_ARG_SLICES:
        TG_TRY(put_array(arg, type, out, err));
        break;
    }
    TG_TRY(tg_buf_ok(out, err));
    *ret_len = (int)(out->len - start);
    return 0;
}
