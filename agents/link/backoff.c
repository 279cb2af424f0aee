#include "agent/backoff.h"

#include "base/bytes.h"

enum { LEAST_MS = 50 };

uint32_t agent_backoff_limit_ms(unsigned failures)
{
    uint32_t limit = AGENT_BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < failures && limit < AGENT_BACKOFF_MAX_MS; i++)
        limit *= 2;
    return limit < AGENT_BACKOFF_MAX_MS ? limit : AGENT_BACKOFF_MAX_MS;
}

uint32_t agent_backoff_ms(unsigned failures, uint32_t asked_ms)
{
    uint32_t within = failures ? agent_backoff_limit_ms(failures) : 0;
    if (asked_ms > within) within = asked_ms;
    return LEAST_MS + tg_random_below(within + 1);
}
