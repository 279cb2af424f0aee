/* seal checks of the server: S2, S3, S5 and F2. Every refusal by its name. */
// uses: base json merkle x509 cms seal seal_world
#include "seal/holder.h"
#include "seal_world/refuse.h"

static void s2_ends_the_signing_session(void **state)
{
    (void)state;
    passed(statement_check());
    passed(tg_check_sign_by(&checked, w.st.sign_by, &err));
    refused(tg_check_sign_by(&checked, w.st.sign_by + 1, &err), TG_E_EXPIRED, "S2: ");
}

static void s3_recomputes_everything(void **state)
{
    (void)state;
    struct tg_statement st = w.st;
    passed(tg_check_session(&st, &w.totals, &err));
    char *const roots[] = {st.snapshot.root, st.approve.root, st.return_.root, st.evidence.root};
    static const char *const names[] = {"S3: snapshot", "S3: approve", "S3: return",
                                        "S3: evidence"};
    for (size_t i = 0; i < TG_COUNT(roots); i++) {
        roots[i][5] = roots[i][5] == 'a' ? 'b' : 'a';
        refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, names[i]);
        st = w.st;
    }
    st.snapshot.count++;
    refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, "S3: snapshot");
    st = w.st;
    st.hold++;
    refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, "S3: hold");
    st = w.st;
    st.first_expiry += TG_DAY;
    refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, "S3: first-expiry");
    st = w.st;
    st.flags[TG_FLAG_UNPROVEN]++;
    refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, "S3: flag unproven");
    st = w.st;
    st.policies[0].count++;
    refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, "S3: policy");
    st = w.st;
    st.policies[0].name[0] = 'x';
    refused(tg_check_session(&st, &w.totals, &err), TG_E_MISMATCH, "S3: policy");
}

static int session_of(const struct tg_buf *snapshot, const struct tg_buf *decisions)
{
    TG_AUTO(session) struct tg_session *s = tg_session_new();
    return tg_session_read(s, seal_blob(snapshot), seal_blob(decisions), &err);
}

static void s3_refuses_order_repeats_and_counts(void **state)
{
    (void)state;
    struct tg_buf *d = &w.decisions;
    TG_AUTO(buf) struct tg_buf s = TG_BUF(1 << 20);
    passed(session_of(&w.snapshot, d));
    for (size_t k = 0; k < 5; k++) { /* line 0 twice, then the rest: not ascending */
        const struct seal_app *a = &w.apps[k == 1 ? 0 : k];
        tg_buf_add(&s, a->line.data, a->line.len);
        tg_buf_putc(&s, '\n');
    }
    refused(session_of(&s, d), TG_E_MISMATCH, "line 2: no:");
    tg_number_print((struct tg_number){26, 4218}, w.apps[0].leaf.no);
    struct tg_leaf same_key = w.apps[1].leaf;
    (void)tg_copy(same_key.key, TG_SEAL_HEX, w.apps[0].leaf.key);
    tg_buf_reset(&s);
    tg_buf_add(&s, w.apps[0].line.data, w.apps[0].line.len);
    tg_buf_putc(&s, '\n');
    passed(tg_leaf_print(&same_key, &s, &err));
    tg_buf_putc(&s, '\n');
    refused(session_of(&s, d), TG_E_MISMATCH, "line 2: key:");
    struct tg_leaf same_old = w.apps[1].leaf;
    (void)tg_copy(same_old.old, TG_SEAL_HEX, w.apps[0].leaf.old);
    s.len = w.apps[0].line.len + 1;
    passed(tg_leaf_print(&same_old, &s, &err));
    tg_buf_putc(&s, '\n');
    refused(session_of(&s, d), TG_E_MISMATCH, "line 2: old:");
    d->len--;
    refused(session_of(&w.snapshot, d), TG_E_MISMATCH, "line 5: no decision");
    d->len++;
    w.snapshot.len--;
    refused(session_of(&w.snapshot, d), TG_E_INPUT, "line 5: the snapshot's last line");
    w.snapshot.len -= w.apps[4].line.len;
    refused(session_of(&w.snapshot, d), TG_E_MISMATCH, "line 5: a decision about no line");
}

static void s3_refuses_an_approved_stop_flag(void **state)
{
    (void)state;
    TG_AUTO(session) struct tg_session *s = tg_session_new();
    w.apps[0].leaf.flags = TG_FLAG_BIT(TG_FLAG_KEY_REUSED);
    seal_world_app(&w, 0);
    refused(tg_session_add(s, seal_blob(&w.apps[0].line), seal_blob(&w.apps[0].decision_line),
                           &err),
            TG_E_DENIED, "line 1: flags");
}

static void s5_refuses_request(void **state)
{
    (void)state;
    struct tg_merkle_proof a, b;
    passed(statement_check());
    passed(leaf_check(0));
    struct tg_leaf_place place = seal_world_place(&w, 0, &a);
    const struct tg_request good = seal_world_request(&w, 0, &b);
    struct tg_request r = good;
    r.decision = seal_blob(&w.apps[1].decision_line);
    refused(tg_check_request(&checked, &place, &leaf, &r, w.apps[0].old, &err), TG_E_MISMATCH,
            "S5: decision");
    r = good;
    r.csr = seal_blob(&w.apps[1].csr);
    refused(tg_check_request(&checked, &place, &leaf, &r, w.apps[0].old, &err), TG_E_MISMATCH,
            "S5: CSR");
    r = good;
    r.holder_cms = seal_blob(&w.apps[1].holder);
    refused(tg_check_request(&checked, &place, &leaf, &r, w.apps[0].old, &err), TG_E_MISMATCH,
            "S5: holder");
    refused(tg_check_request(&checked, &place, &leaf, &good, NULL, &err), TG_E_MISMATCH, "S5: F2");
    (void)tg_copy(leaf.alg, sizeof leaf.alg, "ec-p384");
    refused(request_check(0), TG_E_MISMATCH, "S5: CSR: its key is ec-p256");
}

/* A request that nobody could have made: its own signature is broken, and the evidence names it. */
static void s5_needs_proof_of_possession(void **state)
{
    (void)state;
    struct seal_app *a = &w.apps[0];
    a->csr.data[a->csr.len - 1] ^= 1;
    tg_sha256_hex(a->csr.data, a->csr.len, a->decision.csr);
    tg_buf_reset(&a->decision_line);
    passed(tg_decision_print(&a->decision, &a->decision_line, &err));
    seal_world_seal(&w);
    passed(statement_check());
    passed(leaf_check(0));
    refused(request_check(0), TG_E_SIGNATURE, "S5: CSR: proof of possession");
}

/* Hostile decision lines that stand in the evidence: their CSR or signature is another's. */
static void s5_refuses_foreign_key_and_f2(void **state)
{
    (void)state;
    struct tg_buf keep = w.apps[0].csr;
    w.apps[0].csr = w.apps[1].csr;
    tg_sha256_hex(w.apps[0].csr.data, w.apps[0].csr.len, w.apps[0].decision.csr);
    tg_buf_reset(&w.apps[0].decision_line);
    passed(tg_decision_print(&w.apps[0].decision, &w.apps[0].decision_line, &err));
    seal_world_seal(&w);
    passed(statement_check());
    passed(leaf_check(0));
    refused(request_check(0), TG_E_MISMATCH, "S5: CSR: its key");
    w.apps[0].csr = keep;
    seal_world_app(&w, 0);
    struct tg_buf holder = w.apps[0].holder;
    w.apps[0].holder = w.apps[1].holder;
    tg_sha256_hex(w.apps[0].holder.data, w.apps[0].holder.len, w.apps[0].decision.cms);
    tg_buf_reset(&w.apps[0].decision_line);
    passed(tg_decision_print(&w.apps[0].decision, &w.apps[0].decision_line, &err));
    seal_world_seal(&w);
    passed(statement_check());
    passed(leaf_check(0));
    int rc = request_check(0);
    refused_somehow(rc, "S5: F2");
    w.apps[0].holder = holder;
}

static void f2_binds_realm_app_and_old_key(void **state)
{
    (void)state;
    struct seal_app *a = &w.apps[0];
    const char *realm = tg_trust_chain_realm(w.chain);
    passed(tg_holder_check(realm, seal_blob(&a->app), seal_blob(&a->holder), a->old, &leaf, &err));
    assert_string_equal(leaf.no, a->leaf.no);
    int rc = tg_holder_check(TG_HEX_EMPTY, seal_blob(&a->app), seal_blob(&a->holder), a->old, NULL,
                             &err);
    refused_somehow(rc, "F2: ");
    refused(tg_holder_check(realm, seal_blob(&a->app), seal_blob(&a->holder), w.apps[1].old, NULL,
                            &err),
            TG_E_MISMATCH, "F2: old");
    for (size_t i = 0; i < a->app.len; i++) { /* every byte of what was signed */
        a->app.data[i] ^= 1;
        rc = tg_holder_check(realm, seal_blob(&a->app), seal_blob(&a->holder), a->old, NULL, &err);
        a->app.data[i] ^= 1;
        refused_somehow(rc, "F2: ");
    }
}

static void offline_tells_good_from_proven(void **state)
{
    (void)state;
    static struct tg_offline_report report;
    struct tg_offline in = seal_world_offline(&w);
    in.knowledge.now = w.trust.approvers[0].until + TG_DAY;
    passed(tg_offline_verify(&in, &report, &err));
    assert_false(report.time_proven);
    assert_string_equal(report.line, "signature good, time unproven");
    in.knowledge.now = w.trust.expires + TG_DAY;
    passed(tg_offline_verify(&in, &report, &err));
    assert_false(report.time_proven);
    w.cms_blob.len--; /* time is no excuse for a bad signature */
    int rc = tg_offline_verify(&in, &report, &err);
    assert_true(rc < 0);
    w.cms_blob.len++;
    in.knowledge.now = w.now;
    w.decisions.data[0] = 'x';
    in = seal_world_offline(&w);
    refused(tg_offline_verify(&in, &report, &err), TG_E_INPUT, "S3: line 1: decision");
}

static void offline_asks_for_each_approved_leaf(void **state)
{
    (void)state;
    static struct tg_offline_report report;
    (void)tg_copy(w.apps[1].leaf.key, TG_SEAL_HEX, w.ceo.spki); /* the CEO's own */
    seal_world_app(&w, 1);
    seal_world_seal(&w);
    struct tg_offline in = seal_world_offline(&w);
    refused(tg_offline_verify(&in, &report, &err), TG_E_DENIED, "S3: line 2: V5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(s2_ends_the_signing_session),
        WORLD_TEST(s3_recomputes_everything),
        WORLD_TEST(s3_refuses_order_repeats_and_counts),
        WORLD_TEST(s3_refuses_an_approved_stop_flag),
        WORLD_TEST(s5_refuses_request),
        WORLD_TEST(s5_needs_proof_of_possession),
        WORLD_TEST(s5_refuses_foreign_key_and_f2),
        WORLD_TEST(f2_binds_realm_app_and_old_key),
        WORLD_TEST(offline_tells_good_from_proven),
        WORLD_TEST(offline_asks_for_each_approved_leaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
