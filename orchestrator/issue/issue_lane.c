/* A lane: one chunk of applications from approved to issued.
 *
 *   idle -> read -> check -> request -> call -> verify -> record -> idle
 *
 * What is durable is only in the units of `request` (the intent) and `record` (the result); whoever
 * dies in between leaves the applications requested, and the next pass looks for their keys. */
#include "issue_in.h"

#include "base/log.h"

enum { IDLE, READ, CHECK, REQUEST, CALL, VERIFY, RECORD, STATES };

static const struct tg_sm_state states[] = {
    [IDLE] = {"idle", TG_SM_TO(READ)},
    [READ] = {"read", TG_SM_TO(CHECK) | TG_SM_TO(IDLE)},
    [CHECK] = {"check", TG_SM_TO(REQUEST) | TG_SM_TO(IDLE)},
    [REQUEST] = {"request", TG_SM_TO(CALL) | TG_SM_TO(IDLE)},
    [CALL] = {"call", TG_SM_TO(VERIFY)},
    [VERIFY] = {"verify", TG_SM_TO(RECORD) | TG_SM_TO(IDLE)},
    [RECORD] = {"record", TG_SM_TO(IDLE)},
};

static void enter_request(struct issue_lane *lane);
static void enter_call(struct issue_lane *lane);
static void enter_record(struct issue_lane *lane);

void issue_lane_init(struct issue_lane *lane, struct issue_pass *pass)
{
    *lane = (struct issue_lane){.pass = pass};
    tg_sm_init(&lane->sm, "issue-lane", states, STATES);
    lane->items = tg_calloc(ISSUE_CHUNK, sizeof *lane->items);
    lane->leaf = TG_NEW(struct tg_leaf);
    tg_deadline_init(&lane->later, pass->issue->loop, lane);
}

static void on_later_closed(struct tg_deadline *d, void *data)
{
    (void)d;
    struct issue_lane *lane = data;
    issue_pass_lane_closed(lane->pass);
}

void issue_lane_done(struct issue_lane *lane)
{
    free(TG_TAKE(lane->items));
    free(TG_TAKE(lane->leaf));
    tg_deadline_close(&lane->later, on_later_closed);
}

bool issue_lane_idle(const struct issue_lane *lane)
{
    return lane->sm.now == IDLE;
}

static void rest(struct issue_lane *lane)
{
    for (size_t i = 0; i < lane->count; i++)
        issue_item_done(&lane->items[i]);
    lane->count = 0;
    tg_sm_move(&lane->sm, IDLE);
    issue_pass_advance(lane->pass);
}

/* A unit failed. Somebody else was faster: the chunk is dropped and read again by the next pass,
 * which sees what is true then. Anything else ends the pass. */
static void unit_failed(struct issue_lane *lane, const struct tg_err *err)
{
    if (err->code == TG_E_STALE || err->code == TG_E_STATE || err->code == TG_E_EXISTS)
        lane->pass->again = true;
    else
        issue_pass_break(lane->pass, err);
    rest(lane);
}

static size_t pick(struct issue_lane *lane, enum application_state state, enum issue_fate fate,
                   struct issue_item **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < lane->count; i++) {
        struct issue_item *item = &lane->items[i];
        if (item->state == state && item->fate == fate) ret[n++] = item;
    }
    return n;
}

/* --- read --- */

static bool find_index(const struct issue_batch *b, uint32_t leaf_index, uint32_t *ret)
{
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->leaf_index[mid] < leaf_index)
            low = mid + 1;
        else
            high = mid;
    }
    *ret = (uint32_t)low;
    return low < b->count && b->leaf_index[low] == leaf_index;
}

static void refuse(struct issue_item *item, int code, const char *text)
{
    item->fate = ISSUE_REFUSED;
    (void)TG_FAIL(&item->err, code, "%s: %s", item->number, text);
}

/* What is known before anything is asked. */
static void prejudge(struct issue_lane *lane, struct issue_item *item)
{
    const struct issue_batch *b = &lane->pass->batch;
    item->lane = lane;
    item->fate = ISSUE_OPEN;
    if (!item->connector)
        refuse(item, TG_E_CA, "the `ca` of its policy is no connector of tamga.yaml");
    else if (!find_index(b, item->leaf_index, &item->index))
        refuse(item, TG_E_BUG, "it is not among the approved lines of its batch");
    else if (item->connector->ops->pending && item->was_requested)
        item->fate = ISSUE_WAITS;
    else if (b->err.code < 0 && !item->was_requested)
        refuse(item, b->err.code, b->err.text);
}

static void enter_check(struct issue_lane *lane);

static void on_chunk(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue_lane *lane = data;
    struct issue_pass *pass = lane->pass;
    pass->reading = false;
    if (err) {
        issue_pass_break(pass, err);
        rest(lane);
        return;
    }
    lane->count = issue_chunk_count(r);
    for (size_t i = 0; i < lane->count; i++) {
        lane->items[i] = (struct issue_item){0};
        issue_chunk_at(r, i, pass->issue, &lane->items[i]);
        prejudge(lane, &lane->items[i]);
        pass->cursor = lane->items[i].leaf_index;
    }
    if (lane->count < ISSUE_CHUNK) pass->read_all = true;
    if (lane->count == 0) {
        rest(lane);
        return;
    }
    enter_check(lane);
    issue_pass_advance(pass); /* the next lane may read now */
}

void issue_lane_start(struct issue_lane *lane)
{
    struct issue_pass *pass = lane->pass;
    pass->reading = true;
    tg_sm_move(&lane->sm, READ);
    struct db_unit *u = db_unit_new(pass->issue->db, "issue chunk");
    issue_add_chunk(u, pass->batch.id, pass->cursor);
    db_unit_run(u, on_chunk, lane);
}

/* --- check: S5, where the connector's other side does not make it --- */

static bool needs_check(const struct issue_item *item)
{
    return item->fate == ISSUE_OPEN && !item->was_requested && !item->connector->ops->checks;
}

static void do_check(void *data)
{
    struct issue_lane *lane = data;
    const struct issue_batch *b = &lane->pass->batch;
    struct issue_check check = {&lane->knowledge, &b->checked, &b->approved_tree, &b->evidence_tree,
                                lane->leaf};
    for (size_t i = 0; i < lane->count; i++)
        if (needs_check(&lane->items[i])) issue_check_request(&check, &lane->items[i]);
}

static void on_checked(void *data, int status)
{
    struct issue_lane *lane = data;
    if (status < 0) {
        rest(lane);
        return;
    }
    tg_sm_move(&lane->sm, REQUEST);
    enter_request(lane);
}

static void start_work(struct issue_lane *lane, tg_work_fn fn, tg_work_done_fn done)
{
    struct tg_err err;
    if (tg_work_start(&lane->work, lane->pass->issue->loop, fn, done, lane, &err) == 0) return;
    issue_pass_break(lane->pass, &err);
    rest(lane);
}

static void enter_check(struct issue_lane *lane)
{
    struct issue_pass *pass = lane->pass;
    struct tg_err err = {0};
    size_t needed = 0;
    int64_t now = tg_loop_wall(pass->issue->loop);
    tg_sm_move(&lane->sm, CHECK);
    lane->knowledge = issue_knowledge(pass->issue, now);
    if (pass->batch.err.code == 0 &&
        tg_check_still(&lane->knowledge, &pass->batch.checked, &err) == 0)
        (void)!tg_check_window(&pass->batch.checked, now, &err);
    lane->knowledge.recalled_count = 0; /* the list may grow while a pool thread works */
    for (size_t i = 0; i < lane->count; i++) {
        if (!needs_check(&lane->items[i])) continue;
        if (err.code < 0) refuse(&lane->items[i], err.code, err.text);
        needed++;
    }
    if (needed > 0 && err.code == 0)
        start_work(lane, do_check, on_checked);
    else
        on_checked(lane, 0);
}

/* --- request: the intent is durable before the CA hears of it --- */

static void on_requested(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue_lane *lane = data;
    (void)r;
    if (err) {
        unit_failed(lane, err);
        return;
    }
    for (size_t i = 0; i < lane->count; i++) {
        struct issue_item *item = &lane->items[i];
        if (item->state != APPLICATION_APPROVED || item->fate != ISSUE_OPEN) continue;
        item->state = APPLICATION_REQUESTED;
        item->rev++;
    }
    enter_call(lane);
}

static void enter_request(struct issue_lane *lane)
{
    struct issue_pass *pass = lane->pass;
    struct issue_item *picked[ISSUE_CHUNK];
    struct issue_picked p = {.items = picked,
                             .batch = pass->batch.id,
                             .now = tg_loop_wall(pass->issue->loop),
                             .actor = ISSUE_ACTOR};
    p.count = pick(lane, APPLICATION_APPROVED, ISSUE_OPEN, picked);
    if (p.count == 0) {
        enter_call(lane);
        return;
    }
    struct db_unit *u = db_unit_new(pass->issue->db, "issue request");
    issue_add_lease(u, pass);
    issue_add_requested(u, &p);
    db_unit_run(u, on_requested, lane);
}

/* --- call --- */

static void pump(struct issue_lane *lane);

static void call_ended(struct issue_lane *lane)
{
    lane->calling--;
    pump(lane);
}

static void on_answer(struct ca_call *call)
{
    struct issue_item *item = call->data;
    if (call->outcome == CA_PENDING) {
        item->fate = ISSUE_WAITS;
    } else if (call->outcome == CA_ISSUED) {
        item->answer = tg_memdup(call->certificate.data, call->certificate.len);
        item->answer_len = call->certificate.len;
    } else {
        refuse(item, call->err.code, call->err.text);
    }
    call_ended(item->lane);
}

static int submit(struct issue_item *item, struct tg_err *err)
{
    const struct issue_batch *b = &item->lane->pass->batch;
    struct issue_check check = {.approved = &b->approved_tree, .evidence = &b->evidence_tree};
    struct tg_merkle_proof proofs[2];
    struct ca_ask ask = {.statement = &b->statement};
    if (b->err.code < 0) return TG_FAIL(err, b->err.code, "%s", b->err.text);
    TG_TRY(issue_place(&check, item, proofs, &ask, err));
    item->call = (struct ca_call){.done = on_answer, .data = item};
    return ca_submit(item->connector, &item->call, &ask, err);
}

static void submit_or_refuse(struct issue_item *item)
{
    struct tg_err err;
    if (submit(item, &err) == 0) return;
    refuse(item, err.code, err.text);
    item->lane->calling--;
}

/* Only a CA that surely never issued for this key is asked again. */
static void on_found(struct ca_call *call)
{
    struct issue_item *item = call->data;
    struct issue_lane *lane = item->lane;
    if (call->outcome != CA_REFUSED || call->err.code != TG_E_NOT_FOUND) {
        on_answer(call);
        return;
    }
    submit_or_refuse(item);
    pump(lane);
}

static void start_call(struct issue_item *item)
{
    struct tg_err err;
    item->lane->calling++;
    if (!item->was_requested) {
        submit_or_refuse(item);
        return;
    }
    item->call = (struct ca_call){.done = on_found, .data = item};
    if (ca_find(item->connector, &item->call, item->spki, &err) == 0) return;
    refuse(item, err.code, err.text);
    item->lane->calling--;
}

static void do_verify(void *data)
{
    struct issue_lane *lane = data;
    struct issue_check check = {.knowledge = &lane->knowledge, .leaf = lane->leaf};
    for (size_t i = 0; i < lane->count; i++)
        if (lane->items[i].answer) issue_check_answer(&check, &lane->items[i]);
}

static void on_verified(void *data, int status)
{
    struct issue_lane *lane = data;
    if (status < 0)
        rest(lane);
    else
        enter_record(lane);
}

static void on_called(struct tg_deadline *d, void *data)
{
    struct issue_lane *lane = data;
    (void)d;
    tg_sm_move(&lane->sm, VERIFY);
    lane->knowledge.now = tg_loop_wall(lane->pass->issue->loop);
    start_work(lane, do_verify, on_verified);
}

/* As many calls under way as the connector likes; when all are over, on in a turn of its own. */
static void pump(struct issue_lane *lane)
{
    while (lane->next < lane->count) {
        struct issue_item *item = &lane->items[lane->next];
        bool asks = item->fate == ISSUE_OPEN;
        if (asks && lane->calling >= item->connector->ops->window) return;
        lane->next++;
        if (asks) start_call(item);
    }
    if (lane->calling == 0 && !tg_deadline_active(&lane->later))
        tg_deadline_start(&lane->later, 0, on_called);
}

static void enter_call(struct issue_lane *lane)
{
    tg_sm_move(&lane->sm, CALL);
    lane->next = lane->calling = 0;
    pump(lane);
}

/* --- record --- */

static void add_end(struct db_unit *u, const struct issue_lane *lane, const struct issue_item *item,
                    enum application_state to, int64_t now)
{
    struct application_step step = {.id = item->id,
                                    .rev = item->rev,
                                    .from = item->state,
                                    .to = to,
                                    .batch_id = lane->pass->batch.id,
                                    .now = now,
                                    .actor = ISSUE_ACTOR,
                                    .code = tg_code_word(item->err.code),
                                    .why = item->err.text};
    tg_log_err(TG_LOG_WARN, "issue", "refused", &item->err);
    if (to == APPLICATION_FAILED)
        application_add_failure(u, &step, (int)lane->pass->attempt);
    else
        application_add_move(u, &step);
}

/* What may yet succeed stays requested and is tried by the next pass; a person sees the rest. */
static size_t add_refusals(struct db_unit *u, struct issue_lane *lane, int64_t now)
{
    struct issue_pass *pass = lane->pass;
    size_t n = 0;
    for (size_t i = 0; i < lane->count; i++) {
        const struct issue_item *item = &lane->items[i];
        bool retry = tg_code_next(item->err.code) == TG_NEXT_RETRY;
        if (item->fate == ISSUE_OPEN ||
            (item->fate == ISSUE_REFUSED && retry && pass->attempt < ISSUE_ATTEMPTS)) {
            if (pass->open++ == 0) pass->err = item->err;
            continue;
        }
        if (item->fate != ISSUE_REFUSED) continue;
        bool gone = item->err.code == TG_E_REVOKED;
        add_end(u, lane, item, gone ? APPLICATION_CANCELLED : APPLICATION_FAILED, now);
        n++;
    }
    return n;
}

static void on_recorded(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct issue_lane *lane = data;
    (void)r;
    if (err) {
        unit_failed(lane, err);
        return;
    }
    for (size_t i = 0; i < lane->count; i++)
        lane->pass->issued += lane->items[i].fate == ISSUE_GOT;
    db_notify(lane->pass->issue->db, ISSUE_JOBS);
    rest(lane);
}

static void enter_record(struct issue_lane *lane)
{
    struct issue_pass *pass = lane->pass;
    struct issue_item *picked[ISSUE_CHUNK];
    struct issue_picked p = {.items = picked,
                             .batch = pass->batch.id,
                             .now = tg_loop_wall(pass->issue->loop),
                             .actor = ISSUE_ACTOR};
    tg_sm_move(&lane->sm, RECORD);
    struct db_unit *u = db_unit_new(pass->issue->db, "issue record");
    issue_add_lease(u, pass);
    p.count = pick(lane, APPLICATION_REQUESTED, ISSUE_GOT, picked);
    if (p.count) issue_add_issued(u, &p);
    if (add_refusals(u, lane, p.now) + p.count > 0) {
        db_unit_run(u, on_recorded, lane);
        return;
    }
    db_unit_drop(u);
    rest(lane);
}
