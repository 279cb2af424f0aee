/* The room's statements: arguments in, rows out. */
#include "planner_in.h"
#include "planner_queries.h"

#include <string.h>

#include "base/str.h"
#include "base/times.h"

void planner_add_tune(struct db_unit *u)
{
    db_unit_add(u, Q_PLANNER_TUNE, DB_NO_ARGS);
}

const struct db_query *planner_draft_pattern(void)
{
    return Q_PLANNER_DRAFT;
}

const struct db_query *planner_survey_pattern(void)
{
    return Q_PLANNER_SURVEY;
}

void planner_add_rules(struct db_unit *u, const struct policy_set *set, int64_t now)
{
    uint8_t(*hashes)[TG_SHA256] = tg_calloc(POLICY_MAX, sizeof *hashes);
    struct db_slice slices[POLICY_MAX];
    const char *names[POLICY_MAX], *rules[POLICY_MAX], *connectors[POLICY_MAX];
    int64_t confirms[POLICY_MAX], keeps[POLICY_MAX], validities[POLICY_MAX], recalls[POLICY_MAX],
        archives[POLICY_MAX];
    size_t n = policy_count(set);
    for (size_t i = 0; i < n; i++) {
        const struct policy *p = policy_at(set, i);
        TG_CHECK(tg_unhex(p->hash, strlen(p->hash), hashes[i]));
        slices[i] = (struct db_slice){hashes[i], TG_SHA256};
        names[i] = p->name;
        rules[i] = p->json;
        connectors[i] = p->ca;
        confirms[i] = p->confirm == POLICY_CONFIRM_HOLDER;
        keeps[i] = p->keep_decryption_keys;
        validities[i] = p->validity_s > 0 ? p->validity_s : 365 * TG_DAY;
        recalls[i] = p->recall_s;
        archives[i] = p->archive_after_s;
    }
    db_unit_add(u, Q_PLANNER_VERSIONS,
                DB_ARGS(db_bytes_array(slices, n), db_text_array(names, n), db_text_array(rules, n),
                        db_text_array(connectors, n), db_i64_array(confirms, n),
                        db_i64_array(keeps, n), db_i64_array(validities, n),
                        db_i64_array(recalls, n), db_i64_array(archives, n), db_time(now)));
    db_unit_add(u, Q_PLANNER_ISSUERS, DB_NO_ARGS);
    db_unit_add(u, Q_PLANNER_DEPARTMENTS, DB_NO_ARGS);
    free(hashes);
}

static struct policy_word_id *read_words(const struct db_results *r, size_t statement)
{
    struct policy_word_id *ret = tg_calloc(db_rows(r, statement) + 1, sizeof *ret);
    for (size_t i = 0; i < db_rows(r, statement); i++)
        ret[i] = (struct policy_word_id){(int32_t)db_get_i64(r, statement, i, 0),
                                         db_get_text(r, statement, i, 1)};
    return ret;
}

int planner_read_rules(const struct db_results *r, const struct policy_set *set, int64_t *ret_ids,
                       struct planner_words *ret, struct tg_err *err)
{
    TG_CHECK(db_rows(r, 0) == policy_count(set));
    for (size_t i = 0; i < policy_count(set); i++) {
        ret_ids[i] = db_get_i64(r, 0, i, 0);
        if (ret_ids[i] == DB_NULL_I64)
            return TG_FAIL(err, TG_E_STALE,
                           "policies: another planner stores the same rules just now");
    }
    ret->issuers = read_words(r, 1);
    ret->departments = read_words(r, 2);
    ret->dictionary =
        (struct policy_dictionary){ret->issuers, db_rows(r, 1), ret->departments, db_rows(r, 2)};
    return 0;
}

void planner_words_done(struct planner_words *w)
{
    free(w->issuers);
    free(w->departments);
    *w = (struct planner_words){0};
}

static int64_t horizon(const struct policy_set *set, const struct planner_request *q)
{
    return q->as_of + policy_longest_before(set);
}

/* F1 counts a certificate's life in days, rounded up. */
static int64_t days_of(const struct policy *p)
{
    int64_t days = (p->validity_s + TG_DAY - 1) / TG_DAY;
    return days < 1 ? 365 : days > 1130 ? 1130 : days;
}

void planner_add_draft(struct db_unit *u, const struct db_query *compiled,
                       const struct policy_set *set, const int64_t *ids,
                       const struct planner_request *q)
{
    int64_t days[POLICY_MAX], keys[POLICY_MAX], confirms[POLICY_MAX];
    size_t n = policy_count(set);
    struct tg_civil day;
    tg_civil_from(q->now, &day);
    for (size_t i = 0; i < n; i++) {
        days[i] = days_of(policy_at(set, i));
        keys[i] = policy_at(set, i)->key;
        confirms[i] = policy_at(set, i)->confirm == POLICY_CONFIRM_HOLDER;
    }
    db_unit_add(u, compiled,
                DB_ARGS(db_time(q->as_of), db_time(horizon(set, q)), db_time(q->now),
                        db_i64(day.year % 100), db_text(q->actor), db_i64_array(ids, n),
                        db_i64_array(days, n), db_i64_array(keys, n), db_i64_array(confirms, n),
                        db_i64(PLANNER_ITEMS)));
}

void planner_add_survey(struct db_unit *u, const struct db_query *compiled,
                        const struct policy_set *set, const int64_t *ids,
                        const struct planner_request *q)
{
    db_unit_add(u, compiled,
                DB_ARGS(db_time(q->as_of), db_time(horizon(set, q)),
                        db_i64_array(ids, policy_count(set)),
                        db_i64(q->dry_run ? PLANNER_ITEMS : 0)));
}

/* --- rows of draft and survey --- */

enum { WHAT, GOVERNING, COUNT, SEQUENCE, CERTIFICATE, HOLDER, HOLDER_NAME, DUE, NOT_AFTER, WHY };

static void read_item(const struct db_results *r, size_t s, size_t i, const struct policy_set *set,
                      const struct planner_request *q, struct planner_item *ret)
{
    struct db_slice sha = db_get_bytes(r, s, i, CERTIFICATE);
    struct tg_civil day;
    tg_civil_from(q->now, &day);
    *ret = (struct planner_item){
        .holder = db_get_text(r, s, i, HOLDER),
        .holder_name = db_get_text(r, s, i, HOLDER_NAME),
        .policy = policy_at(set, (size_t)db_get_i64(r, s, i, GOVERNING))->name,
        .due = db_get_i64(r, s, i, DUE),
        .not_after = db_get_time(r, s, i, NOT_AFTER),
    };
    tg_hex(sha.data, sha.len, ret->certificate);
    if (!db_is_null(r, s, i, SEQUENCE))
        tg_number_print((struct tg_number){(unsigned)(day.year % 100),
                                           (uint32_t)db_get_i64(r, s, i, SEQUENCE)},
                        ret->number);
}

void planner_read_lists(const struct db_results *r, size_t s, const struct policy_set *set,
                        const struct planner_request *q, struct planner_lists *ret)
{
    struct planner_result *out = &ret->result;
    for (size_t i = 0; i < db_rows(r, s); i++) {
        int64_t what = db_get_i64(r, s, i, WHAT), count = db_get_i64(r, s, i, COUNT);
        if (what == 1 && out->item_count < PLANNER_ITEMS)
            read_item(r, s, i, set, q, &ret->items[out->item_count++]);
        if (what == 2 && out->skip_count < TG_COUNT(ret->skipped))
            ret->skipped[out->skip_count++] =
                (struct planner_skip){db_get_text(r, s, i, WHY), count};
        if (what != 0) continue;
        const struct policy *p = policy_at(set, (size_t)db_get_i64(r, s, i, GOVERNING));
        ret->policies[out->policy_count++] =
            (struct planner_policy_count){p->name, policy_action_word(p->action), count};
        out->drafted += count;
    }
}

void planner_add_expand(struct db_unit *u, int64_t now)
{
    db_unit_add(u, Q_PLANNER_EXPAND, DB_ARGS(db_time(now), db_i64(PLANNER_CHUNK)));
}

bool planner_expanded(const struct db_results *r, size_t statement)
{
    return db_get_i64(r, statement, 0, 0) == 0;
}

void planner_add_sweep(struct db_unit *u, int64_t now)
{
    db_unit_add(u, Q_PLANNER_SWEEP, DB_ARGS(db_time(now)));
}

/* --- one certificate --- */

void planner_add_which(struct db_unit *u, const char *which)
{
    uint8_t from[TG_SHA256] = {0}, to[TG_SHA256];
    size_t len = strlen(which), bytes = len / 2;
    uint64_t id = 0;
    bool is_hash = len >= 8 && bytes <= TG_SHA256 && tg_unhex(which, bytes * 2, from);
    memset(to, 0xff, sizeof to);
    if (is_hash) memcpy(to, from, bytes);
    if (len >= 8 || !tg_parse_u64(which, len, INT64_MAX, &id)) id = 0;
    db_unit_add(u, Q_PLANNER_WHICH,
                DB_ARGS(id ? db_i64((int64_t)id) : db_null(),
                        is_hash ? db_bytes(from, sizeof from) : db_null(),
                        is_hash ? db_bytes(to, sizeof to) : db_null()));
}

int planner_read_which(const struct db_results *r, const char *which, int64_t *ret_id,
                       struct tg_err *err)
{
    if (db_rows(r, 0) == 0)
        return TG_FAIL(err, TG_E_NOT_FOUND,
                       "certificate %.64s: there is none; list them: tamga certificates list",
                       which);
    if (db_rows(r, 0) > 1)
        return TG_FAIL(err, TG_E_INPUT,
                       "certificate %.64s: several begin like this, say more digits", which);
    *ret_id = db_get_i64(r, 0, 0, 0);
    return 0;
}

void planner_add_facts(struct db_unit *u, const int64_t *ids, size_t count)
{
    db_unit_add(u, Q_PLANNER_FACTS, DB_ARGS(db_i64_array(ids, count)));
}

/* Of several refusals only one under the governing rule counts. */
static void read_ended(const struct db_results *r, size_t s, size_t row,
                       const struct policy_set *set, struct planner_facts *ret)
{
    struct db_array hashes, numbers;
    struct db_slice hash, number;
    int governing = policy_match(set, &ret->facts);
    if (db_is_null(r, s, row, "ended_hashes")) return;
    db_get_array(r, s, row, db_col(r, s, "ended_hashes"), &hashes);
    db_get_array(r, s, row, db_col(r, s, "ended_numbers"), &numbers);
    while (db_array_next(&hashes, &hash) && db_array_next(&numbers, &number)) {
        char hex[TG_HEX256];
        tg_hex(hash.data, hash.len, hex);
        if (governing >= 0 && strcmp(hex, policy_at(set, (size_t)governing)->hash) != 0) continue;
        (void)tg_copy(ret->ended_hash, sizeof ret->ended_hash, hex);
        (void)tg_copyn(ret->ended, sizeof ret->ended, number.data, number.len);
    }
}

static enum policy_holder holder_of(int64_t status)
{
    return status == 1   ? POLICY_HOLDER_ACTIVE
           : status == 2 ? POLICY_HOLDER_LEAVE
           : status == 3 ? POLICY_HOLDER_LEFT
                         : POLICY_HOLDER_NONE;
}

void planner_facts_at(const struct db_results *r, size_t s, size_t row,
                      const struct policy_set *set, struct planner_facts *ret)
{
    *ret = (struct planner_facts){.id = db_get_i64(r, s, row, "id")};
    struct policy_facts *f = &ret->facts;
    struct db_slice sha = db_get_bytes(r, s, row, "sha256");
    int64_t status = db_get_i64(r, s, row, "status");
    memcpy(f->sha256, sha.data, TG_SHA256);
    f->issuer = db_get_text(r, s, row, "issuer");
    f->department = db_get_text(r, s, row, "department");
    f->storage = (enum policy_storage)db_get_i64(r, s, row, "storage");
    f->role = (enum policy_role)db_get_i64(r, s, row, "role");
    f->not_before = db_get_time(r, s, row, "not_before");
    f->not_after = db_get_time(r, s, row, "not_after");
    f->ca = db_get_bool(r, s, row, "is_ca");
    f->verifiable = db_get_bool(r, s, row, "decodable");
    f->superseded = status == 2;
    f->revoked = status > 2;
    f->holder = holder_of(db_get_i64(r, s, row, "holder"));
    f->key_known = !db_is_null(r, s, row, "keystore");
    f->locked = f->key_known && db_get_i64(r, s, row, "keystore") == 2;
    if (!db_is_null(r, s, row, "open_year"))
        tg_number_print((struct tg_number){(unsigned)db_get_i64(r, s, row, "open_year"),
                                           (uint32_t)db_get_i64(r, s, row, "open_sequence")},
                        ret->open);
    read_ended(r, s, row, set, ret);
    f->open_application = ret->open;
    f->ended_application = ret->ended;
    f->ended_hash = ret->ended_hash;
}
