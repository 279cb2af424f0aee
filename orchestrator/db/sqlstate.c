/* SQLSTATE becomes a code of ours here, and travels no further. */
#include "pool.h"

static const struct {
    const char *state; /* a prefix */
    int code;
} table[] = {
    {"TG001", TG_E_STATE},     {"TG002", TG_E_DENIED}, {"TG003", TG_E_STATE},
    {"TG004", TG_E_MISMATCH},  {"23505", TG_E_EXISTS}, {"23P01", TG_E_EXISTS},
    {"23503", TG_E_NOT_FOUND}, {"23", TG_E_INPUT},     {"22", TG_E_INPUT},
    {"40", TG_E_STALE},        {"55P03", TG_E_STALE},  {"42501", TG_E_DENIED},
    {"53100", TG_E_DISK_FULL}, {"53", TG_E_BUSY},      {"57014", TG_E_TIMEOUT},
    {"57", TG_E_DB},           {"08", TG_E_DB},        {"58030", TG_E_DISK_FULL},
    {"25006", TG_E_DB},        {"26000", TG_E_STALE},
};

static int code_of(const char *state)
{
    for (size_t i = 0; i < TG_COUNT(table); i++)
        if (tg_starts(state, table[i].state)) return table[i].code;
    return TG_E_BUG;
}

int db_translate(const PGresult *r, const char *what, bool *ret_retry, struct tg_err *err)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    if (!state) { /* libpq's own error: the connection */
        *ret_retry = false;
        return TG_FAIL(err, TG_E_DB, "%s: %.*s", what, (int)strcspn(PQresultErrorMessage(r), "\n"),
                       PQresultErrorMessage(r));
    }
    int code = code_of(state);
    /* a disk without room shows as an i/o error too; only ENOSPC is a full disk */
    if (code == TG_E_DISK_FULL && strcmp(state, "58030") == 0 &&
        !strstr(text ? text : "", "No space"))
        code = TG_E_DB;
    *ret_retry =
        strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0 || strcmp(state, "26000") == 0;
    return TG_FAIL(err, code, "%s: %s%s%s%s%s%s", what, text ? text : "no message",
                   detail ? " (" : "", detail ? detail : "", detail ? ")" : "",
                   code == TG_E_BUG ? " SQLSTATE " : "", code == TG_E_BUG ? state : "");
}
