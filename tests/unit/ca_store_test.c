// The store of issued certificates: what was committed is found, a torn end is cut off, damage is
// refused.
// uses: base merkle seal ca | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "../../orchestrator/ca/store.h"
#include "temp_dir.h"

enum { MANY = 3000 };

static struct tg_err err;
static char dir[64], path[80];
static struct ca_store *store;
static size_t recalls;
static uint64_t torn;

static void on_recall(struct tg_blob text, struct tg_blob cms, void *data)
{
    (void)data;
    assert_memory_equal(text.data, "recall", 6);
    assert_memory_equal(cms.data, "cms", 3);
    recalls++;
}

static void open_store(void)
{
    recalls = 0;
    if (ca_store_open(path, on_recall, NULL, &store, &torn, &err) < 0) fail_msg("%s", err.text);
}

static int setup(void **state)
{
    (void)state;
    temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/issued", dir);
    open_store();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ca_store_free(TG_TAKE(store));
    temp_dir_remove(dir);
    return 0;
}

static void reopen(void)
{
    ca_store_free(TG_TAKE(store));
    open_store();
}

static void key_of(unsigned i, uint8_t ret[TG_SHA256])
{
    tg_sha256(&i, sizeof i, ret);
}

static void put(unsigned i)
{
    uint8_t spki[TG_SHA256], leaf[TG_SHA256];
    char der[64];
    int len = snprintf(der, sizeof der, "certificate %u", i);
    key_of(i, spki);
    key_of(i + 1000000, leaf);
    ca_store_put_certificate(store, spki, leaf, TG_BLOB(der, (size_t)len));
}

static void commit(void)
{
    assert_int_equal(ca_store_commit(store, &err), 0);
}

static bool has(unsigned i)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(1024);
    uint8_t spki[TG_SHA256], leaf[TG_SHA256], wanted[TG_SHA256];
    char text[64];
    key_of(i, spki);
    key_of(i + 1000000, wanted);
    int rc = ca_store_find(store, spki, leaf, &der, &err);
    if (rc == TG_E_NOT_FOUND) return false;
    assert_int_equal(rc, 0);
    (void)snprintf(text, sizeof text, "certificate %u", i);
    assert_string_equal(tg_buf_text(&der), text);
    assert_memory_equal(leaf, wanted, TG_SHA256);
    return true;
}

static off_t size(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void flip(off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void committed_is_found_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        put(i);
        assert_true(has(i)); /* before the commit as well: one group may ask twice */
        if (i % 64 == 63) commit();
    }
    ca_store_put_recall(store, TG_BLOB("recall", 6), TG_BLOB("cms", 3));
    commit();
    reopen();
    assert_int_equal(torn, 0);
    assert_int_equal(recalls, 1);
    assert_int_equal(ca_store_count(store), MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(has(i));
    assert_false(has(MANY));
}

static void not_committed_is_not_there(void **state)
{
    (void)state;
    put(1);
    commit();
    put(2);
    reopen();
    assert_true(has(1));
    assert_false(has(2));
}

/* Every length that a torn write can leave. */
static void a_torn_end_is_cut_off_wherever_it_tears(void **state)
{
    (void)state;
    put(1);
    commit();
    off_t whole = size();
    put(2);
    commit();
    off_t both = size();
    for (off_t at = both - 1; at > whole; at--) {
        ca_store_free(TG_TAKE(store));
        assert_int_equal(truncate(path, at), 0);
        open_store();
        assert_int_equal(torn, at - whole);
        assert_int_equal(size(), whole);
        assert_true(has(1));
        assert_false(has(2));
        put(2); /* and goes on */
        commit();
        assert_int_equal(size(), both);
        assert_true(has(2));
    }
}

static void a_flipped_byte_at_the_end_is_a_torn_end(void **state)
{
    (void)state;
    put(1);
    commit();
    off_t whole = size();
    for (off_t at = 0; at < 100; at += 7) {
        put(2);
        commit();
        flip(whole + at);
        reopen();
        assert_true(torn > 0);
        assert_true(has(1));
        assert_false(has(2));
    }
}

static void damage_before_the_end_is_refused(void **state)
{
    (void)state;
    uint8_t *big = tg_alloc(200 * 1024), spki[TG_SHA256];
    for (unsigned i = 0; i < 8; i++) {
        key_of(i, spki);
        ca_store_put_certificate(store, spki, spki, TG_BLOB(big, 200 * 1024));
        commit();
    }
    free(big);
    ca_store_free(TG_TAKE(store));
    off_t before = size();
    flip(1000);
    assert_int_equal(ca_store_open(path, NULL, NULL, &store, NULL, &err), TG_E_IO);
    assert_non_null(strstr(err.text, "backup"));
    assert_int_equal(size(), before); /* nothing was thrown away */
    store = NULL;
}

static void a_key_keeps_its_first_certificate(void **state)
{
    (void)state;
    uint8_t spki[TG_SHA256];
    put(5);
    key_of(5, spki);
    ca_store_put_certificate(store, spki, spki, TG_BLOB("another", 7));
    commit();
    assert_true(has(5));
    reopen();
    assert_true(has(5));
    assert_int_equal(ca_store_count(store), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(committed_is_found_again),
        T(not_committed_is_not_there),
        T(a_torn_end_is_cut_off_wherever_it_tears),
        T(a_flipped_byte_at_the_end_is_a_torn_end),
        T(damage_before_the_end_is_refused),
        T(a_key_keeps_its_first_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
