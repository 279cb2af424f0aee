/* name: distinguished names as RFC 4514 text and as attributes. Text is UTF-8; short names are the
 * common ones, a type without one is a dotted OID with #hex of its value. Thread: any; pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* RFC 4514 of a Name's DER, appended to ret: last RDN first, '+' inside multi-valued ones. */
int tg_name_text(const uint8_t *der, size_t len, struct tg_buf *ret,
                 struct tg_err *err) TG_MUST_CHECK;
/* First value of this attribute type (dotted OID) as UTF-8, appended to ret; false if there is
 * none. */
bool tg_name_attribute(const uint8_t *der, size_t len, const char *oid, struct tg_buf *ret);
/* Dotted OID of a short name (CN, O, emailAddress), or NULL. */
const char *tg_name_oid(const char *short_name);
