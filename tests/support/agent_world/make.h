/* make: the old pair and the keystore around it. */
#pragma once

#include "agent_world/agent_world.h"

void make_world_keystore(struct agent_world *w);
