/* issue: from approved to issued, exactly once. Claims `issue-batch` jobs, makes S5 (or lets the
 * connector's own checker make it), writes `requested` and the reference before a CA is called,
 * checks every answer (A2), and writes certificate, state, event and install jobs of a chunk in one
 * unit. A lost answer is looked for by public key, never asked for blindly. Several tamgad may work
 * on one database. Never approves, never talks to agents. Callbacks once, later, on the loop's
 * thread; borrowed data valid during the call. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "seal/blob.h"
#include "seal/chain.h"

struct ca_connector;
struct issue;

struct issue_ports {
    void *ctx;
    const struct tg_trust_chain *(*chain)(void *ctx); /* NULL or empty: no trust yet */
};
/* connectors are borrowed and outlive issue; the array is copied. Begins to look for work. */
struct issue *issue_new(struct db *db, const struct issue_ports *ports,
                        const struct ca_connector *const *connectors, size_t n);
/* Waits for what is under way; gone after closed (may be NULL). */
void issue_close(struct issue *issue, void (*closed)(void *data), void *data);
/* Look for due jobs now instead of within a second. */
void issue_wake(struct issue *issue);

/* A statement was taken back: tells every connector, and asks no CA any more for its leaves. */
void issue_recalled(struct issue *issue, const char *statement_sha256, struct tg_blob text,
                    struct tg_blob cms);

/* --- exchange: requests out by files, certificates back --- */

struct issue_request {
    const char *number, *batch, *subject; /* subject: of the request, RFC 4514 */
    int64_t days;
    struct db_slice csr; /* DER */
};
typedef void (*issue_requests_fn)(const struct issue_request *rows, size_t count, int64_t next,
                                  const struct tg_err *err, void *data);
/* Requested of an exchange connector and not issued. next: cursor, 0 = this was the last page. */
void issue_exchange_list(struct issue *issue, int64_t after, int64_t limit, issue_requests_fn fn,
                         void *data);

struct issue_imported {
    const char *const *matched; /* numbers, issued now or before with this very certificate */
    size_t matched_count;
    const char *const *refused; /* "26-004217-4: A2: ...", or "certificate N: ..." */
    size_t refused_count;
};
typedef void (*issue_imported_fn)(const struct issue_imported *imported, const struct tg_err *err,
                                  void *data);
/* Each der is one certificate (issuers that came along are passed over). Copied. */
void issue_exchange_import(struct issue *issue, const struct tg_blob *ders, size_t n,
                           const char *actor, int64_t now, issue_imported_fn fn, void *data);
