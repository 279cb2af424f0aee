/* policy_in: what the files of the policy room share. */
#pragma once

#include "config/yaml.h"
#include "policy/policy.h"

struct policy_set {
    struct tg_yaml *yaml; /* its arena holds every text and list of the policies */
    struct policy *items;
    size_t count;
    struct tg_zone *zones[POLICY_MAX]; /* loaded once a name */
    size_t zone_count, file_count;
    char hash[TG_HEX256];
};

/* The YAML as it stands, before it is judged; the addresses of its members know their lines. */
struct raw_match {
    uint32_t storage, role;
    struct tg_yaml_texts issuer, department;
};
struct raw_window {
    struct tg_yaml_texts days;
    const char *hours, *zone;
};
struct raw_renew {
    int64_t before, spread;
    struct raw_window window;
};
struct raw_key {
    int algorithm;
};
struct raw_approve {
    int by, batch;
    int64_t deputy_after, recall;
};
struct raw_install {
    struct tg_yaml_ints wave;
    int64_t stop_at_failures;
    const char *retire;
    bool keep_decryption_keys;
};
struct raw_notice {
    int channel, to;
    struct tg_yaml_ints at;
};
struct raw_policy {
    const char *name;
    int action;
    struct raw_match match;
    struct raw_renew renew;
    struct raw_key key;
    int64_t validity;
    int confirm;
    struct raw_approve approve;
    const char *ca;
    struct raw_install install;
    struct tg_yaml_list notify;
};
struct raw_file {
    int64_t version;
    struct tg_yaml_list policies;
};
extern const struct tg_yaml_map policy_file_map;

/* raw -> policy, with complaints about what no table can say. */
void policy_build(struct policy_set *set, const struct raw_policy *raw, struct policy *ret);
/* Rules about one policy and its neighbours before it (set->items[0..index)). */
struct policy_names {
    const char *const *items;
    size_t count;
    bool known; /* false: not checked */
};
void policy_check_one(struct policy_set *set, const struct raw_policy *raw, size_t index,
                      const struct policy_names *connectors);
/* json and hash of a policy, hash of the set. */
void policy_canonical(struct policy_set *set, struct policy *policy);
void policy_hash_set(struct policy_set *set);

bool policy_takes(const struct policy *policy, const struct policy_facts *facts);
/* Every certificate that b's match takes, a's takes too (a sufficient test, not a necessary one).
 */
bool policy_covers(const struct policy_match *a, const struct policy_match *b);
bool policy_list_takes(const struct policy_list *globs, const char *text);
/* The next concrete name of a national issuer, NULL at the end. */
const char *policy_national_name(size_t index);
