/* args: parameters in PostgreSQL's binary form, by the declared type. */
#pragma once

#include "base/buf.h"
#include "db/db.h"

enum { DB_PARAMS_MAX = 64 };
/* All parameters of one unit together (a snapshot of 100,000 leaves has 60 MB). */
enum { DB_UNIT_MAX = 512 * 1024 * 1024 };

/* Appends the value; *ret_len = -1 for NULL. TG_E_BUG when kind or range does not fit the type. */
int db_arg_encode(const struct db_arg *arg, uint32_t type, struct tg_buf *out, int *ret_len,
                  struct tg_err *err) TG_MUST_CHECK;

enum {
    DB_OID_BOOL = 16,
    DB_OID_BYTEA = 17,
    DB_OID_INT8 = 20,
    DB_OID_INT2 = 21,
    DB_OID_INT4 = 23,
    DB_OID_TEXT = 25,
    DB_OID_NAME = 19,
    DB_OID_VARCHAR = 1043,
    DB_OID_DATE = 1082,
    DB_OID_TIMESTAMPTZ = 1184,
};
/* Seconds from 1970 to 2000, where PostgreSQL's time begins. */
#define DB_EPOCH INT64_C(946684800)
