/* Enrolment and renewal: read what is known, decide and sign here, write in one transaction. */
#include "fleet_in.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"

enum { TRIES = 3 };

struct enrolment {
    struct fleet *f;
    char token_id[33], host[FLEET_HOST], agent[FLEET_AGENT];
    uint8_t secret[TG_SHA256], spki[TG_SHA256];
    char *version;
    bool renewal;
    int64_t agent_id, now, not_after;
    struct fleet_signer signer;
    struct tg_buf certificate;
    struct fleet_agent born;
    size_t born_at; /* statement */
    int tries;
    struct tg_deadline later;
    struct tg_err err;
    fleet_identity_fn fn;
    void *data;
};

static void end(struct enrolment *e, const struct fleet_agent *agent, struct db_slice certificate,
                const struct tg_err *err)
{
    struct fleet_identity identity = {0};
    if (!err)
        identity = (struct fleet_identity){agent->agent, agent->host, agent->state, certificate};
    e->fn(err ? NULL : &identity, err, e->data);
    tg_buf_done(&e->certificate);
    free(e->version);
    free(e);
}

static void refuse(struct enrolment *e, const struct tg_err *err)
{
    end(e, NULL, (struct db_slice){0}, err);
}

static void read_known(struct enrolment *e);

static void on_born(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct enrolment *e = data;
    if (err) {
        /* a race with the same key or the last use of the token: whatever is there now decides */
        if ((err->code == TG_E_EXISTS || err->code == TG_E_STALE || err->code == TG_E_DB) &&
            e->tries++ < TRIES)
            read_known(e);
        else
            refuse(e, err);
        return;
    }
    if (!e->renewal) e->born.id = db_get_i64(r, e->born_at, 0, 0);
    const struct fleet_agent *before = fleet_by_id(e->f, e->born.id);
    uint8_t previous[TG_SHA256];
    bool has_previous = before && memcmp(before->spki, e->born.spki, TG_SHA256) != 0;
    if (has_previous) memcpy(previous, before->spki, TG_SHA256);
    fleet_remember(e->f, &e->born, has_previous ? previous : NULL);
    fleet_reload(e->f, false); /* the one that was replaced */
    fleet_tell(e->f);
    end(e, &e->born, (struct db_slice){e->certificate.data, e->certificate.len}, NULL);
}

static int sign(struct enrolment *e, struct tg_err *err)
{
    tg_buf_reset(&e->certificate);
    TG_TRY(e->signer.sign(e->signer.ctx, e->born.agent, e->born.host, &e->certificate,
                          &e->not_after, err));
    TG_TRY(tg_buf_ok(&e->certificate, err));
    e->born.cert_not_after = e->not_after;
    memcpy(e->born.spki, e->spki, TG_SHA256);
    return 0;
}

/* --- enrolment --- */

static int check_token(struct enrolment *e, const struct db_results *r, bool *ret_group,
                       struct tg_err *err)
{
    struct fleet_token t;
    bool found = fleet_token_at(r, 0, &t);
    if (!found || !tg_equal(t.secret, e->secret, TG_SHA256))
        return TG_FAIL(err, TG_E_DENIED, "token: it is not known here; ask for a new one");
    if (t.expires <= e->now)
        return TG_FAIL(err, TG_E_EXPIRED, "token: its time is over; ask for a new one");
    if (t.uses <= 0) return TG_FAIL(err, TG_E_DENIED, "token: it was used; ask for a new one");
    bool fits = t.group ? tg_glob(t.hosts, e->host) : strcmp(t.hosts, e->host) == 0;
    if (!fits) return TG_FAIL(err, TG_E_DENIED, "token: it is not for workstation %s", e->host);
    *ret_group = t.group;
    return 0;
}

static int add_birth(struct enrolment *e, bool group, struct db_unit *u, struct tg_err *err)
{
    uint8_t id[16];
    tg_random(id, sizeof id);
    e->born = (struct fleet_agent){.state = group ? FLEET_PENDING : FLEET_ACTIVE};
    tg_hex(id, sizeof id, e->born.agent);
    (void)tg_copy(e->born.host, sizeof e->born.host, e->host);
    TG_TRY(sign(e, err));
    e->born_at =
        fleet_add_birth(u, &(struct fleet_birth){e->born.agent,
                                                 e->born.host,
                                                 e->token_id,
                                                 e->version,
                                                 e->spki,
                                                 e->born.state,
                                                 e->now,
                                                 e->not_after,
                                                 {e->certificate.data, e->certificate.len}});
    return 0;
}

static int check_time(const struct fleet_agent *agent, int64_t now, struct tg_err *err)
{
    if (!fleet_identity_over(agent, now)) return 0;
    return TG_FAIL(err, TG_E_EXPIRED,
                   "agent %.8s: its certificate has run out; enrol again with a new token",
                   agent->agent);
}

/* The same key again: the same answer, although its token is used up. */
static int check_known(struct enrolment *e, const struct db_results *r, const struct fleet_known *k,
                       struct tg_err *err)
{
    struct fleet_token t;
    if (k->agent.state == FLEET_BANNED)
        return TG_FAIL(err, TG_E_DENIED, "agent %.8s: it is banned", k->agent.agent);
    if (k->agent.state == FLEET_REPLACED)
        return TG_FAIL(err, TG_E_DENIED,
                       "agent %.8s: another one took its place; enrol with a new key and a new "
                       "token",
                       k->agent.agent);
    if (!fleet_token_at(r, 0, &t) || !tg_equal(t.secret, e->secret, TG_SHA256) ||
        strcmp(k->token, e->token_id) != 0)
        return TG_FAIL(err, TG_E_EXISTS, "agent %.8s: this key is enrolled by another token",
                       k->agent.agent);
    if (strcmp(k->agent.host, e->host) != 0)
        return TG_FAIL(err, TG_E_DENIED, "agent %.8s: it serves another workstation",
                       k->agent.agent);
    return check_time(&k->agent, e->now, err);
}

static void on_enrol_read(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct enrolment *e = data;
    struct tg_err why = {0};
    struct fleet_known k;
    bool group = false;
    if (err) {
        refuse(e, err);
        return;
    }
    if (fleet_known_at(r, 1, &k)) {
        if (check_known(e, r, &k, &why) < 0)
            refuse(e, &why);
        else
            end(e, &k.agent, k.der, NULL);
        return;
    }
    struct db_unit *u = db_unit_new(e->f->db, "fleet enrol");
    int rc = check_token(e, r, &group, &why);
    if (rc == 0) rc = add_birth(e, group, u, &why);
    if (rc < 0) {
        db_unit_drop(u);
        refuse(e, &why);
        return;
    }
    db_unit_run(u, on_born, e);
}

/* --- renewal at half life --- */

static int add_renewal(struct enrolment *e, const struct fleet_known *k, struct db_unit *u,
                       struct tg_err *err)
{
    e->born = k->agent;
    TG_TRY(sign(e, err));
    fleet_add_renewal(u, e->agent_id, e->spki,
                      (struct db_slice){e->certificate.data, e->certificate.len}, e->not_after,
                      e->now);
    return 0;
}

static void on_renew_read(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct enrolment *e = data;
    struct tg_err why = {0};
    struct fleet_known k;
    if (!err && !fleet_known_at(r, 0, &k)) {
        TG_FAIL(&why, TG_E_NOT_FOUND, "agent: it is not known here");
        err = &why;
    }
    if (!err && k.agent.state >= FLEET_BANNED) {
        TG_FAIL(&why, TG_E_DENIED, "agent %.8s: it is %s", k.agent.agent,
                fleet_state_word(k.agent.state));
        err = &why;
    }
    if (!err && check_time(&k.agent, e->now, &why) < 0) err = &why;
    if (err) {
        refuse(e, err);
        return;
    }
    /* a lost answer: what was made for this key a short while ago is still fresh */
    if (k.der.data && e->now < k.at + (k.not_after - k.at) / 4) {
        end(e, &k.agent, k.der, NULL);
        return;
    }
    struct db_unit *u = db_unit_new(e->f->db, "fleet renew");
    if (add_renewal(e, &k, u, &why) < 0) {
        db_unit_drop(u);
        refuse(e, &why);
        return;
    }
    db_unit_run(u, on_born, e);
}

static void read_known(struct enrolment *e)
{
    struct db_unit *u = db_unit_new(e->f->db, e->renewal ? "fleet renew read" : "fleet enrol read");
    if (e->renewal) {
        fleet_add_identity_of(u, e->agent_id, e->spki);
        db_unit_run(u, on_renew_read, e);
        return;
    }
    fleet_add_token_of(u, e->token_id);
    fleet_add_agent_of(u, e->spki);
    db_unit_run(u, on_enrol_read, e);
}

/* tamga1.ID.SECRET.REALM */
static int parse_token(struct enrolment *e, const char *token, const char *realm,
                       struct tg_err *err)
{
    const char *id, *secret, *of;
    if (!tg_starts(token, "tamga1."))
        return TG_FAIL(err, TG_E_INPUT, "token: it must begin with tamga1.");
    id = token + strlen("tamga1.");
    secret = strchr(id, '.');
    of = secret ? strchr(secret + 1, '.') : NULL;
    if (!of || !tg_copyn(e->token_id, sizeof e->token_id, id, (size_t)(secret - id)) ||
        !*e->token_id || of - secret - 1 != 32 || !tg_is_hex(of + 1, 64))
        return TG_FAIL(err, TG_E_INPUT, "token: it is not tamga1.ID.SECRET.REALM; copy all of it");
    if (strcmp(of + 1, realm) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED,
                       "token: it is for another organization (realm %.8s, here %.8s)", of + 1,
                       realm);
    tg_sha256(secret + 1, 32, e->secret);
    return 0;
}

static void on_later(struct tg_deadline *d, void *data)
{
    (void)d;
    struct enrolment *e = data;
    refuse(e, &e->err);
}

static struct enrolment *enrolment_new(struct fleet *f, struct fleet_signer signer,
                                       fleet_identity_fn fn, void *data)
{
    struct enrolment *e = TG_NEW(struct enrolment);
    e->f = f;
    e->signer = signer;
    e->certificate = TG_BUF(TG_MAX_CERT);
    e->fn = fn;
    e->data = data;
    return e;
}

void fleet_enrol(struct fleet *f, const struct fleet_enrol *q, fleet_identity_fn fn, void *data)
{
    struct enrolment *e = enrolment_new(f, q->signer, fn, data);
    e->now = q->now;
    e->version = tg_strdup(q->version ? q->version : "");
    memcpy(e->spki, q->spki, TG_SHA256);
    if (fleet_host(q->host, e->host, &e->err) < 0 ||
        parse_token(e, q->token, q->realm, &e->err) < 0) {
        tg_deadline_init(&e->later, db_loop(f->db), e);
        tg_deadline_close(&e->later, on_later);
        return;
    }
    read_known(e);
}

void fleet_renew(struct fleet *f, int64_t agent_id, const uint8_t spki[TG_SHA256], int64_t now,
                 struct fleet_signer signer, fleet_identity_fn fn, void *data)
{
    struct enrolment *e = enrolment_new(f, signer, fn, data);
    e->renewal = true;
    e->agent_id = agent_id;
    e->now = now;
    memcpy(e->spki, spki, TG_SHA256);
    read_known(e);
}
