// Reports and the staff register against a real database: links, placements, locked keystores,
// superseded certificates.
// uses: base loop json x509 wire db inventory testdb | libs: pq uv crypto

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/times.h"
#include "cert_maker.h"
#include "inventory/inventory.h"
#include "testdb/testdb.h"

#define NOW INT64_C(1795165200)

struct fixture {
    struct testdb t;
    struct tg_loop loop;
    struct db *db;
    struct maker maker;
    struct tg_err err;
    bool told;
    int code;
    char text[TG_ERR_TEXT];
    struct inventory_taken taken;
    struct inventory_imported imported;
    char first_complaint[256];
    struct tg_buf printed;
};

static int setup(void **state)
{
    struct fixture *f = TG_NEW(struct fixture);
    testdb_open(&f->t);
    assert_int_equal(tg_loop_init(&f->loop, NULL, &f->err), 0);
    f->db = testdb_pool(&f->t, &f->loop, 2);
    maker_init(&f->maker, NOW);
    f->printed = TG_BUF(1024 * 1024);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    testdb_pool_close(f->db, &f->loop);
    tg_loop_done(&f->loop);
    testdb_close(&f->t);
    maker_done(&f->maker);
    tg_buf_done(&f->printed);
    free(f);
    return 0;
}

static bool is_told(void *data)
{
    return ((struct fixture *)data)->told;
}

static void wait_told(struct fixture *f)
{
    assert_true(tg_loop_until(&f->loop, is_told, f, 60000));
    f->told = false;
}

static void keep_error(struct fixture *f, const struct tg_err *err)
{
    f->told = true;
    f->code = err ? err->code : 0;
    (void)snprintf(f->text, sizeof f->text, "%s", err ? err->text : "");
}

/* --- reports, built entry by entry and sent through the wire's own reader --- */

struct report {
    struct tg_wire_inventory body;
    struct tg_wire_keystore stores[16];
    struct tg_wire_entry entries[16][4];
};

static struct report *report_new(bool complete)
{
    struct report *r = TG_NEW(struct report);
    r->body = (struct tg_wire_inventory){.scanned = NOW,
                                         .complete = complete,
                                         .keystores = {r->stores, 0}};
    return r;
}

static void add_store(struct report *r, const char *path, const char *status, const char *owner)
{
    size_t i = r->body.keystores.count++;
    r->stores[i] = (struct tg_wire_keystore){.path = tg_strdup(path),
                                             .kind = tg_strdup("pkcs12"),
                                             .storage = tg_strdup("file"),
                                             .status = tg_strdup(status),
                                             .owner = tg_strdup(owner),
                                             .entries = {r->entries[i], 0}};
}

static void add_der(struct report *r, const uint8_t *der, size_t len, bool has_key)
{
    struct tg_wire_keystore *k = &r->stores[r->body.keystores.count - 1];
    struct tg_wire_entry *e = k->entries.items;
    e[k->entries.count++] = (struct tg_wire_entry){.certificate = {tg_memdup(der, len), len},
                                                   .friendly_name = tg_strdup("key"),
                                                   .has_key = has_key};
}

static void add_ski(struct report *r, const char *ski)
{
    struct tg_wire_keystore *k = &r->stores[r->body.keystores.count - 1];
    struct tg_wire_entry *e = k->entries.items;
    e[k->entries.count++] =
        (struct tg_wire_entry){.ski = tg_strdup(ski), .friendly_name = tg_strdup("locked one")};
}

static void report_free(struct report *r)
{
    for (size_t i = 0; i < r->body.keystores.count; i++) {
        struct tg_wire_keystore *k = &r->stores[i];
        for (size_t j = 0; j < k->entries.count; j++) {
            free(r->entries[i][j].certificate.data);
            free(r->entries[i][j].ski);
            free(r->entries[i][j].friendly_name);
        }
        free(k->path), free(k->kind), free(k->storage), free(k->status), free(k->owner);
    }
    free(r);
}

static void on_taken(const struct inventory_taken *taken, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    if (taken) f->taken = *taken;
}

/* Sends and frees the report. */
static void take(struct fixture *f, const char *host, struct report *r, int64_t at)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(4 * 1024 * 1024);
    struct tg_wire_message *m = NULL;
    tg_wire_print(TG_WIRE_INVENTORY, 0, &r->body, &text);
    if (tg_wire_parse(text.data, text.len, &m, &f->err) < 0) fail_msg("%s", f->err.text);
    struct inventory_source source = {.host = host, .actor = "agent:test", .now = at};
    inventory_take(f->db, &source, m, on_taken, f);
    assert_false(f->told);
    wait_told(f);
    if (f->code) fail_msg("%s", f->text);
    report_free(r);
}

static void on_imported(const struct inventory_imported *imported, const struct tg_err *err,
                        void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    f->imported = imported ? *imported : (struct inventory_imported){0};
    f->first_complaint[0] = '\0';
    if (imported && imported->complaint_count) {
        (void)snprintf(f->first_complaint, sizeof f->first_complaint, "%zu: %s",
                       imported->complaints[0].line, imported->complaints[0].text);
    }
}

static void import(struct fixture *f, const char *csv)
{
    inventory_import_holders(f->db, csv, strlen(csv), "administrator:test", NOW, on_imported, f);
    wait_told(f);
}

#define REGISTER                                                                                       \
    "\xEF\xBB\xBFnumber;name;iin;email;phone;department;position;locality;manager;status;leave-"       \
    "until;locale\r\n"                                                                                 \
    "100;Ахметов Али;123456789011;ali@alatau.example;;Finance;;Алматы;;active;;kk\r\n" \
    "101;Bolat Sara;;sara@alatau.example;;Sales;;;100;leave;2026-12-31;ru\r\n"                         \
    "102;Timur Gone;;timur@alatau.example;;Sales;;;100;left;;en\r\n"

static int64_t count(struct fixture *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

static uint8_t *cert(struct fixture *f, const struct maker_cert *c, size_t *ret_len)
{
    struct maker_cert full = *c;
    if (!full.not_after) full.not_after = NOW + 20 * TG_DAY;
    if (!full.not_before) full.not_before = full.not_after - 365 * TG_DAY;
    return maker_make(&f->maker, &full, ret_len);
}

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

/* --- placements --- */

static void test_one_certificate_in_several_keystores(void **state)
{
    struct fixture *f = *state;
    size_t a;
    TG_AUTO(mem) uint8_t *der = cert(f, &(struct maker_cert){.cn = "X"}, &a);
    struct report *r = report_new(true);
    add_store(r, "/home/x/k.p12", "open", "x");
    add_der(r, der, a, true);
    add_der(r, der, a, false);
    add_store(r, "/home/y/copy.p12", "open", "y");
    add_der(r, der, a, true);
    take(f, "ws-1", r, NOW);
    assert_int_equal(f->taken.certificates, 1);
    assert_int_equal(count(f, "SELECT count(*) FROM placement WHERE has_key"), 2);
    /* the same path elsewhere is another keystore */
    r = report_new(true);
    add_store(r, "/home/x/k.p12", "open", "x");
    add_der(r, der, a, true);
    take(f, "ws-2", r, NOW);
    assert_int_equal(f->taken.fresh, 0);
    assert_int_equal(count(f, "SELECT count(*) FROM placement WHERE gone_at IS NULL"), 3);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate WHERE storage = 1"), 1);
}

static void test_what_is_gone_is_marked_gone(void **state)
{
    struct fixture *f = *state;
    size_t a, b;
    TG_AUTO(mem) uint8_t *one = cert(f, &(struct maker_cert){.cn = "One"}, &a);
    TG_AUTO(mem) uint8_t *two = cert(f, &(struct maker_cert){.cn = "Two"}, &b);
    struct report *r = report_new(true);
    add_store(r, "/a.p12", "open", "x");
    add_der(r, one, a, true);
    add_der(r, two, b, true);
    add_store(r, "/b.p12", "open", "x");
    add_der(r, two, b, true);
    take(f, "ws-1", r, NOW);
    /* the same second: an opened keystore that no longer holds Two; an incomplete scan says nothing
     * of /b.p12 */
    r = report_new(false);
    add_store(r, "/a.p12", "open", "x");
    add_der(r, one, a, true);
    take(f, "ws-1", r, NOW);
    assert_int_equal(count(f, "SELECT count(*) FROM placement WHERE gone_at IS NOT NULL"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM keystore WHERE status = 4"), 0);
    r = report_new(true);
    add_store(r, "/a.p12", "locked",
              "x"); /* the password was changed: what was in it is not gone */
    take(f, "ws-1", r, NOW + 1);
    assert_int_equal(count(f, "SELECT count(*) FROM keystore WHERE status = 4 AND path = '/b.p12'"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM placement p JOIN keystore k ON k.id = "
                              "p.keystore_id WHERE gone_at IS NULL AND path = '/a.p12'"),
                     1);
    r = report_new(true);
    add_store(r, "/a.p12", "open", "x");
    add_der(r, one, a, true);
    add_der(r, two, b, true);
    take(f, "ws-1", r, NOW + 2);
    assert_int_equal(count(f, "SELECT count(*) FROM placement p JOIN keystore k ON k.id = "
                              "p.keystore_id WHERE gone_at IS NULL AND path = '/a.p12'"),
                     2);
}

static void test_a_locked_keystore_is_recognized_by_its_key_id(void **state)
{
    struct fixture *f = *state;
    size_t a;
    TG_AUTO(mem) uint8_t *der = cert(f, &(struct maker_cert){.cn = "Locked"}, &a);
    TG_AUTO(cert) struct tg_cert *parsed = NULL;
    char ski[129];
    assert_int_equal(tg_cert_parse(der, a, &parsed, &f->err), 0);
    tg_hex(tg_cert_facts(parsed)->ski, tg_cert_facts(parsed)->ski_len, ski);
    struct report *r = report_new(true);
    add_store(r, "/locked.p12", "locked", "x");
    add_ski(r, ski);
    add_ski(r, "00ff00ff");
    take(f, "ws-1", r, NOW);
    assert_int_equal(count(f, "SELECT count(*) FROM placement WHERE certificate_id IS NULL AND ski "
                              "IS NOT NULL AND has_key IS NULL AND friendly_name = 'locked one'"),
                     2);
    r = report_new(false);
    add_store(r, "/certs/locked.cer", "open", "");
    add_der(r, der, a, false);
    take(f, INVENTORY_IMPORT_HOST, r, NOW);
    assert_int_equal(count(f, "SELECT count(*) FROM placement p JOIN keystore k ON k.id = "
                              "p.keystore_id WHERE k.path = '/locked.p12' AND certificate_id IS "
                              "NOT NULL AND has_key IS NULL"),
                     1);
    /* and once the certificate is known, at once */
    r = report_new(true);
    add_store(r, "/other.p12", "locked", "x");
    add_ski(r, ski);
    take(f, "ws-2", r, NOW);
    assert_int_equal(count(f, "SELECT count(*) FROM placement p JOIN keystore k ON k.id = "
                              "p.keystore_id WHERE k.path = '/other.p12' AND certificate_id IS NOT "
                              "NULL"),
                     1);
}

static void test_a_newer_one_supersedes(void **state)
{
    struct fixture *f = *state;
    size_t a, b, c;
    import(f, REGISTER);
    TG_AUTO(mem)
    uint8_t *old =
        cert(f, &(struct maker_cert){.cn = "Old", .iin = "123456789011", .ku = "digitalSignature"},
             &a);
    TG_AUTO(mem)
    uint8_t *newer = cert(f,
                          &(struct maker_cert){.cn = "New",
                                               .iin = "123456789011",
                                               .ku = "digitalSignature",
                                               .not_after = NOW + 300 * TG_DAY},
                          &b);
    TG_AUTO(mem)
    uint8_t *other = cert(f,
                          &(struct maker_cert){.cn = "Encrypts",
                                               .iin = "123456789011",
                                               .ku = "keyEncipherment",
                                               .not_after = NOW + 90 * TG_DAY},
                          &c);
    struct report *r = report_new(true);
    add_store(r, "/a.p12", "open", "x");
    add_der(r, old, a, true);
    add_der(r, other, c, true);
    take(f, "ws-1", r, NOW);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate WHERE status = 1"), 2);
    r = report_new(false);
    add_store(r, "/b.p12", "open", "x");
    add_der(r, newer, b, true);
    take(f, "ws-1", r, NOW);
    assert_int_equal(count(f,
                           "SELECT count(*) FROM certificate o JOIN certificate n ON n.id = "
                           "o.superseded_by WHERE o.status = 2 AND o.cn = 'Old' AND n.cn = 'New'"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM certificate WHERE status = 2"), 1);
}

static void test_bytes_that_are_no_certificate_are_counted(void **state)
{
    struct fixture *f = *state;
    struct report *r = report_new(true);
    add_store(r, "/a.p12", "open", "x");
    add_der(r, (const uint8_t *)"no certificate", 14, true);
    add_store(r, "/b.p12", "unreadable", "x");
    take(f, "ws-1", r, NOW);
    assert_int_equal(f->taken.refused, 1);
    assert_int_equal(f->taken.certificates, 0);
    assert_int_equal(count(f, "SELECT count(*) FROM keystore WHERE status = 3"), 1);
}

/* --- showing one --- */

static void on_show(const struct inventory_detail *d, const struct tg_err *err, void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    tg_buf_reset(&f->printed);
    if (!d) return;
    struct tg_jw w;
    tg_jw_init(&w, &f->printed);
    tg_jw_begin_object(&w);
    inventory_print_detail(&w, d);
    tg_jw_end(&w);
}

static void test_show_finds_by_id_and_by_hash(void **state)
{
    struct fixture *f = *state;
    size_t a;
    TG_AUTO(mem)
    uint8_t *der = cert(f, &(struct maker_cert){.cn = "Shown", .email = "s@x.example"}, &a);
    uint8_t sha[TG_SHA256];
    char hex[TG_HEX256];
    tg_sha256(der, a, sha);
    tg_hex(sha, sizeof sha, hex);
    struct report *r = report_new(true);
    add_store(r, "/a.p12", "open", "x");
    add_der(r, der, a, true);
    take(f, "ws-1", r, NOW);
    inventory_show(f->db, hex, on_show, f);
    wait_told(f);
    assert_non_null(strstr(tg_buf_text(&f->printed),
                           "\"placements\":[{\"host\":\"ws-1\",\"path\":\"/"
                           "a.p12\",\"kind\":\"pkcs12\",\"status\":\"open\""));
    hex[10] = '\0';
    inventory_show(f->db, hex, on_show, f);
    wait_told(f);
    assert_non_null(strstr(tg_buf_text(&f->printed), "\"email\":\"s@x.example\""));
    TG_AUTO(mem) char *id = testdb_text(&f->t, "SELECT id::text FROM certificate");
    inventory_show(f->db, id, on_show, f);
    wait_told(f);
    assert_int_equal(f->code, 0);
    inventory_show(f->db, "99", on_show, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_NOT_FOUND);
    inventory_show(f->db, "zz", on_show, f);
    wait_told(f);
    assert_int_equal(f->code, TG_E_NOT_FOUND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_register_comes_in_whole),
        T(test_a_wrong_line_is_named_and_nothing_is_imported),
        T(test_iin_check_digit_only_warns),
        T(test_certificates_find_their_holders),
        T(test_unlinked_are_listed_with_the_likely_holder),
        T(test_a_later_register_links_and_moves_departments),
        T(test_one_certificate_in_several_keystores),
        T(test_what_is_gone_is_marked_gone),
        T(test_a_locked_keystore_is_recognized_by_its_key_id),
        T(test_a_newer_one_supersedes),
        T(test_bytes_that_are_no_certificate_are_counted),
        T(test_show_finds_by_id_and_by_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
