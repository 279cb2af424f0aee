/* application_in: what the files of this room share. */
#pragma once

#include "application/application.h"

int application_parse_number(const char *text, struct tg_number *ret,
                             struct tg_err *err) TG_MUST_CHECK;

/* store: units of this room's own queries */
struct application_reading {
    size_t row, events, stored, changes;
};
void application_add_show(struct db_unit *u, struct tg_number no, struct application_reading *ret);
void application_add_number(struct db_unit *u, struct tg_number no, size_t *ret);
size_t application_add_keystores(struct db_unit *u, struct tg_number no, const char *path);
void application_add_withdraw(struct db_unit *u, const int64_t *ids, size_t count, int64_t now);
void application_add_again(struct db_unit *u, const struct application_row *row, const char *actor,
                           int64_t now, size_t *ret);
struct application_correction {
    int64_t id, rev, keystore_id; /* 0 = stays */
    const char *field, *value, *actor;
    int64_t now;
};
void application_add_correction(struct db_unit *u, const struct application_correction *c);
void application_add_prepare_job(struct db_unit *u, int64_t id, int64_t now);
/* The job that takes up an application which is back where it failed: prepare, or issue. */
void application_add_job_again(struct db_unit *u, int64_t id, enum application_state state,
                               int64_t now);
size_t application_add_lapsing(struct db_unit *u, enum application_state state, int64_t now,
                               int64_t limit);
size_t application_add_due_retries(struct db_unit *u, int64_t now, int64_t limit);
void application_add_retry_done(struct db_unit *u, int64_t job);
size_t application_add_counts(struct db_unit *u);
/* Change rows at statement (of application_id, or of all when 0) applied to old. */
struct db_slice application_slice(const struct db_results *r, size_t statement, size_t row,
                                  const char *col);
