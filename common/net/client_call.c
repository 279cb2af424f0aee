/* One call: the easy handle's settings, its callbacks, and the translation of curl's words into
 * ours. */
#include <openssl/ssl.h>

#include "base/str.h"
#include "client_private.h"

enum { DEFAULT_MAX_RESPONSE = 1024 * 1024, MAX_BODY_MADE = 1024 * 1024 };

static void init_once(void)
{
    TG_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void client_global_init(void)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, init_once);
}

static int status_of(CURL *easy)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct tg_client_state *st = data;
    struct tg_client_call *call = st->call;
    size_t len = size * count;
    if (st->cancelled) return 0;
    call->status = status_of(st->easy);
    if (call->on_data && call->status / 100 == 2) {
        int rc = call->on_data(call, bytes, len);
        if (rc < 0) (void)TG_FAIL(&st->why, rc, "the answer's reader stopped it");
        return rc < 0 || st->cancelled ? 0 : len;
    }
    tg_buf_add(&call->response, bytes, len);
    if (!call->response.failed) return len;
    (void)TG_FAIL(&st->why, TG_E_LIMIT, "the answer is larger than %zu bytes", call->response.max);
    return 0;
}

/* The key of whoever answers, while its connection is at hand. */
static void note_server(struct tg_client_state *st)
{
    struct curl_tlssessioninfo *info = NULL;
    st->call->server_known = curl_easy_getinfo(st->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK &&
                             info && info->backend == CURLSSLBACKEND_OPENSSL && info->internals &&
                             tg_tls_peer_spki(info->internals, st->call->server_spki);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct tg_client_state *st = data;
    size_t len = size * count;
    bool end = len == 2 && bytes[0] == '\r';
    if (!end || st->opened || st->cancelled) return len;
    st->call->status = status_of(st->easy);
    if (st->call->status < 200) return len; /* 1xx: the answer proper follows */
    st->opened = true;
    note_server(st);
    if (st->call->on_open) st->call->on_open(st->call);
    return len;
}

/* libcurl asks for the body when the connection is up: the moment when the exporter exists. */
static int make_body(struct tg_client_state *st)
{
    struct curl_tlssessioninfo *info = NULL;
    uint8_t exporter[TG_TLS_EXPORTER];
    bool known = curl_easy_getinfo(st->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
                 info->backend == CURLSSLBACKEND_OPENSSL && info->internals &&
                 tg_tls_exporter(info->internals, exporter);
    st->made = TG_BUF(MAX_BODY_MADE);
    st->sent = 0;
    st->body_made = true;
    TG_TRY(st->call->body_fn(st->call, known ? exporter : NULL, &st->made, &st->why));
    return tg_buf_ok(&st->made, &st->why);
}

static size_t on_read(char *ret, size_t size, size_t count, void *data)
{
    struct tg_client_state *st = data;
    if (st->cancelled) return CURL_READFUNC_ABORT;
    if (!st->body_made && make_body(st) < 0) return CURL_READFUNC_ABORT;
    size_t left = st->made.len - st->sent, room = size * count, n = left < room ? left : room;
    if (n > 0) memcpy(ret, st->made.data + st->sent, n);
    st->sent += n;
    return n;
}

/* A retry on another connection needs another body: its exporter differs. */
static int on_seek(void *data, curl_off_t offset, int origin)
{
    struct tg_client_state *st = data;
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    tg_buf_done(&st->made);
    st->body_made = false;
    return CURL_SEEKFUNC_OK;
}

static CURLcode set_body(CURL *easy, struct tg_client_state *st)
{
    struct tg_client_call *call = st->call;
    CURLcode rc = CURLE_OK;
    if (call->body_fn) {
        rc |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
        rc |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        rc |= curl_easy_setopt(easy, CURLOPT_READDATA, st);
        rc |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        rc |= curl_easy_setopt(easy, CURLOPT_SEEKDATA, st);
    } else if (call->body || strcmp(call->method, "POST") == 0) {
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
    }
    if (strcmp(call->method, "GET") != 0 && strcmp(call->method, "POST") != 0)
        rc |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    return rc;
}

static CURLcode set_headers(CURL *easy, struct tg_client_state *st)
{
    const char *type = st->call->content_type ? st->call->content_type : "application/json";
    char *line = tg_printf("Content-Type: %s", type);
    if (st->call->body || st->call->body_fn) st->headers = curl_slist_append(st->headers, line);
    free(line);
    st->headers = curl_slist_append(st->headers, "Expect:");
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, st->headers);
}

static CURLcode set_blob(CURL *easy, CURLoption option, void *bytes, size_t len)
{
    struct curl_blob blob = {.data = bytes, .len = len, .flags = CURL_BLOB_NOCOPY};
    return curl_easy_setopt(easy, option, &blob);
}

static CURLcode set_tls(CURL *easy, const struct client_config *cfg)
{
    CURLcode rc = CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    if (cfg->trust == TG_CLIENT_CA) {
        rc |= set_blob(easy, CURLOPT_CAINFO_BLOB, cfg->ca.data, cfg->ca.len);
    } else { /* libcurl checks pins also then (7.88: lib/vtls/openssl.c, end of servercert) */
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
        rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    }
    /* Debian builds a default directory in: without this line the system's CAs would be trusted as
     * well. */
    rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (cfg->pins) rc |= curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, cfg->pins);
    if (cfg->cert.len == 0) return rc;
    rc |= set_blob(easy, CURLOPT_SSLCERT_BLOB, cfg->cert.data, cfg->cert.len);
    rc |= set_blob(easy, CURLOPT_SSLKEY_BLOB, cfg->key.data, cfg->key.len);
    return rc;
}

static CURLcode set_connection(CURL *easy, const struct client_config *cfg)
{
    CURLcode rc = CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)cfg->connect_ms);
    rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)cfg->keepalive_s);
    rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, cfg->unix_path ? "http" : "https");
    if (cfg->proxy) rc |= curl_easy_setopt(easy, CURLOPT_PROXY, cfg->proxy);
    if (!cfg->unix_path) return rc | set_tls(easy, cfg);
    rc |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, cfg->unix_path);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    return rc;
}

static CURLcode set_call(CURL *easy, struct tg_client_state *st, const char *base)
{
    CURLcode rc = CURLE_OK;
    char *url = tg_printf("%s%s", base, st->call->path);
    rc |= curl_easy_setopt(easy, CURLOPT_URL, url);
    free(url);
    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)st->call->total_ms);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, st);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, st);
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, st->text);
    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, st);
    return rc | set_body(easy, st) | set_headers(easy, st);
}

static void reset_results(struct tg_client_call *call)
{
    call->status = 0;
    call->content_type_got[0] = 0;
    call->retry_after_s = 0;
    call->server_known = false;
    tg_buf_done(&call->response);
    size_t max = call->max_response ? call->max_response : DEFAULT_MAX_RESPONSE;
    call->response = TG_BUF(max);
    tg_err_clear(&call->err);
}

static void state_free(struct tg_client_state *st)
{
    curl_easy_cleanup(st->easy);
    curl_slist_free_all(st->headers);
    tg_buf_done(&st->made);
    free(st);
}

int client_state_new(const struct client_config *cfg, CURLSH *share, struct tg_client_call *call,
                     struct tg_client_state **ret, struct tg_err *err)
{
    TG_CHECK(call->method && call->path && !call->state);
    if (call->path[0] != '/')
        return TG_FAIL(err, TG_E_INPUT, "path %s: must begin with /", call->path);
    reset_results(call);
    struct tg_client_state *st = TG_NEW(struct tg_client_state);
    st->call = call;
    st->easy = curl_easy_init();
    TG_CHECK(st->easy);
    CURLcode rc = set_connection(st->easy, cfg) | set_call(st->easy, st, cfg->url);
    if (share) rc |= curl_easy_setopt(st->easy, CURLOPT_SHARE, share);
    if (rc != CURLE_OK) {
        state_free(st);
        return TG_FAIL(err, TG_E_INPUT, "%s %s: libcurl refuses the settings", call->method,
                       call->path);
    }
    call->state = st;
    *ret = st;
    return 0;
}

static int code_of(CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT) return TG_E_TIMEOUT;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH ||
        code == CURLE_SSL_ISSUER_ERROR)
        return TG_E_UNTRUSTED;
    if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
        code == CURLE_URL_MALFORMAT)
        return TG_E_INPUT;
    return TG_E_NETWORK;
}

static void fill_error(struct tg_client_state *st, CURLcode code)
{
    struct tg_client_call *call = st->call;
    if (st->cancelled) {
        (void)TG_FAIL(&call->err, TG_E_CANCELLED, "%s %s: stopped", call->method, call->path);
    } else if (st->why.code < 0) {
        call->err = st->why;
        (void)tg_err_wrap(&call->err, "%s %s", call->method, call->path);
    } else if (code != CURLE_OK) {
        const char *text = st->text[0] ? st->text : curl_easy_strerror(code);
        (void)TG_FAIL(&call->err, code_of(code), "%s %s: %s", call->method, call->path, text);
    }
}

void client_state_end(struct tg_client_state *st, CURLcode code)
{
    struct tg_client_call *call = st->call;
    char *type = NULL;
    curl_off_t after = 0;
    call->status = status_of(st->easy);
    (void)curl_easy_getinfo(st->easy, CURLINFO_CONTENT_TYPE, &type);
    (void)curl_easy_getinfo(st->easy, CURLINFO_RETRY_AFTER, &after);
    if (type) (void)tg_copy(call->content_type_got, sizeof call->content_type_got, type);
    if (after > 0) call->retry_after_s = after > 86400 ? 86400 : (unsigned)after;
    fill_error(st, code);
    call->state = NULL;
    state_free(st);
}

int tg_client_call(const struct tg_client_opts *opts, struct tg_client_call *call,
                   struct tg_err *err)
{
    client_global_init();
    struct client_config cfg;
    struct tg_client_state *st = NULL;
    int rc = client_config_init(&cfg, opts, &call->err);
    if (rc == 0) rc = client_state_new(&cfg, NULL, call, &st, &call->err);
    if (rc == 0) client_state_end(st, curl_easy_perform(st->easy));
    client_config_done(&cfg);
    if (call->err.code < 0 && err) *err = call->err;
    return call->err.code;
}

void tg_client_frugal(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_SSL_STRINGS, NULL);
}

void tg_client_call_done(struct tg_client_call *call)
{
    TG_CHECK(!call->state);
    tg_buf_done(&call->response);
}
