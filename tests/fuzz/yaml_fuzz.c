/* fuzz: any bytes as a policy file; what is accepted must decide, compile and hash without
 * complaint. */
// uses: base json config policy
#include "base/limits.h"
#include "base/mem.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct policy_set *set)
{
    static const struct policy_word_id words[] = {{1, "CN=A"}, {2, "Sales"}};
    struct policy_dictionary dictionary = {words, 1, words + 1, 1};
    struct policy_facts facts = {.issuer = "CN=A",
                                 .department = "Sales",
                                 .not_after = 1800000000,
                                 .open_application = "",
                                 .ended_application = "",
                                 .ended_hash = ""};
    TG_AUTO(buf) struct tg_buf out = TG_BUF(4 * TG_MAX_YAML);
    struct tg_err err = {0};
    policy_explain(set, &facts, 1799000000, &out);
    TG_CHECK(policy_case_sql(set, &dictionary, &out, &err) == 0);
    TG_CHECK(policy_values_sql(set, &out, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const connectors[] = {"embedded", "corporate"};
    TG_AUTO(policy_set) struct policy_set *set = NULL;
    TG_AUTO(buf) struct tg_buf complaints = TG_BUF(TG_MAX_YAML);
    struct tg_err err = {0};
    int rc = policy_parse("fuzz.yaml", data, size, connectors, TG_COUNT(connectors), &set,
                          &complaints, &err);
    TG_CHECK(rc == 0 || (rc == TG_E_INPUT && complaints.len > 0 && !set));
    if (rc == 0) use(set);
    return 0;
}
