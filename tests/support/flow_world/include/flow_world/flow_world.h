/* flow_world: the world of seal_world inside a real database: its employees' certificates,
 * keystores and drafted applications (numbers, agents and bytes are the same), with the rooms
 * approval and dispatch over it. Acts turn the loop until they are answered. For cmocka programs.
 */
#pragma once

#include "approval/approval.h"
#include "dispatch/dispatch.h"
#include "seal_world/seal_world.h"
#include "testdb/testdb.h"
#include "wire/wire.h"

struct flow {
    struct testdb t;
    struct tg_clock_manual clock;
    struct tg_loop loop;
    struct db *db;
    struct seal_world w;
    struct approval *approval;
    struct dispatch *dispatch;
    struct policy_set *policies; /* for windows; NULL: none */
    bool no_issuer;              /* the connector's CA is not known */
    unsigned news;
    char batch[APPROVAL_BATCH]; /* that acts are about; at first FLOW_BATCH */
    /* what the last act was told */
    bool told;
    struct tg_err err;
    struct tg_buf bytes;           /* statement, texts, JSON, lines */
    char result[16], answer[240];  /* of a report */
    struct approval_opened opened; /* texts are gone */
    struct approval_decided decided;
    struct approval_accepted accepted;
    int64_t recalled, cancelled;
    size_t lines;
    int64_t ids[16];
};

/* count (3 to 8) drafted applications with their prepare jobs; trust is published unless told. */
void flow_init(struct flow *f, size_t count, bool with_trust);
void flow_done(struct flow *f);
/* Turns the loop until told; 0 or the code of err. */
int flow_wait(struct flow *f);

int flow_publish(struct flow *f); /* the world's newest version */
int64_t flow_agent(struct flow *f, size_t i);
/* Messages for agent i; lines, ids, bytes (all lines). */
int flow_next(struct flow *f, size_t i, int64_t after);
int flow_ack(struct flow *f, size_t i, int64_t id);
/* The reports of the world's agents; job id as it was sent. */
struct tg_wire_message *flow_prepared(struct flow *f, size_t i, int64_t job);
struct tg_wire_message *flow_installed(struct flow *f, size_t i, int64_t job);
struct tg_wire_message *flow_failed(struct flow *f, size_t i, int64_t job, const char *code,
                                    const char *waits_for);
/* As agent `from` (usually i). */
int flow_report(struct flow *f, size_t from, struct tg_wire_message *m);
/* Drafted to prepared for everybody, by messages and reports. */
void flow_prepare_all(struct flow *f);

int flow_open(struct flow *f);
int flow_decide(struct flow *f, enum approval_verb verb, const char *what, const char *why);
int flow_mint(struct flow *f);          /* for the CEO; the text is in w.statement */
void flow_accept_start(struct flow *f); /* without waiting */
int flow_accept(struct flow *f);        /* w.statement and w.cms */
void flow_sign(struct flow *f, const struct seal_party *by); /* w.cms over w.statement */
int flow_recall(struct flow *f, const struct seal_party *by);
int flow_text(struct flow *f, bool snapshot);
int flow_show(struct flow *f);
int flow_pack(struct flow *f, size_t i, bool evidence);
/* Approved to issued by hand, with the world's certificate, as the issue room writes it. */
void flow_issue(struct flow *f, size_t i);

#define FLOW_BATCH "26-1"
char *flow_number(struct flow *f, size_t i);  /* borrowed from the world */
int64_t flow_state(struct flow *f, size_t i); /* of the application */
int64_t flow_count(struct flow *f, const char *sql);
