/* inventory_in: what the files of this room share. */
#pragma once

#include "inventory/inventory.h"
#include "x509/cert.h"

/* A report as sets of columns, made on a pool thread; everything borrowed from the message and the
 * certificates. */
struct inventory_certs {
    struct tg_cert **certs; /* unique by SHA-256 */
    struct db_slice *sha;
    uint8_t *storage; /* of the keystore that holds its key, 0 unknown */
    size_t count, cap;
};
struct inventory_report {
    struct inventory_certs certs;
    /* keystores */
    size_t keystore_count;
    const char **paths, **reasons, **owners;
    int64_t *kinds, *storages, *statuses;
    /* entries */
    size_t entry_count;
    const char **entry_paths, **names;
    struct db_slice *entry_sha, *entry_ski; /* data NULL = unknown */
    uint8_t *ski_bytes;
    int64_t *keys; /* 1 yes, 0 no, DB_NULL_I64 unknown */
    int64_t refused;
    bool complete;
    int64_t scanned; /* equal in all parts of one scan */
};
void inventory_report_make(const struct tg_wire_inventory *m, struct inventory_report *ret);
void inventory_report_done(struct inventory_report *r);

/* store */
struct inventory_taking {
    size_t fresh, totals; /* statements */
};
void inventory_add_report(struct db_unit *u, const struct inventory_source *s,
                          const struct inventory_report *r, struct inventory_taking *ret);
void inventory_read_taken(const struct db_results *r, const struct inventory_taking *at,
                          struct inventory_taken *ret);

void inventory_add_list(struct db_unit *u, const struct inventory_filter *f);
void inventory_add_show(
    struct db_unit *u,
    const char *which); /* statements 0 row, 1 placements, 2 applications and DER */
void inventory_certificate_at(const struct db_results *r, size_t s, size_t row,
                              struct inventory_certificate *ret);
void inventory_placement_at(const struct db_results *r, size_t row,
                            struct inventory_placement *ret);
int64_t inventory_application_at(const struct db_results *r, size_t row,
                                 unsigned *ret_year); /* sequence, 0 none */
void inventory_add_register(struct db_unit *u, int64_t after, int64_t limit);
void inventory_holder_at(const struct db_results *r, size_t row, struct inventory_holder *ret);
void inventory_add_totals(struct db_unit *u);
void inventory_read_totals(const struct db_results *r, struct inventory_totals *ret);

/* The staff register as columns. */
enum inventory_column {
    COL_NUMBER,
    COL_NAME,
    COL_IIN,
    COL_EMAIL,
    COL_PHONE,
    COL_DEPARTMENT,
    COL_POSITION,
    COL_LOCALITY,
    COL_MANAGER,
    COL_STATUS,
    COL_LEAVE,
    COL_LOCALE,
    COL_COUNT,
};
struct inventory_register {
    size_t count, cap;
    const char **text[COL_COUNT]; /* COL_STATUS and COL_LEAVE unused */
    int64_t *statuses, *leaves;
};
void inventory_add_import(struct db_unit *u, const struct inventory_register *reg,
                          const char *actor, int64_t now);
void inventory_read_imported(const struct db_results *r, struct inventory_imported *ret);
