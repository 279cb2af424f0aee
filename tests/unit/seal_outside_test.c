/* seal from outside: docs/verify.py recomputes the roots, and openssl accepts the signature.
 * Neither is ours. */
// uses: base json merkle x509 cms seal seal_world
#include <fcntl.h>
#include <sys/wait.h>

#include "seal_world/refuse.h"
#include "x509/pem.h"

static char dir[] = "/tmp/seal-outside-XXXXXX";

/* Exit code of a program found in PATH, its output thrown away. */
static int run(const char *const *argv)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (chdir(dir) != 0 || null < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) _exit(126);
        /* execvp takes its arguments as char *const[] and does not change them. */
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 127);
    return WEXITSTATUS(status);
}

static void put(const char *name, struct tg_blob bytes)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    passed(tg_file_replace(path, bytes.data, bytes.len, 0600, &err));
}

static void drop_files(void)
{
    static const char *const names[] = {"snapshot", "decisions", "statement", "cms", "anchor.pem"};
    char path[64];
    for (size_t i = 0; i < TG_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void put_world(void)
{
    put("snapshot", seal_blob(&w.snapshot));
    put("decisions", seal_blob(&w.decisions));
    put("statement", seal_blob(&w.statement));
    put("cms", seal_blob(&w.cms));
}

static int python(void)
{
    static const char *const argv[] = {"python3",   SOURCE_ROOT "/docs/verify.py",
                                       "snapshot",  "decisions",
                                       "statement", NULL};
    return run(argv);
}

static int openssl(void)
{
    char at[24];
    (void)snprintf(at, sizeof at, "%lld", (long long)w.now);
    const char *const argv[] = {"openssl", "cms",        "-verify", "-binary",  "-inform",
                                "DER",     "-in",        "cms",     "-content", "statement",
                                "-CAfile", "anchor.pem", "-attime", at,         NULL};
    return run(argv);
}

static void python_recomputes_the_roots(void **state)
{
    (void)state;
    assert_int_equal(python(), 0);
    w.snapshot.data[30] ^= 1;
    put("snapshot", seal_blob(&w.snapshot));
    assert_int_equal(python(), 1);
    w.snapshot.data[30] ^= 1;
    put("snapshot", seal_blob(&w.snapshot));
    w.decisions.data[12] = w.decisions.data[12] == 'a' ? 'b' : 'a';
    put("decisions", seal_blob(&w.decisions));
    assert_int_equal(python(), 1);
    put_world();
}

static void python_agrees_on_every_shape(void **state)
{
    (void)state;
    for (size_t count = 1; count <= SEAL_WORLD_APPS; count++) {
        seal_world_done(&w);
        seal_world_init(&w, count);
        put_world();
        assert_int_equal(python(), 0);
    }
}

static void openssl_accepts_the_signature(void **state)
{
    (void)state;
    size_t len;
    const uint8_t *der = tg_cert_der(w.ceo.cert, &len);
    TG_AUTO(buf) struct tg_buf pem = TG_BUF(TG_MAX_CERT);
    tg_pem_write("CERTIFICATE", der, len, &pem);
    put("anchor.pem", seal_blob(&pem));
    assert_int_equal(openssl(), 0);
    w.statement.data[40] ^= 1;
    put("statement", seal_blob(&w.statement));
    assert_int_not_equal(openssl(), 0);
}

static int open_dir(void **state)
{
    (void)setup(state);
    (void)tg_copy(dir, sizeof dir, "/tmp/seal-outside-XXXXXX");
    assert_non_null(mkdtemp(dir));
    put_world();
    return 0;
}

static int close_dir(void **state)
{
    drop_files();
    return teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(python_recomputes_the_roots, open_dir, close_dir),
        cmocka_unit_test_setup_teardown(python_agrees_on_every_shape, open_dir, close_dir),
        cmocka_unit_test_setup_teardown(openssl_accepts_the_signature, open_dir, close_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
