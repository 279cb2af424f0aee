// uses: base json config policy
/* Golden snapshots: the whole meaning of a policy file as text. Every policies/NAME.yaml and
 * tests/snapshots/policy/NAME.yaml decides the same certificates at the same dates; the answers
 * stand in tests/snapshots/policy/NAME.golden. To accept a change: TAMGA_SNAPSHOT=update ctest -R
 * policy_snapshot */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <glob.h>

#include "base/str.h"
#include "base/times.h"
#include "policy_facts.h"

#define FOLDER TESTS_DIR "/snapshots/policy/"
enum { PAGE = 1024 * 1024 };

#define ALATAU   "CN=Alatau Issuing CA 1,O=Alatau,C=KZ"
#define OTHER    "CN=Other CA,O=Elsewhere,C=DE"
#define NATIONAL "C=KZ,CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST) 2022"
#define TEST_NCA "CN=ҰКО 3.0 (GOST TEST),C=KZ"

/* What is unusual about a certificate; plain ones have a holder, a key, and nothing in the way. */
enum trait {
    PLAIN,
    SUPERSEDED,
    REVOKED,
    LEFT,
    LEAVE,
    NOBODY,
    GOST,
    KEYLESS,
    LOCKED,
    OPEN,
    ENDED,
    ENDED_ELSEWHERE,
    AUTHORITY
};
static const char *const traits[] = {"",         "superseded", "revoked", "left",
                                     "leave",    "nobody",     "gost",    "keyless",
                                     "locked",   "open",       "ended",   "ended-elsewhere",
                                     "authority"};

static const struct certificate {
    uint8_t first_byte; /* of its fingerprint: its place in the spread */
    const char *issuer, *department;
    enum policy_storage storage;
    enum policy_role role;
    const char *from, *until; /* days */
    enum trait trait;
} certificates[] = {
#define FILE_   POLICY_STORAGE_FILE
#define TOKEN   POLICY_STORAGE_TOKEN
#define R(role) POLICY_ROLE_##role
    {0x00, ALATAU, "Finance", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
    {0x40, ALATAU, "Finance", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
    {0x80, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
    {0xff, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
    {0x20, ALATAU, "", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
    {0x21, ALATAU, "Board", FILE_, R(CEO), "2025-06-10", "2026-06-10", PLAIN},
    {0x22, ALATAU, "Board", TOKEN, R(CEO), "2024-06-10", "2027-06-10", PLAIN},
    {0x23, ALATAU, "Finance", FILE_, R(RIGHT_TO_SIGN), "2025-07-01", "2026-07-01", PLAIN},
    {0x24, ALATAU, "Finance", FILE_, R(FINANCE), "2025-07-01", "2026-07-01", PLAIN},
    {0x25, ALATAU, "HR", FILE_, R(HR), "2025-07-01", "2026-07-01", PLAIN},
    {0x26, ALATAU, "IT", FILE_, R(INFORMATION_SYSTEM), "2025-07-01", "2026-07-01", PLAIN},
    {0x27, ALATAU, "IT", TOKEN, R(EMPLOYEE), "2023-07-01", "2026-07-01", PLAIN},
    {0x28, ALATAU, "Sales", FILE_, R(UNKNOWN), "2025-07-01", "2026-07-01", PLAIN},
    {0x29, ALATAU, "Sales", FILE_, R(INDIVIDUAL), "2025-07-01", "2026-07-01", PLAIN},
    {0x30, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", SUPERSEDED},
    {0x31, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", REVOKED},
    {0x32, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", LEFT},
    {0x33, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", LEAVE},
    {0x34, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", NOBODY},
    {0x35, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", GOST},
    {0x36, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", KEYLESS},
    {0x37, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", LOCKED},
    {0x38, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", OPEN},
    {0x39, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", ENDED},
    {0x3a, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", ENDED_ELSEWHERE},
    {0x3b, ALATAU, "", FILE_, R(UNKNOWN), "2020-01-01", "2040-01-01", AUTHORITY},
    {0x41, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2026-06-01", "2026-06-10", PLAIN},
    {0x42, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2027-03-01", "2028-02-29", PLAIN},
    {0x43, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2027-03-30", "2028-03-29", PLAIN},
    {0x44, ALATAU, "Sales", FILE_, R(EMPLOYEE), "2025-01-01", "2026-01-01", PLAIN},
    {0x50, NATIONAL, "Finance", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", GOST},
    {0x51, NATIONAL, "Board", FILE_, R(CEO), "2025-06-10", "2026-06-10", GOST},
    {0x52, NATIONAL, "Board", TOKEN, R(CEO), "2023-06-10", "2026-06-10", GOST},
    {0x53, NATIONAL, "", TOKEN, R(INDIVIDUAL), "2023-06-10", "2026-06-10", NOBODY},
    {0x54, NATIONAL, "IT", FILE_, R(INFORMATION_SYSTEM), "2025-06-10", "2026-06-10", GOST},
    {0x55, TEST_NCA, "IT", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", GOST},
    {0x60, OTHER, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
    {0x61, OTHER, "Sales", TOKEN, R(CEO), "2025-06-10", "2026-06-10", PLAIN},
    {0x62, OTHER, "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", LEFT},
    {0x63, "", "Sales", FILE_, R(EMPLOYEE), "2025-06-10", "2026-06-10", PLAIN},
};

/* Before anything is due; a Friday evening and the Monday after, in New York and Almaty; a day
 * after the expiry; the leap day of 2028. */
static const char *const dates[] = {"2026-04-01T06:00:00Z", "2026-05-15T12:30:00Z",
                                    "2026-05-15T22:30:00Z", "2026-06-05T21:30:00Z",
                                    "2026-06-11T00:00:00Z", "2028-02-29T03:59:00Z"};

static int64_t day(const char *text)
{
    int64_t ret = 0;
    assert_true(tg_date_parse(text, strlen(text), &ret));
    return ret;
}

static struct policy_facts make(const struct policy_set *set, const struct certificate *c)
{
    struct policy_facts f = {.issuer = c->issuer,
                             .department = c->department,
                             .storage = c->storage,
                             .role = c->role,
                             .not_before = day(c->from),
                             .not_after = day(c->until),
                             .ca = c->trait == AUTHORITY,
                             .verifiable = c->trait != GOST,
                             .superseded = c->trait == SUPERSEDED,
                             .revoked = c->trait == REVOKED,
                             .key_known = c->trait != KEYLESS,
                             .locked = c->trait == LOCKED,
                             .holder = POLICY_HOLDER_ACTIVE,
                             .open_application = c->trait == OPEN ? "26-004217-4" : "",
                             .ended_application = "",
                             .ended_hash = "another"};
    memset(f.sha256, c->first_byte, sizeof(f.sha256));
    if (c->trait == LEFT) f.holder = POLICY_HOLDER_LEFT;
    if (c->trait == LEAVE) f.holder = POLICY_HOLDER_LEAVE;
    if (c->trait == NOBODY) f.holder = POLICY_HOLDER_NONE;
    if (c->trait == ENDED || c->trait == ENDED_ELSEWHERE) f.ended_application = "26-004217-4";
    int index = policy_match(set, &f);
    if (c->trait == ENDED && index >= 0) f.ended_hash = policy_at(set, (size_t)index)->hash;
    return f;
}

static const char *when(int64_t at, char ret[TG_TIME])
{
    tg_time_print(at, ret);
    return at ? ret : "-";
}

static void put_certificate(struct tg_buf *out, const struct policy_set *set,
                            const struct certificate *c)
{
    struct policy_facts f = make(set, c);
    tg_buf_printf(out, "\n%02x %s..%s %s %s [%s] %s %s\n", c->first_byte, c->from, c->until,
                  policy_storage_word(c->storage), c->role ? policy_role_word(c->role) : "-",
                  c->department, *c->issuer ? c->issuer : "-", traits[c->trait]);
    for (size_t i = 0; i < TG_COUNT(dates); i++) {
        int64_t now = 0;
        assert_true(tg_time_parse(dates[i], strlen(dates[i]), &now));
        struct policy_decision d;
        policy_decide(set, &f, now, &d);
        char due[TG_TIME], opens[TG_TIME];
        tg_buf_printf(out, "  %s %s %s%s %s due %s opens %s confirm %s\n", dates[i],
                      d.policy < 0 ? "-" : policy_at(set, (size_t)d.policy)->name,
                      policy_action_word(d.action), d.draft ? " DRAFT" : "", policy_why_word(d.why),
                      when(d.due, due), when(d.opens, opens), policy_confirm_word(d.confirm));
    }
}

static void put_set(struct tg_buf *out, const struct policy_set *set)
{
    for (size_t i = 0; i < policy_count(set); i++)
        tg_buf_printf(out, "%s %s\n", policy_at(set, i)->name, policy_at(set, i)->json);
    for (size_t i = 0; i < TG_COUNT(certificates); i++)
        put_certificate(out, set, &certificates[i]);
}

static size_t line_length(const char *text)
{
    return strcspn(text, "\n");
}

/* The lines of both texts correspond, unless policies came or went above: good enough to read. A
 * decision is shown under its certificate. Not print_message(): cmocka cuts at 1,024 bytes. */
static void print_difference(const char *old, const char *new)
{
    unsigned shown = 0;
    const char *title = NULL;
    while ((*old || *new) && shown < 60) {
        size_t a = line_length(old), b = line_length(new);
        if (*old != ' ') title = old;
        if (a != b || memcmp(old, new, a) != 0) {
            if (title && title != old) fprintf(stderr, "%.*s\n", (int)line_length(title), title);
            fprintf(stderr, "- %.*s\n+ %.*s\n", (int)a, old, (int)b, new);
            title = NULL;
            shown++;
        }
        old += a + (old[a] != '\0');
        new += b + (new[b] != '\0');
    }
}

static bool check_one(const char *yaml)
{
    struct policy_source source = {&yaml, 1, NULL, 0};
    TG_AUTO(policy_set) struct policy_set *set = NULL;
    TG_AUTO(buf) struct tg_buf complaints = TG_BUF(PAGE), now = TG_BUF(PAGE), golden = TG_BUF(PAGE);
    struct tg_err err = {0};
    if (policy_load(&source, &set, &complaints, &err) < 0) fail_msg("%s", tg_buf_text(&complaints));
    put_set(&now, set);
    const char *stem = strrchr(yaml, '/') + 1;
    TG_AUTO(mem)
    char *path = tg_printf(FOLDER "%.*s.golden", (int)(strlen(stem) - strlen(".yaml")), stem);
    const char *mode = getenv("TAMGA_SNAPSHOT");
    if (mode && strcmp(mode, "update") == 0) {
        assert_int_equal(tg_file_replace(path, now.data, now.len, 0644, &err), 0);
        return true;
    }
    if (tg_file_read(path, &golden, &err) < 0) {
        print_message("%s: %s\n", stem, err.text);
        return false;
    }
    if (strcmp(tg_buf_text(&golden), tg_buf_text(&now)) == 0) return true;
    fprintf(stderr,
            "%s decides otherwise than %s (to accept it: TAMGA_SNAPSHOT=update ctest -R "
            "policy_snapshot)\n",
            yaml, path);
    print_difference(tg_buf_text(&golden), tg_buf_text(&now));
    return false;
}

static void decisions_are_as_written_down(void **state)
{
    (void)state;
    glob_t found = {0};
    assert_int_equal(glob(SOURCE_ROOT "/policies/*.yaml", 0, NULL, &found), 0);
    assert_int_equal(glob(FOLDER "*.yaml", GLOB_APPEND, NULL, &found), 0);
    bool good = true;
    for (size_t i = 0; i < found.gl_pathc; i++)
        good &= check_one(found.gl_pathv[i]);
    globfree(&found);
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decisions_are_as_written_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
