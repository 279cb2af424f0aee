/* dispatch_in: what the files of this room share. */
#pragma once

#include "application/application.h"
#include "base/mem.h"
#include "base/str.h"
#include "dispatch/dispatch.h"
#include "loop/loop.h"
#include "seal/leaf.h"

/* job.kind, as table job_kind */
enum { JOB_SCAN = 1, JOB_PREPARE, JOB_INSTALL, JOB_RETIRE, JOB_CANCEL, JOB_RECONNECT, JOB_TRUST };

struct dispatch {
    struct db *db;
    struct dispatch_ports ports;
    dispatch_news_fn news;
    void *news_data;
    struct tg_repeat poll;
    unsigned polls, busy;
    bool closing, poll_closed;
    struct tg_deadline later;
    void (*closed)(void *data);
    void *closed_data;
};

void dispatch_begin(struct dispatch *d);
void dispatch_end(struct dispatch *d);
void dispatch_tell(struct dispatch *d, int64_t agent_id); /* news */
static inline const struct tg_trust_chain *dispatch_chain(const struct dispatch *d)
{
    return d->ports.chain(d->ports.ctx);
}

/* The draft of the app object (key empty), printed from the application, its old certificate and
 * its changes: the same bytes whenever it is asked. changes_at: statement in r. */
int dispatch_draft(const struct dispatch *d, const struct db_results *r, size_t changes_at,
                   const struct application_row *row, struct db_slice old_der, struct tg_buf *out,
                   struct tg_err *err) TG_MUST_CHECK;

/* --- store --- */
void dispatch_add_waiting(struct db_unit *u, int64_t now, bool trust, int64_t limit);
void dispatch_add_installs(struct db_unit *u, int64_t now, int64_t limit);
void dispatch_add_sweep(struct db_unit *u, int64_t now);
struct dispatch_claim {
    int64_t agent_id, after, now, until;
    bool trust;
};
void dispatch_add_claim(struct db_unit *u, const struct dispatch_claim *c);
struct dispatch_job {
    int64_t id, kind, subject;
};
void dispatch_job_at(const struct db_results *r, size_t i, size_t row, struct dispatch_job *ret);
void dispatch_add_details(struct db_unit *u, const int64_t *ids, size_t n);
struct dispatch_details {
    int64_t release, failures; /* release 0: none */
    struct db_slice old_der, recall, recall_cms;
};
bool dispatch_details_of(const struct db_results *r, size_t i, int64_t id,
                         struct dispatch_details *ret);
void dispatch_add_later(struct db_unit *u, int64_t job, int64_t at);
void dispatch_add_drop(struct db_unit *u, int64_t job);
void dispatch_add_done(struct db_unit *u, int kind, int64_t subject);
void dispatch_add_recalled(struct db_unit *u, int64_t agent_id, const int64_t *ids, size_t n);
void dispatch_recalled_at(const struct db_results *r, size_t row, int64_t *ret_id,
                          int64_t *ret_rev);
void dispatch_add_ack(struct db_unit *u, int64_t agent_id, const int64_t *ids, size_t n,
                      int64_t now);

/* A report's reading: stored answer, application, changes, and where its key was seen. */
enum { REPORT_ANSWER, REPORT_APPLICATION, REPORT_CHANGES, REPORT_SEEN };
struct dispatch_question {
    int64_t job, agent_id;
    const char *kind;
    struct tg_number number;
    const uint8_t *spki; /* NULL: none */
};
void dispatch_add_question(struct db_unit *u, const struct dispatch_question *q);
const char *dispatch_answer_at(const struct db_results *r); /* NULL: none yet */
struct dispatch_subject {
    struct application_row row;
    struct db_slice old_der;
    int64_t new_id, archive_after_s, failures, job;
};
bool dispatch_subject_at(const struct db_results *r, struct dispatch_subject *ret);
const char *dispatch_seen_at(const struct db_results *r); /* NULL: a new key */
struct dispatch_answer {
    int64_t job, agent_id, now;
    const char *kind, *result, *text;
};
void dispatch_add_answer(struct db_unit *u, const struct dispatch_answer *a);
/* retire_at DB_NULL_I64: the old entry stays. */
void dispatch_add_installed(struct db_unit *u, int64_t id, int64_t agent_id, const char *after,
                            int64_t now, int64_t retire_at);
