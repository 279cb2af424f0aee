/* trust: the folder of trust documents that trust init, sign and publish share. */
#pragma once

#include "cli/cli.h"

/* The highest N.trust of a folder without gaps; 0 and empty when there is none. */
int trust_newest(struct cli *cli, const char *dir, struct tg_buf *ret,
                 uint32_t *ret_version) TG_MUST_CHECK;
