/* planner_in: what the files of this room share. */
#pragma once

#include "planner/planner.h"

struct db *planner_db(const struct planner *p);

/* --- compile: the rules become one statement --- */

/* Replaces the text between the marks of a catalogue query by the rules' CASE and VALUES. The
 * result lives as long as the process: connections know prepared statements by its address. */
int planner_compile(const struct policy_set *set, const struct policy_dictionary *words,
                    const struct db_query *pattern, const struct db_query **ret,
                    struct tg_err *err) TG_MUST_CHECK;

/* --- store --- */

enum { PLANNER_CHUNK = 50000 };

struct planner_words { /* dictionaries as read; names borrowed from results */
    struct policy_word_id *issuers, *departments;
    struct policy_dictionary dictionary;
};

/* Versions of all rules and the two dictionaries: three statements, 0 to 2. */
void planner_add_rules(struct db_unit *u, const struct policy_set *set, int64_t now);
/* ret_ids has policy_count() places. TG_E_STALE: another planner is just storing the same rules,
 * try again. */
int planner_read_rules(const struct db_results *r, const struct policy_set *set, int64_t *ret_ids,
                       struct planner_words *ret, struct tg_err *err) TG_MUST_CHECK;
void planner_words_done(struct planner_words *w);

/* First statement of a unit over sets; the next is number 1. */
void planner_add_tune(struct db_unit *u);
const struct db_query *planner_draft_pattern(void);
const struct db_query *planner_survey_pattern(void);
void planner_add_draft(struct db_unit *u, const struct db_query *compiled,
                       const struct policy_set *set, const int64_t *ids,
                       const struct planner_request *q);
void planner_add_survey(struct db_unit *u, const struct db_query *compiled,
                        const struct policy_set *set, const int64_t *ids,
                        const struct planner_request *q);
/* Rows of either statement added to ret; texts borrowed. ret's arrays have room (see
 * planner_run.c). */
struct planner_lists {
    struct planner_policy_count policies[POLICY_MAX];
    struct planner_skip skipped[16];
    struct planner_item *items; /* PLANNER_ITEMS */
    struct planner_result result;
};
void planner_read_lists(const struct db_results *r, size_t statement, const struct policy_set *set,
                        const struct planner_request *q, struct planner_lists *ret);
void planner_add_expand(struct db_unit *u, int64_t now);
bool planner_expanded(const struct db_results *r, size_t statement); /* no set is left */
void planner_add_sweep(struct db_unit *u, int64_t now);

void planner_add_which(struct db_unit *u, const char *which);
int planner_read_which(const struct db_results *r, const char *which, int64_t *ret_id,
                       struct tg_err *err) TG_MUST_CHECK;
void planner_add_facts(struct db_unit *u, const int64_t *ids, size_t count);
/* Facts of one row, for a decision under set; texts and numbers live in ret and the results. */
struct planner_facts {
    int64_t id;
    struct policy_facts facts;
    char open[24], ended_hash[TG_HEX256], ended[24];
};
void planner_facts_at(const struct db_results *r, size_t statement, size_t row,
                      const struct policy_set *set, struct planner_facts *ret);
