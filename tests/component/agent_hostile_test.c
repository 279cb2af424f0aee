/* agent_hostile: the owner of a home does his worst while the agent works there as root's child:
 * nothing out of his reach changes, nothing of root's appears in his home, errors name the thing
 * (TRUST §6). Needs root; the user is a throw-away number without an account. */
// uses: base json merkle x509 cms seal seal_world agent_world agent_platform agent_job | libs: crypto jansson uv threads
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "agent/platform.h"
#include "agent_job.h"

enum { USER = 23456, OTHER = 23457 };

static struct agent_world victim; /* root's own keystore of the same name, readable by all */
static char victim_before[TG_HEX256];

static void hash_of_folder(const struct agent_world *of, char ret[TG_HEX256])
{
    struct agent_world kept = w;
    w = *of;
    folder_hash(ret);
    w = kept;
}

static int begin(void **state)
{
    (void)state;
    if (geteuid() != 0) return 0;
    agent_world_init(&victim, AGENT_PEM, NULL);
    agent_world_init(&w, AGENT_PEM, NULL);
    agent_world_give(&w, USER, USER);
    /* The same content, so that whoever is led there would find what he looks for, and act. */
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(65536);
    passed(tg_file_read(w.path, &bytes, &err));
    passed(tg_file_replace(victim.path, bytes.data, bytes.len, 0644, &err));
    if (chmod(victim.dir, 0755) != 0) return -1;
    hash_of_folder(&victim, victim_before);
    return 0;
}

static void only_his(const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, no_dots, alphasort);
    for (int i = 0; i < n; i++) {
        char path[500];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        assert_int_equal(lstat(path, &st), 0);
        if (st.st_nlink == 1 || S_ISDIR(st.st_mode)) assert_int_not_equal(st.st_uid, 0);
        free(names[i]);
    }
    free(names);
}

/* After each test, whatever it was: root's folder is as it was, and root left nothing behind. */
static int end(void **state)
{
    char after[TG_HEX256];
    (void)state;
    if (geteuid() != 0) return 0;
    hash_of_folder(&victim, after);
    only_his(w.dir);
    agent_world_done(&w);
    agent_world_done(&victim);
    return strcmp(after, victim_before) == 0 ? 0 : -1;
}

#define NEEDS_ROOT()                                                                               \
    do {                                                                                           \
        (void)state;                                                                               \
        if (geteuid() != 0) {                                                                      \
            print_message("SKIPPED: only root can become another user\n");                         \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static int prepare(void)
{
    return agent_world_call(&w, "prepare", w.prepare, NULL, NULL, &err);
}

static int install(void)
{
    return agent_world_install(&w, NULL, &err);
}

static void ready(void)
{
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
}

static void in_home(const char *name, char ret[400])
{
    (void)snprintf(ret, 400, "%s/%s", w.dir, name);
}

static void pending_path(char ret[400])
{
    char name[200];
    (void)snprintf(name, sizeof name, ".both.pem.tamga-%s.key", w.seal.apps[0].leaf.no);
    in_home(name, ret);
}

static void his(const char *path)
{
    assert_int_equal(lchown(path, USER, USER), 0);
}

static void the_child_is_the_owner(void **state)
{
    NEEDS_ROOT();
    struct stat st;
    char path[400];
    ready();
    pending_path(path);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_uid, USER);
    passed(install());
    assert_int_equal(lstat(w.path, &st), 0);
    assert_true(st.st_uid == USER && st.st_gid == USER);
}

static void a_link_to_roots_file_is_not_followed(void **state)
{
    NEEDS_ROOT();
    ready();
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(symlink(victim.path, w.path), 0);
    his(w.path);
    refused(prepare(), TG_E_DENIED, w.path);
    refused(install(), TG_E_DENIED, w.path);
    assert_int_equal(chmod(victim.path, 0600), 0);
    refused(prepare(), TG_E_DENIED, w.path);
}

static void a_hard_link_is_not_split(void **state)
{
    NEEDS_ROOT();
    char second[400];
    ready();
    in_home("second.pem", second);
    assert_int_equal(link(w.path, second), 0);
    refused(prepare(), TG_E_DENIED, "hard links");
    refused(install(), TG_E_DENIED, w.path);
    assert_int_equal(unlink(second), 0);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(link(victim.path, w.path), 0); /* of root's: the child stays root */
    refused(prepare(), TG_E_DENIED, "hard links");
    refused(install(), TG_E_DENIED, w.path);
    assert_int_equal(unlink(w.path), 0);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    NEEDS_ROOT();
    ready();
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(mkfifo(w.path, 0600), 0);
    his(w.path);
    refused(prepare(), TG_E_DENIED, "not a regular file");
    refused(install(), TG_E_DENIED, w.path);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(mkdir(w.path, 0700), 0);
    his(w.path);
    refused(prepare(), TG_E_DENIED, "not a regular file");
    refused(install(), TG_E_DENIED, w.path);
}

static void a_huge_file_is_bounded(void **state)
{
    NEEDS_ROOT();
    ready();
    assert_int_equal(truncate(w.path, INT64_C(1) << 40), 0);
    refused(prepare(), TG_E_LIMIT, w.path);
    refused(install(), TG_E_LIMIT, w.path);
}

/* w.path through a folder that is a link of his own: to root's, then to another user's. */
static void a_linked_folder_leads_nowhere(void **state)
{
    NEEDS_ROOT();
    char folder[400], kept[96];
    struct agent_world other;
    char before[TG_HEX256], after[TG_HEX256];
    in_home("keys", folder);
    (void)tg_copy(kept, sizeof kept, w.path);
    (void)snprintf(w.path, sizeof w.path, "%s/keys/both.pem", w.dir);
    assert_int_equal(symlink(victim.dir, folder), 0);
    his(folder);
    refused(prepare(), TG_E_DENIED, "a symlink on its way");
    assert_int_equal(unlink(folder), 0);
    agent_world_init(&other, AGENT_PEM, NULL);
    agent_world_give(&other, OTHER, OTHER);
    hash_of_folder(&other, before);
    assert_int_equal(symlink(other.dir, folder), 0);
    his(folder);
    refused(prepare(), TG_E_DENIED, w.path);
    hash_of_folder(&other, after);
    assert_string_equal(before, after);
    agent_world_done(&other);
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(symlink(".", folder), 0); /* to his own: that is his business */
    his(folder);
    passed(prepare());
    (void)tg_copy(w.path, sizeof w.path, kept);
}

static void a_replaced_key_is_not_installed(void **state)
{
    NEEDS_ROOT();
    char path[400];
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(65536), good = TG_BUF(65536);
    TG_AUTO(secret) struct tg_secret own = {0};
    ready();
    pending_path(path);
    passed(tg_file_read(path, &good, &err));
    passed(tg_key_generate("ec-p256", &key, &err));
    passed(tg_key_to_pkcs8(key, NULL, 0, &der, &err));
    passed(tg_file_replace(path, der.data, der.len, 0600, &err)); /* another, not sealed */
    his(path);
    refused(install(), TG_E_MISMATCH, path);
    tg_buf_reset(&der);
    tg_secret_set(&own, "of his own", 10);
    passed(tg_key_to_pkcs8(key, &own, 10, &der, &err));
    passed(tg_file_replace(path, der.data, der.len, 0600, &err)); /* sealed with another secret */
    his(path);
    refused(install(), TG_E_MISMATCH, path);
    assert_int_equal(truncate(path, 20), 0);
    refused(install(), TG_E_MISMATCH, path);
    assert_int_equal(unlink(path), 0);
    refused(install(), TG_E_NOT_FOUND, path);
    assert_int_equal(symlink(victim.path, path), 0);
    his(path);
    refused(install(), TG_E_DENIED, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    his(path);
    refused(install(), TG_E_DENIED, path);
    assert_int_equal(unlink(path), 0);
    passed(tg_file_replace(path, good.data, good.len, 0600, &err));
    refused(install(), TG_E_DENIED, path); /* the right bytes, but root's file */
    his(path);
    assert_int_equal(chmod(path, 0), 0);
    refused(install(), TG_E_DENIED, path);
    assert_int_equal(chmod(path, 0600), 0);
    passed(install());
}

/* A key that he put there before the agent made one is not taken for the agent's own. */
static void a_planted_key_is_not_adopted(void **state)
{
    NEEDS_ROOT();
    char path[400], planted[TG_HEX256];
    TG_AUTO(key) struct tg_key *key = NULL;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(65536);
    pending_path(path);
    passed(tg_key_generate("ec-p256", &key, &err));
    tg_key_spki_hex(key, planted);
    passed(tg_key_to_pkcs8(key, NULL, 0, &der, &err));
    passed(tg_file_replace(path, der.data, der.len, 0600, &err));
    his(path);
    ready();
    assert_string_not_equal(w.seal.apps[0].leaf.key, planted);
    passed(install());
}

static void planted_names_do_no_harm(void **state)
{
    NEEDS_ROOT();
    char path[400], tag[TG_HEX256], name[64], text[512];
    ready();
    in_home("both.pem.tamga-old", path);
    assert_int_equal(symlink(victim.path, path), 0);
    his(path);
    tg_sha256_hex("both.pem", 8, tag);
    (void)snprintf(name, sizeof name, ".tamga-journal.%.16s", tag);
    in_home(name, path);
    (void)snprintf(text, sizeof text,
                   "tamga install journal v1\n626f74682e70656d .tamga-a .tamga-b %s %s\n"
                   "2e2e2f78 .tamga-a .tamga-b %s %s\n",
                   tag, tag, tag, tag); /* the second name is ../x */
    passed(tg_file_replace(path, text, strlen(text), 0600, &err));
    his(path);
    refused(install(), TG_E_INPUT, "journal");
    assert_int_equal(unlink(path), 0);
    (void)snprintf(name, sizeof name, ".tamga-bak.%.16s.0000000000000000", tag);
    in_home(name, path);
    assert_int_equal(symlink(victim.path, path), 0);
    his(path);
    (void)snprintf(name, sizeof name, ".tamga-new.%.16s.0000000000000000", tag);
    in_home(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
    his(path);
    passed(install());
}

static const json_t *reported(const json_t *answer, const char *name)
{
    size_t i;
    const json_t *ks;
    json_array_foreach(json_object_get(answer, "keystores"), i, ks)
    {
        if (tg_ends(json_string_value(json_object_get(ks, "path")), name)) return ks;
    }
    return NULL;
}

/* A scan root of root's with a home in it: each file is read as its owner, and by no other. */
static void a_scan_reads_as_each_owner(void **state)
{
    NEEDS_ROOT();
    char home[200], link[220], own[220], secret[200];
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(65536);
    TG_AUTO(json)
    json_t *answer = NULL, *request = json_pack("{s:[s],s:[]}", "paths", victim.dir, "passwords");
    (void)snprintf(secret, sizeof secret, "%s/secret.pem", victim.dir);
    (void)snprintf(home, sizeof home, "%s/home", victim.dir);
    (void)snprintf(link, sizeof link, "%s/link.pem", home);
    (void)snprintf(own, sizeof own, "%s/own.pem", home);
    passed(tg_file_read(w.path, &bytes, &err));
    passed(tg_file_replace(secret, bytes.data, bytes.len, 0600, &err));
    assert_int_equal(mkdir(home, 0700), 0);
    passed(tg_file_replace(own, bytes.data, bytes.len, 0600, &err));
    assert_int_equal(symlink(secret, link), 0);
    his(home);
    his(own);
    his(link);
    passed(agent_world_call(&victim, "scan", request, NULL, &answer, &err));
    const json_t *ks = reported(answer, "/secret.pem");
    assert_non_null(ks);
    assert_string_equal(json_string_value(json_object_get(ks, "owner")), "root");
    ks = reported(answer, "/own.pem");
    assert_non_null(ks);
    assert_string_equal(json_string_value(json_object_get(ks, "owner")), "23456");
    assert_int_equal(json_array_size(json_object_get(ks, "entries")), 1);
    assert_null(reported(answer, "/link.pem")); /* root could read it; he cannot */
    assert_int_equal(unlink(link) | unlink(own) | rmdir(home) | unlink(secret), 0);
}

/* -- races: somebody exchanges the file, or the folder, all the time */

struct race {
    atomic_bool stop;
    char real[400], link[400], target[400];
};

static void *exchange(void *data)
{
    struct race *r = data;
    while (!atomic_load(&r->stop)) {
        (void)renameat2(AT_FDCWD, r->real, AT_FDCWD, r->link, RENAME_EXCHANGE);
        for (volatile int i = 0; i < 20000; i++)
            continue;
    }
    return NULL;
}

/* The real thing and a link to root's change places; runs jobs until both outcomes were seen. */
static void run_race(struct race *r)
{
    pthread_t thread;
    int good = 0, bad = 0;
    assert_int_equal(symlink(r->target, r->link), 0);
    his(r->link);
    assert_int_equal(pthread_create(&thread, NULL, exchange, r), 0);
    for (int i = 0; i < 60 && (i < 25 || !good || !bad); i++) {
        int rc = prepare();
        good += rc == 0;
        bad += rc < 0;
        if (rc < 0) assert_non_null(strstr(err.text, "both.pem"));
    }
    atomic_store(&r->stop, true);
    (void)pthread_join(thread, NULL);
    print_message("race: %d prepared, %d refused\n", good, bad);
    assert_true(bad > 0);
    struct stat st;
    assert_int_equal(lstat(r->real, &st), 0);
    if (S_ISLNK(st.st_mode)) (void)renameat2(AT_FDCWD, r->real, AT_FDCWD, r->link, RENAME_EXCHANGE);
    assert_int_equal(unlink(r->link), 0);
}

static void a_file_exchanged_meanwhile_changes_nothing_of_roots(void **state)
{
    NEEDS_ROOT();
    struct race r = {.stop = false};
    (void)tg_copy(r.real, sizeof r.real, w.path);
    in_home("link", r.link);
    (void)tg_copy(r.target, sizeof r.target, victim.path);
    run_race(&r);
    ready();
    passed(install());
}

static void a_folder_exchanged_meanwhile_changes_nothing_of_roots(void **state)
{
    NEEDS_ROOT();
    struct race r = {.stop = false};
    char moved[400];
    in_home("keys", r.real);
    in_home("link", r.link);
    (void)tg_copy(r.target, sizeof r.target, victim.dir);
    assert_int_equal(mkdir(r.real, 0700), 0);
    his(r.real);
    in_home("keys/both.pem", moved);
    assert_int_equal(rename(w.path, moved), 0);
    (void)snprintf(w.path, sizeof w.path, "%s/keys/both.pem", w.dir);
    run_race(&r);
    only_his(r.real);
}

/* -- becoming somebody */

static void nobody_acts_for_another(void **state)
{
    NEEDS_ROOT();
    struct agent_owner owner = {.uid = USER, .gid = USER, .name = "somebody"};
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct agent_owner other = {.uid = OTHER, .gid = OTHER, .name = "another"};
        struct tg_err e = {0};
        bool ok = agent_become(&owner, &e) == 0 && getuid() == USER && getegid() == USER &&
                  getgroups(0, NULL) == 0 && setuid(0) != 0 &&
                  agent_become(&other, &e) == TG_E_DENIED && strstr(e.text, "another") &&
                  agent_may_act_for(&other, "/x", &e) == TG_E_DENIED &&
                  agent_may_act_for(&owner, "/x", &e) == 0;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define HOSTILE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(int argc, char **argv)
{
    /* The children cannot be traced by their own user: no leak check in them. */
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    agent_world_child(argc, argv);
    const struct CMUnitTest tests[] = {
        HOSTILE(the_child_is_the_owner),
        HOSTILE(a_link_to_roots_file_is_not_followed),
        HOSTILE(a_hard_link_is_not_split),
        HOSTILE(what_is_no_file_is_refused_at_once),
        HOSTILE(a_huge_file_is_bounded),
        HOSTILE(a_linked_folder_leads_nowhere),
        HOSTILE(a_replaced_key_is_not_installed),
        HOSTILE(a_planted_key_is_not_adopted),
        HOSTILE(planted_names_do_no_harm),
        HOSTILE(a_scan_reads_as_each_owner),
        HOSTILE(a_file_exchanged_meanwhile_changes_nothing_of_roots),
        HOSTILE(a_folder_exchanged_meanwhile_changes_nothing_of_roots),
        HOSTILE(nobody_acts_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
