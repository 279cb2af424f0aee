/* inventory: what is known of certificates, keystores, their placements, and the staff register.
 * Takes reports of agents and imports whole, set by set; never sees a key or a password, never
 * decides about renewal. Big bodies are parsed on a pool thread with copied input. Callbacks on the
 * loop's thread, once, later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "db/db.h"
#include "wire/wire.h"
#include "json/json.h"

#define INVENTORY_IMPORT_HOST                                                                      \
    "import" /* the pseudo workstation of files read at the service; it has no agent */

/* --- reports --- */

struct inventory_source {
    const char *host; /* workstation name, or INVENTORY_IMPORT_HOST */
    int64_t agent_id; /* 0 = import */
    int64_t job_id;   /* of the scan that it answers; 0 = none. A repeat gets the stored answer. */
    const char *actor;
    int64_t now;
};
struct inventory_taken {
    int64_t keystores, certificates, fresh, linked, unlinked; /* fresh: never seen before */
    int64_t refused;                                          /* entries that are no certificate */
};
typedef void (*inventory_taken_fn)(const struct inventory_taken *taken, const struct tg_err *err,
                                   void *data);
/* m is a wire message of type inventory; it is taken over (freed later) in every case. */
void inventory_take(struct db *db, const struct inventory_source *source, struct tg_wire_message *m,
                    inventory_taken_fn fn, void *data);

/* --- certificates --- */

struct tg_cert;
struct inventory_certificate { /* texts borrowed, "" = none */
    int64_t id;
    uint8_t sha256[TG_SHA256];
    const char *serial, *subject, *issuer, *key_algorithm, *role;
    const char *iin, *bin, *email;
    struct db_slice ski;
    int64_t not_before, not_after;
    const char *holder, *holder_name, *department; /* holder: register number */
    bool verifiable, superseded, is_ca;
    int64_t placements;
    const char *likely_holder, *likely_why; /* of an unlinked one */
};
struct inventory_filter {
    int64_t expiring_before; /* not_after < this; 0 = all */
    bool unlinked;
    const char *holder; /* number, NULL = all */
    int64_t after, limit, now;
};
typedef void (*inventory_list_fn)(const struct inventory_certificate *rows, size_t count,
                                  int64_t next, const struct tg_err *err, void *data);
void inventory_list(struct db *db, const struct inventory_filter *filter, inventory_list_fn fn,
                    void *data);

struct inventory_placement {
    const char *host, *path, *kind, *status, *friendly_name;
    bool has_key, key_unknown, gone;
    int64_t last_seen;
};
struct inventory_detail {
    struct inventory_certificate certificate;
    const struct inventory_placement *placements;
    size_t placement_count;
    const char *const *applications; /* numbers */
    size_t application_count;
    struct db_slice der;
};
typedef void (*inventory_show_fn)(const struct inventory_detail *detail, const struct tg_err *err,
                                  void *data);
/* which: id in decimal, or (the beginning of, at least 8 digits) the SHA-256 in hex. */
void inventory_show(struct db *db, const char *which, inventory_show_fn fn, void *data);

/* Members without braces, as the API names them. */
void inventory_print_json(struct tg_jw *w, const struct inventory_certificate *row);
void inventory_print_detail(struct tg_jw *w, const struct inventory_detail *detail);

/* --- the staff register --- */

struct inventory_complaint {
    size_t line;
    const char *text;
};
struct inventory_imported {
    int64_t imported, added, changed, linked;
    const struct inventory_complaint *complaints; /* on TG_E_INPUT all errors; else warnings */
    size_t complaint_count;
};
/* On TG_E_INPUT err has the first complaint and imported all of them; nothing was written. */
typedef void (*inventory_imported_fn)(const struct inventory_imported *imported,
                                      const struct tg_err *err, void *data);
/* csv is copied. Holders that are not in the file stay as they are. */
void inventory_import_holders(struct db *db, const void *csv, size_t len, const char *actor,
                              int64_t now, inventory_imported_fn fn, void *data);

struct inventory_holder {
    int64_t id;
    const char *number, *name, *iin, *email, *department, *position, *status;
    int64_t leave_until; /* 0 = none */
    int64_t certificates;
};
typedef void (*inventory_holders_fn)(const struct inventory_holder *rows, size_t count,
                                     int64_t next, const struct tg_err *err, void *data);
void inventory_holders(struct db *db, int64_t after, int64_t limit, inventory_holders_fn fn,
                       void *data);
void inventory_print_holder(struct tg_jw *w, const struct inventory_holder *row);

struct inventory_totals {
    int64_t certificates, holders, unlinked, keystores;
};
typedef void (*inventory_totals_fn)(const struct inventory_totals *totals, const struct tg_err *err,
                                    void *data);
void inventory_totals(struct db *db, inventory_totals_fn fn, void *data);

/* --- in callers' units --- */

/* What issued certificates are to the inventory (issue room): rows and DER by sha256, with the
 * holder of the old ones. Later statements of the same unit find them by their sha256. The old ones
 * stay live until the new are installed. */
struct inventory_issued {
    const struct tg_cert *cert;
    int64_t old_id;
};
void inventory_add_issued(struct db_unit *u, const struct inventory_issued *issued, size_t count,
                          int64_t now);
/* After a verified install: the new certificate lies in the keystore of the application, the old
 * entry is gone. */
void inventory_add_installed(struct db_unit *u, int64_t keystore_id, int64_t old_id, int64_t new_id,
                             int64_t now);
