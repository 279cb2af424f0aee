/* Reading statements: rows out. */
#include "inventory_in.h"
#include "inventory_queries.h"

#include <string.h>

#include "base/str.h"

void inventory_add_list(struct db_unit *u, const struct inventory_filter *f)
{
    db_unit_add(u, Q_INVENTORY_LIST,
                DB_ARGS(db_i64(f->after), db_i64(f->limit),
                        f->expiring_before ? db_time(f->expiring_before) : db_null(),
                        db_time(f->now), db_bool(f->unlinked), db_text(f->holder)));
}

void inventory_add_show(struct db_unit *u, const char *which)
{
    uint8_t from[TG_SHA256] = {0}, to[TG_SHA256];
    size_t len = strlen(which), bytes = len / 2;
    uint64_t id = 0;
    bool is_hash = len >= 8 && bytes <= TG_SHA256 && tg_unhex(which, bytes * 2, from);
    memset(to, 0xff, sizeof to);
    if (is_hash) memcpy(to, from, bytes);
    if (len >= 8 || !tg_parse_u64(which, len, INT64_MAX, &id)) id = 0;
    const struct db_query *const queries[] = {Q_INVENTORY_SHOW, Q_INVENTORY_WHERE,
                                              Q_INVENTORY_APPLICATIONS};
    for (size_t i = 0; i < TG_COUNT(queries); i++)
        db_unit_add(u, queries[i],
                    DB_ARGS(id ? db_i64((int64_t)id) : db_null(),
                            is_hash ? db_bytes(from, sizeof from) : db_null(),
                            is_hash ? db_bytes(to, sizeof to) : db_null()));
}

void inventory_certificate_at(const struct db_results *r, size_t s, size_t row,
                              struct inventory_certificate *ret)
{
    struct db_slice sha = db_get_bytes(r, s, row, "sha256");
    *ret = (struct inventory_certificate){
        .id = db_get_i64(r, s, row, "id"),
        .serial = db_get_text(r, s, row, "serial"),
        .subject = db_get_text(r, s, row, "subject"),
        .issuer = db_get_text(r, s, row, "issuer"),
        .key_algorithm = db_get_text(r, s, row, "key_algorithm"),
        .role = tg_role_word((enum tg_role)db_get_i64(r, s, row, "role")),
        .iin = db_get_text(r, s, row, "iin"),
        .bin = db_get_text(r, s, row, "bin"),
        .email = db_get_text(r, s, row, "email"),
        .ski = db_get_bytes(r, s, row, "ski"),
        .not_before = db_get_time(r, s, row, "not_before"),
        .not_after = db_get_time(r, s, row, "not_after"),
        .holder = db_get_text(r, s, row, "holder"),
        .holder_name = db_get_text(r, s, row, "holder_name"),
        .department = db_get_text(r, s, row, "department"),
        .verifiable = db_get_bool(r, s, row, "decodable"),
        .superseded = db_get_i64(r, s, row, "status") == 2,
        .is_ca = db_get_bool(r, s, row, "is_ca"),
        .placements = db_get_i64(r, s, row, "placements"),
        .likely_holder = db_get_text(r, s, row, "likely_holder"),
        .likely_why = db_get_text(r, s, row, "likely_why"),
    };
    memcpy(ret->sha256, sha.data, TG_SHA256);
}

static const char *word_at(const char *const *words, size_t count, int64_t i)
{
    return i >= 0 && i < (int64_t)count ? words[i] : "";
}

void inventory_placement_at(const struct db_results *r, size_t row, struct inventory_placement *ret)
{
    static const char *const kinds[] = {"", "pkcs12", "pem", "pkcs11", "nss", "windows", "der"};
    static const char *const statuses[] = {"", "open", "locked", "unreadable", "gone"};
    *ret = (struct inventory_placement){
        .host = db_get_text(r, 1, row, "host"),
        .path = db_get_text(r, 1, row, "path"),
        .kind = word_at(kinds, TG_COUNT(kinds), db_get_i64(r, 1, row, "kind")),
        .status = word_at(statuses, TG_COUNT(statuses), db_get_i64(r, 1, row, "status")),
        .friendly_name = db_get_text(r, 1, row, "friendly_name"),
        .has_key = db_get_bool(r, 1, row, "has_key"),
        .key_unknown = db_is_null(r, 1, row, "has_key"),
        .gone = !db_is_null(r, 1, row, "gone_at"),
        .last_seen = db_get_time(r, 1, row, "last_seen"),
    };
}

int64_t inventory_application_at(const struct db_results *r, size_t row, unsigned *ret_year)
{
    if (db_is_null(r, 2, row, "sequence")) return 0;
    *ret_year = (unsigned)db_get_i64(r, 2, row, "year");
    return db_get_i64(r, 2, row, "sequence");
}

void inventory_add_register(struct db_unit *u, int64_t after, int64_t limit)
{
    db_unit_add(u, Q_INVENTORY_REGISTER, DB_ARGS(db_i64(after), db_i64(limit)));
}

void inventory_holder_at(const struct db_results *r, size_t row, struct inventory_holder *ret)
{
    static const char *const statuses[] = {"", "active", "leave", "left"};
    int64_t leave = db_get_time(r, 0, row, "leave_until");
    *ret = (struct inventory_holder){
        .id = db_get_i64(r, 0, row, "id"),
        .number = db_get_text(r, 0, row, "number"),
        .name = db_get_text(r, 0, row, "name"),
        .iin = db_get_text(r, 0, row, "iin"),
        .email = db_get_text(r, 0, row, "email"),
        .department = db_get_text(r, 0, row, "department"),
        .position = db_get_text(r, 0, row, "position"),
        .status = word_at(statuses, TG_COUNT(statuses), db_get_i64(r, 0, row, "status")),
        .leave_until = leave == DB_NULL_I64 ? 0 : leave,
        .certificates = db_get_i64(r, 0, row, "certificates"),
    };
}

void inventory_add_totals(struct db_unit *u)
{
    db_unit_add(u, Q_INVENTORY_TOTALS, DB_NO_ARGS);
}

void inventory_read_totals(const struct db_results *r, struct inventory_totals *ret)
{
    *ret =
        (struct inventory_totals){db_get_i64(r, 0, 0, "certificates"),
                                  db_get_i64(r, 0, 0, "holders"), db_get_i64(r, 0, 0, "unlinked"),
                                  db_get_i64(r, 0, 0, "keystores")};
}
