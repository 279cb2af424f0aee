// Clients that stall, drip, flood and never read: each meets an absolute deadline or a bound.
// uses: base net nettest | libs: uv ssl crypto threads
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "nettest/nettest.h"

enum { PATIENCE_MS = 5000, NO_ERROR = 0, CALM = 11 };

static struct nettest *begin(void)
{
    struct nettest *t = tg_alloc(sizeof *t);
    nettest_limits(t);
    return t;
}

/* Every test ends here: the loop had no handle left. */
static void end(struct nettest *t)
{
    nettest_stop(t, 1000);
    assert_int_equal(t->loop_close, 0);
    assert_int_equal(t->stats.connections, 0);
    assert_int_equal(t->stats.handshaking, 0);
    nettest_free(t);
    free(t);
}

static void wait_for(atomic_int *count, int wanted)
{
    for (int i = 0; i < 500 && atomic_load(count) < wanted; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(atomic_load(count), wanted);
}

static void open_h2(struct nettest *t, struct raw *r)
{
    SSL_CTX *ctx = raw_ctx(t, true);
    raw_tcp(r, t->agents_port);
    assert_true(raw_tls(r, ctx, NULL));
    tg_tls_ctx_free(ctx);
    raw_preface(r);
}

static void wait_answer(struct raw *r, unsigned headers)
{
    for (int i = 0; i < 500 && r->headers_frames < headers; i++)
        assert_true(raw_pump(r, 10));
    assert_true(r->headers_frames >= headers);
}

static void no_hello_is_closed_at_the_deadline(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.handshake_ms = 200;
    nettest_start(t);
    struct raw r;
    raw_tcp(&r, t->agents_port);
    long took = raw_wait_closed(&r, PATIENCE_MS);
    assert_in_range(took, 150, PATIENCE_MS);
    raw_done(&r);
    end(t);
}

static void dripped_hello_is_closed_at_the_deadline(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.handshake_ms = 200;
    nettest_start(t);
    struct raw r;
    raw_tcp(&r, t->agents_port);
    static const uint8_t hello[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
    uint64_t start = uv_hrtime();
    bool open = true;
    for (unsigned i = 0; open && i < 200; i++)
        open = raw_send(&r, i < sizeof hello ? hello + i : (const uint8_t *)"x", 1) &&
               raw_pump(&r, 20);
    assert_false(open);
    assert_in_range((uv_hrtime() - start) / 1000000, 150, PATIENCE_MS);
    raw_done(&r);
    end(t);
}

static void tls_without_a_request_is_closed(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.first_request_ms = 200;
    nettest_start(t);
    struct raw r;
    SSL_CTX *ctx = raw_ctx(t, true);
    raw_tcp(&r, t->agents_port);
    assert_true(raw_tls(&r, ctx, NULL));
    assert_in_range(raw_wait_closed(&r, PATIENCE_MS), 100, PATIENCE_MS);
    assert_int_equal(r.goaways, 1);
    raw_done(&r);
    tg_tls_ctx_free(ctx);
    end(t);
}

/* The connection is in good standing (a stream is open), and still a header block has one absolute
 * deadline. */
static void dripped_header_is_closed_at_the_absolute_deadline(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.header_ms = 200;
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(raw_request(&r, 1, "GET", "/events", -1, true));
    wait_answer(&r, 1);
    static const uint8_t head[] = {0, 1, 0, 1, 5, 0, 0, 0, 3}; /* 256 bytes will follow */
    assert_true(raw_send(&r, head, sizeof head));
    uint64_t start = uv_hrtime();
    bool open = true;
    for (int i = 0; open && i < 250; i++)
        open = raw_send(&r, "", 1) && raw_pump(&r, 20);
    assert_false(open);
    assert_in_range((uv_hrtime() - start) / 1000000, 150, PATIENCE_MS);
    assert_int_equal(r.goaway_code, CALM);
    wait_for(&t->streams_closed, 1);
    raw_done(&r);
    end(t);
}

static void stalled_body_is_answered_408(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.body_ms = 250;
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(raw_request(&r, 1, "POST", "/echo", 100, false));
    uint64_t start = uv_hrtime();
    for (int i = 0; i < 100 && r.resets == 0; i++) {
        assert_true(raw_frame(&r, 0, 0, 1, "x", 1)); /* bytes do not refresh the deadline */
        assert_true(raw_pump(&r, 20));
    }
    assert_in_range((uv_hrtime() - start) / 1000000, 200, PATIENCE_MS);
    assert_int_equal(r.resets, 1);
    assert_int_equal(r.reset_code, NO_ERROR);
    assert_non_null(strstr(tg_buf_text(&r.text), "408"));
    assert_int_equal(atomic_load(&t->on_request), 0);
    raw_done(&r);
    end(t);
}

static void idle_connection_is_closed_with_goaway(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.idle_ms = 250;
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(raw_request(&r, 1, "GET", "/big", -1, true));
    wait_answer(&r, 1);
    assert_in_range(raw_wait_closed(&r, PATIENCE_MS), 150, PATIENCE_MS);
    assert_int_equal(r.goaway_code, NO_ERROR);
    assert_int_equal(r.data_bytes, NETTEST_BIG);
    raw_done(&r);
    end(t);
}

static void send_headers(struct raw *r, unsigned count, size_t value_len)
{
    struct tg_buf block = TG_BUF(65536);
    char *value = tg_alloc(value_len + 1);
    memset(value, 'v', value_len);
    hpack_pair(&block, ":method", "GET");
    hpack_pair(&block, ":scheme", "https");
    hpack_pair(&block, ":authority", "127.0.0.1");
    hpack_pair(&block, ":path", "/info");
    for (unsigned i = 0; i < count; i++)
        hpack_pair(&block, "x-filler", value);
    free(value);
    assert_true(block.len <= 16384 * 2);
    size_t first = block.len < 16000 ? block.len : 16000;
    assert_true(raw_frame(r, 1, (uint8_t)(1 | (first == block.len ? 4 : 0)), 1, block.data, first));
    if (first < block.len)
        assert_true(raw_frame(r, 9, 4, 1, block.data + first, block.len - first));
    tg_buf_done(&block);
}

static void oversized_headers_are_answered_431(void **state)
{
    (void)state;
    static const struct {
        unsigned count;
        size_t len;
        bool refused;
    } cases[] = {{1, 20000, true},
                 {8, 2500, true},
                 {70, 1, true},
                 {60, 1, false},
                 {1, 15000, false}};
    for (size_t i = 0; i < TG_COUNT(cases); i++) {
        struct nettest *t = begin();
        nettest_start(t);
        struct raw r;
        open_h2(t, &r);
        send_headers(&r, cases[i].count, cases[i].len);
        while (r.data_frames == 0)
            assert_true(raw_pump(&r, 10));
        assert_int_equal(strstr(tg_buf_text(&r.text), "431") != NULL, cases[i].refused);
        assert_int_equal(atomic_load(&t->on_request), cases[i].refused ? 0 : 1);
        raw_done(&r);
        end(t);
    }
}

static void announced_oversized_body_is_refused_at_once(void **state)
{
    (void)state;
    struct nettest *t = begin();
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(raw_request(&r, 1, "POST", "/echo", 10L * 1024 * 1024, false));
    while (r.resets == 0)
        assert_true(raw_pump(&r, 10));
    assert_non_null(strstr(tg_buf_text(&r.text), "413"));
    assert_int_equal(r.reset_code, NO_ERROR);
    assert_int_equal(atomic_load(&t->on_request), 0);
    raw_done(&r);
    end(t);
}

static void unannounced_oversized_body_is_refused_at_the_bound(void **state)
{
    (void)state;
    struct nettest *t = begin();
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(raw_request(&r, 1, "POST", "/echo", -1, false));
    static const uint8_t part[8192];
    for (unsigned sent = 0; sent < 65535 - 8192; sent += 8192)
        assert_true(raw_frame(&r, 0, 0, 1, part, sizeof part));
    for (int i = 0; i < 20 && r.resets == 0; i++) {
        assert_true(raw_pump(&r, 20));
        assert_true(raw_frame(&r, 0, 0, 1, part, 4096)); /* the window grows as the server reads */
    }
    assert_int_equal(r.resets, 1);
    assert_non_null(strstr(tg_buf_text(&r.text), "413"));
    assert_int_equal(atomic_load(&t->on_request), 0);
    raw_done(&r);
    end(t);
}

static void rapid_reset_meets_goaway(void **state)
{
    (void)state;
    struct nettest *t = begin();
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    uint8_t cancel[4] = {0, 0, 0, 8};
    bool open = true;
    unsigned sent = 0;
    for (uint32_t id = 1; open && sent < 30000; id += 2, sent++) {
        open = raw_request(&r, id, "GET", "/info", -1, true) && raw_frame(&r, 3, 0, id, cancel, 4);
        if (open && sent % 64 == 0) open = raw_pump(&r, 0);
    }
    (void)raw_wait_closed(&r, PATIENCE_MS);
    assert_true(r.closed);
    raw_done(&r);
    nettest_stop(t, 1000);
    assert_true(t->stats.floods >= 1);
    assert_true(t->stats.requests < 3000);
    assert_int_equal(t->loop_close, 0);
    nettest_free(t);
    free(t);
}

static void flood(uint8_t type, uint8_t flags, uint32_t stream, size_t len)
{
    struct nettest *t = begin();
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(raw_request(&r, 1, "GET", "/events", -1, true));
    uint8_t payload[8] = {0, 0, 0, 1, 0, 0, 0, 1};
    bool open = true;
    for (unsigned sent = 0; open && sent < 20000; sent++) {
        open = raw_frame(&r, type, flags, stream, payload, len);
        if (open && sent % 64 == 0) open = raw_pump(&r, 0);
    }
    (void)raw_wait_closed(&r, PATIENCE_MS);
    assert_int_equal(r.goaway_code, r.goaways ? CALM : NO_ERROR);
    assert_true(r.closed);
    raw_done(&r);
    nettest_stop(t, 1000);
    assert_true(t->stats.floods >= 1);
    assert_int_equal(t->loop_close, 0);
    nettest_free(t);
    free(t);
}

static void ping_flood_meets_goaway(void **state)
{
    (void)state;
    flood(6, 0, 0, 8);
}

static void settings_flood_meets_goaway(void **state)
{
    (void)state;
    flood(4, 0, 0, 0);
}

static void window_update_flood_meets_goaway(void **state)
{
    (void)state;
    flood(8, 0, 0, 4);
}

/* 10 MB for a reader that does not read: its stream ends at the backlog, the others get everything.
 */
static void client_that_does_not_read_has_bounded_memory(void **state)
{
    (void)state;
    struct nettest *t = begin();
    nettest_start(t);
    struct raw slow, driver;
    open_h2(t, &slow);
    assert_true(raw_request(&slow, 1, "GET", "/events", -1, true));
    wait_answer(&slow, 1);
    open_h2(t, &driver);
    assert_true(raw_request(&driver, 1, "POST", "/flood", 0, true));
    wait_answer(&driver, 1);
    assert_int_equal(atomic_load(&t->stream_limit_hits), 1);
    assert_true(atomic_load(&t->worst_pending) <= t->limits.stream_backlog);
    for (int i = 0; i < 500 && slow.resets == 0; i++)
        assert_true(raw_pump(&slow, 10));
    assert_int_equal(slow.reset_code, CALM);
    wait_for(&t->streams_closed, 1);
    raw_done(&slow);
    raw_done(&driver);
    end(t);
}

/* It opened a window of megabytes and then stopped reading TCP: the write deadline ends it. */
static void stuck_socket_is_closed_at_the_write_deadline(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.write_ms = 300;
    t->limits.stream_backlog = 64 * 1024 * 1024;
    nettest_start(t);
    struct raw slow, driver;
    open_h2(t, &slow);
    uint8_t window[6] = {0, 4, 0x7f, 0xff, 0xff, 0xff}, more[4] = {0x7f, 0, 0, 0};
    assert_true(raw_frame(&slow, 4, 0, 0, window, sizeof window));
    assert_true(raw_frame(&slow, 8, 0, 0, more, sizeof more));
    assert_true(raw_request(&slow, 1, "GET", "/events", -1, true));
    wait_answer(&slow, 1);
    open_h2(t, &driver);
    assert_true(raw_request(&driver, 1, "POST", "/flood", 0, true));
    wait_answer(&driver, 1);
    wait_for(&t->streams_closed, 1);
    raw_done(&slow);
    raw_done(&driver);
    end(t);
}

static void answer_without_window_ends_at_the_response_deadline(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.response_ms = 200;
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    assert_true(
        raw_request(&r, 1, "GET", "/huge", -1, true)); /* 64 KiB of window, 1 MiB of answer */
    for (int i = 0; i < 200 && r.resets == 0; i++)
        assert_true(raw_pump(&r, 20));
    assert_int_equal(r.resets, 1);
    assert_int_equal(r.data_bytes, 65535);
    raw_done(&r);
    end(t);
}

static void accepting_pauses_while_handshakes_are_in_flight(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.handshakes = 2;
    t->limits.handshake_ms = 800;
    nettest_start(t);
    struct raw silent[3], r;
    for (int i = 0; i < 3; i++)
        raw_tcp(&silent[i], t->agents_port);
    uint64_t start = uv_hrtime();
    open_h2(t, &r); /* its turn comes when the silent ones are thrown out */
    assert_in_range((uv_hrtime() - start) / 1000000, 700, PATIENCE_MS);
    assert_true(raw_request(&r, 1, "GET", "/info", -1, true));
    wait_answer(&r, 1);
    for (int i = 0; i < 3; i++)
        raw_done(&silent[i]);
    raw_done(&r);
    end(t);
}

static void connections_beyond_the_bound_are_closed_at_once(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.connections = 1;
    nettest_start(t);
    struct raw first, second;
    open_h2(t, &first);
    assert_true(raw_request(&first, 1, "GET", "/events", -1, true));
    wait_answer(&first, 1);
    raw_tcp(&second, t->agents_port);
    assert_in_range(raw_wait_closed(&second, PATIENCE_MS), 0, PATIENCE_MS);
    raw_done(&second);
    raw_done(&first);
    end(t);
}

static void http1_on_the_unix_socket_is_told_to_use_http2(void **state)
{
    (void)state;
    struct nettest *t = begin();
    nettest_start(t);
    struct raw r;
    raw_unix(&r, t->sock);
    static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_true(raw_send(&r, get, sizeof get - 1));
    assert_true(raw_wait_closed(&r, PATIENCE_MS) >= 0);
    assert_non_null(strstr(tg_buf_text(&r.in), "HTTP/1.1 505"));
    assert_non_null(strstr(tg_buf_text(&r.in), "only HTTP/2"));
    raw_done(&r);
    end(t);
}

/* More than 128 requests at a time on one connection are refused by the session, not by the
 * handler. */
static void streams_at_a_time_are_bounded(void **state)
{
    (void)state;
    struct nettest *t = begin();
    t->limits.streams = 4;
    nettest_start(t);
    struct raw r;
    open_h2(t, &r);
    for (uint32_t id = 1; id < 13; id += 2)
        assert_true(raw_request(&r, id, "GET", "/park", -1, true));
    for (int i = 0; i < 200 && r.resets < 2; i++)
        assert_true(raw_pump(&r, 20));
    assert_int_equal(r.resets, 2);
    assert_int_equal(atomic_load(&t->on_request), 4);
    raw_done(&r);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_hello_is_closed_at_the_deadline),
        cmocka_unit_test(dripped_hello_is_closed_at_the_deadline),
        cmocka_unit_test(tls_without_a_request_is_closed),
        cmocka_unit_test(dripped_header_is_closed_at_the_absolute_deadline),
        cmocka_unit_test(stalled_body_is_answered_408),
        cmocka_unit_test(idle_connection_is_closed_with_goaway),
        cmocka_unit_test(oversized_headers_are_answered_431),
        cmocka_unit_test(announced_oversized_body_is_refused_at_once),
        cmocka_unit_test(unannounced_oversized_body_is_refused_at_the_bound),
        cmocka_unit_test(rapid_reset_meets_goaway),
        cmocka_unit_test(ping_flood_meets_goaway),
        cmocka_unit_test(settings_flood_meets_goaway),
        cmocka_unit_test(window_update_flood_meets_goaway),
        cmocka_unit_test(client_that_does_not_read_has_bounded_memory),
        cmocka_unit_test(stuck_socket_is_closed_at_the_write_deadline),
        cmocka_unit_test(answer_without_window_ends_at_the_response_deadline),
        cmocka_unit_test(accepting_pauses_while_handshakes_are_in_flight),
        cmocka_unit_test(connections_beyond_the_bound_are_closed_at_once),
        cmocka_unit_test(http1_on_the_unix_socket_is_told_to_use_http2),
        cmocka_unit_test(streams_at_a_time_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
