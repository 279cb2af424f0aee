#include "seal/exceptions.h"

#include "base/bytes.h"
#include "base/err.h"
#include "seal/leaf.h"

struct flag_row {
    const char *code;
    enum tg_flag_class class_;
    enum tg_flag_source source;
    const char *words;
};

static const struct flag_row table[TG_FLAG_COUNT] = {
#define TG_X(name, code, class, source, words) {code, TG_FLAG_##class, TG_FLAG_OF_##source, words},
    TG_FLAG_TABLE(TG_X)
#undef TG_X
};

static const struct flag_row *row(enum tg_flag flag)
{
    TG_CHECK((unsigned)flag < TG_FLAG_COUNT);
    return &table[flag];
}

const char *tg_flag_code(enum tg_flag flag)
{
    return row(flag)->code;
}

const char *tg_flag_words(enum tg_flag flag)
{
    return row(flag)->words;
}

enum tg_flag_class tg_flag_class(enum tg_flag flag)
{
    return row(flag)->class_;
}

enum tg_flag_source tg_flag_source(enum tg_flag flag)
{
    return row(flag)->source;
}

const char *tg_flag_class_word(enum tg_flag_class class_)
{
    static const char *const words[] =
        {[TG_FLAG_NOTE] = "note", [TG_FLAG_WARN] = "warn", [TG_FLAG_STOP] = "stop"};
    return words[class_];
}

bool tg_flag_from_code(const char *code, size_t len, enum tg_flag *ret)
{
    for (unsigned i = 0; i < TG_FLAG_COUNT; i++) {
        if (strlen(table[i].code) == len && memcmp(table[i].code, code, len) == 0) {
            *ret = (enum tg_flag)i;
            return true;
        }
    }
    return false;
}

tg_flags tg_flags_of_class(tg_flags flags, enum tg_flag_class class_)
{
    tg_flags found = 0;
    for (unsigned i = 0; i < TG_FLAG_COUNT; i++) {
        if ((flags & TG_FLAG_BIT(i)) && table[i].class_ == class_) found |= TG_FLAG_BIT(i);
    }
    return found;
}

tg_flags tg_flags_of_leaf(const struct tg_leaf *leaf)
{
    tg_flags flags = 0;
    for (size_t i = 0; i < leaf->changes_count; i++) {
        bool is_days = strcmp(leaf->changes[i].field, "days") == 0;
        flags |= TG_FLAG_BIT(is_days ? TG_FLAG_LONGER_VALIDITY : TG_FLAG_SUBJECT_CHANGED);
    }
    if (leaf->kind == TG_KIND_UNPROVEN) flags |= TG_FLAG_BIT(TG_FLAG_UNPROVEN);
    return flags;
}

tg_flags tg_flags_of_old(const struct tg_leaf *leaf, const struct tg_cert *old)
{
    const struct tg_cert_facts *facts = tg_cert_facts(old);
    char spki[TG_HEX256];
    tg_hex(facts->spki_sha256, TG_SHA256, spki);
    tg_flags flags = 0;
    if (strcmp(spki, leaf->key) == 0) flags |= TG_FLAG_BIT(TG_FLAG_KEY_REUSED);
    if (facts->weak) flags |= TG_FLAG_BIT(TG_FLAG_WEAK_OLD_KEY);
    return flags;
}
