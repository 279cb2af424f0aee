/* keystore_install: a keystore changes its content and nothing else; whatever goes wrong, the old
 * one stays. */
// uses: base keystore | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "keystore/install.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/tamga-install-XXXXXX");
    return mkdtemp(dir) ? chdir(dir) : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (unlinkat(dirfd(d), e->d_name, 0) < 0) (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    if (d) (void)closedir(d);
    if (chdir("/") < 0) return -1;
    return rmdir(dir);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void assert_content(const char *path, const char *text)
{
    struct tg_buf got = TG_BUF(1 << 20);
    struct tg_err err;
    assert_int_equal(tg_file_read(path, &got, &err), 0);
    assert_string_equal(tg_buf_text(&got), text);
    tg_buf_done(&got);
}

/* No temporary file of ours is left; names of the folder apart from them are counted. */
static size_t count_files(void)
{
    size_t n = 0;
    DIR *d = opendir(".");
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        assert_false(strncmp(e->d_name, ".tamga-", 7) == 0);
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n;
}

struct verifier {
    int calls, refuse_at;
};

static int verify(const void *bytes, size_t len, const void *bytes2, size_t len2, void *data,
                  struct tg_err *err)
{
    struct verifier *v = data;
    (void)bytes2;
    (void)len2;
    assert_true(len >= 3 && memcmp(bytes, "new", 3) == 0);
    if (++v->calls == v->refuse_at) return TG_FAIL(err, TG_E_MISMATCH, "refused by the test");
    return 0;
}

static int install_at(int dir_fd, const char *path, const char *text, int refuse_at,
                      struct tg_err *err)
{
    struct verifier v = {.refuse_at = refuse_at};
    const struct tg_install_plan plan = {.dir_fd = dir_fd,
                                         .path = path,
                                         .bytes = text,
                                         .len = strlen(text),
                                         .verify = verify,
                                         .data = &v};
    int rc = tg_install_file(&plan, err);
    if (rc == 0) assert_int_equal(v.calls, 2);
    return rc;
}

static int install(const char *path, const char *text, int refuse_at, struct tg_err *err)
{
    return install_at(AT_FDCWD, path, text, refuse_at, err);
}

static void one_backup_is_kept(void **state)
{
    (void)state;
    struct tg_err err = {0};
    put("k", "old");
    assert_int_equal(install("k", "new 1", 0, &err), 0);
    assert_content("k", "new 1");
    assert_content("k.tamga-old", "old");
    assert_int_equal(install("k", "new 2", 0, &err), 0);
    assert_content("k", "new 2");
    assert_content("k.tamga-old", "new 1");
    assert_int_equal(count_files(), 2);
}

static void mode_owner_and_attributes_are_kept(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct stat st;
    char value[64];
    put("k", "old");
    assert_int_equal(chmod("k", 0604), 0);
    bool root = geteuid() == 0;
    if (root) assert_int_equal(chown("k", 1234, 4321), 0);
    bool xattr = setxattr("k", "user.note", "mine", 4, 0) == 0;
    if (!xattr) print_message("SKIPPED in part: no user attributes on this file system\n");
    assert_int_equal(install("k", "new", 0, &err), 0);
    assert_int_equal(stat("k", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    if (root) assert_true(st.st_uid == 1234 && st.st_gid == 4321);
    if (xattr) {
        assert_int_equal(getxattr("k", "user.note", value, sizeof value), 4);
        assert_memory_equal(value, "mine", 4);
    }
}

/* struct posix_acl_xattr: version 2; user::rw-, user:1:r--, group::r--, mask::rw-, other::--- */
static const uint8_t acl[] = {2,    0,    0,    0,    1,    0,    6,    0,    0xff, 0xff, 0xff,
                              0xff, 2,    0,    4,    0,    1,    0,    0,    0,    4,    0,
                              4,    0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,    6,    0,    0xff,
                              0xff, 0xff, 0xff, 0x20, 0,    0,    0,    0xff, 0xff, 0xff, 0xff};

static void acl_is_kept(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct stat st;
    uint8_t got[256];
    put("k", "old");
    if (setxattr("k", "system.posix_acl_access", acl, sizeof acl, 0) < 0) {
        print_message("SKIPPED: no ACL on this file system: %s\n", strerror(errno));
        skip();
    }
    assert_int_equal(install("k", "new", 0, &err), 0);
    assert_int_equal(getxattr("k", "system.posix_acl_access", got, sizeof got), sizeof acl);
    assert_memory_equal(got, acl, sizeof acl);
    assert_int_equal(stat("k", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
}

static void a_folders_default_acl_does_not_reach_it(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct stat st;
    uint8_t got[256];
    put("k", "old");
    assert_int_equal(chmod("k", 0640), 0);
    if (setxattr(".", "system.posix_acl_default", acl, sizeof acl, 0) < 0) {
        print_message("SKIPPED: no ACL on this file system: %s\n", strerror(errno));
        skip();
    }
    assert_int_equal(install("k", "new", 0, &err), 0);
    assert_int_equal(removexattr(".", "system.posix_acl_default"), 0);
    assert_true(getxattr("k", "system.posix_acl_access", got, sizeof got) < 0);
    assert_int_equal(stat("k", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void a_symlink_stays_and_its_target_changes(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct stat st;
    put("k", "old");
    assert_int_equal(symlink("k", "l2"), 0);
    assert_int_equal(symlink("./l2", "l1"), 0);
    assert_int_equal(install("l1", "new", 0, &err), 0);
    assert_content("k", "new");
    assert_int_equal(lstat("l1", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_content("k.tamga-old", "old");
    if (geteuid() != 0) return;
    /* Another owner's link leads nowhere. */
    assert_int_equal(lchown("l1", 1234, 1234), 0);
    assert_int_equal(install("l1", "new 2", 0, &err), TG_E_DENIED);
    assert_content("k", "new");
}

static void below_a_folder_no_magic_link_is_followed(void **state)
{
    (void)state;
    struct tg_err err = {0};
    char magic[64];
    put("k", "old");
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(install_at(fd, "k", "new", 0, &err), 0);
    assert_content("k", "new");
    (void)snprintf(magic, sizeof magic, "/proc/self/fd/%d/k", fd);
    assert_true(install_at(fd, magic, "new 2", 0, &err) < 0);
    assert_content("k", "new");
    assert_int_equal(close(fd), 0);
}

static void refusals_leave_the_old_file(void **state)
{
    (void)state;
    struct tg_err err = {0};
    put("k", "old");
    assert_int_equal(install("k", "new", 1, &err), TG_E_MISMATCH); /* the temporary does not hold */
    assert_content("k", "old");
    assert_int_equal(install("k", "new", 2, &err), TG_E_MISMATCH); /* what was read back does not */
    assert_content("k", "old");
    assert_int_equal(count_files(), 1);
    assert_int_equal(link("k", "second"), 0);
    assert_int_equal(install("k", "new", 0, &err), TG_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "2 hard links"));
    assert_int_equal(unlink("second"), 0);
    assert_int_equal(install("absent", "new", 0, &err), TG_E_NOT_FOUND);
    assert_int_equal(mkdir("k.tamga-old", 0700), 0);
    assert_int_equal(install("k", "new", 0, &err), TG_E_EXISTS);
    assert_content("k", "old");
    assert_int_equal(install(".", "new", 0, &err), TG_E_INPUT);
    assert_int_equal(install("k.tamga-old", "new", 0, &err), TG_E_INPUT);
    assert_int_equal(count_files(), 2);
}

static void a_changed_file_is_not_overwritten(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct verifier v = {0};
    put("k", "somebody's");
    const struct tg_install_plan plan = {.dir_fd = AT_FDCWD,
                                         .path = "k",
                                         .bytes = "new",
                                         .len = 3,
                                         .verify = verify,
                                         .data = &v,
                                         .expect = "old",
                                         .expect_len = 3};
    assert_int_equal(tg_install_file(&plan, &err), TG_E_STALE);
    assert_content("k", "somebody's");
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct tg_err err = {0};
    struct rlimit was, tight;
    put("k", "old");
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    tight = (struct rlimit){2, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int rc = install("k", "new content", 0, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(rc, TG_E_IO); /* EFBIG */
    assert_content("k", "old");
    assert_int_equal(count_files(), 1);
}

static void what_a_killed_installation_left_is_cleaned(void **state)
{
    (void)state;
    struct tg_err err = {0};
    enum tg_install_recovery outcome;
    char hex[TG_HEX256], name[128];
    put("k", "old");
    tg_sha256_hex("k", 1, hex);
    hex[16] = 0;
    (void)snprintf(name, sizeof name, ".tamga-new.%s.0123456789abcdef", hex);
    put(name, "half");
    (void)snprintf(name, sizeof name, ".tamga-bak.%s.0123456789abcdef", hex);
    assert_int_equal(link("k", name), 0);
    assert_int_equal(tg_install_recover(AT_FDCWD, "k", NULL, &outcome, &err), 0);
    assert_int_equal(outcome, TG_RECOVERED_NOTHING);
    assert_int_equal(count_files(), 1);
    assert_content("k", "old");
    /* Killed behind the rename: the file before it becomes the backup. */
    put(name, "before");
    assert_int_equal(install("k", "new", 0, &err), 0);
    assert_content("k.tamga-old", "old");
    put(name, "before");
    assert_int_equal(tg_install_recover(AT_FDCWD, "k", NULL, NULL, &err), 0);
    assert_content("k.tamga-old", "before");
    assert_content("k", "new");
    assert_int_equal(count_files(), 2);
}

static int pair_of(const char *a, const char *b, int refuse_at, struct tg_err *err)
{
    struct verifier v = {.refuse_at = refuse_at};
    const struct tg_install_pair pair = {.first = {.dir_fd = AT_FDCWD,
                                                   .path = "cert",
                                                   .bytes = a,
                                                   .len = strlen(a),
                                                   .verify = verify,
                                                   .data = &v},
                                         .second_path = "key",
                                         .second_bytes = b,
                                         .second_len = strlen(b)};
    return tg_install_pair(&pair, err);
}

static void a_pair_changes_together(void **state)
{
    (void)state;
    struct tg_err err = {0};
    put("cert", "old cert");
    put("key", "old key");
    assert_int_equal(pair_of("new cert", "new key", 1, &err), TG_E_MISMATCH);
    assert_content("cert", "old cert");
    assert_int_equal(pair_of("new cert", "new key", 2, &err), TG_E_MISMATCH);
    assert_content("cert", "old cert");
    assert_content("key", "old key");
    assert_int_equal(count_files(), 2);
    assert_int_equal(pair_of("new cert", "new key", 0, &err), 0);
    assert_content("cert", "new cert");
    assert_content("key", "new key");
    assert_content("cert.tamga-old", "old cert");
    assert_content("key.tamga-old", "old key");
    assert_int_equal(count_files(), 4);
}

/* A journal as a killed pair installation leaves it; which of the files is there already, and which
 * temporaries. */
static void leave_journal(const char *cert, const char *key, bool temps, bool backups)
{
    char tags[2][TG_HEX256], names[2][2][128], fresh[TG_HEX256], old[TG_HEX256], journal[128];
    static const char *const files[] = {"cert", "key"};
    static const char *const news[] = {"new cert", "new key"}, *const olds[] = {"old cert",
                                                                                "old key"};
    struct tg_buf text = TG_BUF(4096);
    struct tg_err err;
    put("cert", cert);
    put("key", key);
    tg_buf_puts(&text, "tamga install journal v1\n");
    for (int i = 0; i < 2; i++) {
        tg_sha256_hex(files[i], strlen(files[i]), tags[i]);
        tags[i][16] = 0;
        (void)snprintf(names[i][0], 128, ".tamga-new.%s.0000000000000000", tags[i]);
        (void)snprintf(names[i][1], 128, ".tamga-bak.%s.0000000000000000", tags[i]);
        if (temps && strcmp(i ? key : cert, olds[i]) == 0) put(names[i][0], news[i]);
        if (backups) put(names[i][1], olds[i]);
        tg_sha256_hex(news[i], strlen(news[i]), fresh);
        tg_sha256_hex(olds[i], strlen(olds[i]), old);
        tg_buf_hex(&text, files[i], strlen(files[i]));
        tg_buf_printf(&text, " %s %s %s %s\n", names[i][0], names[i][1], fresh, old);
    }
    (void)snprintf(journal, sizeof journal, ".tamga-journal.%s", tags[0]);
    assert_int_equal(tg_file_replace(journal, text.data, text.len, 0600, &err), 0);
    tg_buf_done(&text);
}

static void a_journal_is_finished_or_undone(void **state)
{
    (void)state;
    struct tg_err err = {0};
    enum tg_install_recovery outcome;
    static const struct {
        const char *cert, *key;
        bool temps, backups;
        enum tg_install_recovery outcome;
    } rows[] = {
        {"old cert", "old key", true, true, TG_RECOVERED_FINISHED},
        {"new cert", "old key", true, true, TG_RECOVERED_FINISHED},
        {"new cert", "new key", true, true, TG_RECOVERED_FINISHED},
        {"new cert", "new key", true, false, TG_RECOVERED_FINISHED},
        {"new cert", "old key", false, true, TG_RECOVERED_UNDONE},
        {"old cert", "old key", false, true, TG_RECOVERED_UNDONE},
    };
    for (size_t i = 0; i < TG_COUNT(rows); i++) {
        leave_journal(rows[i].cert, rows[i].key, rows[i].temps, rows[i].backups);
        int rc = tg_install_recover(AT_FDCWD, "cert", "key", &outcome, &err);
        if (rc < 0) fail_msg("row %zu: %s", i, err.text);
        assert_int_equal(outcome, rows[i].outcome);
        bool finished = outcome == TG_RECOVERED_FINISHED;
        assert_content("cert", finished ? "new cert" : "old cert");
        assert_content("key", finished ? "new key" : "old key");
        (void)count_files();
        assert_int_equal(tg_install_recover(AT_FDCWD, "cert", "key", &outcome, &err), 0);
        assert_int_equal(outcome, TG_RECOVERED_NOTHING);
    }
    leave_journal("somebody's", "new key", true, true);
    assert_int_equal(tg_install_recover(AT_FDCWD, "cert", "key", &outcome, &err), TG_E_MISMATCH);
    assert_content("cert", "somebody's");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define EACH(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
        EACH(one_backup_is_kept),
        EACH(mode_owner_and_attributes_are_kept),
        EACH(acl_is_kept),
        EACH(a_folders_default_acl_does_not_reach_it),
        EACH(a_symlink_stays_and_its_target_changes),
        EACH(below_a_folder_no_magic_link_is_followed),
        EACH(refusals_leave_the_old_file),
        EACH(a_changed_file_is_not_overwritten),
        EACH(a_full_disk_leaves_the_old_file),
        EACH(what_a_killed_installation_left_is_cleaned),
        EACH(a_pair_changes_together),
        EACH(a_journal_is_finished_or_undone),
#undef EACH
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
