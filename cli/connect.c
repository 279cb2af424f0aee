/* Connecting: api.sock of a service on this machine (the socket tells who we are), or https to a
 * remote one with the client certificate of client.yaml. Answers that are not 2xx become errors in
 * the server's words. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "config/yaml.h"
#include "loop/clock.h"
#include "net/client.h"

enum { TIMEOUT_MS = 10 * 60 * 1000, CONNECT_MS = 10 * 1000, ROTATING = 4, PATH_BYTES = 1024 };

int64_t cli_now(void)
{
    return tg_clock_wall(tg_clock_system());
}

const char *cli_path(const char *fmt, ...)
{
    static char buffers[ROTATING][PATH_BYTES];
    static unsigned next;
    char *to = buffers[next++ % ROTATING];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(to, PATH_BYTES, fmt, args);
    va_end(args);
    TG_CHECK(n >= 0 && n < PATH_BYTES);
    return to;
}

const char *cli_escape(const char *text)
{
    static struct tg_buf buffers[ROTATING];
    static unsigned next;
    struct tg_buf *to = &buffers[next++ % ROTATING];
    tg_buf_done(to);
    tg_buf_init(to, PATH_BYTES / 2);
    tg_url_escape(to, text);
    return to->failed ? "longer-than-any-name" : tg_buf_text(to);
}

/* Where the service is, and who we are to it. The buffers live as long as the process. */
struct connection {
    struct tg_client_opts opts;
    struct tg_buf cert, ca;
    struct tg_secret key;
    char socket[PATH_BYTES], url[PATH_BYTES];
};

static int local_socket(struct cli *cli, struct connection *c)
{
    const char *state = cli->state ? cli->state : getenv("TAMGA_STATE");
    if (!state) state = "/var/lib/tamga";
    if (snprintf(c->socket, sizeof c->socket, "%s/api.sock", state) >= (int)sizeof c->socket)
        return TG_FAIL(&cli->err, TG_E_USAGE, "--state: the path is too long");
    struct stat st;
    if (stat(c->socket, &st) != 0)
        return TG_FAIL(&cli->err, TG_E_NETWORK,
                       "%s: no service here; start tamgad --state %s, or name the folder with "
                       "--state",
                       c->socket, state);
    c->opts.unix_path = c->socket;
    return 0;
}

struct client_file {
    const char *server, *ca, *certificate, *key;
};

static int read_client_file(struct cli *cli, const char *path, struct connection *c)
{
    static const struct tg_yaml_key keys[] = {
        {.name = "server",
         .kind = TG_YAML_TEXT,
         .required = true,
         .offset = offsetof(struct client_file, server)},
        {.name = "ca",
         .kind = TG_YAML_TEXT,
         .required = true,
         .offset = offsetof(struct client_file, ca)},
        {.name = "certificate",
         .kind = TG_YAML_TEXT,
         .required = true,
         .offset = offsetof(struct client_file, certificate)},
        {.name = "key",
         .kind = TG_YAML_TEXT,
         .required = true,
         .offset = offsetof(struct client_file, key)},
        {.name = NULL},
    };
    static const struct tg_yaml_map map = {.size = sizeof(struct client_file), .keys = keys};
    struct client_file file = {0};
    __attribute__((cleanup(tg_auto_yaml))) struct tg_yaml *yaml = tg_yaml_new();
    TG_TRY(tg_yaml_read_file(yaml, path, &map, &file, &cli->err));
    c->ca = TG_BUF(TG_MAX_KEYSTORE);
    c->cert = TG_BUF(TG_MAX_KEYSTORE);
    TG_TRY(tg_file_read(file.ca, &c->ca, &cli->err));
    TG_TRY(tg_file_read(file.certificate, &c->cert, &cli->err));
    struct tg_buf key = TG_BUF(TG_SECRET_MAX);
    TG_TRY(tg_file_read(file.key, &key, &cli->err));
    tg_secret_set(&c->key, key.data, key.len);
    tg_wipe(key.data, key.len);
    tg_buf_done(&key);
    if (!tg_copy(c->url, sizeof c->url, file.server))
        return TG_FAIL(&cli->err, TG_E_INPUT, "%s: server: the URL is too long", path);
    c->opts.url = c->url;
    c->opts.ca = c->ca.data;
    c->opts.ca_len = c->ca.len;
    c->opts.cert = c->cert.data;
    c->opts.cert_len = c->cert.len;
    c->opts.key = c->key.data;
    c->opts.key_len = c->key.len;
    return 0;
}

/* --state, $TAMGA_STATE, --client, ~/.config/tamga/client.yaml, /var/lib/tamga: the first that says
 * something. */
static int find_service(struct cli *cli, struct connection *c)
{
    char path[PATH_BYTES];
    c->opts.connect_ms = CONNECT_MS;
    if (cli->server) return read_client_file(cli, cli->server, c);
    const char *home = getenv("HOME");
    if (!cli->state && !getenv("TAMGA_STATE") && home &&
        snprintf(path, sizeof path, "%s/.config/tamga/client.yaml", home) < (int)sizeof path &&
        access(path, R_OK) == 0)
        return read_client_file(cli, path, c);
    return local_socket(cli, c);
}

/* RFC 9457 problem -> our error: the server's code decides, its detail explains. */
static int problem(struct cli *cli, const struct tg_client_call *call)
{
    struct tg_err ignored = {0};
    TG_AUTO(json) json_t *o = NULL;
    const char *code = NULL, *detail = NULL, *subject = NULL;
    if (tg_json_parse_object(call->response.data, call->response.len, TG_MAX_MESSAGE, &o,
                             &ignored) < 0)
        return TG_FAIL(&cli->err, TG_E_NETWORK, "%s: the service answered %d without a reason",
                       call->path, call->status);
    (void)!tg_json_opt_str(o, "code", 64, &code, &ignored);
    (void)!tg_json_opt_str(o, "detail", 4096, &detail, &ignored);
    (void)!tg_json_opt_str(o, "subject", 256, &subject, &ignored);
    const json_t *errors = json_object_get(o, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *e = json_array_get(errors, i);
        const char *text = json_string_value(json_object_get(e, "text"));
        json_int_t line = json_integer_value(json_object_get(e, "line"));
        if (line > 0) fprintf(stderr, "line %lld: ", (long long)line);
        fprintf(stderr, "%s\n", text ? text : "");
    }
    bool named = !subject || (detail && strstr(detail, subject));
    return TG_FAIL(&cli->err, code ? tg_code_from_word(code) : TG_E_NETWORK, "%s%s%s",
                   named ? "" : subject, named ? "" : ": ", detail ? detail : "refused");
}

int cli_call(struct cli *cli, const struct cli_request *request, struct tg_buf *ret)
{
    static struct connection connection; /* found once, used by every call of this process */
    if (!connection.opts.url && !connection.opts.unix_path) TG_TRY(find_service(cli, &connection));
    struct tg_client_call call = {
        .method = request->method,
        .path = request->path,
        .content_type = request->content_type,
        .body = request->body,
        .body_len = request->body_len,
        .total_ms = TIMEOUT_MS,
        .max_response = request->max_answer ? request->max_answer : (size_t)TG_MAX_BODY * 4,
    };
    int rc = tg_client_call(&connection.opts, &call, &cli->err);
    if (rc == 0 && (call.status < 200 || call.status > 299)) rc = problem(cli, &call);
    if (rc == 0) {
        *ret = call.response;
        call.response = (struct tg_buf){0};
    }
    tg_client_call_done(&call);
    return rc;
}

static int call_json(struct cli *cli, const struct cli_request *request, json_t **ret)
{
    TG_AUTO(buf) struct tg_buf answer = {0};
    TG_TRY(cli_call(cli, request, &answer));
    if (tg_json_parse_object(answer.data, answer.len, (size_t)TG_MAX_BODY * 4, ret, &cli->err) < 0)
        return tg_err_wrap(&cli->err, "%s: the service's answer", request->path);
    return 0;
}

int cli_get(struct cli *cli, const char *path, json_t **ret)
{
    return call_json(cli, &(struct cli_request){.method = "GET", .path = path}, ret);
}

int cli_post(struct cli *cli, const char *path, const json_t *body, json_t **ret)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_BODY);
    if (body)
        tg_json_dump(body, &text);
    else
        tg_buf_puts(&text, "{}");
    TG_TRY(tg_buf_ok(&text, &cli->err));
    return call_json(cli,
                     &(struct cli_request){.method = "POST",
                                           .path = path,
                                           .body = text.data,
                                           .body_len = text.len},
                     ret);
}

int cli_get_text(struct cli *cli, const char *path, struct tg_buf *ret)
{
    return cli_call(cli, &(struct cli_request){.method = "GET", .path = path}, ret);
}

int cli_get_all(struct cli *cli, const char *path, json_t **ret)
{
    TG_AUTO(json) json_t *all = json_pack("{s:[]}", "items");
    json_t *items = json_object_get(all, "items");
    char next[PATH_BYTES] = "";
    for (;;) {
        TG_AUTO(json) json_t *page = NULL;
        const char *more = NULL;
        TG_TRY(cli_get(cli,
                       cli_path("%s%s%s%s", path, next[0] ? (strchr(path, '?') ? "&" : "?") : "",
                                next[0] ? "after=" : "", next[0] ? cli_escape(next) : ""),
                       &page));
        json_array_extend(items, json_object_get(page, "items"));
        TG_TRY(tg_json_opt_str(page, "next", PATH_BYTES - 1, &more, &cli->err));
        if (!more) break;
        (void)!tg_copy(next, sizeof next, more);
        cli_progress("reading", json_array_size(items), 0);
    }
    cli_progress_end();
    *ret = TG_TAKE(all);
    return 0;
}
