// access: every role with every verb, over nothing, over its own and over another's, against the
// written matrix.
// uses: access
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "access/access.h"

/* A cell: '.' never, 'o' only its own, 'x' always. Columns as in ACCESS_ROLES. */
static const struct {
    const char *verb, *row;
} matrix[] = {
    {"status.read", "xxx.."},
    {"employees.read", "x.x.."},
    {"employees.import", "x...."},
    {"certificates.read", "xxxo."},
    {"certificates.import", "x...."},
    {"certificates.explain", "xxxo."},
    {"agents.read", "x.x.."},
    {"agents.token", "x...."},
    {"agents.accept", "x...."},
    {"agents.ban", "x...."},
    {"plan.dry", "x.x.."},
    {"plan.run", "x...."},
    {"applications.read", "xxxo."},
    {"applications.correct", "x...."},
    {"applications.cancel", "x...."},
    {"applications.retry", "x...."},
    {"applications.bundle", "x.x.o"},
    {"evidence.read", "xxxo."},
    {"batches.read", "xxx.."},
    {"batches.open", "xx..."},
    {"batches.decide", "xx..."},
    {"batches.discard", "xx..."},
    {"batches.session", "xx..."},
    {"batches.approve", "xx..."},
    {"batches.recall", "xx..."},
    {"trust.read", "xxxxx"},
    {"trust.publish", "x...."},
    {"exchange.export", "x...."},
    {"exchange.import", "x...."},
    {"audit.read", "x.x.."},
    {"agent.report", "....o"},
    {"agent.events", "....o"},
    {"agent.renew", "....o"},
};

static char cell(enum access_role role, enum access_verb verb)
{
    const struct access_actor actor = {role, "me"};
    const struct access_subject own = {"me", "me"}, other = {"you", "you"}, nobodys = {NULL, NULL};
    bool always = access_may(&actor, verb, NULL);
    assert_int_equal(access_may(&actor, verb, &other), always);
    assert_int_equal(access_may(&actor, verb, &nobodys), always);
    return always ? 'x' : access_may(&actor, verb, &own) ? 'o' : '.';
}

static void test_matrix_is_as_written(void **state)
{
    (void)state;
    assert_int_equal(sizeof matrix / sizeof *matrix, ACCESS_VERB_END);
    for (int verb = 0; verb < ACCESS_VERB_END; verb++) {
        char row[8] = "";
        for (int role = ACCESS_NOBODY + 1; role < ACCESS_ROLE_END; role++)
            row[role - 1] = cell((enum access_role)role, (enum access_verb)verb);
        print_message("%-24s %s\n", access_verb_word((enum access_verb)verb), row);
        assert_string_equal(access_verb_word((enum access_verb)verb), matrix[verb].verb);
        assert_string_equal(row, matrix[verb].row);
    }
}

static void test_nobody_may_nothing(void **state)
{
    (void)state;
    const struct access_actor nobody = {ACCESS_NOBODY, "me"}, odd = {(enum access_role)99, "me"},
                              admin = {ACCESS_ADMINISTRATOR, ""};
    const struct access_subject own = {"me", "me"};
    for (int verb = 0; verb < ACCESS_VERB_END; verb++) {
        assert_false(access_may(&nobody, (enum access_verb)verb, &own));
        assert_false(access_may(&odd, (enum access_verb)verb, &own));
        assert_false(access_may(NULL, (enum access_verb)verb, &own));
    }
    assert_false(access_may(&admin, ACCESS_VERB_END, NULL));
}

static void test_own_needs_a_name(void **state)
{
    (void)state;
    const struct access_actor holder = {ACCESS_HOLDER, ""}, agent = {ACCESS_AGENT, NULL};
    const struct access_subject empty = {"", ""};
    assert_false(access_may(&holder, ACCESS_CERTIFICATES_READ, &empty));
    assert_false(access_may(&agent, ACCESS_AGENT_REPORT, &empty));
    /* a holder's number is no agent's id, even when they read the same */
    const struct access_actor h = {ACCESS_HOLDER, "x"};
    const struct access_subject agents = {"y", "x"};
    assert_false(access_may(&h, ACCESS_CERTIFICATES_READ, &agents));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix_is_as_written),
        cmocka_unit_test(test_nobody_may_nothing),
        cmocka_unit_test(test_own_needs_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
