// Where certificates lie: several keystores, what is gone, locked ones, superseded ones, showing
// one.
// uses: base loop json x509 wire db inventory testdb | libs: pq uv crypto

#include "inventory_world.h"

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

static void test_a_scan_in_parts_is_one_scan(void **state)
{
    struct fixture *f = *state;
    size_t a;
    TG_AUTO(mem) uint8_t *der = cert(f, &(struct maker_cert){.cn = "One"}, &a);
    struct report *r = report_new(true);
    add_store(r, "/gone.p12", "open", "x");
    add_der(r, der, a, true);
    take(f, "ws-1", r, NOW);
    static const char *const paths[] = {"/a.p12", "/b.p12", "/c.p12"};
    for (size_t i = 0; i < 3; i++) { /* the last part alone says that all was told */
        r = report_new(i == 2);
        add_store(r, paths[i], "open", "x");
        add_der(r, der, a, true);
        take(f, "ws-1", r, NOW + 1);
    }
    assert_int_equal(count(f, "SELECT count(*) FROM keystore WHERE status = 1"), 3);
    assert_int_equal(count(f, "SELECT count(*) FROM keystore WHERE status = 4 AND path = "
                              "'/gone.p12'"),
                     1);
    assert_int_equal(count(f, "SELECT count(*) FROM placement WHERE gone_at IS NULL"), 3);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_one_certificate_in_several_keystores),
        T(test_what_is_gone_is_marked_gone),
        T(test_a_scan_in_parts_is_one_scan),
        T(test_a_locked_keystore_is_recognized_by_its_key_id),
        T(test_a_newer_one_supersedes),
        T(test_bytes_that_are_no_certificate_are_counted),
        T(test_show_finds_by_id_and_by_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
