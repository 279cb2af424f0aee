/* issuer_in: what the files of the issuing process share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "frame.h"
#include "seal/chain.h"
#include "seal/check.h"
#include "store.h"
#include "x509/cert.h"
#include "x509/key.h"

/* A statement at hand, as it came; checked once, and again what time can change. */
struct issuer_slot {
    struct tg_buf text, cms[TG_SEAL_CMS_MAX];
    size_t cms_count;
    bool checked;
    struct tg_checked result;
};

struct issuer {
    const char *dir, *organization;
    int fd;
    struct tg_key *key;
    struct tg_cert *cert;
    char spki[TG_SEAL_HEX];
    struct ca_store *store;
    struct tg_trust_chain *chain;
    char (*recalled)[TG_SEAL_HEX];
    size_t recalled_count, recalled_room;
    struct issuer_slot slots[CA_SLOTS];
    struct tg_leaf leaf;   /* of the request at hand; large */
    struct tg_buf in, out; /* the pipe */
    uint64_t fresh;        /* certificates since the last log line */
};

/* issuer_home.c: the folder, the user, what is kept there. The working folder becomes dir, so that
 * an ancestor that is closed to our user does not matter. */
int issuer_home_open(struct issuer *is, struct tg_err *err) TG_MUST_CHECK;
int issuer_home_keep_trust(struct issuer *is, struct tg_err *err) TG_MUST_CHECK;
bool issuer_recall_known(const struct issuer *is, const char *statement);
void issuer_recall_add(struct issuer *is, const char *statement);
void issuer_done(struct issuer *is);

/* issuer_acts.c: one request, one answer in is->out. */
void issuer_answer(struct issuer *is, struct ca_frame *f, int64_t now);
