/* role: the national words for what a certificate's holder may do, and identity numbers (DOMAIN
 * §1). */
#include "parts.h"

#include "base/str.h"

static const char *const role_words[] = {
    [TG_ROLE_NONE] = "",
    [TG_ROLE_INDIVIDUAL] = "individual",
    [TG_ROLE_CEO] = "ceo",
    [TG_ROLE_RIGHT_TO_SIGN] = "right-to-sign",
    [TG_ROLE_FINANCE] = "finance",
    [TG_ROLE_HR] = "hr",
    [TG_ROLE_EMPLOYEE] = "employee",
    [TG_ROLE_INFORMATION_SYSTEM] = "information-system",
};

const char *tg_role_word(enum tg_role role)
{
    return (size_t)role < TG_COUNT(role_words) ? role_words[role] : "";
}

bool tg_role_from_word(const char *word, enum tg_role *ret)
{
    for (size_t i = 1; i < TG_COUNT(role_words); i++) {
        if (strcmp(role_words[i], word) != 0) continue;
        *ret = (enum tg_role)i;
        return true;
    }
    return false;
}

const char *tg_storage_word(enum tg_storage storage)
{
    return storage == TG_STORAGE_FILE ? "file" : storage == TG_STORAGE_TOKEN ? "token" : "";
}

/* 1.2.398.3.3.4.1 and what follows it. */
static const uint8_t role_arc[] = {0x2a, 0x83, 0x0e, 0x03, 0x03, 0x04, 0x01};
static const struct {
    uint8_t tail[2];
    size_t len;
    enum tg_role role;
} roles[] = {
    {{1}, 1, TG_ROLE_INDIVIDUAL},
    {{1, 1}, 2, TG_ROLE_INFORMATION_SYSTEM},
    {{2}, 1, TG_ROLE_NONE},
    {{2, 1}, 2, TG_ROLE_CEO},
    {{2, 2}, 2, TG_ROLE_RIGHT_TO_SIGN},
    {{2, 3}, 2, TG_ROLE_FINANCE},
    {{2, 4}, 2, TG_ROLE_HR},
    {{2, 5}, 2, TG_ROLE_EMPLOYEE},
    {{2, 6}, 2, TG_ROLE_INFORMATION_SYSTEM},
};

enum tg_role tg_role_of(struct tg_der oids)
{
    struct tg_der_item oid;
    size_t deepest = 0;
    enum tg_role role = TG_ROLE_NONE;
    while (tg_der_take(&oids, TG_DER_OID, &oid)) {
        if (oid.len <= sizeof role_arc || memcmp(oid.content, role_arc, sizeof role_arc) != 0)
            continue;
        for (size_t i = 0; i < TG_COUNT(roles); i++) {
            size_t tail = oid.len - sizeof role_arc;
            if (tail != roles[i].len ||
                memcmp(oid.content + sizeof role_arc, roles[i].tail, tail) != 0)
                continue;
            if (tail > deepest) deepest = tail, role = roles[i].role;
        }
    }
    return role;
}

/* SEQUENCE { OID ... }; .1.1 is a PKCS#12 file, other types of the arc 1.2.398.3.3.5.1 are key
 * carriers. */
enum tg_storage tg_storage_of(const struct tg_ext *ext)
{
    static const uint8_t arc[] = {0x2a, 0x83, 0x0e, 0x03, 0x03, 0x05, 0x01};
    struct tg_der_item whole, oid;
    if (!tg_der_whole(ext->value.content, ext->value.len, TG_DER_SEQUENCE, &whole))
        return TG_STORAGE_NONE;
    struct tg_der inside = tg_der_inside(&whole);
    if (!tg_der_take(&inside, TG_DER_OID, &oid)) return TG_STORAGE_NONE;
    if (oid.len != sizeof arc + 1 || memcmp(oid.content, arc, sizeof arc) != 0)
        return TG_STORAGE_NONE;
    return oid.content[sizeof arc] == 1 ? TG_STORAGE_FILE : TG_STORAGE_TOKEN;
}

static int weighted(const char *digits, const int *weights)
{
    int sum = 0;
    for (int i = 0; i < 11; i++)
        sum += (digits[i] - '0') * weights[i];
    return sum % 11;
}

bool tg_iin_ok(const char *digits)
{
    static const int first[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const int second[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2};
    for (int i = 0; i < 12; i++)
        if (digits[i] < '0' || digits[i] > '9') return false;
    int check = weighted(digits, first);
    if (check == 10) check = weighted(digits, second);
    return digits[12] == '\0' && check < 10 && check == digits[11] - '0';
}
