#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "policy_in.h"

bool policy_list_takes(const struct policy_list *globs, const char *text)
{
    for (size_t i = 0; i < globs->count; i++)
        if (tg_glob(globs->items[i], text)) return true;
    return globs->count == 0;
}

static bool bit_takes(uint32_t bits, unsigned value)
{
    return bits == 0 || (value < 32 && bits >> value & 1);
}

bool policy_takes(const struct policy *policy, const struct policy_facts *facts)
{
    const struct policy_match *m = &policy->match;
    if (!bit_takes(m->storage, (unsigned)facts->storage) ||
        !bit_takes(m->role, (unsigned)facts->role))
        return false;
    /* An unknown name matches no list, not even "*": in SQL its id is NULL. */
    if (m->issuer.count && (!*facts->issuer || !policy_list_takes(&m->issuer, facts->issuer)))
        return false;
    return !m->department.count ||
           (*facts->department && policy_list_takes(&m->department, facts->department));
}

int policy_match(const struct policy_set *set, const struct policy_facts *facts)
{
    for (size_t i = 0; i < set->count; i++)
        if (policy_takes(&set->items[i], facts)) return (int)i;
    return -1;
}

/* a matches b taken as a text in which * stands only for itself under a's *: then a takes all that
 * b does. */
static bool glob_covers(const char *a, const char *b)
{
    const char *star = NULL, *retry = NULL;
    while (*b) {
        if (*a == '*') {
            star = a++;
            retry = b;
        } else if (*b != '*' && *a && (*a == *b || *a == '?')) {
            a++;
            b++;
        } else if (star) {
            a = star + 1;
            b = ++retry;
        } else {
            return false;
        }
    }
    while (*a == '*')
        a++;
    return *a == '\0';
}

static bool list_covers(const struct policy_list *a, const struct policy_list *b)
{
    if (!a->count) return true;
    if (!b->count) return false;
    for (size_t i = 0; i < b->count; i++) {
        size_t k = 0;
        while (k < a->count && !glob_covers(a->items[k], b->items[i]))
            k++;
        if (k == a->count) return false;
    }
    return true;
}

static bool bits_cover(uint32_t a, uint32_t b)
{
    return a == 0 || (b != 0 && (b & ~a) == 0);
}

bool policy_covers(const struct policy_match *a, const struct policy_match *b)
{
    return bits_cover(a->storage, b->storage) && bits_cover(a->role, b->role) &&
           list_covers(&a->issuer, &b->issuer) && list_covers(&a->department, &b->department);
}

/* The national CA of Kazakhstan: the current CA, the CA of 2015, and the two test contours. Both
 * orders of the name are met in certificates. */
static const char *const national_names[] = {
    "C=KZ,CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST) 2022",
    "CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST) 2022,C=KZ",
    "CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST),C=KZ",
    "CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (RSA),C=KZ",
    "C=KZ,CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (GOST) TEST 2022",
    "CN=ҰКО 3.0 (GOST TEST),C=KZ",
    "CN=ҰКО 3.0 (RSA TEST),C=KZ",
};
static const char *const national_globs[] = {"*CN=ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ*", "*CN=ҰКО 3.0*"};

const char *policy_national_name(size_t index)
{
    return index < TG_COUNT(national_names) ? national_names[index] : NULL;
}

bool policy_is_national(const char *issuer)
{
    for (size_t i = 0; i < TG_COUNT(national_globs); i++)
        if (tg_glob(national_globs[i], issuer)) return true;
    return false;
}
