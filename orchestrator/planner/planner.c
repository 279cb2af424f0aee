/* One run: store the rules and read the dictionaries, survey (unless quiet), draft, hand over as
 * prepare jobs. */
#include "planner_in.h"

#include <string.h>

#include "base/list.h"

struct planner {
    struct db *db;
    struct policy_set *set;
    struct tg_list waiting; /* runs; the first is on */
    struct tg_list retired; /* sets whose runs may still be on */
    bool running, closing;
    struct tg_deadline later; /* closes the planner outside of every callback */
    planner_closed_fn closed;
    void *closed_data;
};

struct run {
    struct tg_list node;
    struct planner *p;
    const struct policy_set *set; /* the rules of its start */
    struct planner_request request;
    char *actor;
    int64_t ids[POLICY_MAX];
    const struct db_query *draft, *survey;
    struct planner_lists lists;
    char **kept; /* copies of texts that outlive their results */
    size_t kept_count;
    int tries;
    struct tg_err err;
    planner_done_fn fn;
    void *data;
};

struct retired {
    struct tg_list node;
    struct policy_set *set;
};

enum { TRIES = 5 };

static void start_next(struct planner *p);

struct planner *planner_new(struct db *db)
{
    struct planner *p = TG_NEW(struct planner);
    p->db = db;
    tg_list_init(&p->waiting);
    tg_list_init(&p->retired);
    tg_deadline_init(&p->later, db_loop(db), p);
    return p;
}

static void on_gone(struct tg_deadline *d, void *data)
{
    (void)d;
    struct planner *p = data;
    planner_closed_fn closed = p->closed;
    void *closed_data = p->closed_data;
    struct retired *old;
    tg_list_each(old, &p->retired, struct retired, node)
    {
        policy_free(old->set);
        free(old);
    }
    policy_free(p->set);
    free(p);
    if (closed) closed(closed_data);
}

void planner_close(struct planner *p, planner_closed_fn closed, void *data)
{
    p->closing = true;
    p->closed = closed;
    p->closed_data = data;
    if (!p->running) tg_deadline_close(&p->later, on_gone);
}

void planner_set_policies(struct planner *p, struct policy_set *set)
{
    if (p->set) {
        struct retired *old = TG_NEW(struct retired);
        old->set = p->set;
        tg_list_add(&p->retired, &old->node);
    }
    p->set = set;
}

struct db *planner_db(const struct planner *p)
{
    return p->db;
}

const struct policy_set *planner_policies(const struct planner *p)
{
    return p->set;
}

static void free_retired(struct planner *p)
{
    struct retired *old;
    tg_list_each(old, &p->retired, struct retired, node)
    {
        tg_list_del(&old->node);
        policy_free(old->set);
        free(old);
    }
}

static void run_free(struct run *run)
{
    for (size_t i = 0; i < run->kept_count; i++)
        free(run->kept[i]);
    free(run->kept);
    free(run->lists.items);
    free(run->actor);
    free(run);
}

/* The answer comes from the last callback of the run; then the next one starts. */
static void finish(struct run *run, const struct tg_err *err)
{
    struct planner *p = run->p;
    struct planner_result *r = &run->lists.result;
    r->as_of = run->request.as_of;
    r->dry_run = run->request.dry_run;
    r->policies = run->lists.policies;
    r->skipped = run->lists.skipped;
    r->items = run->lists.items;
    tg_list_del(&run->node);
    run->fn(err ? NULL : r, err, run->data);
    run_free(run);
    p->running = false;
    if (tg_list_empty(&p->waiting)) free_retired(p);
    start_next(p);
}

static const char *keep_text(struct run *run, const char *text)
{
    if (!text) return "";
    run->kept = tg_realloc(run->kept, (run->kept_count + 1) * sizeof *run->kept);
    return run->kept[run->kept_count++] = tg_strdup(text);
}

/* The results end with their callback; the answer is given after later ones. */
static void keep_texts(struct run *run)
{
    for (size_t i = 0; i < run->lists.result.item_count; i++) {
        struct planner_item *item = &run->lists.items[i];
        item->holder = keep_text(run, item->holder);
        item->holder_name = keep_text(run, item->holder_name);
    }
    for (size_t i = 0; i < run->lists.result.skip_count; i++)
        run->lists.skipped[i].why = keep_text(run, run->lists.skipped[i].why);
}

static void expand_next(struct run *run);

static void on_swept(const struct db_results *r, const struct tg_err *err, void *data)
{
    (void)r;
    finish(data, err);
}

/* After the sets, so that it finds only what they left: drafts of before, whose agent came late. */
static void sweep(struct run *run)
{
    struct db_unit *u = db_unit_new(run->p->db, "planner sweep");
    planner_add_tune(u);
    planner_add_sweep(u, run->request.now);
    db_unit_run(u, on_swept, run);
}

static void on_expanded(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct run *run = data;
    if (err)
        finish(run, err); /* what was drafted stands; the jobs come with the next run */
    else if (planner_expanded(r, 1))
        sweep(run);
    else
        expand_next(run);
}

static void expand_next(struct run *run)
{
    struct db_unit *u = db_unit_new(run->p->db, "planner jobs");
    planner_add_tune(u);
    planner_add_expand(u, run->request.now);
    db_unit_run(u, on_expanded, run);
}

static void on_drafted(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct run *run = data;
    if (err) {
        finish(run, err);
        return;
    }
    planner_read_lists(r, 1, run->set, &run->request, &run->lists);
    keep_texts(run);
    expand_next(run);
}

static void draft(struct run *run)
{
    struct db_unit *u = db_unit_new(run->p->db, "planner draft");
    db_unit_deadline(u, 600 * 1000); /* 100,000 drafts take seconds; a busy disk more */
    planner_add_tune(u);
    planner_add_draft(u, run->draft, run->set, run->ids, &run->request);
    db_unit_run(u, on_drafted, run);
}

static void on_surveyed(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct run *run = data;
    if (err) {
        finish(run, err);
        return;
    }
    planner_read_lists(r, 1, run->set, &run->request, &run->lists);
    keep_texts(run);
    if (run->request.dry_run) {
        finish(run, NULL);
        return;
    }
    /* the survey gave the reasons; what was drafted is counted by the draft itself */
    run->lists.result.policy_count = 0;
    run->lists.result.drafted = 0;
    draft(run);
}

static void survey(struct run *run)
{
    struct db_unit *u = db_unit_new(run->p->db, "planner survey");
    db_unit_deadline(u, 600 * 1000);
    planner_add_tune(u);
    planner_add_survey(u, run->survey, run->set, run->ids, &run->request);
    db_unit_run(u, on_surveyed, run);
}

static void rules(struct run *run);

static void on_rules(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct run *run = data;
    struct planner_words words = {0};
    int rc = err ? err->code : planner_read_rules(r, run->set, run->ids, &words, &run->err);
    if (rc == TG_E_STALE && run->tries++ < TRIES) {
        rules(run);
        return;
    }
    if (rc == 0)
        rc = planner_compile(run->set, &words.dictionary, planner_draft_pattern(), &run->draft,
                             &run->err);
    if (rc == 0)
        rc = planner_compile(run->set, &words.dictionary, planner_survey_pattern(), &run->survey,
                             &run->err);
    planner_words_done(&words);
    if (rc < 0)
        finish(run, err ? err : &run->err);
    else if (run->request.dry_run || !run->request.quiet)
        survey(run);
    else
        draft(run);
}

static void rules(struct run *run)
{
    struct db_unit *u = db_unit_new(run->p->db, "planner rules");
    planner_add_rules(u, run->set, run->request.now);
    db_unit_run(u, on_rules, run);
}

static void on_refused(struct tg_deadline *d, void *data)
{
    (void)d;
    struct planner *p = data;
    struct run *run = tg_list_first(&p->waiting, struct run, node);
    finish(run, &run->err);
}

static void start_next(struct planner *p)
{
    struct run *run = tg_list_first(&p->waiting, struct run, node);
    if (!run) {
        if (p->closing) tg_deadline_close(&p->later, on_gone);
        return;
    }
    p->running = true;
    run->set = p->set;
    if (p->closing)
        TG_FAIL(&run->err, TG_E_CANCELLED, "planner: it closes");
    else if (!p->set)
        TG_FAIL(&run->err, TG_E_STATE,
                "planner: there are no policies; see `policies` in tamga.yaml");
    if (run->err.code < 0)
        tg_deadline_start(&p->later, 0, on_refused);
    else
        rules(run);
}

void planner_run(struct planner *p, const struct planner_request *request, planner_done_fn fn,
                 void *data)
{
    struct run *run = TG_NEW(struct run);
    run->p = p;
    run->request = *request;
    run->actor = tg_strdup(request->actor ? request->actor : "planner");
    run->request.actor = run->actor;
    run->lists.items = tg_calloc(PLANNER_ITEMS, sizeof(struct planner_item));
    run->fn = fn;
    run->data = data;
    tg_list_add(&p->waiting, &run->node);
    if (!p->running) start_next(p);
}
