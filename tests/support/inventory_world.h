/* inventory_world: reports built entry by entry, a staff register, and how a test waits for the
 * inventory room. Test support. */
#pragma once

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

static inline int setup(void **state)
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

static inline int teardown(void **state)
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

static inline bool is_told(void *data)
{
    return ((struct fixture *)data)->told;
}

static inline void wait_told(struct fixture *f)
{
    assert_true(tg_loop_until(&f->loop, is_told, f, 60000));
    f->told = false;
}

static inline void keep_error(struct fixture *f, const struct tg_err *err)
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

static inline struct report *report_new(bool complete)
{
    struct report *r = TG_NEW(struct report);
    r->body = (struct tg_wire_inventory){.scanned = NOW,
                                         .complete = complete,
                                         .keystores = {r->stores, 0}};
    return r;
}

static inline void add_store(struct report *r, const char *path, const char *status,
                             const char *owner)
{
    size_t i = r->body.keystores.count++;
    r->stores[i] = (struct tg_wire_keystore){.path = tg_strdup(path),
                                             .kind = tg_strdup("pkcs12"),
                                             .storage = tg_strdup("file"),
                                             .status = tg_strdup(status),
                                             .owner = tg_strdup(owner),
                                             .entries = {r->entries[i], 0}};
}

static inline void add_der(struct report *r, const uint8_t *der, size_t len, bool has_key)
{
    struct tg_wire_keystore *k = &r->stores[r->body.keystores.count - 1];
    struct tg_wire_entry *e = k->entries.items;
    e[k->entries.count++] = (struct tg_wire_entry){.certificate = {tg_memdup(der, len), len},
                                                   .friendly_name = tg_strdup("key"),
                                                   .has_key = has_key};
}

static inline void add_ski(struct report *r, const char *ski)
{
    struct tg_wire_keystore *k = &r->stores[r->body.keystores.count - 1];
    struct tg_wire_entry *e = k->entries.items;
    e[k->entries.count++] =
        (struct tg_wire_entry){.ski = tg_strdup(ski), .friendly_name = tg_strdup("locked one")};
}

static inline void report_free(struct report *r)
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

static inline void on_taken(const struct inventory_taken *taken, const struct tg_err *err,
                            void *data)
{
    struct fixture *f = data;
    keep_error(f, err);
    if (taken) f->taken = *taken;
}

/* Sends and frees the report. */
static inline void take(struct fixture *f, const char *host, struct report *r, int64_t at)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(4 * 1024 * 1024);
    struct tg_wire_message *m = NULL;
    r->body.scanned = at;
    tg_wire_print(TG_WIRE_INVENTORY, 0, &r->body, &text);
    if (tg_wire_parse(text.data, text.len, &m, &f->err) < 0) fail_msg("%s", f->err.text);
    struct inventory_source source = {.host = host, .actor = "agent:test", .now = at};
    inventory_take(f->db, &source, m, on_taken, f);
    assert_false(f->told);
    wait_told(f);
    if (f->code) fail_msg("%s", f->text);
    report_free(r);
}

static inline void on_imported(const struct inventory_imported *imported, const struct tg_err *err,
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

static inline void import(struct fixture *f, const char *csv)
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

static inline int64_t count(struct fixture *f, const char *sql)
{
    return testdb_number(&f->t, sql);
}

static inline uint8_t *cert(struct fixture *f, const struct maker_cert *c, size_t *ret_len)
{
    struct maker_cert full = *c;
    if (!full.not_after) full.not_after = NOW + 20 * TG_DAY;
    if (!full.not_before) full.not_before = full.not_after - 365 * TG_DAY;
    return maker_make(&f->maker, &full, ret_len);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
