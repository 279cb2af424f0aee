/* Reads and writes the JSON of bundle and evidence pack: one fixed order, padded base64, no blanks.
 * Private to seal. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "merkle/merkle.h"
#include "seal/blob.h"

void seal_put_base64(struct tg_buf *out, struct tg_blob bytes); /* with its quotes */
void seal_put_base64_list(struct tg_buf *out, const struct tg_blob *items, size_t n);
void seal_put_hashes(struct tg_buf *out, const struct tg_merkle_hash *hashes, size_t n);

/* Decoded bytes go into `room`, which is at least as large as the text: never a second allocation.
 */
struct seal_json {
    const char *what; /* "bundle" */
    const char *p, *end;
    uint8_t *room;
    size_t room_left;
};

bool seal_json_has(struct seal_json *j, const char *literal);
int seal_json_need(struct seal_json *j, const char *literal, struct tg_err *err) TG_MUST_CHECK;
int seal_json_base64(struct seal_json *j, size_t max, struct tg_blob *ret,
                     struct tg_err *err) TG_MUST_CHECK;
int seal_json_list(struct seal_json *j, size_t max_each, struct tg_blob *ret, size_t max_count,
                   size_t *ret_count, struct tg_err *err) TG_MUST_CHECK;
int seal_json_hashes(struct seal_json *j, struct tg_merkle_hash *ret, size_t max_count,
                     size_t *ret_count, struct tg_err *err) TG_MUST_CHECK;
int seal_json_number(struct seal_json *j, uint32_t max, uint32_t *ret,
                     struct tg_err *err) TG_MUST_CHECK;
