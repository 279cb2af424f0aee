/* fleet_in: what the files of this room share. */
#pragma once

#include "fleet/fleet.h"

enum { FLEET_VERSION = 48 };

struct fleet_entry {
    struct fleet_agent agent;
    uint8_t previous[TG_SHA256];
    bool has_previous, connected, dirty; /* dirty: a beat waits to be written */
    int64_t seen;
    char version[FLEET_VERSION];
};

/* Open addressing; slots hold index + 1 of entries. Keys of old SPKIs stay as dead slots until the
 * next growth. */
struct fleet_map {
    size_t *slots, size;
};

struct fleet {
    struct db *db;
    struct fleet_entry **entries;
    size_t count, cap, connected, counts[FLEET_REPLACED + 1];
    struct fleet_map by_spki, by_id;
    size_t used;          /* slots of by_spki */
    int64_t loaded_until; /* changed_at of the newest row seen */
    bool ready, loading, again, everything, closing, writing;
    size_t dirty;
    struct tg_repeat beats;
    int64_t retry_ms;
    struct tg_deadline reload;
    unsigned open_handles;
    fleet_changed_fn changed;
    void *changed_data;
    fleet_closed_fn closed;
    void *closed_data;
};

/* memory */
struct fleet_entry *fleet_entry_by_id(const struct fleet *f, int64_t id);
/* Row as told by the database; tells fleet_on_changed where the state differs. */
void fleet_remember(struct fleet *f, const struct fleet_agent *agent, const uint8_t *previous);
void fleet_reload(struct fleet *f, bool everything);
void fleet_tell(struct fleet *f); /* the other programs: load what changed */

/* store */
void fleet_add_load(struct db_unit *u, int64_t since);
/* ret_previous: 32 bytes borrowed, or NULL */
int64_t fleet_agent_at(const struct db_results *r, size_t s, size_t row, struct fleet_agent *ret,
                       const uint8_t **ret_previous);
struct fleet_token {
    char id[33];
    uint8_t secret[TG_SHA256];
    bool group;
    const char *hosts, *actor;
    int64_t uses, expires, now;
};
void fleet_add_token(struct db_unit *u, const struct fleet_token *t);
void fleet_add_token_of(struct db_unit *u, const char *id);
bool fleet_token_at(const struct db_results *r, size_t s,
                    struct fleet_token *ret); /* false: there is none */
struct fleet_known {                          /* an agent and its newest certificate over a key */
    struct fleet_agent agent;
    const char *token;
    struct db_slice der;
    int64_t not_after, at;
};
void fleet_add_agent_of(struct db_unit *u, const uint8_t spki[TG_SHA256]);
void fleet_add_identity_of(struct db_unit *u, int64_t id, const uint8_t spki[TG_SHA256]);
bool fleet_known_at(const struct db_results *r, size_t s, struct fleet_known *ret);
struct fleet_birth {
    const char *agent, *host, *token, *version;
    const uint8_t *spki;
    enum fleet_state state;
    int64_t now, not_after;
    struct db_slice der;
};
size_t fleet_add_birth(struct db_unit *u,
                       const struct fleet_birth *b); /* statement with column id */
void fleet_add_renewal(struct db_unit *u, int64_t id, const uint8_t spki[TG_SHA256],
                       struct db_slice der, int64_t not_after, int64_t now);
void fleet_add_find(struct db_unit *u, const char *which);
struct fleet_move {
    int64_t id;
    const char *host, *actor, *verb;
    enum fleet_state from, to;
    int64_t now;
};
void fleet_add_move(struct db_unit *u, const struct fleet_move *m);
void fleet_add_list(struct db_unit *u, bool pending, int64_t after, int64_t limit);
void fleet_row_at(const struct db_results *r, size_t row, struct fleet_row *ret);
void fleet_add_beats(struct db_unit *u, struct fleet_entry *const *entries, size_t count);
