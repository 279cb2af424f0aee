// Buffers, bytes, files, secrets, errors and the log.
// uses: base
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/sm.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void errors_carry_code_words_and_place(void **state)
{
    (void)state;
    struct tg_err err = {0};
    assert_int_equal(TG_FAIL(&err, TG_E_NOT_FOUND, "keystore %s: gone", "a.p12"), TG_E_NOT_FOUND);
    assert_int_equal(tg_err_wrap(&err, "application %s", "26-004217-4"), TG_E_NOT_FOUND);
    assert_string_equal(err.text, "application 26-004217-4: keystore a.p12: gone");
    assert_string_equal(err.file, "tests/unit/base_bytes_test.c");
    assert_string_equal(tg_code_word(TG_E_NOT_FOUND), "not-found");
    assert_int_equal(tg_code_from_word("not-found"), TG_E_NOT_FOUND);
    assert_int_equal(tg_code_from_word("nonsense"), TG_E_BUG);
    assert_string_equal(tg_next_word(tg_code_next(TG_E_NO_TRUST)), "ask");
    assert_string_equal(tg_code_word(-4711), "bug");
    assert_string_equal(tg_code_word(3), "bug");
    assert_int_equal(TG_FAIL(NULL, TG_E_IO, "nobody listens"), TG_E_IO);
    assert_int_equal(tg_code_from_errno(ENOSPC), TG_E_DISK_FULL);
}

static void long_errors_are_cut_between_characters(void **state)
{
    (void)state;
    struct tg_err err = {0};
    char text[400];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', sizeof text);
        for (size_t i = shift; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xd1\x82", 2);
        text[sizeof text - 1] = '\0';
        TG_FAIL(&err, TG_E_INPUT, "%s", text);
        size_t len = strlen(err.text);
        assert_in_range(len, TG_ERR_TEXT - 2, TG_ERR_TEXT - 1);
        assert_int_equal((len - shift) % 2, 0);
    }
}

static void buffer_keeps_its_maximum(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct tg_buf b = TG_BUF(10);
    assert_string_equal(tg_buf_text(&b), "");
    tg_buf_puts(&b, "12345");
    tg_buf_printf(&b, "%s", "67890");
    assert_int_equal(tg_buf_ok(&b, &err), 0);
    tg_buf_putc(&b, 'x');
    assert_int_equal(tg_buf_ok(&b, &err), TG_E_LIMIT);
    tg_buf_reset(&b);
    tg_buf_puts(&b, "again");
    tg_buf_shift(&b, 2);
    assert_string_equal(tg_buf_text(&b), "ain");
    assert_int_equal(tg_buf_ok(&b, NULL), 0);
    tg_buf_add(&b, "12345678", 8);
    tg_buf_putc(&b, 'x');
    assert_string_equal(tg_buf_text(&b),
                        "ain"); /* a failed append changes nothing, nor does what follows */
    tg_buf_done(&b);
    assert_int_equal(b.max, 10);
    size_t len = 99;
    TG_AUTO(mem) char *nothing = tg_buf_take(&b, &len);
    assert_string_equal(nothing, "");
    assert_int_equal(len, 0);
}

static void buffer_prints_long_texts(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf b = TG_BUF(5000);
    char text[1001];
    memset(text, 'a', 1000);
    text[1000] = '\0';
    tg_buf_printf(&b, "%s|%d", text, 7);
    assert_int_equal(b.len, 1002);
    assert_string_equal(tg_buf_text(&b) + 1000, "|7");
    tg_buf_hex(&b, "\x00\xff", 2);
    assert_string_equal(tg_buf_text(&b) + 1002, "00ff");
}

static void hashes_and_hex(void **state)
{
    (void)state;
    char hex[TG_HEX256];
    uint8_t a[TG_SHA256], b[TG_SHA256];
    tg_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tg_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    tg_sha256("abc", 3, a);
    tg_sha256_2("a", 1, "bc", 2, b);
    assert_true(tg_equal(a, b, sizeof a));
    assert_true(tg_unhex(hex, 64, b) && tg_equal(a, b, sizeof a));
    assert_true(tg_is_hex(hex, 64));
    assert_false(tg_is_hex(hex, 63) || tg_is_hex("ABCD", 4) || tg_is_hex("abc", 4));
    assert_false(tg_unhex("AB", 2, b) || tg_unhex("abc", 3, b) || tg_unhex("0g", 2, b));
}

static void base64_of_the_rfc_and_strictness(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {"Z",    "Zg",       "Zg=",      "Zg===", "Zh==",
                                      "Zm9=", "Zm8=Zm8=", "Zm9v\n",   " Zm9v", "Zm-_",
                                      "====", "=g==",     "Zg==Zg==", "Z=g="};
    struct tg_err err = {0};
    TG_AUTO(buf) struct tg_buf out = TG_BUF(100);
    for (size_t i = 0; i < TG_COUNT(good); i++) {
        tg_buf_reset(&out);
        tg_base64(&out, good[i][0], strlen(good[i][0]));
        assert_string_equal(tg_buf_text(&out), good[i][1]);
        tg_buf_reset(&out);
        assert_int_equal(tg_unbase64(good[i][1], strlen(good[i][1]), &out, &err), 0);
        assert_string_equal(tg_buf_text(&out), good[i][0]);
    }
    tg_buf_reset(&out);
    tg_buf_puts(&out, "before");
    for (size_t i = 0; i < TG_COUNT(bad); i++) {
        if (tg_unbase64(bad[i], strlen(bad[i]), &out, &err) == 0) fail_msg("taken: %s", bad[i]);
        assert_string_equal(tg_buf_text(&out), "before");
    }
    struct tg_buf tight = TG_BUF(2);
    assert_int_equal(tg_unbase64("Zm9v", 4, &tight, &err), TG_E_LIMIT);
    tg_buf_done(&tight);
}

static void base64_of_random_bytes_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[300];
    tg_random(bytes, sizeof bytes);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        TG_AUTO(buf) struct tg_buf text = TG_BUF(500), back = TG_BUF(300);
        tg_base64(&text, bytes, len);
        assert_int_equal(tg_unbase64(tg_buf_text(&text), text.len, &back, NULL), 0);
        assert_int_equal(back.len, len);
        assert_true(len == 0 || memcmp(back.data, bytes, len) == 0);
    }
    for (int i = 0; i < 1000; i++)
        assert_in_range(tg_random_below(7), 0, 6);
}

static void file_is_replaced_whole(void **state)
{
    (void)state;
    struct tg_err err = {0};
    char folder[] = "/tmp/tamga-base-XXXXXX";
    assert_non_null(mkdtemp(folder));
    TG_AUTO(mem) char *path = tg_printf("%s/file", folder);
    TG_AUTO(buf) struct tg_buf b = TG_BUF(10);
    assert_int_equal(tg_file_read(path, &b, &err), TG_E_NOT_FOUND);
    assert_int_equal(tg_file_replace(path, "first", 5, 0640, &err), 0);
    assert_int_equal(tg_file_replace(path, "second", 6, 0600, &err), 0);
    assert_int_equal(tg_file_read(path, &b, &err), 0);
    assert_string_equal(tg_buf_text(&b), "second");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(tg_file_replace(path, "much too long", 13, 0600, &err), 0);
    assert_int_equal(tg_file_read(path, &b, &err), TG_E_LIMIT);
    TG_AUTO(mem) char *lost = tg_printf("%s/no/file", folder);
    assert_int_equal(tg_file_replace(lost, "x", 1, 0600, &err), TG_E_NOT_FOUND);
    assert_int_equal(tg_file_replace(folder, "x", 1, 0600, &err),
                     TG_E_IO); /* a folder stands there */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* and no temporary file was left behind in it */
}

static int secret_of(const char *bytes, size_t len, struct tg_secret *ret, struct tg_err *err)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], bytes, len), (ssize_t)len);
    close(fd[1]);
    int rc = tg_secret_read_line(fd[0], ret, err);
    close(fd[0]);
    return rc;
}

static void secrets_are_one_line(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(secret) struct tg_secret s = {0};
    assert_int_equal(secret_of("pass word \r\nrest", 16, &s, &err), 0);
    assert_string_equal(s.data, "pass word ");
    assert_int_equal(secret_of("no end", 6, &s, &err), 0);
    assert_string_equal(s.data, "no end");
    assert_int_equal(secret_of("\n", 1, &s, &err), 0);
    assert_int_equal(s.len, 0);
    assert_int_equal(secret_of("", 0, &s, &err), TG_E_INPUT);
    assert_int_equal(secret_of("a\0b\n", 4, &s, &err), TG_E_INPUT);
    char big[1026];
    memset(big, 'k', sizeof big);
    assert_int_equal(secret_of(big, 1024, &s, &err), 0);
    assert_int_equal(secret_of(big, 1025, &s, &err), TG_E_LIMIT);
    assert_null(strchr(err.text, 'k') ? strstr(err.text, "kkkk") : NULL);
    tg_secret_set(&s, s.data, 4); /* from itself */
    assert_string_equal(s.data, "kkkk");
    assert_int_equal(tg_secret_read_file("/nonexistent/file", &s, &err), TG_E_NOT_FOUND);
    assert_int_equal((uintptr_t)s.data % 4096, 0);
}

enum { ANSWERED, CANCELLED, OTHER };

/* The other end of the terminal: ask once, tell by the exit status whether `expected` was
 * understood. */
static void answer_prompt(const char *expected)
{
    struct tg_secret s = {0};
    struct tg_err err = {0};
    int rc = tg_secret_prompt("Password: ", &s, &err);
    if (rc == TG_E_CANCELLED) _exit(CANCELLED);
    _exit(rc == 0 && strcmp(s.data, expected) == 0 ? ANSWERED : OTHER);
}

static int prompt_with(const char *typed, const char *expected, char *ret_seen, size_t size)
{
    int terminal = -1;
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) answer_prompt(expected);
    size_t len = 0;
    ssize_t n;
    bool typed_it = false;
    while (len < size - 1 && (n = read(terminal, ret_seen + len, size - 1 - len)) > 0) {
        len += (size_t)n;
        ret_seen[len] = '\0';
        if (typed_it || !strstr(ret_seen, "Password: ")) continue; /* echo is off from here on */
        typed_it = true;
        assert_int_equal(write(terminal, typed, strlen(typed)), (ssize_t)strlen(typed));
    }
    int status = 0;
    close(terminal);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void typed_password_is_not_echoed(void **state)
{
    (void)state;
    char seen[1000] = "";
    assert_int_equal(prompt_with("s3cret\n", "s3cret", seen, sizeof seen), ANSWERED);
    assert_null(strstr(seen, "s3"));
    assert_int_equal(prompt_with("wrong\x15s3\xd1\x82\x7f\x7f\x33x\r", "s3x", seen, sizeof seen),
                     ANSWERED);
    assert_int_equal(prompt_with("half\x03", "", seen, sizeof seen), CANCELLED);
    assert_int_equal(prompt_with("\x04", "", seen, sizeof seen), CANCELLED);
}

static void process_does_not_dump_core(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit;
        tg_secret_no_core();
        bool none =
            getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0;
        _exit(none && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

struct item {
    int value;
    struct tg_list node;
};

static void list_survives_removal_while_walking(void **state)
{
    (void)state;
    struct tg_list head;
    struct item items[5], *it;
    tg_list_init(&head);
    assert_null(tg_list_first(&head, struct item, node));
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        tg_list_add(&head, &items[i].node);
    }
    int sum = 0;
    tg_list_each(it, &head, struct item, node)
    {
        sum += it->value;
        tg_list_del(&it->node);
        tg_list_del(&it->node); /* harmless */
    }
    assert_int_equal(sum, 10);
    assert_true(tg_list_empty(&head));
}

/* What fn writes to standard error, in a child; ret_status may be NULL. */
static char *stderr_of(void (*fn)(void), int *ret_status)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(fd[1]);
    TG_AUTO(buf) struct tg_buf b = TG_BUF(100000);
    char chunk[1000];
    ssize_t n;
    while ((n = read(fd[0], chunk, sizeof chunk)) > 0)
        tg_buf_add(&b, chunk, (size_t)n);
    close(fd[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (ret_status) *ret_status = status;
    return tg_buf_take(&b, NULL);
}

static int64_t fixed_time(void)
{
    return 1767225599;
}

static void log_text(void)
{
    tg_log_setup(TG_LOG_INFO, TG_LOG_LOGFMT, fixed_time);
    tg_log(TG_LOG_DEBUG, "db", "unseen", "x=%d", 1);
    tg_log(TG_LOG_WARN, "db", "lost", "why=%s n=%d raw=%s", tg_q("two \"words\"\n"), 7, "a\nb");
    struct tg_err err = {0};
    TG_FAIL(&err, TG_E_DB, "gone");
    err.file = "x.c";
    err.line = 1;
    tg_log_err(TG_LOG_ERROR, "db", "failed", &err);
}

static void log_json(void)
{
    tg_log_setup(TG_LOG_INFO, TG_LOG_JSON, NULL);
    tg_log(TG_LOG_WARN, "db", "lost", "why=%s n=%d word=%s hash=%s", tg_q("two \"words\""), 7,
           "a\\b", "007");
    tg_log(TG_LOG_INFO, "db", "back", "%s", "");
}

static void log_writes_one_line_per_event(void **state)
{
    (void)state;
    TG_AUTO(mem) char *text = stderr_of(log_text, NULL);
    assert_string_equal(
        text,
        "2025-12-31T23:59:59Z warn db lost why=\"two \\\"words\\\"\\u000a\" n=7 raw=a?b\n"
        "2025-12-31T23:59:59Z error db failed code=database next=retry text=\"gone\" at=x.c:1\n");
    TG_AUTO(mem) char *json = stderr_of(log_json, NULL);
    assert_string_equal(json,
                        "{\"ts\":\"-\",\"level\":\"warn\",\"room\":\"db\",\"event\":\"lost\","
                        "\"why\":\"two "
                        "\\\"words\\\"\",\"n\":7,\"word\":\"a\\\\b\",\"hash\":\"007\"}\n"
                        "{\"ts\":\"-\",\"level\":\"info\",\"room\":\"db\",\"event\":\"back\"}\n");
}

static void quoting_is_bounded(void **state)
{
    (void)state;
    char text[500];
    memset(text, 1, sizeof text);
    text[499] = '\0';
    assert_int_equal(strlen(tg_q(text)), 200 * 6 + 5);
    assert_string_equal(tg_q(NULL), "\"\"");
    assert_string_equal(tg_q("\xff"), "\"\xef\xbf\xbd\"");
    memset(text, 0xff, 499); /* each broken byte becomes three */
    assert_in_range(strlen(tg_q(text)), 2, 200 * 6 + 5);
}

enum { IDLE, BUSY, DONE };
static const struct tg_sm_state machine[] = {
    [IDLE] = {"idle", TG_SM_TO(BUSY)},
    [BUSY] = {"busy", TG_SM_TO(DONE) | TG_SM_TO(IDLE)},
    [DONE] = {"done", 0},
};

static void move_illegally(void)
{
    struct tg_sm sm;
    tg_sm_init(&sm, "call", machine, 3);
    tg_sm_move(&sm, DONE);
}

static void state_machine_refuses_and_tells(void **state)
{
    (void)state;
    struct tg_sm sm;
    tg_sm_init(&sm, "call", machine, 3);
    tg_sm_move(&sm, BUSY);
    tg_sm_move(&sm, IDLE);
    assert_string_equal(tg_sm_name(&sm), "idle");
    int status = 0;
    TG_AUTO(mem) char *said = stderr_of(move_illegally, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "what=call from=idle to=done"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_carry_code_words_and_place),
        cmocka_unit_test(long_errors_are_cut_between_characters),
        cmocka_unit_test(buffer_keeps_its_maximum),
        cmocka_unit_test(buffer_prints_long_texts),
        cmocka_unit_test(hashes_and_hex),
        cmocka_unit_test(base64_of_the_rfc_and_strictness),
        cmocka_unit_test(base64_of_random_bytes_comes_back),
        cmocka_unit_test(file_is_replaced_whole),
        cmocka_unit_test(secrets_are_one_line),
        cmocka_unit_test(typed_password_is_not_echoed),
        cmocka_unit_test(process_does_not_dump_core),
        cmocka_unit_test(list_survives_removal_while_walking),
        cmocka_unit_test(log_writes_one_line_per_event),
        cmocka_unit_test(quoting_is_bounded),
        cmocka_unit_test(state_machine_refuses_and_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
