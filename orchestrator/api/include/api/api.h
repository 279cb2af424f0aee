/* api: the administrators' door: one table of routes under /api/v1, one file routes_<noun>.c each,
 * no rules. Says who asks (socket credentials, client certificate), asks `access`, calls a room,
 * prints its answer or an RFC 9457 problem. Thread: the loop's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "access/access.h"
#include "base/bytes.h"
#include "base/err.h"
#include "loop/loop.h"
#include "net/server.h"

struct db;
struct fleet;
struct planner;
struct approval;
struct issue;
struct audit;
struct api;

/* A remote client that may do more than look at its own door: by the SPKI of its certificate
 * (tamga.yaml). */
struct api_client {
    uint8_t spki[TG_SHA256];
    enum access_role role;
};

/* What the service knows of itself; texts live as long as the api. */
struct api_facts {
    const char *organization_id, *organization_name;
    const char *server_spki;    /* hex of the listeners' key */
    const char *log_vkey;       /* C2SP verifier key of the audit log; "" before the log has one */
    const char *const *issuers; /* hex of the SPKIs of our connectors' CAs */
    size_t issuers_count;
};

struct api_rooms {
    struct tg_loop *loop;
    struct db *db;
    struct fleet *fleet;
    struct planner *planner;
    struct approval *approval;
    struct issue *issue;
    struct audit *audit;
    bool (*disk_full)(void *data); /* drafting and scanning are stopped */
    void *data;
};

struct api *api_new(const struct api_rooms *rooms, const struct api_facts *facts,
                    const struct api_client *clients, size_t count);
void api_free(struct api *api);
/* For struct tg_server_handlers: paths below /api/. */
void api_on_request(struct api *api, struct tg_request *req);
/* Bytes of a body; few where who asks may not do it anyway. */
size_t api_limit_for(struct api *api, const struct tg_request *req);
