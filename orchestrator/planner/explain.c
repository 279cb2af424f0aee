/* Why, or when: facts from SQL, the decision by policy_decide(); and how both answers print. */
#include "planner_in.h"

#include <string.h>

struct explaining {
    struct planner *p;
    struct db *db;
    char *which;
    int64_t as_of;
    planner_explain_fn fn;
    void *data;
};

static void end(struct explaining *x, const struct planner_explanation *e, const struct tg_err *err)
{
    x->fn(e, err, x->data);
    free(x->which);
    free(x);
}

static void on_facts(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct explaining *x = data;
    struct tg_err why = {0};
    if (!err && !planner_policies(x->p)) {
        TG_FAIL(&why, TG_E_STATE, "planner: there are no policies; see `policies` in tamga.yaml");
        err = &why;
    }
    if (err) {
        end(x, NULL, err);
        return;
    }
    const struct policy_set *set = planner_policies(x->p);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(64 * 1024);
    struct planner_facts facts;
    struct planner_explanation e = {.policy = ""};
    planner_facts_at(r, 0, 0, set, &facts);
    policy_decide(set, &facts.facts, x->as_of, &e.decision);
    policy_explain(set, &facts.facts, x->as_of, &text);
    e.certificate_id = facts.id;
    tg_hex(facts.facts.sha256, TG_SHA256, e.certificate);
    if (e.decision.policy >= 0) e.policy = policy_at(set, (size_t)e.decision.policy)->name;
    e.action = policy_action_word(e.decision.action);
    e.why = policy_why_word(e.decision.why);
    e.why_text = policy_why_text(e.decision.why);
    e.application = *facts.open ? facts.open : facts.ended;
    e.text = tg_buf_text(&text);
    end(x, &e, NULL);
}

static void on_which(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct explaining *x = data;
    struct tg_err why = {0};
    int64_t id = 0;
    if (!err && planner_read_which(r, x->which, &id, &why) < 0) err = &why;
    if (err) {
        end(x, NULL, err);
        return;
    }
    struct db_unit *u = db_unit_new(x->db, "planner facts");
    planner_add_facts(u, &id, 1);
    db_unit_run(u, on_facts, x);
}

void planner_explain(struct planner *p, const char *which, int64_t as_of, planner_explain_fn fn,
                     void *data)
{
    struct explaining *x = TG_NEW(struct explaining);
    *x = (struct explaining){.p = p,
                             .db = planner_db(p),
                             .which = tg_strdup(which),
                             .as_of = as_of,
                             .fn = fn,
                             .data = data};
    struct db_unit *u = db_unit_new(x->db, "planner which");
    planner_add_which(u, which);
    db_unit_run(u, on_which, x);
}

/* --- printing --- */

static void print_item(struct tg_jw *w, const struct planner_item *item)
{
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "number", *item->number ? item->number : NULL);
    tg_jw_kstr(w, "certificate", item->certificate);
    tg_jw_kstr(w, "holder", item->holder);
    tg_jw_kstr(w, "holder_name", item->holder_name);
    tg_jw_kstr(w, "policy", item->policy);
    tg_jw_ktime(w, "due", item->due);
    tg_jw_ktime(w, "not_after", item->not_after);
    tg_jw_end(w);
}

void planner_print_json(struct tg_jw *w, const struct planner_result *r)
{
    tg_jw_ktime(w, "as_of", r->as_of);
    tg_jw_kbool(w, "dry_run", r->dry_run);
    tg_jw_kint(w, "drafted", r->drafted);
    tg_jw_key(w, "policies");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < r->policy_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "policy", r->policies[i].policy);
        tg_jw_kstr(w, "action", r->policies[i].action);
        tg_jw_kint(w, "count", r->policies[i].count);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    tg_jw_key(w, "skipped");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < r->skip_count; i++) {
        tg_jw_begin_object(w);
        tg_jw_kstr(w, "why", r->skipped[i].why);
        tg_jw_kint(w, "count", r->skipped[i].count);
        tg_jw_end(w);
    }
    tg_jw_end(w);
    tg_jw_key(w, "items");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < r->item_count; i++)
        print_item(w, &r->items[i]);
    tg_jw_end(w);
}

static void print_time(struct tg_jw *w, const char *key, int64_t at)
{
    tg_jw_key(w, key);
    if (at)
        tg_jw_time(w, at);
    else
        tg_jw_null(w);
}

void planner_print_explanation(struct tg_jw *w, const struct planner_explanation *e)
{
    tg_jw_kstr(w, "certificate", e->certificate);
    tg_jw_kstr(w, "policy", *e->policy ? e->policy : NULL);
    tg_jw_kstr(w, "action", e->action);
    tg_jw_kbool(w, "due_now", e->decision.draft);
    print_time(w, "due", e->decision.due);
    print_time(w, "window", e->decision.opens);
    tg_jw_kstr(w, "decision", e->why);
    tg_jw_kstr(w, "why", e->why_text);
    tg_jw_kstr(w, "application", *e->application ? e->application : NULL);
    tg_jw_kstr(w, "text", e->text);
}
