/* What follows an install: the agent's own commands, and retiring the backup. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/install.h"
#include "agent/platform.h"
#include "base/bytes.h"

enum { COMMANDS = 16, PATH = 4096 };

static int run_one(const json_t *words, unsigned wait_ms, json_t *results, struct tg_err *err)
{
    const char *argv[AGENT_COMMAND_WORDS + 1] = {NULL};
    int status = -1;
    if (!json_is_array(words) || json_array_size(words) == 0 ||
        json_array_size(words) > AGENT_COMMAND_WORDS)
        return TG_FAIL(err, TG_E_INPUT, "after-install: a command has 1 to %d words",
                       AGENT_COMMAND_WORDS);
    for (size_t i = 0; i < json_array_size(words); i++)
        TG_TRY(tg_json_item_str(words, "command", i, PATH, &argv[i], err));
    /* A command that fails does not undo the install: its exit status is reported. */
    struct tg_err failed = {0};
    int rc = agent_run(argv, wait_ms, NULL, &status, &failed);
    json_array_append_new(results,
                          json_pack("{s:s,s:i}", "command", argv[0], "exit", rc < 0 ? -1 : status));
    return 0;
}

int agent_after(const json_t *request, json_t *answer, struct tg_err *err)
{
    const json_t *commands = NULL;
    int64_t wait_s = 0;
    TG_TRY(tg_json_array(request, "commands", COMMANDS, &commands, err));
    TG_TRY(tg_json_int(request, "wait_s", 1, 100, &wait_s, err));
    json_t *results = json_array();
    json_object_set_new(answer, "results", results);
    for (size_t i = 0; i < json_array_size(commands); i++)
        TG_TRY(run_one(json_array_get(commands, i), (unsigned)wait_s * 1000, results, err));
    return 0;
}

int agent_retire(const json_t *request, json_t *answer, struct tg_err *err)
{
    char from[PATH], to[PATH], real[PATH];
    const char *path = NULL, *certificate = NULL;
    TG_TRY(tg_json_str(request, "path", PATH - 1, &path, err));
    TG_TRY(tg_json_hex256(request, "certificate", &certificate, err));
    if (!realpath(path, real)) /* the backup stands beside the file, not beside a link to it */
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", path, strerror(errno));
    if (snprintf(from, sizeof from, "%s.tamga-old", real) >= PATH ||
        snprintf(to, sizeof to, "%s.tamga-archive-%.16s", real, certificate) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%s: the path is too long", path);
    if (access(from, F_OK) == 0) TG_TRY(agent_rename(from, to, err));
    json_object_set_new(answer, "archive", json_string(to));
    return access(to, F_OK) == 0
               ? 0
               : TG_FAIL(err, TG_E_NOT_FOUND, "%s: no backup of the old keystore is there", from);
}
