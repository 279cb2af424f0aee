/* messages: every message of the agent protocol as data. One table of types, one table of fields
 * for each body; the reader and the writer in wire.h are driven by them, so they cannot drift
 * apart. Texts are owned by the message (tg_wire_free); an absent optional text is NULL, an absent
 * blob or list is empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who says it: the agent (POST /agent/v1/<word>), or the server (answer or event stream). */
enum tg_wire_side { TG_WIRE_AGENT, TG_WIRE_SERVER };

/* name, word, side, struct and field table */
#define TG_WIRE_MESSAGES(X)                                                                        \
    X(ENROLL, "enroll", AGENT, enroll)                                                             \
    X(RENEW, "renew", AGENT, renew)                                                                \
    X(HELLO, "hello", AGENT, hello)                                                                \
    X(INVENTORY, "inventory", AGENT, inventory)                                                    \
    X(PREPARED, "prepared", AGENT, prepared)                                                       \
    X(INSTALLED, "installed", AGENT, installed)                                                    \
    X(FAILED, "failed", AGENT, failed)                                                             \
    X(ACK, "ack", AGENT, ack)                                                                      \
    X(IDENTITY, "identity", SERVER, identity)                                                      \
    X(WELCOME, "welcome", SERVER, welcome)                                                         \
    X(ACCEPTED, "accepted", SERVER, accepted)                                                      \
    X(TRUST, "trust", SERVER, trust)                                                               \
    X(SCAN, "scan", SERVER, scan)                                                                  \
    X(PREPARE, "prepare", SERVER, prepare)                                                         \
    X(INSTALL, "install", SERVER, install)                                                         \
    X(RETIRE, "retire", SERVER, retire)                                                            \
    X(CANCEL, "cancel", SERVER, cancel)                                                            \
    X(RECONNECT, "reconnect", SERVER, reconnect)

enum tg_wire_type {
#define TG_X(name, word, side, body) TG_WIRE_##name,
    TG_WIRE_MESSAGES(TG_X)
#undef TG_X
        TG_WIRE_TYPES
};

struct tg_wire_blob { /* base64 on the wire */
    uint8_t *data;
    size_t len;
};

struct tg_wire_list {
    void *items; /* array of the element struct */
    size_t count;
};

/* TRUST §5.3: token, CSR, signature of the CSR's key over tg_wire_enroll_text(). */
struct tg_wire_enroll {
    char *token, *host, *version;
    struct tg_wire_blob csr, signature;
};
struct tg_wire_renew { /* half-life renewal over mutual TLS */
    struct tg_wire_blob csr;
};
struct tg_wire_hello {
    char *agent, *host, *version;
    struct tg_wire_list speaks; /* struct tg_wire_int */
};
struct tg_wire_int {
    int64_t value;
};

struct tg_wire_entry {
    struct tg_wire_blob certificate; /* DER; empty when only the SKI is known (locked) */
    char *ski, *friendly_name;       /* ski: hex */
    bool has_key;
};
struct tg_wire_keystore {
    char *path, *kind, *storage, *status, *reason,
        *owner;                  /* owner: login name of the file's owner */
    struct tg_wire_list entries; /* struct tg_wire_entry */
};
/* A long inventory comes in parts of equal `scanned`; the last one alone carries the job's id and
 * `complete`: then what this agent named in none of the parts is gone. */
struct tg_wire_inventory {
    int64_t scanned;               /* when the scan began, UTC seconds */
    bool complete;                 /* all scan roots were walked */
    struct tg_wire_list keystores; /* struct tg_wire_keystore */
};

struct tg_wire_prepared {
    char *application;
    struct tg_wire_blob app, csr, cms; /* exact bytes of the app object (F1), CSR, F2 */
};
struct tg_wire_command_result {
    char *command;
    int64_t exit;
};
struct tg_wire_installed {
    char *application, *certificate; /* certificate: SHA-256 hex of what is in the keystore now */
    bool verified;                   /* a signature was made and verified with the new pair */
    struct tg_wire_list after;       /* struct tg_wire_command_result */
};
struct tg_wire_failed {
    char *application, *code,
        *text;       /* code: word of base/err.h, or waits-for: password token machine holder */
    char *waits_for; /* set when it is not a failure but a wait */
};
struct tg_wire_ack {
    struct tg_wire_list ids; /* struct tg_wire_int */
};

struct tg_wire_identity { /* answer to enroll and renew */
    char *agent;          /* 32 hex */
    char *status;         /* active | pending */
    struct tg_wire_blob certificate;
    struct tg_wire_list chain; /* struct tg_wire_item */
};
struct tg_wire_item {
    struct tg_wire_blob bytes;
};
struct tg_wire_welcome { /* answer to hello */
    int64_t now, reconnect_s, keepalive_s;
};
struct tg_wire_accepted { /* answer to a report; a repeat gets the stored one */
    char *result;         /* done | again | refused */
    char *text;
};
struct tg_wire_trust_item {
    struct tg_wire_blob text;
    struct tg_wire_list cms; /* struct tg_wire_item */
};
struct tg_wire_trust {
    char *realm;                   /* hex, or "" before there is trust */
    struct tg_wire_list documents; /* struct tg_wire_trust_item, ascending versions */
};
struct tg_wire_scan {
    bool everything;
};
struct tg_wire_prepare {
    char *application, *path, *confirm; /* confirm: holder | none */
    char *algorithm;                    /* of the new key */
    struct tg_wire_blob app;            /* app object with an empty key, alg filled */
    int64_t deadline;                   /* UTC seconds; afterwards the job is void */
};
struct tg_wire_install {
    char *application;
    struct tg_wire_blob bundle; /* F4, exact bytes */
};
struct tg_wire_retire {
    char *application, *path, *certificate; /* the old certificate, SHA-256 hex */
};
struct tg_wire_cancel {
    char *application;
    struct tg_wire_blob recall; /* F6 text, or empty */
    struct tg_wire_blob cms;
};
struct tg_wire_reconnect {
    int64_t within_s; /* full jitter: reconnect at a random moment within */
};

enum tg_wire_kind { TG_WIRE_K_TEXT, TG_WIRE_K_BLOB, TG_WIRE_K_INT, TG_WIRE_K_BOOL, TG_WIRE_K_LIST };

struct tg_wire_shape;
struct tg_wire_field {
    const char *name; /* "" = the element itself (a list of plain values) */
    enum tg_wire_kind kind;
    bool optional;
    size_t offset;
    size_t max;                        /* bytes of a text or blob (decoded), items of a list */
    const struct tg_wire_shape *shape; /* of list elements */
};
struct tg_wire_shape {
    const char *name;
    size_t size; /* of the struct */
    const struct tg_wire_field *fields;
    size_t count;
};

const struct tg_wire_shape *tg_wire_shape_of(enum tg_wire_type type);
const char *tg_wire_word(enum tg_wire_type type);
enum tg_wire_side tg_wire_side_of(enum tg_wire_type type);
