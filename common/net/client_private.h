/* client_private: one easy handle per call, made alike for the loop and for blocking use. */
#pragma once

#include <curl/curl.h>

#include "base/secret.h"
#include "net/client.h"

/* A deep copy of the options: calls outlive the caller's strings. */
struct client_config {
    enum tg_client_trust trust;
    char *url, *unix_path, *proxy, *pins; /* pins: "sha256//BASE64;..." or NULL */
    struct tg_buf cert, ca;
    struct tg_secret key;
    unsigned connect_ms, keepalive_s;
};

struct tg_client_state {
    struct tg_list node;      /* tg_client.calls */
    struct tg_list queue;     /* tg_client.queue: to be added, or cancelled */
    struct tg_client *client; /* NULL: blocking */
    struct tg_client_call *call;
    CURL *easy;
    struct curl_slist *headers;
    struct tg_buf made; /* by body_fn */
    size_t sent;
    bool added, cancelled, opened, body_made;
    struct tg_err why; /* what a callback of ours objected to */
    char text[CURL_ERROR_SIZE];
};

int client_config_init(struct client_config *cfg, const struct tg_client_opts *opts,
                       struct tg_err *err);
int client_config_pins(struct client_config *cfg, const uint8_t (*pins)[TG_SHA256], size_t count,
                       struct tg_err *err);
void client_config_done(struct client_config *cfg);

/* Resets the results of the call. share may be NULL. */
int client_state_new(const struct client_config *cfg, CURLSH *share, struct tg_client_call *call,
                     struct tg_client_state **ret, struct tg_err *err);
/* Fills in the results and frees the state; call->state is NULL after. */
void client_state_end(struct tg_client_state *st, CURLcode code);
void client_global_init(void);
