/* fleet: agents and how they are let in: tokens, identities, bans, beats. Knows no job and no
 * message; never signs anything (the doors hand in the certificate that the identity CA made).
 * Lookups by SPKI are answered from memory, kept current by LISTEN tamga_fleet. Callbacks on the
 * loop's thread, once, later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "db/db.h"
#include "json/json.h"

enum { FLEET_AGENT = 33, FLEET_HOST = 64, FLEET_TOKEN = 160 };

struct fleet;
typedef void (*fleet_closed_fn)(void *data);
/* Begins to load the agents; until then fleet_by_spki finds nothing and fleet_ready is false. */
struct fleet *fleet_new(struct db *db);
void fleet_close(struct fleet *f, fleet_closed_fn closed,
                 void *data); /* writes the last beats; gone after closed */
bool fleet_ready(const struct fleet *f);

/* [a-z0-9.-]{1,63}, not the import host. ret: lower-cased. */
int fleet_host(const char *name, char ret[FLEET_HOST], struct tg_err *err) TG_MUST_CHECK;

/* --- the fleet in memory --- */

enum fleet_state { FLEET_PENDING = 1, FLEET_ACTIVE, FLEET_BANNED, FLEET_REPLACED };
const char *fleet_state_word(enum fleet_state state);

struct fleet_agent {
    int64_t id;
    char agent[FLEET_AGENT];
    char host[FLEET_HOST];
    enum fleet_state state;
    uint8_t spki[TG_SHA256];
    int64_t cert_not_after;
};
/* Borrowed until the loop turns; NULL = unknown key. Banned and pending agents are found too: look
 * at state. */
const struct fleet_agent *fleet_by_spki(const struct fleet *f, const uint8_t spki[TG_SHA256]);
const struct fleet_agent *fleet_by_id(const struct fleet *f, int64_t id);
/* Its identity certificate has run out (TRUST §5: 90 days): it is let in again by a new token only.
 * TLS looks at keys, never at dates: who lets an agent do something asks here. */
bool fleet_identity_over(const struct fleet_agent *agent, int64_t now);
size_t fleet_count(const struct fleet *f, enum fleet_state state);
/* Called when an agent's state changed by somebody (accept, ban): the doors close its connections.
 */
typedef void (*fleet_changed_fn)(const struct fleet_agent *agent, void *data);
void fleet_on_changed(struct fleet *f, fleet_changed_fn fn, void *data);

/* --- tokens --- */

struct fleet_token_spec {
    const char *workstation;  /* single: bound to this host, one use, one hour */
    const char *hosts;        /* group: pattern (* and ?), NULL when single */
    int64_t uses, lifetime_s; /* group: 1..100000 uses, at most 30 days; 0 = 100 uses, 24 h */
    const char *realm;        /* 64 hex */
    const char *actor;
    int64_t now;
};
/* token: tamga1.ID.SECRET128.REALM, told once; wiped after the call. */
typedef void (*fleet_token_fn)(const char *token, bool group, int64_t expires,
                               const struct tg_err *err, void *data);
void fleet_token(struct fleet *f, const struct fleet_token_spec *spec, fleet_token_fn fn,
                 void *data);

/* --- enrolment (TRUST §5): the door has checked the CSR and the exporter signature --- */

/* Makes the identity certificate for this agent id, called with the transaction's outcome already
 * decided in memory; synchronous. ret: DER. */
typedef int (*fleet_sign_fn)(void *ctx, const char *agent, const char *host, struct tg_buf *ret,
                             int64_t *ret_not_after, struct tg_err *err);
struct fleet_signer {
    fleet_sign_fn sign;
    void *ctx; /* e.g. the CSR and the identity CA; must live until the callback */
};
struct fleet_enrol {
    const char *token, *host, *version;
    const char *realm; /* the server's; another one in the token is TG_E_UNTRUSTED */
    uint8_t spki[TG_SHA256];
    int64_t now;
    struct fleet_signer signer;
};
/* The same SPKI retried gets the same agent and certificate, although the token is consumed, until
 * that certificate runs out. */
struct fleet_identity {
    const char *agent, *host;
    enum fleet_state state; /* pending (group token: an administrator accepts) or active */
    struct db_slice certificate;
};
typedef void (*fleet_identity_fn)(const struct fleet_identity *identity, const struct tg_err *err,
                                  void *data);
void fleet_enrol(struct fleet *f, const struct fleet_enrol *enrol, fleet_identity_fn fn,
                 void *data);
/* Half-life renewal over mutual TLS: spki is the new key's (or the same). Pending agents too;
 * banned ones not, and none whose certificate has run out. */
void fleet_renew(struct fleet *f, int64_t agent_id, const uint8_t spki[TG_SHA256], int64_t now,
                 struct fleet_signer signer, fleet_identity_fn fn, void *data);

/* --- administration --- */

typedef void (*fleet_done_fn)(const struct fleet_agent *agent, const struct tg_err *err,
                              void *data);
/* which: agent id (32 hex), its beginning (8 or more), or the workstation's name. */
void fleet_accept(struct fleet *f, const char *which, const char *actor, int64_t now,
                  fleet_done_fn fn, void *data);
void fleet_ban(struct fleet *f, const char *which, const char *actor, int64_t now, fleet_done_fn fn,
               void *data);

struct fleet_row {
    int64_t id;
    const char *agent, *host, *version;
    enum fleet_state state;
    uint8_t spki[TG_SHA256];
    int64_t seen, certificate_ends, keystores; /* 0 = none */
    bool connected;
};
typedef void (*fleet_list_fn)(const struct fleet_row *rows, size_t count, int64_t next,
                              const struct tg_err *err, void *data);
void fleet_list(struct fleet *f, bool pending_only, int64_t after, int64_t limit, fleet_list_fn fn,
                void *data);
void fleet_print_json(struct tg_jw *w, const struct fleet_row *row);

/* --- beats and connections --- */

/* Remembered and written by ONE statement a second. version NULL: as before. */
void fleet_beat(struct fleet *f, int64_t agent_id, const char *version, int64_t now);
void fleet_connected(struct fleet *f, int64_t agent_id,
                     bool connected); /* event stream open or closed */
size_t fleet_connected_count(const struct fleet *f);
/* Full jitter: an agent that lost its connection waits a random time within this many seconds; it
 * grows with the fleet so that about 200 come back a second, and stays within 2 s and 10 min. */
int64_t fleet_reconnect_s(const struct fleet *f);
int64_t fleet_keepalive_s(const struct fleet *f);
