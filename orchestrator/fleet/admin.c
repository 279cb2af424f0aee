/* What administrators do: tokens, the pending list, accept, ban. */
#include "fleet_in.h"

#include <string.h>

#include "base/secret.h"
#include "base/str.h"
#include "base/times.h"

enum { SINGLE_S = 3600, GROUP_S = 24 * 3600, GROUP_USES = 100, USES_MOST = 100000, LIMIT = 1000 };

/* --- tokens --- */

struct minting {
    struct fleet *f;
    char text[FLEET_TOKEN];
    char host[FLEET_HOST];
    struct fleet_token token;
    struct tg_deadline later;
    struct tg_err err;
    fleet_token_fn fn;
    void *data;
};

static void minting_end(struct minting *m, const struct tg_err *err)
{
    m->fn(err ? NULL : m->text, m->token.group, m->token.expires, err, m->data);
    tg_wipe(m->text, sizeof m->text);
    free(m);
}

static void on_minted(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    minting_end(data, err);
}

static void on_mint_refused(struct tg_deadline *d, void *data)
{
    (void)d;
    struct minting *m = data;
    minting_end(m, &m->err);
}

static int check_spec(struct minting *m, const struct fleet_token_spec *spec, struct tg_err *err)
{
    struct fleet_token *t = &m->token;
    int64_t life = spec->lifetime_s ? spec->lifetime_s : GROUP_S;
    if (!tg_is_hex(spec->realm ? spec->realm : "", 64))
        return TG_FAIL(err, TG_E_NO_TRUST, "no trust yet: tamga trust init");
    t->group = spec->hosts != NULL;
    t->now = spec->now;
    if (!t->group) {
        TG_TRY(fleet_host(spec->workstation ? spec->workstation : "", m->host, err));
        t->hosts = m->host;
        t->uses = 1;
        t->expires = spec->now + SINGLE_S;
        return 0;
    }
    if (spec->uses < 0 || spec->uses > USES_MOST)
        return TG_FAIL(err, TG_E_INPUT, "uses: a group token has 1 to %d", USES_MOST);
    if (life < 60 || life > 30 * TG_DAY)
        return TG_FAIL(err, TG_E_INPUT, "lifetime: a group token lives at most 30 days");
    if (!*spec->hosts || !tg_copy(m->host, sizeof m->host, spec->hosts) ||
        m->host[strspn(m->host, "abcdefghijklmnopqrstuvwxyz0123456789.-*?")] != '\0')
        return TG_FAIL(err, TG_E_INPUT,
                       "hosts: a pattern has small letters, digits, dot, dash, * and ?");
    t->hosts = m->host;
    t->uses = spec->uses ? spec->uses : GROUP_USES;
    t->expires = spec->now + life;
    return 0;
}

void fleet_token(struct fleet *f, const struct fleet_token_spec *spec, fleet_token_fn fn,
                 void *data)
{
    struct minting *m = TG_NEW(struct minting);
    m->f = f;
    m->fn = fn;
    m->data = data;
    m->token.actor = spec->actor;
    if (check_spec(m, spec, &m->err) < 0) {
        tg_deadline_init(&m->later, db_loop(f->db), m);
        tg_deadline_close(&m->later, on_mint_refused);
        return;
    }
    uint8_t random[24];
    char secret[33];
    tg_random(random, sizeof random);
    tg_hex(random, 8, m->token.id);
    tg_hex(random + 8, 16, secret);
    tg_sha256(secret, 32, m->token.secret);
    (void)snprintf(m->text, sizeof m->text, "tamga1.%s.%s.%s", m->token.id, secret, spec->realm);
    tg_wipe(random, sizeof random);
    tg_wipe(secret, sizeof secret);
    struct db_unit *u = db_unit_new(f->db, "fleet token");
    fleet_add_token(u, &m->token);
    db_unit_run(u, on_minted, m);
}

/* --- accept and ban --- */

struct judging {
    struct fleet *f;
    char *which, *actor;
    bool ban;
    int64_t now;
    struct fleet_agent agent;
    fleet_done_fn fn;
    void *data;
};

static void judging_end(struct judging *j, const struct tg_err *err)
{
    j->fn(err ? NULL : &j->agent, err, j->data);
    free(j->which);
    free(j->actor);
    free(j);
}

static void on_judged(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    struct judging *j = data;
    if (!err) {
        fleet_remember(j->f, &j->agent, NULL);
        fleet_reload(j->f, false); /* the key before this one, and who gave way */
        fleet_tell(j->f);
    }
    judging_end(j, err);
}

/* The one that is meant: accept takes the only pending one, ban the only one that is not out
 * already. */
static int choose(struct judging *j, const struct db_results *r, struct tg_err *err)
{
    size_t found = 0;
    const uint8_t *previous;
    for (size_t i = 0; i < db_rows(r, 0); i++) {
        struct fleet_agent a;
        fleet_agent_at(r, 0, i, &a, &previous);
        bool fits = j->ban ? a.state < FLEET_BANNED : a.state == FLEET_PENDING;
        if (!fits) continue;
        if (found++ == 0) j->agent = a;
    }
    const char *wanted = j->ban ? "pending or active" : "pending";
    if (found == 0)
        return TG_FAIL(err, TG_E_NOT_FOUND, "agent %.64s: none is %s; see tamga agents list",
                       j->which, wanted);
    if (found > 1)
        return TG_FAIL(err, TG_E_INPUT, "agent %.64s: %zu are %s; say the agent's id", j->which,
                       found, wanted);
    return 0;
}

static void on_found(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct judging *j = data;
    struct tg_err why = {0};
    if (!err && choose(j, r, &why) < 0) err = &why;
    if (err) {
        judging_end(j, err);
        return;
    }
    struct fleet_move move = {j->agent.id,    j->agent.host,
                              j->actor,       j->ban ? "agents.banned" : "agents.accepted",
                              j->agent.state, j->ban ? FLEET_BANNED : FLEET_ACTIVE,
                              j->now};
    j->agent.state = move.to;
    struct db_unit *u = db_unit_new(j->f->db, j->ban ? "fleet ban" : "fleet accept");
    fleet_add_move(u, &move);
    db_unit_run(u, on_judged, j);
}

static void judge(struct fleet *f, const char *which, const char *actor, bool ban, int64_t now,
                  fleet_done_fn fn, void *data)
{
    struct judging *j = TG_NEW(struct judging);
    *j = (struct judging){.f = f,
                          .which = tg_strdup(which),
                          .actor = tg_strdup(actor),
                          .ban = ban,
                          .now = now,
                          .fn = fn,
                          .data = data};
    struct db_unit *u = db_unit_new(f->db, "fleet find");
    fleet_add_find(u, which);
    db_unit_run(u, on_found, j);
}

void fleet_accept(struct fleet *f, const char *which, const char *actor, int64_t now,
                  fleet_done_fn fn, void *data)
{
    judge(f, which, actor, false, now, fn, data);
}

void fleet_ban(struct fleet *f, const char *which, const char *actor, int64_t now, fleet_done_fn fn,
               void *data)
{
    judge(f, which, actor, true, now, fn, data);
}

/* --- lists --- */

struct listing {
    struct fleet *f;
    int64_t limit;
    fleet_list_fn fn;
    void *data;
};

static void on_list(const struct db_results *r, const struct tg_err *err, void *data)
{
    TG_AUTO(mem) struct listing *l = data;
    size_t count = err ? 0 : db_rows(r, 0);
    TG_AUTO(mem) struct fleet_row *rows = tg_calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        fleet_row_at(r, i, &rows[i]);
        const struct fleet_entry *e = fleet_entry_by_id(l->f, rows[i].id);
        rows[i].connected = e && e->connected;
        if (e && e->seen > rows[i].seen) rows[i].seen = e->seen;
    }
    l->fn(err ? NULL : rows, count, count && (int64_t)count == l->limit ? rows[count - 1].id : 0,
          err, l->data);
}

void fleet_list(struct fleet *f, bool pending_only, int64_t after, int64_t limit, fleet_list_fn fn,
                void *data)
{
    struct listing *l = TG_NEW(struct listing);
    *l = (struct listing){f, limit < 1 || limit > USES_MOST ? LIMIT : limit, fn, data};
    struct db_unit *u = db_unit_new(f->db, "fleet list");
    fleet_add_list(u, pending_only, after, l->limit);
    db_unit_run(u, on_list, l);
}

static void print_time(struct tg_jw *w, const char *key, int64_t at)
{
    tg_jw_key(w, key);
    if (at)
        tg_jw_time(w, at);
    else
        tg_jw_null(w);
}

void fleet_print_json(struct tg_jw *w, const struct fleet_row *row)
{
    tg_jw_kstr(w, "id", row->agent);
    tg_jw_kstr(w, "host", row->host);
    tg_jw_kstr(w, "status", fleet_state_word(row->state));
    tg_jw_key(w, "spki");
    tg_jw_hex(w, row->spki, TG_SHA256);
    tg_jw_kstr(w, "version", *row->version ? row->version : NULL);
    tg_jw_kbool(w, "connected", row->connected);
    print_time(w, "seen", row->seen);
    print_time(w, "certificate_ends", row->certificate_ends);
    tg_jw_kint(w, "keystores", row->keystores);
}
