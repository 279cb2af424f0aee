/* seal_world: a whole valid world of TRUST in memory, for tests: three roots (two must sign), a
 * CEO, an issuing CA, employees with old certificates, new keys, requests, holder signatures, a
 * snapshot, decisions, a signed statement, issued certificates. All keys are P-256 and made on the
 * spot. Change a part, call the step that follows from it, and watch who refuses. */
#pragma once

#include "base/buf.h"
#include "merkle/merkle.h"
#include "seal/bundle.h"
#include "seal/chain.h"
#include "seal/check.h"
#include "seal/evidence.h"
#include "seal/leaf.h"
#include "seal/offline.h"
#include "seal/session.h"
#include "seal/statement.h"
#include "x509/cert.h"
#include "x509/issue.h"
#include "x509/key.h"

enum { SEAL_WORLD_ROOTS = 3, SEAL_WORLD_APPS = 8 };
#define SEAL_WORLD_NOW    INT64_C(1795165200) /* 2026-11-20T09:00:00Z */
#define SEAL_WORLD_POLICY "employee-file-keys"

struct seal_party {
    struct tg_key *key;
    struct tg_cert *cert; /* self-signed; the issuer's is a CA */
    char spki[TG_SEAL_HEX];
};

struct seal_app {
    struct tg_key *old_key, *new_key;
    struct tg_cert *old, *cert; /* cert: after seal_world_issue */
    struct tg_leaf leaf;
    struct tg_buf app, csr, holder, line;
    struct tg_decision decision;
    struct tg_buf decision_line;
    int64_t index; /* among the approved, or -1 */
};

struct seal_world {
    int64_t now;
    struct seal_party roots[SEAL_WORLD_ROOTS], ceo, issuer, server, stranger;
    struct tg_trust trust;
    struct tg_buf trust_text, trust_cms[2]; /* of the newest version */
    struct tg_trust_chain *chain;
    size_t count;
    struct seal_app apps[SEAL_WORLD_APPS];
    struct tg_buf snapshot, decisions;
    struct tg_totals totals;
    struct tg_statement st;
    struct tg_buf statement, cms;
    struct tg_merkle_tree approved, evidence;
    bool trees;
    /* What a checker needs, pointing into the above. */
    struct tg_blob cms_blob;
    struct tg_signed signed_;
    struct tg_knowledge knowledge;
};

/* count applications (at most 8): the last but one is held, the last is returned when count >= 3,
 * the others are approved. Everything is sealed, signed and issued. Aborts on failure: the test
 * cannot go on. */
void seal_world_init(struct seal_world *w, size_t count);
/* At another time than SEAL_WORLD_NOW: for programs that look at the real clock. */
void seal_world_init_at(struct seal_world *w, size_t count, int64_t now);
void seal_world_done(struct seal_world *w);

/* Steps, each from the one before it. */
void seal_world_publish(
    struct seal_world *w); /* w->trust as the next version, signed by roots 0 and 1 */
void seal_world_app(struct seal_world *w,
                    size_t i); /* app, CSR, holder's signature, leaf line, decision line */
void seal_world_seal(struct seal_world *w); /* snapshot, decisions, totals, statement, signature */
void seal_world_sign(struct seal_world *w); /* prints w->st and signs it as the CEO */
void seal_world_issue(struct seal_world *w, size_t i);
/* Sign any bytes; out is replaced. */
void seal_world_cms(const struct seal_party *by, struct tg_blob bytes, struct tg_buf *out);
void seal_world_party(struct seal_party *p, const char *cn, int64_t now);

struct tg_leaf_place seal_world_place(struct seal_world *w, size_t i, struct tg_merkle_proof *room);
struct tg_request seal_world_request(struct seal_world *w, size_t i, struct tg_merkle_proof *room);
struct tg_issued seal_world_issued(struct seal_world *w, size_t i);
struct tg_offline seal_world_offline(struct seal_world *w);
void seal_world_bundle(struct seal_world *w, size_t i, struct tg_buf *out);
void seal_world_evidence(struct seal_world *w, size_t i, struct tg_buf *out);
struct tg_blob seal_blob(const struct tg_buf *b);
