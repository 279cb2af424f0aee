/* pem_file: a PEM file as a list of blocks that remember where they stand, so that all between and
 * around them can be kept. Certificates are parsed, keys are opened when asked for. Borrows the
 * bytes. */
#pragma once

#include "kinds.h"

struct tg_pem_part {
    size_t offset, len; /* BEGIN line to END line, the line end not included */
    char label[64];
    bool encrypted;
    struct tg_cert *cert; /* a readable certificate */
    bool is_key;
};

struct tg_pem_file {
    const uint8_t *bytes;
    size_t len;
    struct tg_pem_part *parts;
    size_t count;
    struct tg_err bad; /* the first certificate that could not be read */
};

bool tg_pem_probe(const uint8_t *bytes, size_t len);
/* TG_E_INPUT, TG_E_LIMIT: parts before the bad block are there. tg_pem_file_done() in every case.
 */
int tg_pem_file_read(struct tg_pem_file *f, const uint8_t *bytes, size_t len,
                     struct tg_err *err) TG_MUST_CHECK;
void tg_pem_file_done(struct tg_pem_file *f);

/* Opens one key block with one of the passwords, in any form. TG_E_LOCKED: none fits, or none
 * given. ret_form and ret_index (-1: not encrypted) may be NULL. */
struct tg_pem_opened {
    struct tg_key *key;
    int password_index;
    enum password_form form;
    uint64_t iterations; /* of an encrypted PKCS#8; 0 otherwise */
    bool pbes2;
};
int tg_pem_open_key(const struct tg_pem_file *f, const struct tg_pem_part *part,
                    const struct tg_secret *passwords, size_t n, struct tg_pbe_budget *budget,
                    struct tg_pem_opened *ret, struct tg_err *err) TG_MUST_CHECK;
