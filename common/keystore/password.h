/* password: the byte forms in which one password may have sealed a keystore. Makers disagree on
 * letters outside ASCII: UTF-8 read as BMPString (OpenSSL, NSS, Java), UTF-8 bytes widened one by
 * one (OpenSSL 1.0), CP1251 or CP866 bytes likewise; and "no password" differs from the empty one
 * (PKI §1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

enum password_form {
    PASSWORD_UTF8,
    PASSWORD_UTF8_WIDENED,
    PASSWORD_CP1251,
    PASSWORD_CP866,
    PASSWORD_FORMS,
    PASSWORD_EMPTY = PASSWORD_FORMS, /* the BMPString of "" */
    PASSWORD_NONE,                   /* no bytes at all */
};

struct password {
    struct tg_secret bmp; /* for PKCS#12 key derivation, with the two final zero bytes */
    struct tg_secret raw; /* for PBKDF2 */
    enum password_form form;
};

/* False when the form does not exist for this password: a letter that the code page lacks, or the
 * same bytes as an earlier form. text may be NULL for EMPTY and NONE. */
bool tg_password_make(struct password *p, const struct tg_secret *text, enum password_form form);
void tg_password_done(struct password *p);
