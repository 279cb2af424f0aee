// Bounded JSON in, deterministic JSON out.
// uses: base json | libs: jansson
#include "base/limits.h"
#include "json/json.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static int parse(const char *text, json_t **ret_, struct tg_err *err)
{
    return tg_json_parse(text, strlen(text), 100000, ret_, err);
}

static void broken_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "{\"a\":1,}",
        "{\"a\":1} x",
        "{\"a\":1}{\"a\":1}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "[1,2",
        "{a:1}",
        "'a'",
        "01",
        "+1",
        "1.",
        "NaN",
        "[1e999]",
        "[123456789012345678901234567890]",
        "\"a\\u0000b\"",
        "{\"a\\u0000b\":1}",
        "\"\\ud800\"",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"a\nb\"",
        "// comment\n1",
        "\xef\xbb\xbf{}",
    };
    struct tg_err err = {0};
    json_t *value = NULL;
    for (size_t i = 0; i < TG_COUNT(bad); i++) {
        if (parse(bad[i], &value, &err) != TG_E_INPUT) fail_msg("taken: %s", bad[i]);
        assert_null(value);
        assert_non_null(strstr(err.text, "line "));
    }
    assert_int_equal(parse("{\"a\":1,\n \"b\":?}", &value, &err), TG_E_INPUT);
    assert_non_null(strstr(err.text, "line 2, column "));
    assert_int_equal(tg_json_parse("[1]\0", 4, 10, &value, &err), TG_E_INPUT);
}

static void bounds_come_before_memory(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *value = NULL;
    assert_int_equal(tg_json_parse("[1,2]", 5, 4, &value, &err), TG_E_LIMIT);
    assert_int_equal(parse("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", &value, &err), 0); /* 16 */
    json_decref(TG_TAKE(value));
    assert_int_equal(parse("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", &value, &err), TG_E_LIMIT);
    char deep[5000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(tg_json_parse(deep, sizeof deep, sizeof deep, &value, &err), TG_E_LIMIT);
    /* brackets and escaped quotes inside of strings are no depth */
    assert_int_equal(parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[\",\"]\\\\\"]", &value, &err), 0);
    size_t len = 2 * (size_t)TG_MAX_JSON_VALUES + 10;
    TG_AUTO(mem) char *many = tg_alloc(len);
    memset(many, ',', len);
    assert_int_equal(tg_json_parse(many, len, len, &value, &err), TG_E_LIMIT);
}

static const char sample[] =
    "{\"s\":\"\xd0\xb6\",\"i\":-5,\"b\":true,\"a\":[\"x\",2],\"o\":{},\"n\":null,\"t\":\"2026-01-"
    "31T23:59:59Z\","
    "\"h\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"z\":\"Zm9v\","
    "\"r\":1.5}";

static void getters_take_what_they_name(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *o = NULL;
    assert_int_equal(tg_json_parse_object(sample, strlen(sample), 1000, &o, &err), 0);
    const char *s = NULL;
    int64_t i = 0;
    bool b = false;
    const json_t *v = NULL;
    uint8_t hash[TG_SHA256];
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(3);
    assert_int_equal(tg_json_str(o, "s", 2, &s, &err), 0);
    assert_string_equal(s, "\xd0\xb6");
    assert_int_equal(tg_json_int(o, "i", -5, 5, &i, &err), 0);
    assert_int_equal(i, -5);
    assert_int_equal(tg_json_bool(o, "b", &b, &err), 0);
    assert_true(b);
    assert_int_equal(tg_json_object(o, "o", &v, &err), 0);
    assert_int_equal(tg_json_array(o, "a", 2, &v, &err), 0);
    assert_int_equal(tg_json_item_str(v, "a", 0, 1, &s, &err), 0);
    assert_string_equal(s, "x");
    assert_int_equal(tg_json_item_str(v, "a", 1, 1, &s, &err), TG_E_INPUT);
    assert_string_equal(err.text, "field \"a\"[1]: must be a string");
    assert_int_equal(tg_json_item_str(v, "a", 2, 1, &s, &err), TG_E_INPUT);
    assert_int_equal(tg_json_time(o, "t", &i, &err), 0);
    assert_int_equal(i, 1769903999);
    assert_int_equal(tg_json_hash(o, "h", hash, &err), 0);
    assert_int_equal(hash[0], 0xe3);
    assert_int_equal(tg_json_base64(o, "z", &bytes, &err), 0);
    assert_string_equal(tg_buf_text(&bytes), "foo");
}

static void getters_refuse_and_name_the_field(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *o = NULL;
    assert_int_equal(tg_json_parse_object(sample, strlen(sample), 1000, &o, &err), 0);
    const char *s = "unchanged";
    int64_t i = 7;
    bool b = false;
    const json_t *v = NULL;
    assert_int_equal(tg_json_str(o, "s", 1, &s, &err), TG_E_LIMIT);
    assert_string_equal(err.text, "field \"s\": longer than 1 bytes");
    assert_int_equal(tg_json_str(o, "i", 1, &s, &err), TG_E_INPUT);
    assert_int_equal(tg_json_str(o, "n", 1, &s, &err), TG_E_INPUT);
    assert_string_equal(err.text, "field \"n\": missing");
    assert_int_equal(tg_json_str(o, "none", 1, &s, &err), TG_E_INPUT);
    assert_string_equal(s, "unchanged");
    assert_int_equal(tg_json_int(o, "i", 0, 5, &i, &err), TG_E_INPUT);
    assert_string_equal(err.text, "field \"i\": -5 is not within 0..5");
    assert_int_equal(tg_json_int(o, "r", 0, 5, &i, &err), TG_E_INPUT);
    assert_int_equal(i, 7);
    assert_int_equal(tg_json_bool(o, "i", &b, &err), TG_E_INPUT);
    assert_int_equal(tg_json_array(o, "a", 1, &v, &err), TG_E_LIMIT);
    assert_int_equal(tg_json_array(o, "o", 1, &v, &err), TG_E_INPUT);
    assert_int_equal(tg_json_object(o, "a", &v, &err), TG_E_INPUT);
    assert_int_equal(tg_json_hex256(o, "s", &s, &err), TG_E_INPUT);
    assert_int_equal(tg_json_time(o, "s", &i, &err), TG_E_INPUT);
    TG_AUTO(buf) struct tg_buf tight = TG_BUF(2);
    assert_int_equal(tg_json_base64(o, "z", &tight, &err), TG_E_LIMIT);
    assert_int_equal(strncmp(err.text, "field \"z\": ", 11), 0);
    assert_int_equal(tg_json_str(NULL, "s", 1, &s, &err), TG_E_INPUT); /* not an object at all */
    TG_AUTO(json) json_t *array = NULL;
    assert_int_equal(tg_json_parse_object("[]", 2, 10, &array, &err), TG_E_INPUT);
}

static void optional_fields_keep_their_default(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *o = NULL;
    assert_int_equal(tg_json_parse_object(sample, strlen(sample), 1000, &o, &err), 0);
    const char *s = "default";
    int64_t i = 7;
    bool b = true;
    assert_int_equal(tg_json_opt_str(o, "none", 10, &s, &err), 0);
    assert_int_equal(tg_json_opt_int(o, "n", 0, 10, &i, &err), 0);
    assert_int_equal(tg_json_opt_bool(o, "none", &b, &err), 0);
    assert_string_equal(s, "default");
    assert_int_equal(i, 7);
    assert_true(b);
    assert_int_equal(tg_json_opt_str(o, "i", 10, &s, &err), TG_E_INPUT);
}

static void unknown_fields_are_named(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *o = NULL;
    assert_int_equal(parse("{\"v\":1,\"tpye\":2}", &o, &err), 0);
    assert_int_equal(tg_json_only(o, &err, "v", "type"), TG_E_INPUT);
    assert_string_equal(err.text, "unknown field \"tpye\", did you mean \"type\"?");
    assert_int_equal(tg_json_only(o, &err, "v", "body"), TG_E_INPUT);
    assert_string_equal(err.text, "unknown field \"tpye\"");
    assert_int_equal(tg_json_only(o, &err, "v", "tpye", "more"), 0);
}

static void dump_is_deterministic(void **state)
{
    (void)state;
    struct tg_err err = {0};
    TG_AUTO(json) json_t *o = NULL;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(1000);
    assert_int_equal(parse(" { \"b\" : [ 1 , -2.50 , 3.0, true, false, null ] , \"a\" : { "
                           "\"z\":\"\\n\\u007f\\\"\\\\/"
                           "\\u0436\", \"B\":1 } , \"\":{} } ",
                           &o, &err),
                     0);
    tg_json_dump(o, &out);
    assert_string_equal(tg_buf_text(&out),
                        "{\"b\":[1,-2.5,3.0,true,false,null],\"a\":{\"z\":\"\\u000a\x7f\\\"\\\\/"
                        "\xd0\xb6\",\"B\":1},\"\":{}}");
    tg_buf_reset(&out);
    tg_json_dump_sorted(o, &out);
    assert_string_equal(tg_buf_text(&out),
                        "{\"\":{},\"a\":{\"B\":1,\"z\":\"\\u000a\x7f\\\"\\\\/\xd0\xb6\"},"
                        "\"b\":[1,-2.5,3.0,true,false,null]}");
    TG_AUTO(json) json_t *again = NULL;
    assert_int_equal(parse(tg_buf_text(&out), &again, &err), 0);
    assert_true(json_equal(o, again));
}

static void writer_puts_commas_by_itself(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(1000);
    struct tg_jw w;
    tg_jw_init(&w, &out);
    tg_jw_begin_object(&w);
    tg_jw_kint(&w, "v", 1);
    tg_jw_key(&w, "list");
    tg_jw_begin_array(&w);
    tg_jw_int(&w, INT64_MIN);
    tg_jw_str(&w, NULL);
    tg_jw_begin_object(&w);
    tg_jw_end(&w);
    tg_jw_begin_array(&w);
    tg_jw_end(&w);
    tg_jw_hex(&w, "\x01\xfe", 2);
    tg_jw_base64(&w, "foob", 4);
    tg_jw_raw(&w, "{\"x\":1}", 7);
    tg_jw_end(&w);
    tg_jw_kbool(&w, "ok", true);
    tg_jw_ktime(&w, "at", 0);
    tg_jw_kstr(&w, "q\"", "a\x01\xff\xd0\xb6\n");
    tg_jw_end(&w);
    assert_string_equal(tg_buf_text(&out), "{\"v\":1,\"list\":[-9223372036854775808,null,{},[],"
                                           "\"01fe\",\"Zm9vYg==\",{\"x\":1}],"
                                           "\"ok\":true,\"at\":\"1970-01-01T00:00:00Z\",\"q\\\"\":"
                                           "\"a\\u0001\xef\xbf\xbd\xd0\xb6\\u000a\"}");
    TG_AUTO(json) json_t *back = NULL;
    assert_int_equal(parse(tg_buf_text(&out), &back, NULL), 0);
}

static void value_without_key(struct tg_jw *w)
{
    tg_jw_begin_object(w);
    tg_jw_int(w, 1);
}

static void key_in_array(struct tg_jw *w)
{
    tg_jw_begin_array(w);
    tg_jw_key(w, "k");
}

static void two_keys(struct tg_jw *w)
{
    tg_jw_begin_object(w);
    tg_jw_key(w, "k");
    tg_jw_key(w, "k");
}

static void two_values(struct tg_jw *w)
{
    tg_jw_int(w, 1);
    tg_jw_int(w, 2);
}

static void end_of_nothing(struct tg_jw *w)
{
    tg_jw_end(w);
}

static void too_deep(struct tg_jw *w)
{
    for (int i = 0; i <= TG_JW_DEPTH; i++)
        tg_jw_begin_array(w);
}

static void misuse_of_the_writer_aborts(void **state)
{
    (void)state;
    void (*const rows[])(struct tg_jw *) = {value_without_key, key_in_array,   two_keys,
                                            two_values,        end_of_nothing, too_deep};
    for (size_t i = 0; i < TG_COUNT(rows); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct tg_buf out = TG_BUF(1000);
            struct tg_jw w;
            close(STDERR_FILENO);
            tg_jw_init(&w, &out);
            rows[i](&w);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

/* Any bytes: no crash, and what is taken comes back the same. */
static void random_bytes_never_crash(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\",:\\u0019ae.-+ntf \x80\xd0\xb6\n";
    char text[64];
    for (int round = 0; round < 50000; round++) {
        size_t len = tg_random_below(sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[tg_random_below(sizeof alphabet - 1)];
        TG_AUTO(json) json_t *value = NULL, *back = NULL;
        if (tg_json_parse(text, len, sizeof text, &value, NULL) < 0) continue;
        TG_AUTO(buf) struct tg_buf out = TG_BUF(10000);
        tg_json_dump_sorted(value, &out);
        assert_int_equal(tg_json_parse(out.data, out.len, 10000, &back, NULL), 0);
        assert_true(json_equal(value, back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_json_is_refused_with_its_place),
        cmocka_unit_test(bounds_come_before_memory),
        cmocka_unit_test(getters_take_what_they_name),
        cmocka_unit_test(getters_refuse_and_name_the_field),
        cmocka_unit_test(optional_fields_keep_their_default),
        cmocka_unit_test(unknown_fields_are_named),
        cmocka_unit_test(dump_is_deterministic),
        cmocka_unit_test(writer_puts_commas_by_itself),
        cmocka_unit_test(misuse_of_the_writer_aborts),
        cmocka_unit_test(random_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
