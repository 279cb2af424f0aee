/* content_private: how changes are found and carried out. Private to x509; content.h is the
 * contract. */
#pragma once

#include "base/buf.h"
#include "parts.h"
#include "x509/content.h"

struct tg_rows {
    struct tg_change *rows;
    size_t max, n;
};

int tg_rows_add(struct tg_rows *rows, const char *field, const char *old, const char *new_,
                struct tg_err *err) TG_MUST_CHECK;

/* The subject: RDNs in order. A type may change only when it stands alone in its RDN and once in
 * the name. */
int tg_subject_diff(const struct tg_cert *old, const struct tg_cert *new_, struct tg_rows *rows,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_subject_apply(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                     struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
/* Text of the type in old's subject; false when absent, not alone, or not plain text. */
bool tg_subject_text(const struct tg_cert *old, const char *oid, char ret[TG_CHANGE_VALUE]);

/* The four extensions whose values may change, as lists of texts. */
struct tg_list_kind {
    const char *field, *oid;
};
enum { TG_LIST_KINDS = 4 };
extern const struct tg_list_kind tg_list_kinds[TG_LIST_KINDS];
const struct tg_list_kind *tg_list_kind_of(const char *field);
int tg_list_diff(const struct tg_list_kind *kind, const struct tg_ext *old,
                 const struct tg_ext *new_, struct tg_rows *rows, struct tg_err *err) TG_MUST_CHECK;
/* Content of the extension's OCTET STRING with the changes of this kind; nothing appended when the
 * list is empty afterwards. old NULL = the extension is not there yet. */
int tg_list_apply(const struct tg_list_kind *kind, const struct tg_ext *old,
                  const struct tg_change *changes, size_t n, struct tg_buf *ret,
                  struct tg_err *err) TG_MUST_CHECK;
/* First value of the list that starts with prefix; false if none. */
bool tg_list_find(const struct tg_list_kind *kind, const struct tg_cert *cert, const char *prefix,
                  char ret[TG_CHANGE_VALUE]);
bool tg_list_value_valid(const struct tg_list_kind *kind, const char *value);

/* Extensions that stand aside: SKI, AKI, CRL distribution points, AIA. */
bool tg_ext_aside(const struct tg_ext *ext);
/* All extensions of old but those aside, with changes; SEQUENCE OF content. */
int tg_extensions_apply(const struct tg_cert *old, const struct tg_change *changes, size_t n,
                        struct tg_buf *ret, struct tg_err *err) TG_MUST_CHECK;
void tg_ext_put(struct tg_buf *b, const char *oid, bool critical, const void *value, size_t len);

/* GeneralName <-> text of TRUST F1. False when it does not fit into a row. */
bool tg_san_text(const struct tg_der_item *name, char ret[TG_CHANGE_VALUE]);
bool tg_san_put(const char *text, struct tg_buf *ret);
