/* ca: one way to a CA, as a table of functions: connectors `embedded` (our own issuing process) and
 * `exchange` (files, for any CA without an interface); tests bring a third. A connector carries
 * requests and answers; it never decides what may be issued, and its answer is believed only after
 * TRUST A2 (issue room). Every `done` comes once, later, on the loop's thread, never from inside
 * submit, find or close. The caller's memory (struct ca_call) lives until then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "seal/blob.h"
#include "seal/chain.h"
#include "seal/check.h"
#include "x509/cert.h"

struct tg_loop;

/* What an approver signed; sha256 in hex names it. */
struct ca_statement {
    char sha256[TG_SEAL_HEX];
    struct tg_signed signed_;
};

/* One approved application. Everything is borrowed until submit returns. */
struct ca_ask {
    const char *reference; /* number + attempt: what a CA may take as idempotency key */
    const struct ca_statement *statement;
    struct tg_leaf_place place;
    struct tg_request request;
    struct tg_blob old; /* the old certificate's DER; len 0 = there is none */
};

enum ca_outcome {
    CA_ISSUED,  /* certificate is set */
    CA_PENDING, /* the CA has it, or may have it; the answer comes another way or another time */
    CA_REFUSED, /* err says why; its code tells whether to try again. find: TG_E_NOT_FOUND = never
                   issued */
};

struct ca_call;
typedef void (*ca_done_fn)(struct ca_call *call);
struct ca_call {
    enum ca_outcome outcome;
    struct tg_blob certificate; /* DER, valid during done only */
    struct tg_err err;
    ca_done_fn done;
    void *data;
    /* the connector's own */
    struct tg_list node;
    uint32_t id;
};

typedef void (*ca_closed_fn)(void *data);

struct ca_ops {
    const char *kind; /* embedded | exchange */
    bool checks;      /* the other side makes V1-V7 and S5 itself, before it uses its key */
    bool pending;     /* submit ends CA_PENDING: people carry requests and certificates */
    unsigned window;  /* calls that may be under way at once */
    const struct tg_cert *(*issuer)(void *self); /* the CA's certificate; NULL: not known yet */
    /* Bring the newest trust and a recall; copied, sent again after a restart of the other side. */
    void (*trust)(void *self, const struct tg_trust_chain *chain);
    void (*recall)(void *self, struct tg_blob text, struct tg_blob cms);
    int (*submit)(void *self, struct ca_call *call, const struct ca_ask *ask, struct tg_err *err);
    int (*find)(void *self, struct ca_call *call, const uint8_t spki_sha256[32],
                struct tg_err *err);
    /* Calls under way end with TG_E_CANCELLED. */
    void (*close)(void *self, ca_closed_fn closed, void *data);
};

enum { CA_NAME = 64 };
struct ca_connector {
    const struct ca_ops *ops;
    void *self;
    char name[CA_NAME];            /* as policies say: `ca: corporate` */
    char issuer_spki[TG_SEAL_HEX]; /* "" = not known yet */
};

/* --- life --- */

struct ca_embedded_config {
    const char *name;
    const char *dir;          /* absolute; the issuing process makes and owns it */
    const char *self_exe;     /* this program: started again as `--issuer` */
    const char *organization; /* for the name of the CA made on the first run; NULL or "" = none */
};
/* Starts the issuing process and waits (before the loop runs, at most 15 s) until it is ready: then
 * the issuer is known. When the process ends later, it is started again. */
int ca_embedded_new(struct tg_loop *loop, const struct ca_embedded_config *config,
                    struct ca_connector **ret, struct tg_err *err) TG_MUST_CHECK;
/* issuer: file with the CA's certificate, PEM or DER. */
int ca_exchange_new(struct tg_loop *loop, const char *name, const char *issuer,
                    struct ca_connector **ret, struct tg_err *err) TG_MUST_CHECK;
/* A connector of one's own (tests). self belongs to ops->close. */
struct ca_connector *ca_connector_new(const char *name, const struct ca_ops *ops, void *self);
/* The connector is gone when closed is called. NULL is not ok. closed may be NULL. */
void ca_close(struct ca_connector *c, ca_closed_fn closed, void *data);

/* --- acts --- */

void ca_trust(const struct ca_connector *c, const struct tg_trust_chain *chain);
void ca_recall(const struct ca_connector *c, struct tg_blob text, struct tg_blob cms);
/* < 0: done is never called. 0: done once, later. */
int ca_submit(const struct ca_connector *c, struct ca_call *call, const struct ca_ask *ask,
              struct tg_err *err) TG_MUST_CHECK;
/* Reconciling by public key: what became of a request whose answer was lost. */
int ca_find(const struct ca_connector *c, struct ca_call *call, const uint8_t spki_sha256[32],
            struct tg_err *err) TG_MUST_CHECK;

/* --- questions --- */

const char *ca_issuer_spki(const struct ca_connector *c);      /* 64 hex, or NULL: not known yet */
const struct tg_cert *ca_issuer(const struct ca_connector *c); /* borrowed, or NULL */
/* Process id of an embedded CA's issuer, 0 while it is down; for tests that end it. */
int ca_embedded_pid(const struct ca_connector *c);
