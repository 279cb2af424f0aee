/* issue_flow: an approved batch of a flow_world and the issue room over it, with a fake CA. For
 * cmocka programs; each has its own copy. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "ca_fake.h"
#include "ca_world.h"
#include "flow_world/flow_world.h"
#include "issue/issue.h"

enum { WAIT_MS = 30 * 1000, COUNT = 5 };

struct fixture {
    struct flow f;
    struct ca_fake fake;
    struct ca_connector *ca;
    struct issue *issue;
    int64_t attempts; /* of the job, before the pass */
    /* what an exchange act told */
    bool told;
    size_t listed, matched, refused;
    char refusal[240], first[400];
    struct tg_err err;
};

static const struct tg_trust_chain *port_chain(void *ctx)
{
    return approval_chain(((struct fixture *)ctx)->f.approval);
}

static inline struct issue *issue_start(struct fixture *f)
{
    struct issue_ports ports = {f, port_chain};
    const struct ca_connector *connectors[] = {f->ca};
    return issue_new(f->f.db, &ports, connectors, 1);
}

static inline void must(struct fixture *f, int rc)
{
    if (rc < 0) fail_msg("%s", f->f.err.text);
}

static inline int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    flow_init(&f->f, COUNT, true);
    flow_prepare_all(&f->f);
    f->ca = ca_fake_new(&f->fake, &f->f.w, &f->f.loop, "corporate");
    must(f, flow_open(&f->f));
    must(f, flow_mint(&f->f));
    flow_sign(&f->f, &f->f.w.ceo);
    must(f, flow_accept(&f->f));
    *state = f;
    return 0;
}

static inline void stop_issue(struct fixture *f, struct issue *issue)
{
    bool closed = false;
    issue_close(issue, ca_world_closed, &closed);
    assert_true(tg_loop_until(&f->f.loop, ca_world_is, &closed, WAIT_MS));
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->issue) stop_issue(f, f->issue);
    ca_world_stop(&f->f.loop, f->ca);
    flow_done(&f->f);
    free(f);
    return 0;
}

static inline int64_t count(struct fixture *f, const char *sql)
{
    return flow_count(&f->f, sql);
}

static inline bool nothing_to_do(void *data)
{
    return count(data, "SELECT count(*) FROM job WHERE kind = 21") == 0;
}

static inline void run(struct fixture *f)
{
    if (!f->issue) f->issue = issue_start(f);
    issue_wake(f->issue);
    assert_true(tg_loop_until(&f->f.loop, nothing_to_do, f, WAIT_MS));
}

static inline int64_t attempts(struct fixture *f)
{
    return count(f, "SELECT coalesce(max(attempt), 0) FROM job WHERE kind = 21");
}

static inline bool waits_again(void *data)
{
    struct fixture *f = data;
    return attempts(f) > f->attempts &&
           count(f, "SELECT count(*) FROM job WHERE kind = 21 AND owner IS NULL") == 1;
}

/* One pass that leaves something open; the next one begins by the clock. */
static inline void run_in_vain(struct fixture *f)
{
    f->attempts = attempts(f);
    if (!f->issue) f->issue = issue_start(f);
    issue_wake(f->issue);
    assert_true(tg_loop_until(&f->f.loop, waits_again, f, WAIT_MS));
}

static inline void time_passes(struct fixture *f, int64_t seconds)
{
    tg_clock_manual_advance(&f->f.clock, (uint64_t)seconds * 1000);
}

static inline void all_are(struct fixture *f, int state)
{
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(flow_state(&f->f, i), state);
}
