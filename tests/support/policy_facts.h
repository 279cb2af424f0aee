/* policy_facts: random but repeatable facts about certificates, and the dictionary that their names
 * come from: for tests that hold policy_match() against the CASE of policy_case_sql(). */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "policy/policy.h"

static const struct policy_word_id facts_issuers[] = {
    {3, "CN=Alatau Issuing CA 1,O=Alatau,C=KZ"},
    {4, "CN=Alatau Issuing CA 2,O=Alatau,C=KZ"},
    {7, "CN=Other CA,O=Elsewhere,C=DE"},
    {9, "C=KZ,CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST) 2022"},
    {11, "CN=O'Brien \"Quoted\" CA; DROP TABLE certificate--,C=IE"},
};
static const struct policy_word_id facts_departments[] = {
    {1, "Finance"}, {2, "Finance/Payroll"}, {5, "Sales"}, {6, "Бухгалтерия"}, {8, "IT'); --"},
};

struct facts_row {
    struct policy_facts facts;
    int32_t issuer_id, department_id; /* 0 stands for SQL's NULL */
    int32_t jitter;
};

/* splitmix64 */
static inline uint64_t facts_next(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t facts_below(uint64_t *seed, uint32_t bound)
{
    return (uint32_t)(facts_next(seed) % bound);
}

/* Expiry lies within about 400 days around `around`. */
static inline void facts_random(uint64_t *seed, int64_t around, struct facts_row *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct policy_facts *f = &ret->facts;
    for (size_t i = 0; i < sizeof(f->sha256); i += 8) {
        uint64_t word = facts_next(seed);
        memcpy(f->sha256 + i, &word, 8);
    }
    ret->jitter = policy_jitter(f->sha256);
    uint32_t issuer = facts_below(seed, TG_COUNT(facts_issuers) + 1);
    uint32_t department = facts_below(seed, TG_COUNT(facts_departments) + 1);
    f->issuer = issuer ? facts_issuers[issuer - 1].name : "";
    ret->issuer_id = issuer ? facts_issuers[issuer - 1].id : 0;
    f->department = department ? facts_departments[department - 1].name : "";
    ret->department_id = department ? facts_departments[department - 1].id : 0;
    f->storage = (enum policy_storage)(1 + facts_below(seed, 2));
    f->role = (enum policy_role)facts_below(seed, 8);
    f->not_after = around + (int64_t)facts_below(seed, 400 * 86400) - 200 * 86400;
    f->not_before = f->not_after - (int64_t)facts_below(seed, 1095 * 86400) - 1;
    f->verifiable = facts_below(seed, 8) != 0;
    f->superseded = facts_below(seed, 8) == 0;
    f->key_known = facts_below(seed, 8) != 0;
    f->holder = (enum policy_holder)facts_below(seed, 4);
    f->open_application = facts_below(seed, 8) ? "" : "26-004217-4";
    f->ended_application = f->ended_hash = "";
}
