/* seal formats: a golden vector of each text, its round trip, and every bit of it flipped: what
 * still parses is a different value, spelled in its one way. */
// uses: base json merkle x509 cms seal
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "seal/decisions.h"
#include "seal/leaf.h"
#include "seal/recall.h"
#include "seal/statement.h"
#include "seal/trust.h"

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define A64    HEX("aa")
#define B64    HEX("bb")
#define C64    HEX("cc")
#define D64    HEX("dd")

#define GOLDEN_APP                                                                                 \
    "{\"no\":\"26-004217-4\",\"kind\":\"renew\",\"holder\":\"E-0042\","                            \
    "\"name\":\"\xd0\x90\xd0\xb9\xd0\xb3\xd2\xaf\xd0\xbb \\\"A\\\" "                               \
    "\\\\\",\"id\":\"IIN900101300123\","                                                           \
    "\"agent\":\"0123456789abcdef0123456789abcdef\",\"host\":\"ws-7.alatau.example\","             \
    "\"store\":\"pkcs12\",\"old\":\"" A64 "\",\"ends\":\"2026-12-01T00:00:00Z\",\"key\":\"" B64    \
    "\",\"alg\":\"ec-p256\",\"issuer\":\"" C64 "\",\"days\":365,\"changes\":["                     \
    "[\"days\",\"364\",\"365\"],[\"san\",\"\",\"email:new@alatau.example\"],"                      \
    "[\"san\",\"email:old@alatau.example\",\"\"],[\"subject.2.5.4.7\",\"Almaty\",\"Astana\"]],"    \
    "\"consent\":\"key\"}"
#define GOLDEN_LEAF                                                                                \
    "{\"v\":1,\"app\":" GOLDEN_APP ",\"review\":{\"policy\":\"employee-file-keys\","               \
    "\"department\":\"Finance\",\"flags\":[\"first-on-workstation\",\"longer-validity\","          \
    "\"subject-changed\"]}}"

#define GOLDEN_STATEMENT                                                                           \
    "tamga approval statement v1\nrealm: " A64 "\ntrust: 3\nbatch: 26-47\nprevious: " TG_HEX_ZEROS \
    "\naudit: 12 " B64 "\ntaken: 2026-11-20T09:00:00Z\nsign-by: 2026-11-20T09:05:00Z\n"            \
    "release: 2026-11-20T09:15:00Z\ninstall-by: 2027-02-18T09:00:00Z\nrole: ceo\n"                 \
    "snapshot: 5 " C64 "\napprove: 3 " D64 "\nreturn: 1 " A64 "\nhold: 1\nevidence: 3 " B64        \
    "\nfirst-expiry: 2026-12-01\nflag subject-changed: 1\nflag weak-old-key: 2\n"                  \
    "policy ceo-key " C64 ": 1\npolicy employee-file-keys " D64 ": 2\n"                            \
    "nonce: 00112233445566778899aabbccddeeff\n"

#define GOLDEN_TRUST_TOP                                                                           \
    "tamga trust v1\nversion: 3\nprevious: " A64 "\ncreated: 2026-11-20T09:00:00Z\n"               \
    "expires: 2028-05-20T09:00:00Z\norganization: 123456789021\nroot-threshold: 2\nroot: " A64     \
    "\nroot: " B64 "\nroot: " C64 "\n"
#define GOLDEN_TRUST                                                                               \
    GOLDEN_TRUST_TOP "approval-threshold: 1\napprover ceo pin " A64                                \
                     " until 2027-11-20T09:00:00Z\napprover ceo pin " B64                          \
                     " until 2027-11-20T09:00:00Z\nissuer: " C64 "\nserver: " D64                  \
                     "\nlog: tamga.alatau.example+0123abcd+AQID\nrevoked: " D64 "\n"

#define GOLDEN_RECALL                                                                              \
    "tamga recall statement v1\nrealm: " A64 "\nstatement: " B64                                   \
    "\nat: 2026-11-20T09:06:00Z\nnonce: 00112233445566778899aabbccddeeff\n"

static struct tg_leaf leaf;
static struct tg_statement statement;
static struct tg_trust trust;
static struct tg_recall recall;
static struct tg_decision decision;
static struct tg_err err;

typedef int parse_fn(const void *bytes, size_t len);
typedef int print_fn(struct tg_buf *out);

static int parse_leaf(const void *bytes, size_t len)
{
    return tg_leaf_parse(bytes, len, &leaf, &err);
}
static int print_leaf(struct tg_buf *out)
{
    return tg_leaf_print(&leaf, out, &err);
}
static int parse_app(const void *bytes, size_t len)
{
    return tg_app_parse(bytes, len, TG_APP_FULL, &leaf, &err);
}
static int print_app(struct tg_buf *out)
{
    return tg_app_print(&leaf, TG_APP_FULL, out, &err);
}
static int parse_statement(const void *bytes, size_t len)
{
    return tg_statement_parse(bytes, len, &statement, &err);
}
static int print_statement(struct tg_buf *out)
{
    return tg_statement_print(&statement, out, &err);
}
static int parse_trust(const void *bytes, size_t len)
{
    return tg_trust_parse(bytes, len, &trust, &err);
}
static int print_trust(struct tg_buf *out)
{
    return tg_trust_print(&trust, out, &err);
}
static int parse_recall(const void *bytes, size_t len)
{
    return tg_recall_parse(bytes, len, &recall, &err);
}
static int print_recall(struct tg_buf *out)
{
    return tg_recall_print(&recall, out, &err);
}
static int parse_decision(const void *bytes, size_t len)
{
    return tg_decision_parse(bytes, len, &decision, &err);
}
static int print_decision(struct tg_buf *out)
{
    return tg_decision_print(&decision, out, &err);
}

struct format {
    const char *name, *golden;
    parse_fn *parse;
    print_fn *print;
};

static const struct format formats[] = {
    {"leaf", GOLDEN_LEAF, parse_leaf, print_leaf},
    {"app", GOLDEN_APP, parse_app, print_app},
    {"statement", GOLDEN_STATEMENT, parse_statement, print_statement},
    {"trust", GOLDEN_TRUST, parse_trust, print_trust},
    {"recall", GOLDEN_RECALL, parse_recall, print_recall},
    {"approve", "approve " A64 " " B64 " -", parse_decision, print_decision},
    {"hold", "hold", parse_decision, print_decision},
    {"return", "return \"wrong \\\"department\\\"\"", parse_decision, print_decision},
};

static void prints_as(const struct format *f, const void *bytes, size_t len)
{
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_TRUST);
    if (f->print(&out) < 0) fail_msg("%s: %s", f->name, err.text);
    if (out.len != len || memcmp(out.data, bytes, len) != 0)
        fail_msg("%s: prints another text than it parsed: %s", f->name, tg_buf_text(&out));
}

static void golden_vectors_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < TG_COUNT(formats); i++) {
        const struct format *f = &formats[i];
        if (f->parse(f->golden, strlen(f->golden)) < 0) fail_msg("%s: %s", f->name, err.text);
        prints_as(f, f->golden, strlen(f->golden));
    }
    assert_string_equal(leaf.name, "\xd0\x90\xd0\xb9\xd0\xb3\xd2\xaf\xd0\xbb \"A\" \\");
    assert_int_equal(leaf.number.sequence, 4217);
    assert_int_equal(leaf.changes_count, 4);
    assert_int_equal(statement.approve.count, 3);
    assert_int_equal(statement.flags[TG_FLAG_WEAK_OLD_KEY], 2);
    assert_int_equal(trust.approvers_count, 2);
    assert_string_equal(decision.reason, "wrong \"department\"");
}

/* Every single bit, every truncation, and a byte inserted or doubled anywhere. */
static void nothing_has_two_spellings(void **state)
{
    (void)state;
    for (size_t i = 0; i < TG_COUNT(formats); i++) {
        const struct format *f = &formats[i];
        size_t len = strlen(f->golden), accepted = 0;
        char *text = tg_alloc(len + 2);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            memcpy(text, f->golden, len);
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << (bit % 8)));
            if (f->parse(text, len) < 0) continue;
            prints_as(f, text, len);
            accepted++;
        }
        for (size_t at = 0; at < len; at++) {
            memcpy(text, f->golden, at);
            text[at] = ' ';
            memcpy(text + at + 1, f->golden + at, len - at);
            if (f->parse(text, len + 1) == 0) prints_as(f, text, len + 1);
            /* Optional last lines of a trust document may be missing: that is another document. */
            if (f->parse(f->golden, at) == 0) prints_as(f, f->golden, at);
        }
        /* Hex digits and free text have other values; structure has none. */
        print_message("%s: %zu of %zu flips are another value\n", f->name, accepted, 8 * len);
        free(text);
    }
}

struct edit {
    const char *from, *to, *says;
    int code;
};

/* Replaces the first occurrence and expects a refusal that says why. */
static void refuses(const struct format *f, const struct edit *e)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(64 * 1024);
    const char *at = strstr(f->golden, e->from);
    assert_non_null(at);
    tg_buf_add(&text, f->golden, (size_t)(at - f->golden));
    tg_buf_puts(&text, e->to);
    tg_buf_puts(&text, at + strlen(e->from));
    int rc = f->parse(text.data, text.len);
    if (rc != e->code || !strstr(err.text, e->says))
        fail_msg("%s: \"%s\" -> \"%s\": %d \"%s\", expected %d \"%s\"", f->name, e->from, e->to, rc,
                 rc ? err.text : "accepted", e->code, e->says);
}

static void leaf_fields_have_bounds(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"\"v\":1", "\"v\":2", "leaf: v", TG_E_VERSION},
        {"\"v\":1", "\"v\":1,\"w\":1", "leaf: v", TG_E_VERSION},
        {"26-004217-4", "26-004217-5", "leaf: no", TG_E_INPUT},
        {"26-004217-4", "26-4217-4", "leaf: no", TG_E_INPUT},
        {"\"renew\"", "\"steal\"", "kind", TG_E_INPUT},
        {"\"kind\":\"renew\",\"holder\"", "\"holder\"", "kind", TG_E_INPUT},
        {"E-0042", "", "holder", TG_E_INPUT},
        {"E-0042", "E 42", "holder", TG_E_INPUT},
        {"E-0042", "123456789012345678901234567890123", "holder", TG_E_LIMIT},
        {"\\\\\"", "\\n\"", "name", TG_E_INPUT},
        {"\\\\\"", "\\u0041\"", "name", TG_E_INPUT},
        {"\\\\\"", "\xe2\x80\xae\"", "name", TG_E_INPUT}, /* bidi override */
        {"\\\\\"", "\xe2\x80\x8b\"", "name", TG_E_INPUT}, /* zero width space */
        {"\\\\\"", "\xef\xbf\xbf\"", "name", TG_E_INPUT}, /* noncharacter */
        {"\\\\\"", "\xff\"", "name", TG_E_INPUT},
        {"\\\\\"", "\x01\"", "name", TG_E_INPUT},
        {"IIN900101300123", "IIN90010130012", "id", TG_E_INPUT},
        {"IIN900101300123", "XIN900101300123", "id", TG_E_INPUT},
        {"0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdeF", "agent",
         TG_E_INPUT},
        {"ws-7.alatau.example", "WS", "host", TG_E_INPUT},
        {"pkcs12", "jks", "store", TG_E_INPUT},
        {"\"old\":\"" A64, "\"old\":\"", "ends", TG_E_INPUT},
        {"\"ends\":\"2026-12-01T00:00:00Z\"", "\"ends\":\"\"", "ends", TG_E_INPUT},
        {"2026-12-01T00:00:00Z", "2026-13-01T00:00:00Z", "ends", TG_E_INPUT},
        {"\"key\":\"" B64, "\"key\":\"", "key", TG_E_INPUT},
        {"ec-p256", "rsa-2048", "alg", TG_E_INPUT},
        {"\"issuer\":\"" C64, "\"issuer\":\"", "issuer", TG_E_INPUT},
        {"\"days\":365", "\"days\":0365", "days", TG_E_INPUT},
        {"\"days\":365", "\"days\":0", "days", TG_E_INPUT},
        {"\"days\":365", "\"days\":1131", "days", TG_E_INPUT},
        {"\"days\":365", "\"days\":\"365\"", "days", TG_E_INPUT},
        {"\"days\":365", "\"days\":300", "changes", TG_E_INPUT},
        {"[\"days\",\"364\",\"365\"],", "[\"serial\",\"1\",\"2\"],", "changes", TG_E_INPUT},
        {"\"Almaty\",\"Astana\"", "\"Almaty\",\"Almaty\"", "changes", TG_E_INPUT},
        {"\"email:new@alatau.example\"", "\"mail\"", "changes", TG_E_INPUT},
        {"[\"san\",\"\",\"email:new@alatau.example\"],", "[\"san\",\"email:x@y\",\"email:z@y\"],",
         "changes", TG_E_INPUT},
        {"[\"subject.2.5.4.7\",\"Almaty\",\"Astana\"]", "[\"san\",\"\",\"dns:a\"]", "changes",
         TG_E_INPUT},
        {"\"consent\":\"key\"", "\"consent\":\"yes\"", "consent", TG_E_INPUT},
        {"\"consent\":\"key\"", "\"consent\":\"none\"", "consent", TG_E_INPUT},
        {"employee-file-keys", "Employee", "policy", TG_E_INPUT},
        {"Finance", "\xe2\x80\x8f", "department", TG_E_INPUT},
        {"\"longer-validity\",", "\"unknown\",", "flags", TG_E_INPUT},
        {"\"longer-validity\",\"subject-changed\"", "\"subject-changed\",\"longer-validity\"",
         "flags", TG_E_INPUT},
        {"\"longer-validity\",", "\"first-on-workstation\",", "flags", TG_E_INPUT},
        {"]}}", "]}} ", "after its end", TG_E_INPUT},
        {"]}}", "],\"x\":1}}", "expected", TG_E_INPUT},
    };
    for (size_t i = 0; i < TG_COUNT(edits); i++)
        refuses(&formats[0], &edits[i]);
}

static void observe_has_no_key_of_ours(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_LEAF);
    assert_int_equal(parse_leaf(GOLDEN_LEAF, strlen(GOLDEN_LEAF)), 0);
    leaf.kind = TG_KIND_OBSERVE;
    assert_int_equal(print_leaf(&out), TG_E_INPUT);
    leaf.key[0] = leaf.alg[0] = leaf.issuer[0] = '\0';
    assert_int_equal(print_leaf(&out), 0);
    leaf.kind = TG_KIND_RENEW;
    assert_int_equal(print_leaf(&out), TG_E_INPUT);
}

static void a_draft_has_no_key_and_no_consent(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_LEAF);
    assert_int_equal(parse_app(GOLDEN_APP, strlen(GOLDEN_APP)), 0);
    assert_int_equal(tg_app_print(&leaf, TG_APP_DRAFT, &out, &err), TG_E_INPUT);
    leaf.key[0] = '\0';
    leaf.consent = TG_CONSENT_NONE;
    assert_int_equal(tg_app_print(&leaf, TG_APP_FULL, &out, &err), TG_E_INPUT);
    assert_int_equal(tg_app_print(&leaf, TG_APP_DRAFT, &out, &err), 0);
    assert_int_equal(tg_app_parse(out.data, out.len, TG_APP_DRAFT, &leaf, &err), 0);
    assert_int_equal(tg_app_parse(out.data, out.len, TG_APP_FULL, &leaf, &err), TG_E_INPUT);
}

static void the_app_is_joined_byte_by_byte(void **state)
{
    (void)state;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_LEAF);
    assert_int_equal(parse_leaf(GOLDEN_LEAF, strlen(GOLDEN_LEAF)), 0);
    assert_int_equal(tg_leaf_join(TG_BLOB(GOLDEN_APP, strlen(GOLDEN_APP)), &leaf, &out, &err), 0);
    assert_string_equal(tg_buf_text(&out), GOLDEN_LEAF);
    struct tg_blob app = tg_leaf_app(out.data, out.len);
    assert_int_equal(app.len, strlen(GOLDEN_APP));
    assert_memory_equal(app.data, GOLDEN_APP, app.len);
}

static void statement_numbers_agree(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"statement v1", "statement v2", "first line", TG_E_VERSION},
        {"tamga approval", "tamga holder", "first line", TG_E_VERSION},
        {"trust: 3", "trust: 0", "versions begin", TG_E_INPUT},
        {"trust: 3", "trust: 03", "trust", TG_E_INPUT},
        {"26-47", "26-047", "batch", TG_E_INPUT},
        {"audit: 12", "audit: -1", "size", TG_E_INPUT},
        {"sign-by: 2026-11-20T09:05", "sign-by: 2026-11-20T08:05", "sign-by is before", TG_E_INPUT},
        {"release: 2026-11-20T09:15", "release: 2026-11-20T08:15", "release is before", TG_E_INPUT},
        {"install-by: 2027-02-18T09:00:00", "install-by: 2027-02-18T09:00:01", "90 days",
         TG_E_INPUT},
        {"role: ceo", "role: boss", "role", TG_E_INPUT},
        {"snapshot: 5", "snapshot: 6", "add up", TG_E_INPUT},
        {"snapshot: 5", "snapshot: 100001", "count", TG_E_INPUT},
        {"hold: 1", "hold: 2", "add up", TG_E_INPUT},
        {"evidence: 3", "evidence: 2", "evidence", TG_E_INPUT},
        {"return: 1 " A64, "return: 0 " A64, "no bytes", TG_E_INPUT},
        {"first-expiry: 2026-12-01", "first-expiry: 2026-12-1", "first-expiry", TG_E_INPUT},
        {"flag subject-changed: 1", "flag subject-changed: 4", "flag", TG_E_INPUT},
        {"flag subject-changed: 1", "flag subject-changed: 0", "flag", TG_E_INPUT},
        {"flag subject-changed: 1\nflag weak-old-key: 2",
         "flag weak-old-key: 2\nflag subject-changed: 1", "sorted", TG_E_INPUT},
        {"policy ceo-key", "policy zeo-key", "sorted", TG_E_INPUT},
        {"keys " D64 ": 2", "keys " D64 ": 1", "add up", TG_E_INPUT},
        {"nonce: 00", "nonce: 0", "nonce", TG_E_INPUT},
        {"\nnonce", "\nsurprise: 1\nnonce", "nonce", TG_E_INPUT},
        {"ddeeff\n", "ddeeff\nx: 1\n", "unknown", TG_E_INPUT},
        {"ddeeff\n", "ddeeff", "does not end", TG_E_INPUT},
        {"hold: 1\n", "hold: 1\r\n", "ASCII", TG_E_INPUT},
        {"hold: 1\n", "hold:  1\n", "hold", TG_E_INPUT},
    };
    for (size_t i = 0; i < TG_COUNT(edits); i++)
        refuses(&formats[2], &edits[i]);
}

static void trust_refuses_what_is_not_built_by_name(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"approval-threshold: 1", "approval-threshold: 2", "approval-threshold", TG_E_UNSUPPORTED},
        {"approver ceo pin " A64 " until 2027-11-20T09:00:00Z",
         "approver ceo role " A64 " 123456789021 900101300123 1.2.398.3.3.4.1.2.1", "by role",
         TG_E_UNSUPPORTED},
        {"approver ceo pin " A64, "approver deputy pin " A64, "deputy", TG_E_UNSUPPORTED},
        {"\nissuer", "\ndeputy-max: 500\nissuer", "deputy-max", TG_E_UNSUPPORTED},
        {"\nlog", "\ntsa: " A64 "\nlog", "tsa", TG_E_UNSUPPORTED},
        {"\nrevoked", "\nwitness: w+0123abcd+AQID\nrevoked", "witness", TG_E_UNSUPPORTED},
        {"\nrevoked", "\nwitness-threshold: 1\nrevoked", "witness-threshold", TG_E_UNSUPPORTED},
        {"tamga trust v1", "tamga trust v2", "first line", TG_E_VERSION},
        {"version: 3", "version: 1", "zeros", TG_E_INPUT},
        {"2028-05-20T09:00:00Z", "2028-05-20T09:00:01Z", "18 months", TG_E_INPUT},
        {"2028-05-20T09:00:00Z", "2026-11-20T09:00:00Z", "18 months", TG_E_INPUT},
        {"root-threshold: 2", "root-threshold: 4", "root-threshold", TG_E_INPUT},
        {"root-threshold: 2", "root-threshold: 0", "root-threshold", TG_E_INPUT},
        {"root: " B64 "\n", "root: " A64 "\n", "sorted", TG_E_INPUT},
        {"approval-threshold: 1", "approval-threshold: 0", "threshold", TG_E_INPUT},
        {"approver ceo pin " B64, "approver ceo pin " A64, "sorted", TG_E_INPUT},
        {"organization: 123456789021", "organization: A B", "organization", TG_E_INPUT},
        {"\nrevoked", "\nfriend: x\nrevoked", "unknown", TG_E_INPUT},
    };
    for (size_t i = 0; i < TG_COUNT(edits); i++)
        refuses(&formats[3], &edits[i]);
}

static void decisions_are_three_words(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "Hold",
                                      "hold ",
                                      "approve",
                                      "approve - -",
                                      "approve - - - -",
                                      "approve " A64 "  - -",
                                      "return",
                                      "return wrong",
                                      "return \"\"",
                                      "return \"a\" ",
                                      "return \"\x7f\"",
                                      "return \"a\nb\"",
                                      "discard"};
    for (size_t i = 0; i < TG_COUNT(bad); i++) {
        if (parse_decision(bad[i], strlen(bad[i])) == 0) fail_msg("accepted: %s", bad[i]);
    }
    char text[600] = "return \"";
    memset(text + 8, 'x', 513);
    memcpy(text + 8 + 512, "\"", 2);
    assert_int_equal(parse_decision(text, strlen(text)), 0);
    memcpy(text + 8 + 512, "x\"", 3);
    assert_int_equal(parse_decision(text, strlen(text)), TG_E_LIMIT);
}

static void eighteen_months_are_calendar_months(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"2026-11-20T09:00:00Z", "2028-05-20T09:00:00Z"},
                                           {"2026-08-31T00:00:00Z", "2028-02-29T00:00:00Z"},
                                           {"2025-08-31T00:00:00Z", "2027-02-28T00:00:00Z"},
                                           {"2026-01-31T00:00:00Z", "2027-07-31T00:00:00Z"}};
    for (size_t i = 0; i < TG_COUNT(pairs); i++) {
        int64_t from;
        char to[TG_TIME];
        assert_true(tg_time_parse(pairs[i][0], 20, &from));
        tg_time_print(tg_trust_latest_expiry(from), to);
        assert_string_equal(to, pairs[i][1]);
    }
}

static void flags_have_classes(void **state)
{
    (void)state;
    static const char *const stops[] = {"holder-left", "key-reused"};
    tg_flags stop = tg_flags_of_class((1u << TG_FLAG_COUNT) - 1, TG_FLAG_STOP);
    tg_flags expected = 0;
    for (size_t i = 0; i < TG_COUNT(stops); i++) {
        enum tg_flag flag;
        assert_true(tg_flag_from_code(stops[i], strlen(stops[i]), &flag));
        expected |= TG_FLAG_BIT(flag);
    }
    assert_int_equal(stop, expected);
    for (unsigned i = 1; i < TG_FLAG_COUNT; i++)
        assert_true(strcmp(tg_flag_code((enum tg_flag)(i - 1)), tg_flag_code((enum tg_flag)i)) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_vectors_round_trip),
        cmocka_unit_test(nothing_has_two_spellings),
        cmocka_unit_test(leaf_fields_have_bounds),
        cmocka_unit_test(observe_has_no_key_of_ours),
        cmocka_unit_test(a_draft_has_no_key_and_no_consent),
        cmocka_unit_test(the_app_is_joined_byte_by_byte),
        cmocka_unit_test(statement_numbers_agree),
        cmocka_unit_test(trust_refuses_what_is_not_built_by_name),
        cmocka_unit_test(decisions_are_three_words),
        cmocka_unit_test(eighteen_months_are_calendar_months),
        cmocka_unit_test(flags_have_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
