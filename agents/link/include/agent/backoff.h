/* backoff: how long an agent waits before it calls again: full jitter, so that a fleet that lost
 * its server comes back as a trickle. Thread: any. */
#pragma once

#include <stdint.h>

enum { AGENT_BACKOFF_FIRST_MS = 1000, AGENT_BACKOFF_MAX_MS = 600 * 1000 };

/* The longest wait after so many failures in a row: 1 s doubling to 10 min. */
uint32_t agent_backoff_limit_ms(unsigned failures);
/* A random moment within the larger of that and what the server asked for; at least 50 ms. */
uint32_t agent_backoff_ms(unsigned failures, uint32_t asked_ms);
