/* wire: round trips of every message, and refusals that name the field. */
// uses: base json wire | libs: jansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "wire/wire.h"

static void refused(const char *json, int code, const char *needle)
{
    struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    assert_int_equal(tg_wire_parse(json, strlen(json), &m, &err), code);
    if (!strstr(err.text, needle)) fail_msg("\"%s\" does not name \"%s\"", err.text, needle);
    assert_null(m);
}

static void an_inventory_survives_the_wire(void **state)
{
    (void)state;
    uint8_t der[] = {0x30, 0x00, 0xff};
    struct tg_wire_entry entries[] = {
        {.certificate = {der, sizeof der},
         .friendly_name = (char *)"\xd0\xbe\xd0\xb4\xd0\xb8\xd0\xbd \"x\"",
         .has_key = true},
        {.ski = (char *)"0102"},
    };
    struct tg_wire_keystore keystore = {.path = (char *)"/home/a/k.p12",
                                        .kind = (char *)"pkcs12",
                                        .storage = (char *)"file",
                                        .status = (char *)"locked",
                                        .entries = {entries, 2}};
    struct tg_wire_inventory body = {.scanned = 1700000000,
                                     .complete = true,
                                     .keystores = {&keystore, 1}};
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(TG_WIRE_INVENTORY, 7, &body, &text);

    TG_AUTO(wire) struct tg_wire_message *m = NULL;
    struct tg_err err = {0};
    assert_int_equal(tg_wire_parse(text.data, text.len, &m, &err), 0);
    assert_int_equal(m->id, 7);
    const struct tg_wire_inventory *got = tg_wire_body(m, TG_WIRE_INVENTORY);
    assert_true(got->complete);
    assert_int_equal(got->keystores.count, 1);
    const struct tg_wire_keystore *k = got->keystores.items;
    assert_string_equal(k->path, "/home/a/k.p12");
    assert_null(k->reason);
    const struct tg_wire_entry *e = k->entries.items;
    assert_int_equal(e[0].certificate.len, 3);
    assert_memory_equal(e[0].certificate.data, der, 3);
    assert_string_equal(e[0].friendly_name, entries[0].friendly_name);
    assert_string_equal(e[1].ski, "0102");
    assert_int_equal(e[1].certificate.len, 0);
    TG_AUTO(buf) struct tg_buf again = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(TG_WIRE_INVENTORY, 7, m->body, &again);
    assert_string_equal(tg_buf_text(&again), tg_buf_text(&text));
}

static void plain_lists_are_plain_values(void **state)
{
    (void)state;
    struct tg_wire_int ids[] = {{3}, {5}};
    struct tg_wire_ack body = {.ids = {ids, 2}};
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(TG_WIRE_ACK, 0, &body, &text);
    assert_string_equal(tg_buf_text(&text),
                        "{\"v\":1,\"type\":\"ack\",\"id\":0,\"body\":{\"ids\":[3,5]}}");
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    refused("{\"v\":2,\"type\":\"ack\",\"id\":0,\"body\":{\"ids\":[]}}", TG_E_VERSION, "v");
    refused("{\"v\":1,\"type\":\"nod\",\"id\":0,\"body\":{}}", TG_E_VERSION, "nod");
    refused("{\"v\":1,\"type\":\"ack\",\"id\":0,\"body\":{}}", TG_E_INPUT, "body.ids");
    refused("{\"v\":1,\"type\":\"ack\",\"id\":0,\"body\":{\"ids\":[1,\"2\"]}}", TG_E_INPUT,
            "body.ids[1]");
    refused("{\"v\":1,\"type\":\"ack\",\"id\":0,\"body\":{\"ids\":[],\"x\":1}}", TG_E_INPUT, "x");
    refused("{\"v\":1,\"type\":\"renew\",\"id\":0,\"body\":{\"csr\":\"AA=\"}}", TG_E_INPUT,
            "body.csr");
    refused("{\"v\":1,\"type\":\"scan\",\"id\":0,\"body\":{\"everything\":1}}", TG_E_INPUT,
            "everything");
    refused("{\"v\":1,\"type\":\"scan\",\"id\":-1,\"body\":{\"everything\":true}}", TG_E_INPUT,
            "id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inventory_survives_the_wire),
        cmocka_unit_test(plain_lists_are_plain_values),
        cmocka_unit_test(refusals_name_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
