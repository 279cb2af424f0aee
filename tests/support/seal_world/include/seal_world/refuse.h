/* refuse: the scenery of the tests of checks: one world, one error, and the sentence "this is
 * refused by that check". For cmocka programs only; each has its own copy. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "seal_world/seal_world.h"

static struct tg_err err;
static struct tg_checked checked;
static struct tg_leaf leaf;
static struct seal_world w;

static inline int setup(void **state)
{
    (void)state;
    seal_world_init(&w, 5);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    seal_world_done(&w);
    return 0;
}

/* rc is exactly this refusal, and the text begins with the name of the check. */
static inline void refused(int rc, int code, const char *check)
{
    if (rc == code && strncmp(err.text, check, strlen(check)) == 0) return;
    fail_msg("expected %d \"%s...\", got %d \"%s\"", code, check, rc, rc ? err.text : "accepted");
}

/* Any refusal of that check. */
static inline void refused_somehow(int rc, const char *check)
{
    assert_true(rc < 0);
    refused(rc, rc, check);
}

static inline void passed(int rc)
{
    if (rc < 0) fail_msg("%s", err.text);
}

static inline int statement_check(void)
{
    return tg_check_statement(&w.knowledge, &w.signed_, &checked, &err);
}

static inline int leaf_check(size_t i)
{
    struct tg_merkle_proof proof;
    struct tg_leaf_place place = seal_world_place(&w, i, &proof);
    return tg_check_leaf(&checked, &place, w.apps[i].old, &leaf, &err);
}

static inline int request_check(size_t i)
{
    struct tg_merkle_proof a, b;
    struct tg_leaf_place place = seal_world_place(&w, i, &a);
    struct tg_request request = seal_world_request(&w, i, &b);
    return tg_check_request(&checked, &place, &leaf, &request, w.apps[i].old, &err);
}

static inline int certificate_check(size_t i)
{
    struct tg_issued issued = seal_world_issued(&w, i);
    return tg_check_certificate(&w.knowledge, &leaf, &issued, &err);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
