/* seal checks V1-V6: a statement, its signatures, the trust chain, recalls. Every refusal by its
 * name. */
// uses: base json merkle x509 cms seal seal_world
#include "seal/recall.h"
#include "seal_world/refuse.h"

static void a_valid_world_passes(void **state)
{
    (void)state;
    struct tg_offline in = seal_world_offline(&w);
    static struct tg_offline_report report;
    passed(statement_check());
    passed(tg_check_sign_by(&checked, w.now, &err));
    passed(tg_check_window(&checked, w.now, &err));
    passed(tg_check_still(&w.knowledge, &checked, &err));
    for (size_t i = 0; i < 3; i++) {
        passed(leaf_check(i));
        passed(request_check(i));
        passed(certificate_check(i));
    }
    passed(tg_offline_verify(&in, &report, &err));
    assert_true(report.time_proven);
    assert_string_equal(report.line, "valid at 2026-11-20T09:00:00Z");
    assert_int_equal(report.totals.approve.count, 3);
    assert_int_equal(report.totals.hold, 1);
    assert_int_equal(report.totals.return_.count, 1);
}

static void v1_refuses_bounds_and_spelling(void **state)
{
    (void)state;
    w.signed_.cms_count = 0;
    refused(statement_check(), TG_E_LIMIT, "V1: 0 signatures");
    w.signed_.cms_count = 5;
    refused(statement_check(), TG_E_LIMIT, "V1: 5 signatures");
    w.signed_.cms_count = 1;
    w.signed_.text.len--;
    refused(statement_check(), TG_E_INPUT, "V1: statement");
    w.signed_.text = TG_BLOB(w.statement.data, 0);
    refused(statement_check(), TG_E_INPUT, "V1: statement");
}

static void v2_refuses_realm_version_and_expiry(void **state)
{
    (void)state;
    w.knowledge.now = w.trust.expires + 1;
    refused(statement_check(), TG_E_EXPIRED, "V2: trust 1 expired");
    w.knowledge.now = w.now;
    w.st.trust = 2;
    seal_world_sign(&w);
    refused(statement_check(), TG_E_UNTRUSTED, "V2: trust:");
    w.st.trust = 1;
    w.st.realm[0] = w.st.realm[0] == 'a' ? 'b' : 'a';
    seal_world_sign(&w);
    refused(statement_check(), TG_E_UNTRUSTED, "V2: realm");
    TG_AUTO(trust_chain) struct tg_trust_chain *none = tg_trust_chain_new(NULL);
    w.knowledge.chain = none;
    refused(statement_check(), TG_E_NO_TRUST, "V2: no trust yet");
}

/* Adds what `by` sign as the next version. */
static int add_signed(struct tg_trust_chain *chain, struct tg_blob text,
                      struct seal_party *const *by, size_t n)
{
    struct tg_buf cms[4];
    struct tg_blob blobs[4] = {{NULL, 0}};
    for (size_t i = 0; i < n; i++) {
        tg_buf_init(&cms[i], TG_MAX_CMS);
        seal_world_cms(by[i], text, &cms[i]);
        blobs[i] = seal_blob(&cms[i]);
    }
    int rc = tg_trust_chain_add(chain, text, blobs, n, &err);
    for (size_t i = 0; i < n; i++)
        tg_buf_done(&cms[i]);
    return rc;
}

static void v2_needs_both_thresholds(void **state)
{
    (void)state;
    struct seal_party *old_two[] = {&w.roots[0], &w.roots[1]};
    struct seal_party *twice[] = {&w.roots[0], &w.roots[0]};
    struct seal_party *with_stranger[] = {&w.roots[0], &w.stranger};
    struct seal_party *new_one[] = {&w.stranger};
    struct seal_party *all[] = {&w.roots[0], &w.roots[1], &w.stranger};
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    /* Version 2 has one root, and it is a new one. */
    w.trust.roots_count = w.trust.root_threshold = 1;
    (void)tg_copy(w.trust.roots[0], TG_SEAL_HEX, w.stranger.spki);
    passed(tg_trust_make(&w.trust, seal_blob(&w.trust_text), &text, &err));
    struct tg_blob next = seal_blob(&text);
    refused(add_signed(w.chain, next, old_two, 2), TG_E_UNTRUSTED, "V2: trust 2: 0 of its own");
    refused(add_signed(w.chain, next, new_one, 1), TG_E_UNTRUSTED,
            "V2: trust 2: 0 roots of version 1");
    refused(add_signed(w.chain, next, with_stranger, 2), TG_E_UNTRUSTED,
            "V2: trust 2: 1 roots of version 1");
    refused(add_signed(w.chain, next, twice, 2), TG_E_UNTRUSTED, "V2: trust 2: root");
    refused(tg_trust_chain_add(w.chain, next, NULL, 0, &err), TG_E_UNTRUSTED, "V2: trust 2");
    struct seal_party *ceo_too[] = {&w.ceo};
    refused(add_signed(w.chain, next, ceo_too, 1), TG_E_UNTRUSTED, "V2: trust 2: signed by");
    passed(add_signed(w.chain, next, all, 3));
    assert_int_equal(tg_trust_chain_version(w.chain), 2);
}

static void v2_never_goes_lower_or_sideways(void **state)
{
    (void)state;
    struct seal_party *two[] = {&w.roots[0], &w.roots[1]};
    TG_AUTO(buf) struct tg_buf first = TG_BUF(TG_MAX_TRUST), text = TG_BUF(TG_MAX_TRUST);
    tg_buf_add(&first, w.trust_text.data, w.trust_text.len);
    passed(add_signed(w.chain, seal_blob(&first), two, 2)); /* the same again: nothing happens */
    struct tg_trust other = w.trust;
    other.expires -= 60;
    passed(tg_trust_make(&other, TG_BLOB(NULL, 0), &text, &err));
    refused(add_signed(w.chain, seal_blob(&text), two, 2), TG_E_UNTRUSTED, "V2: trust 1: differs");
    seal_world_publish(&w);
    passed(add_signed(w.chain, seal_blob(&first), two, 2));
    assert_int_equal(tg_trust_chain_version(w.chain), 2);
    /* previous is not the hash of version 2 */
    tg_buf_reset(&text);
    other = w.trust;
    passed(tg_trust_make(&other, seal_blob(&w.trust_text), &text, &err));
    other.previous[0] = other.previous[0] == 'a' ? 'b' : 'a';
    tg_buf_reset(&text);
    passed(tg_trust_print(&other, &text, &err));
    refused(add_signed(w.chain, seal_blob(&text), two, 2), TG_E_UNTRUSTED, "V2: trust 3: previous");
    /* a gap */
    other.version = 4;
    tg_buf_reset(&text);
    passed(tg_trust_print(&other, &text, &err));
    refused(add_signed(w.chain, seal_blob(&text), two, 2), TG_E_STALE, "V2: trust 4");
    /* another realm */
    TG_AUTO(trust_chain) struct tg_trust_chain *pinned = tg_trust_chain_new(TG_HEX_EMPTY);
    refused(add_signed(pinned, seal_blob(&first), two, 2), TG_E_UNTRUSTED,
            "V2: trust 1: of another");
}

static void v3_refuses_what_is_not_signed(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf other = TG_BUF(TG_MAX_STATEMENT);
    tg_buf_add(&other, w.statement.data, w.statement.len);
    w.st.hold = 1;
    w.st.nonce[0] = w.st.nonce[0] == 'a' ? 'b' : 'a';
    tg_buf_reset(&other);
    passed(tg_statement_print(&w.st, &other, &err));
    w.signed_.text = seal_blob(&other); /* a good text, another one's signature */
    int rc = statement_check();
    refused(rc, rc, "V3: ");
    assert_true(rc < 0);
    w.signed_.text = seal_blob(&w.statement);
    w.cms_blob.len--;
    rc = statement_check();
    refused_somehow(rc, "V3: ");
}

static void sign_as(const struct seal_party *by)
{
    seal_world_cms(by, seal_blob(&w.statement), &w.cms);
    w.cms_blob = seal_blob(&w.cms);
}

static void v4_refuses_strangers_and_late_pins(void **state)
{
    (void)state;
    sign_as(&w.stranger);
    refused(statement_check(), TG_E_UNTRUSTED, "V4: ");
    sign_as(&w.roots[0]); /* a root may not approve */
    refused(statement_check(), TG_E_UNTRUSTED, "V4: ");
    sign_as(&w.ceo);
    w.knowledge.now = w.trust.approvers[0].until;
    passed(statement_check());
    w.knowledge.now++;
    refused(statement_check(), TG_E_EXPIRED, "V4: approver");
    w.knowledge.now = w.now;
    w.st.role = TG_APPROVER_DEPUTY;
    seal_world_sign(&w);
    refused(statement_check(), TG_E_UNTRUSTED, "V4: ");
}

static void the_end_of_trust_is_told_in_time(void **state)
{
    (void)state;
    char text[200];
    struct tg_trust *t = &w.trust;
    t->approvers[0].until = t->expires;
    int64_t last = t->expires - 90 * TG_DAY;
    assert_false(tg_trust_alarm(t, last, text, sizeof text));
    assert_true(tg_trust_alarm(t, last + 1, text, sizeof text));
    assert_non_null(strstr(text, "trust version 1 ends at"));
    t->approvers[0].until = t->expires - 100 * TG_DAY;
    last = t->approvers[0].until - 60 * TG_DAY;
    assert_false(tg_trust_alarm(t, last, text, sizeof text));
    assert_true(tg_trust_alarm(t, last + 1, text, sizeof text));
    assert_non_null(strstr(text, "signs until"));
    t->revoked_count = 1; /* then his pin is of no interest */
    (void)tg_copy(t->revoked[0], TG_SEAL_HEX, t->approvers[0].spki);
    assert_false(tg_trust_alarm(t, last + 1, text, sizeof text));
}

static void v5_refuses_twice_revoked_recalled(void **state)
{
    (void)state;
    const struct tg_blob twice[] = {w.cms_blob, w.cms_blob};
    w.signed_.cms = twice;
    w.signed_.cms_count = 2;
    refused(statement_check(), TG_E_UNTRUSTED, "V5: one approver signed twice");
    w.signed_ = (struct tg_signed){seal_blob(&w.statement), &w.cms_blob, 1};
    passed(statement_check());
    static char recalled[1][TG_SEAL_HEX];
    (void)tg_copy(recalled[0], TG_SEAL_HEX, checked.sha256);
    w.knowledge.recalled = (const char(*)[TG_SEAL_HEX])recalled;
    w.knowledge.recalled_count = 1;
    refused(statement_check(), TG_E_REVOKED, "V5: the statement was recalled");
    refused(tg_check_still(&w.knowledge, &checked, &err), TG_E_REVOKED, "V5: the statement");
    w.knowledge.recalled_count = 0;
    w.trust.revoked_count = 1;
    (void)tg_copy(w.trust.revoked[0], TG_SEAL_HEX, checked.sha256);
    seal_world_publish(&w);
    refused(statement_check(), TG_E_REVOKED, "V5: the statement is revoked");
    (void)tg_copy(w.trust.revoked[0], TG_SEAL_HEX, w.ceo.spki);
    seal_world_publish(&w);
    refused(statement_check(), TG_E_REVOKED, "V5: the approver's key");
    refused(tg_check_still(&w.knowledge, &checked, &err), TG_E_REVOKED, "V5: the approver's key");
}

static void v5_refuses_the_approvers_own_certificate(void **state)
{
    (void)state;
    passed(statement_check());
    passed(leaf_check(0));
    const struct tg_leaf good = leaf;
    (void)tg_copy(leaf.old, TG_SEAL_HEX, checked.signers[0].sha256);
    refused(tg_check_approver(&checked, &leaf, &err), TG_E_DENIED, "V5: ");
    leaf = good;
    (void)tg_copy(leaf.key, TG_SEAL_HEX, w.ceo.spki);
    refused(tg_check_approver(&checked, &leaf, &err), TG_E_DENIED, "V5: ");
    leaf = good;
    (void)tg_copy(leaf.id, sizeof leaf.id, "IIN900101300123");
    (void)tg_copy(checked.signers[0].iin, sizeof checked.signers[0].iin, "900101300123");
    refused(tg_check_approver(&checked, &leaf, &err), TG_E_DENIED, "V5: ");
    leaf = good;
    leaf.kind = TG_KIND_UNPROVEN;
    refused(tg_check_approver(&checked, &leaf, &err), TG_E_DENIED, "V5: ");
    checked.signers_count = 2;
    passed(tg_check_approver(&checked, &leaf, &err));
}

/* A pin counts by its key: wrapping that key in another certificate does not make the approver
 * somebody else. */
static void v5_sees_the_approver_behind_another_certificate(void **state)
{
    (void)state;
    struct tg_merkle_proof proof;
    passed(statement_check());
    passed(leaf_check(0));
    tg_hex(tg_cert_facts(w.apps[0].old)->spki_sha256, TG_SHA256, checked.signers[0].spki);
    struct tg_leaf_place place = seal_world_place(&w, 0, &proof);
    refused(tg_check_leaf(&checked, &place, w.apps[0].old, &leaf, &err), TG_E_DENIED, "V5: ");
}

static void v6_is_a_window(void **state)
{
    (void)state;
    tg_statement_mint(&w.st, w.now, 5, 600);
    seal_world_sign(&w);
    passed(statement_check());
    refused(tg_check_window(&checked, w.st.release - 1, &err), TG_E_EARLY, "V6: ");
    passed(tg_check_window(&checked, w.st.release, &err));
    passed(tg_check_window(&checked, w.st.install_by, &err));
    refused(tg_check_window(&checked, w.st.install_by + 1, &err), TG_E_EXPIRED, "V6: ");
}

static void recalls_are_signed_by_an_approver(void **state)
{
    (void)state;
    struct tg_recall r;
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_RECALL_MAX), cms = TG_BUF(TG_MAX_CMS);
    passed(statement_check());
    passed(tg_recall_make(tg_trust_chain_realm(w.chain), checked.sha256, w.now, &text, &err));
    seal_world_cms(&w.ceo, seal_blob(&text), &cms);
    passed(tg_recall_check(w.chain, seal_blob(&text), seal_blob(&cms), w.now, &r, &err));
    assert_string_equal(r.statement, checked.sha256);
    passed(tg_recall_check(w.chain, seal_blob(&text), seal_blob(&cms), w.trust.approvers[0].until,
                           &r, &err));
    refused(tg_recall_check(w.chain, seal_blob(&text), seal_blob(&cms),
                            w.trust.approvers[0].until + 1, &r, &err),
            TG_E_EXPIRED, "V4: recall");
    seal_world_cms(&w.stranger, seal_blob(&text), &cms);
    refused(tg_recall_check(w.chain, seal_blob(&text), seal_blob(&cms), w.now, &r, &err),
            TG_E_UNTRUSTED, "V4: recall");
    text.data[0] ^= 1;
    refused(tg_recall_check(w.chain, seal_blob(&text), seal_blob(&cms), w.now, &r, &err),
            TG_E_VERSION, "V1: recall");
    tg_buf_reset(&text);
    passed(tg_recall_make(TG_HEX_EMPTY, checked.sha256, w.now, &text, &err));
    seal_world_cms(&w.ceo, seal_blob(&text), &cms);
    refused(tg_recall_check(w.chain, seal_blob(&text), seal_blob(&cms), w.now, &r, &err),
            TG_E_UNTRUSTED, "V2: recall");
}

static void a_trust_folder_is_read_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/seal-trust-XXXXXX", path[64];
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = NULL;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(tg_trust_chain_load(dir, NULL, &chain, &err), TG_E_NO_TRUST);
    seal_world_publish(&w);
    passed(tg_trust_chain_save(w.chain, dir, &err));
    passed(tg_trust_chain_load(dir, tg_trust_chain_realm(w.chain), &chain, &err));
    assert_int_equal(tg_trust_chain_version(chain), 2);
    static const char *const files[] = {"1.trust", "1.1.p7s", "1.2.p7s",
                                        "2.trust", "2.1.p7s", "2.2.p7s"};
    for (size_t i = 0; i < TG_COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_valid_world_passes),
        WORLD_TEST(v1_refuses_bounds_and_spelling),
        WORLD_TEST(v2_refuses_realm_version_and_expiry),
        WORLD_TEST(v2_needs_both_thresholds),
        WORLD_TEST(v2_never_goes_lower_or_sideways),
        WORLD_TEST(v3_refuses_what_is_not_signed),
        WORLD_TEST(v4_refuses_strangers_and_late_pins),
        WORLD_TEST(the_end_of_trust_is_told_in_time),
        WORLD_TEST(v5_refuses_twice_revoked_recalled),
        WORLD_TEST(v5_refuses_the_approvers_own_certificate),
        WORLD_TEST(v5_sees_the_approver_behind_another_certificate),
        WORLD_TEST(v6_is_a_window),
        WORLD_TEST(recalls_are_signed_by_an_approver),
        WORLD_TEST(a_trust_folder_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
