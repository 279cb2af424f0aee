/* install_journal: the intention to change two files together, fsynced before the first of them
 * changes. */
#pragma once

#include "install_place.h"

struct tg_journal_file {
    char name[PLACE_NAME], temp[PLACE_NAME], backup[PLACE_NAME];
    uint8_t fresh[TG_SHA256], old[TG_SHA256];
};

struct tg_journal {
    struct tg_journal_file files[2];
};

/* ".tamga-journal.<tag>" of the pair's first file. */
void tg_journal_name(const struct tg_place *first, char ret[PLACE_NAME]);
int tg_journal_write(const struct tg_place *first, const struct tg_journal *journal,
                     struct tg_err *err) TG_MUST_CHECK;
/* TG_E_NOT_FOUND when there is none. */
int tg_journal_read(const struct tg_place *first, struct tg_journal *ret,
                    struct tg_err *err) TG_MUST_CHECK;
int tg_journal_remove(const struct tg_place *first, struct tg_err *err) TG_MUST_CHECK;
