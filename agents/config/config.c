/* agent.yaml against a table of keys. */
#include "agent/config.h"

#include <glob.h>
#include <string.h>

#include "agent/platform.h"
#include "agent/state.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/yaml.h"

enum { PATH = 4096, ROOTS = 4096 };

struct raw_password {
    const char *match, *file;
    struct tg_yaml_texts command;
    bool prompt;
};
struct raw_after {
    const char *match;
    struct tg_yaml_texts run;
    int as;
    int64_t wait;
};
struct raw_limits {
    int64_t jobs, scan_hours;
};
struct raw {
    const char *server;
    struct tg_yaml_texts scan;
    struct tg_yaml_list passwords, after;
    struct raw_limits limits;
};

enum { AS_OWNER, AS_ROOT };

static const char *wrong_path(const char *text)
{
    return text[0] == '/' ? NULL : "is not an absolute path";
}

static const char *wrong_server(const char *text)
{
    return tg_starts(text, "https://") ? NULL : "is not https://HOST:PORT";
}

#define AT(type, member) offsetof(struct type, member)

static const struct tg_yaml_key password_keys[] = {
    {"match", TG_YAML_TEXT, AT(raw_password, match), .required = true, .wrong = wrong_path},
    {"file", TG_YAML_TEXT, AT(raw_password, file), .wrong = wrong_path},
    {"command", TG_YAML_TEXTS, AT(raw_password, command), .items = AGENT_COMMAND_WORDS},
    {"prompt", TG_YAML_BOOL, AT(raw_password, prompt), .otherwise = "no"},
    TG_YAML_END,
};
static const struct tg_yaml_map password_map = {sizeof(struct raw_password), password_keys};

static const struct tg_yaml_word as_words[] = {{"owner", AS_OWNER}, {"root", AS_ROOT}, {NULL, 0}};
static const struct tg_yaml_key after_keys[] = {
    {"match", TG_YAML_TEXT, AT(raw_after, match), .wrong = wrong_path, .otherwise = "/*"},
    {"run", TG_YAML_TEXTS, AT(raw_after, run), .required = true, .items = AGENT_COMMAND_WORDS},
    {"as", TG_YAML_ENUM, AT(raw_after, as), .words = as_words, .otherwise = "owner"},
    {"wait-seconds", TG_YAML_INT, AT(raw_after, wait), .min = 1, .max = 100, .otherwise = "60"},
    TG_YAML_END,
};
static const struct tg_yaml_map after_map = {sizeof(struct raw_after), after_keys};

static const struct tg_yaml_key limit_keys[] = {
    {"jobs", TG_YAML_INT, AT(raw_limits, jobs), .min = 1, .max = 16, .otherwise = "4"},
    {"scan-hours", TG_YAML_INT, AT(raw_limits, scan_hours), .min = 1, .max = 168,
     .otherwise = "24"},
    TG_YAML_END,
};
static const struct tg_yaml_map limit_map = {sizeof(struct raw_limits), limit_keys};

static const struct tg_yaml_key keys[] = {
    {"server", TG_YAML_TEXT, AT(raw, server), .wrong = wrong_server},
    {"scan", TG_YAML_TEXTS, AT(raw, scan), .min = 1, .max = PATH - 1, .wrong = wrong_path},
    {"passwords", TG_YAML_MAPS, AT(raw, passwords), .map = &password_map, .items = 64},
    {"after-install", TG_YAML_MAPS, AT(raw, after), .map = &after_map, .items = 16},
    {"limits", TG_YAML_MAP, AT(raw, limits), .map = &limit_map},
    TG_YAML_END,
};
static const struct tg_yaml_map map = {sizeof(struct raw), keys};

static json_t *words_json(const struct tg_yaml_texts *words)
{
    json_t *list = json_array();
    for (size_t i = 0; i < words->count; i++)
        json_array_append_new(list, json_string(words->items[i]));
    return list;
}

static void take_passwords(struct agent_config *c, const struct raw *raw)
{
    const struct raw_password *rules = raw->passwords.items;
    c->passwords = json_array();
    for (size_t i = 0; i < raw->passwords.count; i++) {
        const struct raw_password *p = &rules[i];
        bool file = p->file && p->file[0]; /* absent: "" */
        int ways = file + (p->command.count > 0) + p->prompt;
        if (ways != 1)
            tg_yaml_complain(c->yaml, p, "one of file, command, prompt is expected");
        else if (p->command.count > 0 && p->command.items[0][0] != '/')
            tg_yaml_complain(c->yaml, &p->command, "the command is not an absolute path");
        else if (file)
            json_array_append_new(c->passwords,
                                  json_pack("{s:s,s:s}", "match", p->match, "file", p->file));
        else if (!p->prompt)
            json_array_append_new(c->passwords, json_pack("{s:s,s:o}", "match", p->match, "command",
                                                          words_json(&p->command)));
    }
}

static void take_after(struct agent_config *c, const struct raw *raw)
{
    const struct raw_after *rules = raw->after.items;
    if (raw->after.count == 0) return;
    c->after = tg_yaml_alloc(c->yaml, raw->after.count * sizeof *c->after);
    for (size_t i = 0; i < raw->after.count; i++) {
        const struct raw_after *a = &rules[i];
        if (a->run.count == 0 || a->run.items[0][0] != '/') {
            tg_yaml_complain(c->yaml, &a->run, "the command is not an absolute path");
            continue;
        }
        c->after[c->after_count++] = (struct agent_command){.match = a->match,
                                                            .words = a->run.items,
                                                            .words_count = a->run.count,
                                                            .as_root = a->as == AS_ROOT,
                                                            .wait_s = (unsigned)a->wait};
    }
}

static void take_scan(struct agent_config *c, const struct raw *raw)
{
    char home[PATH];
    c->scan = raw->scan.items;
    c->scan_count = raw->scan.count;
    if (tg_yaml_given(c->yaml, &raw->scan)) return;
    agent_home(home, sizeof home);
    c->scan = tg_yaml_alloc(c->yaml, sizeof *c->scan);
    c->scan[0] = tg_yaml_text(c->yaml, geteuid() == 0 ? "/home/*" : home);
    c->scan_count = 1;
}

static int read_yaml(struct agent_config *c, const char *path, struct raw *raw, struct tg_err *err)
{
    struct tg_buf text = TG_BUF(TG_MAX_YAML);
    int rc = tg_file_read(path, &text, err);
    if (rc == TG_E_NOT_FOUND) { /* an empty map draws no complaint and brings the defaults */
        tg_buf_puts(&text, "{}\n");
        rc = 0;
    }
    if (rc == 0) rc = tg_yaml_read(c->yaml, path, text.data, text.len, &map, raw, err);
    tg_buf_done(&text);
    return rc;
}

int agent_config_load(const char *dir, struct agent_config **ret, struct tg_buf *complaints,
                      struct tg_err *err)
{
    char path[PATH];
    TG_AUTO(agent_config) struct agent_config *c = TG_NEW(struct agent_config);
    c->yaml = tg_yaml_new();
    struct raw *raw = tg_yaml_alloc(c->yaml, sizeof *raw);
    if (snprintf(path, sizeof path, "%s/agent.yaml", dir) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", dir);
    int rc = read_yaml(c, path, raw, err);
    if (rc < 0 && tg_yaml_errors(c->yaml) == 0) return rc; /* it could not be read */
    take_passwords(c, raw);
    take_after(c, raw);
    take_scan(c, raw);
    c->server = raw->server && raw->server[0] ? raw->server : NULL;
    c->jobs = (unsigned)raw->limits.jobs;
    c->scan_hours = (unsigned)raw->limits.scan_hours;
    if (complaints) tg_yaml_print(c->yaml, complaints);
    TG_TRY(tg_yaml_result(c->yaml, err));
    *ret = TG_TAKE(c);
    return 0;
}

void agent_config_free(struct agent_config *c)
{
    if (!c) return;
    json_decref(c->passwords);
    tg_yaml_free(c->yaml);
    free(c);
}

void agent_config_roots(const struct agent_config *c, struct agent_roots *ret)
{
    *ret = (struct agent_roots){.items = tg_calloc(ROOTS, sizeof(char *))};
    for (size_t i = 0; i < c->scan_count; i++) {
        glob_t found = {0};
        if (glob(c->scan[i], 0, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc && ret->count < ROOTS; k++)
                ret->items[ret->count++] = tg_strdup(found.gl_pathv[k]);
        globfree(&found);
    }
}

void agent_roots_done(struct agent_roots *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->items[i]);
    free(r->items);
    *r = (struct agent_roots){0};
}

static bool climbs(const char *path)
{
    return strstr(path, "/../") || tg_ends(path, "/..") || path[0] != '/';
}

bool agent_config_covers(const struct agent_config *c, const char *path)
{
    struct agent_roots roots;
    bool covered = false;
    if (climbs(path)) return false;
    agent_config_roots(c, &roots);
    for (size_t i = 0; i < roots.count && !covered; i++) {
        size_t len = strlen(roots.items[i]);
        while (len > 1 && roots.items[i][len - 1] == '/')
            len--;
        covered = strncmp(path, roots.items[i], len) == 0 &&
                  (path[len] == '/' || path[len] == '\0' || len == 1);
    }
    agent_roots_done(&roots);
    return covered;
}
