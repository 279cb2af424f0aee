// The issuing process, as a process: what it signs, what it refuses and by which check, what it
// never forgets.
// uses: base loop merkle x509 cms seal ca seal_world | libs: uv
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "ca_world.h"
#include "seal/recall.h"
#include "temp_dir.h"

struct fixture {
    struct seal_world w;
    struct tg_loop loop;
    char dir[64], home[80];
    struct ca_connector *ca;
    struct ca_world_ask room;
    struct ca_world_call call;
};

static struct tg_err err;

static void start(struct fixture *f)
{
    f->ca = ca_world_start(&f->loop, f->home);
}

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    seal_world_init(&f->w, 5);
    ca_world_clock(f->w.now + 600); /* after release */
    temp_dir(f->dir);
    (void)snprintf(f->home, sizeof f->home, "%s/issuer", f->dir);
    ca_world_home(&f->w, f->home);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &err), 0);
    start(f);
    ca_trust(f->ca, f->w.chain);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ca_world_stop(&f->loop, f->ca);
    tg_loop_done(&f->loop);
    temp_dir_remove(f->dir);
    tg_cert_unref(f->call.cert);
    seal_world_done(&f->w);
    free(f);
    return 0;
}

static enum ca_outcome ask_for(struct fixture *f, struct ca_ask *ask)
{
    tg_cert_unref(TG_TAKE(f->call.cert));
    ca_world_submit(f->ca, ask, &f->call);
    ca_world_wait(&f->loop, &f->call);
    return f->call.outcome;
}

static void issued(struct fixture *f, struct ca_ask *ask)
{
    if (ask_for(f, ask) != CA_ISSUED) fail_msg("%s", f->call.err.text);
}

static void refused(struct fixture *f, struct ca_ask *ask, const char *check)
{
    if (ask_for(f, ask) == CA_REFUSED && strncmp(f->call.err.text, check, strlen(check)) == 0)
        return;
    fail_msg("expected %s, got \"%s\"", check,
             f->call.outcome == CA_REFUSED ? f->call.err.text : "a certificate");
}

static enum ca_outcome find(struct fixture *f, size_t i)
{
    uint8_t spki[TG_SHA256];
    tg_key_spki_sha256(f->w.apps[i].new_key, spki);
    tg_cert_unref(TG_TAKE(f->call.cert));
    ca_world_find(f->ca, spki, &f->call);
    ca_world_wait(&f->loop, &f->call);
    return f->call.outcome;
}

static void restart(struct fixture *f)
{
    ca_world_stop(&f->loop, f->ca);
    start(f);
}

/* --- what is signed --- */

static void test_an_approved_request_becomes_the_approved_certificate(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        issued(f, ca_world_ask(&f->w, i, &f->room));
        const struct tg_cert *issuers[] = {f->w.issuer.cert};
        struct tg_issued made = {f->w.apps[i].old, f->call.cert, issuers, 1};
        struct tg_knowledge k = f->w.knowledge;
        k.now += 600;
        assert_int_equal(tg_check_certificate(&k, &f->w.apps[i].leaf, &made, &err), 0);
    }
}

static void test_the_same_key_gets_the_stored_certificate(void **state)
{
    struct fixture *f = *state;
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    TG_AUTO(cert) struct tg_cert *first = tg_cert_ref(f->call.cert);
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    assert_memory_equal(tg_cert_facts(first)->sha256, tg_cert_facts(f->call.cert)->sha256, 32);
    restart(f);
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    assert_memory_equal(tg_cert_facts(first)->sha256, tg_cert_facts(f->call.cert)->sha256, 32);
    assert_int_equal(find(f, 1), CA_ISSUED);
    assert_memory_equal(tg_cert_facts(first)->sha256, tg_cert_facts(f->call.cert)->sha256, 32);
}

/* --- what is refused --- */

static void test_every_part_is_refused_when_a_byte_of_it_is_flipped(void **state)
{
    struct fixture *f = *state;
    struct ca_ask *ask = ca_world_ask(&f->w, 0, &f->room);
    struct tg_blob *const parts[] = {&ask->place.line, &ask->request.decision, &ask->request.csr,
                                     &ask->request.holder_cms, &ask->old};
    for (size_t p = 0; p < TG_COUNT(parts); p++) {
        struct tg_blob whole = *parts[p];
        uint8_t *bytes = tg_memdup(whole.data, whole.len);
        for (size_t i = 0; i < 12; i++) {
            size_t at = whole.len * i / 12 + i % 3;
            bytes[at] ^= 1;
            *parts[p] = TG_BLOB(bytes, whole.len);
            assert_int_equal(ask_for(f, ask), CA_REFUSED);
            bytes[at] ^= 1;
        }
        *parts[p] = whole;
        free(bytes);
    }
    issued(f, ask);
}

static void test_each_refusal_names_its_check(void **state)
{
    struct fixture *f = *state;
    struct ca_ask *ask = ca_world_ask(&f->w, 0, &f->room);
    struct ca_world_ask other_room;
    struct ca_ask *other = ca_world_ask(&f->w, 1, &other_room), mixed;
    mixed = *ask;
    mixed.place.index = 1;
    refused(f, &mixed, "V7");
    mixed = *ask;
    mixed.place.proof_count--;
    refused(f, &mixed, "V7");
    mixed = *ask;
    mixed.request.decision = other->request.decision;
    refused(f, &mixed, "S5: decision");
    mixed = *ask;
    mixed.request.csr = other->request.csr;
    refused(f, &mixed, "S5: CSR");
    mixed = *ask;
    mixed.request.holder_cms = other->request.holder_cms;
    refused(f, &mixed, "S5: holder");
    mixed = *ask;
    mixed.old = other->old;
    refused(f, &mixed, "V7: old");
    mixed = *ask;
    mixed.old.len = 0;
    refused(f, &mixed, "V7: old");
    assert_int_equal(find(f, 0), CA_REFUSED);
    assert_int_equal(f->call.err.code, TG_E_NOT_FOUND);
}

static void test_a_held_application_is_not_among_the_approved(void **state)
{
    struct fixture *f = *state;
    struct ca_ask *ask = ca_world_ask(&f->w, 0, &f->room);
    size_t len;
    ask->place.line = seal_blob(&f->w.apps[3].line); /* held back by the approver */
    ask->request.csr = seal_blob(&f->w.apps[3].csr);
    ask->request.holder_cms = seal_blob(&f->w.apps[3].holder);
    ask->old.data = tg_cert_der(f->w.apps[3].old, &len);
    ask->old.len = len;
    refused(f, ask, "V7");
}

static void test_a_statement_by_a_stranger_or_changed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ca_ask *ask = ca_world_ask(&f->w, 0, &f->room);
    struct tg_buf cms = TG_BUF(TG_MAX_CMS);
    seal_world_cms(&f->w.stranger, seal_blob(&f->w.statement), &cms);
    struct tg_blob blob = seal_blob(&cms);
    f->room.statement.signed_.cms = &blob;
    (void)memset(f->room.statement.sha256, 'a', 64);
    refused(f, ask, "V4");
    f->room.statement.signed_.cms = &f->w.cms_blob;
    uint8_t *text = tg_memdup(f->w.statement.data, f->w.statement.len);
    char *nonce = strstr((char *)text, "nonce: ");
    nonce[7] = nonce[7] == 'a' ? 'b' : 'a';
    f->room.statement.signed_.text.data = text;
    (void)memset(f->room.statement.sha256, 'b', 64);
    refused(f, ask, "V3");
    free(text);
    tg_buf_done(&cms);
}

static void test_nothing_is_issued_without_trust(void **state)
{
    struct fixture *f = *state;
    ca_world_stop(&f->loop, f->ca);
    temp_dir_remove(f->home);
    ca_world_home(&f->w, f->home);
    start(f);
    refused(f, ca_world_ask(&f->w, 0, &f->room), "V2");
    ca_trust(f->ca, f->w.chain);
    issued(f, ca_world_ask(&f->w, 0, &f->room));
}

static void test_the_realm_is_fixed_for_ever(void **state)
{
    struct fixture *f = *state;
    struct seal_world other;
    struct ca_world_ask room;
    issued(f, ca_world_ask(&f->w, 0, &f->room));
    restart(f);
    seal_world_init(&other, 3);
    ca_trust(f->ca, other.chain); /* version 1 of another organization */
    refused(f, ca_world_ask(&other, 0, &room), "V2");
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    seal_world_done(&other);
}

static void test_revoked_by_newer_trust_which_never_goes_back(void **state)
{
    struct fixture *f = *state;
    issued(f, ca_world_ask(&f->w, 0, &f->room));
    f->w.trust.revoked_count = 1;
    tg_sha256_hex(f->w.statement.data, f->w.statement.len, f->w.trust.revoked[0]);
    seal_world_publish(&f->w);
    ca_trust(f->ca, f->w.chain);
    refused(f, ca_world_ask(&f->w, 1, &f->room), "V5");
    restart(f); /* nobody brings trust again: the folder has it */
    refused(f, ca_world_ask(&f->w, 1, &f->room), "V5");
    assert_int_equal(find(f, 0), CA_ISSUED); /* what was issued stays known */
}

static void test_a_recall_stops_at_once_and_after_a_restart(void **state)
{
    struct fixture *f = *state;
    char sha[TG_HEX256];
    struct tg_buf text = TG_BUF(TG_RECALL_MAX), cms = TG_BUF(TG_MAX_CMS);
    tg_sha256_hex(f->w.statement.data, f->w.statement.len, sha);
    assert_int_equal(tg_recall_make(tg_trust_chain_realm(f->w.chain), sha, f->w.now, &text, &err),
                     0);
    issued(f, ca_world_ask(&f->w, 0, &f->room));
    seal_world_cms(&f->w.stranger, seal_blob(&text), &cms);
    ca_recall(f->ca, seal_blob(&text), seal_blob(&cms)); /* by nobody: changes nothing */
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    restart(f);
    seal_world_cms(&f->w.ceo, seal_blob(&text), &cms);
    ca_recall(f->ca, seal_blob(&text), seal_blob(&cms));
    refused(f, ca_world_ask(&f->w, 2, &f->room), "V5");
    restart(f);
    refused(f, ca_world_ask(&f->w, 2, &f->room), "V5");
    tg_buf_done(&text);
    tg_buf_done(&cms);
}

static void test_not_before_release_and_not_after_install_by(void **state)
{
    struct fixture *f = *state;
    ca_world_stop(&f->loop, f->ca);
    f->w.st.release += 3600;
    seal_world_sign(&f->w);
    ca_world_clock(f->w.now);
    start(f);
    refused(f, ca_world_ask(&f->w, 0, &f->room), "V6");
    assert_int_equal(f->call.err.code, TG_E_EARLY);
    ca_world_stop(&f->loop, f->ca);
    ca_world_clock(f->w.now + 91 * TG_DAY);
    start(f);
    refused(f, ca_world_ask(&f->w, 0, &f->room), "V6");
    assert_int_equal(f->call.err.code, TG_E_EXPIRED);
}

static void test_one_key_never_gets_two_certificates(void **state)
{
    struct fixture *f = *state;
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    /* The same keys approved once more, by other applications: other leaves. */
    for (size_t i = 0; i < f->w.count; i++) {
        struct tg_leaf *leaf = &f->w.apps[i].leaf;
        leaf->number = (struct tg_number){26, (uint32_t)(9000 + i)};
        tg_number_print(leaf->number, leaf->no);
        seal_world_app(&f->w, i);
    }
    seal_world_seal(&f->w);
    refused(f, ca_world_ask(&f->w, 1, &f->room), "V7: this public key");
    assert_int_equal(f->call.err.code, TG_E_EXISTS);
}

static void test_approved_for_another_ca(void **state)
{
    struct fixture *f = *state;
    struct seal_app *a = &f->w.apps[0];
    (void)memcpy(a->leaf.issuer, f->w.stranger.spki, TG_SEAL_HEX);
    seal_world_app(&f->w, 0);
    seal_world_seal(&f->w);
    refused(f, ca_world_ask(&f->w, 0, &f->room), "A2: issuer");
}

/* --- lost answers --- */

static bool is_down(void *data)
{
    return ca_embedded_pid(((struct fixture *)data)->ca) == 0;
}

/* Asks until somebody answers: a key that nobody has. */
static void wait_until_back(struct fixture *f)
{
    uint64_t until = tg_loop_mono_ms(&f->loop) + 20000;
    while (find(f, 4) != CA_REFUSED || f->call.err.code != TG_E_NOT_FOUND) {
        assert_true(tg_loop_mono_ms(&f->loop) < until);
        (void)uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
}

static void test_killed_between_fsync_and_answer_the_certificate_is_found(void **state)
{
    struct fixture *f = *state;
    uint8_t spki[TG_SHA256];
    bool lost = false, kept = false;
    /* Whatever the moment of the kill: afterwards there is at most one certificate of each key, and
     * what was answered is there. */
    for (int round = 0; round < 6; round++) {
        struct ca_world_call calls[3];
        struct ca_world_ask rooms[3];
        ca_trust(f->ca,
                 f->w.chain); /* as every pass does: a kill may have come before it was kept */
        for (size_t i = 0; i < 3; i++)
            ca_world_submit(f->ca, ca_world_ask(&f->w, i, &rooms[i]), &calls[i]);
        uint64_t until = tg_loop_mono_ms(&f->loop) + (uint64_t)round * 3;
        while (tg_loop_mono_ms(&f->loop) < until)
            (void)uv_run(&f->loop.uv, UV_RUN_NOWAIT);
        int pid = ca_embedded_pid(f->ca);
        if (pid) (void)kill(pid, SIGKILL);
        assert_true(tg_loop_until(&f->loop, is_down, f, 20000));
        wait_until_back(f);
        for (size_t i = 0; i < 3; i++) {
            tg_key_spki_sha256(f->w.apps[i].new_key, spki);
            ca_world_wait(&f->loop, &calls[i]);
            enum ca_outcome found = find(f, i);
            if (calls[i].outcome == CA_ISSUED) {
                kept = true;
                assert_int_equal(found, CA_ISSUED);
                assert_memory_equal(tg_cert_facts(calls[i].cert)->sha256,
                                    tg_cert_facts(f->call.cert)->sha256, 32);
            } else {
                lost = true;
                assert_int_equal(calls[i].err.code, TG_E_CA);
                assert_int_equal(tg_code_next(calls[i].err.code), TG_NEXT_RETRY);
            }
            tg_cert_unref(calls[i].cert);
        }
    }
    assert_true(lost || kept);
    ca_trust(f->ca, f->w.chain);
    for (size_t i = 0; i < 3; i++)
        issued(f, ca_world_ask(&f->w, i, &f->room));
}

static void test_a_torn_end_of_the_store_is_cut_off(void **state)
{
    struct fixture *f = *state;
    char path[128];
    issued(f, ca_world_ask(&f->w, 0, &f->room));
    issued(f, ca_world_ask(&f->w, 1, &f->room));
    ca_world_stop(&f->loop, f->ca);
    (void)snprintf(path, sizeof path, "%s/issued", f->home);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 7), 0);
    start(f);
    assert_int_equal(find(f, 0), CA_ISSUED);
    assert_int_equal(find(f, 1), CA_REFUSED);
    assert_int_equal(f->call.err.code, TG_E_NOT_FOUND);
}

static void test_the_folder_belongs_to_the_issuer_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->home, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    if (geteuid() == 0) assert_int_not_equal(st.st_uid, 0); /* its own user */
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(int argc, char **argv)
{
    CA_WORLD_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        T(an_approved_request_becomes_the_approved_certificate),
        T(the_same_key_gets_the_stored_certificate),
        T(every_part_is_refused_when_a_byte_of_it_is_flipped),
        T(each_refusal_names_its_check),
        T(a_held_application_is_not_among_the_approved),
        T(a_statement_by_a_stranger_or_changed_is_refused),
        T(nothing_is_issued_without_trust),
        T(the_realm_is_fixed_for_ever),
        T(revoked_by_newer_trust_which_never_goes_back),
        T(a_recall_stops_at_once_and_after_a_restart),
        T(not_before_release_and_not_after_install_by),
        T(one_key_never_gets_two_certificates),
        T(approved_for_another_ca),
        T(killed_between_fsync_and_answer_the_certificate_is_found),
        T(a_torn_end_of_the_store_is_cut_off),
        T(the_folder_belongs_to_the_issuer_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
