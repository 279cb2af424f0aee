/* config: DIR/agent.yaml, the workstation's own word on what is scanned, where passwords come from
 * and what runs after an install. The server can change none of it (TRUST §6). Absent file:
 * defaults. Thread: the loop's.
 * Files and commands of passwords are read and run as the keystore's owner. */
#pragma once

//   server: https://tamga.example.kz:7444      # instead of the enrolled one
//   scan: [/home/*, /etc/tls/*.pem]            # files, folders, globs; default: all of /home
//   (root)
//                                              # or the own home folder
//   passwords:
//     - { match: /home/*, prompt: yes }        # a person gives it: tamga-agent confirm
//     - { match: /srv/*.p12, file: /etc/tamga/p12.password }
//     - { match: /srv/*.pfx, command: [/usr/bin/pass, show, p12] }
//   after-install:
//     - { match: /etc/tls/*, run: [/usr/bin/systemctl, reload, nginx], as: root, wait-seconds: 60 }
//   limits: { jobs: 4, scan-hours: 24 }

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "json/json.h"

struct agent_command {
    const char *match;
    const char **words; /* absolute path first */
    size_t words_count;
    bool as_root; /* else as the keystore's owner */
    unsigned wait_s;
};

struct agent_config {
    const char *server; /* NULL: the enrolled one */
    const char **scan;
    size_t scan_count;
    json_t
        *passwords; /* rules of agent/scan.h; `prompt` ones are left out: a person answers them */
    struct agent_command *after;
    size_t after_count;
    unsigned jobs, scan_hours;
    struct tg_yaml *yaml; /* owns the texts */
};

/* All complaints at once, one a line, in complaints (may be NULL). TG_E_INPUT. */
int agent_config_load(const char *dir, struct agent_config **ret, struct tg_buf *complaints,
                      struct tg_err *err) TG_MUST_CHECK;
void agent_config_free(struct agent_config *c); /* NULL ok */
TG_DEFINE_AUTO(agent_config, struct agent_config, agent_config_free);

/* What the roots stand for now; globs that match nothing stand for nothing. Yours. */
struct agent_roots {
    char **items;
    size_t count;
};
void agent_config_roots(const struct agent_config *c, struct agent_roots *ret);
void agent_roots_done(struct agent_roots *r);
/* path is a root or lies below one, and does not climb (`..`): the server may name it. */
bool agent_config_covers(const struct agent_config *c, const char *path);
