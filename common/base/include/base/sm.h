/* sm: a small state machine that refuses and tells. States, names and legal moves are one static
 * const table; an illegal move aborts, a legal one is traced. For operations in memory; durable
 * states live in PostgreSQL. */
#pragma once

#include <stdint.h>

struct tg_sm_state {
    const char *name;
    uint32_t allowed; /* bit i: a move to state i is legal */
};

struct tg_sm {
    const char *what; /* "ca-call" */
    const struct tg_sm_state *states;
    int count, now;
};

#define TG_SM_TO(state) (UINT32_C(1) << (state))

void tg_sm_init(struct tg_sm *sm, const char *what, const struct tg_sm_state *states, int count);
void tg_sm_move(struct tg_sm *sm, int to);
const char *tg_sm_name(const struct tg_sm *sm);
