/* policy: YAML rules in, decisions out. Says which certificate may, must or must not be renewed,
 * how and when; never reads a clock, a database or a network, and never acts. A set is immutable
 * once loaded; its decisions are pure functions of (set, facts, now). Reference of every key:
 * policies/README.md. Loading reads files and blocks; everything else may be called from any
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "config/zone.h"

enum { POLICY_NAME = 41, POLICY_MAX = 256 }; /* bytes of a name with its NUL; policies in one set */

/* name, value, word: the words of YAML, SQL and JSON. The values are those of table certificate. */
#define POLICY_ACTION_TABLE(X)  X(WATCH, 0, "watch") X(OBSERVE, 1, "observe") X(RENEW, 2, "renew")
#define POLICY_STORAGE_TABLE(X) X(FILE, 1, "file") X(TOKEN, 2, "token")
#define POLICY_ROLE_TABLE(X)                                                                       \
    X(INDIVIDUAL, 1, "individual")                                                                 \
    X(CEO, 2, "ceo")                                                                               \
    X(RIGHT_TO_SIGN, 3, "right-to-sign")                                                           \
    X(FINANCE, 4, "finance")                                                                       \
    X(HR, 5, "hr")                                                                                 \
    X(EMPLOYEE, 6, "employee")                                                                     \
    X(INFORMATION_SYSTEM, 7, "information-system")
#define POLICY_KEY_TABLE(X)                                                                        \
    X(KEEP, 0, "keep")                                                                             \
    X(EC_P256, 1, "ec-p256")                                                                       \
    X(EC_P384, 2, "ec-p384")                                                                       \
    X(RSA_3072, 3, "rsa-3072")                                                                     \
    X(RSA_4096, 4, "rsa-4096")
#define POLICY_CONFIRM_TABLE(X) X(HOLDER, 0, "holder") X(NONE, 1, "none")
#define POLICY_BY_TABLE(X)      X(CEO, 0, "ceo") X(DEPUTY, 1, "deputy")
#define POLICY_BATCH_TABLE(X)                                                                      \
    X(ON_DEMAND, 0, "on-demand")                                                                   \
    X(DAILY, 1, "daily")                                                                           \
    X(WEEKLY, 2, "weekly")                                                                         \
    X(MONTHLY, 3, "monthly")
#define POLICY_CHANNEL_TABLE(X) X(EMAIL, 0, "email") X(SMS, 1, "sms")
#define POLICY_TO_TABLE(X)                                                                         \
    X(HOLDER, 0, "holder")                                                                         \
    X(MANAGER, 1, "manager")                                                                       \
    X(ADMINISTRATORS, 2, "administrators")                                                         \
    X(APPROVER, 3, "approver")

#define POLICY_X(name, value, word) POLICY_ACTION_##name = (value),
enum policy_action { POLICY_ACTION_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_STORAGE_##name = (value),
enum policy_storage { POLICY_STORAGE_UNKNOWN, POLICY_STORAGE_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_ROLE_##name = (value),
enum policy_role { POLICY_ROLE_UNKNOWN, POLICY_ROLE_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_KEY_##name = (value),
enum policy_key { POLICY_KEY_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_CONFIRM_##name = (value),
enum policy_confirm { POLICY_CONFIRM_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_BY_##name = (value),
enum policy_by { POLICY_BY_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_BATCH_##name = (value),
enum policy_batch { POLICY_BATCH_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_CHANNEL_##name = (value),
enum policy_channel { POLICY_CHANNEL_TABLE(POLICY_X) };
#undef POLICY_X
#define POLICY_X(name, value, word) POLICY_TO_##name = (value),
enum policy_to { POLICY_TO_TABLE(POLICY_X) };
#undef POLICY_X

/* Words for values and back; "" for an unknown value, -1 for an unknown word. */
const char *policy_action_word(enum policy_action action);
const char *policy_storage_word(enum policy_storage storage);
const char *policy_role_word(enum policy_role role);
const char *policy_key_word(enum policy_key key);
const char *policy_confirm_word(enum policy_confirm confirm);
const char *policy_by_word(enum policy_by by);
const char *policy_batch_word(enum policy_batch batch);
const char *policy_channel_word(enum policy_channel channel);
const char *policy_to_word(enum policy_to to);
int policy_role_from_word(const char *word);
int policy_storage_from_word(const char *word);

struct policy_list {
    const char **items;
    size_t count;
};
struct policy_numbers {
    int64_t *items;
    size_t count;
};

/* What a policy takes. An empty member takes everything; a list takes what one of its members
 * takes. */
struct policy_match {
    uint32_t storage;              /* bit enum policy_storage, 0 = any */
    uint32_t role;                 /* bit enum policy_role, 0 = any */
    struct policy_list issuer;     /* globs (* and ?) over the RFC 4514 name */
    struct policy_list department; /* globs over its name; no department never matches a list */
};

/* When workstations may be touched (prepare and install jobs). Without a window: always. */
struct policy_window {
    bool given;
    uint32_t days; /* bit 0 Monday .. bit 6 Sunday: the local day on which it opens */
    int32_t from_minute, until_minute; /* of the local day; until <= from: ends on the next day */
    const char *zone_name;
    const struct tg_zone *zone; /* owned by the set; NULL if the zone was refused */
};

struct policy_notice {
    enum policy_channel channel;
    enum policy_to to;
    struct policy_numbers at_s; /* before not_after */
};

struct policy {
    const char *name;
    enum policy_action action;
    struct policy_match match;
    int64_t before_s, spread_s;
    struct policy_window window;
    enum policy_key key;
    int64_t validity_s;
    enum policy_confirm confirm;
    enum policy_by by;
    enum policy_batch batch;
    int64_t deputy_after_s; /* 0: never */
    int64_t recall_s;
    const char *ca;             /* "" none */
    struct policy_numbers wave; /* percent, rising, the last is 100 */
    int64_t stop_at_failures;   /* percent */
    int64_t archive_after_s;    /* -1: keep */
    bool keep_decryption_keys;
    const struct policy_notice *notify;
    size_t notify_count;

    const char *json;     /* canonical: sorted keys, every default written out, no spaces */
    char hash[TG_HEX256]; /* SHA-256 of json, as TRUST F3 names a policy */
    const char *where;    /* "file:line" */
};

struct policy_set; /* owns its policies and zones */

/* ---- loading ---- */

/* Paths: files, or folders whose *.yaml and *.yml are read in byte order of their names. First
 * match wins in that order. connectors: names that `ca` may have, NULL: not checked. On TG_E_INPUT
 * err holds the first complaint; complaints (may be NULL) gets all of them, warnings too. */
struct policy_source {
    const char *const *paths;
    size_t path_count;
    const char *const *connectors;
    size_t connector_count;
};
int policy_load(const struct policy_source *source, struct policy_set **ret,
                struct tg_buf *complaints, struct tg_err *err) TG_MUST_CHECK;
/* One text; `file` is its name in complaints. */
int policy_parse(const char *file, const void *bytes, size_t len, const char *const *connectors,
                 size_t connector_count, struct policy_set **ret, struct tg_buf *complaints,
                 struct tg_err *err) TG_MUST_CHECK;
/* `tamga policy check`: every complaint and warning, then one line "N policies in M files, E
 * errors, W warnings". 0, or TG_E_INPUT. */
int policy_check_paths(const char *const *paths, size_t path_count, const char *const *connectors,
                       size_t connector_count, struct tg_buf *out,
                       struct tg_err *err) TG_MUST_CHECK;
void policy_free(struct policy_set *set);
static inline void tg_auto_policy_set(struct policy_set **set)
{
    policy_free(*set);
    *set = NULL;
}

size_t policy_count(const struct policy_set *set);
const struct policy *policy_at(const struct policy_set *set, size_t index);
int policy_index(const struct policy_set *set, const char *name); /* -1 if there is none */
/* SHA-256 over the hashes of all policies in order: "are these the same rules?" */
const char *policy_set_hash(const struct policy_set *set);
/* The national CA of Kazakhstan by its issuer names (DOMAIN: current, 2015, test). */
bool policy_is_national(const char *issuer);

/* ---- deciding ---- */

enum policy_holder {
    POLICY_HOLDER_NONE,
    POLICY_HOLDER_ACTIVE,
    POLICY_HOLDER_LEAVE,
    POLICY_HOLDER_LEFT
};

/* All that a decision looks at, about one certificate. */
struct policy_facts {
    uint8_t sha256[TG_SHA256];
    const char *issuer;     /* RFC 4514, "" unknown */
    const char *department; /* of its holder, "" unknown */
    enum policy_storage storage;
    enum policy_role role;
    int64_t not_before, not_after;
    bool ca;         /* a CA certificate */
    bool verifiable; /* its public key can be decoded here; GOST keys cannot */
    bool superseded; /* a newer one of the same holder, role and issuer is known */
    bool revoked;
    bool key_known; /* a keystore with its private key was reported by an agent */
    bool locked; /* that keystore's password is not known: its application waits for the password */
    enum policy_holder holder;
    const char *open_application;  /* its number, "" none */
    const char *ended_application; /* returned, cancelled or lapsed, and not retried; "" none */
    const char *ended_hash;        /* the policy hash it was drafted under */
};

/* Why, in the order in which they are asked; the first that holds is the answer. */
#define POLICY_WHY_TABLE(X)                                                                        \
    X(NO_POLICY, "no-policy", "no policy takes it: it is watched")                                 \
    X(WATCH, "watch", "its policy only watches")                                                   \
    X(CA, "ca-certificate", "a CA certificate is never renewed here")                              \
    X(OBSERVE, "observe", "its issuer has no renewal interface: it is watched")                    \
    X(SUPERSEDED, "superseded",                                                                    \
      "a newer certificate of the same holder, role and issuer is there")                          \
    X(REVOKED, "revoked", "it is revoked")                                                         \
    X(EXPIRED, "expired", "it has expired: a renewal needs a valid old key")                       \
    X(LEFT, "holder-left", "its holder has left")                                                  \
    X(NO_HOLDER, "no-holder", "no holder is linked to it")                                         \
    X(UNVERIFIABLE, "cannot-be-verified", "its key cannot be verified here (GOST)")                \
    X(NO_KEY, "no-key", "no keystore with its private key is known")                               \
    X(OPEN, "open-application", "an application is open")                                          \
    X(ENDED, "refused-before",                                                                     \
      "an application under the same rule was refused or ended: retry it by hand")                 \
    X(EARLY, "not-yet-due", "it is not due yet")                                                   \
    X(DUE, "due", "it is due")

enum policy_why {
#define POLICY_X(name, word, text) POLICY_WHY_##name,
    POLICY_WHY_TABLE(POLICY_X)
#undef POLICY_X
};
const char *policy_why_word(enum policy_why why);
const char *policy_why_text(enum policy_why why);

struct policy_decision {
    int policy;                /* index, -1: none */
    enum policy_action action; /* POLICY_ACTION_WATCH without a policy */
    enum policy_why why;
    bool draft;    /* why is DUE: draft an application now */
    int64_t due;   /* when it is or was due; 0 unless the action is renew */
    int64_t opens; /* first instant >= max(now, due) at which its jobs may run (the window); 0
                    * likewise, and when the window never opens within 4 weeks */
    enum policy_confirm confirm; /* HOLDER for a national key, whatever the policy says */
};

/* First match wins; -1 if no policy takes it. */
int policy_match(const struct policy_set *set, const struct policy_facts *facts);
void policy_decide(const struct policy_set *set, const struct policy_facts *facts, int64_t now,
                   struct policy_decision *ret);

/* The first 31 bits of a fingerprint, as column certificate.jitter. */
int32_t policy_jitter(const uint8_t sha256[TG_SHA256]);
/* due = not_after - before + (jitter * spread >> 31). So the spread lies after the earliest moment:
 * between `before` and `before - spread` before expiry, the same on every replica. A policy whose
 * `before` is not below its `validity` is refused, so what it renews is not due again at once. */
int64_t policy_due(const struct policy *policy, int64_t not_after, int32_t jitter);

/* The kind of a new key: keep stays with the old one's where that is strong enough, else the next
 * stronger (rsa-2048 -> rsa-3072, ec-p521 -> ec-p384, unknown -> ec-p256). old: as in "rsa-2048",
 * "ec-p256". */
enum policy_key policy_new_key(const struct policy *policy, const char *old);

/* A window is open in [from, until) of local wall time on a named day. next: the first instant >=
 * at at which it is open; 0 if it does not open within 4 weeks. */
bool policy_window_open(const struct policy_window *window, int64_t at);
int64_t policy_window_next(const struct policy_window *window, int64_t at);

/* `policy explain`: which policy, why, when; a few lines of text, times in UTC. */
void policy_explain(const struct policy_set *set, const struct policy_facts *facts, int64_t now,
                    struct tg_buf *out);

/* ---- SQL for the planner (PLATFORM §9.2) ---- */

struct policy_word_id {
    int32_t id;
    const char *name;
};
/* The small tables issuer and department, loaded by the caller. */
struct policy_dictionary {
    const struct policy_word_id *issuers;
    size_t issuer_count;
    const struct policy_word_id *departments;
    size_t department_count;
};

/* `CASE WHEN c.storage = 1 AND c.issuer_id = ANY('{3,7}'::int[]) THEN 0 ... END`: the index of the
 * governing policy of row c (table certificate: storage, role smallint; issuer_id, department_id
 * int), NULL if none takes it. Integers are the only literals in it. Equal to policy_match() when
 * the dictionary is current. */
int policy_case_sql(const struct policy_set *set, const struct policy_dictionary *dictionary,
                    struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
/* `(0,2,2592000,432000),...`: rows (index, action, before_s, spread_s) for a VALUES list, all
 * policies. */
int policy_values_sql(const struct policy_set *set, struct tg_buf *out,
                      struct tg_err *err) TG_MUST_CHECK;
/* policy_due() over row c (not_after timestamptz; jitter int) and row p (before_s,
 * spread_s bigint): a bigint of Unix seconds. Times with whole seconds only. */
#define POLICY_DUE_SQL                                                                             \
    "(extract(epoch from c.not_after)::bigint - p.before_s + ((c.jitter::bigint * p.spread_s) >> " \
    "31))"
/* The longest `before` of all renew policies, 0 if there are none: nothing that ends later than now
 * + this can be due, so it bounds the index scan over not_after. */
int64_t policy_longest_before(const struct policy_set *set);
