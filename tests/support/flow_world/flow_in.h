/* flow_in: what the files of this room share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_world/flow_world.h"

void flow_begin(struct flow *f);                          /* of an act */
void flow_tell(struct flow *f, const struct tg_err *err); /* its answer */
