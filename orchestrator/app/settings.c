/* tamga.yaml against a table of keys. */
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/yaml.h"

struct yaml_organization {
    const char *id, *name, *zone;
};
struct yaml_listen {
    const char *api, *agent;
};
struct yaml_log {
    int level, format;
};
struct yaml_connector {
    const char *name, *issuer;
    int kind;
};
struct yaml_client {
    const char *spki;
    int role;
};
struct yaml_settings {
    int64_t version;
    struct yaml_organization organization;
    const char *state, *database, *policies;
    struct yaml_listen listen;
    struct yaml_log log;
    struct tg_yaml_list connectors, clients;
};

static const char *wrong_spki(const char *text)
{
    return tg_is_hex(text, 64) ? NULL : "is not the SHA-256 of an SPKI (64 lower-case hex digits)";
}

static const char *wrong_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-'))
            return "may have a-z, 0-9 and - only";
    return NULL;
}

/* As in the trust document (TRUST F5) and in the audit log's name. */
static const char *wrong_id(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("._-", *p)))
            return "is a BIN or a short name of A-Z, a-z, 0-9, '.', '_' and '-'";
    return NULL;
}

static const struct tg_yaml_word kinds[] = {{"embedded", 0}, {"exchange", 1}, {NULL, 0}};
static const struct tg_yaml_word roles[] = {{"administrator", ACCESS_ADMINISTRATOR},
                                            {"auditor", ACCESS_AUDITOR},
                                            {NULL, 0}};
static const struct tg_yaml_word levels[] = {{"debug", TG_LOG_DEBUG},
                                             {"info", TG_LOG_INFO},
                                             {"warn", TG_LOG_WARN},
                                             {"error", TG_LOG_ERROR},
                                             {NULL, 0}};
static const struct tg_yaml_word formats[] = {{"logfmt", TG_LOG_LOGFMT},
                                              {"json", TG_LOG_JSON},
                                              {NULL, 0}};

#define KEY(type, member, ...)                                                                     \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct type, member), __VA_ARGS__                      \
    }

static const struct tg_yaml_key organization_keys[] = {
    KEY(yaml_organization, id, .kind = TG_YAML_TEXT, .min = 1, .max = 64, .required = true,
        .wrong = wrong_id),
    KEY(yaml_organization, name, .kind = TG_YAML_TEXT, .min = 1, .max = 200, .required = true),
    KEY(yaml_organization, zone, .kind = TG_YAML_TEXT, .max = 64, .otherwise = "UTC"),
    TG_YAML_END,
};
static const struct tg_yaml_map organization_map = {sizeof(struct yaml_organization),
                                                    organization_keys};
static const struct tg_yaml_key listen_keys[] = {
    KEY(yaml_listen, api, .kind = TG_YAML_TEXT, .max = 60, .otherwise = "127.0.0.1:7443"),
    KEY(yaml_listen, agent, .kind = TG_YAML_TEXT, .max = 60, .otherwise = "127.0.0.1:7444"),
    TG_YAML_END,
};
static const struct tg_yaml_map listen_map = {sizeof(struct yaml_listen), listen_keys};
static const struct tg_yaml_key log_keys[] = {
    KEY(yaml_log, level, .kind = TG_YAML_ENUM, .words = levels, .otherwise = "info"),
    KEY(yaml_log, format, .kind = TG_YAML_ENUM, .words = formats, .otherwise = "logfmt"),
    TG_YAML_END,
};
static const struct tg_yaml_map log_map = {sizeof(struct yaml_log), log_keys};
static const struct tg_yaml_key connector_keys[] = {
    KEY(yaml_connector, name, .kind = TG_YAML_TEXT, .min = 1, .max = 40, .required = true,
        .wrong = wrong_name),
    KEY(yaml_connector, kind, .kind = TG_YAML_ENUM, .words = kinds, .required = true),
    KEY(yaml_connector, issuer, .kind = TG_YAML_TEXT, .max = 4000),
    TG_YAML_END,
};
static const struct tg_yaml_map connector_map = {sizeof(struct yaml_connector), connector_keys};
static const struct tg_yaml_key client_keys[] = {
    KEY(yaml_client, spki, .kind = TG_YAML_TEXT, .required = true, .wrong = wrong_spki),
    KEY(yaml_client, role, .kind = TG_YAML_ENUM, .words = roles, .required = true),
    TG_YAML_END,
};
static const struct tg_yaml_map client_map = {sizeof(struct yaml_client), client_keys};
static const struct tg_yaml_key settings_keys[] = {
    KEY(yaml_settings, version, .kind = TG_YAML_INT, .min = 1, .max = 1, .required = true),
    KEY(yaml_settings, organization, .kind = TG_YAML_MAP, .map = &organization_map,
        .required = true),
    KEY(yaml_settings, state, .kind = TG_YAML_TEXT, .min = 1, .max = 4000, .required = true),
    KEY(yaml_settings, database, .kind = TG_YAML_TEXT, .max = 1000),
    KEY(yaml_settings, policies, .kind = TG_YAML_TEXT, .max = 4000),
    KEY(yaml_settings, listen, .kind = TG_YAML_MAP, .map = &listen_map),
    KEY(yaml_settings, log, .kind = TG_YAML_MAP, .map = &log_map),
    KEY(yaml_settings, connectors, .kind = TG_YAML_MAPS, .map = &connector_map,
        .items = SETTINGS_CONNECTORS),
    KEY(yaml_settings, clients, .kind = TG_YAML_MAPS, .map = &client_map,
        .items = SETTINGS_CLIENTS),
    TG_YAML_END,
};
static const struct tg_yaml_map settings_map = {sizeof(struct yaml_settings), settings_keys};

/* Paths in the file count from the file's folder. */
static const char *from_file(struct settings *s, const char *config, const char *path)
{
    const char *slash = strrchr(config, '/');
    if (!path || !path[0]) return NULL;
    if (path[0] == '/' || !slash) return path;
    char *joined = tg_printf("%.*s/%s", (int)(slash - config), config, path);
    const char *kept = tg_yaml_text(s->yaml, joined);
    free(joined);
    return kept;
}

/* "H:P" or "[H6]:P" */
static int address(const char *text, char host[64], uint16_t *ret_port, struct tg_err *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    bool bracket = text[0] == '[';
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (bracket && len >= 2 && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (!colon || !tg_copyn(host, 64, text, len) ||
        !tg_parse_u64(colon + 1, strlen(colon + 1), 65535, &port))
        return TG_FAIL(err, TG_E_USAGE, "%s: HOST:PORT is expected, for example 127.0.0.1:7443",
                       text);
    *ret_port = (uint16_t)port;
    return 0;
}

static int absolute(const char *path, char ret[SETTINGS_PATH], struct tg_err *err)
{
    char here[PATH_MAX] = "";
    if (path[0] != '/' && !getcwd(here, sizeof here))
        return TG_FAIL(err, TG_E_IO, "the working folder is not known: %s", strerror(errno));
    int n = path[0] == '/' ? snprintf(ret, SETTINGS_PATH, "%s", path)
                           : snprintf(ret, SETTINGS_PATH, "%s/%s", here, path);
    return n < SETTINGS_PATH - 64 ? 0 : TG_FAIL(err, TG_E_USAGE, "%s: the path is too long", path);
}

static void copy_lists(struct settings *s, const struct yaml_settings *y, const char *config)
{
    const struct yaml_connector *connectors = y->connectors.items;
    const struct yaml_client *clients = y->clients.items;
    for (size_t i = 0; i < y->connectors.count; i++)
        s->connectors[s->connectors_count++] =
            (struct settings_connector){connectors[i].name,
                                        connectors[i].kind == 1 ? "exchange" : "embedded",
                                        from_file(s, config, connectors[i].issuer)};
    for (size_t i = 0; i < y->clients.count; i++) {
        struct api_client *to = &s->clients[s->clients_count++];
        TG_CHECK(tg_unhex(clients[i].spki, 64, to->spki));
        to->role = (enum access_role)clients[i].role;
    }
}

static int check_connectors(struct settings *s, struct yaml_settings *y, struct tg_err *err)
{
    struct yaml_connector *connectors = y->connectors.items;
    size_t embedded = 0;
    for (size_t i = 0; i < y->connectors.count; i++) {
        embedded += connectors[i].kind == 0;
        if (connectors[i].kind == 1 && !connectors[i].issuer)
            tg_yaml_complain(s->yaml, &connectors[i],
                             "an exchange connector needs issuer: the CA's certificate file");
        for (size_t k = 0; k < i; k++)
            if (strcmp(connectors[i].name, connectors[k].name) == 0)
                tg_yaml_complain(s->yaml, &connectors[i].name, "the name stands twice");
    }
    if (embedded > 1) tg_yaml_complain(s->yaml, &y->connectors, "one embedded CA is enough");
    return tg_yaml_result(s->yaml, err);
}

static int load_file(const char *config, struct settings *s, struct tg_err *err)
{
    struct yaml_settings y = {0};
    TG_TRY(tg_yaml_read_file(s->yaml, config, &settings_map, &y, err));
    TG_TRY(check_connectors(s, &y, err));
    s->organization_id = y.organization.id;
    s->organization_name = y.organization.name;
    s->zone = y.organization.zone;
    s->database = y.database && y.database[0] ? y.database : NULL;
    s->policies = from_file(s, config, y.policies);
    s->log_level = y.log.level < 0 ? TG_LOG_INFO : y.log.level;
    s->log_format = y.log.format < 0 ? TG_LOG_LOGFMT : y.log.format;
    copy_lists(s, &y, config);
    TG_TRY(address(y.listen.api ? y.listen.api : "127.0.0.1:7443", s->api_host, &s->api_port, err));
    TG_TRY(address(y.listen.agent ? y.listen.agent : "127.0.0.1:7444", s->agent_host,
                   &s->agent_port, err));
    return absolute(from_file(s, config, y.state), s->state, err);
}

static int load_defaults(struct settings *s, struct tg_err *err)
{
    s->organization_id = "organization";
    s->organization_name = "Organization";
    s->zone = "UTC";
    s->log_level = TG_LOG_INFO;
    s->log_format = TG_LOG_LOGFMT;
    TG_TRY(address("127.0.0.1:7443", s->api_host, &s->api_port, err));
    return address("127.0.0.1:7444", s->agent_host, &s->agent_port, err);
}

int settings_load(const struct settings_args *args, struct settings *s, struct tg_err *err)
{
    memset(s, 0, sizeof *s);
    s->yaml = tg_yaml_new();
    s->ready_fd = args->ready_fd;
    if (!args->config && !args->state)
        return TG_FAIL(err, TG_E_USAGE, "give --state DIR or --config FILE");
    TG_TRY(args->config ? load_file(args->config, s, err) : load_defaults(s, err));
    if (args->state) TG_TRY(absolute(args->state, s->state, err));
    if (args->listen) TG_TRY(address(args->listen, s->api_host, &s->api_port, err));
    if (args->agent_listen) TG_TRY(address(args->agent_listen, s->agent_host, &s->agent_port, err));
    if (s->connectors_count == 0)
        s->connectors[s->connectors_count++] =
            (struct settings_connector){"corporate", "embedded", NULL};
    return 0;
}

void settings_done(struct settings *s)
{
    tg_yaml_free(s->yaml);
    memset(s, 0, sizeof *s);
}
