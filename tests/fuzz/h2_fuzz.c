/* fuzz: any bytes as an HTTP/2 connection, without TLS: glue, limits, requests, answers, streams,
 * and an end at any moment. Two bytes before the input choose the size of the pieces and whether
 * requests are held. */
// uses: base net | libs: uv ssl
#include "net/h2.h"

enum { HELD = 32 };

static struct tg_request *held[HELD];
static struct tg_stream *streams[HELD];
static bool hold;

static void on_stream_close(struct tg_stream *s, void *data)
{
    (void)data;
    for (size_t i = 0; i < HELD; i++)
        if (streams[i] == s) streams[i] = NULL;
}

static void open_stream(struct tg_request *req)
{
    for (size_t i = 0; i < HELD; i++) {
        if (streams[i]) continue;
        streams[i] = tg_stream_start(req, 200, "application/x-ndjson", on_stream_close, NULL);
        if (streams[i]) (void)tg_stream_write(streams[i], "event\n", 6, NULL);
        return;
    }
    tg_respond(req, 503, NULL, NULL, 0);
}

static void on_request(struct tg_request *req, void *data)
{
    (void)data;
    char value[32];
    size_t len = 0;
    if (tg_request_param(req, "a", value, sizeof value, NULL) < 0) TG_CHECK(!value[0]);
    (void)tg_request_header(req, "x");
    const uint8_t *body = tg_request_body(req, &len);
    if (strcmp(tg_request_path(req), "/events") == 0) {
        open_stream(req);
        return;
    }
    for (size_t i = 0; hold && i < HELD; i++) {
        if (held[i]) continue;
        held[i] = req;
        return;
    }
    tg_respond_header(req, "x-path", "y");
    tg_respond(req, 200, "text/plain", body, len);
}

static size_t limit_for(const struct tg_request *req, void *data)
{
    (void)data;
    return strlen(tg_request_path(req)) > 1 ? 1000 : 0;
}

static void answer_held(void)
{
    for (size_t i = 0; i < HELD; i++)
        if (held[i]) tg_respond(TG_TAKE(held[i]), 200, "text/plain", "late", 4);
}

static void drain(struct tg_h2 *h2, size_t room)
{
    uint8_t out[300];
    for (int i = 0; i < 2000 && tg_h2_output(h2, out, room) > 0; i++)
        ;
}

static void feed(struct tg_h2 *h2, const uint8_t *data, size_t size, size_t piece)
{
    while (size > 0) {
        size_t n = size < piece ? size : piece;
        if (tg_h2_input(h2, data, n, NULL) < 0 || tg_h2_finished(h2)) return;
        drain(h2, 1 + piece % 299);
        data += n;
        size -= n;
        for (size_t i = 0; i < HELD; i++)
            if (streams[i] && piece % 3 == 0) (void)tg_stream_write(streams[i], data, size, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct tg_server_limits limits;
    tg_server_limits_default(&limits);
    limits.connections = 1;
    limits.stream_backlog = 4096;
    limits.body_bytes_total = 1500;
    struct tg_server_handlers handlers = {.on_request = on_request, .limit_for = limit_for};
    struct tg_h2_shared *sh = tg_h2_shared_new(&limits, &handlers);
    struct tg_h2 *h2 = tg_h2_new(sh, NULL);
    hold = data[1] & 1;
    feed(h2, data + 2, size - 2, (size_t)data[0] + 1);
    if (data[1] & 2) answer_held();
    if (data[1] & 4) tg_h2_shutdown(h2);
    drain(h2, sizeof(uint8_t[300]));
    tg_h2_free(h2);
    answer_held(); /* into the void */
    for (size_t i = 0; i < HELD; i++)
        TG_CHECK(!streams[i]);
    tg_h2_shared_free(sh);
    return 0;
}
