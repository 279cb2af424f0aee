// The tamga-agent program against a scripted server: whole renewals, killed, cancelled, by hand.
// uses: base loop json merkle x509 cms keystore seal seal_world net wire agent_server agent_world agent_platform agent_pending agent_job | libs: crypto ssl jansson uv threads
#include "agentd_rig.h"

static void the_holder_confirms_and_the_certificate_is_renewed(void **state)
{
    (void)state;
    begin(AGENT_P12, false);
    struct tg_wire_message *m = report(TG_WIRE_INVENTORY, 1);
    const struct tg_wire_inventory *inventory = tg_wire_body(m, TG_WIRE_INVENTORY);
    const struct tg_wire_keystore *found = inventory->keystores.items;
    assert_true(inventory->complete);
    assert_int_equal(inventory->keystores.count, 1);
    assert_string_equal(found[0].path, rig->world.path);
    assert_string_equal(found[0].status, "locked");
    tg_wire_free(m);
    push_prepare(5, "holder", NULL);
    waits_for(1, "holder");
    char wrong[96];
    (void)snprintf(wrong, sizeof wrong, "%s/wrong", rig->dir);
    write_file(wrong, "battery staple");
    assert_int_equal(RUN("confirm", "--json"), 2); /* nobody is there to ask */
    assert_int_equal(RUN("confirm", "--json", "--yes", "--password-file", wrong), 1);
    assert_int_equal(agent_server_count(&rig->server, TG_WIRE_PREPARED), 0);
    assert_int_equal(RUN("confirm", "--json", "--yes", "--password-file", rig->passwords), 0);
    TG_AUTO(json) json_t *outcome = printed();
    assert_string_equal(json_string_value(json_object_get(outcome, "consent")), "key");
    approve(1);
    assert_int_equal(rig->world.seal.apps[0].leaf.consent, TG_CONSENT_KEY);
    push_install(6); /* the password is still sealed: nobody is asked again */
    is_installed(1, 6);
    keystore_holds_the_new_one();
    char path[160];
    struct stat st;
    key_path(path);
    assert_int_not_equal(stat(path, &st), 0); /* the waiting key is gone */
    push_install(7);                          /* a repeat gets the same answer */
    is_installed(2, 7);
    assert_int_equal(RUN("status", "--json"), 0);
    TG_AUTO(json) json_t *status = printed();
    assert_true(json_is_true(json_object_get(status, "connected")));
    assert_int_equal(json_array_size(json_object_get(status, "jobs")), 0);
    end();
}

static void killed_at_any_moment_it_goes_on(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", NULL);
    for (int i = 0; i < 4; i++) { /* before, during and after the job */
        (void)poll(NULL, 0, 15 * i);
        kill_daemon();
        start_daemon();
    }
    approve(1);
    push_install(6);
    for (int i = 0; i < 4; i++) {
        (void)poll(NULL, 0, 15 * i);
        kill_daemon();
        start_daemon();
    }
    is_installed(1, 6);
    keystore_holds_the_new_one();
    end();
}

static void a_repeated_prepare_gets_the_same_key_and_bytes(void **state)
{
    (void)state;
    begin(AGENT_P12_MANY, true);
    push_prepare(5, "none", NULL);
    struct tg_wire_message *one = report(TG_WIRE_PREPARED, 1);
    kill_daemon();
    start_daemon();
    push_prepare(8, "none", NULL);
    /* The kill may fall between an answer and its note: then 5 is said twice. */
    struct tg_wire_message *two = report(TG_WIRE_PREPARED, 2);
    if (two->id == 5) {
        tg_wire_free(two);
        two = report(TG_WIRE_PREPARED, 3);
    }
    const struct tg_wire_prepared *a = tg_wire_body(one, TG_WIRE_PREPARED);
    const struct tg_wire_prepared *b = tg_wire_body(two, TG_WIRE_PREPARED);
    assert_int_equal(two->id, 8);
    assert_int_equal(a->csr.len, b->csr.len);
    assert_memory_equal(a->csr.data, b->csr.data, a->csr.len);
    assert_int_equal(a->cms.len, b->cms.len);
    assert_memory_equal(a->cms.data, b->cms.data, a->cms.len);
    tg_wire_free(one);
    tg_wire_free(two);
    end();
}

static void an_unknown_password_is_asked_for(void **state)
{
    (void)state;
    begin(AGENT_P12, false);
    push_prepare(5, "none", NULL);
    waits_for(1, "password");
    kill_daemon(); /* what waits still waits after a crash */
    start_daemon();
    waits_for(2, "password");
    assert_int_equal(RUN("confirm", "--yes", "--password-file", rig->passwords,
                         rig->world.seal.apps[0].leaf.no),
                     0);
    tg_wire_free(report(TG_WIRE_PREPARED, 1));
    end();
}

static void a_path_outside_of_the_roots_is_refused(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", rig->passwords);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->code, "denied");
    assert_null(f->waits_for);
    tg_wire_free(m);
    end();
}

static void install_without_a_record_is_refused(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    assert_int_equal(agent_world_prepare(&rig->world, &rig->err), 0); /* not by this agent */
    agent_world_approve(&rig->world);
    push_install(6);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->code, "mismatch");
    assert_non_null(strstr(f->text, "A1"));
    tg_wire_free(m);
    end();
}

static bool gone(const char *path)
{
    struct stat st;
    for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
        if (stat(path, &st) != 0) return true;
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static void a_cancelled_application_leaves_nothing(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", NULL);
    approve(1);
    char path[160], number[TG_NUMBER];
    struct stat st;
    key_path(path);
    assert_int_equal(stat(path, &st), 0);
    (void)tg_copy(number, sizeof number, rig->world.seal.apps[0].leaf.no);
    struct tg_wire_cancel body = {.application = number};
    agent_server_push(&rig->server, TG_WIRE_CANCEL, 6, &body);
    assert_true(gone(path));
    push_install(7);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    assert_int_equal(m->id, 7);
    tg_wire_free(m);
    end();
}

/* F6: the recall is kept, and the statement's bundle is refused for ever after. */
static void a_recalled_statement_is_not_installed(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    push_prepare(5, "none", NULL);
    approve(1);
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_STATEMENT), cms = TG_BUF(TG_MAX_CMS);
    struct seal_world *w = &rig->world.seal;
    char hex[TG_HEX256], other[] = "26-004299-9";
    tg_sha256_hex(w->statement.data, w->statement.len, hex);
    assert_int_equal(tg_recall_make(tg_trust_chain_realm(w->chain), hex, w->now, &text, &rig->err),
                     0);
    seal_world_cms(&w->ceo, seal_blob(&text), &cms);
    struct tg_wire_cancel body = {.application = other,
                                  .recall = {text.data, text.len},
                                  .cms = {cms.data, cms.len}};
    agent_server_push(&rig->server, TG_WIRE_CANCEL, 6, &body);
    tg_wire_free(report(TG_WIRE_ACK, 2));
    kill_daemon();
    start_daemon();
    push_install(7);
    struct tg_wire_message *m = report(TG_WIRE_FAILED, 1);
    const struct tg_wire_failed *f = tg_wire_body(m, TG_WIRE_FAILED);
    assert_string_equal(f->code, "revoked");
    tg_wire_free(m);
    end();
}

static void a_bundle_that_came_by_hand_is_installed_and_reported_later(void **state)
{
    (void)state;
    begin(AGENT_PEM_PAIR, true);
    push_prepare(5, "none", NULL);
    approve(1);
    TG_AUTO(buf) struct tg_buf bundle = TG_BUF(TG_MAX_BUNDLE);
    char file[96];
    (void)snprintf(file, sizeof file, "%s/bundle", rig->dir);
    seal_world_bundle(&rig->world.seal, 0, &bundle);
    assert_int_equal(tg_file_replace(file, bundle.data, bundle.len, 0600, &rig->err), 0);
    stop_daemon();
    assert_int_equal(RUN("install", "--bundle", file, "--json"), 0);
    keystore_holds_the_new_one();
    assert_int_equal(agent_server_count(&rig->server, TG_WIRE_INSTALLED), 0);
    start_daemon();
    is_installed(1, 0);
    assert_int_equal(RUN("install", "--bundle", file, "--json"), 0); /* through the daemon */
    is_installed(2, 0);
    end();
}

static void a_scan_is_answered_with_its_job(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    tg_wire_free(report(TG_WIRE_INVENTORY, 1));
    struct tg_wire_scan body = {.everything = false};
    agent_server_push(&rig->server, TG_WIRE_SCAN, 11, &body);
    struct tg_wire_message *m = report(TG_WIRE_INVENTORY, 2);
    const struct tg_wire_inventory *inventory = tg_wire_body(m, TG_WIRE_INVENTORY);
    const struct tg_wire_keystore *found = inventory->keystores.items;
    const struct tg_wire_entry *entries = found[0].entries.items;
    assert_int_equal(m->id, 11);
    assert_true(inventory->complete);
    assert_string_equal(found[0].status, "open");
    assert_true(entries[0].has_key);
    assert_true(entries[0].certificate.len > 100);
    tg_wire_free(m);
    tg_wire_free(report(TG_WIRE_ACK, 1));
    end();
}

/* A number of /proc/PID/status, in kB where it has a unit. Any user may read that file; smaps
 * belongs to root once the daemon forbids core dumps. */
static long proc_number(const char *key)
{
    char path[64], line[256];
    long value = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)rig->daemon);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (value < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) value = strtol(line + strlen(key), NULL, 10);
    (void)fclose(f);
    assert_true(value >= 0);
    return value;
}

static void idle_it_sleeps_and_is_small(void **state)
{
    (void)state;
    begin(AGENT_PEM, false);
    tg_wire_free(report(TG_WIRE_INVENTORY, 1));
    (void)poll(NULL, 0, 12000); /* libcurl's timer of the connection's first 10 s is the last one */
    long before = proc_number("voluntary_ctxt_switches:");
    (void)poll(NULL, 0, 10000);
    long after = proc_number("voluntary_ctxt_switches:");
    long private_kb = proc_number("RssAnon:");
    assert_int_equal(proc_number("Threads:"), 1);
    print_message("wake-ups in 10 s: %ld, private: %ld kB\n", after - before, private_kb);
    assert_int_equal(after - before, 0);
#ifndef __SANITIZE_ADDRESS__
    assert_in_range(private_kb, 1, 2048);
#endif
    end();
}

int main(int argc, char **argv)
{
    agent_world_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_holder_confirms_and_the_certificate_is_renewed),
        cmocka_unit_test(killed_at_any_moment_it_goes_on),
        cmocka_unit_test(a_repeated_prepare_gets_the_same_key_and_bytes),
        cmocka_unit_test(an_unknown_password_is_asked_for),
        cmocka_unit_test(a_path_outside_of_the_roots_is_refused),
        cmocka_unit_test(install_without_a_record_is_refused),
        cmocka_unit_test(a_cancelled_application_leaves_nothing),
        cmocka_unit_test(a_recalled_statement_is_not_installed),
        cmocka_unit_test(a_bundle_that_came_by_hand_is_installed_and_reported_later),
        cmocka_unit_test(a_scan_is_answered_with_its_job),
        cmocka_unit_test(idle_it_sleeps_and_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
