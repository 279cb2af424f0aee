/* planner: facts + rules + clock -> drafts. Drafts every due certificate once, by ONE set-based
 * statement compiled from the policies, whoever else plans at the same time; hands over by
 * `prepare` jobs. Never touches an application again and never talks to an agent. Windows gate the
 * jobs, not the drafts. Callbacks on the loop's thread, once, later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "db/db.h"
#include "policy/policy.h"
#include "json/json.h"

struct planner;
typedef void (*planner_closed_fn)(void *data);
struct planner *planner_new(struct db *db);
void planner_close(struct planner *p, planner_closed_fn closed,
                   void *data); /* waits for a run that is on */
/* The rules from now on; the planner owns set. A run that is on ends under the old ones. */
void planner_set_policies(struct planner *p, struct policy_set *set);
const struct policy_set *
planner_policies(const struct planner *p); /* borrowed; NULL before the first set */

struct planner_request {
    int64_t as_of; /* when it is due, seconds; usually now */
    int64_t now;
    bool dry_run; /* counts and a list, nothing written */
    bool quiet;   /* no survey of what is left out: for the clock's runs */
    const char *actor;
};
struct planner_policy_count {
    const char *policy, *action;
    int64_t count;
};
struct planner_skip { /* certificates whose time has come and that are not drafted */
    const char *why;  /* word of POLICY_WHY_TABLE */
    int64_t count;
};
struct planner_item {
    char number[TG_NUMBER]; /* "" in a dry run */
    char certificate[TG_HEX256];
    const char *holder, *holder_name, *policy;
    int64_t due, not_after;
};
enum { PLANNER_ITEMS = 1000 };
struct planner_result {
    int64_t as_of, drafted;
    bool dry_run;
    const struct planner_policy_count *policies;
    size_t policy_count;
    const struct planner_skip *skipped;
    size_t skip_count;
    const struct planner_item *items; /* at most PLANNER_ITEMS, by number or due date */
    size_t item_count;
};
typedef void (*planner_done_fn)(const struct planner_result *result, const struct tg_err *err,
                                void *data);
/* TG_E_STATE without policies. Runs of one planner follow one another. */
void planner_run(struct planner *p, const struct planner_request *request, planner_done_fn fn,
                 void *data);
void planner_print_json(struct tg_jw *w, const struct planner_result *result);

struct planner_explanation {
    int64_t certificate_id;
    char certificate[TG_HEX256];
    const char *policy;                                /* "" none */
    const char *action, *why, *why_text, *application; /* application: the open or ended one, "" */
    struct policy_decision decision;
    const char *text; /* policy_explain() */
};
typedef void (*planner_explain_fn)(const struct planner_explanation *e, const struct tg_err *err,
                                   void *data);
/* which: as inventory_show. */
void planner_explain(struct planner *p, const char *which, int64_t as_of, planner_explain_fn fn,
                     void *data);
void planner_print_explanation(struct tg_jw *w, const struct planner_explanation *e);
