// uses: base config
/* The YAML reader: values, defaults, and every complaint with its place and the likely word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "config/yaml.h"

struct inner {
    int64_t wait;
    bool on;
};
struct item {
    const char *name;
    int color;
};
struct outer {
    int64_t version;
    const char *title;
    struct inner inner;
    struct tg_yaml_texts tags;
    uint32_t colors;
    struct tg_yaml_ints at, steps;
    struct tg_yaml_list items;
};

static const struct tg_yaml_word colors[] = {{"red", 1}, {"green", 2}, {NULL, 0}};
static const struct tg_yaml_key inner_keys[] = {
    {"wait", TG_YAML_DURATION, offsetof(struct inner, wait), .min = 60, .max = 864000,
     .otherwise = "5m"},
    {"on", TG_YAML_BOOL, offsetof(struct inner, on), .otherwise = "yes"},
    TG_YAML_END,
};
static const struct tg_yaml_map inner_map = {sizeof(struct inner), inner_keys};
static const struct tg_yaml_key item_keys[] = {
    {"name", TG_YAML_TEXT, offsetof(struct item, name), .required = true, .min = 1, .max = 10},
    {"color", TG_YAML_ENUM, offsetof(struct item, color), .words = colors},
    TG_YAML_END,
};
static const struct tg_yaml_map item_map = {sizeof(struct item), item_keys};
static const struct tg_yaml_key outer_keys[] = {
    {"version", TG_YAML_INT, offsetof(struct outer, version), .required = true, .min = 1, .max = 2},
    {"title", TG_YAML_TEXT, .offset = offsetof(struct outer, title)},
    {"inner", TG_YAML_MAP, offsetof(struct outer, inner), .map = &inner_map},
    {"tags", TG_YAML_TEXTS, offsetof(struct outer, tags), .items = 3},
    {"colors", TG_YAML_ENUMS, offsetof(struct outer, colors), .words = colors},
    {"at", TG_YAML_DURATIONS, .offset = offsetof(struct outer, at)},
    {"steps", TG_YAML_PERCENTS, .offset = offsetof(struct outer, steps)},
    {"items", TG_YAML_MAPS, offsetof(struct outer, items), .map = &item_map},
    TG_YAML_END,
};
static const struct tg_yaml_map outer_map = {sizeof(struct outer), outer_keys};

static void good_file_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbfversion: 1\ntitle: \"Алатау\"\ninner: {wait: 2h, on: no}\ntags: one\n"
        "colors: [red, green]\nat: [30d, 7d]\nsteps: [5%, 100%]\n"
        "items:\n  - name: a\n    color: green\n  - {name: 'b'}\n";
    struct tg_yaml *y = tg_yaml_new();
    struct outer o;
    struct tg_err err = {0};
    assert_int_equal(tg_yaml_read(y, "f.yaml", text, strlen(text), &outer_map, &o, &err), 0);
    assert_int_equal(o.version, 1);
    assert_string_equal(o.title, "Алатау");
    assert_int_equal(o.inner.wait, 7200);
    assert_false(o.inner.on);
    assert_int_equal(o.tags.count, 1);
    assert_string_equal(o.tags.items[0], "one");
    assert_int_equal(o.colors, 6);
    assert_int_equal(o.at.items[1], 7 * 86400);
    assert_int_equal(o.steps.items[1], 100);
    const struct item *items = o.items.items;
    assert_int_equal(o.items.count, 2);
    assert_int_equal(items[0].color, 2);
    assert_int_equal(items[1].color, -1);
    assert_string_equal(items[1].name, "b");
    assert_string_equal(tg_yaml_where(y, &items[1]), "f.yaml:11");
    assert_true(tg_yaml_given(y, &o.inner));
    assert_false(tg_yaml_given(y, &items[1].color));
    tg_yaml_free(y);
}

static void absent_keys_have_defaults(void **state)
{
    (void)state;
    struct tg_yaml *y = tg_yaml_new();
    struct outer o;
    assert_int_equal(tg_yaml_read(y, "f", "version: 2", 10, &outer_map, &o, NULL), 0);
    assert_int_equal(o.inner.wait, 300);
    assert_true(o.inner.on);
    assert_string_equal(o.title, "");
    assert_int_equal(o.tags.count, 0);
    assert_false(tg_yaml_given(y, &o.inner));
    tg_yaml_free(y);
}

static void check(const char *text, const char *expected)
{
    struct tg_yaml *y = tg_yaml_new();
    struct tg_buf out = TG_BUF(100000);
    struct outer o;
    struct tg_err err = {0};
    assert_int_equal(tg_yaml_read(y, "f", text, strlen(text), &outer_map, &o, &err), TG_E_INPUT);
    tg_yaml_print(y, &out);
    assert_string_equal(tg_buf_text(&out), expected);
    tg_buf_done(&out);
    tg_yaml_free(y);
}

static void all_complaints_come_at_once(void **state)
{
    (void)state;
    check("version: 3\ntitel: x\ninner:\n  wait: 30D\n  on: yess\ncolors: [red, gren]\ntags: "
          "[]\nsteps: 101%\n"
          "items:\n  - color: red\n  - name: elevenchars\n",
          "f:1:10: key 'version': '3' is more than 2\n"
          "f:2:1: key 'titel': not known here; did you mean 'title'?\n"
          "f:4:9: key 'wait': '30D' is no duration: a number and y, d, h or m (minutes), up to "
          "100y; did you mean '30d'?\n"
          "f:5:7: key 'on': 'yess' is neither yes nor no; did you mean 'yes'?\n"
          "f:6:15: key 'colors': 'gren' is none of red, green; did you mean 'green'?\n"
          "f:7:7: key 'tags': the list is empty: leave the key out or name something\n"
          "f:8:8: key 'steps': '101%' is no percentage from 0% to 100%\n"
          "f:10:5: key 'name': it is missing\n"
          "f:11:11: key 'name': 'elevenchars' is longer than 10 bytes\n");
}

static void wrong_shapes(void **state)
{
    (void)state;
    check("- a", "f:1:1: a map belongs here (lines of 'key: value')\n");
    check("", "f:1:1: the file is empty\n");
    check("version: [1]", "f:1:10: key 'version': one value belongs here, not a list\n");
    check("version: 1\ntitle:\n", "f:2:7: key 'title': it has no value\n");
    check("version: 1\nitems: {name: a}",
          "f:2:8: key 'items': a list belongs here: begin each item with '- '\n");
    check("version: 1\nitems: [a]",
          "f:2:9: key 'items': a map belongs here (lines of 'key: value')\n");
    check("version: 1\nversion: 1", "f:2:1: key 'version': it stands here twice\n");
    check("version: 1\n[a]: 1", "f:2:1: a key is one word, not a list or a map\n");
    check("version: 1\ntags: [a, b, c, d]",
          "f:2:7: key 'tags': the list has 4 items, at most 3 are allowed\n");
    check("version: 1\ninner: {wait: 11d}", "f:2:15: key 'wait': '11d' is more than 10d\n");
    check("version: 1\ntitle: \"a\\0b\"",
          "f:2:8: key 'title': 'a?b' holds control or invisible characters\n");
    check("title: x", "f:1:1: key 'version': it is missing\n");
}

static void what_yaml_may_not_do_here(void **state)
{
    (void)state;
    check("version: 1\ntitle: &a x\n", "f:2:8: anchors (&name) are not used here: write the value "
                                       "out, or quote a text that begins with &\n");
    check("version: 1\ntags: [*CN=x]\n",
          "f:2:11: did not find expected alphabetic or numeric character while scanning an alias: "
          "quote a text that begins with *\n");
    check("version: 1\ntags: [*CN]\n", "f:2:8: aliases (*name) are not used here: write the value "
                                       "out, or quote a text that begins with *\n");
    check("version: !python 1\n", "f:1:10: tags (!name) are not used here: remove it, or quote a "
                                  "text that begins with !\n");
    check("version: 1\n---\nversion: 1\n",
          "f:2:1: a second document (---) begins here: one file holds one document\n");
    check("version: 1\n tabs:\t[\n", "f:2:6: mapping values are not allowed in this context\n");
    check("title: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]",
          "f:1:23: nested too deeply (16 levels are allowed)\n");
}

static void core_tags_are_allowed(void **state)
{
    (void)state;
    struct tg_yaml *y = tg_yaml_new();
    struct outer o;
    const char *text = "version: !!int 1\ntitle: !!str 7\n";
    assert_int_equal(tg_yaml_read(y, "f", text, strlen(text), &outer_map, &o, NULL), 0);
    assert_string_equal(o.title, "7");
    tg_yaml_free(y);
}

static void not_utf8_and_too_large(void **state)
{
    (void)state;
    struct tg_yaml *y = tg_yaml_new();
    struct outer o;
    struct tg_err err = {0};
    assert_int_equal(tg_yaml_read(y, "f", "version: 1\ntitle: \xff\xfe", 20, &outer_map, &o, &err),
                     TG_E_INPUT);
    assert_non_null(strstr(err.text, "UTF-8"));
    char *large = tg_alloc(TG_MAX_YAML + 1);
    memset(large, '\n', TG_MAX_YAML + 1);
    assert_int_equal(tg_yaml_read(y, "g", large, TG_MAX_YAML + 1, &outer_map, &o, &err),
                     TG_E_INPUT);
    free(large);
    assert_int_equal(tg_yaml_read_file(y, "/nowhere/x.yaml", &outer_map, &o, &err), TG_E_INPUT);
    assert_int_equal(tg_yaml_errors(y), 3);
    tg_yaml_free(y);
}

static void complaints_are_bounded(void **state)
{
    (void)state;
    struct tg_yaml *y = tg_yaml_new();
    struct outer o;
    struct tg_err err = {0};
    for (int i = 0; i < 150; i++)
        assert_int_equal(tg_yaml_read(y, "f", "version: x", 10, &outer_map, &o, &err), TG_E_INPUT);
    assert_int_equal(tg_yaml_errors(y), 150);
    struct tg_buf out = TG_BUF(100000);
    tg_yaml_print(y, &out);
    assert_non_null(strstr(tg_buf_text(&out), "and more: the first 100 are shown"));
    tg_buf_done(&out);
    tg_yaml_free(y);
}

static void semantic_complaints_know_their_place(void **state)
{
    (void)state;
    struct tg_yaml *y = tg_yaml_new();
    struct outer o;
    struct tg_buf out = TG_BUF(1000);
    const char *text = "version: 1\ninner:\n  wait: 5m\n";
    assert_int_equal(tg_yaml_read(y, "f", text, strlen(text), &outer_map, &o, NULL), 0);
    tg_yaml_warn(y, &o.inner.on, "absent: named by its map");
    tg_yaml_complain(y, &o.inner.wait, "too short");
    tg_yaml_complain_file(y, "other", "missing");
    tg_yaml_print(y, &out);
    assert_string_equal(tg_buf_text(&out), "f:3:3: warning: key 'inner': absent: named by its map\n"
                                           "f:3:9: key 'wait': too short\n"
                                           "other: missing\n");
    struct tg_err err = {0};
    assert_int_equal(tg_yaml_result(y, &err), TG_E_INPUT);
    assert_string_equal(err.text, "f:3:9: key 'wait': too short (and 1 more)");
    tg_buf_done(&out);
    tg_yaml_free(y);
}

static void durations(void **state)
{
    (void)state;
    int64_t s = -1;
    assert_true(tg_duration_parse("1y", &s) && s == 365 * 86400);
    assert_true(tg_duration_parse("12h", &s) && s == 43200);
    assert_true(tg_duration_parse("5m", &s) && s == 300);
    assert_true(tg_duration_parse("0", &s) && s == 0);
    static const char *const bad[] =
        {"",    "d", "1", "-1d", "1.5d", "01d", "1 d", "1D", "1s", "101y", "99999999999999999999d",
         "1d1h"};
    for (size_t i = 0; i < TG_COUNT(bad); i++)
        assert_false(tg_duration_parse(bad[i], &s));
    char text[TG_DURATION];
    static const struct {
        int64_t s;
        const char *text;
    } printed[] = {{365 * 86400, "1y"}, {90 * 60, "90m"},     {0, "0"}, {86400, "1d"}, {7200, "2h"},
                   {61, "2m"},          {366 * 86400, "366d"}};
    for (size_t i = 0; i < TG_COUNT(printed); i++) {
        tg_duration_print(printed[i].s, text);
        assert_string_equal(text, printed[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file_is_read),
        cmocka_unit_test(absent_keys_have_defaults),
        cmocka_unit_test(all_complaints_come_at_once),
        cmocka_unit_test(wrong_shapes),
        cmocka_unit_test(what_yaml_may_not_do_here),
        cmocka_unit_test(core_tags_are_allowed),
        cmocka_unit_test(not_utf8_and_too_large),
        cmocka_unit_test(complaints_are_bounded),
        cmocka_unit_test(semantic_complaints_know_their_place),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
