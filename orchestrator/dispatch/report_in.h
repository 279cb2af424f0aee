/* report_in: one report on its way. */
#pragma once

#include "dispatch_in.h"

struct report {
    struct dispatch *d;
    int64_t agent_id, now;
    struct tg_wire_message *m;
    char number[TG_NUMBER + 8], actor[48];
    /* of the application */
    int64_t id, rev, failures;
    enum application_state state;
    bool may_fail; /* a refusal is its failure */
    /* prepared */
    struct tg_buf draft, old;
    char algorithm[16], realm[TG_SEAL_HEX];
    bool seen;
    bool replaced; /* the job was replaced by another one meanwhile */
    int attempt;
    uint8_t spki[TG_SHA256];
    enum application_consent consent;
    char flags[256];
    struct tg_err err;
    struct tg_work work;
    /* answer */
    char result[16], text[TG_ERR_TEXT];
    dispatch_answer_fn fn;
    void *data;
};

void report_finish(struct report *p, const struct tg_err *err); /* err: trouble of ours */
/* Writes the stored answer, ends the job of this kind (0: none), and answers. */
void report_write(struct report *p, struct db_unit *u, int kind);
void report_refuse(struct report *p, const struct tg_err *why);
void report_prepared(struct report *p, const struct db_results *r,
                     const struct dispatch_subject *s);
/* The key that a prepared report names, unchecked. */
bool report_key(const struct tg_wire_message *m, uint8_t ret[TG_SHA256]);
