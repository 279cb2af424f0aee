/* trust: TRUST F5, one version of the document that says who may approve, who may issue, which
 * server agents talk to. Built here: `pin` approvers who are ceo, one approver per statement. A
 * document that needs more (approvers by role, deputies, time stamps, witnesses, a higher
 * approval-threshold) is refused by name with TG_E_UNSUPPORTED, never half understood. Parse
 * re-emits and compares bytes. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/times.h"
#include "seal/blob.h"
#include "seal/statement.h"

enum {
    TG_TRUST_ROOTS = 8,
    TG_TRUST_APPROVERS = 16,
    TG_TRUST_KEYS = 16, /* issuers, servers, logs: each */
    TG_TRUST_REVOKED = 64,
    TG_TRUST_VKEY = 200,  /* a C2SP verifier key: name+hash+base64 */
    TG_TRUST_MONTHS = 18, /* expires is at most created + 18 calendar months */
};

struct tg_trust_approver {
    enum tg_approver_role role; /* always ceo, for now */
    char spki[TG_SEAL_HEX];
    int64_t until;
};

struct tg_trust {
    uint32_t version;
    char previous[TG_SEAL_HEX]; /* SHA-256 of the earlier text; TG_HEX_ZEROS for version 1 */
    int64_t created, expires;
    char organization[65]; /* BIN or ASCII id [A-Za-z0-9._-] */
    unsigned root_threshold, approval_threshold;
    size_t roots_count;
    char roots[TG_TRUST_ROOTS][TG_SEAL_HEX]; /* all lists sorted, unique */
    size_t approvers_count;
    struct tg_trust_approver approvers[TG_TRUST_APPROVERS];
    size_t issuers_count;
    char issuers[TG_TRUST_KEYS][TG_SEAL_HEX];
    size_t servers_count;
    char servers[TG_TRUST_KEYS][TG_SEAL_HEX];
    size_t logs_count;
    char logs[TG_TRUST_KEYS][TG_TRUST_VKEY];
    size_t revoked_count;
    char revoked[TG_TRUST_REVOKED][TG_SEAL_HEX]; /* an SPKI or a statement */
};

int tg_trust_parse(const void *text, size_t len, struct tg_trust *ret,
                   struct tg_err *err) TG_MUST_CHECK;
int tg_trust_print(const struct tg_trust *t, struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
/* For `tamga trust init` and every later version: sets version and previous from the earlier text
 * (len 0: this is version 1), sorts the lists, prints and parses back. Signing is the caller's
 * (tg_cms_sign per root). */
int tg_trust_make(struct tg_trust *draft, struct tg_blob earlier, struct tg_buf *out,
                  struct tg_err *err) TG_MUST_CHECK;
/* created + 18 calendar months (the last day of the month where the day does not exist). */
int64_t tg_trust_latest_expiry(int64_t created);

/* What the key holders must act on in time (TRUST §4): the document ends within 90 days, or an
 * approver's pin within 60. One sentence, the most urgent; false: nothing. */
bool tg_trust_alarm(const struct tg_trust *t, int64_t now, char *ret, size_t size);

/* Questions. spki and statement are lower-case hex. */
bool tg_trust_has_root(const struct tg_trust *t, const char *spki);
bool tg_trust_has_issuer(const struct tg_trust *t, const char *spki);
bool tg_trust_has_server(const struct tg_trust *t, const char *spki);
bool tg_trust_is_revoked(const struct tg_trust *t, const char *hex);
const struct tg_trust_approver *tg_trust_approver(const struct tg_trust *t,
                                                  const char *spki); /* or NULL */
