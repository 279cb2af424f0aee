/* agent_job: scenery of the tests of job children: one workstation, one error, "refused with every
 * byte where it was". For cmocka programs only, after cmocka.h; each has its own copy. */
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_world/agent_world.h"
#include "base/bytes.h"
#include "base/str.h"

static struct agent_world w;
static struct tg_err err;

static inline void passed(int rc)
{
    if (rc < 0) fail_msg("%s", err.text);
}

static inline void refused(int rc, int code, const char *text)
{
    if (rc == code && strstr(err.text, text)) return;
    fail_msg("expected %s \"...%s...\", got %s \"%s\"", tg_code_word(code), text,
             rc < 0 ? tg_code_word(rc) : "ok", rc < 0 ? err.text : "");
}

static inline int done(void **state)
{
    (void)state;
    agent_world_done(&w);
    return 0;
}

/* -- every name and byte of the folder in one hash */

static inline int no_dots(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static inline void folder_hash(char ret[TG_HEX256])
{
    TG_AUTO(buf) struct tg_buf all = TG_BUF(1 << 24);
    struct dirent **names = NULL;
    int n = scandir(w.dir, &names, no_dots, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", w.dir, names[i]->d_name);
        tg_buf_puts(&all, path);
        passed(tg_file_read(path, &all, &err));
        free(names[i]);
    }
    free(names);
    tg_sha256_hex(all.data, all.len, ret);
}

static inline bool there(const char *name)
{
    char path[400];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", w.dir, name);
    return stat(path, &st) == 0;
}

static inline void hash_of(const struct tg_cert *cert, char ret[TG_HEX256])
{
    tg_hex(tg_cert_facts(cert)->sha256, TG_SHA256, ret);
}

static inline void install_once(bool again)
{
    TG_AUTO(json) json_t *answer = NULL;
    char hex[TG_HEX256];
    passed(agent_world_install(&w, &answer, &err));
    hash_of(w.seal.apps[0].cert, hex);
    assert_string_equal(json_string_value(json_object_get(answer, "certificate")), hex);
    assert_true(json_is_true(json_object_get(answer, "verified")));
    assert_int_equal(json_is_true(json_object_get(answer, "again")), again);
}

/* rc, and every byte is where it was. */
#define UNTOUCHED(call, code, text)                                                                \
    do {                                                                                           \
        char before_[TG_HEX256], after_[TG_HEX256];                                                \
        folder_hash(before_);                                                                      \
        int rc_ = (call);                                                                          \
        refused(rc_, code, text);                                                                  \
        folder_hash(after_);                                                                       \
        assert_string_equal(before_, after_);                                                      \
    } while (0)

#define TEST(f) cmocka_unit_test_teardown(f, done)
