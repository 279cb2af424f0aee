/* job: the service part never opens a keystore; it starts a short-lived child of the same program,
 * which becomes the keystore's owner, reads one JSON request on descriptor 0 and a password on 3,
 * does one thing, writes one JSON answer on 1, and ends. Kinds: scan, prepare, details, install,
 * retire, after, forget. One call back per job, later, on the loop's thread. */
#pragma once

#include <uv.h>

#include "agent/platform.h"
#include "base/err.h"
#include "base/secret.h"
#include "json/json.h"

struct agent_job;

struct agent_job_spec {
    const char *kind;
    const char
        *path; /* whose owner the child becomes; also the request's `path`, except for after */
    const json_t *request;            /* the kind's own fields */
    const struct tg_secret *password; /* handed over by descriptor; NULL: none */
    unsigned wait_ms;                 /* absolute limit; then the child is killed; 0: 120,000 */
};

/* err NULL: answer holds the kind's fields, valid during the call. TG_E_LOCKED, TG_E_PASSWORD: wait
 * for the holder. */
typedef void (*agent_job_done_fn)(const json_t *answer, const struct tg_err *err, void *data);

/* < 0 and nothing will come, or 0 and done comes once. ret may be NULL. */
int agent_job_start(uv_loop_t *loop, const struct agent_job_spec *spec, agent_job_done_fn done,
                    void *data, struct agent_job **ret, struct tg_err *err) TG_MUST_CHECK;
void agent_job_cancel(struct agent_job *job); /* kills the child; done comes with TG_E_CANCELLED */
/* The same, waiting (command line). *ret_answer is yours. */
int agent_job_call(const struct agent_job_spec *spec, json_t **ret_answer,
                   struct tg_err *err) TG_MUST_CHECK;

/* The child: `tamga-agent job`. Returns the exit code. */
int agent_job_main(void);
