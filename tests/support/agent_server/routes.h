/* routes: what the scripted server answers. The caller holds the lock. */
#pragma once

#include "agent_server/agent_server.h"

void agent_server_route(struct agent_server *s, struct tg_request *req);
/* Events that the open stream has not seen. */
void agent_server_flush(struct agent_server *s);
