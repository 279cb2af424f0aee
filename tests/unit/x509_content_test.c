// x509_content: what two certificates say differently, and A2's refusals, one by one.
// uses: base x509 | libs: crypto
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "x509/content.h"
#include "x509_world.h"

static struct world w;

static size_t diff(const struct tg_cert *a, const struct tg_cert *b,
                   struct tg_change rows[TG_MAX_CHANGES])
{
    struct tg_err err = {0};
    size_t n = 0;
    if (tg_cert_diff(a, b, rows, TG_MAX_CHANGES, &n, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(tg_changes_valid(rows, n, &err), 0);
    return n;
}

static struct tg_change change(const char *field, const char *old, const char *new_)
{
    struct tg_change c = {0};
    assert_true(tg_copy(c.field, sizeof c.field, field) && tg_copy(c.old, sizeof c.old, old) &&
                tg_copy(c.new_, sizeof c.new_, new_));
    return c;
}

static void unchanged_renewal_is_equal_and_keeps_the_subject_bytes(void **state)
{
    struct tg_change rows[TG_MAX_CHANGES];
    struct tg_err err = {0};
    struct tg_issue_spec spec = world_spec(&w, w.old, NULL, 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    const struct tg_cert_facts *a = tg_cert_facts(w.old), *b = tg_cert_facts(fresh);
    (void)state;
    assert_int_equal(a->subject_len, b->subject_len);
    assert_memory_equal(a->subject_der, b->subject_der, a->subject_len);
    assert_int_equal(diff(w.old, fresh, rows), 0);
    assert_int_equal(tg_cert_content_is(w.old, NULL, 0, fresh, 365, WORLD_NOW, &err), 0);
    assert_string_equal(b->email, "test@alatau.example");
    assert_int_equal(b->key_usage, a->key_usage);
    assert_int_equal(b->role, TG_ROLE_EMPLOYEE);
    assert_int_equal(b->storage, TG_STORAGE_FILE);
    assert_int_equal(b->ski_len, 20);
}

static void every_kind_of_change_is_issued_found_and_approved(void **state)
{
    struct tg_change rows[TG_MAX_CHANGES],
        wanted[] = {
            change("days", "365", "730"),
            change("eku", "", "1.3.6.1.5.5.7.3.2"),
            change("eku", "1.2.398.3.3.4.1.2.5", ""),
            change("ku", "", "cRLSign"),
            change("ku", "keyAgreement", ""),
            change("policies", "", "1.2.398.3.3.2.1"),
            change("san", "", "email:new@alatau.example"),
            change("san", "", "ip:2001:db8::7"),
            change("san", "email:test@alatau.example", ""),
            change("san", "upn:тест@alatau", ""),
            change("subject.1.2.840.113549.1.9.1", "", "new@alatau.example"),
            change("subject.2.5.4.4", "ТЕСТОВ", ""),
            change("subject.2.5.4.7", "Алматы", "Астана"),
        };
    struct tg_err err = {0};
    struct tg_issue_spec spec = world_spec(&w, w.old, wanted, TG_COUNT(wanted));
    (void)state;
    spec.not_after = WORLD_NOW + 730 * TG_DAY;
    assert_int_equal(tg_changes_valid(wanted, TG_COUNT(wanted), &err), 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    assert_int_equal(diff(w.old, fresh, rows), TG_COUNT(wanted));
    for (size_t i = 0; i < TG_COUNT(wanted); i++) {
        assert_string_equal(rows[i].field, wanted[i].field);
        assert_string_equal(rows[i].old, wanted[i].old);
        assert_string_equal(rows[i].new_, wanted[i].new_);
    }
    assert_int_equal(tg_cert_content_is(w.old, wanted, TG_COUNT(wanted), fresh, 730, WORLD_NOW,
                                        &err),
                     0);
    assert_string_equal(tg_cert_facts(fresh)->locality, "Астана");
    /* One approved row less, and it is another certificate. */
    for (size_t i = 1; i < TG_COUNT(wanted); i++) {
        struct tg_change fewer[TG_COUNT(wanted)];
        size_t k = 0;
        for (size_t j = 0; j < TG_COUNT(wanted); j++)
            if (j != i) fewer[k++] = wanted[j];
        assert_int_equal(tg_cert_content_is(w.old, fewer, k, fresh, 730, WORLD_NOW, &err),
                         TG_E_MISMATCH);
    }
}

static void approved_but_not_issued_is_a_mismatch(void **state)
{
    struct tg_change wanted = change("subject.2.5.4.7", "Алматы", "Астана");
    struct tg_err err = {0};
    struct tg_issue_spec spec = world_spec(&w, w.old, NULL, 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    (void)state;
    assert_int_equal(tg_cert_content_is(w.old, &wanted, 1, fresh, 365, WORLD_NOW, &err),
                     TG_E_MISMATCH);
}

static void times_are_bounded(void **state)
{
    struct tg_err err = {0};
    struct tg_issue_spec spec = world_spec(&w, w.old, NULL, 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    (void)state;
    assert_int_equal(tg_cert_content_is(w.old, NULL, 0, fresh, 364, WORLD_NOW, &err),
                     TG_E_MISMATCH);
    assert_int_equal(tg_cert_content_is(w.old, NULL, 0, fresh, 365, WORLD_NOW - 300, &err), 0);
    assert_int_equal(tg_cert_content_is(w.old, NULL, 0, fresh, 365, WORLD_NOW - 301, &err),
                     TG_E_EARLY);
}

/* A difference that no row can say is refused by the OID's name. */
static void refused(const struct world_old *a, const struct world_old *b, const char *name)
{
    TG_AUTO(cert) struct tg_cert *old = world_old_cert(&w, a);
    TG_AUTO(cert) struct tg_cert *fresh = world_old_cert(&w, b);
    struct tg_change rows[TG_MAX_CHANGES];
    struct tg_err err = {0};
    size_t n;
    assert_int_equal(tg_cert_diff(old, fresh, rows, TG_MAX_CHANGES, &n, &err), TG_E_MISMATCH);
    if (!strstr(err.text, name)) fail_msg("'%s' does not name %s", err.text, name);
}

static void what_no_row_can_say_is_refused_by_name(void **state)
{
    const struct world_old plain = {0};
    (void)state;
    refused(&plain, &(struct world_old){.eku_critical = true}, "2.5.29.37");
    refused(&plain, &(struct world_old){.extra = true}, "1.2.3.4.5");
    refused(&(struct world_old){.extra = true}, &plain, "1.2.3.4.5");
    refused(&plain, &(struct world_old){.ca = true}, "2.5.29.19");
    refused(&plain, &(struct world_old){.duplicate = true}, "2.5.29.37");
    refused(&plain, &(struct world_old){.two_ou = true}, "subject.2.5.4.11");
    refused(&plain, &(struct world_old){.joined = true}, "subject.2.5.4.3");
}

static void other_encoding_of_the_same_text_is_refused(void **state)
{
    TG_AUTO(cert)
    struct tg_cert *old = world_old_cert(&w, &(struct world_old){.printable_cn = true});
    struct tg_change rows[] = {change("subject.2.5.4.3", "TESTOV TEST", "TESTOV TEST2")};
    struct tg_change found[TG_MAX_CHANGES];
    struct tg_issue_spec spec = world_spec(&w, old, rows, 1);
    struct tg_change back[] = {change("subject.2.5.4.3", "TESTOV TEST2", "TESTOV TEST")};
    struct tg_err err = {0};
    size_t n;
    (void)state;
    TG_AUTO(cert) struct tg_cert *second = world_issue(&spec);
    spec = world_spec(&w, second, back, 1);
    TG_AUTO(cert) struct tg_cert *third = world_issue(&spec); /* the same text, now UTF8String */
    assert_int_equal(tg_cert_diff(old, third, found, TG_MAX_CHANGES, &n, &err), TG_E_MISMATCH);
    assert_non_null(strstr(err.text, "another encoding"));
}

static void repeated_types_are_carried_whole_or_refused(void **state)
{
    TG_AUTO(cert)
    struct tg_cert *old = world_old_cert(&w, &(struct world_old){.two_ou = true, .joined = true});
    struct tg_issue_spec spec = world_spec(&w, old, NULL, 0);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_change rows[TG_MAX_CHANGES];
    struct tg_err err = {0};
    const char *fields[] = {"subject.2.5.4.11", "subject.2.5.4.3",
                            "subject.0.9.2342.19200300.100.1.1"};
    const char *values[] = {"BIN123456789021", "ТЕСТОВ ТЕСТ", ""};
    (void)state;
    assert_int_equal(diff(old, fresh, rows), 0);
    for (size_t i = 0; i < TG_COUNT(fields); i++) {
        struct tg_change c = change(fields[i], values[i], "x");
        spec = world_spec(&w, old, &c, 1);
        assert_int_equal(tg_issue(&spec, &der, &err), TG_E_MISMATCH);
    }
}

static void rows_that_do_not_fit_are_refused(void **state)
{
    const struct tg_change rows[] = {
        change("san", "", "dns:ws7.alatau.example"),      change("san", "dns:other.example", ""),
        change("subject.2.5.4.7", "Караганда", "Астана"), change("subject.2.5.4.7", "", "Астана"),
        change("subject.2.5.4.12", "Директор", ""),       change("ku", "", "digitalSignature"),
    };
    struct tg_err err = {0};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(rows); i++)
        assert_int_equal(tg_changes_fit(w.old, &rows[i], 1, &err), TG_E_MISMATCH);
}

static void malformed_rows_are_refused(void **state)
{
    const struct tg_change rows[] = {
        change("san", "", "fax:1"),
        change("san", "", "dns:тест"),
        change("san", "", "ip:10.0.0.256"),
        change("san", "", "der:3000"),
        change("san", "dns:a", "dns:b"),
        change("ku", "", "everything"),
        change("eku", "", "1.2.x"),
        change("eku", "", "1"),
        change("policies", "", "3.1.2"),
        change("days", "365", "365"),
        change("days", "", "365"),
        change("days", "365", "0400"),
        change("subject.", "", "a"),
        change("subject.2.5.4.7", "a", "a"),
        change("subject.2.5.4.7", "a", "b\n"),
        change("title", "a", "b"),
        change("subject.2.5.4.7", "", ""),
    };
    struct tg_err err = {0};
    struct tg_change twice[] = {change("subject.2.5.4.7", "a", "b"),
                                change("subject.2.5.4.7", "a", "c")};
    struct tg_change unsorted[] = {change("san", "", "dns:b"), change("eku", "", "1.2.3")};
    struct tg_change both[] = {change("san", "", "dns:b"), change("san", "dns:b", "")};
    (void)state;
    for (size_t i = 0; i < TG_COUNT(rows); i++)
        if (tg_changes_valid(&rows[i], 1, &err) != TG_E_INPUT) fail_msg("row %zu passed", i);
    assert_int_equal(tg_changes_valid(twice, 2, &err), TG_E_INPUT);
    assert_int_equal(tg_changes_valid(unsorted, 2, &err), TG_E_INPUT);
    assert_int_equal(tg_changes_valid(both, 2, &err), TG_E_INPUT);
}

static void corrections_become_rows(void **state)
{
    struct tg_change rows[TG_MAX_CHANGES];
    struct tg_err err = {0};
    size_t n = 0;
    (void)state;
    assert_int_equal(tg_change_subject(w.old, "email", "a@b.example", rows, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(tg_change_subject(w.old, "locality", "Астана", rows, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(tg_change_subject(w.old, "email", "c@d.example", rows, &n, &err), 0);
    assert_int_equal(n, 3); /* the earlier correction is replaced */
    assert_string_equal(rows[0].new_, "email:c@d.example");
    assert_int_equal(tg_changes_valid(rows, n, &err), 0);
    struct tg_issue_spec spec = world_spec(&w, w.old, rows, n);
    TG_AUTO(cert) struct tg_cert *fresh = world_issue(&spec);
    assert_string_equal(tg_cert_facts(fresh)->email, "c@d.example");
    assert_int_equal(tg_change_subject(w.old, "email", "test@alatau.example", rows, &n, &err), 0);
    assert_int_equal(tg_change_subject(w.old, "locality", "Алматы", rows, &n, &err), 0);
    assert_int_equal(n, 0); /* as in the old certificate: nothing to approve */
    assert_int_equal(tg_change_subject(w.old, "email", "нет@b", rows, &n, &err), TG_E_INPUT);
    assert_int_equal(tg_change_subject(w.old, "email", "", rows, &n, &err), TG_E_INPUT);
    assert_int_equal(tg_change_subject(w.old, "name", "X", rows, &n, &err), TG_E_INPUT);
    assert_int_equal(tg_change_days(w.old, 365, rows, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(tg_change_days(w.old, 366, rows, &n, &err), 0);
    assert_string_equal(rows[0].old, "365");
    assert_string_equal(rows[0].new_, "366");
}

static int setup(void **state)
{
    (void)state;
    world_init(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_done(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unchanged_renewal_is_equal_and_keeps_the_subject_bytes),
        cmocka_unit_test(every_kind_of_change_is_issued_found_and_approved),
        cmocka_unit_test(approved_but_not_issued_is_a_mismatch),
        cmocka_unit_test(times_are_bounded),
        cmocka_unit_test(what_no_row_can_say_is_refused_by_name),
        cmocka_unit_test(other_encoding_of_the_same_text_is_refused),
        cmocka_unit_test(repeated_types_are_carried_whole_or_refused),
        cmocka_unit_test(rows_that_do_not_fit_are_refused),
        cmocka_unit_test(malformed_rows_are_refused),
        cmocka_unit_test(corrections_become_rows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
