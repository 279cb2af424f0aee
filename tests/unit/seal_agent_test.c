/* seal checks of the agent: V7, A1, A2, and what travels to it. Every refusal by its name. */
// uses: base json merkle x509 cms seal seal_world
#include "seal_world/refuse.h"
#include "x509/content.h"

static void v7_refuses_place_and_bytes(void **state)
{
    (void)state;
    struct tg_merkle_proof proof;
    passed(statement_check());
    struct tg_leaf_place place = seal_world_place(&w, 0, &proof);
    place.index = 3;
    refused(tg_check_leaf(&checked, &place, w.apps[0].old, &leaf, &err), TG_E_MISMATCH,
            "V7: index");
    place.index = 1;
    refused(tg_check_leaf(&checked, &place, w.apps[0].old, &leaf, &err), TG_E_MISMATCH,
            "V7: not among");
    place.index = 0;
    place.line = seal_blob(&w.apps[3].line); /* the one that was held */
    refused(tg_check_leaf(&checked, &place, w.apps[3].old, &leaf, &err), TG_E_MISMATCH,
            "V7: not among");
    place.line = seal_blob(&w.apps[0].line);
    place.proof_count--;
    refused(tg_check_leaf(&checked, &place, w.apps[0].old, &leaf, &err), TG_E_MISMATCH,
            "V7: not among");
    place = seal_world_place(&w, 0, &proof);
    refused(tg_check_leaf(&checked, &place, NULL, &leaf, &err), TG_E_MISMATCH, "V7: old");
    refused(tg_check_leaf(&checked, &place, w.apps[1].old, &leaf, &err), TG_E_MISMATCH,
            "V7: old: old");
}

/* Seals application 0 as it is, past the session's own refusals: a hostile server. */
static void seal_hostile(void)
{
    struct tg_merkle_hash hashes[3];
    for (size_t i = 0; i < 3; i++)
        tg_merkle_leaf(w.apps[i].line.data, w.apps[i].line.len, &hashes[i]);
    tg_merkle_tree_done(&w.approved);
    tg_merkle_tree_init(&w.approved, hashes, 3);
    struct tg_merkle_hash root;
    tg_merkle_tree_root(&w.approved, &root);
    tg_hex(root.b, sizeof root.b, w.st.approve.root);
    seal_world_sign(&w);
    passed(statement_check());
}

static void v7_recomputes_flags_and_fields(void **state)
{
    (void)state;
    struct tg_leaf *l = &w.apps[0].leaf;
    const struct tg_leaf good = *l;
    l->flags = TG_FLAG_BIT(TG_FLAG_SUBJECT_CHANGED);
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: flags");
    l->flags = TG_FLAG_BIT(TG_FLAG_HOLDER_LEFT);
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_DENIED, "V7: flags: holder-left");
    l->flags = TG_FLAG_BIT(TG_FLAG_WEAK_OLD_KEY);
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: old: flags");
    *l = good;
    tg_key_spki_hex(w.apps[0].old_key, l->key); /* key reused, and not said */
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: old: flags");
    *l = good;
    (void)tg_copy(l->ends, TG_TIME, "2027-01-01T00:00:00Z");
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: old: ends");
    *l = good;
    (void)tg_copy(l->name, sizeof l->name, "Somebody Else");
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: old: name");
    *l = good;
    (void)tg_copy(l->id, sizeof l->id, "IIN900101300123");
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: old: id");
    *l = good;
    l->days = 400; /* longer than the old one, and not said */
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_MISMATCH, "V7: old: days");
    *l = good;
    l->kind = TG_KIND_OBSERVE;
    l->key[0] = l->alg[0] = l->issuer[0] = '\0';
    seal_world_app(&w, 0);
    seal_hostile();
    refused(leaf_check(0), TG_E_DENIED, "V7: kind");
}

static void a1_compares_the_pending_record(void **state)
{
    (void)state;
    struct seal_app *a = &w.apps[0];
    struct tg_blob line = seal_blob(&a->line);
    struct tg_pending good = {0}, p;
    passed(tg_leaf_parse(line.data, line.len, &leaf, &err));
    tg_sha256_hex(a->app.data, a->app.len, good.app);
    (void)tg_copy(good.agent, sizeof good.agent, leaf.agent);
    (void)tg_copy(good.key, sizeof good.key, leaf.key);
    (void)tg_copy(good.old, sizeof good.old, leaf.old);
    passed(tg_check_pending(&good, line, &leaf, &err));
    p = good;
    p.agent[31] = 'f';
    refused(tg_check_pending(&p, line, &leaf, &err), TG_E_MISMATCH, "A1: agent");
    p = good;
    p.app[0] = p.app[0] == 'a' ? 'b' : 'a';
    refused(tg_check_pending(&p, line, &leaf, &err), TG_E_MISMATCH, "A1: app");
    p = good;
    p.key[0] = p.key[0] == 'a' ? 'b' : 'a';
    refused(tg_check_pending(&p, line, &leaf, &err), TG_E_MISMATCH, "A1: key");
    p = good;
    p.old[0] = p.old[0] == 'a' ? 'b' : 'a';
    refused(tg_check_pending(&p, line, &leaf, &err), TG_E_MISMATCH, "A1: old");
}

static void a2_refuses_another_certificate(void **state)
{
    (void)state;
    passed(statement_check());
    passed(leaf_check(0));
    struct tg_issued issued = seal_world_issued(&w, 0);
    issued.cert = w.apps[1].cert;
    refused(tg_check_certificate(&w.knowledge, &leaf, &issued, &err), TG_E_MISMATCH, "A2: key");
    issued = seal_world_issued(&w, 0);
    issued.issuers_count = 0;
    refused(tg_check_certificate(&w.knowledge, &leaf, &issued, &err), TG_E_UNTRUSTED, "A2: issuer");
    issued = seal_world_issued(&w, 0);
    issued.cert = w.issuer.cert;
    refused(tg_check_certificate(&w.knowledge, &leaf, &issued, &err), TG_E_MISMATCH, "A2: CA");
    issued = seal_world_issued(&w, 0);
    issued.cert = w.ceo.cert; /* self-signed */
    int rc = tg_check_certificate(&w.knowledge, &leaf, &issued, &err);
    refused_somehow(rc, "A2: issuer");
    issued = seal_world_issued(&w, 0);
    issued.old = w.apps[1].old; /* another subject */
    rc = tg_check_certificate(&w.knowledge, &leaf, &issued, &err);
    refused_somehow(rc, "A2: content");
    issued.old = NULL;
    refused(tg_check_certificate(&w.knowledge, &leaf, &issued, &err), TG_E_UNSUPPORTED,
            "A2: content");
    issued = seal_world_issued(&w, 0);
    leaf.days = 364; /* the certificate lives a day longer */
    rc = tg_check_certificate(&w.knowledge, &leaf, &issued, &err);
    refused_somehow(rc, "A2: content");
    leaf.days = 365;
    w.trust.issuers_count = 0;
    seal_world_publish(&w);
    refused(tg_check_certificate(&w.knowledge, &leaf, &issued, &err), TG_E_UNTRUSTED,
            "A2: issuer: not in");
    w.trust.issuers_count = 1;
    w.trust.revoked_count = 1;
    (void)tg_copy(w.trust.revoked[0], TG_SEAL_HEX, w.issuer.spki);
    seal_world_publish(&w);
    refused(tg_check_certificate(&w.knowledge, &leaf, &issued, &err), TG_E_REVOKED,
            "A2: issuer: revoked");
}

static void a_change_is_issued_as_approved_and_no_other(void **state)
{
    (void)state;
    struct seal_app *a = &w.apps[0];
    struct tg_leaf *l = &a->leaf;
    l->days = 400;
    passed(tg_change_subject(a->old, "email", "new@alatau.example", l->changes, &l->changes_count,
                             &err));
    passed(tg_change_days(a->old, (int)l->days, l->changes, &l->changes_count, &err));
    l->flags = tg_flags_of_leaf(l);
    assert_int_equal(l->flags,
                     TG_FLAG_BIT(TG_FLAG_SUBJECT_CHANGED) | TG_FLAG_BIT(TG_FLAG_LONGER_VALIDITY));
    struct tg_cert *as_old = tg_cert_ref(a->cert);
    seal_world_app(&w, 0);
    seal_world_seal(&w);
    passed(statement_check());
    passed(leaf_check(0));
    struct tg_issued unchanged = {a->old, as_old, (const struct tg_cert *const *)&w.issuer.cert, 1};
    int rc = tg_check_certificate(&w.knowledge, &leaf, &unchanged, &err);
    refused_somehow(rc, "A2: content");
    tg_cert_unref(as_old);
    seal_world_issue(&w, 0);
    passed(certificate_check(0));
}

static void bundle_and_evidence_travel(void **state)
{
    (void)state;
    static struct tg_evidence_report report;
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_BUNDLE), pack = TG_BUF(TG_EVIDENCE_MAX);
    TG_AUTO(bundle) struct tg_bundle *b = NULL;
    TG_AUTO(evidence) struct tg_evidence *e = NULL;
    TG_AUTO(trust_chain)
    struct tg_trust_chain *chain = tg_trust_chain_new(tg_trust_chain_realm(w.chain));
    seal_world_bundle(&w, 1, &text);
    passed(tg_bundle_parse(text.data, text.len, &b, &err));
    passed(tg_bundle_feed(b, chain, &err));
    struct tg_knowledge k = {.chain = chain, .now = w.now};
    struct tg_signed s = {b->statement, b->cms, b->cms_count};
    struct tg_leaf_place place = {b->leaf, b->index, b->proof, b->proof_count};
    passed(tg_check_statement(&k, &s, &checked, &err));
    passed(tg_check_leaf(&checked, &place, w.apps[1].old, &leaf, &err));
    seal_world_evidence(&w, 1, &pack);
    passed(tg_evidence_parse(pack.data, pack.len, &e, &err));
    passed(tg_evidence_verify(e, tg_trust_chain_realm(w.chain), w.now, &report, &err));
    assert_true(report.time_proven);
    assert_string_equal(report.leaf.no, w.apps[1].leaf.no);
    refused(tg_evidence_verify(e, TG_HEX_EMPTY, w.now, &report, &err), TG_E_UNTRUSTED,
            "V2: trust 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(v7_refuses_place_and_bytes),
        WORLD_TEST(v7_recomputes_flags_and_fields),
        WORLD_TEST(a1_compares_the_pending_record),
        WORLD_TEST(a2_refuses_another_certificate),
        WORLD_TEST(a_change_is_issued_as_approved_and_no_other),
        WORLD_TEST(bundle_and_evidence_travel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
