/* pending: the root part's binding records, DIR/pending/NUMBER.json: what was asked, what was made,
 * what may be installed. Only root writes there, so a hostile user cannot make the agent install
 * something else (TRUST A1). Each write is atomic and fsynced. Thread: the loop's; files are small.
 */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* asked: a secret for the new key exists. made: the key exists and the request is signed.
 * installed: the new pair is in the keystore and was used once; consumed for ever. */
enum agent_pending_state { AGENT_ASKED, AGENT_MADE, AGENT_INSTALLED };

struct agent_pending {
    enum agent_pending_state state;
    char number[TG_NUMBER];
    int64_t job;                 /* of prepare, then of install: the report's id */
    char *path;                  /* the keystore */
    char secret[65];             /* seals the new key beside the keystore until install */
    char consent[20];            /* key | key-unattended */
    char app_sha[TG_HEX256];     /* made: SHA-256 of the app bytes */
    char key[TG_HEX256];         /* made: SPKI of the new key */
    char old[TG_HEX256];         /* made: the certificate that is renewed */
    struct tg_buf app, csr, cms; /* made: the answer, for a repeat of the job */
    char certificate[TG_HEX256]; /* installed */
};

struct agent_pending *agent_pending_new(const char *number, int64_t job,
                                        const char *path); /* asked, fresh secret */
void agent_pending_free(struct agent_pending *p);          /* wipes; NULL ok */
TG_DEFINE_AUTO(agent_pending, struct agent_pending, agent_pending_free);

int agent_pending_save(const char *dir, const struct agent_pending *p,
                       struct tg_err *err) TG_MUST_CHECK;
int agent_pending_load(const char *dir, const char *number, struct agent_pending **ret,
                       struct tg_err *err) TG_MUST_CHECK; /* TG_E_NOT_FOUND */
int agent_pending_remove(const char *dir, const char *number, struct tg_err *err) TG_MUST_CHECK;
/* Every readable record; an unreadable one is passed over with its error. */
typedef void (*agent_pending_fn)(const struct agent_pending *p, const struct tg_err *bad,
                                 void *data);
int agent_pending_each(const char *dir, agent_pending_fn fn, void *data,
                       struct tg_err *err) TG_MUST_CHECK;

/* Where the new key waits: `.NAME.tamga-NUMBER.key` beside the keystore. */
int agent_pending_key_path(const char *keystore, const char *number, char *ret, size_t size,
                           struct tg_err *err) TG_MUST_CHECK;
