/* holder: TRUST F2, what the old key signs on the workstation: the exact bytes of the `app` object,
 * bound to the realm. Pure; thread: any. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "seal/blob.h"
#include "seal/leaf.h"
#include "x509/cert.h"

/* "tamga holder statement v1\nrealm: HEX\n" + app + "\n" */
int tg_holder_text(const char *realm, struct tg_blob app, struct tg_buf *out,
                   struct tg_err *err) TG_MUST_CHECK;

/* F2: the CMS verifies over that text under `old`'s key (V3 as excepted for holders), the app
 * parses, and its `old` is this certificate. Errors "F2: ...". ret (may be NULL) gets the app
 * fields. */
int tg_holder_check(const char *realm, struct tg_blob app, struct tg_blob cms,
                    const struct tg_cert *old, struct tg_leaf *ret,
                    struct tg_err *err) TG_MUST_CHECK;
