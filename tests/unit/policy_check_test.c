// uses: base json config policy
/* policy check: complaints with place and likely word, rules over several files, canonical JSON and
 * hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/mem.h"
#include "policy/policy.h"

static const char *const connectors[] = {"embedded", "corporate"};

static int parse(const char *text, struct policy_set **ret, struct tg_buf *complaints)
{
    struct tg_err err = {0};
    return policy_parse("p.yaml", text, strlen(text), connectors, TG_COUNT(connectors), ret,
                        complaints, &err);
}

static void bad(const char *text, const char *expected)
{
    struct policy_set *set = NULL;
    struct tg_buf out = TG_BUF(100000);
    assert_int_equal(parse(text, &set, &out), TG_E_INPUT);
    assert_null(set);
    assert_string_equal(tg_buf_text(&out), expected);
    tg_buf_done(&out);
}

static struct policy_set *good(const char *text, const char *warnings)
{
    struct policy_set *set = NULL;
    struct tg_buf out = TG_BUF(100000);
    int rc = parse(text, &set, &out);
    assert_string_equal(tg_buf_text(&out), warnings);
    assert_int_equal(rc, 0);
    tg_buf_done(&out);
    return set;
}

#define HEAD "version: 1\npolicies:\n  - name: a\n    action: renew\n    ca: embedded\n"

static void likely_words(void **state)
{
    (void)state;
    bad("version: 1\npolicies:\n  - name: Staff\n    action: renwe\n    mach: {storage: flie}\n    "
        "ca: embeded\n",
        "p.yaml:3:11: key 'name': 'Staff' is no name: 1 to 40 of a-z, 0-9 and -\n"
        "p.yaml:4:13: key 'action': 'renwe' is none of watch, observe, renew; did you mean "
        "'renew'?\n"
        "p.yaml:5:5: key 'mach': not known here; did you mean 'match'?\n"
        "p.yaml:6:9: key 'ca': no connector is named 'embeded' in tamga.yaml; did you mean "
        "'embedded'?\n");
    bad(HEAD "    match: {storage: flie, role: [employe]}\n    key: {algorithm: ec-p265}\n    "
             "approve: {batch: weekley}\n",
        "p.yaml:6:22: key 'storage': 'flie' is none of file, token; did you mean 'file'?\n"
        "p.yaml:6:35: key 'role': 'employe' is none of individual, ceo, right-to-sign, finance, "
        "hr, employee, information-system; "
        "did you mean 'employee'?\n"
        "p.yaml:7:22: key 'algorithm': 'ec-p265' is none of keep, ec-p256, ec-p384, rsa-3072, "
        "rsa-4096; did you mean 'ec-p256'?\n"
        "p.yaml:8:22: key 'batch': 'weekley' is none of on-demand, daily, weekly, monthly; did you "
        "mean 'weekly'?\n");
}

static void windows(void **state)
{
    (void)state;
    bad(HEAD
        "    renew:\n      window: {days: [mon, tus], hours: \"9:00-18:00\", zone: Asia/Almata}\n",
        "p.yaml:7:22: key 'days': 'tus' are no days: mon tue wed thu fri sat sun, or mon-fri; did "
        "you mean 'tue'?\n"
        "p.yaml:7:41: key 'hours': '9:00-18:00' are no hours; did you mean '09:00-18:00'?\n"
        "p.yaml:7:61: key 'zone': zone Asia/Almata: not in /usr/share/zoneinfo; did you mean "
        "'Asia/Almaty'?\n");
    bad(HEAD "    renew:\n      window: {hours: \"09:00-09:00\"}\n",
        "p.yaml:7:15: key 'zone': it is missing\n"
        "p.yaml:7:23: key 'hours': '09:00-09:00' are no hours: write them like 09:00-18:00; "
        "22:00-06:00 goes over midnight\n");
    static const char *const hours[] = {"24:00-06:00", "09:60-10:00", "09:00-25:00",
                                        "0900-1800",   "aa:bb-cc:dd", ""};
    for (size_t i = 0; i < TG_COUNT(hours); i++) {
        char text[300];
        snprintf(text, sizeof(text), HEAD "    renew:\n      window: {hours: \"%s\", zone: UTC}\n",
                 hours[i]);
        struct policy_set *set = NULL;
        assert_int_equal(parse(text, &set, NULL), TG_E_INPUT);
    }
}

static void times_that_contradict(void **state)
{
    (void)state;
    bad(HEAD "    renew: {before: 30d, spread: 30d}\n    validity: 7d\n    approve: {deputy-after: "
             "40d, recall: 8d}\n",
        "p.yaml:6:21: key 'before': 30d is not shorter than the validity 7d: a new certificate "
        "would be due at once\n"
        "p.yaml:6:34: key 'spread': it is not shorter than 'before' (30d): some would be drafted "
        "after they expired\n"
        "p.yaml:8:29: key 'deputy-after': it is not shorter than 'before' (30d): the deputy would "
        "come after the expiry\n"
        "p.yaml:8:42: key 'recall': '8d' is more than 7d\n");
    bad(HEAD "    validity: 1131d\n", "p.yaml:6:15: key 'validity': '1131d' is more than 1130d\n");
}

static void install_and_notices(void **state)
{
    (void)state;
    bad(HEAD "    install: {wave: [25%, 5%], retire: archive, stop-at-failures: 2}\n    notify:\n  "
             "    - {chanel: email, to: boss, at: [soon]}\n",
        "p.yaml:6:21: key 'wave': 5% does not exceed the step before it\n"
        "p.yaml:6:21: key 'wave': the last step is not 100%: some keystores would never be "
        "renewed\n"
        "p.yaml:6:40: key 'retire': 'archive' is none of keep, archive-after-7d (any duration)\n"
        "p.yaml:6:67: key 'stop-at-failures': '2' is no percentage from 0% to 100%\n"
        "p.yaml:8:9: key 'channel': it is missing\n"
        "p.yaml:8:10: key 'chanel': not known here; did you mean 'channel'?\n"
        "p.yaml:8:29: key 'to': 'boss' is none of holder, manager, administrators, approver\n"
        "p.yaml:8:40: key 'at': 'soon' is no duration: a number and y, d, h or m (minutes), up to "
        "100y\n");
}

static void national_keys_need_their_holder(void **state)
{
    (void)state;
    bad("version: 1\npolicies:\n  - name: a\n    action: observe\n    match: {issuer: "
        "\"*CN=ҰЛТТЫҚ*\"}\n    confirm: none\n",
        "p.yaml:6:14: key 'confirm': a national key is never renewed without its holder; did you "
        "mean 'holder'?\n");
    bad(HEAD "    match: {issuer: \"*C=KZ*\"}\n",
        "p.yaml:4:13: key 'action': it takes certificates of the national CA, which has no renewal "
        "interface; did you mean 'observe'?\n");
    /* Behind a policy that takes them all, the same rule is fine. */
    policy_free(good("version: 1\npolicies:\n  - {name: n, action: observe, match: {issuer: "
                     "[\"*CN=ҰЛТТЫҚ*\", \"*CN=ҰКО*\"]}}\n"
                     "  - {name: a, action: renew, ca: embedded, confirm: none, match: {issuer: "
                     "\"*C=KZ*\"}}\n",
                     ""));
    /* But not if the earlier one takes only some of them. */
    struct policy_set *set = NULL;
    const char *some = "version: 1\npolicies:\n  - {name: n, action: observe, match: {storage: "
                       "file, issuer: [\"*CN=ҰЛТТЫҚ*\", \"*CN=ҰКО*\"]}}\n"
                       "  - {name: a, action: renew, ca: embedded, match: {issuer: \"*C=KZ*\"}}\n";
    assert_int_equal(parse(some, &set, NULL), TG_E_INPUT);
    policy_free(good(HEAD "    confirm: none\n",
                     "p.yaml:6:14: warning: key 'confirm': certificates of the "
                     "national CA wait for their holder all the same\n"));
}

static void neighbours(void **state)
{
    (void)state;
    bad("version: 1\npolicies:\n  - {name: a, action: watch, match: {role: ceo}}\n  - {name: a, "
        "action: watch, match: {role: hr}}\n",
        "p.yaml:4:12: key 'name': 'a' is the name of another policy (p.yaml:3)\n");
    policy_free(good("version: 1\npolicies:\n  - {name: all, action: watch}\n  - {name: b, action: "
                     "watch, match: {role: hr}}\n",
                     "p.yaml:4:12: warning: key 'name': policy 'b' is never reached: 'all' "
                     "(p.yaml:3) takes all that it matches\n"));
    policy_free(good("version: 1\npolicies:\n  - {name: a, action: watch, match: {issuer: "
                     "\"CN=A*\", role: [hr, ceo]}}\n"
                     "  - {name: b, action: watch, match: {issuer: \"CN=Alatau*\", role: hr, "
                     "storage: file}}\n"
                     "  - {name: c, action: watch, match: {issuer: \"CN=*\", role: hr}}\n",
                     "p.yaml:4:12: warning: key 'name': policy 'b' is never reached: 'a' "
                     "(p.yaml:3) takes all that it matches\n"));
}

static void keys_without_effect(void **state)
{
    (void)state;
    policy_free(
        good("version: 1\npolicies:\n  - {name: a, action: watch, ca: embedded, match: "
             "{role: hr}}\n"
             "  - {name: b, action: observe, key: {algorithm: ec-p256}, validity: 1y}\n",
             "p.yaml:3:34: warning: key 'ca': it has no effect with action watch\n"
             "p.yaml:4:49: warning: key 'algorithm': it has no effect with action observe\n"));
}

static void renew_needs_a_connector(void **state)
{
    (void)state;
    bad("version: 1\npolicies:\n  - name: a\n    action: renew\n",
        "p.yaml:4:13: key 'action': renew needs 'ca', the name of a connector in tamga.yaml\n");
    bad("version: 2\npolicies: []\n",
        "p.yaml:1:10: key 'version': '2' is more than 1\n"
        "p.yaml:2:11: key 'policies': the list is empty: leave the key out or name something\n");
}

static void canonical_json_and_hash(void **state)
{
    (void)state;
    struct policy_set *one = good(HEAD, "");
    const struct policy *p = policy_at(one, 0);
    assert_string_equal(p->json,
                        "{\"action\":\"renew\",\"approve\":{\"batch\":\"on-demand\",\"by\":\"ceo\","
                        "\"deputy-after\":0,\"recall\":600},\"ca\":\"embedded\","
                        "\"confirm\":\"holder\",\"install\":{\"keep-decryption-keys\":true,"
                        "\"retire\":604800,\"stop-at-failures\":2,\"wave\":[100]},"
                        "\"key\":{\"algorithm\":\"keep\"},\"match\":{\"department\":[],\"issuer\":["
                        "],\"role\":[],\"storage\":[]},\"name\":\"a\","
                        "\"notify\":[],\"renew\":{\"before\":2592000,\"spread\":0,\"window\":null},"
                        "\"validity\":31536000}");
    char hash[TG_HEX256];
    tg_sha256_hex(p->json, strlen(p->json), hash);
    assert_string_equal(p->hash, hash);
    /* Another spelling of the same rule. */
    struct policy_set *same =
        good("# note\npolicies:\n  - {ca: embedded, validity: 365d, renew: {before: 720h}, match: "
             "{}, action: renew, name: a}\nversion: 1\n",
             "");
    assert_string_equal(policy_at(same, 0)->hash, p->hash);
    assert_string_equal(policy_set_hash(same), policy_set_hash(one));
    /* Any change of meaning is another rule. */
    static const char *const changes[] = {"confirm: none",
                                          "validity: 364d",
                                          "key: {algorithm: ec-p256}",
                                          "renew: {spread: 1h}",
                                          "renew: {before: 29d}",
                                          "renew: {window: {zone: UTC}}",
                                          "approve: {recall: 0}",
                                          "approve: {by: deputy}",
                                          "approve: {batch: daily}",
                                          "approve: {deputy-after: 1d}",
                                          "install: {wave: [5%, 100%]}",
                                          "install: {stop-at-failures: 3%}",
                                          "install: {retire: keep}",
                                          "install: {keep-decryption-keys: no}",
                                          "match: {storage: file}",
                                          "match: {role: hr}",
                                          "match: {issuer: \"CN=A\"}",
                                          "match: {department: Sales}",
                                          "notify: [{channel: email, to: holder, at: 1d}]"};
    for (size_t i = 0; i < TG_COUNT(changes); i++) {
        char text[300];
        snprintf(text, sizeof(text), HEAD "    %s\n", changes[i]);
        struct policy_set *other = NULL;
        assert_int_equal(parse(text, &other, NULL), 0);
        assert_string_not_equal(policy_at(other, 0)->hash, p->hash);
        assert_string_not_equal(policy_set_hash(other), policy_set_hash(one));
        policy_free(other);
    }
    policy_free(one);
    policy_free(same);
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char *path = tg_printf("%s/%s", folder, name);
    struct tg_err err = {0};
    assert_int_equal(tg_file_replace(path, text, strlen(text), 0600, &err), 0);
    free(path);
}

static void drop_file(const char *folder, const char *name)
{
    char *path = tg_printf("%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void folders_are_read_in_order_of_names(void **state)
{
    (void)state;
    char folder[] = "/tmp/tamga-policy-XXXXXX";
    assert_non_null(mkdtemp(folder));
    put_file(folder, "20-b.yaml", "version: 1\npolicies:\n  - {name: second, action: watch}\n");
    put_file(folder, "10-a.yml",
             "version: 1\npolicies:\n  - {name: first, action: watch, match: {role: hr}}\n");
    put_file(folder, "05.yaml~", "not read");
    put_file(folder, ".05.yaml", "not read");
    const char *const paths[] = {folder};
    struct policy_source source = {paths, 1, NULL, 0};
    struct policy_set *set = NULL;
    struct tg_err err = {0};
    if (policy_load(&source, &set, NULL, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(policy_count(set), 2);
    assert_string_equal(policy_at(set, 0)->name, "first");
    assert_int_equal(policy_index(set, "second"), 1);
    assert_int_equal(policy_index(set, "third"), -1);
    policy_free(set);

    put_file(folder, "30-c.yaml", "version: 1\npolicies:\n  - {name: first, action: watsh}\n");
    struct tg_buf out = TG_BUF(10000);
    assert_int_equal(policy_check_paths(paths, 1, NULL, 0, &out, &err), TG_E_INPUT);
    const char *text = tg_buf_text(&out);
    assert_non_null(
        strstr(text, "/30-c.yaml:3:12: key 'name': 'first' is the name of another policy ("));
    assert_non_null(strstr(text, "/30-c.yaml:3:27: key 'action': 'watsh' is none of watch, "
                                 "observe, renew; did you mean 'watch'?"));
    assert_non_null(strstr(text, "3 policies in 3 files: 2 errors, 0 warnings\n"));
    tg_buf_done(&out);
    drop_file(folder, "20-b.yaml"), drop_file(folder, "10-a.yml"), drop_file(folder, "05.yaml~");
    drop_file(folder, ".05.yaml"), drop_file(folder, "30-c.yaml");
    assert_int_equal(policy_load(&source, &set, NULL, &err), TG_E_INPUT);
    assert_non_null(strstr(err.text, "no *.yaml in this folder"));
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(policy_load(&source, &set, NULL, &err), TG_E_INPUT);
    assert_non_null(strstr(err.text, "no such file or folder"));
}

static void shipped_policies_are_clean(void **state)
{
    (void)state;
    static const char *const files[] = {SOURCE_ROOT "/policies/default.yaml",
                                        SOURCE_ROOT "/policies/national.yaml",
                                        SOURCE_ROOT "/policies/corporate.yaml"};
    for (size_t i = 0; i < TG_COUNT(files); i++) {
        struct tg_buf out = TG_BUF(10000);
        struct tg_err err = {0};
        int rc = policy_check_paths(&files[i], 1, connectors, TG_COUNT(connectors), &out, &err);
        if (rc < 0 || !strstr(tg_buf_text(&out), "0 errors, 0 warnings"))
            fail_msg("%s", tg_buf_text(&out));
        tg_buf_done(&out);
    }
}

/* The example of the design page, whole. */
static void every_key_is_known(void **state)
{
    (void)state;
    struct policy_set *set =
        good("version: 1\npolicies:\n  - name: employee-file-keys            # first match wins, "
             "in order\n    action: renew\n"
             "    match:\n      storage: file\n      issuer: [\"CN=Alatau Issuing CA*\"]\n      "
             "department: [Finance, Sales]\n"
             "      role: [employee, right-to-sign]\n    renew:\n      before: 30d\n      spread: "
             "5d\n"
             "      window: { days: mon-fri, hours: \"09:00-18:00\", zone: Asia/Almaty }\n    key: "
             "{ algorithm: ec-p256 }\n    validity: 1y\n"
             "    confirm: holder\n    approve: { by: ceo, batch: weekly, deputy-after: 5d, "
             "recall: 10m }\n    ca: corporate\n"
             "    install: { wave: [5%, 25%, 100%], stop-at-failures: 2%, retire: "
             "archive-after-7d, keep-decryption-keys: yes }\n"
             "    notify:\n      - { channel: email, to: holder, at: [30d, 14d, 7d] }\n      - { "
             "channel: sms,   to: holder, at: [10d] }\n"
             "      - { channel: email, to: administrators, at: [3d, 1d] }\n",
             "");
    const struct policy *p = policy_at(set, 0);
    assert_string_equal(p->json,
                        "{\"action\":\"renew\",\"approve\":{\"batch\":\"weekly\",\"by\":\"ceo\","
                        "\"deputy-after\":432000,\"recall\":600},"
                        "\"ca\":\"corporate\",\"confirm\":\"holder\",\"install\":{\"keep-"
                        "decryption-keys\":true,\"retire\":604800,"
                        "\"stop-at-failures\":2,\"wave\":[5,25,100]},\"key\":{\"algorithm\":\"ec-"
                        "p256\"},\"match\":{\"department\":[\"Finance\","
                        "\"Sales\"],\"issuer\":[\"CN=Alatau Issuing "
                        "CA*\"],\"role\":[\"right-to-sign\",\"employee\"],\"storage\":[\"file\"]},"
                        "\"name\":\"employee-file-keys\",\"notify\":[{\"at\":[2592000,1209600,"
                        "604800],\"channel\":\"email\",\"to\":\"holder\"},"
                        "{\"at\":[864000],\"channel\":\"sms\",\"to\":\"holder\"},{\"at\":[259200,"
                        "86400],\"channel\":\"email\",\"to\":"
                        "\"administrators\"}],\"renew\":{\"before\":2592000,\"spread\":432000,"
                        "\"window\":{\"days\":31,\"from\":540,\"until\":1080,"
                        "\"zone\":\"Asia/Almaty\"}},\"validity\":31536000}");
    policy_free(set);
}

/* Every word of the tables stands in the reference. */
static void reference_names_every_word(void **state)
{
    (void)state;
    struct tg_buf page = TG_BUF(100000);
    struct tg_err err = {0};
    assert_int_equal(tg_file_read(SOURCE_ROOT "/policies/README.md", &page, &err), 0);
#define POLICY_X(name, value, word) word,
    static const char *const words[] = {
        POLICY_ACTION_TABLE(POLICY_X) POLICY_STORAGE_TABLE(POLICY_X) POLICY_ROLE_TABLE(POLICY_X)
            POLICY_KEY_TABLE(POLICY_X) POLICY_CONFIRM_TABLE(POLICY_X) POLICY_BY_TABLE(POLICY_X)
                POLICY_BATCH_TABLE(POLICY_X) POLICY_CHANNEL_TABLE(POLICY_X)
                    POLICY_TO_TABLE(POLICY_X)};
#undef POLICY_X
    for (size_t i = 0; i < TG_COUNT(words); i++)
        if (!strstr(tg_buf_text(&page), words[i]))
            fail_msg("policies/README.md does not name %s", words[i]);
    tg_buf_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likely_words),
        cmocka_unit_test(every_key_is_known),
        cmocka_unit_test(windows),
        cmocka_unit_test(times_that_contradict),
        cmocka_unit_test(install_and_notices),
        cmocka_unit_test(national_keys_need_their_holder),
        cmocka_unit_test(neighbours),
        cmocka_unit_test(keys_without_effect),
        cmocka_unit_test(renew_needs_a_connector),
        cmocka_unit_test(canonical_json_and_hash),
        cmocka_unit_test(folders_are_read_in_order_of_names),
        cmocka_unit_test(shipped_policies_are_clean),
        cmocka_unit_test(reference_names_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
