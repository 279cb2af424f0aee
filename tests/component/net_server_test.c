// The server with well-behaved clients: who is there, order of output, streams, a clean stop.
// uses: base net nettest | libs: uv ssl crypto threads
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "nettest/nettest.h"

enum { PATIENCE_MS = 5000 };

static struct nettest *begin(void)
{
    struct nettest *t = tg_alloc(sizeof *t);
    nettest_limits(t);
    nettest_start(t);
    return t;
}

static void end(struct nettest *t)
{
    nettest_stop(t, 1000);
    assert_int_equal(t->loop_close, 0);
    assert_int_equal(t->stats.connections, 0);
    nettest_free(t);
    free(t);
}

static void wait_for(atomic_int *count, int wanted)
{
    for (int i = 0; i < 500 && atomic_load(count) < wanted; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(atomic_load(count), wanted);
}

static void open_h2(struct nettest *t, struct raw *r, uint16_t port, bool certificate)
{
    SSL_CTX *ctx = raw_ctx(t, certificate);
    raw_tcp(r, port);
    assert_true(raw_tls(r, ctx, NULL));
    tg_tls_ctx_free(ctx);
    raw_preface(r);
}

static void wait_text(struct raw *r, size_t bytes)
{
    for (int i = 0; i < 500 && r->data_bytes < bytes; i++)
        assert_true(raw_pump(r, 10));
    assert_true(r->data_bytes >= bytes);
}

static void get(struct tg_client_opts *o, const char *path, struct tg_client_call *call)
{
    struct tg_err err = {0};
    *call = (struct tg_client_call){.method = "GET", .path = path, .total_ms = PATIENCE_MS};
    call->max_response = 4 * NETTEST_HUGE;
    int rc = tg_client_call(o, call, &err);
    if (rc < 0) fail_msg("%s", err.text);
}

static void agent_is_known_by_its_key(void **state)
{
    (void)state;
    struct nettest *t = begin();
    char url[64], spki[TG_HEX256];
    struct tg_client_opts o = nettest_opts(t, url, t->agents_port);
    struct tg_client_call call;
    get(&o, "/info", &call);
    tg_hex(t->client_id.spki, TG_SHA256, spki);
    const char *text = tg_buf_text(&call.response);
    assert_int_equal(call.status, 200);
    assert_string_equal(call.content_type_got, "text/plain");
    assert_non_null(strstr(text, spki));
    assert_non_null(strstr(text, "listener=0"));
    assert_non_null(strstr(text, " cert="));
    assert_non_null(strstr(text, "address=127.0.0.1:"));
    tg_client_call_done(&call);
    end(t);
}

static void agents_port_demands_a_certificate_and_the_api_does_not(void **state)
{
    (void)state;
    struct nettest *t = begin();
    char url[64];
    struct tg_client_opts o = nettest_opts(t, url, t->agents_port);
    o.cert = o.key = NULL;
    struct tg_client_call call = {.method = "GET", .path = "/info", .total_ms = PATIENCE_MS};
    struct tg_err err = {0};
    assert_int_equal(tg_client_call(&o, &call, &err), TG_E_NETWORK);
    tg_client_call_done(&call);

    o = nettest_opts(t, url, t->api_port);
    o.cert = o.key = NULL;
    get(&o, "/info", &call);
    assert_non_null(strstr(tg_buf_text(&call.response), "listener=1 spki= "));
    tg_client_call_done(&call);
    o = nettest_opts(t, url, t->api_port);
    get(&o, "/info", &call);
    assert_null(strstr(tg_buf_text(&call.response), "spki= "));
    tg_client_call_done(&call);
    end(t);
}

static void unix_socket_tells_who_called(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct stat st;
    assert_int_equal(stat(t->sock, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct tg_client_opts o = {.unix_path = t->sock};
    struct tg_client_call call;
    get(&o, "/info", &call);
    char who[64];
    (void)snprintf(who, sizeof who, "uid=%u pid=%d", getuid(), (int)getpid());
    assert_non_null(strstr(tg_buf_text(&call.response), who));
    assert_non_null(strstr(tg_buf_text(&call.response), "exporter= "));
    tg_client_call_done(&call);
    end(t);
    assert_int_not_equal(stat(t->sock, &st), 0);
}

static void never_asked(struct tg_request *req, void *data)
{
    (void)req, (void)data;
    abort();
}

static void unix_socket_replaces_only_a_socket(void **state)
{
    (void)state;
    struct nettest *t = begin();
    char file[96];
    (void)snprintf(file, sizeof file, "%s/plain", t->dir);
    nettest_stop(t, 1000);
    struct tg_err err = {0};
    assert_int_equal(tg_file_replace(file, "x", 1, 0600, &err), 0);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct tg_server_limits limits;
    tg_server_limits_default(&limits);
    struct tg_server_handlers handlers = {.on_request = never_asked};
    struct tg_server *s = tg_server_new(&loop, &limits, &handlers);
    assert_int_equal(tg_server_listen_unix(s, file, 0600, &err), TG_E_EXISTS);
    char longest[200];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = 0;
    assert_int_equal(tg_server_listen_unix(s, longest, 0600, &err), TG_E_LIMIT);
    assert_int_equal(tg_server_listen_unix(s, "/no/such/folder/sock", 0600, &err), TG_E_IO);
    tg_server_stop(s, 0, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    tg_server_free(s);
    (void)unlink(file);
    nettest_free(t);
    free(t);
}

/* Many answers of 12 KiB and 1 MiB at once on one connection: every byte in its place. */
static void large_static_answers_keep_their_order(void **state)
{
    (void)state;
    struct nettest *t = begin();
    char url[64];
    struct tg_client_opts o = nettest_opts(t, url, t->agents_port);
    static const struct {
        const char *path;
        size_t len;
    } cases[] = {{"/big", NETTEST_BIG}, {"/huge", NETTEST_HUGE}, {"/big", NETTEST_BIG}};
    for (size_t i = 0; i < TG_COUNT(cases); i++) {
        struct tg_client_call call;
        get(&o, cases[i].path, &call);
        assert_int_equal(call.response.len, cases[i].len);
        assert_memory_equal(call.response.data, t->huge, cases[i].len);
        tg_client_call_done(&call);
    }
    struct raw r;
    open_h2(t, &r, t->agents_port, true);
    for (uint32_t id = 1; id < 9; id += 2)
        assert_true(raw_request(&r, id, "GET", "/big", -1, true));
    wait_text(&r, 4 * NETTEST_BIG);
    assert_int_equal(r.headers_frames, 4);
    raw_done(&r);
    end(t);
}

/* A stream opens and short requests follow in one packet: every answer is whole. */
static void answers_beside_an_open_stream_are_whole(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct raw r;
    open_h2(t, &r, t->agents_port, true);
    assert_true(raw_request(&r, 1, "GET", "/events", -1, true));
    for (uint32_t id = 3; id < 13; id += 2)
        assert_true(raw_request(&r, id, "GET", "/info", -1, true));
    wait_text(&r, 6 + 5 * 150);
    unsigned answers = 0;
    for (const char *p = tg_buf_text(&r.text); (p = strstr(p, "conn=")); p++)
        answers++;
    assert_int_equal(answers, 5);
    raw_done(&r);
    end(t);
}

static void echo_returns_the_body(void **state)
{
    (void)state;
    struct nettest *t = begin();
    char url[64];
    struct tg_client_opts o = nettest_opts(t, url, t->agents_port);
    for (size_t len = 0; len <= NETTEST_BODY; len = len ? len * 4 : 1) {
        struct tg_client_call call = {.method = "POST",
                                      .path = "/echo",
                                      .body = t->huge,
                                      .body_len = len};
        struct tg_err err = {0};
        assert_int_equal(tg_client_call(&o, &call, &err), 0);
        assert_int_equal(call.status, 200);
        assert_int_equal(call.response.len, len);
        if (len) assert_memory_equal(call.response.data, t->huge, len);
        tg_client_call_done(&call);
    }
    struct tg_client_call more = {.method = "POST",
                                  .path = "/echo",
                                  .body = t->huge,
                                  .body_len = NETTEST_BODY + 1};
    if (tg_client_call(&o, &more, NULL) < 0) fail_msg("%s", more.err.text);
    assert_int_equal(more.status, 413);
    tg_client_call_done(&more);
    end(t);
}

static void parameters_are_decoded_and_checked(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {"/param?name=Dana", "Dana", 200},
        {"/param?x=1&name=%D0%94%D0%B0%D0%BD%D0%B0+A", "Дана A", 200},
        {"/param?name=", "", 200},
        {"/param?name", "", 200},
        {"/param?nam=x&names=y&name=z&name=w", "z", 200},
        {"/param", "not-found", 400},
        {"/param?name=%", "bad-input", 400},
        {"/param?name=%4", "bad-input", 400},
        {"/param?name=%4&x=1", "bad-input", 400},
        {"/param?name=%zz", "bad-input", 400},
        {"/param?name=a%00b", "bad-input", 400},
        {"/param?name=%ff", "bad-input", 400},
        {"/param?name=0123456789012345678901234567890123456789012345678901234567890123",
         "too-large", 400},
    };
    struct nettest *t = begin();
    struct tg_client_opts o = {.unix_path = t->sock};
    for (size_t i = 0; i < TG_COUNT(cases); i++) {
        struct tg_client_call call;
        get(&o, cases[i].path, &call);
        assert_string_equal(tg_buf_text(&call.response), cases[i].body);
        assert_int_equal(call.status, cases[i].status);
        tg_client_call_done(&call);
    }
    end(t);
}

/* The trap of nghttp2_session_del(): no callback names the requests that die with the session. */
static void parked_requests_hear_that_their_connection_died(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct raw r;
    open_h2(t, &r, t->agents_port, true);
    for (uint32_t id = 1; id < 21; id += 2)
        assert_true(raw_request(&r, id, "GET", "/park", -1, true));
    assert_true(raw_request(&r, 21, "GET", "/events", -1, true));
    wait_text(&r, 6);
    wait_for(&t->on_request, 11);
    raw_done(&r);
    wait_for(&t->parked_closed, 10);
    wait_for(&t->streams_closed, 1);
    struct tg_client_opts o = {.unix_path = t->sock};
    struct tg_client_call call = {.method = "POST", .path = "/release"}; /* answers into the void */
    assert_int_equal(tg_client_call(&o, &call, NULL), 0);
    assert_int_equal(call.status, 204);
    tg_client_call_done(&call);
    end(t);
}

static void one_reset_request_leaves_the_others_alone(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct raw r;
    open_h2(t, &r, t->agents_port, true);
    assert_true(raw_request(&r, 1, "GET", "/park", -1, true));
    assert_true(raw_request(&r, 3, "GET", "/park", -1, true));
    wait_for(&t->on_request, 2);
    uint8_t cancel[4] = {0, 0, 0, 8};
    assert_true(raw_frame(&r, 3, 0, 1, cancel, 4));
    wait_for(&t->parked_closed, 1);
    assert_true(raw_request(&r, 5, "POST", "/release", 0, true));
    wait_text(&r, 8);
    assert_string_equal(tg_buf_text(&r.text), "released");
    assert_int_equal(r.headers_frames, 2);
    raw_done(&r);
    end(t);
}

static void stop_says_goaway_and_ends_streams(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct raw r;
    open_h2(t, &r, t->agents_port, true);
    assert_true(raw_request(&r, 1, "GET", "/events", -1, true));
    wait_text(&r, 6);
    nettest_stop(t, 5000);
    assert_in_range(raw_wait_closed(&r, PATIENCE_MS), 0, PATIENCE_MS);
    assert_int_equal(r.goaways, 1);
    assert_int_equal(r.goaway_code, 0);
    assert_int_equal(r.goaway_last, 1);
    assert_int_equal(atomic_load(&t->streams_closed), 1);
    assert_int_equal(t->loop_close, 0);
    raw_done(&r);
    nettest_free(t);
    free(t);
}

static void stop_does_not_wait_longer_than_the_drain(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct raw r, silent;
    raw_tcp(&silent, t->agents_port);
    open_h2(t, &r, t->agents_port, true);
    assert_true(raw_request(&r, 1, "GET", "/park", -1, true));
    wait_for(&t->on_request, 1);
    uint64_t start = uv_hrtime();
    nettest_stop(t, 200);
    assert_in_range((uv_hrtime() - start) / 1000000, 100, 3000);
    assert_int_equal(t->loop_close, 0);
    assert_int_equal(atomic_load(&t->parked_closed), 1);
    raw_done(&r);
    raw_done(&silent);
    nettest_free(t);
    free(t);
}

static void banned_agent_is_sent_away(void **state)
{
    (void)state;
    struct nettest *t = begin();
    struct raw r;
    open_h2(t, &r, t->agents_port, true);
    assert_true(raw_request(&r, 1, "GET", "/events", -1, true));
    wait_text(&r, 6);
    assert_true(raw_request(&r, 3, "POST", "/ban", 0, true));
    assert_in_range(raw_wait_closed(&r, PATIENCE_MS), 0, PATIENCE_MS);
    assert_int_equal(r.goaways, 1);
    wait_for(&t->streams_closed, 1);
    raw_done(&r);
    end(t);
}

static SSL_SESSION *kept;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = SSL_SESSION_dup(session); /* the original dies with its connection */
    return 0;
}

/* Needs the session id context; the agent is known by its key on the resumed connection too. */
static void resumption_works_with_client_certificates(void **state)
{
    (void)state;
    struct nettest *t = begin();
    SSL_CTX *ctx = raw_ctx(t, true);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    char spki[TG_HEX256];
    tg_hex(t->client_id.spki, TG_SHA256, spki);
    for (int i = 0; i < 4; i++) {
        struct raw r;
        SSL_SESSION *copy =
            kept ? SSL_SESSION_dup(kept) : NULL; /* one object used twice stops resuming */
        raw_tcp(&r, t->agents_port);
        assert_true(raw_tls(&r, ctx, copy));
        assert_int_equal(SSL_session_reused(r.ssl), i > 0);
        SSL_SESSION_free(copy);
        raw_preface(&r);
        assert_true(raw_request(&r, 1, "GET", "/info", -1, true));
        wait_text(&r, 100);
        assert_non_null(strstr(tg_buf_text(&r.text), spki));
        raw_done(&r);
    }
    SSL_SESSION_free(kept);
    kept = NULL;
    tg_tls_ctx_free(ctx);
    nettest_stop(t, 1000);
    assert_int_equal(t->stats.resumed, 3);
    assert_int_equal(t->stats.handshakes, 4);
    assert_int_equal(t->loop_close, 0);
    nettest_free(t);
    free(t);
}

static void client_without_h2_in_alpn_is_refused_in_the_handshake(void **state)
{
    (void)state;
    struct nettest *t = begin();
    SSL_CTX *ctx = raw_ctx(t, true);
    assert_int_equal(SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x08http/1.1", 9), 0);
    struct raw r;
    raw_tcp(&r, t->agents_port);
    assert_false(raw_tls(&r, ctx, NULL));
    raw_done(&r);
    tg_tls_ctx_free(ctx);
    end(t);
}

static void tls12_is_refused(void **state)
{
    (void)state;
    struct nettest *t = begin();
    SSL_CTX *ctx = raw_ctx(t, true);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    struct raw r;
    raw_tcp(&r, t->api_port);
    assert_false(raw_tls(&r, ctx, NULL));
    raw_done(&r);
    tg_tls_ctx_free(ctx);
    end(t);
}

static void selfsigned_names_are_checked(void **state)
{
    (void)state;
    struct nettest_id id;
    nettest_id_make(&id, "agent one, of two"); /* not a host: the CN alone */
    struct tg_err err = {0};
    struct tg_buf pem = TG_BUF(16384);
    assert_int_equal(tg_tls_selfsigned(id.key, "", 0, 1, &pem, &err), TG_E_INPUT);
    struct nettest_id other;
    nettest_id_make(&other, "other");
    struct tg_tls_identity wrong = {.cert = id.cert.data,
                                    .cert_len = id.cert.len,
                                    .pkey = other.key};
    SSL_CTX *ctx = NULL;
    assert_int_equal(tg_tls_server_ctx(TG_TLS_API, &wrong, &ctx, &err), TG_E_INPUT);
    wrong = (struct tg_tls_identity){.cert = "rubbish", .cert_len = 7, .pkey = other.key};
    assert_int_equal(tg_tls_server_ctx(TG_TLS_API, &wrong, &ctx, &err), TG_E_INPUT);
    assert_int_equal(tg_tls_client_ctx(NULL, "none", 4, &ctx, &err), TG_E_INPUT);
    assert_null(ctx);
    tg_buf_done(&pem);
    nettest_id_done(&id);
    nettest_id_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_is_known_by_its_key),
        cmocka_unit_test(agents_port_demands_a_certificate_and_the_api_does_not),
        cmocka_unit_test(unix_socket_tells_who_called),
        cmocka_unit_test(unix_socket_replaces_only_a_socket),
        cmocka_unit_test(large_static_answers_keep_their_order),
        cmocka_unit_test(answers_beside_an_open_stream_are_whole),
        cmocka_unit_test(echo_returns_the_body),
        cmocka_unit_test(parameters_are_decoded_and_checked),
        cmocka_unit_test(parked_requests_hear_that_their_connection_died),
        cmocka_unit_test(one_reset_request_leaves_the_others_alone),
        cmocka_unit_test(stop_says_goaway_and_ends_streams),
        cmocka_unit_test(stop_does_not_wait_longer_than_the_drain),
        cmocka_unit_test(banned_agent_is_sent_away),
        cmocka_unit_test(resumption_works_with_client_certificates),
        cmocka_unit_test(client_without_h2_in_alpn_is_refused_in_the_handshake),
        cmocka_unit_test(tls12_is_refused),
        cmocka_unit_test(selfsigned_names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
