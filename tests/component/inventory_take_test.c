// Reports and the staff register against a real database: links, placements, locked keystores,
// superseded certificates.
// uses: base loop json x509 wire db inventory testdb | libs: pq uv crypto

#include "inventory_world.h"

/* --- the register --- */

static void test_register_comes_in_whole(void **state)
{
    struct fixture *f = *state;
    import(f, REGISTER);
    assert_string_equal(f->text, "");
    assert_int_equal(f->imported.imported, 3);
    assert_int_equal(f->imported.added, 3);
    assert_int_equal(count(f, "SELECT count(*) FROM department"), 2);
    assert_int_equal(count(f, "SELECT count(*) FROM holder WHERE number = '101' AND status = 2 AND "
                              "leave_until = '2026-12-31'"),
                     1);
    import(f, REGISTER);
    assert_int_equal(f->imported.added + f->imported.changed, 0);
    assert_int_equal(count(f, "SELECT count(*) FROM holder"), 3);
    assert_true(count(f, "SELECT count(*) FROM audit_inbox WHERE verb = 'employees.imported'") ==
                2);
}

static void test_a_wrong_line_is_named_and_nothing_is_imported(void **state)
{
    struct fixture *f = *state;
    import(f, "number,name,iin,email\n1,Good,,good@x.example\n2,Bad,12345,\n3,,,\n");
    assert_int_equal(f->code, TG_E_INPUT);
    assert_non_null(strstr(f->text, "line 3: iin: must have 12 digits"));
    assert_int_equal(f->imported.complaint_count, 2);
    assert_int_equal(count(f, "SELECT count(*) FROM holder"), 0);
    import(f, "number,name\n1,A\n1,B\n");
    assert_non_null(strstr(f->text, "number 1 stands in the rows 1 and 2"));
    import(f, "nummer,name\n1,A\n");
    assert_non_null(strstr(f->text, "there is no column `number`"));
    import(f, "number,name,status,leave-until,locale\n1,A,fired,31.12.2026,de\n");
    assert_int_equal(f->imported.complaint_count, 3);
    import(f, "number,name\n1,\"A\n");
    assert_int_equal(f->code, TG_E_INPUT);
    assert_int_equal(count(f, "SELECT count(*) FROM holder"), 0);
}

static void test_iin_check_digit_only_warns(void **state)
{
    struct fixture *f = *state;
    import(f, "number,name,iin,extra\n1,A,123456789019,x\n");
    assert_string_equal(f->text, "");
    assert_int_equal(f->imported.added, 1);
    assert_string_equal(f->first_complaint, "1: column `extra` is not known and left out");
    assert_int_equal(f->imported.complaint_count, 2);
}

/* --- links --- */

static void test_certificates_find_their_holders(void **state)
{
    struct fixture *f = *state;
    size_t a, b, c, d;
    import(f, REGISTER);
    TG_AUTO(mem)
    uint8_t *by_iin = cert(f, &(struct maker_cert){.cn = "АХМЕТОВ АЛИ", .iin = "123456789011"}, &a);
    TG_AUTO(mem)
    uint8_t *by_mail =
        cert(f, &(struct maker_cert){.cn = "Sara", .email = "Sara@alatau.example"}, &b);
    TG_AUTO(mem) uint8_t *by_owner = cert(f, &(struct maker_cert){.cn = "T. G."}, &c);
    TG_AUTO(mem) uint8_t *by_nothing = cert(f, &(struct maker_cert){.cn = "bolat sara"}, &d);
    struct report *r = report_new(true);
    add_store(r, "/home/a/k.p12", "open", "nobody");
    add_der(r, by_iin, a, true);
    add_der(r, by_mail, b, true);
    add_store(r, "/home/t/k.p12", "open", "timur");
    add_der(r, by_owner, c, true);
    add_store(r, "/home/x/k.p12", "open", "timur");
    add_der(r, by_nothing, d,
            true); /* the name is another holder's: the owner of the file is no proof */
    take(f, "ws-1", r, NOW);
    assert_int_equal(f->taken.certificates, 4);
    assert_int_equal(f->taken.fresh, 4);
    assert_int_equal(f->taken.linked, 3);
    assert_int_equal(f->taken.unlinked, 1);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM certificate c JOIN holder h ON h.id = c.holder_id "
                           "WHERE c.cn = 'АХМЕТОВ АЛИ' AND h.number = '100' AND c.link = 1"),
                     1);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM certificate c JOIN holder h ON h.id = c.holder_id "
                           "WHERE c.cn = 'Sara' AND h.number = '101' AND c.link = 2"),
                     1);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM certificate c JOIN holder h ON h.id = c.holder_id "
                           "WHERE c.cn = 'T. G.' AND h.number = '102' AND c.link = 3"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate WHERE department_id IS NULL"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate_der"), 4);
}

static void on_list(const struct inventory_certificate *rows, size_t n, int64_t next,
                    const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    struct tg_jw w;
    (void)next;
    keep_error(f, err);
    tg_buf_reset(&f->printed);
    tg_jw_init(&w, &f->printed);
    tg_jw_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        tg_jw_begin_object(&w);
        inventory_print_json(&w, &rows[i]);
        tg_jw_end(&w);
    }
    tg_jw_end(&w);
}

static void test_unlinked_are_listed_with_the_likely_holder(void **state)
{
    struct fixture *f = *state;
    size_t a;
    import(f, REGISTER);
    TG_AUTO(mem) uint8_t *der = cert(f, &(struct maker_cert){.cn = "BOLAT SARA"}, &a);
    struct report *r = report_new(false);
    add_store(r, "/certs/x.cer", "open", "");
    add_der(r, der, a, false);
    take(f, INVENTORY_IMPORT_HOST, r, NOW);
    inventory_list(f->db, &(struct inventory_filter){.unlinked = true, .now = NOW}, on_list, f);
    wait_told(f);
    assert_non_null(
        strstr(tg_buf_text(&f->printed), "\"likely_holder\":\"101\",\"likely_why\":\"same name\""));
    inventory_list(f->db,
                   &(struct inventory_filter){.expiring_before = NOW + 10 * TG_DAY, .now = NOW},
                   on_list, f);
    wait_told(f);
    assert_string_equal(tg_buf_text(&f->printed), "[]");
    inventory_list(f->db,
                   &(struct inventory_filter){.expiring_before = NOW + 30 * TG_DAY, .now = NOW},
                   on_list, f);
    wait_told(f);
    assert_non_null(strstr(tg_buf_text(&f->printed), "BOLAT SARA"));
    /* the register learns her e-mail late: the next import links */
    assert_int_equal(count(f, "SELECT count(*) FROM workstation"), 0);
}

static void test_a_later_register_links_and_moves_departments(void **state)
{
    struct fixture *f = *state;
    size_t a;
    TG_AUTO(mem) uint8_t *der = cert(f, &(struct maker_cert){.cn = "X", .iin = "123456789011"}, &a);
    struct report *r = report_new(true);
    add_store(r, "/k.p12", "open", "x");
    add_der(r, der, a, true);
    take(f, "ws-1", r, NOW);
    assert_int_equal(f->taken.unlinked, 1);
    import(f, REGISTER);
    assert_int_equal(f->imported.linked, 1);
    import(f, "number,name,iin,department\n100,Ахметов Али,123456789011,Sales\n");
    assert_int_equal(f->imported.changed, 1);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate c JOIN department d ON d.id = "
                              "c.department_id WHERE d.name = 'Sales'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_register_comes_in_whole),
        T(test_a_wrong_line_is_named_and_nothing_is_imported),
        T(test_iin_check_digit_only_warns),
        T(test_certificates_find_their_holders),
        T(test_unlinked_are_listed_with_the_likely_holder),
        T(test_a_later_register_links_and_moves_departments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
