/* settings: tamga.yaml and the command line of tamgad as one plain struct. Relative paths count
 * from the file; with
 * --state alone everything has a default below DIR. Blocks (reads files): before the loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "base/err.h"
#include "base/log.h"

enum { SETTINGS_CONNECTORS = 8, SETTINGS_CLIENTS = 64, SETTINGS_PATH = 4096 };

struct settings_connector {
    const char *name, *kind; /* embedded | exchange */
    const char *issuer;      /* exchange: the CA's certificate file, absolute */
};

struct settings {
    struct tg_yaml *yaml; /* owns the texts */
    const char *organization_id, *organization_name, *zone;
    char state[SETTINGS_PATH]; /* absolute */
    const char *database;      /* conninfo; NULL: the private cluster below state */
    char api_host[64], agent_host[64];
    uint16_t api_port, agent_port;
    const char *policies; /* file or folder, absolute; NULL: state/policies */
    struct settings_connector connectors[SETTINGS_CONNECTORS];
    size_t connectors_count;
    struct api_client clients[SETTINGS_CLIENTS];
    size_t clients_count;
    int log_level, log_format;
    int ready_fd; /* -1: none */
};

struct settings_args { /* as on the command line; NULL: not given */
    const char *config, *state, *listen, *agent_listen;
    int ready_fd;
};

int settings_load(const struct settings_args *args, struct settings *ret,
                  struct tg_err *err) TG_MUST_CHECK;
void settings_done(struct settings *s);
