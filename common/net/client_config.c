#include "base/limits.h"
#include "base/str.h"
#include "client_private.h"

static int check(const struct tg_client_opts *o, struct tg_err *err)
{
    if (o->unix_path) return 0;
    if (!o->url || !tg_starts(o->url, "https://"))
        return TG_FAIL(err, TG_E_INPUT, "server address %s: write https://HOST:PORT",
                       o->url ? o->url : "(none)");
    if (o->trust == TG_CLIENT_PINS && o->pin_count == 0)
        return TG_FAIL(err, TG_E_INPUT, "server %s: no key is given to know it by", o->url);
    if (o->trust == TG_CLIENT_CA && (!o->ca || o->ca_len == 0))
        return TG_FAIL(err, TG_E_INPUT, "server %s: no CA certificate is given to verify it with",
                       o->url);
    if (o->cert && !o->key)
        return TG_FAIL(err, TG_E_INPUT, "server %s: a certificate without its key", o->url);
    return 0;
}

static char *copy_url(const char *url)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    return tg_strndup(url, len);
}

int client_config_pins(struct client_config *cfg, const uint8_t (*pins)[TG_SHA256], size_t count,
                       struct tg_err *err)
{
    if (count > TG_CLIENT_MAX_PINS)
        return TG_FAIL(err, TG_E_LIMIT, "server keys: more than %d", TG_CLIENT_MAX_PINS);
    if (count == 0 && cfg->trust == TG_CLIENT_PINS)
        return TG_FAIL(err, TG_E_INPUT, "server: no key is left to know it by");
    struct tg_buf text = TG_BUF(TG_CLIENT_MAX_PINS * 64);
    for (size_t i = 0; i < count; i++) {
        tg_buf_puts(&text, i ? ";sha256//" : "sha256//");
        tg_base64(&text, pins[i], TG_SHA256);
    }
    free(cfg->pins);
    cfg->pins = count ? tg_buf_take(&text, NULL) : NULL;
    tg_buf_done(&text);
    return 0;
}

int client_config_init(struct client_config *cfg, const struct tg_client_opts *o,
                       struct tg_err *err)
{
    *cfg = (struct client_config){0};
    TG_TRY(check(o, err));
    TG_TRY(client_config_pins(cfg, o->pins, o->pin_count, err));
    cfg->trust = o->trust;
    cfg->url = copy_url(o->unix_path ? "http://tamga" : o->url);
    cfg->unix_path = o->unix_path ? tg_strdup(o->unix_path) : NULL;
    /* A unix socket is local: no proxy of the environment may come between. */
    const char *proxy = o->unix_path ? "" : o->proxy;
    cfg->proxy = proxy ? tg_strdup(proxy) : NULL;
    cfg->cert = TG_BUF(TG_MAX_KEYSTORE);
    cfg->ca = TG_BUF(TG_MAX_KEYSTORE);
    if (o->cert) tg_buf_add(&cfg->cert, o->cert, o->cert_len);
    if (o->ca) tg_buf_add(&cfg->ca, o->ca, o->ca_len);
    if (o->key) tg_secret_set(&cfg->key, o->key, o->key_len);
    cfg->connect_ms = o->connect_ms ? o->connect_ms : 10 * 1000;
    cfg->keepalive_s = o->keepalive_s ? o->keepalive_s : 60;
    return tg_buf_ok(&cfg->cert, err) < 0 ? err ? err->code : TG_E_LIMIT : tg_buf_ok(&cfg->ca, err);
}

void client_config_done(struct client_config *cfg)
{
    free(cfg->url);
    free(cfg->unix_path);
    free(cfg->proxy);
    free(cfg->pins);
    tg_buf_done(&cfg->cert);
    tg_buf_done(&cfg->ca);
    tg_secret_done(&cfg->key);
    *cfg = (struct client_config){0};
}

void tg_url_escape(struct tg_buf *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            tg_buf_putc(out, *text);
        else
            tg_buf_printf(out, "%%%02X", (unsigned)(uint8_t)*text);
    }
}
