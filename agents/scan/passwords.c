/* Passwords of the agent's own configuration: a file's first line, or what a command prints. */
#include <string.h>

#include "agent/platform.h"
#include "agent/scan.h"
#include "base/bytes.h"
#include "base/str.h"

enum { COMMAND_MS = 10 * 1000, LINE = 1024 };

void agent_passwords_done(struct agent_passwords *p)
{
    for (size_t i = 0; i < p->count; i++)
        tg_secret_done(&p->items[i]);
    p->count = 0;
}

void agent_passwords_add(struct agent_passwords *p, const struct tg_secret *one)
{
    if (p->count < TG_MAX_PASSWORDS) tg_secret_set(&p->items[p->count++], one->data, one->len);
}

int agent_passwords_read(const char *path, struct agent_passwords *p, struct tg_err *err)
{
    struct tg_buf text = TG_BUF(TG_SECRET_MAX);
    int rc = tg_file_read(path, &text, err);
    const char *line = tg_buf_text(&text);
    while (rc == 0 && *line && p->count < TG_MAX_PASSWORDS) {
        size_t len = strcspn(line, "\r\n");
        if (len > 0) tg_secret_set(&p->items[p->count++], line, len);
        line += len + strspn(line + len, "\r\n");
    }
    if (rc == 0 && *line)
        rc = TG_FAIL(err, TG_E_LIMIT, "%s: more than %d passwords", path, TG_MAX_PASSWORDS);
    if (text.data) tg_wipe(text.data, text.len);
    tg_buf_done(&text);
    return rc;
}

static int from_command(const json_t *words, struct tg_secret *ret, struct tg_err *err)
{
    const char *argv[AGENT_COMMAND_WORDS + 1] = {NULL};
    struct tg_buf out = TG_BUF(LINE);
    int status = 0;
    if (json_array_size(words) == 0 || json_array_size(words) > AGENT_COMMAND_WORDS)
        return TG_FAIL(err, TG_E_INPUT, "command: 1 to %d words are expected", AGENT_COMMAND_WORDS);
    for (size_t i = 0; i < json_array_size(words); i++)
        TG_TRY(tg_json_item_str(words, "command", i, 4096, &argv[i], err));
    int rc = agent_run(argv, COMMAND_MS, &out, &status, err);
    if (rc == 0 && status != 0) rc = TG_FAIL(err, TG_E_PASSWORD, "%s: exit %d", argv[0], status);
    if (rc == 0) tg_secret_set(ret, tg_buf_text(&out), strcspn(tg_buf_text(&out), "\r\n"));
    if (out.data) tg_wipe(out.data, out.len);
    tg_buf_done(&out);
    return rc;
}

void agent_passwords_for(const json_t *rules, const char *path, struct agent_passwords *p)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *match = json_string_value(json_object_get(rule, "match"));
        const char *file = json_string_value(json_object_get(rule, "file"));
        TG_AUTO(secret) struct tg_secret one = {0};
        struct tg_err ignored = {0};
        if (!match || !tg_glob(match, path)) continue;
        int rc = file ? tg_secret_read_file(file, &one, &ignored)
                      : from_command(json_object_get(rule, "command"), &one, &ignored);
        if (rc == 0) agent_passwords_add(p, &one);
    }
}
