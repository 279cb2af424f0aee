// The client: one connection for everything, the exporter in a body, pins, bounds, a clean close.
// uses: base net nettest | libs: uv ssl crypto threads
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "nettest/nettest.h"

enum { PATIENCE_MS = 10000 };

struct world {
    struct nettest *t;
    uv_loop_t loop;
    struct tg_client *client;
    char url[64];
    int done, opened;
    struct tg_buf events;
    bool closed;
};

static struct world *begin_with(struct tg_client_opts *o)
{
    struct world *w = tg_alloc(sizeof *w);
    w->t = tg_alloc(sizeof *w->t);
    nettest_limits(w->t);
    nettest_start(w->t);
    w->events = TG_BUF(4 * NETTEST_HUGE);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    *o = nettest_opts(w->t, w->url, w->t->agents_port);
    return w;
}

static struct world *begin(void)
{
    struct tg_client_opts o;
    struct world *w = begin_with(&o);
    assert_int_equal(tg_client_new(&w->loop, &o, &w->client, NULL), 0);
    return w;
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

static void end(struct world *w)
{
    tg_client_close(w->client, on_closed, &w->closed);
    assert_false(w->closed); /* never from inside */
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_true(w->closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    nettest_stop(w->t, 1000);
    assert_int_equal(w->t->loop_close, 0);
    nettest_free(w->t);
    tg_buf_done(&w->events);
    free(w->t);
    free(w);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Turn the loop until *count reaches wanted. */
static void until(struct world *w, const int *count, int wanted)
{
    uv_timer_t tick;
    assert_int_equal(uv_timer_init(&w->loop, &tick), 0);
    assert_int_equal(uv_timer_start(&tick, on_tick, 10, 10), 0);
    uint64_t start = uv_hrtime();
    while (*count < wanted && (uv_hrtime() - start) / 1000000 < PATIENCE_MS)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(*count, wanted);
}

static void on_done(struct tg_client_call *call)
{
    struct world *w = call->data;
    w->done++;
}

static int on_data(struct tg_client_call *call, const void *bytes, size_t len)
{
    struct world *w = call->data;
    tg_buf_add(&w->events, bytes, len);
    return 0;
}

static void on_open(struct tg_client_call *call)
{
    struct world *w = call->data;
    w->opened++;
    assert_int_equal(call->status, 200);
}

static void start(struct world *w, struct tg_client_call *call, const char *method,
                  const char *path)
{
    *call = (struct tg_client_call){.method = method,
                                    .path = path,
                                    .on_done = on_done,
                                    .data = w,
                                    .total_ms = PATIENCE_MS};
    if (strcmp(path, "/events") == 0) {
        call->on_data = on_data;
        call->on_open = on_open;
        call->total_ms = 0;
    }
    int done = w->done;
    assert_int_equal(tg_client_start(w->client, call, NULL), 0);
    assert_int_equal(w->done, done); /* never from inside */
}

static unsigned long long conn_of(const struct tg_client_call *call)
{
    const char *p = strstr(tg_buf_text(&call->response), "conn=");
    if (!p) fail_msg("%d %s: %s", call->status, tg_buf_text(&call->response), call->err.text);
    return strtoull(p + 5, NULL, 10);
}

static void events_and_posts_share_one_connection(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call events, info[5], push;
    start(w, &events, "GET",
          "/events"); /* all at once: the later ones wait for the first one's connection */
    for (size_t i = 0; i < TG_COUNT(info); i++)
        start(w, &info[i], "GET", "/info");
    until(w, &w->done, 5);
    until(w, &w->opened, 1);
    start(w, &push, "POST", "/push");
    push.body = "{\"id\":1}\n";
    push.body_len = 9;
    tg_client_cancel(&push); /* the body was too late: this one never leaves */
    until(w, &w->done, 6);
    assert_int_equal(push.err.code, TG_E_CANCELLED);
    tg_client_call_done(&push);
    push = (struct tg_client_call){.method = "POST",
                                   .path = "/push",
                                   .body = "{\"id\":1}\n",
                                   .body_len = 9,
                                   .on_done = on_done,
                                   .data = w};
    assert_int_equal(tg_client_start(w->client, &push, NULL), 0);
    until(w, &w->done, 7);
    assert_int_equal(push.status, 204);
    for (int i = 0; i < 100 && w->events.len < 15; i++)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    assert_string_equal(tg_buf_text(&w->events), "hello\n{\"id\":1}\n");
    for (size_t i = 0; i < TG_COUNT(info); i++) {
        assert_int_equal(info[i].status, 200);
        assert_int_equal(conn_of(&info[i]), 1);
        tg_client_call_done(&info[i]);
    }
    tg_client_call_done(&push);
    tg_client_cancel(&events);
    assert_int_equal(w->done, 7);
    until(w, &w->done, 8);
    assert_int_equal(events.err.code, TG_E_CANCELLED);
    tg_client_call_done(&events);
    nettest_stop(w->t, 1000);
    assert_int_equal(w->t->stats.handshakes, 1);
    assert_int_equal(w->t->loop_close, 0);
    tg_client_close(w->client, on_closed, &w->closed);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    nettest_free(w->t);
    tg_buf_done(&w->events);
    free(w->t);
    free(w);
}

static int body_with_exporter(struct tg_client_call *call, const uint8_t *exporter,
                              struct tg_buf *ret, struct tg_err *err)
{
    (void)call, (void)err;
    assert_non_null(exporter);
    tg_buf_hex(ret, exporter, TG_TLS_EXPORTER);
    return 0;
}

/* Enrolment signs the exporter of the very connection that carries it. */
static void body_knows_the_exporter_of_its_connection(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call echo = {.method = "POST",
                                  .path = "/echo",
                                  .body_fn = body_with_exporter,
                                  .on_done = on_done,
                                  .data = w};
    assert_int_equal(tg_client_start(w->client, &echo, NULL), 0);
    until(w, &w->done, 1);
    assert_int_equal(echo.err.code, 0);
    assert_int_equal(echo.response.len, 64);
    struct tg_client_call info;
    start(w, &info, "GET", "/info");
    until(w, &w->done, 2);
    assert_non_null(strstr(tg_buf_text(&info.response), tg_buf_text(&echo.response)));
    tg_client_call_done(&echo);
    tg_client_call_done(&info);
    end(w);
}

static int body_that_fails(struct tg_client_call *call, const uint8_t *exporter, struct tg_buf *ret,
                           struct tg_err *err)
{
    (void)call, (void)exporter, (void)ret;
    return TG_FAIL(err, TG_E_LOCKED, "no key");
}

static void body_that_cannot_be_made_ends_the_call(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call echo = {.method = "POST",
                                  .path = "/echo",
                                  .body_fn = body_that_fails,
                                  .on_done = on_done,
                                  .data = w};
    assert_int_equal(tg_client_start(w->client, &echo, NULL), 0);
    until(w, &w->done, 1);
    assert_int_equal(echo.err.code, TG_E_LOCKED);
    tg_client_call_done(&echo);
    end(w);
}

static int call_once(struct tg_client_opts *o, const char *path, size_t max_response)
{
    struct tg_client_call call = {.method = "GET",
                                  .path = path,
                                  .total_ms = 400,
                                  .max_response = max_response};
    int rc = tg_client_call(o, &call, NULL);
    assert_int_equal(rc, call.err.code);
    tg_client_call_done(&call);
    return rc;
}

static void server_must_have_a_pinned_key(void **state)
{
    (void)state;
    struct tg_client_opts o;
    struct world *w = begin_with(&o);
    assert_int_equal(tg_client_new(&w->loop, &o, &w->client, NULL), 0);
    uint8_t pins[2][TG_SHA256] = {{0}};
    o.pins = (const uint8_t(*)[TG_SHA256])pins;
    o.pin_count = 2;
    assert_int_equal(call_once(&o, "/info", 0), TG_E_UNTRUSTED);
    memcpy(pins[1], w->t->server_id.spki, TG_SHA256);
    assert_int_equal(call_once(&o, "/info", 0), 0);

    /* New pins hold for the next call, though a connection and a session are there. */
    struct tg_client_call info;
    start(w, &info, "GET", "/info");
    until(w, &w->done, 1);
    assert_int_equal(info.err.code, 0);
    tg_client_call_done(&info);
    memset(pins[1], 7, TG_SHA256);
    assert_int_equal(tg_client_set_pins(w->client, (const uint8_t(*)[TG_SHA256])pins, 2, NULL), 0);
    start(w, &info, "GET", "/info");
    until(w, &w->done, 2);
    assert_int_equal(info.err.code, TG_E_UNTRUSTED);
    tg_client_call_done(&info);
    end(w);
}

static void server_under_another_ca_is_refused(void **state)
{
    (void)state;
    struct tg_client_opts o;
    struct world *w = begin_with(&o);
    assert_int_equal(tg_client_new(&w->loop, &o, &w->client, NULL), 0);
    o.ca = w->t->client_id.cert.data;
    o.ca_len = w->t->client_id.cert.len;
    assert_int_equal(call_once(&o, "/info", 0), TG_E_UNTRUSTED);
    assert_int_equal(atomic_load(&w->t->on_request), 0);
    end(w);
}

static void bounds_and_deadlines_are_told_apart(void **state)
{
    (void)state;
    struct tg_client_opts o;
    struct world *w = begin_with(&o);
    assert_int_equal(tg_client_new(&w->loop, &o, &w->client, NULL), 0);
    assert_int_equal(call_once(&o, "/park", 0), TG_E_TIMEOUT);
    assert_int_equal(call_once(&o, "/huge", NETTEST_BIG), TG_E_LIMIT);
    assert_int_equal(call_once(&o, "relative", 0), TG_E_INPUT);
    o.url = "https://127.0.0.1:1";
    assert_int_equal(call_once(&o, "/info", 0), TG_E_NETWORK);
    o.url = "http://127.0.0.1:1";
    assert_int_equal(call_once(&o, "/info", 0), TG_E_INPUT);
    o = (struct tg_client_opts){.unix_path = "/no/such/sock"};
    assert_int_equal(call_once(&o, "/info", 0), TG_E_NETWORK);
    end(w);
}

static void http_errors_are_answers(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call call;
    start(w, &call, "GET", "/nothing");
    until(w, &w->done, 1);
    assert_int_equal(call.err.code, 0);
    assert_int_equal(call.status, 404);
    assert_string_equal(tg_buf_text(&call.response), "no");
    tg_client_call_done(&call);
    end(w);
}

static void stream_that_the_server_ends_is_done(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call events, stop;
    start(w, &events, "GET", "/events");
    until(w, &w->opened, 1);
    start(w, &stop, "POST", "/end");
    until(w, &w->done, 2);
    assert_int_equal(events.err.code, 0);
    assert_string_equal(tg_buf_text(&w->events), "hello\n");
    tg_client_call_done(&events);
    tg_client_call_done(&stop);
    end(w);
}

static void closing_cancels_what_runs(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call parked[3], late;
    for (size_t i = 0; i < TG_COUNT(parked); i++)
        start(w, &parked[i], "GET", "/park");
    for (int i = 0; i < 1000 && atomic_load(&w->t->on_request) < 3; i++)
        (void)(uv_run(&w->loop, UV_RUN_NOWAIT) && poll(NULL, 0, 5));
    tg_client_close(w->client, on_closed, &w->closed);
    late = (struct tg_client_call){.method = "GET", .path = "/info"};
    assert_int_equal(tg_client_start(w->client, &late, NULL), TG_E_CANCELLED);
    assert_int_equal(w->done, 0);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->done, 3);
    for (size_t i = 0; i < TG_COUNT(parked); i++) {
        assert_int_equal(parked[i].err.code, TG_E_CANCELLED);
        tg_client_call_done(&parked[i]);
    }
    assert_true(w->closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    nettest_stop(w->t, 1000);
    assert_int_equal(w->t->loop_close, 0);
    nettest_free(w->t);
    free(w->t);
    free(w);
}

static void done_may_start_the_next_call(struct tg_client_call *call)
{
    struct world *w = call->data;
    if (++w->done < 20) assert_int_equal(tg_client_start(w->client, call, NULL), 0);
}

static void calls_follow_one_another_on_one_connection(void **state)
{
    (void)state;
    struct world *w = begin();
    struct tg_client_call call = {.method = "GET", .path = "/info", .data = w};
    call.on_done = done_may_start_the_next_call;
    assert_int_equal(tg_client_start(w->client, &call, NULL), 0);
    until(w, &w->done, 20);
    assert_int_equal(conn_of(&call), 1);
    tg_client_call_done(&call);
    end(w);
}

static void escapes_components(void **state)
{
    (void)state;
    struct tg_buf out = TG_BUF(1000);
    tg_url_escape(&out, "a b/c?d=\xd0\x94~._-");
    assert_string_equal(tg_buf_text(&out), "a%20b%2Fc%3Fd%3D%D0%94~._-");
    tg_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_and_posts_share_one_connection),
        cmocka_unit_test(body_knows_the_exporter_of_its_connection),
        cmocka_unit_test(body_that_cannot_be_made_ends_the_call),
        cmocka_unit_test(server_must_have_a_pinned_key),
        cmocka_unit_test(server_under_another_ca_is_refused),
        cmocka_unit_test(bounds_and_deadlines_are_told_apart),
        cmocka_unit_test(http_errors_are_answers),
        cmocka_unit_test(stream_that_the_server_ends_is_done),
        cmocka_unit_test(closing_cancels_what_runs),
        cmocka_unit_test(calls_follow_one_another_on_one_connection),
        cmocka_unit_test(escapes_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
