// The issuing process against a pipe that lies: it answers with a refusal, or ends; it never signs
// and never crashes.
// uses: base loop merkle x509 seal ca | libs: crypto uv
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../orchestrator/ca/frame.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "ca/issuer.h"
#include "temp_dir.h"

enum { CHILD_FD = 5, WAIT_MS = 20 * 1000, RANDOM_FRAMES = 3000 };

extern char **environ;

struct child {
    char dir[64], home[80];
    pid_t pid;
    int fd;
    struct tg_buf in;
    size_t used; /* of in: the frame that was answered last */
};
static struct child c;

static void start(void)
{
    int fds[2];
    char program[] = "issuer", issuer[] = "--issuer", dir[] = "--dir", fd[] = "--fd", five[] = "5";
    char *args[] = {program, issuer, dir, c.home, fd, five, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[1], CHILD_FD), 0);
    assert_int_equal(posix_spawn(&c.pid, "/proc/self/exe", &actions, NULL, args, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    c.fd = fds[0];
    c.used = 0;
    tg_buf_init(&c.in, 8 * 1024 * 1024);
}

/* Its exit code; it has WAIT_MS. */
static int end(void)
{
    int status = 0;
    close(c.fd);
    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (waitpid(c.pid, &status, WNOHANG) == c.pid) {
            tg_buf_done(&c.in);
            if (WIFSIGNALED(status)) fail_msg("it died of signal %d", WTERMSIG(status));
            return WEXITSTATUS(status);
        }
        (void)poll(NULL, 0, 10);
    }
    (void)kill(c.pid, SIGKILL);
    fail_msg("it does not end");
    return -1;
}

static int setup(void **state)
{
    (void)state;
    temp_dir(c.dir);
    (void)snprintf(c.home, sizeof c.home, "%s/issuer", c.dir);
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(c.dir);
    return 0;
}

static void send_bytes(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = send(c.fd, at, len, MSG_NOSIGNAL);
        if (n <= 0) return; /* it ended: the caller sees that */
        at += n;
        len -= (size_t)n;
    }
}

/* The next answer, or type 0 at the end of the pipe. */
static struct ca_frame answer(void)
{
    struct ca_frame f = {0};

    tg_buf_shift(&c.in, c.used);
    c.used = 0;
    while (ca_frame_next(c.in.data, c.in.len, &f, &c.used) == 0) {
        struct pollfd p = {.fd = c.fd, .events = POLLIN};
        uint8_t bytes[65536];
        if (poll(&p, 1, WAIT_MS) <= 0) fail_msg("no answer");
        ssize_t n = read(c.fd, bytes, sizeof bytes);
        if (n <= 0) return (struct ca_frame){0};
        tg_buf_add(&c.in, bytes, (size_t)n);
    }
    return f;
}

static void refused(uint32_t id)
{
    struct tg_err err;
    struct ca_frame f = answer();
    if (f.type != CA_ERROR || f.id != id)
        fail_msg("answer '%c' for %u", f.type ? f.type : '0', f.id);
    ca_frame_get_error(&f, &err);
    assert_true(err.code < 0 && err.text[0]);
}

static void hello(void)
{
    struct tg_buf b = TG_BUF(64);
    size_t at = ca_frame_begin(&b, CA_HELLO, 77);
    ca_frame_u32(&b, CA_PROTOCOL);
    ca_frame_end(&b, at);
    send_bytes(b.data, b.len);
    tg_buf_done(&b);
    struct ca_frame f = answer();
    assert_int_equal(f.type, CA_READY);
    assert_int_equal(f.id, 77);
}

static void a_pipe_that_closes_ends_it_in_peace(void **state)
{
    (void)state;
    hello();
    assert_int_equal(end(), 0);
    start();
    send_bytes("\0\0", 2); /* half a length */
    assert_int_equal(end(), 0);
}

static void another_protocol_is_refused(void **state)
{
    (void)state;
    struct tg_buf b = TG_BUF(64);
    size_t at = ca_frame_begin(&b, CA_HELLO, 1);
    ca_frame_u32(&b, CA_PROTOCOL + 1);
    ca_frame_end(&b, at);
    send_bytes(b.data, b.len);
    refused(1);
    tg_buf_done(&b);
    hello();
    assert_int_equal(end(), 0);
}

static void a_length_out_of_bounds_ends_it(void **state)
{
    (void)state;
    static const uint8_t heads[][9] = {{0xff, 0xff, 0xff, 0xff, 'I', 0, 0, 0, 1},
                                       {0, 0, 0, 0, 'I', 0, 0, 0, 1},
                                       {0, 0, 0, 4, 'I', 0, 0, 0, 1},
                                       {0x7f, 0, 0, 0, 'T', 0, 0, 0, 1}};
    for (size_t i = 0; i < TG_COUNT(heads); i++) {
        if (i > 0) start();
        hello();
        send_bytes(heads[i], sizeof heads[i]);
        assert_int_equal(answer().type, 0);
        assert_int_equal(end(), 1);
    }
}

/* Fields that claim more than there is, more than is allowed, or are one too many. */
static void malformed_fields_are_refused_one_by_one(void **state)
{
    (void)state;
    static const char types[] = "TRSIFLrdceXz"; /* one number is a whole hello */
    static const uint8_t bodies[][8] = {{0},
                                        {0xff, 0xff, 0xff, 0xff},
                                        {0, 0, 0, 1},
                                        {0, 0, 0, 4, 1, 2, 3},
                                        {0, 0, 0, 0, 0, 0, 0, 9},
                                        {0x80, 0, 0, 0, 0, 0, 0, 1}};
    static const size_t lengths[] = {0, 4, 4, 7, 8, 8};
    uint32_t id = 100;
    hello();
    for (const char *type = types; *type; type++) {
        for (size_t i = 0; i < TG_COUNT(bodies); i++) {
            struct tg_buf b = TG_BUF(256);
            if (*type == 'L' && lengths[i] == 0) continue; /* a CRL wants no field */
            size_t at = ca_frame_begin(&b, (enum ca_frame_type) * type, ++id);
            tg_buf_add(&b, bodies[i], lengths[i]);
            ca_frame_end(&b, at);
            send_bytes(b.data, b.len);
            tg_buf_done(&b);
            refused(id);
        }
    }
    hello();
    assert_int_equal(end(), 0);
}

static void put_noise(struct tg_buf *b, uint32_t fields)
{
    uint8_t noise[512];
    for (uint32_t i = 0; i < fields; i++) {
        size_t len = tg_random_below(sizeof noise);
        tg_random(noise, len);
        if (tg_random_below(3) == 0)
            ca_frame_u32(b, tg_random_below(20));
        else
            ca_frame_bytes(b, noise, len);
    }
}

static void noise_is_answered_by_refusals_only(void **state)
{
    (void)state;
    static const char types[] = "TRSIF";
    hello();
    for (uint32_t id = 1; id <= RANDOM_FRAMES; id++) {
        struct tg_buf b = TG_BUF(64 * 1024);
        char type = types[tg_random_below(sizeof types - 1)];
        size_t at = ca_frame_begin(&b, (enum ca_frame_type)type, id);
        put_noise(&b, tg_random_below(12));
        ca_frame_end(&b, at);
        send_bytes(b.data, b.len);
        tg_buf_done(&b);
        if (type == 'F') {
            struct ca_frame f = answer();
            assert_int_equal(f.type, CA_ERROR);
            assert_int_equal(f.id, id);
        } else {
            refused(id);
        }
    }
    hello();
    assert_int_equal(end(), 0);
}

static void a_signed_empty_crl_is_there(void **state)
{
    (void)state;
    struct tg_buf b = TG_BUF(64);
    hello();
    size_t at = ca_frame_begin(&b, CA_CRL, 5);
    ca_frame_end(&b, at);
    send_bytes(b.data, b.len);
    tg_buf_done(&b);
    struct ca_frame f = answer();
    assert_int_equal(f.type, CA_CERT);
    struct tg_blob der = ca_frame_get(&f, TG_MAX_CERT);
    assert_true(ca_frame_done(&f) && der.len > 100);
    assert_int_equal(der.data[0], 0x30);
    assert_int_equal(end(), 0);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    (void)state;
    char path[128];
    hello();
    assert_int_equal(end(), 0);
    (void)snprintf(path, sizeof path, "%s/ca.key", c.home);
    assert_int_equal(chmod(path, 0644), 0);
    start();
    assert_int_equal(answer().type, 0);
    assert_int_equal(end(), 1);
}

static void the_ca_stays_the_same_over_restarts(void **state)
{
    (void)state;
    char path[128];
    struct tg_buf first = TG_BUF(1 << 20), second = TG_BUF(1 << 20);
    struct tg_err err;
    hello();
    assert_int_equal(end(), 0);
    (void)snprintf(path, sizeof path, "%s/ca.crt", c.home);
    assert_int_equal(tg_file_read(path, &first, &err), 0);
    assert_int_equal(unlink(path),
                     0); /* a crash between key and certificate: made again of the key */
    start();
    hello();
    assert_int_equal(end(), 0);
    assert_int_equal(tg_file_read(path, &second, &err), 0);
    start();
    hello();
    assert_int_equal(end(), 0);
    tg_buf_done(&first);
    tg_buf_done(&second);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--issuer") == 0) return ca_issuer_main(argc, argv);
    const struct CMUnitTest tests[] = {
        T(a_pipe_that_closes_ends_it_in_peace),   T(another_protocol_is_refused),
        T(a_length_out_of_bounds_ends_it),        T(malformed_fields_are_refused_one_by_one),
        T(noise_is_answered_by_refusals_only),    T(a_signed_empty_crl_is_there),
        T(a_key_that_others_may_read_is_refused), T(the_ca_stays_the_same_over_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
