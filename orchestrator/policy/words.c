#include <string.h>

#include "base/mem.h"
#include "policy/policy.h"

struct word {
    int value;
    const char *word;
};

static const char *word_of(const struct word *table, size_t count, int value)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].value == value) return table[i].word;
    return "";
}

static int value_of(const struct word *table, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].word, word) == 0) return table[i].value;
    return -1;
}

#define POLICY_X(name, value, word) {value, word},
#define WORDS(noun, TABLE)                                                                         \
    static const struct word noun##_words[] = {TABLE(POLICY_X)};                                   \
    const char *policy_##noun##_word(enum policy_##noun noun)                                      \
    {                                                                                              \
        return word_of(noun##_words, TG_COUNT(noun##_words), (int)noun);                           \
    }

WORDS(action, POLICY_ACTION_TABLE)
WORDS(storage, POLICY_STORAGE_TABLE)
WORDS(role, POLICY_ROLE_TABLE)
WORDS(key, POLICY_KEY_TABLE)
WORDS(confirm, POLICY_CONFIRM_TABLE)
WORDS(by, POLICY_BY_TABLE)
WORDS(batch, POLICY_BATCH_TABLE)
WORDS(channel, POLICY_CHANNEL_TABLE)
WORDS(to, POLICY_TO_TABLE)
#undef POLICY_X

int policy_role_from_word(const char *word)
{
    return value_of(role_words, TG_COUNT(role_words), word);
}

int policy_storage_from_word(const char *word)
{
    return value_of(storage_words, TG_COUNT(storage_words), word);
}

#define POLICY_X(name, word, text) {word, text},
static const struct {
    const char *word, *text;
} whys[] = {POLICY_WHY_TABLE(POLICY_X)};
#undef POLICY_X

const char *policy_why_word(enum policy_why why)
{
    return (size_t)why < TG_COUNT(whys) ? whys[why].word : "";
}

const char *policy_why_text(enum policy_why why)
{
    return (size_t)why < TG_COUNT(whys) ? whys[why].text : "";
}
