/* The room's statements: arguments in, rows out. */
#include "fleet_in.h"
#include "fleet_queries.h"

#include <string.h>

#include "base/str.h"

static int64_t time_or_0(int64_t at)
{
    return at == DB_NULL_I64 ? 0 : at;
}

void fleet_add_load(struct db_unit *u, int64_t since)
{
    db_unit_add(u, Q_FLEET_LOAD, DB_ARGS(db_time(since)));
}

static void agent_at(const struct db_results *r, size_t s, size_t row, struct fleet_agent *ret)
{
    struct db_slice spki = db_get_bytes(r, s, row, "spki");
    *ret = (struct fleet_agent){
        .id = db_get_i64(r, s, row, "id"),
        .state = (enum fleet_state)db_get_i64(r, s, row, "state"),
        .cert_not_after = time_or_0(db_get_time(r, s, row, "cert_not_after")),
    };
    (void)tg_copy(ret->agent, sizeof ret->agent, db_get_text(r, s, row, "agent"));
    (void)tg_copy(ret->host, sizeof ret->host, db_get_text(r, s, row, "host"));
    memcpy(ret->spki, spki.data, TG_SHA256);
}

int64_t fleet_agent_at(const struct db_results *r, size_t s, size_t row, struct fleet_agent *ret,
                       const uint8_t **ret_previous)
{
    agent_at(r, s, row, ret);
    *ret_previous = db_get_bytes(r, s, row, "previous").data;
    return db_get_time(r, s, row, "changed_at");
}

void fleet_add_token(struct db_unit *u, const struct fleet_token *t)
{
    db_unit_add(u, Q_FLEET_TOKEN,
                DB_ARGS(db_text(t->id), db_bytes(t->secret, TG_SHA256), db_i64(t->group ? 2 : 1),
                        db_text(t->hosts), db_i64(t->uses), db_time(t->expires), db_time(t->now),
                        db_text(t->actor)));
}

void fleet_add_token_of(struct db_unit *u, const char *id)
{
    db_unit_add(u, Q_FLEET_TOKEN_OF, DB_ARGS(db_text(id)));
}

bool fleet_token_at(const struct db_results *r, size_t s, struct fleet_token *ret)
{
    if (db_rows(r, s) == 0) return false;
    memcpy(ret->secret, db_get_bytes(r, s, 0, "secret").data, TG_SHA256);
    ret->group = db_get_i64(r, s, 0, "kind") == 2;
    ret->hosts = db_get_text(r, s, 0, "hosts");
    ret->uses = db_get_i64(r, s, 0, "uses_left");
    ret->expires = db_get_time(r, s, 0, "expires_at");
    return true;
}

void fleet_add_agent_of(struct db_unit *u, const uint8_t spki[TG_SHA256])
{
    db_unit_add(u, Q_FLEET_AGENT_OF, DB_ARGS(db_bytes(spki, TG_SHA256)));
}

void fleet_add_identity_of(struct db_unit *u, int64_t id, const uint8_t spki[TG_SHA256])
{
    db_unit_add(u, Q_FLEET_IDENTITY_OF, DB_ARGS(db_i64(id), db_bytes(spki, TG_SHA256)));
}

bool fleet_known_at(const struct db_results *r, size_t s, struct fleet_known *ret)
{
    if (db_rows(r, s) == 0) return false;
    agent_at(r, s, 0, &ret->agent);
    ret->token = db_get_text(r, s, 0, "token_id");
    ret->der = db_get_bytes(r, s, 0, "der");
    ret->not_after = time_or_0(db_get_time(r, s, 0, "not_after"));
    ret->at = time_or_0(db_get_time(r, s, 0, "at"));
    return true;
}

static void add_adoption(struct db_unit *u, const char *host, int64_t now)
{
    db_unit_add(u, Q_FLEET_ADOPT, DB_ARGS(db_text(host), db_time(now)));
}

size_t fleet_add_birth(struct db_unit *u, const struct fleet_birth *b)
{
    db_unit_add(u, Q_FLEET_CONSUME, DB_ARGS(db_text(b->token), db_time(b->now)));
    db_unit_add(u, Q_FLEET_WORKSTATION, DB_ARGS(db_text(b->host), db_time(b->now)));
    if (b->state == FLEET_ACTIVE)
        db_unit_add(u, Q_FLEET_REPLACE, DB_ARGS(db_text(b->host), db_time(b->now)));
    size_t born = db_unit_add(u, Q_FLEET_ENROL,
                              DB_ARGS(db_text(b->agent), db_text(b->host),
                                      db_bytes(b->spki, TG_SHA256), db_i64(b->state),
                                      db_text(b->token), db_time(b->now), db_time(b->not_after),
                                      db_bytes(b->der.data, b->der.len), db_text(b->version)));
    if (b->state == FLEET_ACTIVE) add_adoption(u, b->host, b->now);
    return born;
}

void fleet_add_renewal(struct db_unit *u, int64_t id, const uint8_t spki[TG_SHA256],
                       struct db_slice der, int64_t not_after, int64_t now)
{
    db_unit_add(u, Q_FLEET_RENEW,
                DB_ARGS(db_i64(id), db_bytes(spki, TG_SHA256), db_bytes(der.data, der.len),
                        db_time(not_after), db_time(now)));
}

void fleet_add_find(struct db_unit *u, const char *which)
{
    char pattern[FLEET_AGENT + 1] = "";
    size_t len = strlen(which);
    if (len >= 8 && len < FLEET_AGENT && strspn(which, "0123456789abcdef") == len)
        (void)snprintf(pattern, sizeof pattern, "%s%%", which);
    db_unit_add(u, Q_FLEET_FIND, DB_ARGS(db_text(pattern), db_text(which)));
}

void fleet_add_move(struct db_unit *u, const struct fleet_move *m)
{
    if (m->to == FLEET_ACTIVE)
        db_unit_add(u, Q_FLEET_REPLACE, DB_ARGS(db_text(m->host), db_time(m->now)));
    db_unit_add(u, Q_FLEET_STATE,
                DB_ARGS(db_i64(m->id), db_i64(m->from), db_i64(m->to), db_time(m->now),
                        db_text(m->actor), db_text(m->verb)));
    if (m->to == FLEET_ACTIVE) add_adoption(u, m->host, m->now);
}

void fleet_add_list(struct db_unit *u, bool pending, int64_t after, int64_t limit)
{
    db_unit_add(u, Q_FLEET_LIST, DB_ARGS(db_i64(after), db_i64(limit), db_bool(pending)));
}

void fleet_row_at(const struct db_results *r, size_t row, struct fleet_row *ret)
{
    *ret = (struct fleet_row){
        .id = db_get_i64(r, 0, row, "id"),
        .agent = db_get_text(r, 0, row, "agent"),
        .host = db_get_text(r, 0, row, "host"),
        .version = db_get_text(r, 0, row, "version"),
        .state = (enum fleet_state)db_get_i64(r, 0, row, "state"),
        .seen = time_or_0(db_get_time(r, 0, row, "seen_at")),
        .certificate_ends = time_or_0(db_get_time(r, 0, row, "cert_not_after")),
        .keystores = db_get_i64(r, 0, row, "keystores"),
    };
    memcpy(ret->spki, db_get_bytes(r, 0, row, "spki").data, TG_SHA256);
}

void fleet_add_beats(struct db_unit *u, struct fleet_entry *const *entries, size_t count)
{
    TG_AUTO(mem) int64_t *ids = tg_calloc(count, sizeof *ids);
    TG_AUTO(mem) int64_t *seen = tg_calloc(count, sizeof *seen);
    TG_AUTO(mem) const char **versions = tg_calloc(count, sizeof *versions);
    for (size_t i = 0; i < count; i++) {
        ids[i] = entries[i]->agent.id;
        seen[i] = entries[i]->seen;
        versions[i] = entries[i]->version;
    }
    db_unit_add(u, Q_FLEET_BEATS,
                DB_ARGS(db_i64_array(ids, count), db_time_array(seen, count),
                        db_text_array(versions, count)));
}
