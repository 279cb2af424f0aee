/* The pieces of the leaf: reading, the rules of each field, writing. Private to seal. */
#pragma once

#include "seal/leaf.h"

/* Writes into a fixed room; what does not fit sets `over`. No allocation: 100,000 leaves a batch.
 */
struct seal_out {
    char *p;
    size_t n, max;
    bool over;
};

void seal_out_add(struct seal_out *o, const void *bytes, size_t n);
void seal_out_text(struct seal_out *o, const char *text);
/* A JSON string with the only two escapes that F1 knows. */
void seal_out_string(struct seal_out *o, const char *text);
void seal_out_app(struct seal_out *o, const struct tg_leaf *leaf);
void seal_out_review(struct seal_out *o, const struct tg_leaf *leaf);

/* Reads exactly what the writer writes. */
struct seal_in {
    const char *p, *end;
    const char *what; /* "leaf", "app", "decision": begins every error */
};

bool seal_in_has(struct seal_in *in, const char *literal);
/* A string of F1 into ret, decoded. At most size - 1 bytes. */
int seal_in_string(struct seal_in *in, const char *field, char *ret, size_t size,
                   struct tg_err *err) TG_MUST_CHECK;
int seal_in_app(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err) TG_MUST_CHECK;
int seal_in_review(struct seal_in *in, struct tg_leaf *leaf, struct tg_err *err) TG_MUST_CHECK;

/* UTF-8 without control, bidi, zero-width or noncharacters; short cut for ASCII. */
bool seal_clean(const char *text);
int seal_app_valid(struct tg_leaf *leaf, enum tg_app_form form, struct tg_err *err) TG_MUST_CHECK;
int seal_review_valid(const struct tg_leaf *leaf, struct tg_err *err) TG_MUST_CHECK;
