/* What one asks of the rooms: each act turns the loop until it is answered. */
#include "flow_in.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "seal/recall.h"

/* --- trust --- */

static void on_published(uint32_t version, const char *realm, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    if (!err) {
        assert_int_equal(version, tg_trust_chain_version(f->w.chain));
        assert_string_equal(realm, tg_trust_chain_realm(f->w.chain));
    }
    flow_tell(f, err);
}

int flow_publish(struct flow *f)
{
    struct tg_blob cms[2] = {seal_blob(&f->w.trust_cms[0]), seal_blob(&f->w.trust_cms[1])};
    flow_begin(f);
    approval_publish(f->approval, seal_blob(&f->w.trust_text), cms, 2, "administrator:test",
                     f->clock.wall_s, on_published, f);
    return flow_wait(f);
}

/* --- agents --- */

int64_t flow_agent(struct flow *f, size_t i)
{
    (void)f;
    return (int64_t)i + 1;
}

static void on_lines(const struct dispatch_line *lines, size_t count, const struct tg_err *err,
                     void *data)
{
    struct flow *f = data;
    f->lines = count;
    for (size_t i = 0; i < count; i++) {
        f->ids[i] = lines[i].id;
        tg_buf_add(&f->bytes, lines[i].text, lines[i].len);
    }
    flow_tell(f, err);
}

int flow_next(struct flow *f, size_t i, int64_t after)
{
    flow_begin(f);
    dispatch_next(f->dispatch, flow_agent(f, i), after, f->clock.wall_s, on_lines, f);
    return flow_wait(f);
}

static void on_done(const struct tg_err *err, void *data)
{
    flow_tell(data, err);
}

int flow_ack(struct flow *f, size_t i, int64_t id)
{
    flow_begin(f);
    dispatch_ack(f->dispatch, flow_agent(f, i), &id, 1, f->clock.wall_s, on_done, f);
    return flow_wait(f);
}

static struct tg_wire_message *message(enum tg_wire_type type, int64_t job, const void *body)
{
    struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    struct tg_buf line = TG_BUF(1024 * 1024);
    tg_wire_print(type, job, body, &line);
    if (tg_wire_parse(line.data, line.len, &m, &err) < 0) fail_msg("%s", err.text);
    tg_buf_done(&line);
    return m;
}

static struct tg_wire_blob wire_blob(const struct tg_buf *b)
{
    return (struct tg_wire_blob){b->data, b->len};
}

struct tg_wire_message *flow_prepared(struct flow *f, size_t i, int64_t job)
{
    const struct seal_app *a = &f->w.apps[i];
    struct tg_wire_prepared body = {flow_number(f, i), wire_blob(&a->app), wire_blob(&a->csr),
                                    wire_blob(&a->holder)};
    return message(TG_WIRE_PREPARED, job, &body);
}

struct tg_wire_message *flow_installed(struct flow *f, size_t i, int64_t job)
{
    char sha[TG_HEX256];
    struct tg_wire_command_result after = {(char *)(uintptr_t) "reload", 0};
    tg_hex(tg_cert_facts(f->w.apps[i].cert)->sha256, TG_SHA256, sha);
    struct tg_wire_installed body = {flow_number(f, i), sha, true, {&after, 1}};
    return message(TG_WIRE_INSTALLED, job, &body);
}

struct tg_wire_message *flow_failed(struct flow *f, size_t i, int64_t job, const char *code,
                                    const char *waits_for)
{
    struct tg_wire_failed body = {flow_number(f, i), (char *)(uintptr_t)code,
                                  (char *)(uintptr_t) "it did not work",
                                  (char *)(uintptr_t)waits_for};
    return message(TG_WIRE_FAILED, job, &body);
}

static void on_answer(const char *result, const char *text, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    (void)snprintf(f->result, sizeof f->result, "%s", result ? result : "");
    (void)snprintf(f->answer, sizeof f->answer, "%s", text ? text : "");
    flow_tell(f, err);
}

int flow_report(struct flow *f, size_t from, struct tg_wire_message *m)
{
    flow_begin(f);
    dispatch_report(f->dispatch, flow_agent(f, from), m, f->clock.wall_s, on_answer, f);
    return flow_wait(f);
}

void flow_prepare_all(struct flow *f)
{
    for (size_t i = 0; i < f->w.count; i++) {
        assert_int_equal(flow_next(f, i, 0), 0);
        assert_int_equal(f->lines, 1);
        if (flow_report(f, i, flow_prepared(f, i, f->ids[0])) < 0) fail_msg("%s", f->err.text);
        if (strcmp(f->result, "done") != 0) fail_msg("%s: %s", f->result, f->answer);
        assert_int_equal(flow_state(f, i), 2);
    }
}

/* --- batches --- */

static void on_opened(const struct approval_opened *opened, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    if (opened) f->opened = *opened;
    for (size_t i = 0; opened && i < opened->exception_count; i++)
        tg_buf_printf(&f->bytes, "%s %s %lld\n", opened->exceptions[i].code,
                      opened->exceptions[i].class_, (long long)opened->exceptions[i].count);
    flow_tell(f, err);
}

int flow_open(struct flow *f)
{
    flow_begin(f);
    approval_open(f->approval, "administrator:test", f->clock.wall_s, on_opened, f);
    return flow_wait(f);
}

static void on_decided(const struct approval_decided *decided, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    if (decided) f->decided = *decided;
    flow_tell(f, err);
}

int flow_decide(struct flow *f, enum approval_verb verb, const char *what, const char *why)
{
    flow_begin(f);
    approval_decide(f->approval, f->batch, verb, what, why, "administrator:test", f->clock.wall_s,
                    on_decided, f);
    return flow_wait(f);
}

static void on_minted(const char *statement, const char *nonce, const struct tg_err *err,
                      void *data)
{
    struct flow *f = data;
    if (statement) {
        assert_non_null(strstr(statement, nonce));
        tg_buf_reset(&f->w.statement);
        tg_buf_puts(&f->w.statement, statement);
    }
    flow_tell(f, err);
}

int flow_mint(struct flow *f)
{
    flow_begin(f);
    approval_mint(f->approval, f->batch, f->w.ceo.spki, 5, "administrator:test", f->clock.wall_s,
                  on_minted, f);
    return flow_wait(f);
}

void flow_sign(struct flow *f, const struct seal_party *by)
{
    seal_world_cms(by, seal_blob(&f->w.statement), &f->w.cms);
}

static void on_accepted(const struct approval_accepted *accepted, const struct tg_err *err,
                        void *data)
{
    struct flow *f = data;
    if (accepted) f->accepted = *accepted;
    flow_tell(f, err);
}

void flow_accept_start(struct flow *f)
{
    approval_accept(f->approval, f->batch, seal_blob(&f->w.statement), seal_blob(&f->w.cms),
                    "administrator:test", f->clock.wall_s, on_accepted, f);
}

int flow_accept(struct flow *f)
{
    flow_begin(f);
    flow_accept_start(f);
    return flow_wait(f);
}

static void on_recalled(int64_t recalled, int64_t cancelled, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    f->recalled = recalled;
    f->cancelled = cancelled;
    flow_tell(f, err);
}

int flow_recall(struct flow *f, const struct seal_party *by)
{
    struct tg_buf text = TG_BUF(TG_RECALL_MAX), cms = TG_BUF(TG_MAX_CMS);
    char sha[TG_HEX256];
    tg_sha256_hex(f->w.statement.data, f->w.statement.len, sha);
    flow_begin(f);
    assert_int_equal(tg_recall_make(tg_trust_chain_realm(f->w.chain), sha, f->clock.wall_s, &text,
                                    &f->err),
                     0);
    seal_world_cms(by, seal_blob(&text), &cms);
    approval_recall(f->approval, f->batch, seal_blob(&text), seal_blob(&cms), "administrator:test",
                    f->clock.wall_s, on_recalled, f);
    int rc = flow_wait(f);
    tg_buf_done(&text);
    tg_buf_done(&cms);
    return rc;
}

static void on_bytes(const void *bytes, size_t len, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    if (!err) tg_buf_add(&f->bytes, bytes, len);
    flow_tell(f, err);
}

int flow_text(struct flow *f, bool snapshot)
{
    flow_begin(f);
    if (snapshot)
        approval_snapshot(f->approval, f->batch, on_bytes, f);
    else
        approval_decisions(f->approval, f->batch, on_bytes, f);
    return flow_wait(f);
}

static void on_show(const struct approval_detail *detail, const struct tg_err *err, void *data)
{
    struct flow *f = data;
    struct tg_jw w;
    tg_jw_init(&w, &f->bytes);
    if (detail) {
        tg_jw_begin_object(&w);
        approval_print_detail(&w, detail);
        tg_jw_end(&w);
    }
    flow_tell(f, err);
}

int flow_show(struct flow *f)
{
    flow_begin(f);
    approval_show(f->approval, f->batch, on_show, f);
    return flow_wait(f);
}

int flow_pack(struct flow *f, size_t i, bool evidence)
{
    flow_begin(f);
    if (evidence)
        approval_evidence(f->approval, flow_number(f, i), on_bytes, f);
    else
        approval_bundle(f->approval, flow_number(f, i), on_bytes, f);
    return flow_wait(f);
}
