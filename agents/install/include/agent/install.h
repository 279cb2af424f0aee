/* install: checks a bundle (agent/verify.h), replaces exactly the renewed entry atomically, proves
 * the new pair by use, and answers. A crash at any moment leaves the old or the new pair whole; a
 * repeat finds out which and goes on. Runs in a job child as the keystore's owner. Blocks. */
#pragma once

#include "base/err.h"
#include "base/secret.h"
#include "json/json.h"

/* request: application, path, bundle (base64), pending, trust, recalled, secret, passwords (rules),
 * keep_iterations (tests). answer gets certificate (hex), verified, again (it was installed
 * before). */
int agent_install(const json_t *request, const struct tg_secret *password, json_t *answer,
                  struct tg_err *err) TG_MUST_CHECK;
/* request: path, certificate (hex, the old one). Archives the backup that the install left; never
 * deletes. */
int agent_retire(const json_t *request, json_t *answer, struct tg_err *err) TG_MUST_CHECK;
/* request: commands [[word...]], wait_s. answer gets results [{command, exit}]. */
int agent_after(const json_t *request, json_t *answer, struct tg_err *err) TG_MUST_CHECK;
