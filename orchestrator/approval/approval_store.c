/* The room's statements about trust, batches and decisions: arguments in, rows out. */
#include "approval_in.h"
#include "approval_queries.h"

#include <string.h>

#include "audit/audit.h"

static int64_t number_of(const struct db_results *r, size_t i, size_t row, const char *col)
{
    int64_t v = db_get_i64(r, i, row, col);
    return v == DB_NULL_I64 ? 0 : v;
}

void approval_add_entry(struct db_unit *u, int64_t now, const char *actor, const char *verb,
                        const char *subject, const struct tg_buf *body)
{
    struct audit_entry e = {actor, verb, subject, body ? tg_buf_text(body) : NULL};
    audit_append(u, now, &e);
}

/* --- trust --- */

void approval_add_trust(struct db_unit *u)
{
    db_unit_add(u, Q_APPROVAL_TRUST_DOCUMENTS, DB_NO_ARGS);
    db_unit_add(u, Q_APPROVAL_TRUST_SIGNATURES, DB_NO_ARGS);
}

void approval_add_recalls(struct db_unit *u)
{
    db_unit_add(u, Q_APPROVAL_RECALLS, DB_NO_ARGS);
}

void approval_version_at(const struct db_results *r, size_t i, size_t row,
                         struct approval_version *ret)
{
    *ret = (struct approval_version){.version = number_of(r, i, row, "version")};
    ret->text = approval_blob(db_get_bytes(r, i, row, "text"));
    for (size_t s = 0; s < db_rows(r, i + 1); s++) {
        if (number_of(r, i + 1, s, "version") != ret->version) continue;
        if (ret->cms_count == TG_COUNT(ret->cms)) break;
        ret->cms[ret->cms_count++] = approval_blob(db_get_bytes(r, i + 1, s, "cms"));
    }
}

void approval_recall_at(const struct db_results *r, size_t i, size_t row,
                        struct approval_recall_row *ret)
{
    struct db_slice hash = db_get_bytes(r, i, row, "statement_sha256");
    tg_hex(hash.data, TG_SHA256, ret->statement);
    ret->text = approval_blob(db_get_bytes(r, i, row, "text"));
    ret->cms = approval_blob(db_get_bytes(r, i, row, "cms"));
}

void approval_add_version(struct db_unit *u, const struct tg_trust *t, struct tg_blob text,
                          const struct tg_blob *cms, size_t n, int64_t now)
{
    uint8_t previous[TG_SHA256];
    struct db_slice slices[TG_SEAL_TRUST_CMS_MAX];
    TG_CHECK(tg_unhex(t->previous, 2 * (size_t)TG_SHA256, previous));
    for (size_t i = 0; i < n; i++)
        slices[i] = (struct db_slice){cms[i].data, cms[i].len};
    db_unit_add(u, Q_APPROVAL_TRUST_ADD,
                DB_ARGS(db_i64(t->version), db_bytes(text.data, text.len),
                        db_bytes(previous, TG_SHA256), db_time(t->expires), db_time(now),
                        db_bytes_array(slices, n)));
}

/* --- batches --- */

void approval_add_head(struct db_unit *u, unsigned year, uint32_t sequence)
{
    db_unit_add(u, Q_APPROVAL_BATCH, DB_ARGS(db_i64(year), db_i64(sequence)));
}

void approval_add_batches(struct db_unit *u, int64_t after, int64_t limit)
{
    db_unit_add(u, Q_APPROVAL_BATCHES, DB_ARGS(db_i64(after), db_i64(limit)));
}

bool approval_head_at(const struct db_results *r, size_t i, size_t row, struct approval_head *ret)
{
    if (row >= db_rows(r, i)) return false;
    *ret = (struct approval_head){
        .id = number_of(r, i, row, "id"),
        .rev = number_of(r, i, row, "rev"),
        .state = number_of(r, i, row, "state"),
        .count = number_of(r, i, row, "leaf_count"),
        .hold = number_of(r, i, row, "hold"),
        .back = number_of(r, i, row, "back"),
        .taken = db_get_time(r, i, row, "taken"),
    };
    struct db_slice hash = db_get_bytes(r, i, row, "statement_sha256");
    if (hash.data) tg_hex(hash.data, TG_SHA256, ret->statement);
    if (!db_is_null(r, i, row, "release_at")) ret->release = db_get_time(r, i, row, "release_at");
    tg_batch_name_print((unsigned)number_of(r, i, row, "year"),
                        (uint32_t)number_of(r, i, row, "sequence"), ret->name);
    return true;
}

void approval_add_tune(struct db_unit *u, int64_t lines)
{
    enum { LARGE = 5000 };
    db_unit_add(u, Q_APPROVAL_TUNE, DB_ARGS(db_bool(lines >= LARGE)));
}

void approval_add_lines(struct db_unit *u, int64_t batch, int64_t after, int64_t upto)
{
    db_unit_add(u, Q_APPROVAL_LINES, DB_ARGS(db_i64(batch), db_i64(after), db_i64(upto)));
}

static bool hash_at(struct db_slice s, uint8_t ret[TG_SHA256])
{
    if (!s.data || s.len != TG_SHA256) return false;
    memcpy(ret, s.data, TG_SHA256);
    return true;
}

enum { COL_LEAF, COL_CSR, COL_CMS, COL_STATUS, COL_DECISION, COL_REASON, COL_INDEX };

static bool line_at(const struct db_results *r, size_t i, size_t row, struct approval_task *t)
{
    static const enum tg_decision_kind kinds[] = {TG_DECISION_APPROVE, TG_DECISION_APPROVE,
                                                  TG_DECISION_HOLD, TG_DECISION_RETURN};
    int64_t index = db_get_i64(r, i, row, (int)COL_INDEX);
    if (index < 0 || (uint64_t)index >= t->lines_count) return false;
    struct approval_line *l = &t->lines[index];
    struct db_slice leaf = db_get_bytes(r, i, row, (int)COL_LEAF);
    struct db_slice reason = db_get_bytes(r, i, row, (int)COL_REASON);
    *l = (struct approval_line){.leaf = t->bytes.len, .leaf_len = leaf.len};
    tg_buf_add(&t->bytes, leaf.data, leaf.len);
    l->reason = t->bytes.len;
    l->reason_len = reason.len;
    tg_buf_add(&t->bytes, reason.data, reason.len);
    l->has_csr = hash_at(db_get_bytes(r, i, row, (int)COL_CSR), l->csr);
    l->has_cms = hash_at(db_get_bytes(r, i, row, (int)COL_CMS), l->cms);
    l->has_status = hash_at(db_get_bytes(r, i, row, (int)COL_STATUS), l->status);
    l->decision = kinds[db_get_i64(r, i, row, (int)COL_DECISION) & 3];
    return true;
}

size_t approval_lines_at(const struct db_results *r, size_t i, struct approval_task *t)
{
    size_t rows = db_rows(r, i), placed = 0;
    TG_CHECK(db_col(r, i, "leaf") == COL_LEAF && db_col(r, i, "leaf_index") == COL_INDEX);
    for (size_t row = 0; row < rows; row++)
        placed += line_at(r, i, row, t);
    return placed;
}

/* --- opening --- */

void approval_add_prepared(struct db_unit *u, struct tg_number after, int64_t limit)
{
    db_unit_add(u, Q_APPROVAL_PREPARED,
                DB_ARGS(db_i64(after.year), db_i64(after.sequence), db_i64(limit)));
}

enum { P_ID, P_REV, P_YEAR, P_SEQUENCE, P_POLICY_ID, P_POLICY, P_CONFIRM, P_APP, P_CSR, P_CMS };
enum { P_FLAGS = P_CMS + 1, P_CONSENT, P_DEPARTMENT, P_HOLDER_LEFT };

void approval_prepared_at(const struct db_results *r, size_t i, size_t row,
                          struct approval_prepared *ret)
{
    if (row == 0)
        TG_CHECK(db_col(r, i, "cms_sha256") == P_CMS &&
                 db_col(r, i, "holder_left") == P_HOLDER_LEFT);
    *ret = (struct approval_prepared){
        .id = db_get_i64(r, i, row, (int)P_ID),
        .rev = db_get_i64(r, i, row, (int)P_REV),
        .policy_id = db_get_i64(r, i, row, (int)P_POLICY_ID),
        .consent = db_get_i64(r, i, row, (int)P_CONSENT),
        .number = {(unsigned)db_get_i64(r, i, row, (int)P_YEAR),
                   (uint32_t)db_get_i64(r, i, row, (int)P_SEQUENCE)},
        .policy = db_get_text(r, i, row, (int)P_POLICY),
        .department = db_get_text(r, i, row, (int)P_DEPARTMENT),
        .flags = db_get_text(r, i, row, (int)P_FLAGS),
        .app = approval_blob(db_get_bytes(r, i, row, (int)P_APP)),
        .csr = db_get_bytes(r, i, row, (int)P_CSR),
        .cms = db_get_bytes(r, i, row, (int)P_CMS),
        .confirm = db_get_bool(r, i, row, (int)P_CONFIRM),
        .holder_left = db_get_bool(r, i, row, (int)P_HOLDER_LEFT),
    };
}

void approval_add_places(struct db_unit *u)
{
    db_unit_add(u, Q_APPROVAL_PLACES, DB_NO_ARGS);
}

void approval_place_at(const struct db_results *r, size_t i, size_t row, struct approval_place *ret)
{
    ret->id = number_of(r, i, row, "id");
    ret->flags = 0;
    if (db_get_bool(r, i, row, "copied")) ret->flags |= TG_FLAG_BIT(TG_FLAG_COPIED_KEY);
    if (db_get_bool(r, i, row, "moved")) ret->flags |= TG_FLAG_BIT(TG_FLAG_FIRST_ON_WORKSTATION);
}

void approval_add_born(struct db_unit *u, unsigned year, int64_t now, const char *actor)
{
    db_unit_add(u, Q_APPROVAL_BORN, DB_ARGS(db_i64(year), db_time(now), db_text(actor)));
}

void approval_born_at(const struct db_results *r, int64_t *ret_id, uint32_t *ret_sequence)
{
    *ret_id = number_of(r, 0, 0, "id");
    *ret_sequence = (uint32_t)number_of(r, 0, 0, "sequence");
}

void approval_add_leaves(struct db_unit *u, const struct approval_leaves *l)
{
    db_unit_add(u, Q_APPROVAL_LEAVES,
                DB_ARGS(db_i64(l->batch), db_i64(l->first), db_i64_array(l->ids, l->count),
                        db_i64_array(l->revs, l->count), db_bytes_array(l->leaves, l->count),
                        db_bytes_array(l->hashes, l->count), db_bytes_array(l->csrs, l->count),
                        db_bytes_array(l->cmss, l->count), db_text_array(l->flags, l->count)));
}

void approval_add_freeze(struct db_unit *u, int64_t batch, int64_t count,
                         const uint8_t root[TG_SHA256])
{
    db_unit_add(u, Q_APPROVAL_FREEZE,
                DB_ARGS(db_i64(batch), db_i64(count), db_bytes(root, TG_SHA256)));
}

void approval_add_unborn(struct db_unit *u, int64_t batch, int64_t now)
{
    db_unit_add(u, Q_APPROVAL_UNBORN, DB_ARGS(db_i64(batch), db_time(now)));
}

/* --- decisions --- */

static tg_flags flags_of(const char *words)
{
    tg_flags flags = 0;
    for (const char *at = words; *at;) {
        size_t len = strcspn(at, " ");
        enum tg_flag flag;
        if (tg_flag_from_code(at, len, &flag)) flags |= TG_FLAG_BIT(flag);
        at += len + (at[len] == ' ');
    }
    return flags;
}

void approval_add_targets(struct db_unit *u, int64_t batch, struct tg_number number,
                          const char *code)
{
    db_unit_add(u, Q_APPROVAL_TARGETS,
                DB_ARGS(db_i64(batch), db_i64(number.year), db_i64(number.sequence),
                        db_text(code)));
}

void approval_target_at(const struct db_results *r, size_t i, size_t row,
                        struct approval_target *ret)
{
    *ret = (struct approval_target){number_of(r, i, row, "leaf_index"),
                                    number_of(r, i, row, "decision"),
                                    flags_of(db_get_text(r, i, row, "flags"))};
}

void approval_add_change(struct db_unit *u, const struct approval_change *c)
{
    db_unit_add(u, Q_APPROVAL_DECIDE,
                DB_ARGS(db_i64(c->batch), db_i64(c->rev), db_i64_array(c->indexes, c->count),
                        db_i64(c->decision), db_text(c->reason), db_text(c->actor),
                        db_time(c->now)));
}

void approval_add_discard(struct db_unit *u, int64_t batch, int64_t rev, int64_t now,
                          const char *why)
{
    db_unit_add(u, Q_APPROVAL_DISCARD,
                DB_ARGS(db_i64(batch), db_i64(rev), db_time(now), db_text(why)));
}

/* --- showing --- */

void approval_add_totals(struct db_unit *u, int64_t batch)
{
    db_unit_add(u, Q_APPROVAL_TOTALS, DB_ARGS(db_i64(batch)));
}

void approval_total_at(const struct db_results *r, size_t i, size_t row, struct approval_total *ret)
{
    *ret = (struct approval_total){db_get_text(r, i, row, "department"),
                                   db_get_text(r, i, row, "policy"), db_get_text(r, i, row, "ends"),
                                   number_of(r, i, row, "decision"), number_of(r, i, row, "count")};
}

static size_t codes_of(enum tg_flag_class class_, const char *ret[TG_FLAG_COUNT])
{
    size_t n = 0;
    for (int f = 0; f < TG_FLAG_COUNT; f++)
        if (tg_flag_class((enum tg_flag)f) == class_) ret[n++] = tg_flag_code((enum tg_flag)f);
    return n;
}

void approval_add_exceptions(struct db_unit *u, int64_t batch, int64_t limit)
{
    const char *stops[TG_FLAG_COUNT], *warns[TG_FLAG_COUNT];
    size_t stop = codes_of(TG_FLAG_STOP, stops), warn = codes_of(TG_FLAG_WARN, warns);
    db_unit_add(u, Q_APPROVAL_EXCEPTIONS,
                DB_ARGS(db_i64(batch), db_text_array(stops, stop), db_text_array(warns, warn),
                        db_i64(limit)));
}

void approval_exception_at(const struct db_results *r, size_t i, size_t row,
                           struct approval_exception *ret)
{
    *ret = (struct approval_exception){
        db_get_text(r, i, row, "number"), db_get_text(r, i, row, "holder"),
        db_get_text(r, i, row, "name"),   db_get_text(r, i, row, "department"),
        db_get_text(r, i, row, "policy"), db_get_text(r, i, row, "reason"),
        db_get_text(r, i, row, "actor"),  flags_of(db_get_text(r, i, row, "flags")),
        number_of(r, i, row, "decision"),
    };
}
