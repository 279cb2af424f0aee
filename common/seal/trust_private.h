/* Writes the trust document without checking it. Private to seal. */
#pragma once

#include "seal/trust.h"

void seal_put_trust(const struct tg_trust *t, struct tg_buf *out);
