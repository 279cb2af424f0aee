#include <stddef.h>
#include <string.h>

#include "policy_in.h"

/* The table of keys: one line a key. policies/README.md is the same table for people. */

#define DAYS(n)                     ((int64_t)(n)*86400)
#define AT(type, member)            .offset = offsetof(struct type, member)
#define POLICY_X(name, value, word) {word, value},
static const struct tg_yaml_word actions[] = {POLICY_ACTION_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word storages[] = {POLICY_STORAGE_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word roles[] = {POLICY_ROLE_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word keys[] = {POLICY_KEY_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word confirms[] = {POLICY_CONFIRM_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word bys[] = {POLICY_BY_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word batches[] = {POLICY_BATCH_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word channels[] = {POLICY_CHANNEL_TABLE(POLICY_X){NULL, 0}};
static const struct tg_yaml_word tos[] = {POLICY_TO_TABLE(POLICY_X){NULL, 0}};
#undef POLICY_X

static const char *wrong_name(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len >= POLICY_NAME ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
        return "is no name: 1 to 40 of a-z, 0-9 and -";
    return NULL;
}

static const struct tg_yaml_key match_keys[] = {
    {"storage", TG_YAML_ENUMS, AT(raw_match, storage), .words = storages},
    {"issuer", TG_YAML_TEXTS, AT(raw_match, issuer), .min = 1, .max = 1024},
    {"department", TG_YAML_TEXTS, AT(raw_match, department), .min = 1, .max = 64},
    {"role", TG_YAML_ENUMS, AT(raw_match, role), .words = roles},
    TG_YAML_END,
};
static const struct tg_yaml_map match_map = {sizeof(struct raw_match), match_keys};

static const struct tg_yaml_key window_keys[] = {
    {"days", TG_YAML_TEXTS, AT(raw_window, days), .max = 16, .items = 7},
    {"hours", TG_YAML_TEXT, AT(raw_window, hours), .max = 16, .otherwise = "00:00-24:00"},
    {"zone", TG_YAML_TEXT, AT(raw_window, zone), .required = true, .min = 1, .max = 63},
    TG_YAML_END,
};
static const struct tg_yaml_map window_map = {sizeof(struct raw_window), window_keys};

static const struct tg_yaml_key renew_keys[] = {
    {"before", TG_YAML_DURATION, AT(raw_renew, before), .min = 60, .max = DAYS(1130),
     .otherwise = "30d"},
    {"spread", TG_YAML_DURATION, AT(raw_renew, spread), .max = DAYS(1130), .otherwise = "0"},
    {"window", TG_YAML_MAP, AT(raw_renew, window), .map = &window_map},
    TG_YAML_END,
};
static const struct tg_yaml_map renew_map = {sizeof(struct raw_renew), renew_keys};

static const struct tg_yaml_key key_keys[] = {
    {"algorithm", TG_YAML_ENUM, AT(raw_key, algorithm), .words = keys, .otherwise = "keep"},
    TG_YAML_END,
};
static const struct tg_yaml_map key_map = {sizeof(struct raw_key), key_keys};

/* TRUST F3: a statement may be installed for 90 days after it was taken; a recall of a week leaves
 * room. */
static const struct tg_yaml_key approve_keys[] = {
    {"by", TG_YAML_ENUM, AT(raw_approve, by), .words = bys, .otherwise = "ceo"},
    {"batch", TG_YAML_ENUM, AT(raw_approve, batch), .words = batches, .otherwise = "on-demand"},
    {"deputy-after", TG_YAML_DURATION, AT(raw_approve, deputy_after), .max = DAYS(90),
     .otherwise = "0"},
    {"recall", TG_YAML_DURATION, AT(raw_approve, recall), .max = DAYS(7), .otherwise = "10m"},
    TG_YAML_END,
};
static const struct tg_yaml_map approve_map = {sizeof(struct raw_approve), approve_keys};

static const struct tg_yaml_key install_keys[] = {
    {"wave", TG_YAML_PERCENTS, AT(raw_install, wave), .items = 16},
    {"stop-at-failures", TG_YAML_PERCENT, AT(raw_install, stop_at_failures), .otherwise = "2%"},
    {"retire", TG_YAML_TEXT, AT(raw_install, retire), .max = 32, .otherwise = "archive-after-7d"},
    {"keep-decryption-keys", TG_YAML_BOOL, AT(raw_install, keep_decryption_keys),
     .otherwise = "yes"},
    TG_YAML_END,
};
static const struct tg_yaml_map install_map = {sizeof(struct raw_install), install_keys};

static const struct tg_yaml_key notice_keys[] = {
    {"channel", TG_YAML_ENUM, AT(raw_notice, channel), .required = true, .words = channels},
    {"to", TG_YAML_ENUM, AT(raw_notice, to), .required = true, .words = tos},
    {"at", TG_YAML_DURATIONS, AT(raw_notice, at), .required = true, .min = 60, .max = DAYS(1130),
     .items = 16},
    TG_YAML_END,
};
static const struct tg_yaml_map notice_map = {sizeof(struct raw_notice), notice_keys};

/* TRUST F1: a leaf's days are 1..1130. */
static const struct tg_yaml_key policy_keys[] = {
    {"name", TG_YAML_TEXT, AT(raw_policy, name), .required = true, .wrong = wrong_name},
    {"action", TG_YAML_ENUM, AT(raw_policy, action), .required = true, .words = actions},
    {"match", TG_YAML_MAP, AT(raw_policy, match), .map = &match_map},
    {"renew", TG_YAML_MAP, AT(raw_policy, renew), .map = &renew_map},
    {"key", TG_YAML_MAP, AT(raw_policy, key), .map = &key_map},
    {"validity", TG_YAML_DURATION, AT(raw_policy, validity), .min = 60, .max = DAYS(1130),
     .otherwise = "1y"},
    {"confirm", TG_YAML_ENUM, AT(raw_policy, confirm), .words = confirms, .otherwise = "holder"},
    {"approve", TG_YAML_MAP, AT(raw_policy, approve), .map = &approve_map},
    {"ca", TG_YAML_TEXT, AT(raw_policy, ca), .min = 1, .max = 40},
    {"install", TG_YAML_MAP, AT(raw_policy, install), .map = &install_map},
    {"notify", TG_YAML_MAPS, AT(raw_policy, notify), .map = &notice_map, .items = 16},
    TG_YAML_END,
};
static const struct tg_yaml_map policy_map = {sizeof(struct raw_policy), policy_keys};

static const struct tg_yaml_key file_keys[] = {
    {"version", TG_YAML_INT, AT(raw_file, version), .required = true, .min = 1, .max = 1},
    {"policies", TG_YAML_MAPS, AT(raw_file, policies), .required = true, .map = &policy_map,
     .items = POLICY_MAX},
    TG_YAML_END,
};
const struct tg_yaml_map policy_file_map = {sizeof(struct raw_file), file_keys};
