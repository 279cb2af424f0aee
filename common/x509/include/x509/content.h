/* content: what two certificates say differently, as the rows of TRUST F1 `changes`, and the
 * content part of TRUST A2. One code for server, issuing process and agent. Serial, SKI, AKI, CRL
 * distribution points and AIA stand aside; everything else is equal byte for byte, or a row, or
 * refused by name. Thread: any; pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "x509/cert.h"

enum { TG_CHANGE_FIELD = 64, TG_CHANGE_VALUE = 257, TG_MAX_CHANGES = 32 };

/* field: subject.<OID>, san, ku, eku, policies, days. "" in old: added; "" in new_: removed. */
struct tg_change {
    char field[TG_CHANGE_FIELD], old[TG_CHANGE_VALUE], new_[TG_CHANGE_VALUE];
};

/* All content differences, sorted. TG_E_MISMATCH names the OID of a difference that no row can say
 * (criticality, an unknown extension, order, encoding, repeated RDN types); TG_E_LIMIT for too many
 * rows or too long values. days: only when new lives longer than old, in days rounded up. */
int tg_cert_diff(const struct tg_cert *old, const struct tg_cert *new_, struct tg_change *ret,
                 size_t max, size_t *ret_n, struct tg_err *err) TG_MUST_CHECK;

/* A2, the content: new_ = old with exactly these changes; CA false; lifetime <= max_days;
 * notBefore <= now + 5 min. Who signed it and its key are asked elsewhere (chain.h, the leaf's
 * key). */
int tg_cert_content_is(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                       const struct tg_cert *new_, int max_days, int64_t now,
                       struct tg_err *err) TG_MUST_CHECK;

/* Sorted bytewise by field, old, new. */
void tg_changes_sort(struct tg_change *changes, size_t n);
/* Known fields, sorted, unique, bounded, no row that changes nothing. TG_E_INPUT names the row. */
int tg_changes_valid(const struct tg_change *changes, size_t n, struct tg_err *err) TG_MUST_CHECK;
/* The rows fit old: what they remove is there, what they add is not, and they can be carried out.
 */
int tg_changes_fit(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                   struct tg_err *err) TG_MUST_CHECK;

/* Rows of a correction: field "email" (first rfc822Name, and emailAddress of the subject where
 * there is one) or "locality". Earlier rows of the same value are replaced; a value as in old
 * leaves no row. changes has room for TG_MAX_CHANGES; *n is in and out; sorted afterwards. */
int tg_change_subject(const struct tg_cert *old, const char *field, const char *value,
                      struct tg_change *changes, size_t *n, struct tg_err *err) TG_MUST_CHECK;
/* The row `days` when days is above old's lifetime; removes it when not. Same contract. */
int tg_change_days(const struct tg_cert *old, int days, struct tg_change *changes, size_t *n,
                   struct tg_err *err) TG_MUST_CHECK;
/* notAfter - notBefore in days, rounded up; 0 when the times are unreadable. */
int tg_cert_days(const struct tg_cert *cert);
