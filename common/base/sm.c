#include "base/sm.h"

#include "base/err.h"
#include "base/log.h"

enum { STATES_MAX = 32 }; /* bits of tg_sm_state.allowed */

void tg_sm_init(struct tg_sm *sm, const char *what, const struct tg_sm_state *states, int count)
{
    TG_CHECK(count > 0 && count <= STATES_MAX);
    *sm = (struct tg_sm){.what = what, .states = states, .count = count};
}

void tg_sm_move(struct tg_sm *sm, int to)
{
    TG_CHECK(to >= 0 && to < sm->count);
    if (!(sm->states[sm->now].allowed & TG_SM_TO(to))) {
        tg_log(TG_LOG_ERROR, "sm", "illegal-move", "what=%s from=%s to=%s", sm->what,
               tg_sm_name(sm), sm->states[to].name);
        tg_check_failed("an illegal move of a state machine", __FILE__, __LINE__);
    }
    tg_log(TG_LOG_DEBUG, "sm", "move", "what=%s from=%s to=%s", sm->what, tg_sm_name(sm),
           sm->states[to].name);
    sm->now = to;
}

const char *tg_sm_name(const struct tg_sm *sm)
{
    return sm->states[sm->now].name;
}
